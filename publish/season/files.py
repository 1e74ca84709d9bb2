"""The list of table files of a season, for tools that cannot list over HTTPS: ``v1/files/<year>.json``.

It names the files of the current revisions, which never change. Whoever finishes a publication brings it up to date,
and whoever finds a session up to date repairs what a killed publisher has left undone.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeVar

from msgspec import UNSET, field
from msgspec.structs import replace

from publish import keys
from publish.encode.manifest import Manifest
from publish.revisions.latest import Latest, read_latest
from publish.season.index import update_root_index
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Count, Document, Name, Part, Revision, SessionCode, Sha256, Year, about

_TABLES = ("parquet/", ".parquet")


class TableFile(Part):
    """One table of the current revision of a session."""

    table: Name
    session_key: int
    round: Annotated[Count | None, about("Null once another event took the number")]
    event: str
    session: SessionCode
    revision: Revision
    url: Annotated[str, about("Relative to the base URL; what is there never changes")]
    bytes: Count
    rows: Count | None
    sha256: Sha256
    csv_sha256: Annotated[
        Sha256 | None, about("Of the table as CSV, v1/csv/<table>/<year>/<key>.csv.gz, once it is there")
    ] = None


class SeasonTable(Part):
    """One table of all sessions of the season, under a name that stays."""

    table: Name
    url: Annotated[str, about("Relative to the base URL; what is there is replaced as sessions are published")]
    bytes: Count
    sessions: Annotated[Count, about("How many have rows of it")]
    sha256: Sha256
    made_of: Annotated[str, about("Hash of what it was made of; another one is wanted as soon as a session changes")]
    csv_sha256: Annotated[
        Sha256 | None,
        about(
            "Of the table as CSV, v1/csv/season/<table>/<year>.csv.gz, once it is there; that of all seasons is, too"
        ),
    ] = None


_File = TypeVar("_File", TableFile, SeasonTable)


class Files(Document, tag="parcferme/files/1"):
    """Every table of every session of a season, as it is current, and the season's own tables."""

    year: Year
    serial: Annotated[Count, about("Rises with every write")]
    files: Annotated[tuple[TableFile, ...], about("By table and session key")]
    changed: Annotated[
        dict[str, Count], about("By table: the serial with which a file of it came, changed or went")
    ] = field(default_factory=dict)
    season_tables: Annotated[tuple[SeasonTable, ...], about("By table; they follow the files within seconds")] = ()


def link_of(year: int) -> dict[str, str | dict[str, str]]:
    """Return how ``index.json`` links a season's list."""
    return {f"files_{year:d}": keys.table_files(year)}


def table_files(latest: Latest, manifest: Manifest) -> tuple[TableFile, ...]:
    """Return the tables of the revision that ``manifest`` describes and ``latest`` names, by table."""
    folder = keys.revision_folder(latest.session_key, manifest.revision)
    begin, end = _TABLES
    return tuple(
        TableFile(
            item.path.removeprefix(begin).removesuffix(end),
            latest.session_key,
            latest.round,
            latest.event,
            latest.session,
            manifest.revision,
            folder + item.path,
            item.bytes,
            None if item.rows is UNSET else item.rows,
            item.sha256,
        )
        for item in sorted(manifest.objects, key=lambda item: item.path)
        if item.path.startswith(begin) and item.path.endswith(end)
    )


def as_listed(file: _File) -> _File:
    """Return what a list says of a table before there is a CSV of it."""
    return replace(file, csv_sha256=None)


def with_season_tables(files: Files, made: Mapping[str, SeasonTable | None]) -> Files | None:
    """Return the list with what was ``made``, by table (None: there is no such file); None if it says that already.

    A table that is what it was keeps its CSV.
    """
    entries = {entry.table: entry for entry in files.season_tables}
    for table, entry in made.items():
        before = entries.pop(table, None)
        if entry is not None:
            entries[table] = before if before is not None and as_listed(before) == entry else entry
    ordered = tuple(entries[table] for table in sorted(entries))
    if ordered == files.season_tables:
        return None
    return replace(files, serial=files.serial + 1, season_tables=ordered)


def list_files(store: Store, year: int, session_keys: Iterable[int]) -> bool:
    """Bring a season's list up to date with what is current of sessions; say whether anything was written.

    Three requests for one session where there is nothing to do; as many more after a write.

    :raises PublicationError: the store refuses, the document cannot be used, or others keep changing it.
    """
    wanted = sorted(set(session_keys))

    def change(before: Files | None) -> Files | None:
        # Read after the list was read: whoever makes another revision current later also looks at the list later.
        files: dict[int, list[TableFile]] = {}
        for file in before.files if before else ():
            files.setdefault(file.session_key, []).append(file)
        for session_key in wanted:
            latest = read_latest(store, session_key)
            manifest = None if latest is None else read_document(store, latest.manifest_key, Manifest)
            if latest is None or manifest is None:
                continue  # another one has become current just now: who made it so lists it
            known = {as_listed(file): file for file in files.get(session_key, ())}
            now = table_files(latest, manifest) if latest.year == year else ()
            files[session_key] = [known.get(file, file) for file in now]
        every = [file for own in files.values() for file in own]
        ordered = tuple(sorted(every, key=lambda file: (file.table, file.session_key)))
        if before is not None and before.files == ordered:
            return None
        # The serial makes two writes differ: a list that was taken back is never taken for the one before.
        serial = before.serial + 1 if before else 1
        changed = {file.table for file in set(ordered) ^ set(before.files if before else ())}
        serials = {**(before.changed if before else {}), **dict.fromkeys(changed, serial)}
        return Files(year, serial, ordered, dict(sorted(serials.items())), before.season_tables if before else ())

    written = False
    # Looked at again after each write: who has made another revision current meanwhile may have found it listed still,
    # as it was before, and so have written nothing that this write would have been refused for.
    while update_document(store, keys.table_files(year), Files, change):
        written = True
    if written:
        update_root_index(store, links=link_of(year))
    return written
