"""A season's tables, one file each, and those of all seasons: they follow the list of files (``publish.season.files``).

Whoever has brought the list up to date brings them up to date too, and then lets the list say what they were made of.
So one look at the list tells whether there is anything to do, and whoever dies in between leaves it to the next one. A
file is read before the list is, and written only over what was read: whoever changes the list later also writes the
files later, and nobody writes older rows over newer ones. What the list names again after something else is not what it
named before (``changed``): somebody may have followed it in between.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from publish import keys
from publish.encode.joined import Parts, columns_digest, join, read_parts, read_rows, rows_of, short_hash
from publish.season.files import Files, SeasonTable, with_season_tables
from publish.season.index import read_years
from publish.stores.base import Conflict, Store, Stored
from publish.stores.parallel import in_parallel
from publish.stores.patience import pause_for_others
from publish.stores.shared_documents import read_document, update_document
from transforms.columns import OF_ALL_SEASONS, OF_SEASONS
from transforms.declare import Table
from transforms.errors import PublicationError

logger = logging.getLogger(__name__)

_ATTEMPTS = 20
#: More than the footer of any of these files.
_FOOTER_BYTES = 1 << 20
#: Files read at once: each is some megabytes at most.
_READERS = 4


def wanted_parts(files: Files, table: str) -> Parts:
    """Return what the season's file of ``table`` is to be made of: the sessions that have rows of it, as listed."""
    listed = (file for file in files.files if file.table == table and file.rows != 0)
    hashes = {file.session_key: short_hash(file.sha256) for file in listed}
    return Parts(hashes, columns_digest(OF_SEASONS[table]), files.changed.get(table, 0))


def tables_behind(files: Files) -> list[str]:
    """Return the tables whose files of the season are not known to be made of what ``files`` lists."""
    known = {made.table: made.made_of for made in files.season_tables}
    listed = {file.table for file in files.files}
    wanted = {table: wanted_parts(files, table) for table in OF_SEASONS if table in listed or table in known}
    # What no session has rows of any more is still there, without rows.
    return [
        table
        for table, parts in wanted.items()
        if known.get(table) != (parts.digest if parts.hashes or table in known else None)
    ]


