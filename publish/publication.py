"""The order of publication: objects, manifest, stable copies, ``latest.json``, season index, root index.

Everything a document links is there before the document is. A publisher that dies between any two requests leaves
a valid store, and the next run finishes the job; two publishers of one session end with one of them current and
nothing mixed.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from publish import keys
from publish.encode.manifest import Manifest
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.headers import headers_for
from publish.revisions.copies import make_copies, settle_copies
from publish.revisions.diff import changed_groups, object_changes, read_result_changes
from publish.revisions.gate import check_gate
from publish.revisions.latest import (
    ROLLED_BACK,
    Changes,
    Latest,
    Summary,
    hold_back,
    read_latest,
    step_back,
    succeed,
)
from publish.revisions.manifests import read_manifest
from publish.season.index import finish_publication, is_indexed, update_root_index, update_season
from publish.stores.base import Store
from publish.stores.parallel import OnProgress, in_parallel
from publish.stores.shared_documents import update_document
from publish.structs import decode_document
from transforms.errors import InputError, PublicationError
from transforms.recording import SessionIdentity

__all__ = ["PublishOutcome", "Summary", "finish_publication", "publish_revision", "publish_site", "roll_back"]

logger = logging.getLogger(__name__)

_LISTED_SESSIONS = 40


@dataclass(frozen=True)
class PublishOutcome:
    """What a publication did. ``unchanged``: the revision was current already and nothing was uploaded.

    ``withheld``: an operator has rolled back from what was to be published, so ``revision``, the one that is current,
    stays.
    """

    revision: str
    uploaded_objects: int
    uploaded_bytes: int
    unchanged: bool
    withheld: bool = False


def publish_revision(
    store: Store,
    encoded: EncodedRevision,
    identity: SessionIdentity,
    *,
    summary: Summary,
    now: datetime,
    forced: bool = False,
    on_progress: OnProgress | None = None,
) -> PublishOutcome:
    """Store a revision and make it current. Publishing the same again uploads nothing.

    ``on_progress`` gets the number of objects done and the number of all, in the calling thread. Raises
    PublicationError or InputError when the destination does not take it, QualityGateError when the revision is worse
    than the current one beyond the gate's limits and not ``forced``; what was current before then still is.
    """
    _check_consistent(encoded, identity)
    if not forced:
        if (held := _hold_back(store, encoded, summary)) is not None:
            logger.info("%s was rolled back from; %s stays current", encoded.revision, held.revision)
            return PublishOutcome(held.revision, 0, 0, unchanged=True, withheld=True)
        check_gate(store, encoded, identity)
    manifest, uploaded = _store_revision(store, encoded, on_progress)
    before = read_latest(store, identity.session_key)
    manifest_before = read_manifest(store, before.session_key, before.revision) if before else None
    objects_before = manifest_before.hashes if manifest_before else {}
    make_copies(store, manifest, identity, objects_before, before)
    changes = _changes(store, manifest_before, manifest)

    def following(present: Latest | None) -> Latest:
        return succeed(present, identity, encoded.revision, summary, now=now, forced=forced, changes=changes)

    replaced = _make_current(store, identity.session_key, following)
    if (replaced and replaced.revision) != (before and before.revision):
        logger.info("Another run published %s at the same time; both revisions are kept", identity.label)
        settle_copies(store, identity.session_key)
    update_season(store, identity.year, None, now, session_keys=(identity.session_key,))
    return PublishOutcome(
        revision=encoded.revision,
        uploaded_objects=len(uploaded),
        uploaded_bytes=sum(item.bytes for item in uploaded),
        unchanged=not uploaded and before is not None and before.revision == encoded.revision,
    )


def _hold_back(store: Store, encoded: EncodedRevision, summary: Summary) -> Latest | None:
    """Return what is current and stays so if an operator has rolled back from ``encoded``, else None."""
    latest = read_latest(store, encoded.session_key)
    if latest is None or encoded.revision not in latest.withheld:
        return None
    return _replace_latest(store, latest, lambda present: hold_back(present, summary))


def roll_back(store: Store, session_key: int, revision: str | None, *, now: datetime) -> Latest:
    """Make an earlier revision current again and return what is current then.

    None goes to the newest one before the present one that was not rolled back from itself; it finishes a rollback
    that was interrupted instead. The revision left, and all that came after the target, stay out until a forced run:
    other inputs or code may bring another revision, not these.

    :raises InputError: the session or the revision is not in the history.
    :raises PublicationError: not everything of the target is there.
    """
    before = read_latest(store, session_key)
    if before is None:
        raise InputError(_unknown_session(store, session_key))
    target = revision or _step_before(store, before)
    entry = next((e for e in before.history if e.revision == target), None)
    if entry is None:
        raise InputError(
            f"Session {session_key} has no {'revision ' + revision if revision else 'earlier revision'}. Known "
            f"ones, newest first: {', '.join(before.revisions)}."
        )
    manifest = read_manifest(store, session_key, entry.revision)
    _check_complete(store, session_key, entry.revision, manifest)
    if entry.revision != before.revision:
        changes = _changes(store, read_manifest(store, session_key, before.revision), manifest)

        def following(present: Latest) -> Latest:
            return step_back(present, entry.revision, entry.grade, manifest.capabilities, now, changes)

        _replace_latest(store, before, following)
    settle_copies(store, session_key)
    finish_publication(store, session_key, now)
    return read_latest(store, session_key) or before


def _step_before(store: Store, latest: Latest) -> str | None:
    if latest.history[0].reason == ROLLED_BACK and not is_indexed(store, latest):
        return latest.revision
    return next((r for r in latest.revisions if r != latest.revision and r not in latest.withheld), None)


def _unknown_session(store: Store, session_key: int) -> str:
    known = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())
    listed = ", ".join(map(str, known[:_LISTED_SESSIONS])) + (", ..." if len(known) > _LISTED_SESSIONS else "")
    return f"Session {session_key} is not published in {store.uri}. Published are: {listed or 'none'}."


def _check_complete(store: Store, session_key: int, revision: str, manifest: Manifest) -> None:
    folder = keys.revision_folder(session_key, revision)
    sizes = {row.key.removeprefix(folder): row.bytes for row in store.list(folder)}
    missing = [item.path for item in manifest.objects if sizes.get(item.path) != item.bytes]
    if missing:
        raise PublicationError(
            f"{len(missing)} objects of revision {revision} of session {session_key} are gone from {store.uri} or have "
            f"another size, {missing[0]} for one. What is current stays. Choose another revision, or restore them."
        )


def publish_site(store: Store, files: Mapping[str, bytes]) -> int:
    """Write schemas and pages (key to bytes) that differ from what is there, link them in ``index.json``; returns
    how many.

    A page goes up after everything else, since it may load the rest.
    """

    def write(key: str) -> bool:
        return update_file(store, key, files[key])

    pages = [key for key in sorted(files) if key.endswith(".html")]
    others = [key for key in sorted(files) if not key.endswith(".html")]
    written = [*in_parallel(write, others), *in_parallel(write, pages)]
    links: dict[str, str | dict[str, str]] = {}
    schemas = {
        key.removeprefix(keys.SCHEMAS).removesuffix(".json"): key for key in others if key.startswith(keys.SCHEMAS)
    }
    if schemas:
        links["schemas"] = schemas
    if keys.VIEWER in files:
        links["viewer"] = keys.VIEWER
    if keys.STATUS_PAGE in files:
        links["status_page"] = keys.STATUS_PAGE
    for name, key in (("health", keys.HEALTH), ("runs", keys.RUNS)):
        if store.head(key) is not None:
            links[name] = key
    update_root_index(store, links=links)
    return sum(written)


def update_file(store: Store, key: str, data: bytes) -> bool:
    """Write ``data`` unless it is there already; says whether it was written."""
    stored = store.read(key)
    if stored is not None and stored.data == data:
        return False
    store.write(key, data)
    return True


def _check_consistent(encoded: EncodedRevision, identity: SessionIdentity) -> None:
    if encoded.session_key != identity.session_key:
        raise PublicationError(
            f"{identity.label} was to be published with the data of session {encoded.session_key}. Nothing was "
            "published; "
            "this is a fault of the program, please report it."
        )
    for item in encoded.objects:
        headers = headers_for(keys.revision_object(encoded.session_key, encoded.revision, item.path))
        if (headers.content_type, headers.content_encoding) != (item.content_type, item.content_encoding):
            raise PublicationError(
                f"{item.path} of {identity.label} is {item.content_type} ({item.content_encoding}) but its name says "
                f"{headers.content_type} ({headers.content_encoding}). Nothing was published; please report it."
            )


def _store_revision(
    store: Store, encoded: EncodedRevision, on_progress: OnProgress | None
) -> tuple[Manifest, list[EncodedObject]]:
    """Store what is not there yet, the manifest last; returns the manifest and the objects uploaded."""
    session_key, revision = encoded.session_key, encoded.revision
    folder = keys.revision_folder(session_key, revision)
    sizes = {row.key.removeprefix(folder): row.bytes for row in store.list(folder)}
    manifest_key = keys.manifest(session_key, revision)
    stored = store.read(manifest_key) if "manifest.json" in sizes else None
    if stored is not None and (complete := _complete_manifest(stored.data, sizes)) is not None:
        if on_progress:
            on_progress(len(encoded.objects), len(encoded.objects))
        return complete, []

    def upload(item: EncodedObject) -> EncodedObject | None:
        key = folder + item.path
        if sizes.get(item.path) == item.bytes and (info := store.head(key)) and info.sha256 == item.sha256:
            return None
        store.upload_file(key, item.file, item.sha256)
        return item

    uploaded = [item for item in in_parallel(upload, encoded.objects, on_progress) if item is not None]
    store.write(manifest_key, encoded.manifest)
    return decode_document(encoded.manifest, Manifest, manifest_key), uploaded


def _complete_manifest(data: bytes, sizes: Mapping[str, int]) -> Manifest | None:
    """Return the stored manifest if everything it names is there. It stays as it is: a revision never changes.

    Its bytes and hashes can differ from what this run encoded (another compressor version); the content does not.
    """
    try:
        manifest = decode_document(data, Manifest, "manifest.json")
    except PublicationError:
        return None  # torn by something else; it is written again
    return manifest if all(sizes.get(item.path) == item.bytes for item in manifest.objects) else None


def _make_current(store: Store, session_key: int, following: Callable[[Latest | None], Latest]) -> Latest | None:
    """Change ``latest.json`` without losing anybody's entry; returns what was current just before."""
    seen: list[Latest | None] = []

    def change(present: Latest | None) -> Latest:
        seen.append(present)
        return following(present)

    update_document(store, keys.latest(session_key), Latest, change)
    return seen[-1]


def _replace_latest(store: Store, known: Latest, change: Callable[[Latest], Latest]) -> Latest:
    """Change the ``latest.json`` of a published session and return what it says then."""
    made: list[Latest] = []

    def following(present: Latest | None) -> Latest:
        made.append(change(present or known))
        return made[-1]

    _make_current(store, known.session_key, following)
    return made[-1]


def _changes(store: Store, before: Manifest | None, after: Manifest) -> Changes:
    """Return what differs between two stored revisions; nothing for the first one."""
    if before is None:
        return Changes()
    objects = tuple(changed_groups(object_changes(before, after)))
    try:
        return Changes(objects, tuple(read_result_changes(store, before, after)))
    except PublicationError as error:
        # A lost object of the old revision must not keep a new one from being published.
        logger.warning("The results of two revisions cannot be compared: %s", error)
        return Changes(objects)
