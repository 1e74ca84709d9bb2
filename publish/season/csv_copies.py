"""The small tables of each session once more as CSV, under names that stay: they follow the list of files.

The list says of each table which bytes its CSV has; where it says nothing somebody has to write it. As with the
season's tables a CSV is looked at before the list is read, and written only over what was seen.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa
from msgspec.structs import replace

from publish import keys
from publish.encode.csv import csv_of
from publish.season.files import Files, TableFile
from publish.stores.base import Conflict, Store
from publish.stores.parallel import in_parallel
from publish.stores.patience import pause_for_others
from publish.stores.shared_documents import read_document, update_document
from transforms.columns import OF_SEASONS
from transforms.errors import PublicationError

logger = logging.getLogger(__name__)

_ATTEMPTS = 20


def csv_key(year: int, file: TableFile) -> str:
    """Return where the CSV of a session's table is."""
    return keys.csv_copy(file.table, year, file.session_key)


def without_csv(files: Files) -> list[TableFile]:
    """Return the tables that are to have a CSV and are not known to have it."""
    return [file for file in files.files if file.csv_sha256 is None and file.table in OF_SEASONS]


def follow_with_csv(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Let every small table that a season's list names have its CSV; say whether there was anything to do.

    One request where there is nothing to do. With ``doubting`` the list is not believed: every CSV is looked at, and
    what is of nothing that is listed goes.

    :raises PublicationError: the store refuses, or others keep changing the season's tables.
    """
    written = False
    lost: set[str] = set()
    if doubting:
        _forget_damaged(store, year)
        _remove_foreign(store, year)
    for attempt in range(_ATTEMPTS):
        files = read_document(store, keys.table_files(year), Files)
        wanted = [file for file in without_csv(files) if file.url not in lost] if files else []
        if not wanted:
            return written
        etags = in_parallel(lambda file: _etag(store, csv_key(year, file)), wanted)
        # Read after the CSV were looked at: whoever lists something else later also writes it later.
        files = read_document(store, keys.table_files(year), Files)
        listed = set(without_csv(files)) if files else set()
        pairs = [(file, etag) for file, etag in zip(wanted, etags, strict=True) if file in listed]
        stamps = files.changed if files else {}
        made = in_parallel(partial(_write, store, year, stamps), pairs)
        lost |= {file.url for (file, _), sha256 in zip(pairs, made, strict=True) if sha256 == ""}
        done = {file: sha256 for (file, _), sha256 in zip(pairs, made, strict=True) if sha256}
        _record(store, year, done, stamps)
        written |= bool(done)
        if None in made:
            pause_for_others(attempt)
    raise PublicationError(
        f"The tables of {year} as CSV in {store.uri} were changed by others each of the {_ATTEMPTS} times this run "
        "tried to bring them up to date. See what else publishes there, then run again."
    )


def _etag(store: Store, key: str) -> str | None:
    info = store.head(key)
    return None if info is None else info.etag


def _write(store: Store, year: int, stamps: Mapping[str, int], seen: tuple[TableFile, str | None]) -> str | None:
    """Write one CSV and return its SHA-256; None if somebody else was faster, '' if its table is lost.

    ``seen`` is the table and the ETag of its CSV as that was looked at, ``stamps`` when each table was listed last.
    """
    file, etag = seen
    stored = store.read(file.url)
    try:
        if stored is None:
            raise FileNotFoundError("it is not there")
        data = csv_of(stored.data, stamps.get(file.table, 0))
    except (OSError, ValueError, pa.ArrowException) as error:
        logger.warning("%s in %s has no CSV: %s. Publish its session again with --force", file.url, store.uri, error)
        return ""
    try:
        store.write(csv_key(year, file), data, if_match=etag, if_none_match=etag is None)
    except Conflict:
        return None
    return hashlib.sha256(data).hexdigest()


def _record(store: Store, year: int, done: dict[TableFile, str], stamps: Mapping[str, int]) -> None:
    """Let the list say which CSV there are, of what it still names as it did."""

    def change(files: Files | None) -> Files | None:
        if files is None:
            return None
        current = {table for table in OF_SEASONS if files.changed.get(table, 0) == stamps.get(table, 0)}
        said = tuple(
            replace(file, csv_sha256=done[file]) if file in done and file.table in current else file
            for file in files.files
        )
        return None if said == files.files else replace(files, serial=files.serial + 1, files=said)

    update_document(store, keys.table_files(year), Files, change)


def _forget_damaged(store: Store, year: int) -> None:
    """Let the list say nothing of those CSV that are not what it says."""
    files = read_document(store, keys.table_files(year), Files)
    said = [file for file in files.files if file.csv_sha256] if files else []
    infos = in_parallel(lambda file: store.head(csv_key(year, file)), said)
    wrong = {file for file, info in zip(said, infos, strict=True) if info is None or info.sha256 != file.csv_sha256}

    def change(files: Files | None) -> Files | None:
        if files is None or not wrong:
            return None
        kept = tuple(replace(file, csv_sha256=None) if file in wrong else file for file in files.files)
        return None if kept == files.files else replace(files, serial=files.serial + 1, files=kept)

    update_document(store, keys.table_files(year), Files, change)


def _remove_foreign(store: Store, year: int) -> None:
    """Remove the CSV of ``year`` of what is not listed."""
    files = read_document(store, keys.table_files(year), Files)
    known = {csv_key(year, file) for file in files.files} if files else set()
    in_parallel(store.delete, csv_of_nothing(store, known, year))


def csv_of_nothing(store: Store, known: set[str], year: int | None = None) -> Sequence[str]:
    """Return every CSV, of ``year`` or of all, that is none of ``known``."""
    part = "/" if year is None else f"/{year:d}/"
    return [row.key for row in store.list(keys.CSV_COPIES) if row.key not in known and part in row.key]
