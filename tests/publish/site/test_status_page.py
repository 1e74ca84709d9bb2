"""The status page in a real browser, over sites in every condition it must show."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import status_sites as sites
from browser import Page, needs_chromium
from jsonschema import Draft202012Validator
from viewer_browser import run_scenario, serving, take_picture

from publish import keys
from publish.contract.schemas import document_schemas
from publish.live.runs import run_ended, run_started
from publish.stores.folder import FileStore
from publish.structs import utc_text

pytestmark = needs_chromium

# In front of every scenario: `see()` opens the page and waits for what it reads first.
HELPERS = """
    const all = (css, root = page()) => [...root.querySelectorAll(css)];
    const texts = (css) => all(css).map((e) => e.textContent.replace(/\\s+/g, " ").trim());
    const again = () => page().dispatchEvent(new frame.contentWindow.Event("visibilitychange"));
    const wide = () => [page().documentElement.scrollWidth, page().documentElement.clientWidth];
    const slot = (start) => all(".slot").find((e) => e.getAttribute("aria-label")?.startsWith(start));
    async function see() {
      frame.src = "PAGE";
      await until(() => data().ready === "status", "the page");
    }
    await see();
""".replace("PAGE", sites.PAGE)

Drive = Callable[..., Any]


@pytest.fixture(scope="module")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], SimpleNamespace]]:
    """Sites by name, each made and served once."""
    made: dict[str, SimpleNamespace] = {}
    with ExitStack() as stack:

        def of(name: str) -> SimpleNamespace:
            if name not in made:
                store = FileStore(tmp_path_factory.mktemp(name) / "site")
                sites.SITES[name](store)
                made[name] = SimpleNamespace(store=store, base=stack.enter_context(serving(store)))
            return made[name]

        yield of


@pytest.fixture
def look(site_of: Callable[[str], SimpleNamespace], page: Page) -> Drive:
    """Look at the site ``name`` and return what ``scenario`` returns."""

    def run(name: str, scenario: str, width: int = 1280) -> Any:
        site = site_of(name)
        return run_scenario(page, site.store, site.base, HELPERS + scenario, width)

    return run


VERDICT = """return { verdict: $("verdict").textContent, sentence: $("sentence").textContent, state: data().health,
                      title: page().title, checks: texts("#checks .check"), stale: $("checks").className };"""


@pytest.mark.parametrize("name", sites.SITES)
def test_the_sites_are_as_the_schemas_say(site_of, name):
    """What the page is shown here is what it is shown in earnest."""
    store = site_of(name).store
    documents = {keys.HEALTH: "health", keys.RUNS: "runs", keys.INDEX: "index"}
    documents |= {row.key: "status" for row in store.list(keys.STATUS)}
    documents |= {keys.CHANGES: "changes", keys.PLAN: "plan"}
    documents |= {row.key: "season" for row in store.list("v1/seasons/")}
    for key, schema in documents.items():
        if (stored := store.read(key)) is not None:
            problems = Draft202012Validator(document_schemas()[schema]).iter_errors(json.loads(stored.data))
            assert not [problem.message for problem in problems], key


def test_a_healthy_site_says_so_and_what_comes_next(look):
    seen = look("healthy", VERDICT.replace("stale:", 'none: $("running-none").textContent, stale:'))
    assert (seen["verdict"], seen["state"], seen["title"]) == ("Healthy", "healthy", "Healthy · parcferme status")
    assert "All is well" in seen["sentence"]
    assert len(seen["checks"]) == len(sites.GOOD_CHECKS)
    assert "✓Workers healthy2 of 2 are online." in [check.replace(" healthy ", " healthy") for check in seen["checks"]]
    assert "Nothing runs at the moment. The next run is due in 2" in seen["none"]


def test_what_is_next_has_its_time_and_a_countdown(look):
    rows = look(
        "healthy",
        """return { rows: texts(".next-row"), more: texts("#next summary"),
                   utc: all(".next-row time").map((t) => t.dateTime) };""",
    )
    assert len(rows["rows"]) == 9 and rows["more"] == ["3 more"]
    assert rows["rows"][0].startswith(f"Race Australian Grand Prix {sites.NOW.year}check again · plan-0in 2")
    assert "UTC" in rows["rows"][0]
    assert rows["rows"][1].startswith(f"Practice 1 Miami Grand Prix {sites.NOW.year}publish")
    expected = [sites.NOW + 25 * sites.MINUTE, sites.NOW + 2 * sites.DAY + 7 * sites.MINUTE]
    assert rows["utc"][:2] == [utc_text(moment) for moment in expected]


def test_what_the_next_look_at_the_calendar_would_do(look):
    read = """return { count: $("plan-count").textContent, summary: $("plan-summary").textContent,
                       rows: all("#plan tbody tr").map((row) => [...row.children].map((cell) => cell.textContent)),
                       told: texts("#plan > p.muted") };"""
    seen = look("healthy", read)
    assert seen["count"] == "3"
    counts = "1 would be planned, 1 would be moved, 1 would be taken back"
    assert seen["summary"] == f"The next look at the calendar: {counts}"
    year = sites.NOW.year
    named = [[row[0], row[1]] for row in seen["rows"]]
    assert named == [
        [f"Practice 1 Miami Grand Prix {year}", "again after 24 h"],
        [f"Qualifying Miami Grand Prix {year}", "publish"],
        [f"Race Miami Grand Prix {year}", "publish"],
    ]
    assert [row[3].partition(" from ")[0] for row in seen["rows"]] == [
        "would be planned",
        "would be taken back",
        "would be moved",
    ]
    assert "UTC" in seen["rows"][2][2] and " from " in seen["rows"][2][3]
    assert seen["told"] == ["As told 4 min ago. Nothing of it is done yet."]
    assert look("off_season", read)["summary"] == "Everything is planned already"
    assert look("empty", read)["summary"] == "Nobody has told yet what the next look at the calendar would do"


def test_how_soon_the_last_sessions_were_published(look):
    rows = look(
        "running",
        """return all("#freshness tbody tr").map((row) => [...row.children].map((cell) => cell.textContent));""",
    )
    assert len(rows) == 20
    by_title = {title: took for title, _, took in rows}
    assert f"Race Chinese Grand Prix {sites.NOW.year}" not in by_title  # it is not over yet
    assert by_title[f"Qualifying Chinese Grand Prix {sites.NOW.year}"] == "failed, ended 8 h ago"
    assert by_title[f"Sprint Chinese Grand Prix {sites.NOW.year}"] == "no data, ended 16 h ago"
    assert by_title[f"Race Japanese Grand Prix {sites.NOW.year}"] == "35 min"
    assert by_title[f"Qualifying Japanese Grand Prix {sites.NOW.year}"] == "1 h 35 min"


@pytest.mark.parametrize(
    ("name", "verdict", "words", "first"),
    [
        ("degraded", "Degraded", "somebody should look at: failed runs, published in time.", "!Failed runs degraded"),
        ("failing", "Failing", "needs somebody now: workers, late runs.", "✕Workers failing"),
    ],
)
def test_trouble_is_named_worst_first(look, name, verdict, words, first):
    seen = look(name, VERDICT)
    assert (seen["verdict"], seen["state"]) == (verdict, name)
    assert words in seen["sentence"]
    assert seen["checks"][0].startswith(first)
    ranks = [next(i for i, sign in enumerate("✕!✓") if check.startswith(sign)) for check in seen["checks"]]
    assert ranks == sorted(ranks) and ranks[0] < 2


def test_a_health_document_past_its_limit_is_failing_whatever_it_says(look):
    seen = look("stale", VERDICT)
    assert (seen["verdict"], seen["state"]) == ("Failing", "failing")
    assert "Nobody has looked since" in seen["sentence"] and "(healthy) says nothing about now" in seen["sentence"]
    assert "stale" in seen["stale"]


def test_health_turns_failing_while_somebody_looks(look):
    """The clock alone makes it so: no new word comes."""
    seen = look(
        "healthy",
        """const before = data().health;
        frame.contentWindow.Date.now = () => Date.now() + 3_600_000;
        await until(() => data().health === "failing", "the limit");
        return [before, $("sentence").textContent];""",
    )
    assert seen[0] == "healthy" and "Nobody has looked since" in seen[1]


def test_runs_are_shown_as_they_are(look):
    seen = look(
        "running",
        """return all(".card").map((c) => ({ kind: c.dataset.kind, title: c.querySelector("h3").textContent,
             value: c.querySelector("progress").value, percent: c.querySelector(".percent").textContent,
             said: c.querySelector(".said").textContent, foot: c.querySelector(".foot").textContent,
             link: c.querySelector("a")?.href }));""",
    )
    cards = {card["title"]: card for card in seen}
    race = cards[f"Race Bahrain Grand Prix {sites.NOW.year}"]
    assert (race["kind"], race["value"], race["percent"]) == ("running", 63, "63 %")
    assert race["said"] == "Encoding frames at 25 a second: 41 of 118 chunks"
    assert race["foot"].startswith("Running for 4 min") and race["link"] == f"{sites.PREFECT}0190c0de-0021"
    silent = cards[f"Practice 2 Saudi Arabian Grand Prix {sites.NOW.year}"]
    assert silent["kind"] == "silent" and silent["said"].startswith("No sign of life for 7 min")
    waiting = cards[f"Race Chinese Grand Prix {sites.NOW.year}"]
    assert (waiting["kind"], waiting["percent"]) == ("waiting", "waiting")
    assert waiting["said"].startswith("Waiting for data, next attempt at ") and "UTC" in waiting["said"]
    assert ", in 2" in waiting["said"]
    blocked = cards[f"Sprint Chinese Grand Prix {sites.NOW.year}"]
    assert blocked["said"].startswith("The upstream refuses this system's address, next attempt at ")


def test_progress_moves_between_polls_and_the_card_stays(site_of, look):
    """The page asks again by itself; the server's answer has changed meanwhile."""
    site = site_of("healthy")
    entry = sites.run(31, "R", event="Japanese Grand Prix")
    run_started(site.store, entry, sites.NOW)
    sites.write_status(site.store, entry, 10, "Loading")
    key = keys.status(entry.year, entry.round, entry.session)
    try:
        seen = look(
            "healthy",
            f"""const below = () => $("seasons-head").getBoundingClientRect().top, place = below();
            const card = all(".card")[0], bar = card.querySelector("progress"), values = [bar.value];
            const net = frame.contentWindow.fetch.bind(frame.contentWindow);
            let progress = 10;
            frame.contentWindow.fetch = async (url, ...more) => {{
              const answer = await net(url, ...more);
              if (!String(url).endsWith("{key}")) return answer;
              progress += 15;
              return new Response(JSON.stringify({{ ...await answer.json(), progress, message: "at " + progress }}));
            }};
            for (let i = 0; i < 2; i++) {{
              await until(() => bar.value > values.at(-1), "progress");
              values.push(bar.value);
            }}
            return {{ values, moved: below() - place, same: card === all(".card")[0], cards: all(".card").length,
                      said: card.querySelector(".said").textContent,
                      percent: card.querySelector(".percent").textContent,
                      grid: slot("Japanese Grand Prix, Race").textContent }};""",
        )
    finally:
        run_ended(site.store, entry, ended_at=sites.NOW, state="published", message="Done.", grade="A", now=sites.NOW)
    assert seen["values"] == [10, 25, 40]
    assert (seen["same"], seen["cards"], seen["said"], seen["percent"]) == (True, 1, "at 40", "40 %")
    assert seen["grid"] == "40%"
    assert seen["moved"] == 0, "nothing jumps"


