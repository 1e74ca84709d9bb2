"""The season's own tables, which no session has: its events, and the standings after each round.

Events are made of the season index, standings of that and of the season's table of results. They follow both as the
season's other tables follow the list of files: read first, written only over what was read, said in the list at last.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from publish import keys
from publish.encode.joined import Parts, columns_digest, join, read_rows, short_hash
from publish.season.document import PUBLISHED, Season
from publish.season.files import Files, SeasonTable
from publish.season.index import read_season
from publish.season.tables import bring_up_all, write_over
from publish.stores.base import Conflict, Store
from publish.stores.patience import pause_for_others
from publish.stores.shared_documents import read_document, update_document
from transforms.columns import EVENTS, OF_ALL_SEASONS, OF_THE_SEASON, RESULTS, STANDINGS
from transforms.declare import Table
from transforms.errors import PublicationError
from transforms.standings import Round, standings_of

_ATTEMPTS = 20
#: The sessions that give points, in the order of a weekend.
_GIVE_POINTS = ("S", "R")


def made_of(season: Season, files: Files, table: str) -> str:
    """Return a hash of what one of the season's own tables is to be made of: events, or rounds and results."""
    results = next((made.made_of for made in files.season_tables if made.table == RESULTS.name), "")
    facts = _rows_of_events(season) if table == EVENTS.name else [full_rounds(season), results]
    sha256 = hashlib.sha256(repr(facts).encode()).hexdigest()
    return Parts({season.year: short_hash(sha256)}, columns_digest(OF_THE_SEASON[table]), 0).digest


def own_behind(season: Season, files: Files) -> list[str]:
    """Return those of the season's own tables that are not known to be made of what they are to be made of."""
    known = {made.table: made.made_of for made in files.season_tables}
    return [table for table in OF_THE_SEASON if known.get(table) != made_of(season, files, table)]


def follow_season(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Let the season's own tables say what its index and results say; say whether there was anything to do.

    Two requests where there is nothing to do. With ``doubting`` their files are made anew whatever the list says.

    :raises PublicationError: the store refuses, or others keep changing the season.
    """
    written: list[str] = []
    for attempt in range(_ATTEMPTS):
        files, season = read_document(store, keys.table_files(year), Files), read_season(store, year)
        if files is None or season is None:
            return bool(written)
        behind = list(OF_THE_SEASON) if doubting else own_behind(season, files)
        if not behind:
            return bool(written)
        try:
            made = [_write(store, year, OF_THE_SEASON[table], written) for table in behind]
        except Conflict:
            pause_for_others(attempt)
            continue
        return _record(store, year, made) or bool(written)
    raise PublicationError(
        f"The tables of {year} in {store.uri} were changed by others each of the {_ATTEMPTS} times this run tried to "
        "bring them up to date. See what else publishes there, then run again."
    )


def _write(store: Store, year: int, table: Table, written: list[str]) -> SeasonTable:
    """Write one of the season's own tables; Conflict if somebody else does, or the season changes meanwhile.

    Adds to ``written`` the keys of the files that had to be.
    """
    key = keys.season_table(table.name, year)
    before = store.read(key)
    all_before = store.read(keys.all_seasons_table(table.name)) if table.name in OF_ALL_SEASONS else None
    files, season = read_document(store, keys.table_files(year), Files), read_season(store, year)
    if files is None or season is None:
        raise Conflict(key)
    digest = made_of(season, files, table.name)
    # The serial makes other bytes of what is made of the same again.
    parts = Parts({year: digest}, columns_digest(table), season.serial)
    data = join(table, parts, [_MADE[table.name](store, season)])
    if before is None or before.data != data:
        write_over(store, key, data, before)
        written.append(key)
    if table.name in OF_ALL_SEASONS and bring_up_all(store, year, table, all_before, data, digest):
        written.append(keys.all_seasons_table(table.name))
    sha256 = hashlib.sha256(data).hexdigest()
    return SeasonTable(table.name, key, len(data), _count_published(season), sha256, digest)


def _record(store: Store, year: int, made: list[SeasonTable]) -> bool:
    """Let the list say what the tables are made of, where that is still what they are to be; whether that was new."""

    def change(files: Files | None) -> Files | None:
        season = read_season(store, year)
        if files is None or season is None:
            return None
        right = {one.table: one for one in made if one.made_of == made_of(season, files, one.table)}
        entries = {entry.table: entry for entry in files.season_tables} | right
        ordered = tuple(entries[table] for table in sorted(entries))
        if ordered == files.season_tables:
            return None
        return replace(files, serial=files.serial + 1, season_tables=ordered)

    return update_document(store, keys.table_files(year), Files, change)


def _count_published(season: Season) -> int:
    return sum(session.state == PUBLISHED for event in season.events for session in event.sessions)


def _rows_of_events(season: Season) -> list[dict[str, Any]]:
    rows = [
        {
            "year": season.year,
            "round": None if event.testing else event.round,
            "event": event.name,
            "country": event.country,
            "location": event.location,
            "date": event.date,
            "format": event.format,
            "is_test": event.testing,
            "first_start_utc": min((s.start_utc for s in event.sessions if s.start_utc), default=None),
            "sessions": len(event.sessions),
            "published": sum(session.state == PUBLISHED for session in event.sessions),
        }
        for event in season.events
    ]
    return sorted(rows, key=lambda row: (row["round"] is None, row["round"] or 0, row["date"] or ""))


def _events(store: Store, season: Season) -> pa.Table:
    return EVENTS.of_rows(_rows_of_events(season))


def _standings(store: Store, season: Season) -> pa.Table:
    results = store.read(keys.season_table("results", season.year))
    rounds = full_rounds(season)
    if results is None or not rounds:
        return STANDINGS.schema.empty_table()
    return standings_of(season.year, rounds, read_rows(results.data, RESULTS))


def full_rounds(season: Season) -> list[Round]:
    """Return the rounds from the first one on, up to the first that lacks a session that gives points."""
    rounds: list[Round] = []
    numbered = {event.round: event for event in season.events if not event.testing and event.round is not None}
    for number in range(1, len(numbered) + 1):
        event = numbered.get(number)
        found = {s.code: s for s in event.sessions if s.code in _GIVE_POINTS} if event else {}
        if event is None or "R" not in found:
            break
        session_keys = tuple(key for code in _GIVE_POINTS if code in found and (key := found[code].session_key))
        if len(session_keys) < len(found):
            break
        rounds.append(Round(number, event.name, session_keys[-1], session_keys))
    return rounds


_MADE: dict[str, Callable[[Store, Season], pa.Table]] = {EVENTS.name: _events, STANDINGS.name: _standings}
