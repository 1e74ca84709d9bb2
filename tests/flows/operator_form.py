"""The operator's way through the Prefect UI, in a real browser against a real server: from the form to the table."""

import json
from collections.abc import Collection
from contextlib import suppress

from browser import Page
from installation import Installation

from flows.engine.artifact_texts import plain_rows, plain_text
from flows.sample import SAMPLE_YEAR

SESSIONS = ("Race", "Sprint", "Qualifying", "Sprint Qualifying", "Practice 1", "Practice 2", "Practice 3")
#: What stands below the field where "first" was typed.
NO_ROUNDS = "'first' is not one of ['all', 'a round such as 8', 'rounds such as 1-5,8']"
NO_SESSION = "[] should be non-empty"
#: A text of somebody else that would like to be a link, a picture, a script.
HOSTILE = (
    "<img src=x onerror=\"top.hacked='yes'\"> [x](http://evil.example) ![i](http://evil.example/i.png) "
    "www.evil.example http://evil.example/a?b=c me@evil.example **b** _i_ `c` # h &lt;b&gt; | p ~~s~~ "
    "<http://evil.example> \\* [r]: x"
)
VERSIONS = "look.all('a[href*=\"/artifacts/artifact/\"]')"


def says(text: str) -> str:
    """The expression that is true while the page says this."""
    return f"look.text().includes({json.dumps(text)})"


def open_form(page: Page, it: Installation) -> None:
    """From the start page, as somebody does who has no link."""
    page.open(it.ui_url)
    page.click("Deployments", "a")
    link = "a[href*='/deployments/deployment/']"
    page.click_until("location.pathname.includes('/deployments/deployment/')", "page of it", "backfill", link)
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
    for _ in range(5):
        page.fill("rounds", "first")
        choose_sessions(page, ())
        page.click("Submit", "button")
        # What is typed while the form is drawn anew after its last answer is lost.
        with suppress(AssertionError):
            page.see(NO_ROUNDS, timeout_s=20)
            break
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


def submit_right_input(page: Page, it: Installation, rounds: str, sessions: Collection[str]) -> str:
    page.fill("rounds", rounds)
    choose_sessions(page, sessions)
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
            return _address_of_the_run(page)
        assert it.runs_of("backfill") == []
    raise AssertionError("The form was sent five times, and no run was made.")


def _address_of_the_run(page: Page) -> str:
    """Follow the link that is shown for a moment, and leave: Prefect's drawing takes as much time as the runs."""
    is_there = "location.pathname.includes('/flow-run/')"
    page.click_until(is_there, "page of the run", "View run", "a, button, label, [role]")
    address = page.url
    page.open("about:blank")
    return address


def watch_it_run(page: Page, address: str, names: Collection[str]) -> None:
    """On the run's page are its children, by name, and how far it is."""
    page.open(address)
    page.click_until(says(next(iter(names))), "run of a session", "Subflow Runs", "[role=tab]")
    for name in names:
        page.see(name)
    page.click_until(says(f"backfill-{SAMPLE_YEAR}-progress"), "progress", "Artifacts", "[role=tab]")
    page.see(f"of {len(names)} sessions")
    page.open("about:blank")


def read_the_table(page: Page, address: str, summary: str) -> list[list[str]]:
    """Return the texts of the table's rows, by way of the page of the run that has made it.

    Links are followed by their address: cards move while they come, and a click can meet the one of the progress.
    """
    table = f"backfill-{SAMPLE_YEAR}"
    page.open(address)
    page.wait_for("Boolean(look.named('span, div', 'Completed'))", "completed run")
    card = f"look.named('a *', '{table}')"
    page.click_until(f"Boolean({card})", "table's card", "Artifacts", "[role=tab]")
    page.open(page.wait_for(f"{card}?.closest('a').href", "table's card"))
    page.see(summary)
    page.open(page.wait_for(f"{VERSIONS}[0]?.href", "version of the table"))
    page.wait_for("look.all('tbody tr').length > 0", "table")
    rows = page.evaluate("look.all('tbody tr').map(row => [...row.cells].map(cell => cell.innerText.trim()))")
    return [list(row) for row in rows]


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
