"""Remove revisions nobody needs any more, so that no document ever links what is gone.

A revision leaves its session's history first, then its manifest goes, then its objects. Killed in between it is one
without a manifest or in no history, which the next prune removes too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from publish import keys
from publish.revisions.latest import Latest, read_latest
from publish.stores.base import Listed, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document
from transforms.errors import InputError, PublicationError


@dataclass(frozen=True)
class Removal:
    """One revision that goes, its manifest first. ``reason`` says why it may."""

    session_key: int
    revision: str
    objects: tuple[str, ...]
    bytes: int
    reason: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"{self.session_key}/{self.revision}"


# What matters here of the indexes, which are written from what this room says: their own room comes before it.
class _Session(Struct):
    session_key: int | None
    revision: str | None


class _Event(Struct):
    sessions: list[_Session]


class _Season(Document, tag="parcferme/season/1", forbid_unknown_fields=False):
    events: list[_Event]


class _Link(Struct):
    index: str


class _Index(Document, tag="parcferme/index/1", forbid_unknown_fields=False):
    seasons: list[_Link]


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

    :raises InputError, PublicationError: as :func:`plan_prune` and :func:`carry_out` do.
    """
    plan = plan_prune(store, keep=keep, older_than=older_than, now=now)
    if dry_run:
        return tuple(plan)
    removed = carry_out(store, plan, keep=keep, on_removed=on_removed)
    store.remove_unfinished(now - older_than)
    return removed


def plan_prune(store: Store, *, keep: int, older_than: timedelta, now: datetime) -> list[Removal]:
    """Return what may go: revisions beyond a session's newest ``keep`` that have not been current for ``older_than``.

    Also what is in no history and has not been written to for as long: uploads that never ended, half-done removals.
    The current revision and whatever a season index links stay, whatever their age.

    :raises InputError: ``keep`` is less than 1 or ``older_than`` negative.
    :raises PublicationError: a document cannot be read or understood. Then nothing may go.
    """
    if keep < 1 or older_than < timedelta(0):
        raise InputError("At least one revision is kept (--keep 1), and an age is not negative (--older-than 0d).")
    before = now - older_than
    linked = _read_linked(store)
    names = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())

    def plan(session_key: int) -> list[Removal]:
        latest = read_latest(store, session_key)
        found = _list_revisions(store, session_key)
        superseded = _superseded(latest) if latest else {}
        kept = {(session_key, revision) for revision in (latest.revisions[:keep] if latest else ())} | linked
        removals = []
        for revision, rows in sorted(found.items()):
            if (session_key, revision) in kept:
                continue
            if revision in superseded:
                reason, since = f"not current since {superseded[revision]:%Y-%m-%d}", superseded[revision]
            else:
                reason, since = "in no history", max(row.modified for row in rows)
            if since <= before:
                removals.append(_removal(session_key, revision, rows, reason))
        return removals

    return [removal for removals in in_parallel(plan, names) for removal in removals]


def carry_out(
    store: Store,
    removals: Iterable[Removal],
    *,
    keep: int,
    on_removed: Callable[[Removal], None] = lambda removal: None,
) -> tuple[Removal, ...]:
    """Remove what was planned and return what has gone; ``on_removed`` is told of each when it is done.

    Every document is read again before anything goes, and the session's own before each revision: what has become
    current or linked meanwhile stays.

    :raises PublicationError: a document cannot be read or understood; nothing is removed then.
    """
    linked = _read_linked(store)
    removed = []
    for removal in removals:
        if (removal.session_key, removal.revision) in linked:
            continue
        if _forget(store, removal, keep) and _remove(store, removal):
            removed.append(removal)
            on_removed(removal)
    return tuple(removed)


def _read_linked(store: Store) -> set[tuple[int, str]]:
    """Return every revision that a ``latest.json`` or a season index makes readers open."""
    seasons = {row.key for row in store.list("v1/seasons/") if row.key.endswith(".json")}
    root = read_document(store, keys.INDEX, _Index)
    if root is not None:
        seasons |= {season.index for season in root.seasons}
    names = [int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal()]
    linked = {pair for found in in_parallel(lambda key: _linked_by(store, key), sorted(seasons)) for pair in found}
    current = in_parallel(lambda session_key: read_latest(store, session_key), names)
    return linked | {(latest.session_key, latest.revision) for latest in current if latest}


def _linked_by(store: Store, season_key: str) -> set[tuple[int, str]]:
    season = read_document(store, season_key, _Season)
    sessions = [session for event in season.events for session in event.sessions] if season else []
    return {(one.session_key, one.revision) for one in sessions if one.session_key is not None and one.revision}


def _list_revisions(store: Store, session_key: int) -> dict[str, list[Listed]]:
    folder = keys.session_folder(session_key)
    found: dict[str, list[Listed]] = {}
    for row in store.list(folder):
        revision, inside, _ = row.key.removeprefix(folder).partition("/")
        if inside and keys.is_immutable(row.key):
            found.setdefault(revision, []).append(row)
    return found


def _superseded(latest: Latest) -> dict[str, datetime]:
    """Return since when each revision of the history is not current any more; a reader may be at work until then."""
    since: dict[str, datetime] = {}
    for newer, entry in zip(latest.history, latest.history[1:], strict=False):
        since.setdefault(entry.revision, newer.published_at)
    return since


def _removal(session_key: int, revision: str, rows: list[Listed], reason: str) -> Removal:
    manifest = keys.manifest(session_key, revision)
    objects = sorted((row.key for row in rows), key=lambda key: (key != manifest, key))
    return Removal(session_key, revision, tuple(objects), sum(row.bytes for row in rows), reason)


def _forget(store: Store, removal: Removal, keep: int) -> bool:
    """Take a revision out of its session's history and say whether it may go now."""
    allowed: list[bool] = [True]

    def change(latest: Latest | None) -> Latest | None:
        if latest is None:
            allowed.append(True)
            return None
        allowed.append(removal.revision not in latest.revisions[:keep])
        if not allowed[-1] or removal.revision not in latest.revisions:
            return None
        history = tuple(entry for entry in latest.history if entry.revision != removal.revision)
        return replace(latest, history=history)

    update_document(store, keys.latest(removal.session_key), Latest, change)
    return allowed[-1]


def _remove(store: Store, removal: Removal) -> bool:
    manifest_key = keys.manifest(removal.session_key, removal.revision)
    manifest = store.read(manifest_key)
    store.delete(manifest_key)
    # Without its manifest nobody takes the revision for complete; whoever did just before has it current by now.
    latest = read_latest(store, removal.session_key)
    if latest is not None and removal.revision in latest.revisions:
        if manifest is not None:
            store.write(manifest_key, manifest.data)
        return False
    in_parallel(store.delete, [key for key in removal.objects if key != manifest_key])
    latest = read_latest(store, removal.session_key)
    if latest is not None and latest.revision == removal.revision:
        raise PublicationError(
            f"Revision {removal.revision} of session {removal.session_key} was published again while it was being "
            "removed. Publish the session with --force now."
        )
    return True
