"""The change feed: what became current, as a document and as Atom, whoever publishes beside whom."""

import dataclasses
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import pytest
from memory_store import MemoryStore
from msgspec.structs import replace

from publish import keys
from publish.contract.verify import verify_store
from publish.publication import finish_publication, prune, publish_revision, roll_back
from publish.revisions.latest import HistoryEntry, Latest
from publish.season.changes import MAX_CHANGES, Change, Changes, atom_feed, note_changes
from publish.season.index import RootIndex
from publish.stores.shared_documents import read_document
from publish.structs import encode_document

NOW = datetime(2024, 3, 2, 18, 0, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


def latest(session_key: int, *hours: int, event: str = "Bahrain Grand Prix", removed: tuple[str, ...] = ()) -> Latest:
    """A session with a revision for each of ``hours`` after NOW, the newest first."""
    history = tuple(
        HistoryEntry(f"{hour:016x}", NOW + timedelta(hours=hour), "first", "A", ("laps.json.gz",), (), 2)
        for hour in hours
    )
    current = history[0].revision
    manifest = f"{current}/manifest.json"
    return Latest(
        session_key, 2024, 1, event, "R", current, manifest, "A", None, "in", "code", history, removed=removed
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: NOW)


def note(store: MemoryStore, *sessions: Latest) -> bool:
    """Let sessions be what they are, and the feeds follow."""
    for session in sessions:
        store.write(keys.latest(session.session_key), encode_document(session))
    return note_changes(store, [session.session_key for session in sessions])


def told(store: MemoryStore) -> list[tuple[int, str]]:
    document = read_document(store, keys.CHANGES, Changes)
    assert document is not None
    return [(change.session_key, change.revision) for change in document.changes]


def entries(store: MemoryStore) -> list[ElementTree.Element]:
    stored = store.read(keys.CHANGES_ATOM)
    assert stored is not None
    return ElementTree.fromstring(stored.data).findall(f"{ATOM}entry")


def test_every_revision_is_told_newest_first_and_once(store: MemoryStore) -> None:
    assert note(store, latest(9472, 0))
    assert note(store, latest(9480, 5, 1))
    assert note(store, latest(9472, 3, 0))
    assert told(store) == [(9480, f"{5:016x}"), (9472, f"{3:016x}"), (9480, f"{1:016x}"), (9472, f"{0:016x}")]
    version = store.version
    assert not note_changes(store, [9472, 9480])
    assert store.version == version
    root = read_document(store, keys.INDEX, RootIndex)
    assert root is not None
    assert (root.links["changes"], root.links["changes_feed"]) == (keys.CHANGES, keys.CHANGES_ATOM)


def test_what_was_pruned_stays_told_and_what_was_renamed_is_told_by_its_new_name(store: MemoryStore) -> None:
    note(store, latest(9472, 3, 0))
    note(store, latest(9472, 3, removed=(f"{0:016x}",)))
    assert told(store) == [(9472, f"{3:016x}"), (9472, f"{0:016x}")]
    renamed = latest(9472, 3)
    entry = replace(renamed.history[0], revision="f" * 16)
    note(store, replace(renamed, history=(entry,), removed=(f"{0:016x}",)))
    assert told(store) == [(9472, "f" * 16), (9472, f"{0:016x}")]


def test_only_the_newest_are_kept(store: MemoryStore) -> None:
    note(store, latest(9472, *range(MAX_CHANGES + 10, 0, -1)))
    note(store, latest(9480, 0))
    assert len(told(store)) == MAX_CHANGES
    assert (9480, f"{0:016x}") not in told(store)


def test_the_atom_feed_says_the_same_and_no_result(store: MemoryStore) -> None:
    note(store, latest(9472, 3, 0, event="Café <&> Grand Prix"))
    first, second = entries(store)
    assert first.findtext(f"{ATOM}title") == "2024 Café <&> Grand Prix Race: first, grade A"
    assert first.findtext(f"{ATOM}updated") == "2024-03-02T21:00:00.000Z"
    assert first.findtext(f"{ATOM}summary") == "laps.json.gz. 2 results differ"
    links = [link.get("href") for link in first.findall(f"{ATOM}link")]
    assert links == ["../index.html#session=9472", "sessions/9472/latest.json"]
    assert first.findtext(f"{ATOM}id") != second.findtext(f"{ATOM}id")
    assert ElementTree.fromstring(atom_feed(())).findall(f"{ATOM}entry") == []


class Meddling(MemoryStore):
    """A store in which somebody else brings the feeds up to date just before the first Atom feed is written."""

    meddled = False

    def write(self, key: str, data: bytes, **conditions: object) -> str:  # type: ignore[override]
        if key == keys.CHANGES_ATOM and not self.meddled:
            self.meddled = True
            note(self, latest(9480, 5))
        return super().write(key, data, **conditions)  # type: ignore[arg-type]


def test_two_at_once_end_with_one_feed_that_tells_of_both() -> None:
    store = Meddling(lambda: NOW)
    note(store, latest(9472, 3))
    assert told(store) == [(9480, f"{5:016x}"), (9472, f"{3:016x}")]
    assert len(entries(store)) == 2


def test_publications_rollbacks_and_prunes_are_followed_and_verified(file_store, publishing) -> None:
    one, two = publishing.revision("one"), publishing.revision("two")
    for made, inputs in ((one, "a"), (two, "b")):
        summary = dataclasses.replace(publishing.summary, inputs_sha256=inputs)
        publish_revision(file_store, made, publishing.identity(), summary=summary, now=publishing.now)
    key = one.session_key
    roll_back(file_store, key, None, now=NOW + timedelta(days=60))
    document = read_document(file_store, keys.CHANGES, Changes)
    assert document is not None
    newest = document.changes[0]
    assert (newest.revision, newest.reason) == (one.revision, "rolled back")
    assert {change.revision for change in document.changes} == {one.revision, two.revision}
    prune(file_store, keep=1, older_than=timedelta(), now=NOW + timedelta(days=90), dry_run=False)
    finish_publication(file_store, key, NOW + timedelta(days=90))
    assert verify_store(file_store).is_good

    file_store.write(keys.CHANGES_ATOM, b"<feed/>")
    assert {finding.key for finding in verify_store(file_store).findings} == {keys.CHANGES_ATOM}
    file_store.delete(keys.CHANGES)
    assert {finding.key for finding in verify_store(file_store).findings} == {keys.CHANGES, keys.INDEX}
    finish_publication(file_store, key, NOW + timedelta(days=90))
    assert verify_store(file_store).is_good
    assert isinstance(read_document(file_store, keys.CHANGES, Changes).changes[0], Change)
