"""The season's own tables, which no session has: its events, and the standings after each round.

Events are made of the season index, standings of that, of the season's table of results and of what the results service
says of them. They follow all of it as the season's other tables follow the list of files: read first, written only over
what was read, said in the list at last.
"""

import hashlib

from publish import keys
from publish.encode.joined import Parts, columns_digest, join, short_hash
from publish.season.document import Season
from publish.season.facts import count_published, full_rounds, rows_of_events
from publish.season.files import Files, SeasonTable, with_season_tables
from publish.season.index import read_season
from publish.season.standings import (
    OfficialStandings,
    official_digest,
    read_official,
    read_results,
    season_standings,
)
from publish.season.tables import bring_up_all, write_over
from publish.stores.base import Conflict, Store
from publish.stores.patience import pause_for_others
from publish.stores.shared_documents import read_document, update_document
from transforms.columns import EVENTS, OF_ALL_SEASONS, OF_THE_SEASON, RESULTS, STANDINGS
from transforms.declare import Table
from transforms.errors import PublicationError

_ATTEMPTS = 20


def made_of(season: Season, files: Files, official: OfficialStandings | None, table: str) -> str:
    """Return a hash of what one of the season's own tables is to be made of: events, or all that makes standings."""
    results = next((made.made_of for made in files.season_tables if made.table == RESULTS.name), "")
    return _digest(season, table, results, official)


def _digest(season: Season, table: str, results: str, official: OfficialStandings | None) -> str:
    standings = [full_rounds(season), results, official_digest(official)]
    facts = rows_of_events(season) if table == EVENTS.name else standings
    sha256 = hashlib.sha256(repr(facts).encode()).hexdigest()
    return Parts({season.year: short_hash(sha256)}, columns_digest(OF_THE_SEASON[table]), season.tables_since).digest


def own_behind(season: Season, files: Files, official: OfficialStandings | None) -> list[str]:
    """Return those of the season's own tables that are not known to be made of what they are to be made of."""
    known = {made.table: made.made_of for made in files.season_tables}
    return [table for table in OF_THE_SEASON if known.get(table) != made_of(season, files, official, table)]


def follow_season(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Let the season's own tables say what index, results and official standings say; whether there was anything to do.

    Three requests where there is nothing to do. With ``doubting`` their files are made anew whatever the list says.

    :raises PublicationError: the store refuses, or others keep changing the season.
    """
    written: list[str] = []
    for attempt in range(_ATTEMPTS):
        files, season = read_document(store, keys.table_files(year), Files), read_season(store, year)
        if files is None or season is None:
            return bool(written)
        behind = list(OF_THE_SEASON) if doubting else own_behind(season, files, read_official(store, year))
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
    if table.name == STANDINGS.name:
        # Of what is there: the list may not say it yet. Then nothing is recorded; whoever lets it say so comes here.
        (results_made_of, results), official = read_results(store, year), read_official(store, year)
        digest = _digest(season, table.name, results_made_of, official)
        rows = season_standings(season, results, official)
    else:
        digest, rows = _digest(season, table.name, "", None), EVENTS.of_rows(rows_of_events(season))
    # Files of one digest have the same bytes, whoever makes them.
    data = join(table, Parts({year: digest}, columns_digest(table), season.tables_since), [rows])
    if before is None or before.data != data:
        write_over(store, key, data, before)
        written.append(key)
    if table.name in OF_ALL_SEASONS and bring_up_all(store, year, table, all_before, data, digest):
        written.append(keys.all_seasons_table(table.name))
    sha256 = hashlib.sha256(data).hexdigest()
    return SeasonTable(table.name, key, len(data), count_published(season), sha256, digest)


def _record(store: Store, year: int, made: list[SeasonTable]) -> bool:
    """Let the list say what the tables are made of, where that is still what they are to be; whether that was new."""

    def change(files: Files | None) -> Files | None:
        season, official = read_season(store, year), read_official(store, year)
        if files is None or season is None:
            return None
        right = {one.table: one for one in made if one.made_of == made_of(season, files, official, one.table)}
        return with_season_tables(files, right)

    return update_document(store, keys.table_files(year), Files, change)
