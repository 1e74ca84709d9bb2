"""Copies of a session's current tables and rows under names that stay: for globs and the older readers."""

from collections.abc import Mapping
from dataclasses import dataclass

from publish import keys
from publish.encode.manifest import Manifest
from publish.revisions.latest import Latest, read_latest
from publish.revisions.manifests import read_manifest
from publish.stores.base import Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document
from transforms.errors import PublicationError
from transforms.recording import SessionIdentity

_SETTLE_ATTEMPTS = 10


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


def make_copies(
    store: Store,
    manifest: Manifest,
    identity: SessionIdentity,
    objects_before: Mapping[str, str],
    before: Latest | None,
) -> None:
    """Copy a stored revision's tables and rows to their stable names where they are not there yet.

    Copies the current revision (``before``, with ``objects_before`` path to SHA-256) has and this one has not are
    removed, also those under a round number the session had before.
    """
    alias = Alias(identity.year, identity.round, identity.code)
    wanted = planned_copies(manifest, alias)
    copy_missing(store, wanted)
    if before is None:
        return
    kept = {copy.target for copy in wanted}
    old_alias = Alias(before.year, before.round, before.session)
    old = _copies(before.session_key, before.revision, objects_before, old_alias)
    remove_copies(store, [copy for copy in old if copy.target not in kept])


def planned_copies(manifest: Manifest, alias: Alias) -> list[Copy]:
    """Return every stable copy of the revision a manifest describes."""
    return _copies(manifest.session_key, manifest.revision, manifest.hashes, alias)


def settle_copies(store: Store, session_key: int) -> None:
    """Make the stable copies those of the current revision, whatever other publishers of the session are doing.

    Whoever makes a revision current last also settles last or sees here that somebody else did.
    """
    latest = read_latest(store, session_key)
    for _ in range(_SETTLE_ATTEMPTS):
        if latest is None:
            return
        manifest = read_manifest(store, session_key, latest.revision)
        wanted = planned_copies(manifest, Alias(latest.year, latest.round, latest.session))
        copy_missing(store, wanted)
        remove_copies(store, _stale_copies(store, latest, {copy.target for copy in wanted}))
        settled, latest = latest.revision, read_latest(store, session_key)
        if latest is not None and latest.revision == settled:
            return
    raise PublicationError(
        f"Session {session_key} in {store.uri} keeps being published by other runs. See what starts them, then "
        "run again."
    )


def _stale_copies(store: Store, latest: Latest, kept: set[str]) -> list[Copy]:
    alias = Alias(latest.year, latest.round, latest.session)
    stale: dict[str, Copy] = {}
    for revision in {entry.revision for entry in latest.history} - {latest.revision}:
        manifest = read_document(store, keys.manifest(latest.session_key, revision), Manifest)
        for copy in planned_copies(manifest, alias) if manifest else ():
            if copy.target not in kept:
                info = store.head(copy.target)
                if info is not None and info.sha256 == copy.sha256:
                    stale[copy.target] = copy
    return list(stale.values())


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


def copy_missing(store: Store, copies: list[Copy]) -> None:
    """Make those copies that are not there yet."""

    def copy_one(copy: Copy) -> None:
        info = store.head(copy.target)
        if info is None or info.sha256 != copy.sha256:
            store.copy(copy.source, copy.target, copy.sha256)

    in_parallel(copy_one, copies)


def remove_copies(store: Store, copies: list[Copy]) -> None:
    """Remove those copies whose name still holds what they are copies of."""

    def remove_one(copy: Copy) -> None:
        # Another session may own the name by now: rounds are renumbered.
        info = store.head(copy.target)
        if info is not None and info.sha256 == copy.sha256:
            store.delete(copy.target)

    in_parallel(remove_one, copies)
