"""Copies of a session's current tables and rows under names that stay: for globs and the older readers.

They are made from ``latest.json`` once it has been written, never ahead of it: a copy is of what is current, or of what
was. A publisher that dies before it gets here leaves the copies of the revision before, whole.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from publish import keys
from publish.encode.manifest import Manifest
from publish.revisions.latest import Latest
from publish.stores.base import Conflict, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document


@dataclass(frozen=True)
class Copy:
    """One object of a revision (``source`` is its key) and the stable name it is copied to."""

    source: str
    target: str
    sha256: str


@dataclass(frozen=True)
class Alias:
    """What stable names are made of besides the session key. Without a round there are no copies under its number."""

    year: int
    round: int | None
    code: str


def planned_copies(manifest: Manifest, alias: Alias) -> list[Copy]:
    """Return every stable copy of the revision a manifest describes."""
    return _copies(manifest.session_key, manifest.revision, manifest.hashes, alias)


def settle_copies(store: Store, latest: Latest) -> None:
    """Make a session's stable copies those of the revision ``latest`` names; any other of that session go.

    Whoever has made a revision current calls this, and looks at ``latest.json`` again afterwards.

    :raises Conflict: the revision is gone; either another one is current by now, or the store has lost it.
    """
    manifest = read_document(store, latest.manifest_key, Manifest)
    if manifest is None:
        raise Conflict(latest.manifest_key)
    wanted = planned_copies(manifest, Alias(latest.year, latest.round, latest.session))
    _copy_missing(store, wanted)
    kept = {copy.target for copy in wanted}
    remove_objects(store, [name for name in _names(store, latest, kept) if name not in kept])


def _names(store: Store, latest: Latest, kept: Collection[str]) -> list[str]:
    """Return every name that copies of the session may have: of its tables, and under its round of its rows.

    A table that is ``kept`` keeps its CSV, which whoever lists it brings up to date.
    """
    names = []
    for table in store.list_folders(keys.TABLE_COPIES):
        if (
            not keys.is_of_seasons(table)
            and (name := keys.table_copy(table, latest.year, latest.session_key)) not in kept
        ):
            names += [name, keys.csv_copy(table, latest.year, latest.session_key)]
    if latest.round is not None and latest.session == "R":
        names += [row.key for row in store.list(keys.rows_folder(latest.year, latest.round))]
    return names


def _copies(session_key: int, revision: str, objects: Mapping[str, str], alias: Alias) -> list[Copy]:
    copies = []
    for path, sha256 in sorted(objects.items()):
        if alias.round is None and path.startswith("rows/"):
            continue
        target = keys.stable_copy(
            path, year=alias.year, round_number=alias.round or 0, code=alias.code, session_key=session_key
        )
        if target is not None:
            copies.append(Copy(keys.revision_object(session_key, revision, path), target, sha256))
    return copies


def _copy_missing(store: Store, copies: list[Copy]) -> None:
    """Make those copies that are not there yet."""

    def copy_one(copy: Copy) -> None:
        info = store.head(copy.target)
        if info is None or info.sha256 != copy.sha256:
            store.copy(copy.source, copy.target, copy.sha256)

    in_parallel(copy_one, copies)


def remove_objects(store: Store, names: list[str]) -> None:
    """Remove what there is under ``names``."""

    def remove_one(name: str) -> None:
        if store.head(name) is not None:
            store.delete(name)

    in_parallel(remove_one, names)
