"""How long sessions take, so when one that has a start ought to be over and published."""

from datetime import datetime, timedelta

#: How long after its first run a session is looked at again, by kind of run.
RECHECKS = {
    "recheck-1h": timedelta(hours=1),
    "recheck-24h": timedelta(hours=24),
    "recheck-7d": timedelta(days=7),
}

#: What a session typically takes, by FastF1's identifier. A race may take two hours of running within three.
TYPICAL_LENGTH = {
    "R": timedelta(hours=2),
    "S": timedelta(hours=1),
    "Q": timedelta(hours=1),
    "SQ": timedelta(minutes=45),
    "FP1": timedelta(hours=1),
    "FP2": timedelta(hours=1),
    "FP3": timedelta(hours=1),
}
_LONGEST = max(TYPICAL_LENGTH.values())

#: How long after its end a session is published, if all goes well.
PUBLICATION_TARGET = timedelta(hours=2)


def session_end_utc(start_utc: datetime, code: str) -> datetime:
    """Return when a session that starts at ``start_utc`` (aware) typically ends; an unknown ``code`` takes longest."""
    return start_utc + TYPICAL_LENGTH.get(code, _LONGEST)


def publication_due_utc(start_utc: datetime, code: str) -> datetime:
    """Return until when a session that starts at ``start_utc`` (aware) ought to be published."""
    return session_end_utc(start_utc, code) + PUBLICATION_TARGET
