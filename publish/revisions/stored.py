"""The objects of a revision in a store: put there, looked for, found whole or not.

A name stands for bytes (see :mod:`publish.encode.manifest`), so that it does no harm if two store a revision at once,
or if one finishes what another one began.
"""

from publish import keys
from publish.encode.manifest import Manifest, ManifestObject
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.revisions.latest import Latest
from publish.stores.base import Store
from publish.stores.parallel import OnProgress, in_parallel
from publish.structs import decode_document
from transforms.errors import PublicationError

_MANIFEST = "manifest.json"


def upload_revision(
    store: Store, encoded: EncodedRevision, on_progress: OnProgress | None = None
) -> list[EncodedObject]:
    """Store what is not there yet of a revision, the manifest last; returns the objects that were uploaded.

    ``on_progress`` gets the number of objects done and the number of all, in the calling thread.
    """
    folder = keys.revision_folder(encoded.session_key, encoded.revision)
    sizes = {row.key.removeprefix(folder): row.bytes for row in store.list(folder)}

    def upload(item: EncodedObject) -> EncodedObject | None:
        key = folder + item.path
        if sizes.get(item.path) == item.bytes and (info := store.head(key)) and info.sha256 == item.sha256:
            return None
        store.upload_file(key, item.file, item.sha256)
        return item

    uploaded = [item for item in in_parallel(upload, encoded.objects, on_progress) if item is not None]
    stored = store.read(folder + _MANIFEST) if _MANIFEST in sizes else None
    if stored is None or stored.data != encoded.manifest:
        store.write(folder + _MANIFEST, encoded.manifest)
    return uploaded


def read_revision(
    store: Store, session_key: int, revision: str, *, by_hash: bool = False
) -> tuple[Manifest | None, list[str]]:
    """Return a revision's manifest and the paths of what is lost of it; of one that cannot be read (None) only it.

    Lost is what is not there with the bytes that the manifest says; ``by_hash``: also what has another hash, as far as
    the store knows.
    """
    folder = keys.revision_folder(session_key, revision)
    sizes = {row.key.removeprefix(folder): row.bytes for row in store.list(folder)}
    stored = store.read(folder + _MANIFEST)
    try:
        manifest = None if stored is None else decode_document(stored.data, Manifest, _MANIFEST)
    except PublicationError:
        manifest = None  # torn by something else, or of an older format
    if manifest is None:
        return None, [_MANIFEST]

    def is_lost(item: ManifestObject) -> bool:
        if sizes.get(item.path) != item.bytes:
            return True
        info = store.head(folder + item.path) if by_hash else None
        return by_hash and (info is None or not item.has_hash(info.sha256))

    lost = in_parallel(is_lost, manifest.objects) if by_hash else map(is_lost, manifest.objects)
    return manifest, [item.path for item, gone in zip(manifest.objects, lost, strict=True) if gone]


def find_content(store: Store, latest: Latest, revision: str, *, by_hash: bool = False) -> Manifest | None:
    """Return the manifest of the newest revision in a history that holds what ``revision`` holds, and all of it."""
    for name in latest.revisions:
        if keys.content_of(name) == keys.content_of(revision):
            manifest, lost = read_revision(store, latest.session_key, name, by_hash=by_hash)
            if not lost:
                return manifest
    return None