def test_the_last_runs_tell_how_they_ended(look):
    rows = look(
        "running",
        """return all(".recent-row").map((row) => ({ state: row.dataset.state, text: row.textContent,
             links: all("a", row).map((a) => a.getAttribute("href")) }));""",
    )
    failed, unchanged, published = rows[:3]
    assert failed["state"] == "failed" and "The results service answered 500 five times." in failed["text"]
    assert "31 min ago · took 3 min" in failed["text"]
    assert failed["links"] == [f"{sites.PREFECT}0190c0de-0025"], "no replay of what is not published"
    assert unchanged["state"] == "unchanged" and "took 12 s" in unchanged["text"]
    assert unchanged["links"][0] == "index.html#session=9043"
    assert published["state"] == "published" and "took 3 min 24 s" in published["text"]
    assert "awaiting_data" not in {row["state"] for row in rows}, "it is among what runs"


def test_every_season_is_a_grid(look):
    seen = look(
        "running",
        """return { heads: all(".season[open] th[scope=col]").map((h) => h.textContent),
             rows: all(".season[open] tbody tr").map((r) => [r.querySelector("th").textContent.trim(),
               ...[...r.children].slice(1).map((c) => c.textContent)]),
             counts: texts(".counts"), labels: all(".season[open] .slot").map((s) => s.getAttribute("aria-label")),
             links: all(".season[open] a.slot").map((a) => a.getAttribute("href")), legend: texts("#legend li") };""",
    )
    assert seen["heads"] == ["Event", "FP1", "FP2", "FP3", "SQ", "S", "Q", "R"]
    assert len(seen["rows"]) == len(sites.CIRCUITS)
    assert seen["rows"][0][0].startswith("1 Bahrain Grand Prix") and seen["rows"][0][1:] == [
        *"ABA",
        "",
        "",
        "8%",
        "63%",
    ]
    assert seen["rows"][1][2] == "!"
    assert seen["rows"][4][1:] == ["A", "", "", "B", "–", "✕", "…"]
    assert seen["rows"][6][-1] == "⊘" and seen["rows"][7][1] == "○"
    assert seen["counts"][0].startswith(
        "18 of 45 published · 2 running now · 1 no sign of life · 19 scheduled · 1 waiting for data"
    )
    assert seen["counts"][1] == "45 of 45 published"
    assert any(label.startswith("Chinese Grand Prix, Race: waiting for data; starts ") for label in seen["labels"])
    assert all(seen["labels"]) and "index.html#session=9010" in seen["links"]
    assert {"✕ failed", "○ scheduled", "▸ running now", "A B C D F published; the grade of the data, A is best"} <= set(
        seen["legend"]
    )


