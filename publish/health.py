"""``v1/health.json``: is what is published well, as far as the documents themselves tell.

The document carries its own age limit: one that is past ``valid_until`` is itself a sign that nobody looks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from publish import keys
from publish.season import read_season, update_root_index
from publish.season_document import AWAITING_DATA, FAILED
from publish.shared_documents import Document, parse_utc, read_document, update_document, utc_text
from publish.store import Store

SCHEMA = "parcferme/health/1"
HEALTHY, DEGRADED, FAILING = "healthy", "degraded", "failing"
#: How long a verdict holds; it is renewed by runs after half of that, and whenever it changes.
VALIDITY = timedelta(days=1)
_NAMED = 5


def health_document(seasons: Iterable[Document], now: datetime) -> Document:
    """Return the health document for season documents: failed or awaited sessions degrade it."""
    failed: list[str] = []
    awaited: list[str] = []
    for season in seasons:
        for event in season["events"]:
            for session in event["sessions"]:
                name = f"{season['year']} {event['name']} {session['code']}"
                {FAILED: failed, AWAITING_DATA: awaited}.get(session["state"], []).append(name)
    checks = [
        {"name": "destination", "state": HEALTHY, "message": "It could be read and written."},
        _check("failed_sessions", failed, "Run them again; their status documents say what happened."),
        _check("awaited_sessions", awaited, "Their data is not out yet; run them again later."),
    ]
    worst = DEGRADED if any(check["state"] == DEGRADED for check in checks) else HEALTHY
    return {
        "schema": SCHEMA,
        "state": worst,
        "checked_at": utc_text(now),
        "valid_until": utc_text(now + VALIDITY),
        "checks": checks,
    }


def _check(name: str, sessions: list[str], advice: str) -> Document:
    if not sessions:
        return {"name": name, "state": HEALTHY, "message": "None."}
    more = f" and {len(sessions) - _NAMED} more" if len(sessions) > _NAMED else ""
    return {"name": name, "state": DEGRADED, "message": f"{', '.join(sessions[:_NAMED])}{more}. {advice}"}


def write_health(store: Store, now: datetime) -> bool:
    """Judge every published season and write the document, if it says something new or is half its age limit old.

    :raises PublicationError: the destination refuses.
    """
    index = read_document(store, keys.INDEX) or {"seasons": []}
    seasons = [document for entry in index["seasons"] if (document := read_season(store, entry["year"])) is not None]
    fresh = health_document(seasons, now)

    def change(before: Document | None) -> Document:
        return before if before is not None and _still_says(before, fresh, now) else fresh

    written = update_document(store, keys.HEALTH, change)
    update_root_index(store, links={"health": keys.HEALTH})
    return written


def _still_says(before: Document, fresh: Document, now: datetime) -> bool:
    same = (before.get("state"), before.get("checks")) == (fresh["state"], fresh["checks"])
    return same and parse_utc(before["valid_until"]) > now + VALIDITY / 2
