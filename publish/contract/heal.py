"""Mends what ``verify`` finds wrong, as far as the destination itself holds what is needed.

- A revision whose objects have other bytes than its manifest says, written over by another version of a library when
  names did not yet tell bytes apart: if what is in them is what the name promises, they are described anew, under a
  name of their own, which takes the old one's place. Nothing that a reader may keep for a year gets other bytes.
- The same where the content has been published again since, under a name of its own.
- Stable copies and indexes that are not those of what is current.

What is lost, or is not what was published under its name, has to be published again.
"""

import hashlib
import itertools
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from publish import keys
from publish.contract.findings import read_latest_or_none
from publish.encode.content import content_sha256
from publish.encode.manifest import Manifest, ManifestObject, content_name, named, with_objects
from publish.revisions.copies import remove_objects
from publish.revisions.latest import Latest, read_latest, rename
from publish.revisions.stored import find_content, read_revision
from publish.season.finish import finish_publication, settle_unowned_rows
from publish.season.rebuild import follow_all
from publish.stores.base import Conflict, Store
from publish.stores.parallel import OnProgress, in_parallel
from publish.stores.shared_documents import update_document
from transforms.errors import PublicationError

logger = logging.getLogger(__name__)

#: Objects read whole at once; the largest is some tens of megabytes.
_READERS = 4
_ATTEMPTS = 20


def heal_store(store: Store, now: datetime, on_progress: OnProgress | None = None) -> int:
    """Mend what can be mended and return how many revisions were described anew; what cannot be is a warning.

    Asks for the hash of every object of every revision. Safe beside publishers, prune and other healers; running it
    again finishes what was interrupted. ``on_progress`` gets the number of sessions done and the number of all.
    """
    names = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())
    years: set[int] = set()
    mended = 0
    for done, session_key in enumerate(names, start=1):
        latest = read_latest_or_none(store, session_key)
        if latest is not None:
            years.add(latest.year)
            mended += _heal_session(store, latest, now)
        if on_progress:
            on_progress(done, len(names))
    for year in sorted(years):
        settle_unowned_rows(store, year)
        follow_all(store, year, doubting=True)
    for session_key in _remove_foreign_copies(store):
        if read_latest_or_none(store, session_key) is not None:  # published just now
            finish_publication(store, session_key, now)
    return mended


class _UnprovenError(Exception):
    """What is in the objects of a revision is not known to be what its name promises."""


def _heal_session(store: Store, latest: Latest, now: datetime) -> int:
    mended = 0
    for revision in latest.revisions:
        try:
            mended += _heal_revision(store, latest.session_key, revision)
        except _UnprovenError as error:
            logger.warning("Revision %s of session %s stays as it is: %s", revision, latest.session_key, error)
            if revision == latest.revision:
                return mended  # its copies would be no better
    finish_publication(store, latest.session_key, now, touch=mended > 0)
    return mended


def _heal_revision(store: Store, session_key: int, revision: str) -> bool:
    """Let the history name a revision that is whole in place of a broken one, and say whether it does so now.

    It is one of the same content that has been published since, or the objects of the broken one, described anew.

    :raises _UnprovenError: an object is lost, or together they are not what was published under the name.
    """
    for _ in range(_ATTEMPTS):
        latest = read_latest(store, session_key)
        if latest is None or revision not in latest.revisions:
            return False
        manifest, lost = read_revision(store, session_key, revision, by_hash=True)
        if not lost:
            return False
        whole = find_content(store, latest, revision, by_hash=True)
        if whole is not None:
            done = _rename(store, latest, revision, whole.revision)
        elif manifest is not None:
            done = _describe_anew(store, latest, manifest)
        else:
            raise _UnprovenError("its manifest is lost or of an older format. Publish the session again with --force.")
        if done:
            return True
    raise _UnprovenError("others changed it each time it was to be mended. See what they are, then run it again.")


def _describe_anew(store: Store, latest: Latest, manifest: Manifest) -> bool:
    """Store the objects of a revision once more under a name that is theirs, and let the history name that one.

    False if somebody else, a prune perhaps, was faster.
    """
    old = manifest.revision
    folder = keys.revision_folder(latest.session_key, old)
    found = in_parallel(lambda item: _look(store, folder, item), manifest.objects, workers=_READERS)
    items, contents = [item for item, _ in found], [content for _, content in found]
    described = with_objects(manifest, items)
    if content_name(described, contents) != keys.content_of(old):
        raise _UnprovenError("together its objects are not what was published. Publish the session again with --force.")
    new, data = next(made for made in _names(described, contents) if made[0] not in (old, *latest.removed))
    target = keys.revision_folder(latest.session_key, new)
    with suppress(Conflict):  # the source has just gone
        in_parallel(lambda item: store.copy(folder + item.path, target + item.path, item.sha256), items)
        store.write(keys.manifest(latest.session_key, new), data)
        _, lost = read_revision(store, latest.session_key, new, by_hash=True)
        return not lost and _rename(store, latest, old, new)
    return False


def _rename(store: Store, latest: Latest, old: str, new: str) -> bool:
    """Let the history name a revision by ``new``, and prune count from now for what is left under ``old``."""
    manifest_key = keys.manifest(latest.session_key, old)
    stored = store.read(manifest_key)
    if stored is not None:
        store.write(manifest_key, stored.data)
    done: list[bool] = []

    def change(present: Latest | None) -> Latest | None:
        done.append(present is not None and old in present.revisions and new not in present.removed)
        return rename(present, {old: new}) if present and done[-1] else None

    return update_document(store, keys.latest(latest.session_key), Latest, change) and done[-1]


def _look(store: Store, folder: str, item: ManifestObject) -> tuple[ManifestObject, str]:
    """Return an object's entry as its bytes are, and the hash of what is in it."""
    stored = store.read(folder + item.path)
    if stored is None:
        raise _UnprovenError(f"{item.path} is not there. Publish the session again with --force.")
    sha256 = hashlib.sha256(stored.data).hexdigest()
    try:
        return replace(item, bytes=len(stored.data), sha256=sha256), content_sha256(item.path, stored.data)
    except PublicationError as error:
        raise _UnprovenError(str(error)) from error


def _names(manifest: Manifest, contents: list[str]) -> Iterator[tuple[str, bytes]]:
    return (named(manifest, contents, number) for number in itertools.count())


def _remove_foreign_copies(store: Store) -> set[int]:
    """Remove tables under stable names of sessions that are not published; returns these sessions."""
    rows = [row.key for row in store.list(keys.TABLE_COPIES)]
    sessions = {key: session_key for key in rows if (session_key := keys.session_of_table_copy(key)) is not None}
    published = {key for key in set(sessions.values()) if store.head(keys.latest(key)) is not None}
    foreign = {key: session_key for key, session_key in sessions.items() if session_key not in published}
    remove_objects(store, sorted(foreign))
    return set(foreign.values())