def test_a_failed_session_tells_why(look):
    seen = look(
        "running",
        """const button = slot("Chinese Grand Prix, Qualifying"), why = () => all(".why").map((r) => r.textContent);
        button.dispatchEvent(new frame.contentWindow.PointerEvent("pointerenter"));
        await until(() => button.title.includes("\\n"), "the tooltip");
        button.click();
        await until(() => why()[0]?.includes("results service"), "the reason");
        const out = { title: button.title, why: why(), open: button.getAttribute("aria-expanded") };
        button.click();
        return { ...out, left: why(), closed: button.getAttribute("aria-expanded") };""",
    )
    assert seen["title"].endswith("The results service answered 500 five times. Run the session again in an hour.")
    assert seen["why"][0].startswith("Chinese Grand Prix, Qualifying failed")
    assert (seen["open"], seen["left"], seen["closed"]) == ("true", [], "false")


def test_a_site_with_nothing_on_it_is_told_in_words(look):
    seen = look(
        "empty",
        """return { none: texts(".none"), problem: $("connection").textContent, verdict: $("verdict").textContent,
                   sentence: $("sentence").textContent, state: data().health };""",
    )
    assert (seen["verdict"], seen["state"]) == ("Nobody has looked yet", "unknown")
    assert "no health document" in seen["sentence"]
    assert seen["problem"] == ""
    told = ["Nothing runs at the moment.", "Nothing is planned.", "No run has ended here yet."]
    assert seen["none"] == [*told, "No session is over yet.", "No season is published here yet."]


