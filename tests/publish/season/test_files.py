"""The list of a season's table files: what is current, whoever publishes beside whom."""

import hashlib
from typing import Any

import pytest
from memory_store import MemoryStore

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.publication import finish_publication, publish_revision, roll_back
from publish.season.files import Files, TableFile, as_listed, list_files
from publish.season.index import RootIndex
from publish.stores.base import Store
from publish.stores.shared_documents import read_document

LIST = "v1/files/2024.json"


@pytest.fixture
def store(publishing) -> MemoryStore:
    return MemoryStore(lambda: publishing.now)


def publish(store: Store, publishing, content: str = "one", session_key: int = 9472, round_number: int = 1) -> str:
    event = {1: "Bahrain Grand Prix", 2: "Saudi Arabian Grand Prix"}[round_number]
    identity = publishing.identity(session_key, round_number, event=event)
    encoded = publishing.revision(content, session_key=session_key)
    return publish_revision(store, encoded, identity, summary=publishing.summary, now=publishing.now).revision


def listed(store: Store) -> tuple[TableFile, ...]:
    document = read_document(store, LIST, Files)
    assert document is not None and document.year == 2024
    return document.files


def test_it_lists_what_is_current_with_bytes_and_hash(store: MemoryStore, publishing) -> None:
    first = publish(store, publishing)
    second = publish(store, publishing, session_key=9480, round_number=2)
    found = [(file.table, file.session_key, file.revision, file.round) for file in listed(store)]
    assert found == [
        (table, session_key, revision, number)
        for table in ("laps", "results")
        for session_key, revision, number in ((9472, first, 1), (9480, second, 2))
    ]
    for file in listed(store):
        stored = store.read(file.url)
        assert stored is not None and len(stored.data) == file.bytes
        assert hashlib.sha256(stored.data).hexdigest() == file.sha256
    root = read_document(store, keys.INDEX, RootIndex)
    assert root is not None and root.links["files_2024"] == LIST
    assert verify_store(store).is_good


def test_it_follows_a_new_revision_and_a_rollback(store: MemoryStore, publishing) -> None:
    first, second = publish(store, publishing), publish(store, publishing, "two")
    assert {file.revision for file in listed(store)} == {second}
    before = read_document(store, LIST, Files)
    roll_back(store, 9472, None, now=publishing.now)
    assert {file.revision for file in listed(store)} == {first}
    after = read_document(store, LIST, Files)
    # What was taken back is another document all the same.
    assert before is not None and after is not None and after.serial > before.serial


def test_a_rollback_that_finds_the_list_as_it_was_is_followed_all_the_same(
    store: MemoryStore, publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(store, publishing)
    write = store.write

    def taken_back_first(key: str, data: bytes, **conditions: Any) -> str:
        if key == LIST:
            monkeypatch.setattr(store, "write", write)
            before = store.read(LIST)
            assert roll_back(store, 9472, None, now=publishing.now).revision == first
            assert store.read(LIST) == before
        return write(key, data, **conditions)

    monkeypatch.setattr(store, "write", taken_back_first)
    publish(store, publishing, "two")
    assert {file.revision for file in listed(store)} == {first}


def test_nothing_is_written_where_nothing_is_new(store: MemoryStore, publishing) -> None:
    publish(store, publishing)
    before = store.read(LIST)
    assert not list_files(store, 2024, [9472])
    assert store.read(LIST) == before


def test_a_session_that_is_not_there_leaves_the_list_alone(store: MemoryStore, publishing) -> None:
    publish(store, publishing)
    assert not list_files(store, 2024, [1])
    assert {file.session_key for file in listed(store)} == {9472}


@pytest.mark.parametrize("mend", ["finish", "heal"])
def test_a_list_that_is_lost_or_behind_is_found_and_made_anew(store: MemoryStore, publishing, mend: str) -> None:
    publish(store, publishing)
    stale = store.read(LIST)
    publish(store, publishing, "two")
    right = tuple(map(as_listed, listed(store)))
    for damage in (lambda: store.write(LIST, stale.data), lambda: store.delete(LIST)):
        damage()
        assert {finding.key for finding in verify_store(store).findings} >= {LIST}
        if mend == "heal":
            heal_store(store, publishing.now)
        else:
            finish_publication(store, 9472, publishing.now)
        assert tuple(map(as_listed, listed(store))) == right and verify_store(store).is_good
