"""How long sessions take, so when one that has a start ought to be over and published."""

from datetime import datetime, timedelta

from transforms.session_types import SESSION_TYPES

_LONGEST = max(known.typical_length for known in SESSION_TYPES.values())
#: How long after its first run a session is looked at again, by kind of run.
RECHECKS = {
    "recheck-1h": timedelta(hours=1),
    "recheck-24h": timedelta(hours=24),
    "recheck-7d": timedelta(days=7),
}

#: How a planned look again is called in the name of its run.
RECHECK_NAMES = {"recheck-1h": "again after 1 h", "recheck-24h": "again after 24 h", "recheck-7d": "again after 7 days"}

#: How long after its end a session is published, if all goes well.
PUBLICATION_TARGET = timedelta(hours=2)


def session_end_utc(start_utc: datetime, code: str) -> datetime:
    """Return when a session that starts at ``start_utc`` (aware) typically ends; an unknown ``code`` takes longest."""
    known = SESSION_TYPES.get(code)
    return start_utc + (known.typical_length if known is not None else _LONGEST)


def publication_due_utc(start_utc: datetime, code: str) -> datetime:
    """Return until when a session that starts at ``start_utc`` (aware) ought to be published."""
    return session_end_utc(start_utc, code) + PUBLICATION_TARGET