def test_off_season_is_no_outage(look):
    seen = look("off_season", VERDICT.replace("stale:", 'none: texts(".none"), stale:'))
    assert seen["state"] == "healthy"
    assert seen["none"] == ["Nothing runs at the moment.", "Nothing is planned: no session is coming up."]


@pytest.mark.parametrize("name", ["running", "failing", "hostile", "empty"])
@pytest.mark.parametrize("width", [390, 320])
def test_it_fits_a_phone(look, name, width):
    seen = look(
        name,
        """all("details").forEach((d) => { d.open = true; });
        const right = (e) => e.getBoundingClientRect().right;
        const out = all("body *").filter((e) => !e.closest(".scroll") && right(e) > wide()[1] + 1);
        return { wide: wide(), out: out.map((e) => e.className), scroll: all(".scroll").map((e) => e.clientWidth),
                 slots: all("a.slot, button.slot").map((e) => e.getBoundingClientRect().height) };""",
        width,
    )
    assert seen["wide"][0] == seen["wide"][1] <= width
    assert not seen["out"]
    assert all(part <= width for part in seen["scroll"])
    assert all(height >= 28 for height in seen["slots"])


def test_hostile_texts_stay_texts(look):
    seen = look(
        "hostile",
        """slot("<img").focus();
        all("button.slot")[0].click();
        await until(() => all(".why .error").length && !texts(".why .error")[0].startsWith("Loading"), "the reason");
        return { images: all("main img, main svg, main script").length, hacked: window.hacked ?? null,
                 hrefs: all("a").map((a) => a.href),
                 shown: [$("checks"), $("running"), $("next"), $("recent"), $("seasons")].map((e) => e.textContent),
                 why: texts(".why .error") };""",
    )
    assert (seen["images"], seen["hacked"]) == (0, None)
    assert all(href.startswith("http://127.0.0.1:") for href in seen["hrefs"])
    assert all(sites.HOSTILE in text for text in seen["shown"])
    assert seen["why"] == [sites.HOSTILE]


