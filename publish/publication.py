"""The order of publication: objects, manifest, ``latest.json``, stable copies, season index, root index.

Everything a document links is there before the document is. A publisher that dies between any two requests leaves
a valid store, and the next run finishes the job; two publishers of one session end with one of them current and
nothing mixed. What holds at which step is in ``docs/publication.md``.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec.structs import replace

from publish import keys
from publish.encode.manifest import Manifest, named_anew
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.headers import headers_for
from publish.revisions.diff import changed_groups, object_changes, read_result_changes
from publish.revisions.gate import check_gate
from publish.revisions.latest import (
    ROLLED_BACK,
    Changes,
    HistoryEntry,
    Latest,
    Summary,
    hold_back,
    read_latest,
    replace_latest,
    step_back,
    succeed,
)
from publish.revisions.prune import Removal, condemn, delete_removed, plan_prune
from publish.revisions.stored import find_content, read_revision, upload_revision
from publish.season.document import home_in
from publish.season.finish import finish_publication
from publish.season.index import is_indexed, read_season, update_season
from publish.season.static_files import publish_site
from publish.stores.base import Store
from publish.stores.parallel import OnProgress
from publish.stores.shared_documents import read_document
from publish.structs import decode_document
from transforms.errors import InputError, PublicationError
from transforms.recording import SessionIdentity

__all__ = [
    "PublishOutcome",
    "Summary",
    "finish_publication",
    "prune",
    "prune_revisions",
    "publish_revision",
    "publish_site",
    "roll_back",
]

logger = logging.getLogger(__name__)

_LISTED_SESSIONS = 40
_ATTEMPTS = 20

T = TypeVar("T")


@dataclass(frozen=True)
class PublishOutcome:
    """What a publication did. ``unchanged``: the content was current already and nothing was uploaded.

    ``revision`` is what is current: the one handed in or, of the same content, one that was stored before.
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
    with_tables: bool = True,
    on_progress: OnProgress | None = None,
) -> PublishOutcome:
    """Store a revision and make it current. Publishing the same content again uploads nothing.

    Everything is decided from what is current when it begins; if that is something else when ``latest.json`` is to be
    written, it is decided anew. ``forced`` also proves by their hashes that the objects of what is current are there.
    ``with_tables`` as in :func:`~publish.season.finish.finish_publication`.

    ``on_progress`` gets the number of objects done and the number of all, in the calling thread. Raises
    PublicationError or InputError when the destination does not take it, QualityGateError when the revision is worse
    than the current one beyond the gate's limits and not ``forced``; what was current before then still is.
    """
    _check_consistent(encoded, identity)
    session_key = identity.session_key
    uploaded: dict[str, EncodedObject] = {}

    def attempt() -> tuple[Latest | None, Latest] | None:
        before = read_latest(store, session_key)
        if before is not None and not forced:
            if before.withholds(encoded.revision):
                return _replaced(before, before.revision, lambda present: hold_back(present or before, summary))
            check_gate(store, encoded, identity, before)
        manifest = find_content(store, before, encoded.revision, by_hash=forced) if before else None
        if manifest is None:
            ours = named_anew(encoded, before.removed if before else ())
            uploaded.update({f"{ours.revision}/{one.path}": one for one in upload_revision(store, ours, on_progress)})
            manifest = decode_document(ours.manifest, Manifest, "The manifest")
        elif on_progress:
            on_progress(len(encoded.objects), len(encoded.objects))
        revision = manifest.revision
        changes = _changes(store, before, manifest)
        event, number = home_in(read_season(store, identity.year), session_key, identity.event, identity.round)

        def following(present: Latest | None) -> Latest:
            after = succeed(present, identity, revision, summary, now=now, forced=forced, changes=changes)
            return replace(after, event=event, round=number)

        return _replaced(before, revision, following)

    def _replaced(
        before: Latest | None, revision: str, following: Callable[[Latest | None], Latest]
    ) -> tuple[Latest | None, Latest] | None:
        after = replace_latest(store, session_key, before, revision, following)
        return None if after is None else (before, after)

    before, after = _attempted(store, session_key, attempt)
    is_new = before is None or before.revision != after.revision
    if after.withholds(encoded.revision):
        logger.info("%s was rolled back from; %s stays current", encoded.revision, after.revision)
        return PublishOutcome(after.revision, 0, 0, unchanged=True, withheld=True)
    former_round = before.round if before else None
    finish_publication(store, session_key, now, touch=is_new, former_round=former_round, with_tables=with_tables)
    return PublishOutcome(
        revision=after.revision,
        uploaded_objects=len(uploaded),
        uploaded_bytes=sum(item.bytes for item in uploaded.values()),
        unchanged=not uploaded and not is_new,
    )


