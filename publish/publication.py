"""The order of publication: objects, manifest, stable copies, ``latest.json``, season index, root index.

Everything a document links is there before the document is. A publisher that dies between any two requests leaves
a valid store, and the next run finishes the job; two publishers of one session end with one of them current and
nothing mixed.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from publish import keys
from publish.copies import make_copies, settle_copies
from publish.gate import check_gate
from publish.headers import headers_for
from publish.latest import Latest, Summary, latest_document, parse_latest, read_latest, step_back, succeed
from publish.objects import EncodedObject, EncodedRevision
from publish.season import SessionState, finish_publication, update_root_index, update_season
from publish.season_document import PUBLISHED
from publish.shared_documents import Document, parse_document, update_document
from publish.store import Store
from publish.uploads import OnProgress, in_parallel
from transforms.errors import InputError, PublicationError
from transforms.recording import SessionIdentity

__all__ = ["PublishOutcome", "Summary", "finish_publication", "publish_revision", "publish_site", "roll_back"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishOutcome:
    """What a publication did. ``unchanged``: the revision was current already and nothing was uploaded."""

    revision: str
    uploaded_objects: int
    uploaded_bytes: int
    unchanged: bool


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
        check_gate(store, encoded, identity)
    manifest, uploaded = _store_revision(store, encoded, on_progress)
    before = read_latest(store, identity.session_key)
    objects_before = _objects(_manifest_of(store, before)) if before else {}
    make_copies(store, manifest, identity, objects_before, before)
    changed = _changed_objects(objects_before, _objects(manifest)) if before else []

    def following(present: Latest | None) -> Latest:
        return succeed(present, identity, encoded.revision, summary, now=now, forced=forced, changed_objects=changed)

    replaced = _make_current(store, identity.session_key, following)
    if (replaced and replaced.revision) != (before and before.revision):
        logger.info("Another run published %s at the same time; both revisions are kept", identity.label)
        settle_copies(store, identity.session_key)
    state = SessionState(PUBLISHED, session_key=identity.session_key)
    update_season(store, identity.year, None, now, {(identity.round, identity.code): state})
    return PublishOutcome(
        revision=encoded.revision,
        uploaded_objects=len(uploaded),
        uploaded_bytes=sum(item.bytes for item in uploaded),
        unchanged=not uploaded and before is not None and before.revision == encoded.revision,
    )


def roll_back(store: Store, session_key: int, revision: str | None, *, now: datetime) -> Latest:
    """Make an earlier revision current again (None: the one before the present one) and return what is current then.

    Raises InputError if the session or the revision is not in the history, PublicationError if its manifest is gone.
    """
    before = read_latest(store, session_key)
    if before is None:
        raise InputError(f"Session {session_key} is not published in {store.uri}; there is nothing to go back to.")
    entry = next(
        (e for e in before.history if (e.revision == revision if revision else e.revision != before.revision)), None
    )
    if entry is None:
        known = ", ".join(dict.fromkeys(e.revision for e in before.history))
        raise InputError(
            f"Session {session_key} has no {'revision ' + revision if revision else 'earlier revision'}. Known "
            f"ones: {known}."
        )
    manifest = _manifest_at(store, session_key, entry.revision)
    changed = _changed_objects(_objects(_manifest_of(store, before)), _objects(manifest))
    # No inputs or code lead to this revision any more, so that the next scheduled run computes afresh.
    summary = Summary(entry.grade, manifest.get("capabilities"), "", "")

    def following(present: Latest | None) -> Latest:
        return step_back(present or before, entry.revision, summary, now=now, changed_objects=changed)

    _make_current(store, session_key, following)
    settle_copies(store, session_key)
    finish_publication(store, session_key, now)
    return read_latest(store, session_key) or before


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
    links: dict[str, object] = {}
    schemas = {
        key.removeprefix(keys.SCHEMAS).removesuffix(".json"): key for key in others if key.startswith(keys.SCHEMAS)
    }
    if schemas:
        links["schemas"] = schemas
    if viewer := next((key for key in keys.VIEWERS if key in files), None):
        links["viewer"] = viewer
    if store.head(keys.HEALTH) is not None:
        links["health"] = keys.HEALTH
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
) -> tuple[Document, list[EncodedObject]]:
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
    return parse_document(encoded.manifest, manifest_key), uploaded


def _complete_manifest(data: bytes, sizes: Mapping[str, int]) -> Document | None:
    """Return the stored manifest if everything it names is there. It stays as it is: a revision never changes.

    Its bytes and hashes can differ from what this run encoded (another compressor version); the content does not.
    """
    try:
        manifest = parse_document(data, "manifest")
        complete = all(sizes.get(item["path"]) == item["bytes"] for item in manifest["objects"])
    except (PublicationError, KeyError, TypeError):
        return None  # torn by something else; it is written again
    return manifest if complete else None


def _make_current(store: Store, session_key: int, following: Callable[[Latest | None], Latest]) -> Latest | None:
    """Change ``latest.json`` without losing anybody's entry; returns what was current just before."""
    key = keys.latest(session_key)
    seen: list[Latest | None] = []

    def change(document: Document | None) -> Document:
        present = None if document is None else parse_latest(document, f"{key} in {store.uri}")
        seen.append(present)
        return latest_document(following(present))

    update_document(store, key, change)
    return seen[-1]


def _manifest_of(store: Store, latest: Latest) -> Document:
    return _manifest_at(store, latest.session_key, latest.revision)


def _manifest_at(store: Store, session_key: int, revision: str) -> Document:
    key = keys.manifest(session_key, revision)
    stored = store.read(key)
    if stored is None:
        raise PublicationError(
            f"{key} is not in {store.uri} although the session's history names it. Restore it from a backup, or "
            "delete "
            f"{keys.latest(session_key)} and publish the session again with --force."
        )
    return parse_document(stored.data, f"{key} in {store.uri}")


def _objects(manifest: Document) -> dict[str, str]:
    """Return path to SHA-256 of what a manifest names."""
    return {item["path"]: item["sha256"] for item in manifest["objects"]}


def _changed_objects(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return what differs, came or went, sorted; ``frames/25/`` stands for any of its many chunks."""
    paths: Iterable[str] = (path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return sorted({_group(path) for path in paths})


def _group(path: str) -> str:
    return path.rpartition("/")[0] + "/" if path.startswith("frames/") else path
