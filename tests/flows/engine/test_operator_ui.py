"""The operator's way through the Prefect UI, in a real browser against a real server: from the form to the data.

It takes over 20 s: a server, a worker and the UI start, and two sessions are published behind it.
"""

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from browser import Page, browser, needs_chromium
from installation import Installation, installation
from test_artifact_texts import HOSTILE
from test_parameters import NO_ROUNDS

from flows.engine.artifact_texts import plain_rows, plain_text
from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR

SESSIONS = ("Race", "Sprint", "Qualifying", "Sprint Qualifying", "Practice 1", "Practice 2", "Practice 3")
#: The sessions that take least, by name and code, the newest first.
WANTED = {"Qualifying": "Q", "Practice 1": "FP1"}
ROUND, EVENT = 1, "Larkmoor Grand Prix"
NO_SESSION = "[] should be non-empty"
VERSIONS = "look.all('a[href*=\"/artifacts/artifact/\"]')"


@needs_chromium
def test_a_backfill_from_the_form_to_the_published_data(sample_cache: Path, tmp_path: Path) -> None:
    now = SAMPLE_NOW_UTC.isoformat()
    with (
        installation(tmp_path, sample_cache, PARCFERME_NOW=now) as it,
        browser(tmp_path / "profile") as page,
    ):
        it.start_worker("worker-1", limit=3)
        open_form(page, it)
        wrong_input_is_refused(page)
        assert it.runs_of("backfill") == []
        submit_right_input(page, it)
        watch_it_run(page, it)
        rows_of_the_table(page)
        the_api_and_the_site_agree(it)
        texts_of_others_are_texts(page, it)
        # Prefect's own drawing of the graph complains now and then; it is redrawn a moment later.
        assert [said for said in page.complaints if "flow-run-graph" not in said] == []


def says(text: str) -> str:
    """The expression that is true while the page says this."""
    return f"look.text().includes({json.dumps(text)})"


def open_form(page: Page, it: Installation) -> None:
    """From the start page, as somebody does who has no link."""
    page.open(it.ui_url)
    page.click("Deployments", "a")
    page.click("backfill", "a[href*='/deployments/deployment/']")
    page.click_until(says("Publishes many sessions of a season"), "rendered Markdown", "Description", "[role=tab]")
    page.click("Run", "button")
    page.click("Custom run", "[role=menuitem]")
    page.see("Which sessions of each weekend.")
    page.see("Compute and publish them even if nothing has changed")


def wrong_input_is_refused(page: Page) -> None:
    page.fill("year", "1999")
    page.click("Submit", "button")
    page.wait_for("document.activeElement === look.field('year')", "year that is asked for again")
    assert "2018" in page.evaluate("look.field('year').validationMessage")
    page.fill("year", str(SAMPLE_YEAR))
    page.fill("rounds", "first")
    choose_sessions(page, ())
    page.click("Submit", "button")
    page.see(NO_ROUNDS)
    page.see(NO_SESSION)


def choose_sessions(page: Page, wanted: Collection[str]) -> None:
    """Tick and untick until exactly these are chosen: a click can meet a list that is just drawn anew."""
    for _ in range(5):
        wrong = chosen_sessions(page) ^ set(wanted)
        if not wrong:
            return
        page.click_field("sessions")
        for name in sorted(wrong):
            page.click(name, "[role=option]")
        page.press("Escape")
        page.wait_for("look.all('[role=option]').length === 0", "list that closes")
    raise AssertionError(f"{sorted(chosen_sessions(page))} are chosen, not {sorted(wanted)}")


def chosen_sessions(page: Page) -> set[str]:
    """What stands below the field, one label a session."""
    lines = page.evaluate("look.text().split('\\n').map(line => line.trim())")
    return set(lines) & set(SESSIONS)


def submit_right_input(page: Page, it: Installation) -> None:
    page.fill("rounds", str(ROUND))
    choose_sessions(page, WANTED)
    # The form takes its messages back by itself. Until then it does not send anything.
    page.wait_for(
        f"![{json.dumps(NO_ROUNDS)}, {json.dumps(NO_SESSION)}].some(said => look.text().includes(said))",
        "form without messages",
    )
    for _ in range(5):
        page.click("Submit", "button")
        # A click while the form still checks itself is lost without a word; so is one that the server had no time for.
        with suppress(AssertionError):
            page.see("View run", timeout_s=20)
            return
        assert it.runs_of("backfill") == []
    raise AssertionError("The form was sent five times, and no run was made.")


