"""What differs between two revisions of a session: objects, official results, laps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Struct

from publish import keys
from publish.encode.manifest import Manifest
from publish.revisions.manifests import read_manifest
from publish.stores.base import Store
from publish.stores.parallel import in_parallel
from publish.structs import Part, about, decode_packed
from transforms import columns
from transforms.errors import InputError, PublicationError

RESULTS = "results.json.gz"
LAPS = "laps.json.gz"
#: Columns of results that are no result but timing's.
_TIMED = frozenset(columns.RESULTS.names) - frozenset(columns.RECORDED_RESULTS.names)
#: As many changes of results a history entry lists; twenty cars with every field changed would be 260.
MAX_LISTED_RESULTS = 60

Row = Mapping[str, Any]
Value = str | int | float | bool | None


class ResultChange(Part):
    """One value of the results that is another one."""

    car: str
    field: Annotated[str, about("Column; car: it came or went")]
    before: Value
    after: Value


class _Table(Struct):
    """What is compared of a table; its columns may be those of another time."""

    rows: list[dict[str, Any]]


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

    :raises InputError: no session has both, or the session does not.
    :raises PublicationError: a document of theirs cannot be read.
    """
    for revision in (before, after):
        if not keys.is_revision(revision):
            raise InputError(
                f"{revision!r} is not a revision: that is hexadecimal digits such as 0123456789abcdef-01234567. "
                "latest.json lists them."
            )
    key = _find_session(store, before, after) if session_key is None else session_key
    if (missing := _first_missing(store, key, before, after)) is not None:
        raise InputError(
            f"Session {key} has no revision {missing!r} in {store.uri}. {keys.latest(key)} lists those there are."
        )
    old, new = (read_manifest(store, key, revision) for revision in (before, after))
    objects = object_changes(old, new)
    laps = 0
    if any(change.path == LAPS for change in objects):
        laps = _count(*(_read_rows(store, manifest, LAPS) for manifest in (old, new)))
    return RevisionDiff(key, before, after, tuple(objects), tuple(read_result_changes(store, old, new)), laps)


def read_result_changes(store: Store, before: Manifest, after: Manifest) -> list[ResultChange]:
    """Compare the results of two revisions, given their manifests; reads nothing if they are the same object."""
    if before.hashes.get(RESULTS) == after.hashes.get(RESULTS):
        return []
    return result_changes(*(_read_rows(store, manifest, RESULTS) for manifest in (before, after)))


def object_changes(before: Manifest, after: Manifest) -> list[ObjectChange]:
    """Return the objects that differ between two manifests, by path."""
    old, new = ({item.path: item for item in manifest.objects} for manifest in (before, after))
    found = []
    for path in sorted(old.keys() | new.keys()):
        was, now = old.get(path), new.get(path)
        if (was and was.sha256) != (now and now.sha256):
            found.append(ObjectChange(path, was.bytes if was else None, now.bytes if now else None))
    return found


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
        fields = [field for field in {**new[car], **old[car]} if field not in _TIMED]
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


def _read_rows(store: Store, manifest: Manifest, path: str) -> Sequence[Row]:
    """Return the rows of a table document, each with its car; none where the revision has no such document."""
    if path not in manifest.hashes:
        return []
    key = keys.revision_object(manifest.session_key, manifest.revision, path)
    where = f"{key} in {store.uri}"
    stored = store.read(key)
    if stored is None:
        raise PublicationError(f"{where} is missing. `parcferme verify` says what else is; publish with --force.")
    rows = decode_packed(stored.data, _Table, where).rows
    if not all("car" in row for row in rows):
        raise PublicationError(f"{where} has rows without a car. Publish the session again with --force.")
    return rows


def _find_session(store: Store, *revisions: str) -> int:
    session_keys = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())
    missing = in_parallel(lambda session_key: _first_missing(store, session_key, *revisions), session_keys)
    found = [key for key, revision in zip(session_keys, missing, strict=True) if revision is None]
    if len(found) != 1:
        raise InputError(
            f"{'More than one' if found else 'No'} session in {store.uri} has the revisions {' and '.join(revisions)}. "
            "Type its session key first, for example `parcferme diff 9472 REV REV`; latest.json lists its revisions."
        )
    return found[0]


def _first_missing(store: Store, session_key: int, *revisions: str) -> str | None:
    """Return the first of ``revisions`` that the session does not have."""
    return next((one for one in revisions if store.head(keys.manifest(session_key, one)) is None), None)