def follow_files(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Let a season's tables be made of what its list of files names; say whether there was anything to do.

    One request where there is nothing to do. With ``doubting`` the list is not believed: every file is looked at, and
    made of the sessions' own tables if it is not what the list says.

    :raises PublicationError: the store refuses, or others keep changing the season's tables.
    """
    files = read_document(store, keys.table_files(year), Files)
    damaged = _damaged(store, files) if doubting and files is not None else set()
    lacking: set[str] = set()
    written = False
    for attempt in range(_ATTEMPTS):
        tables = sorted(damaged.union(tables_behind(files)) - lacking) if files is not None else []
        if not tables:
            return written
        try:
            made = _follow(store, year, tables, damaged)
        except Conflict:
            pause_for_others(attempt)
            files = read_document(store, keys.table_files(year), Files)
            continue
        files = _record(store, year, made)
        lacking |= {one.table for one in made if one.is_lacking}
        damaged, written = set(), True
    raise PublicationError(
        f"The tables of {year} in {store.uri} were changed by others each of the {_ATTEMPTS} times this run tried to "
        "bring them up to date. See what else publishes there, then run again."
    )


@dataclass
class _Behind:
    """One table that is to be brought up to date: its files as they were before the list was read."""

    table: Table
    season: Stored | None
    all_seasons: Stored | None = None
    is_damaged: bool = False


@dataclass(frozen=True)
class _Made:
    """What is to be said of one table of a season; ``entry`` is None where there is no such file.

    ``digest`` is that of what it was to be made of; some of that ``is_lacking`` where a session's table is lost.
    """

    table: str
    digest: str
    entry: SeasonTable | None

    @property
    def is_lacking(self) -> bool:
        return self.entry is not None and self.entry.made_of != self.digest


def _follow(store: Store, year: int, tables: list[str], damaged: set[str]) -> list[_Made]:
    """Write the files of ``tables``; Conflict if one has become another one since it was read."""

    def read(table: str) -> _Behind:
        return _Behind(
            OF_SEASONS[table],
            store.read(keys.season_table(table, year)),
            store.read(keys.all_seasons_table(table)) if table in OF_ALL_SEASONS else None,
            table in damaged,
        )

    behind = in_parallel(read, tables, workers=_READERS)
    files = read_document(store, keys.table_files(year), Files)
    if files is None:
        raise Conflict(keys.table_files(year))
    return in_parallel(lambda one: _bring_up(store, files, one), behind, workers=_READERS)


def _bring_up(store: Store, files: Files, behind: _Behind) -> _Made:
    """Write the season's file of one table, and that of all seasons."""
    name = behind.table.name
    wanted = wanted_parts(files, name)
    known = None if behind.season is None or behind.is_damaged else read_parts(behind.season.data)
    if not wanted.hashes and behind.season is None:
        return _Made(name, wanted.digest, None)
    data, parts = _season_file(store, files, behind, wanted, known)
    if parts is not known:
        write_over(store, keys.season_table(name, files.year), data, behind.season)
    if name in OF_ALL_SEASONS:
        stored = None if behind.is_damaged else behind.all_seasons
        bring_up_all(
            store, files.year, behind.table, behind.all_seasons, data, parts.digest, is_known=stored is not None
        )
    entry = SeasonTable(
        name,
        keys.season_table(name, files.year),
        len(data),
        len(parts.hashes),
        hashlib.sha256(data).hexdigest(),
        parts.digest,
    )
    return _Made(name, wanted.digest, entry)


def _season_file(
    store: Store, files: Files, behind: _Behind, wanted: Parts, known: Parts | None
) -> tuple[bytes, Parts]:
    """Return the season's file of a table and what it is made of: that of before if it is made of the same."""
    stored, rows, made_of = behind.season, list[pa.Table](), dict[int, str]()
    if stored is not None and known is not None and known.columns == wanted.columns:
        if known.digest == wanted.digest:
            return stored.data, known
        kept = {key for key, sha256 in wanted.hashes.items() if known.hashes.get(key) == sha256}
        before = _rows_in(store, keys.season_table(behind.table.name, files.year), stored, behind.table)
        if kept and before is not None:
            rows.append(rows_of(before, "session_key", kept))
            made_of = {key: wanted.hashes[key] for key in kept}
    sources = {file.session_key: file.url for file in files.files if file.table == behind.table.name}
    for session_key in sorted(wanted.hashes.keys() - made_of.keys()):
        source = sources[session_key]
        found = _rows_in(store, source, store.read(source), behind.table)
        if found is not None:
            rows.append(found)
            made_of[session_key] = wanted.hashes[session_key]
    parts = Parts(made_of, wanted.columns, wanted.since)
    if stored is not None and known is not None and known.digest == parts.digest:
        return stored.data, known
    return join(behind.table, parts, rows), parts


def _rows_in(store: Store, key: str, stored: Stored | None, table: Table) -> pa.Table | None:
    """Return the rows of a stored table; None, with a warning, where it is lost or no such table: others go on."""
    try:
        if stored is not None:
            return read_rows(stored.data, table)
        problem = "it is not there"
    except (OSError, ValueError, pa.ArrowException) as error:
        problem = str(error)
    logger.warning(
        "%s in %s is left out of the season's table: %s. Run `parcferme verify` to see what is wrong there",
        key,
        store.uri,
        problem,
    )
    return None


def bring_up_all(
    store: Store,
    year: int,
    table: Table,
    stored: Stored | None,
    season: bytes,
    digest: str,
    *,
    is_known: bool = True,
) -> bool:
    """Write the file of all seasons if it has other rows of ``year``; where there is none, with all other seasons.

    ``stored`` is what there was before the season was read, ``season`` its file, which ``digest`` says what it is made
    of. What is not ``is_known`` to be right is made anew. Says whether it was written.

    :raises Conflict: the file has become another one.
    """
    key, columns = keys.all_seasons_table(table.name), columns_digest(table)
    known = None if stored is None or not is_known else read_parts(stored.data)
    others, rows = dict[int, str](), list[pa.Table]()
    before = None
    if stored is not None and known is not None and known.columns == columns:
        if known.hashes.get(year) == digest:
            return False
        before = _rows_in(store, key, stored, table)
    if known is not None and before is not None:
        others = {other: sha256 for other, sha256 in known.hashes.items() if other != year}
        rows = [rows_of(before, "year", set(others))]
    else:
        for other in read_years(store):
            file = store.read(keys.season_table(table.name, other)) if other != year else None
            parts = None if file is None else read_parts(file.data)
            found = None if parts is None else _rows_in(store, keys.season_table(table.name, other), file, table)
            if parts is not None and found is not None:
                others[other] = parts.digest
                rows.append(found)
    rows.append(read_rows(season, table))
    write_over(store, key, join(table, Parts({**others, year: digest}, columns, 0), rows), stored)
    return True


def write_over(store: Store, key: str, data: bytes, before: Stored | None) -> None:
    """Write over what there was ``before``, or where there was nothing; Conflict if there is something else."""
    store.write(key, data, if_match=before.etag if before else None, if_none_match=before is None)


def _record(store: Store, year: int, made: Iterable[_Made]) -> Files | None:
    """Let the list say what the season's tables are made of, where that is still what it lists; return it."""
    by_table = {one.table: one for one in made}
    seen: list[Files | None] = []

    def change(files: Files | None) -> Files | None:
        if files is None:
            seen.append(None)
            return None
        wanted = {
            table: one.entry for table, one in by_table.items() if one.digest == wanted_parts(files, table).digest
        }
        after = with_season_tables(files, wanted)
        seen.append(after or files)
        return after

    update_document(store, keys.table_files(year), Files, change)
    return seen[-1]


def _damaged(store: Store, files: Files) -> set[str]:
    """Return the tables whose files are not what the list says."""

    def is_damaged(made: SeasonTable) -> bool:
        info = store.head(made.url)
        return info is None or info.sha256 != made.sha256 or not is_in_all_seasons(store, files.year, made)

    said = [made for made in files.season_tables if made.table in OF_SEASONS]
    found = in_parallel(is_damaged, said)
    return {made.table for made, wrong in zip(said, found, strict=True) if wrong}


def is_in_all_seasons(store: Store, year: int, made: SeasonTable) -> bool:
    """Whether the file of all seasons has these rows of ``year``, where there is to be one: its footer says so."""
    if made.table not in OF_ALL_SEASONS:
        return True
    key = keys.all_seasons_table(made.table)
    info = store.head(key)
    try:
        footer = info and store.read_range(key, max(0, info.bytes - _FOOTER_BYTES), info.bytes - 1, info.etag)
    except Conflict:
        return False
    parts = read_parts(footer) if footer else None
    return parts is not None and parts.hashes.get(year) == made.made_of