def watch_it_run(page: Page, it: Installation) -> None:
    run_page = "Boolean(look.named('[role=tab]', 'Subflow Runs'))"
    page.click_until(run_page, "page of the run", "View run", "a, button, label, [role]")
    first = says(f"{SAMPLE_YEAR} {EVENT} {next(iter(WANTED))}")
    page.click_until(first, "run of a session", "Subflow Runs", "[role=tab]")
    for name in WANTED:
        page.see(f"{SAMPLE_YEAR} {EVENT} {name}")
    page.click_until(says(f"backfill-{SAMPLE_YEAR}-progress"), "progress", "Artifacts", "[role=tab]")
    page.see("of 2 sessions")
    # Prefect's drawing of the graph takes as much of the processors as the runs: nobody looks until they have ended.
    address = page.url
    page.open("about:blank")
    (run,) = it.runs_of("backfill")
    it.wait_for_state(run["id"], "Completed", "Failed", "Crashed")
    page.open(address)
    page.wait_for("Boolean(look.named('span, div', 'Completed'))", "completed run")
    page.click_until(f"Boolean(look.named('a *', 'backfill-{SAMPLE_YEAR}'))", "table's card", "Artifacts", "[role=tab]")


def rows_of_the_table(page: Page) -> None:
    page.click_until(says("2 of 2 sessions are published."), "summary", f"backfill-{SAMPLE_YEAR}", "a *")
    version = page.wait_for(f"{VERSIONS}[0]?.innerText.trim()", "version of the table")
    page.click_until("look.all('tbody tr').length === 2", "table of two rows", version, "a")
    rows = page.evaluate("look.all('tbody tr').map(row => [...row.cells].map(cell => cell.innerText.trim()))")
    # The newest first.
    assert [row[:4] for row in rows] == [[str(ROUND), EVENT, code, "published"] for code in WANTED.values()]


def the_api_and_the_site_agree(it: Installation) -> None:
    (run,) = it.runs_of("backfill")
    assert run["state_name"] == "Completed"
    # In whichever order they were ticked.
    assert set(run["parameters"].pop("sessions")) == set(WANTED)
    chosen = {"year": SAMPLE_YEAR, "rounds": str(ROUND)}
    assert run["parameters"] == {**chosen, "force": False, "refetch": False, "source": "as set"}
    (progress,) = (
        found for found in it.post("/artifacts/filter", {}) if found["key"] == f"backfill-{SAMPLE_YEAR}-progress"
    )
    assert progress["data"] == 100
    children = it.runs_of("publish-session")
    assert {child["parameters"]["session"] for child in children} == set(WANTED)
    assert {child["state_name"] for child in children} == {"Completed"}
    season = json.loads((it.site / f"v1/seasons/{SAMPLE_YEAR}.json").read_bytes())
    states = {
        (event["round"], session["code"]): session["state"]
        for event in season["events"]
        for session in event["sessions"]
    }
    assert {key for key, state in states.items() if state == "published"} == {(ROUND, code) for code in WANTED.values()}
    for session in WANTED.values():
        status = json.loads((it.site / f"v1/status/{SAMPLE_YEAR}/{ROUND}/{session}.json").read_bytes())
        assert (status["type"], status["progress"]) == ("complete", 100)


def texts_of_others_are_texts(page: Page, it: Installation) -> None:
    """Neither of Prefect's two interfaces makes a picture or a link of what an artifact says."""
    table = json.dumps(plain_rows([{"event": f"Cell {HOSTILE}"}]))
    said = plain_text(f"Said {HOSTILE}")
    made = it.post("/artifacts/", {"key": "hostile", "type": "table", "data": table, "description": said})
    for path in ("artifacts", "v2/artifacts"):
        page.open(f"{it.ui_url}/{path}/artifact/{made['id']}")
        for text in (said, plain_text(f"Cell {HOSTILE}")):
            page.see(text)
        strange = "document.querySelector('[href*=evil], [src*=evil], img[src=x]')?.outerHTML ?? String(top.hacked)"
        assert page.evaluate(strange) == "undefined"
