"""The season index: every event and session of a year and what is published of it; and the root index above it.

How entries are made is in ``publish.season.document``; this module reads and writes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from publish import keys
from publish.revisions.latest import Latest, read_latest
from publish.season.document import (
    PUBLISHED,
    Event,
    Published,
    ScheduledSession,
    SessionState,
    published_in,
    season_document,
)
from publish.stores.base import Conflict, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import Document, encode_document, read_document, update_document

__all__ = [
    "Event",
    "ScheduledSession",
    "SessionState",
    "read_season",
    "rebuild_season",
    "update_root_index",
    "update_season",
]

ROOT_SCHEMA = "parcferme/index/1"
CONTRACT = 1

Changes = Mapping[tuple[int, str], SessionState]


def read_season(store: Store, year: int) -> Document | None:
    """Return a year's index, or None if there is none yet."""
    return read_document(store, keys.season(year))


def update_season(
    store: Store,
    year: int,
    events: Sequence[Event] | None,
    now: datetime,
    changes: Changes | None = None,
    *,
    published: Collection[int] = (),
    touch: bool = False,
    serial: int | None = None,
) -> bool:
    """Bring a year's index up to date and say whether anything was written; the root index follows.

    ``events`` is the present schedule (None: as the index has it), ``changes`` what happened to sessions, by round
    number in that schedule and session code; ``published`` are session keys whose ``latest.json`` is read again. What
    that says is published always wins. With ``touch`` it is written even if nothing in it has changed: whoever
    has read it before, and ``latest.json`` before that was changed, has to read both again.

    :raises Conflict: ``serial`` is given and the index has another serial number (0: there is none).
    """
    session_keys = sorted({*published, *_named_by(changes or {})})

    def change(before: Document | None) -> Document:
        if serial is not None and serial_of(before) != serial:
            raise Conflict(keys.season(year))
        # Read after the index was read: whoever makes another revision current later also writes the index later.
        fresh = {key: latest for key in session_keys if (latest := read_latest(store, key)) is not None}
        known = [entry for entry in published_in(before) if entry.state.session_key not in fresh]
        known += [_published(latest) for latest in fresh.values() if latest.year == year]
        return season_document(year, events, before, known, changes or {}, now)

    written = _write(store, year, change, touch=touch)
    return update_root_index(store, years=(year,)) or written


def serial_of(document: Document | None) -> int:
    """Return how many times an index has been written; 0 if there is none."""
    return 0 if document is None else int(document.get("serial", 0))


def rebuild_season(store: Store, year: int, events: Sequence[Event] | None, now: datetime) -> bool:
    """Make a year's index anew from every ``latest.json`` and say whether anything was written.

    The identity is the session key: an entry goes where its event's name and session code are in the schedule, so that
    it follows when rounds are renumbered. Failures and cancellations the present index knows of are kept.
    """

    def change(before: Document | None) -> Document:
        published = published_of_year(store, year)
        return season_document(year, events, before, published, {}, now)

    written = _write(store, year, change)
    return update_root_index(store, years=(year,)) or written


def _named_by(changes: Changes) -> set[int]:
    return {state.session_key for state in changes.values() if state.session_key is not None}


def _write(store: Store, year: int, change: Callable[[Document | None], Document], *, touch: bool = False) -> bool:
    """Write a year's index if ``change`` makes another one of it, or always with ``touch``.

    The serial number makes two writes differ, and so their ETags, also where the second one takes the first one back:
    who has read an index that was written since never succeeds in writing one.
    """

    def changed(before: Document | None) -> Document | None:
        after = change(before)
        if before is not None and not touch and encode_document(after) == encode_document(before):
            return None
        return {**after, "serial": after["serial"] + 1}

    return update_document(store, keys.season(year), changed)


def is_indexed(store: Store, latest: Latest) -> bool:
    """Whether the season index says of a session what ``latest`` says."""
    published = published_in(read_season(store, latest.year))
    return any(entry.state == _published(latest).state for entry in published)


def update_root_index(store: Store, years: Sequence[int] = (), links: Mapping[str, object] | None = None) -> bool:
    """Add seasons and links, to what is there already, to ``index.json``; says whether anything was written."""

    def change(before: Document | None) -> Document:
        present = before or {}
        known = {int(season["year"]) for season in present.get("seasons", ())}
        return {
            "schema": ROOT_SCHEMA,
            "contract": CONTRACT,
            "seasons": [
                {"year": year, "index": keys.season(year)} for year in sorted(known.union(years), reverse=True)
            ],
            "links": dict(sorted({**present.get("links", {}), **(links or {})}.items())),
        }

    return update_document(store, keys.INDEX, change)


def published_of_year(store: Store, year: int) -> list[Published]:
    """Return every published session of a year, from every ``latest.json``."""
    return [_published(latest) for latest in all_latest(store) if latest.year == year]


def _published(latest: Latest) -> Published:
    state = SessionState(
        PUBLISHED,
        session_key=latest.session_key,
        revision=latest.revision,
        manifest=latest.manifest_key,
        grade=latest.summary.grade,
        capabilities=latest.summary.capabilities,
    )
    return Published(latest.event, latest.round, latest.session, state)


def all_latest(store: Store) -> list[Latest]:
    """Return every ``latest.json`` there is, by session key."""
    session_keys = [int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal()]
    found = in_parallel(lambda session_key: read_latest(store, session_key), sorted(session_keys))
    return [latest for latest in found if latest is not None]
