"""Whether what follows the sessions of a season is what is current: list of files, tables, CSV, circuits, catalog."""

from collections.abc import Iterable
from functools import partial

from publish import keys
from publish.contract.findings import HEAL, Tally, header_problem, read_into, read_latest_or_none, settle
from publish.encode.manifest import Manifest
from publish.season.catalog import Catalog, catalog_problem
from publish.season.circuits import Circuits, circuits_of, link_of, shown_sessions
from publish.season.csv_copies import Tabled, csv_key, csv_of_nothing, csv_problem, with_csv, without_csv
from publish.season.document import Season
from publish.season.files import Files, SeasonTable, TableFile, as_listed, table_files
from publish.season.index import RootIndex, read_season
from publish.season.own_tables import own_behind
from publish.season.standings import OfficialStandings
from publish.season.tables import is_in_all_seasons, tables_behind
from publish.stores.base import Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document
from transforms.errors import PublicationError


def check_files(store: Store, tallies: list[Tally], around: Tally) -> None:
    """Hold the list of each season's table files against what is current."""
    current: dict[int, dict[int, tuple[TableFile, ...]]] = {}
    for tally in tallies:
        if tally.latest:
            current.setdefault(tally.latest.year, {})[tally.latest.session_key] = tally.tables
    for year, sessions in sorted(current.items()):
        settle(partial(_check_list, store, year, sessions), around)


def _check_list(store: Store, year: int, sessions: dict[int, tuple[TableFile, ...]], tally: Tally) -> None:
    key = keys.table_files(year)
    document = read_into(store, key, Files, tally)
    listed: dict[int, list[TableFile]] = {}
    for file in document.files if document else ():
        listed.setdefault(file.session_key, []).append(file)
    for session_key in sorted(listed.keys() | sessions.keys()) if document else ():
        if tuple(map(as_listed, listed.get(session_key, ()))) != sessions.get(session_key, ()):
            # It may have been published anew since it was looked at.
            sessions[session_key] = _current_tables(store, session_key)
            tally.add(key, f"it does not list the tables of session {session_key} that are current. {HEAL}")


def check_season_tables(store: Store, years: Iterable[int], around: Tally) -> None:
    """Hold the tables of each season, and those of all seasons, against the list of files they are made of."""
    for year in years:
        settle(partial(_check_tables, store, year), around)


def _check_tables(store: Store, year: int, tally: Tally) -> None:
    key = keys.table_files(year)
    files = read_into(store, key, Files, Tally())
    for table in tables_behind(files) if files else ():
        tally.add(key, f"the season's table {table} is not made of what it lists. {HEAL}")
    season = read_into(store, keys.season(year), Season, Tally())
    official_key = keys.official_standings(year)
    official = read_into(store, official_key, OfficialStandings, tally) if store.head(official_key) else None
    for table in own_behind(season, files, official) if files and season else ():
        tally.add(key, f"the season's table {table} is not made of index, results and standings. {HEAL}")
    made = files.season_tables if files else ()
    problems = in_parallel(partial(_season_problem, store, year), made)
    for one, problem in zip(made, problems, strict=True):
        tally.objects += 1
        tally.bytes += one.bytes
        tally.add(one.url, problem)
    _check_csv(store, year, files, tally)


def check_circuits(store: Store, years: Iterable[int], around: Tally, *, deep: bool) -> None:
    """Hold each season's circuits against its index, with ``deep`` also against the outlines they are made of."""
    for year in years:
        settle(partial(_check_outlines, store, year, deep), around)


def _check_outlines(store: Store, year: int, deep: bool, tally: Tally) -> None:
    key = keys.circuits(year)
    if not shown_sessions(read_season(store, year)) and store.head(key) is None:
        return
    found = read_into(store, key, Circuits, tally)
    if found is not None and found.circuits != circuits_of(store, year, None if deep else found):
        tally.add(key, f"it does not have the circuits of the season's index. {HEAL}")
    root = read_document(store, keys.INDEX, RootIndex)
    if root is not None and not link_of(year).items() <= root.links.items():
        tally.add(keys.INDEX, f"it does not link {key}. {HEAL}")


def check_catalog(store: Store, tally: Tally) -> None:
    """Hold the catalog for DuckDB, where there is one, against the season's tables."""
    catalog = read_into(store, keys.CATALOG, Catalog, tally) if store.head(keys.CATALOG) else None
    problem = None if catalog is None else catalog_problem(store, catalog)
    tally.add(keys.CATALOG, problem and f"{problem}. {HEAL}")


def _check_csv(store: Store, year: int, files: Files | None, tally: Tally) -> None:
    """Hold every small table as CSV against the list of files."""
    for file in without_csv(files) if files else ():
        tally.add(csv_key(year, file), f"{keys.table_files(year)} does not say that it is there. {HEAL}")
    made = [file for file in with_csv(files) if file.csv_sha256] if files else []

    def check(file: Tabled) -> tuple[int, str | None]:
        problem = csv_problem(store, year, file)
        if problem:
            return 0, f"{problem}. {HEAL}"
        info = store.head(csv_key(year, file))
        return info.bytes if info else 0, header_problem(store, csv_key(year, file), file.csv_sha256 or "")

    for file, (size, problem) in zip(made, in_parallel(check, made), strict=True):
        tally.objects += 1
        tally.bytes += size
        tally.add(csv_key(year, file), problem)
    for key in csv_of_nothing(store, files, year):
        tally.add(key, f"it is of no table that is listed. {HEAL}")


def _season_problem(store: Store, year: int, made: SeasonTable) -> str | None:
    info = store.head(made.url)
    if info is None:
        return f"{keys.table_files(year)} lists it, and it is not there. {HEAL}"
    if info.sha256 != made.sha256:
        return f"its SHA-256 is {info.sha256}, {keys.table_files(year)} says {made.sha256}. {HEAL}"
    if not is_in_all_seasons(store, year, made):
        return f"{keys.all_seasons_table(made.table)} does not have its rows. {HEAL}"
    return header_problem(store, made.url, made.sha256)


def _current_tables(store: Store, session_key: int) -> tuple[TableFile, ...]:
    latest = read_latest_or_none(store, session_key)
    try:
        manifest = None if latest is None else read_document(store, latest.manifest_key, Manifest)
    except PublicationError:
        return ()
    return () if latest is None or manifest is None else table_files(latest, manifest)
