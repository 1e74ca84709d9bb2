"""The page that shows how true each session is, as a reader sees it."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import status_sites
from browser import Page, needs_chromium
from viewer_browser import serving

from publish import keys
from publish.encode.verdict import Agreement, Findings, Verdict
from publish.season.document import Event, IndexedSession, Published, ScheduledSession, season_document
from publish.season.index import update_root_index
from publish.stores.folder import FileStore
from publish.structs import encode_document

pytestmark = needs_chromium

GOOD = Verdict(
    "Nothing was found that could mislead.",
    Agreement(1129, 1129),
    Agreement(20, 20),
    {"x_m": 0.9991, "speed_kmh": 1.0},
    Findings(0, 1, 7),
)
POOR = Verdict(
    f"Official gaps contradict the crossings (car 4); {status_sites.HOSTILE}.",
    Agreement(1000, 990),
    Agreement(20, 18),
    {"x_m": 0.912, "speed_kmh": 0.5},
    Findings(2, 3, 0),
)
TIMED = Verdict("Timing without telemetry.", None, None, {"x_m": 0.0, "speed_kmh": 0.0}, Findings(0, 0, 0))


def write_season(store: FileStore, year: int, verdicts: dict[str, tuple[str, Verdict | None]]) -> None:
    sessions = tuple(ScheduledSession(code, code, None) for code in (*verdicts, "FP1"))
    event = Event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir", f"{year}-03-02", "conventional", False, sessions)
    published = []
    for number, (code, (grade, verdict)) in enumerate(verdicts.items(), 9000):
        revision = "0123456789abcdef"
        said = ("published", number, revision, keys.manifest(number, revision), grade, {}, verdict)
        published.append(Published(event.name, 1, IndexedSession(code, code, None, *said)))
    document = season_document(year, [event], None, published, {}, status_sites.NOW)
    store.write(keys.season(year), encode_document(document))
    update_root_index(store, years=(year,))


@pytest.fixture
def site(tmp_path) -> Iterator[SimpleNamespace]:
    store = FileStore(tmp_path / "site")
    status_sites.publish_pages(store)
    write_season(store, 2023, {"R": ("B", None)})
    write_season(store, 2024, {"R": ("A", GOOD), "S": ("C", POOR), "Q": ("D", TIMED)})
    with serving(store) as base:
        yield SimpleNamespace(store=store, base=base)


def cells(page: Page) -> list[list[str]]:
    rows = "[...document.querySelectorAll('.verdicts tbody tr')]"
    texts = page.evaluate(f"{rows}.map((row) => [...row.children].map((cell) => cell.innerText))")
    return [[text.strip() for text in row] for row in texts]


def opened(page: Page, site: SimpleNamespace, address: str = "") -> None:
    page.forget(site.base)
    page.open(f"{site.base}truth.html{address}")
    page.wait_for("document.body.dataset.ready", "page")


def test_every_published_session_of_the_newest_season_with_its_figures(page, site):
    opened(page, site)
    # In the order of the document, and FP1 is not published.
    assert cells(page) == [
        ["Bahrain Grand Prix, Race", "A", "1129 of 1129", "20 of 20", "99.9 %", "100.0 %", "0", "1", GOOD.sentence],
        ["Bahrain Grand Prix, Sprint", "C", "990 of 1000", "18 of 20", "91.2 %", "50.0 %", "2", "3", POOR.sentence],
        ["Bahrain Grand Prix, Qualifying", "D", "–", "–", "0.0 %", "0.0 %", "0", "0", TIMED.sentence],
    ]
    assert page.says("3 sessions. The order on track agrees with the official lap chart at 2119 of 2129 crossings")
    assert page.says("38 of 40 classified cars are shown finishing in the order of the result.")
    short = page.evaluate("[...document.querySelectorAll('.short')].map((found) => found.innerText)")
    assert short == ["990 of 1000", "18 of 20"]
    assert page.evaluate("top.hacked ?? null") is None and not page.complaints


def test_another_season_and_what_an_earlier_version_published(page, site):
    opened(page, site, "#year=2023")
    ((_, grade, chart, *_, why),) = cells(page)
    assert (grade, chart) == ("B", "–") and why == "Nothing is known: it was published by an earlier version."
    assert page.says("1 session.")
    page.evaluate("document.querySelector('#years a').click()")
    page.wait_for("document.querySelectorAll('.verdicts tbody tr').length === 3", "the other season")


def test_a_season_that_is_not_there_is_said(page, site):
    page.forget(site.base)
    page.open(f"{site.base}truth.html#year=1950")
    page.see("The season 1950 is not published here. Choose another one above.")


def test_a_session_leads_to_its_replay(page, site):
    opened(page, site)
    links = page.evaluate("[...document.querySelectorAll('.verdicts a')].map((link) => link.getAttribute('href'))")
    assert links == [f"index.html#session={number}" for number in (9000, 9001, 9002)]


def test_pages_lead_to_it(page, site):
    page.forget(site.base)
    page.open(f"{site.base}index.html")
    page.wait_for("document.body.dataset.ready", "page")
    assert page.evaluate("document.querySelector('a[href=\"truth.html\"]').innerText") == "How true"