def test_a_lost_connection_is_told_and_what_was_read_stays(look):
    seen = look(
        "healthy",
        """const net = frame.contentWindow.fetch.bind(frame.contentWindow);
        let down = true;
        frame.contentWindow.fetch = (...all) => (down ? Promise.reject(new TypeError("offline")) : net(...all));
        const told = () => $("connection").textContent;
        again();
        await until(told, "words");
        const lost = { told: told(), verdict: $("verdict").textContent, rows: all(".recent-row").length };
        down = false;
        again();
        await until(() => !told(), "the connection");
        return { ...lost, after: told() };""",
    )
    assert "did not answer" in seen["told"] and "What is shown is of" in seen["told"]
    assert seen["verdict"] == "Healthy" and seen["rows"] > 0
    assert seen["after"] == ""


def test_nothing_is_asked_while_nobody_looks(look):
    seen = look(
        "running",
        """const doc = page();
        let hidden = true, asked = [];
        Object.defineProperty(doc, "hidden", { get: () => hidden });
        again();
        await pause(500);
        const net = frame.contentWindow.fetch.bind(frame.contentWindow);
        frame.contentWindow.fetch = (url, ...more) => { asked.push(String(url)); return net(url, ...more); };
        await pause(8000);
        const quiet = asked.length;
        hidden = false;
        again();
        await until(() => asked.length >= 7, "questions");
        return { quiet, asked: asked.map((url) => new URL(url).pathname) };""",
    )
    assert seen["quiet"] == 0
    assert {"/v1/health.json", "/v1/runs.json", "/index.json"} < set(seen["asked"])


def test_the_pages_link_each_other(look):
    seen = look(
        "healthy",
        """const there = all("header a").map((a) => a.getAttribute("href"));
        await open("");
        await until(() => data().ready === "library", "the list");
        return { there, back: all("header a").map((a) => a.getAttribute("href")) };""",
    )
    assert "index.html" in seen["there"] and "status.html" in seen["back"]


def test_a_picture_can_be_taken(site_of, page, tmp_path):
    picture = tmp_path / "shot.png"
    url = f"{site_of('running').base}{sites.PAGE}"
    take_picture(page, url, picture, "document.body.dataset.ready === 'status'")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000
