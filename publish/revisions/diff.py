"""What differs between two revisions of a session: objects, official results, laps."""

import gzip
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from publish import keys
from publish.stores.base import Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import Document, parse_document
from transforms.errors import InputError, PublicationError

RESULTS = "results.json.gz"
LAPS = "laps.json.gz"
#: As many changes of results a history entry lists; twenty cars with every field changed would be 260.
MAX_LISTED_RESULTS = 60

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ResultChange:
    """One value of the results that is another one. A car that came or went has ``field`` ``car``."""

    car: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ObjectChange:
    """One object that differs, with its bytes before and after; None where it is not there."""

    path: str
    bytes_before: int | None
    bytes_after: int | None

    @property
    def what(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        if self.bytes_before is None:
            return "added"
        return "removed" if self.bytes_after is None else "changed"


@dataclass(frozen=True)
class RevisionDiff:
    """What differs between the revisions ``before`` and ``after``. ``laps`` counts laps that differ, came or went."""

    session_key: int
    before: str
    after: str
    objects: tuple[ObjectChange, ...]
    results: tuple[ResultChange, ...]
    laps: int


def read_diff(store: Store, before: str, after: str, session_key: int | None = None) -> RevisionDiff:
    """Compare two revisions of a session (None: whichever has them).

    :raises InputError: no session has both.
    :raises PublicationError: a document of theirs cannot be read.
    """
    for revision in (before, after):
        if not keys.is_revision(revision):
            raise InputError(
                f"{revision!r} is not a revision, such as 0123456789abcdef-01234567. latest.json lists them."
            )
    key = _find_session(store, before, after) if session_key is None else session_key
    manifests = [_manifest_of(store, key, revision) for revision in (before, after)]
    objects = object_changes(*manifests)
    changed = {change.path for change in objects}
    laps = _rows_of_both(store, key, manifests, LAPS) if LAPS in changed else ([], [])
    return RevisionDiff(
        key, before, after, tuple(objects), tuple(read_result_changes(store, *manifests)), _count(*laps)
    )


def read_result_changes(store: Store, before: Document, after: Document) -> list[ResultChange]:
    """Compare the results of two revisions, given their manifests; reads nothing if they are the same object."""
    hashes = [
        {item["path"]: item["sha256"] for item in manifest["objects"]}.get(RESULTS) for manifest in (before, after)
    ]
    if hashes[0] == hashes[1]:
        return []
    return result_changes(*_rows_of_both(store, int(after["session_key"]), [before, after], RESULTS))


def object_changes(before: Document, after: Document) -> list[ObjectChange]:
    """Return the objects that differ between two manifests, by path."""
    old = {item["path"]: item for item in before["objects"]}
    new = {item["path"]: item for item in after["objects"]}
    return [
        ObjectChange(path, *(items[path]["bytes"] if path in items else None for items in (old, new)))
        for path in sorted(old.keys() | new.keys())
        if old.get(path, {}).get("sha256") != new.get(path, {}).get("sha256")
    ]


def changed_groups(changes: Iterable[ObjectChange]) -> list[str]:
    """Return the paths that differ, sorted; ``frames/25/`` stands for any of its many chunks."""
    return sorted({_group(change.path) for change in changes})


def result_changes(before: Sequence[Row], after: Sequence[Row]) -> list[ResultChange]:
    """Return which results differ and how, in the order of ``after``, cars that went last."""
    old, new = ({str(row["car"]): row for row in rows} for rows in (before, after))
    found: list[ResultChange] = []
    for car in [*new, *(car for car in old if car not in new)]:
        if car not in old or car not in new:
            found.append(ResultChange(car, "car", car if car in old else None, car if car in new else None))
            continue
        fields = [*new[car], *(field for field in old[car] if field not in new[car])]
        found += [
            ResultChange(car, field, old[car].get(field), new[car].get(field))
            for field in fields
            if old[car].get(field) != new[car].get(field)
        ]
    return found


def _count(before: Sequence[Row], after: Sequence[Row]) -> int:
    old, new = ({(row["car"], row["lap"]): row for row in rows} for rows in (before, after))
    return sum(old.get(lap) != new.get(lap) for lap in old.keys() | new.keys())


def _group(path: str) -> str:
    return path.rpartition("/")[0] + "/" if path.startswith("frames/") else path


def _rows_of_both(
    store: Store, session_key: int, manifests: Sequence[Document], path: str
) -> tuple[Sequence[Row], Sequence[Row]]:
    before, after = (_rows(store, session_key, manifest, path) for manifest in manifests)
    return before, after


def _rows(store: Store, session_key: int, manifest: Document, path: str) -> Sequence[Row]:
    if all(item["path"] != path for item in manifest["objects"]):
        return []
    key = keys.revision_object(session_key, str(manifest["revision"]), path)
    stored = store.read(key)
    try:
        rows: Sequence[Row] = orjson.loads(gzip.decompress(stored.data if stored else b""))["rows"]
        _ = [row["car"] for row in rows]
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise PublicationError(
            f"{key} in {store.uri} is missing or not readable ({type(error).__name__}). `parcferme verify --deep` says "
            "what else is; publish the session again with --force."
        ) from error
    return rows


def _manifest_of(store: Store, session_key: int, revision: str) -> Document:
    key = keys.manifest(session_key, revision)
    stored = store.read(key)
    if stored is None:
        raise InputError(
            f"Session {session_key} has no revision {revision!r} in {store.uri}. "
            f"{keys.latest(session_key)} lists those there are."
        )
    return parse_document(stored.data, f"{key} in {store.uri}")


def _find_session(store: Store, *revisions: str) -> int:
    def has_all(session_key: int) -> bool:
        return all(store.head(keys.manifest(session_key, revision)) is not None for revision in revisions)

    session_keys = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())
    found = [key for key, has in zip(session_keys, in_parallel(has_all, session_keys), strict=True) if has]
    if len(found) != 1:
        raise InputError(
            f"{'More than one' if found else 'No'} session in {store.uri} has the revisions {' and '.join(revisions)}. "
            "Type its session key first, for example `parcferme diff 9472 REV REV`; latest.json lists its revisions."
        )
    return found[0]
