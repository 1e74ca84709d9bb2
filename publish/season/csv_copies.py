"""The small tables once more as CSV, under names that stay: each session's, a season's, those of all seasons.

They follow the list of files, which says of each table which bytes its CSV has; where it says nothing somebody has to
write it. As with the season's tables a CSV is looked at before the list is read, and written only over what was seen.
What is made of a table that is replaced in place, a season's or that of all seasons, says in its gzip header which
bytes of it: no two of them are alike.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from msgspec.structs import replace

from publish import keys
from publish.encode.csv import STAMP_BYTES, csv_of, stamp_of
from publish.encode.joined import read_parts
from publish.season.files import Files, SeasonTable, TableFile
from publish.stores.base import Conflict, Store
from publish.stores.parallel import in_parallel
from publish.stores.patience import pause_for_others
from publish.stores.shared_documents import read_document, update_document
from transforms.columns import ALL_SEASONS_AS_CSV, OF_SEASONS, SEASONS_AS_CSV
from transforms.errors import PublicationError

logger = logging.getLogger(__name__)

_ATTEMPTS = 20

Tabled = TableFile | SeasonTable


def csv_key(year: int, file: Tabled) -> str:
    """Return where the CSV of a listed table is."""
    if isinstance(file, SeasonTable):
        return keys.season_csv(file.table, year)
    return keys.csv_copy(file.table, year, file.session_key)


def with_csv(files: Files) -> list[Tabled]:
    """Return the listed tables that are to have a CSV: every small one, and those of the season that are not long."""
    small = [file for file in files.files if file.table in OF_SEASONS]
    return [*small, *(made for made in files.season_tables if made.table in SEASONS_AS_CSV)]


def without_csv(files: Files) -> list[Tabled]:
    """Return the tables that are to have a CSV and are not known to have it."""
    return [file for file in with_csv(files) if file.csv_sha256 is None]


def follow_with_csv(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Let every small table that a season's list names have its CSV; say whether there was anything to do.

    One request where there is nothing to do. With ``doubting`` the list is not believed: every CSV is looked at, and
    what is of nothing that is listed goes.

    :raises PublicationError: the store refuses, or others keep changing the season's tables.
    """
    written = False
    lost: set[Tabled] = set()
    if doubting:
        _forget_damaged(store, year)
        _remove_foreign(store, year)
    for attempt in range(_ATTEMPTS):
        files = read_document(store, keys.table_files(year), Files)
        wanted = [file for file in without_csv(files) if file not in lost] if files else []
        if not wanted:
            return written
        seen = in_parallel(partial(_look, store, year), wanted)
        # Read after the CSV were looked at: whoever lists something else later also writes it later.
        files = read_document(store, keys.table_files(year), Files)
        listed = set(without_csv(files)) if files else set()
        present = [one for one in seen if one.file in listed]
        stamps = files.changed if files else {}
        made = in_parallel(partial(_write, store, year, stamps), present)
        lost |= {one.file for one, sha256 in zip(present, made, strict=True) if sha256 == ""}
        done = {one.file: sha256 for one, sha256 in zip(present, made, strict=True) if sha256}
        _record(store, year, done, stamps)
        written |= bool(done)
        if None in made:
            pause_for_others(attempt)
    raise PublicationError(
        f"The tables of {year} as CSV in {store.uri} were changed by others each of the {_ATTEMPTS} times this run "
        "tried to bring them up to date. See what else publishes there, then run again."
    )


@dataclass(frozen=True)
class _Seen:
    """A listed table, and the ETags of its CSV and of that of all seasons as they were before the list was read."""

    file: Tabled
    etag: str | None
    all_seasons_etag: str | None


def _look(store: Store, year: int, file: Tabled) -> _Seen:
    name = _all_seasons_csv(file)
    return _Seen(file, _etag(store, csv_key(year, file)), None if name is None else _etag(store, name))


def _all_seasons_csv(file: Tabled) -> str | None:
    """Return where the CSV is that has all seasons' rows of a season's table; None if there is to be none."""
    is_of_all = isinstance(file, SeasonTable) and file.table in ALL_SEASONS_AS_CSV
    return keys.all_seasons_csv(file.table) if is_of_all else None


def _etag(store: Store, key: str) -> str | None:
    info = store.head(key)
    return None if info is None else info.etag


def _write(store: Store, year: int, stamps: Mapping[str, int], seen: _Seen) -> str | None:
    """Write the CSV of one table and return its SHA-256; None if somebody else was faster, '' if there is none to make.

    ``stamps`` says when each table was listed last.
    """
    file = seen.file
    try:
        if isinstance(file, SeasonTable):
            data = _season_csv(store, year, file, seen)
        elif stored := store.read(file.url):
            data = csv_of(stored.data, stamps.get(file.table, 0))
        else:
            raise FileNotFoundError("it is not there")
        if data is None:
            return ""
        _write_over(store, csv_key(year, file), data, seen.etag)
    except Conflict:
        return None
    except (OSError, ValueError, pa.ArrowException) as error:
        logger.warning("%s in %s has no CSV: %s. Publish its session again with --force", file.url, store.uri, error)
        return ""
    return hashlib.sha256(data).hexdigest()


