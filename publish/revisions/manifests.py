"""The manifests of stored revisions, read in one way."""

from publish import keys
from publish.encode.manifest import Manifest
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.errors import PublicationError


def read_manifest(store: Store, session_key: int, revision: str) -> Manifest:
    """Return the manifest of a revision that a document names.

    :raises PublicationError: it is not there or cannot be used.
    """
    key = keys.manifest(session_key, revision)
    manifest = read_document(store, key, Manifest)
    if manifest is None:
        raise PublicationError(
            f"{key} is not in {store.uri} although the history of session {session_key} names it. Restore it from a "
            "backup, or publish the session again with --force."
        )
    return manifest
