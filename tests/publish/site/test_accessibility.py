"""The pages as axe-core sees them, in the light and in the dark, on a desk and on a phone."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import status_sites
from browser import Page, needs_chromium
from test_truth_page import GOOD, POOR, TIMED, write_season
from viewer_browser import serving

from publish.contract.dictionary import schema_documents
from publish.publication import publish_site
from publish.site.files import site_files
from publish.stores.folder import FileStore

pytestmark = needs_chromium

SIZES = {"desk": (1280, 800), "phone": (390, 844), "phone on its side": (844, 390)}
#: Address and what says that it is ready.
REPLAYS = {
    "a race": ("#session=9490&t=100000&car=11", "complete"),
    "a race at the flag": ("#session=9492&t=150000&car=11", "complete"),
    "qualifying in Q2": ("#session=9480&t=98000", "complete"),
    "messages without a place": ("#session=9481&t=5000", "complete"),
    "nothing published": ("#session=1", "problem"),
    "the list of sessions": ("", "ready"),
}


@pytest.fixture(scope="module")
def axe(npm_tools: Path) -> str:
    return (npm_tools / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def violations(page: Page, axe: str) -> Iterator[Callable[..., set[str]]]:
    """Open a page and return what axe finds wrong at every size, by day and by night: rule and place."""

    def look(url: str, ready: str, script: str = "") -> set[str]:
        page.forget(url.partition("#")[0])
        page.open(url)
        page.wait_for(f"document.body.dataset.{ready}", ready)
        page.evaluate(f"{axe}; {script}; undefined")
        found = set()
        for size, scheme in itertools.product(SIZES, ("light", "dark")):
            _set_up(page, size, scheme)
            for rule in page.evaluate("axe.run().then((done) => done.violations)"):
                found |= {f"{rule['id']} ({size}, {scheme}): {node['html']}" for node in rule["nodes"]}
        return found

    yield look
    page.resize(1280, 800)
    page.allow_motion()


def _set_up(page: Page, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    page.resize(width, height, is_phone=size != "desk")
    media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    page.command("Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in media.items()])


@pytest.mark.parametrize("name", REPLAYS)
def test_axe_finds_nothing_in_the_viewer(boards, violations, name):
    assert violations(boards.base + REPLAYS[name][0], REPLAYS[name][1]) == set()


def test_axe_finds_nothing_in_a_session_without_telemetry(site, violations):
    assert violations(f"{site.base}#session=9468&t=60000&car=1", "complete") == set()


def test_axe_finds_nothing_in_the_charts(boards, page, axe):
    """One page, every tab: by day on a desk, by night on a phone."""
    page.forget(boards.base)
    page.open(f"{boards.base}#session=9492&t=130000&car=11")
    page.wait_for("document.body.dataset.complete", "complete")
    page.evaluate(f"{axe}; undefined")
    found = set()
    for size, scheme in (("desk", "light"), ("phone", "dark")):
        _set_up(page, size, scheme)
        for tab in ("map", "places", "gaps", "stints", "times", "traces", "duel"):
            page.evaluate(f"document.getElementById('tab-{tab}').click()")
            ready = "document.body.dataset.stage" if tab == "map" else "document.body.dataset.chart"
            page.wait_for(f"{ready} === '{tab}'", tab)
            page.evaluate("document.querySelectorAll('.cars').forEach((fold) => { fold.open = true; })")
            for rule in page.evaluate("axe.run().then((done) => done.violations)"):
                found |= {f"{rule['id']} ({tab}, {size}, {scheme}): {node['html']}" for node in rule["nodes"]}
    page.resize(1280, 800)
    assert found == set()
    assert not page.complaints, page.complaints


@pytest.mark.parametrize("name", ["healthy", "running", "failing", "empty"])
def test_axe_finds_nothing_in_the_status_page(violations, tmp_path, name):
    store = FileStore(tmp_path / "site")
    status_sites.SITES[name](store)
    unfold = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"
    with serving(store) as base:
        assert violations(f"{base}{status_sites.PAGE}", "ready", unfold) == set()


def test_axe_finds_nothing_in_the_pages_of_verdicts_and_tables(violations, tmp_path):
    store = FileStore(tmp_path / "site")
    status_sites.publish_pages(store)
    publish_site(store, schema_documents() | site_files())
    write_season(store, 2024, {"R": ("A", GOOD), "S": ("C", POOR), "Q": ("D", TIMED)})
    with serving(store) as base:
        assert violations(f"{base}truth.html", "ready") == set()
        assert violations(f"{base}data.html", "ready") == set()
        assert violations(f"{base}schemas.html", "ready") == set()


def test_axe_finds_nothing_in_a_dialog_over_the_replay(boards, violations):
    press = "window.dispatchEvent(new KeyboardEvent('keydown', { key: 'v' }))"
    assert violations(f"{boards.base}#session=9490&t=100000&car=11", "complete", press) == set()


def test_axe_finds_nothing_in_the_page_for_developers(site, violations):
    assert violations(f"{site.base}develop.html", "ready") == set()


def test_axe_would_find_something(boards, violations):
    spoil = "document.getElementById('messages').setAttribute('role', 'log')"
    found = violations(f"{boards.base}#session=9480&t=98000", "complete", spoil)
    assert any(text.startswith("listitem (desk, dark): <li") for text in found)