def _season_csv(store: Store, year: int, made: SeasonTable, seen: _Seen) -> bytes | None:
    """Return a season's table as CSV, once that of all seasons is written, where there is to be one.

    None where a file is not what is listed: whoever has written it lets the list say so, and then comes here.
    """
    stored = store.read(made.url)
    if stored is None or hashlib.sha256(stored.data).hexdigest() != made.sha256:
        return None
    name = _all_seasons_csv(made)
    if name is not None:
        every = store.read(keys.all_seasons_table(made.table))
        parts = None if every is None else read_parts(every.data)
        if every is None or parts is None or parts.hashes.get(year) != made.made_of:
            return None
        stamp = _stamp(hashlib.sha256(every.data).hexdigest())
        _write_over(store, name, csv_of(every.data, stamp), seen.all_seasons_etag)
    return csv_of(stored.data, _stamp(made.sha256))


def _stamp(sha256: str) -> int:
    """Return what a CSV says in its header of the Parquet file it is made of: 32 bits of its hash."""
    return int(sha256[:8], 16)


def _write_over(store: Store, key: str, data: bytes, etag: str | None) -> None:
    store.write(key, data, if_match=etag, if_none_match=etag is None)


def _record(store: Store, year: int, done: Mapping[Tabled, str], stamps: Mapping[str, int]) -> None:
    """Let the list say which CSV there are, of what it still names as it did."""

    def change(files: Files | None) -> Files | None:
        if files is None:
            return None
        current = {table for table in OF_SEASONS if files.changed.get(table, 0) == stamps.get(table, 0)}
        said = {file: sha256 for file, sha256 in done.items() if isinstance(file, SeasonTable) or file.table in current}
        return _with_hashes(files, said)

    update_document(store, keys.table_files(year), Files, change)


def _with_hashes(files: Files, said: Mapping[Tabled, str | None]) -> Files | None:
    """Return the list with the hashes of CSV ``said`` of tables; None if it says that already."""
    tables = tuple(replace(file, csv_sha256=said[file]) if file in said else file for file in files.files)
    season = tuple(replace(made, csv_sha256=said[made]) if made in said else made for made in files.season_tables)
    if (tables, season) == (files.files, files.season_tables):
        return None
    return replace(files, serial=files.serial + 1, files=tables, season_tables=season)


def _forget_damaged(store: Store, year: int) -> None:
    """Let the list say nothing of those CSV that are not what it says."""
    files = read_document(store, keys.table_files(year), Files)
    said = [file for file in with_csv(files) if file.csv_sha256] if files else []
    problems = in_parallel(partial(csv_problem, store, year), said)
    wrong = {file: None for file, problem in zip(said, problems, strict=True) if problem}

    def change(files: Files | None) -> Files | None:
        return None if files is None else _with_hashes(files, wrong)

    if wrong:
        update_document(store, keys.table_files(year), Files, change)


def csv_problem(store: Store, year: int, file: Tabled) -> str | None:
    """Return what is wrong with the CSV of a listed table, or with that of all seasons; None if all is well."""
    info = store.head(csv_key(year, file))
    if info is None or info.sha256 != file.csv_sha256:
        return f"it is not what {keys.table_files(year)} says"
    name = _all_seasons_csv(file)
    if name is not None and not _is_of_what_is_there(store, keys.all_seasons_table(file.table), name):
        return f"{name} is not made of {keys.all_seasons_table(file.table)}"
    return None


def _is_of_what_is_there(store: Store, table: str, csv: str) -> bool:
    """Whether the CSV of all seasons says in its header that it is made of the Parquet file that is there."""
    source, info = store.head(table), store.head(csv)
    if source is None or source.sha256 is None or info is None or info.bytes < STAMP_BYTES:
        return False
    try:
        begin = store.read_range(csv, 0, STAMP_BYTES - 1, info.etag)
    except Conflict:
        return False
    return stamp_of(begin) == _stamp(source.sha256)


def _remove_foreign(store: Store, year: int) -> None:
    """Remove the CSV of ``year`` of what is not listed."""
    in_parallel(store.delete, csv_of_nothing(store, read_document(store, keys.table_files(year), Files), year))


def csv_of_nothing(store: Store, files: Files | None, year: int) -> Sequence[str]:
    """Return every CSV of ``year``, or of all seasons, that is of nothing that the year's list names."""
    known = {csv_key(year, file) for file in with_csv(files)} if files else set()
    known |= set(map(keys.all_seasons_csv, ALL_SEASONS_AS_CSV))
    there = [row.key for row in store.list(keys.CSV_COPIES)]
    return [key for key in there if key not in known and keys.year_of_csv(key) in (None, year)]
