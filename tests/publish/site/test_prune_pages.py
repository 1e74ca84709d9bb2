"""Old versions of the pages' parts go when nobody can be in need of them."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from fault_store import WatchedStore

from publish.publication import publish_site
from publish.site.files import versioned
from publish.site.prune import plan_prune_pages, remove_pages
from publish.stores.folder import FileStore

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAGE = b'<script src="viewer/app.js"></script>'


def files_of(content: str) -> dict[str, bytes]:
    return versioned({"index.html": PAGE, "status.html": PAGE}, {"app.js": content.encode(), "a.css": b"a"})


def version_of(content: str) -> str:
    return next(iter(files_of(content))).split("/")[1]


@pytest.fixture
def publish(file_store):
    """Publish the version ``content`` of the pages as if it were ``days`` ago."""

    def run(content: str, days: float) -> None:
        files = files_of(content)
        new = [key for key in files if file_store.read(key) is None]
        publish_site(file_store, files)
        for key in new:
            moment = (NOW - days * DAY).timestamp()
            os.utime(file_store.root / key, (moment, moment))

    return run


def planned(store: FileStore, older_than: timedelta = 30 * DAY) -> set[str]:
    return {old.version for old in plan_prune_pages(store, older_than=older_than, now=NOW)}


def left(store: FileStore) -> set[str]:
    return {row.key.split("/")[1] for row in store.list("viewer/")}


def test_what_was_replaced_long_ago_goes(file_store, publish):
    for content, days in (("a", 90), ("b", 40), ("c", 20)):
        publish(content, days)
    plan = plan_prune_pages(file_store, older_than=30 * DAY, now=NOW)
    assert [old.version for old in plan] == [version_of("a")], "b was replaced 20 days ago"
    assert remove_pages(file_store, plan) == tuple(plan)
    assert plan[0].bytes == len(b"a") * 2
    assert left(file_store) == {version_of("b"), version_of("c")}
    assert planned(file_store) == set()
    assert "no page links it" in plan[0].reason and plan[0].name == f"pages {version_of('a')}"


def test_nothing_goes_on_the_day_the_pages_change(file_store, publish):
    """Whatever age is asked for: a page of the version before may still be on its way out of a cache."""
    publish("a", 90)
    publish("b", 0.5)
    assert planned(file_store, timedelta(0)) == set()


def test_what_is_linked_stays_however_old(file_store, publish):
    publish("a", 90)
    publish("b", 60)
    publish("a", 50)  # gone back to
    assert planned(file_store) == set(), "a is linked, and nothing came after b"


def test_files_of_the_time_before_versions_go_too(file_store, publish):
    file_store.write("viewer/app.js", b"old")
    os.utime(file_store.root / "viewer/app.js", ((NOW - 90 * DAY).timestamp(),) * 2)
    publish("a", 40)
    plan = plan_prune_pages(file_store, older_than=30 * DAY, now=NOW)
    assert [old.objects for old in plan] == [("viewer/app.js",)]
    remove_pages(file_store, plan)
    assert file_store.read("viewer/app.js") is None and left(file_store) == {version_of("a")}


def test_what_a_page_links_again_stays_or_is_put_back(file_store, publish):
    publish("a", 90)
    publish("b", 40)
    plan = plan_prune_pages(file_store, older_than=30 * DAY, now=NOW)
    pages = {key: data for key, data in files_of("a").items() if key.endswith(".html")}

    def go_back(request: str, key: object) -> None:
        if request == "delete":
            for page, data in pages.items():
                file_store.write(page, data)

    assert remove_pages(WatchedStore(file_store, go_back), plan) == ()
    for key, data in files_of("a").items():
        stored = file_store.read(key)
        assert stored is not None and stored.data == data
    assert remove_pages(file_store, plan) == (), "linked before anything went"
    assert left(file_store) == {version_of("a"), version_of("b")}