def roll_back(store: Store, session_key: int, revision: str | None, *, now: datetime) -> Latest:
    """Make an earlier revision current again and return what is current then.

    None goes to the newest one before the present one that was not rolled back from itself; it finishes a rollback
    that was interrupted instead. What the revision left holds, and all that came after the target, stays out until a
    forced run: other inputs or code may bring another revision, not these.

    :raises InputError: the session or the revision is not in the history.
    :raises PublicationError: not everything of the target is there.
    """

    def attempt() -> tuple[Latest, Latest] | None:
        before = read_latest(store, session_key)
        if before is None:
            raise InputError(_unknown_session(store, session_key))
        entry = _target(store, before, revision)
        manifest, lost = read_revision(store, session_key, entry.revision)
        if manifest is None or lost:
            if read_latest(store, session_key) != before:
                return None
            raise PublicationError(
                f"{len(lost)} objects of revision {entry.revision} of session {session_key} are gone from {store.uri}, "
                f"have another size or are of an older format, {lost[0]} for one. What is current stays. Choose "
                "another revision, or restore them."
            )
        if entry.revision == before.revision:
            return before, before
        changes = _changes(store, before, manifest)

        def following(present: Latest | None) -> Latest:
            return step_back(
                present or before,
                entry.revision,
                entry.grade,
                manifest.capabilities,
                manifest.verdict,
                now=now,
                changes=changes,
            )

        after = replace_latest(store, session_key, before, entry.revision, following)
        return None if after is None else (before, after)

    before, after = _attempted(store, session_key, attempt)
    finish_publication(store, session_key, now, touch=before.revision != after.revision)
    return read_latest(store, session_key) or after


def prune(
    store: Store,
    *,
    keep: int,
    older_than: timedelta,
    now: datetime,
    dry_run: bool,
    on_removed: Callable[[Removal], None] = lambda removal: None,
) -> tuple[Removal, ...]:
    """Remove what nobody needs and what killed writers left unfinished; return what has gone.

    With ``dry_run`` nothing goes and what would is returned.

    :raises InputError, PublicationError: as :func:`~publish.revisions.prune.plan_prune` does; nothing is removed then.
    """
    plan = plan_prune(store, keep=keep, older_than=older_than, now=now)
    if dry_run:
        return tuple(plan)
    removed = prune_revisions(store, plan, keep=keep, now=now, on_removed=on_removed)
    store.remove_unfinished(now - older_than)
    return removed


def prune_revisions(
    store: Store,
    removals: Iterable[Removal],
    *,
    keep: int,
    now: datetime,
    on_removed: Callable[[Removal], None] = lambda removal: None,
) -> tuple[Removal, ...]:
    """Remove what was planned and return what has gone; ``on_removed`` is told of each when it is done.

    What has become current or linked meanwhile stays.

    :raises PublicationError: a document cannot be read or understood; nothing is removed then.
    """
    condemned = condemn(store, removals, keep=keep)
    found = [read_latest(store, session_key) for session_key in sorted({one.session_key for one in condemned})]
    for year in sorted({latest.year for latest in found if latest}):
        # A publisher may still hold a season index and a latest.json of before: its write of the index fails now.
        session_keys = [latest.session_key for latest in found if latest and latest.year == year]
        update_season(store, year, None, now, session_keys=session_keys, touch=True)
    for removal in condemned:
        delete_removed(store, removal)
        on_removed(removal)
    return tuple(condemned)


def _attempted(store: Store, session_key: int, attempt: Callable[[], T | None]) -> T:
    """Return what ``attempt`` gives, tried again while others change what is current of the session meanwhile."""
    for _ in range(_ATTEMPTS):
        if (result := attempt()) is not None:
            return result
        logger.info("Another run changed what is current of session %s at the same time", session_key)
    raise PublicationError(
        f"Session {session_key} in {store.uri} was changed by other runs each of the {_ATTEMPTS} times this one was to "
        "make a revision current. See what starts them, then run again: what is already stored is not uploaded twice."
    )


def _target(store: Store, latest: Latest, revision: str | None) -> HistoryEntry:
    """Return the step of the history to go back to; raises InputError if there is none."""
    target = revision or _step_before(store, latest)
    entry = next((entry for entry in latest.history if entry.revision == target), None)
    if entry is None:
        raise InputError(
            f"Session {latest.session_key} has no {'revision ' + revision if revision else 'earlier revision'}. Known "
            f"ones, newest first: {', '.join(latest.revisions)}."
        )
    return entry


def _step_before(store: Store, latest: Latest) -> str | None:
    if latest.history[0].reason == ROLLED_BACK and not is_indexed(store, latest):
        return latest.revision
    return next((r for r in latest.revisions if r != latest.revision and not latest.withholds(r)), None)


def _unknown_session(store: Store, session_key: int) -> str:
    known = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())
    listed = ", ".join(map(str, known[:_LISTED_SESSIONS])) + (", ..." if len(known) > _LISTED_SESSIONS else "")
    return f"Session {session_key} is not published in {store.uri}. Published are: {listed or 'none'}."


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


def _changes(store: Store, latest: Latest | None, after: Manifest) -> Changes:
    """Return what differs between what is current and a stored revision; nothing for the first one."""
    try:
        before = None if latest is None else read_document(store, latest.manifest_key, Manifest)
    except PublicationError as error:
        logger.warning("What has changed cannot be said, the revision before is of another format: %s", error)
        return Changes()
    if before is None:
        return Changes()  # lost or just replaced, which must not keep a new revision from being published
    objects = tuple(changed_groups(object_changes(before, after)))
    try:
        return Changes(objects, tuple(read_result_changes(store, before, after)))
    except PublicationError as error:
        # A lost object of the old revision must not keep a new one from being published.
        logger.warning("The results of two revisions cannot be compared: %s", error)
        return Changes(objects)
