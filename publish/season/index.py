"""The season index: every event and session of a year and what is published of it; and the root index above it.

How entries are made is in ``publish.season.document``; this module reads and writes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec.structs import replace

from publish import keys
from publish.licence import LICENCE, Licence
from publish.revisions.latest import Latest, read_latest
from publish.season.document import (
    PUBLISHED,
    Event,
    IndexedSession,
    Published,
    ScheduledSession,
    Season,
    published_in,
    season_document,
)
from publish.season.facts import tell_the_same
from publish.stores.base import Conflict, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document, Part, SessionCode, Year, about, encode_document
from transforms.session_types import SESSION_TYPES

__all__ = [
    "Event",
    "ScheduledSession",
    "agrees",
    "read_season",
    "rebuild_season",
    "update_root_index",
    "update_season",
]

CONTRACT: Final = 1

Links = Mapping[str, str | dict[str, str]]


class SeasonLink(Part):
    """Where the index of one season is."""

    year: Year
    index: Annotated[str, about("Relative to the base URL")]


class TypeOfSession(Part):
    """A type of session."""

    code: SessionCode
    name: str
    is_race_like: Annotated[bool, about("Cars race each other, so that there is an order on track")]


class RootIndex(Document, tag="parcferme/index/1"):
    """Where everything begins."""

    contract: Literal[1]
    seasons: tuple[SeasonLink, ...]
    links: Annotated[dict[str, str | dict[str, str]], about("Further documents by name, relative to the base URL")]
    session_types: Annotated[tuple[TypeOfSession, ...], about("In the order of a weekend")] = ()
    licence: Licence | None = None


_SESSION_TYPES = tuple(TypeOfSession(each.code, each.name, each.is_race_like) for each in SESSION_TYPES.values())


def read_season(store: Store, year: int) -> Season | None:
    """Return a year's index, or None if there is none yet."""
    return read_document(store, keys.season(year), Season)


def read_years(store: Store) -> list[int]:
    """Return the years of which there is an index, newest first."""
    root = read_document(store, keys.INDEX, RootIndex)
    return [season.year for season in root.seasons] if root else []


def update_season(
    store: Store,
    year: int,
    events: Sequence[Event] | None,
    now: datetime,
    states: Mapping[tuple[int, str], str] | None = None,
    session_keys: Iterable[int] = (),
    *,
    touch: bool = False,
    serial: int | None = None,
) -> bool:
    """Bring a year's index up to date and say whether anything was written; the root index follows.

    ``events`` is the present schedule (None: as the index has it), ``states`` what became of sessions, by round
    number in that schedule and session code, ``session_keys`` whose ``latest.json`` has changed. What that says is
    published always wins. With ``touch`` it is written even if nothing in it has changed: whoever has read it before,
    and ``latest.json`` before that was changed, has to read both again.

    :raises Conflict: ``serial`` is given and the index has another serial number (0: there is none).
    """
    given, changed = dict(states or {}), sorted(set(session_keys))

    def change(before: Season | None) -> Season:
        if serial is not None and (before.serial if before else 0) != serial:
            raise Conflict(keys.season(year))
        # Read after the index was read: whoever makes another revision current later also writes the index later.
        fresh = {key: latest for key in changed if (latest := read_latest(store, key)) is not None}
        published = [entry for entry in published_in(before) if entry.session.session_key not in fresh]
        published += [_published(latest) for latest in fresh.values() if latest.year == year]
        return season_document(year, events, before, published, given, now)

    written = _write(store, year, change, touch=touch)
    return update_root_index(store, years=(year,)) or written


def rebuild_season(store: Store, year: int, events: Sequence[Event] | None, now: datetime) -> bool:
    """Make a year's index anew from every ``latest.json`` and say whether anything was written.

    The identity is the session key: an entry goes where its event's name and session code are in the schedule, so that
    it follows when rounds are renumbered. Failures and cancellations the present index knows of are kept.
    """

    def change(before: Season | None) -> Season:
        published = published_of_year(store, year)
        return season_document(year, events, before, published, {}, now)

    written = _write(store, year, change)
    return update_root_index(store, years=(year,)) or written


def _write(store: Store, year: int, change: Callable[[Season | None], Season], *, touch: bool = False) -> bool:
    """Write a year's index if ``change`` makes another one of it, or always with ``touch``.

    The serial number makes two writes differ, and so their ETags, also where the second one takes the first one back:
    who has read an index that was written since never succeeds in writing one.
    """

    def changed(before: Season | None) -> Season | None:
        after = change(before)
        if before is not None and not touch and encode_document(after) == encode_document(before):
            return None
        serial = after.serial + 1
        since = before.tables_since if before is not None and tell_the_same(before, after) else serial
        return replace(after, serial=serial, tables_since=since)

    return update_document(store, keys.season(year), Season, changed)


def is_indexed(store: Store, latest: Latest) -> bool:
    """Whether the season index says of a session what ``latest`` says."""
    return any(agrees(entry.session, latest) for entry in published_in(read_season(store, latest.year)))


def agrees(session: IndexedSession, latest: Latest) -> bool:
    """Whether an index says of a session what ``latest`` says."""
    said = (session.session_key, session.revision, session.manifest, session.grade, session.capabilities)
    known = (latest.session_key, latest.revision, latest.manifest_key, latest.grade, latest.capabilities)
    return said == known and session.verdict == latest.verdict


def update_root_index(store: Store, years: Iterable[int] = (), links: Links | None = None) -> bool:
    """Add seasons and links, to what is there already, to ``index.json``; says whether anything was written."""

    def change(before: RootIndex | None) -> RootIndex:
        known = {season.year for season in before.seasons} if before else set()
        seasons = (SeasonLink(year, keys.season(year)) for year in sorted(known.union(years), reverse=True))
        every = {**(before.links if before else {}), **(links or {})}
        return RootIndex(CONTRACT, tuple(seasons), dict(sorted(every.items())), _SESSION_TYPES, LICENCE)

    return update_document(store, keys.INDEX, RootIndex, change)


def published_of_year(store: Store, year: int) -> list[Published]:
    """Return every published session of a year, from every ``latest.json``."""
    return [_published(latest) for latest in all_latest(store) if latest.year == year]


def _published(latest: Latest) -> Published:
    session = IndexedSession(
        code=latest.session,
        name=latest.session,
        start_utc=None,
        state=PUBLISHED,
        session_key=latest.session_key,
        revision=latest.revision,
        manifest=latest.manifest_key,
        grade=latest.grade,
        capabilities=latest.capabilities,
        verdict=latest.verdict,
    )
    return Published(latest.event, latest.round, session)


def all_latest(store: Store) -> list[Latest]:
    """Return every ``latest.json`` there is, by session key."""
    session_keys = [int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal()]
    found = in_parallel(lambda session_key: read_latest(store, session_key), sorted(session_keys))
    return [latest for latest in found if latest is not None]
