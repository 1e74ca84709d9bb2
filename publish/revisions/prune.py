"""Remove revisions nobody needs any more, so that no document ever links what is gone.

A revision that goes is first taken out of its session's history and its name is written down as removed, both in one
write of ``latest.json``. Whoever wants to make it current again has to write the same document: one of the two is too
late and sees it. A name once removed is never used again, so that what is then deleted, by whoever and however late, is
nobody's. Killed in between, the next prune deletes the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from publish import keys
from publish.revisions.latest import Latest, forget, read_latest
from publish.stores.base import Listed, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document
from transforms.errors import InputError


@dataclass(frozen=True)
class Removal:
    """One revision that goes, its manifest first. ``reason`` says why it may: not current since ``before`` (aware)."""

    session_key: int
    revision: str
    objects: tuple[str, ...]
    bytes: int
    reason: str
    before: datetime

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


def plan_prune(store: Store, *, keep: int, older_than: timedelta, now: datetime) -> list[Removal]:
    """Return what may go: revisions beyond a session's newest ``keep`` that have not been current for ``older_than``.

    Also what is in no history and has not been written to for as long, such as uploads that never ended, and what is
    left of removals, whatever its age. The current revision and whatever a season index links stay. So does all that
    lies below a session that was never published: there is no document yet in which a publisher at work would see it.

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
        if latest is None:
            return []
        found = _list_revisions(store, session_key)
        superseded = _superseded(latest)
        kept = {(session_key, revision) for revision in latest.revisions[:keep]} | linked
        removals = []
        for revision, rows in sorted(found.items()):
            if (session_key, revision) in kept:
                continue
            if revision in latest.removed:
                reason, since = "half removed", before
            elif revision in superseded:
                reason, since = f"not current since {superseded[revision]:%Y-%m-%d}", superseded[revision]
            else:
                reason, since = "in no history", max(row.modified for row in rows)
            if since <= before:
                removals.append(_removal(session_key, revision, rows, reason, before))
        return removals

    return [removal for removals in in_parallel(plan, names) for removal in removals]


def condemn(store: Store, removals: Iterable[Removal], *, keep: int) -> list[Removal]:
    """Take revisions out of their sessions' histories for good and return those for which that was right.

    Every document is read again: what has become current, is linked or is among the newest ``keep`` by now stays.

    :raises PublicationError: a document cannot be read or understood; nothing is taken out then.
    """
    linked = _read_linked(store)
    return [one for one in removals if (one.session_key, one.revision) not in linked and _condemn(store, one, keep)]


def delete_removed(store: Store, removal: Removal) -> None:
    """Delete everything of a condemned revision, its manifest first."""
    manifest_key = keys.manifest(removal.session_key, removal.revision)
    store.delete(manifest_key)
    folder = keys.revision_folder(removal.session_key, removal.revision)
    # What was stored since the plan was made is nobody's either.
    names = {*removal.objects, *(row.key for row in store.list(folder))} - {manifest_key}
    in_parallel(store.delete, sorted(names))


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


def _removal(session_key: int, revision: str, rows: list[Listed], reason: str, before: datetime) -> Removal:
    manifest = keys.manifest(session_key, revision)
    objects = sorted((row.key for row in rows), key=lambda key: (key != manifest, key))
    return Removal(session_key, revision, tuple(objects), sum(row.bytes for row in rows), reason, before)


def _condemn(store: Store, removal: Removal, keep: int) -> bool:
    """Write down that a revision is removed; False if it stays."""
    condemned: list[bool] = []

    def change(latest: Latest | None) -> Latest | None:
        condemned.append(latest is not None and not _is_needed(latest, removal, keep))
        if latest is None or not condemned[-1] or removal.revision in latest.removed:
            return None
        return forget(latest, removal.revision)

    update_document(store, keys.latest(removal.session_key), Latest, change)
    return condemned[-1]


def _is_needed(latest: Latest, removal: Removal, keep: int) -> bool:
    superseded = _superseded(latest).get(removal.revision)
    is_young = superseded is not None and superseded > removal.before
    return is_young or removal.revision in (latest.revision, *latest.revisions[:keep])
