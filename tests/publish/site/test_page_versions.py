"""An upgrade never mixes two versions of the pages, and a page that cannot start or read says so."""

import json
from collections.abc import Iterator
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
import status_sites
from browser import needs_chromium
from fault_store import WatchedStore
from viewer_browser import PARTS, serving

from publish.contract.dictionary import schema_documents
from publish.keys import DEVELOP_PAGE
from publish.publication import publish_site
from publish.site.files import PAGES, site_files, versioned
from publish.stores.folder import FileStore

pytestmark = needs_chromium

STUCK = "document.readyState === 'complete' && look.all('#stuck').length > 0"


@pytest.fixture
def fresh(tmp_path) -> Iterator[SimpleNamespace]:
    """A site of its own with nothing but the pages and a season."""
    store = FileStore(tmp_path / "site")
    status_sites.SITES["healthy"](store)
    columns = "v1/schemas/columns.json"
    store.write(columns, schema_documents()[columns])
    with serving(store) as base:
        yield SimpleNamespace(store=store, base=base)


def changed_pages() -> dict[str, bytes]:
    """The pages of another version: every module says something else in its first line."""
    folder = files("publish") / "site"
    parts = {key.removeprefix(PARTS): data for key, data in site_files().items() if key.startswith(PARTS)}
    pages = {page: (folder / page).read_bytes().replace(b"<body>", b'<body class="newer">') for page in PAGES}
    return versioned(pages, {name: b"/* newer */\n" + data for name, data in parts.items() if name != "favicon.svg"})


def modules(page: Any) -> set[str]:
    """The folders a page has loaded anything from."""
    names = page.evaluate("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)")
    return {name.rpartition("/")[0] for name in names if "/viewer/" in name}


def test_an_old_page_goes_on_after_an_upgrade_and_a_new_one_is_all_new(fresh, page):
    """A cache may hand the old page out for some minutes: all it loads is still there."""
    old = fresh.store.read("index.html").data
    publish_site(fresh.store, changed_pages())
    fresh.store.write("held_by_a_cache.html", old)
    seen = {}
    for name in ("index.html", "held_by_a_cache.html"):
        page.forget(fresh.base)
        page.open(fresh.base + name)
        page.wait_for("document.body.dataset.ready === 'library'", "list of sessions")
        seen[name] = (page.evaluate("document.body.className"), modules(page))
        assert not page.complaints
    assert seen["index.html"][0] == "newer" and seen["held_by_a_cache.html"][0] == ""
    assert seen["held_by_a_cache.html"][1] == {"/" + PARTS.rstrip("/")}
    assert len(seen["index.html"][1]) == 1 and seen["index.html"][1] != seen["held_by_a_cache.html"][1]


@pytest.mark.parametrize(
    ("name", "gone"), [("index.html", "moment.js"), ("index.html", "app.js"), ("status.html", "times.js")]
)
def test_a_page_that_cannot_start_says_so(fresh, page, name, gone):
    fresh.store.delete(PARTS + gone)
    page.forget(fresh.base)
    page.open(fresh.base + name)
    page.wait_for(STUCK, "message that the page has not started", timeout_s=30)
    assert page.says("This page has not started") and page.says("Reload it")


def test_without_its_style_a_page_still_says_that_it_cannot_start(fresh, page):
    for gone in ("style.css", "app.js"):
        fresh.store.delete(PARTS + gone)
    page.forget(fresh.base)
    page.open(f"{fresh.base}index.html")
    page.wait_for(STUCK, "message that the page has not started", timeout_s=30)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_starts_says_nothing_of_it(fresh, page, name):
    page.forget(fresh.base)
    page.open(fresh.base + name)
    page.wait_for("document.body.dataset.ready", "page")
    assert page.evaluate("document.getElementById('stuck')") is None


def rewritten(store: FileStore, key: str, **changes: Any) -> None:
    document = json.loads(store.read(key).data)
    store.write(key, json.dumps(document | changes).encode())


@pytest.mark.parametrize(
    ("key", "changes", "found"),
    [
        ("index.json", {"contract": 2}, "contract 2"),
        ("index.json", {"schema": "parcferme/index/2"}, "parcferme/index/2"),
        (f"v1/seasons/{status_sites.NOW.year}.json", {"schema": "parcferme/season/7"}, "parcferme/season/7"),
    ],
)
# The page for developers reads with the reader it is about.
@pytest.mark.parametrize("name", [page for page in PAGES if page != DEVELOP_PAGE])
def test_a_format_of_another_version_is_told(fresh, page, name, key, changes, found):
    rewritten(fresh.store, key, **changes)
    page.forget(fresh.base)
    page.open(fresh.base + name)
    page.see(f"{key} has a format this page does not know ({found}; this page reads parcferme/")
    assert page.says("whoever publishes should publish the pages again")
    assert not page.complaints


def test_a_manifest_of_another_version_is_told(site, drive):
    key = f"{site.folder}manifest.json"
    whole = site.store.read(key).data
    try:
        rewritten(site.store, key, schema="parcferme/manifest/1")
        told = drive('await open("#session=9472"); return data().problem;')
    finally:
        site.store.write(key, whole)
    assert f"{key} has a format this page does not know (parcferme/manifest/1;" in told
    assert "publish the pages again, or the session if it is the older one" in told


def test_the_favicon_is_asked_for_once(site, page):
    """However often the address changes."""
    watched = WatchedStore(site.store)
    with serving(watched) as base:
        page.forget(base)
        page.open(f"{base}index.html#session=9472&t=20000")
        page.wait_for("document.body.dataset.complete", "replay")
        for second in range(21, 41):
            page.evaluate(f"document.getElementById('seek').value = {second}000")
            page.evaluate("document.getElementById('seek').dispatchEvent(new Event('change'))")
            page.wait_for(f"location.hash.includes('t={second}000')", "address of the moment")
        page.command("Page.reload")
        page.wait_for("document.body.dataset.complete", "replay")
    asked = [key for request, key in watched.requests if request == "head" and key.endswith("favicon.svg")]
    assert len(asked) <= 1
