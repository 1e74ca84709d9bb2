"""Pages and schemas: what the list says is there, whoever dies; one question where nothing has changed."""

import hashlib

import pytest
from fault_store import KilledError, WatchedStore, killed_at

from publish import keys
from publish.contract.verify import verify_store
from publish.publication import publish_site
from publish.season.index import update_root_index
from publish.season.static_files import Site, is_site_current
from publish.stores.base import Store
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document

OLD = {
    "index.html": b"old page",
    "v1/schemas/a.json": b"{}",
    "v1/schemas/b.json": b"{}",
    "viewer/0123456789abcdef/app.js": b"old",
}
NEW = {
    "index.html": b"new page",
    "v1/schemas/a.json": b"{}",
    "v1/schemas/b.json": b"[]",
    "viewer/fedcba9876543210/app.js": b"new",
}


@pytest.fixture
def store(tmp_path):
    store = FileStore(tmp_path)
    publish_site(store, OLD)
    return store


def listed(store: Store) -> dict[str, str]:
    site = read_document(store, keys.SITE, Site)
    assert site is not None
    return site.files


def check_the_list_is_true(store: Store) -> None:
    for key, sha256 in listed(store).items():
        stored = store.read(key)
        assert stored is not None and hashlib.sha256(stored.data).hexdigest() == sha256, key


def test_everything_is_listed_once_it_is_there(store):
    check_the_list_is_true(store)
    assert set(listed(store)) == set(OLD)
    assert publish_site(store, NEW) == 3
    check_the_list_is_true(store)
    assert set(listed(store)) == set(NEW)


def test_what_is_listed_is_not_asked_for(store):
    watched = WatchedStore(store)
    assert publish_site(watched, NEW) == 3
    assert ("read", "v1/schemas/a.json") not in watched.requests
    again = WatchedStore(store)
    assert publish_site(again, NEW) == 0
    assert again.writes == [] and not {key for _, key in again.requests} & set(NEW)


def test_two_questions_tell_that_all_is_as_it_should_be(store):
    assert not is_site_current(store, OLD, 2024), "neither the season nor health and runs are linked"
    update_root_index(store, years=(2024,), links={"health": keys.HEALTH, "runs": keys.RUNS})
    watched = WatchedStore(store)
    assert is_site_current(watched, OLD, 2024)
    assert watched.requests == [("read", keys.SITE), ("read", keys.INDEX)]
    assert not is_site_current(store, NEW, 2024) and not is_site_current(store, OLD, 2025)
    update_root_index(store, links={"viewer": "elsewhere.html"})
    assert not is_site_current(store, OLD, 2024)


@pytest.mark.parametrize("done", [False, True])
def test_killed_at_any_request_the_list_is_true_and_the_next_one_finishes(tmp_path, done):
    number = 0
    while True:
        store = FileStore(tmp_path / f"{number}")
        publish_site(store, OLD)
        try:
            publish_site(killed_at(store, number, done=done), NEW)
            break
        except KilledError:
            check_the_list_is_true(store)
        publish_site(store, NEW)
        check_the_list_is_true(store)
        assert set(listed(store)) == set(NEW)
        assert store.read("index.html").data == b"new page"
        number += 1
    assert number > len(NEW)


@pytest.mark.parametrize("moment", range(12))
def test_of_two_versions_at_once_the_last_one_is_there_whole(store, moment):
    """The other version publishes all of its own between two requests of this one."""
    count = 0

    def other(_request: str, _key: str) -> None:
        nonlocal count
        count += 1
        if count == moment + 1:
            publish_site(store, OLD | {"status.html": b"old status"})

    publish_site(WatchedStore(store, before=other), NEW)
    check_the_list_is_true(store)
    assert set(listed(store)) in (set(NEW), {*OLD, "status.html"})


def test_a_list_that_cannot_be_read_is_written_anew(store):
    store.write(keys.SITE, b"{")
    assert publish_site(store, NEW) == 3
    check_the_list_is_true(store)


@pytest.mark.parametrize("key", ["index.html", "v1/schemas/a.json", "viewer/0123456789abcdef/app.js"])
def test_what_was_damaged_or_lost_is_found_and_written_anew(store, key):
    assert verify_store(store).is_good
    store.write(key, b"something else")
    (finding,) = verify_store(store).findings
    assert finding.key == key and keys.SITE in finding.problem and "--heal" in finding.problem
    store.delete(key)
    assert key in {finding.key for finding in verify_store(store).findings}
    assert publish_site(store, OLD) == 0, "only who is asked to looks at what is listed"
    assert publish_site(store, OLD, anew=True) == 1
    assert verify_store(store).is_good
