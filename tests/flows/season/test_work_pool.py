"""A backfill from the form in the browser to its table, shared by two process workers one of which dies.

Prefect keeps its state in PostgreSQL, as in compose.yaml, or where there is none, in SQLite; without Chromium the run
is ordered over the API. It takes minutes: a run sends a heartbeat every 30 s, so none is dead after less than a minute.
"""

import fcntl
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import operator_form
import pytest
from browser import CHROMIUM, Page, browser, needs_chromium
from installation import Installation, Worker, installation
from postgres import MISSING, postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.engine.revival import PUT_BACK
from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR
from publish.contract.verify import verify_store
from publish.stores.folder import FileStore

#: Three sessions that are soon published: one for each worker, and one that nobody has taken up yet.
WANTED: dict[str, Any] = {"rounds": "1,2", "sessions": ["Practice 1", "Sprint Qualifying"]}
SEASON = {
    f"session:{SAMPLE_YEAR}/Larkmoor Grand Prix/FP1": ("1", "FP1"),
    f"session:{SAMPLE_YEAR}/Seliga Grand Prix/FP1": ("2", "FP1"),
    f"session:{SAMPLE_YEAR}/Seliga Grand Prix/SQ": ("2", "SQ"),
}
#: Their runs' names.
NAMES = [
    f"{SAMPLE_YEAR} Larkmoor Grand Prix Practice 1",
    f"{SAMPLE_YEAR} Seliga Grand Prix Practice 1",
    f"{SAMPLE_YEAR} Seliga Grand Prix Sprint Qualifying",
]
#: Of the second backfill, which is cancelled.
AGAIN = {"rounds": "2", "sessions": WANTED["sessions"]}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, sample_cache: Path) -> Iterator[Installation]:
    programs, now = postgres_programs(), SAMPLE_NOW_UTC.isoformat()
    folder = tmp_path_factory.mktemp("installation")
    with (
        nullcontext() if programs is None else running_postgres(programs) as database_url,
        installation(folder, sample_cache, database_url=database_url, PARCFERME_NOW=now) as made,
    ):
        _shorten_silence(made)
        yield made


def _shorten_silence(made: Installation) -> None:
    """Take a run for dead, or for cancelled, sooner than an installation with busy machines should."""
    names = {
        "parcferme: silent runs have crashed",
        "parcferme: runs that are never heard of have crashed",
        # A run that is cancelled before its process listens is left to this one.
        "parcferme: runs being cancelled are cancelled",
    }
    found = made.post("/automations/filter", {"sort": "NAME_ASC"})
    assert names < {automation["name"] for automation in found}
    for automation in found:
        if automation["name"] in names:
            trigger = {**automation["trigger"], "within": timedelta(seconds=60).total_seconds()}
            body = {name: automation[name] for name in ("name", "description", "enabled", "tags", "actions")}
            made.ask("PUT", f"/automations/{automation['id']}", {**body, "trigger": trigger})


def _status(made: Installation, round_number: str, code: str) -> dict[str, Any]:
    path = made.site / "v1" / "status" / str(SAMPLE_YEAR) / round_number / f"{code}.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _stopped_midway(made: Installation, worker: Worker) -> str | None:
    """Stop the processes of a session's run that the worker is in the middle of, and return its id."""
    ids = worker.runs()
    for session in SEASON.values():
        run = _under_way(made, *session)
        if run not in ids:
            continue
        worker.signal_run(run, signal.SIGSTOP)
        is_at_it = _under_way(made, *session) == run and made.flow_run(run)["state_name"] == "Running"
        if is_at_it and _is_unlocked(made.site):
            return run
        # It is over but for the last word, or keeps everybody else from writing.
        worker.signal_run(run, signal.SIGCONT)
    return None


def _is_unlocked(site: Path) -> bool:
    """Whether nobody is in the middle of a write to the folder."""
    with (site / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _under_way(made: Installation, round_number: str, code: str) -> str:
    """Return the run that says it is in the middle of a session, or nothing."""
    status = _status(made, round_number, code)
    return str(status["flow_run_id"]) if status.get("type") == "progress" else ""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page | None]:
    if CHROMIUM is None:
        yield None
    else:
        with browser(tmp_path_factory.mktemp("operator")) as opened:
            yield opened


def test_two_workers_share_a_backfill_though_one_dies_and_a_run_stands_still(
    deployed: Installation, page: Page | None
) -> None:
    made = deployed
    made.start_worker("control", "--work-queue", "control", limit=3)
    survivor = made.start_worker("survivor", "--work-queue", "sessions", limit=1)
    victim = made.start_worker("victim", "--work-queue", "sessions", limit=1)
    backfill, address = _ordered(made, page)

    stopped: dict[str, str] = {}

    def both_stopped() -> bool:
        """Whichever is first is not to wait for the other, for its session is soon over."""
        for worker in (victim, survivor):
            if worker.name not in stopped and (run := _stopped_midway(made, worker)):
                stopped[worker.name] = run
        return len(stopped) == 2

    wait_until(both_stopped, "each works on a session", poll_s=0.1)
    lost, still = stopped["victim"], stopped["survivor"]
    victim.kill()
    # As on a machine that sleeps: it is taken for dead, and then it goes on.
    made.wait_for_state(still, "Crashed")
    survivor.signal_run(still, signal.SIGCONT)
    if page:
        operator_form.watch_it_run(page, address, NAMES)

    ended = made.wait_for_state(backfill, "Completed", "Failed", "Crashed", timeout_s=400)
    assert (ended["state_name"], ended["state"]["message"]) == ("Completed", "3 of 3 sessions are published")
    # Whichever order they were ticked in.
    assert sorted(ended["parameters"].pop("sessions")) == sorted(WANTED["sessions"])
    as_asked = {"year": SAMPLE_YEAR, "rounds": WANTED["rounds"], "force": False, "refetch": False, "source": "as set"}
    assert as_asked.items() >= ended["parameters"].items()

    # Nothing lost: every session has its revision. Nothing twice: one revision, one run each.
    children = made.runs_of("publish-session")
    assert Counter(run["state_name"] for run in children) == {"Completed": 3}
    assert {run["id"] for run in children if PUT_BACK in _messages(made, run["id"])} == {lost}
    documents = [json.loads(path.read_text()) for path in made.site.glob("v1/sessions/*/latest.json")]
    assert {(str(one["round"]), one["session"]) for one in documents} == set(SEASON.values())
    assert [len(one["revisions"]) for one in documents] == [1] * 3
    assert {(_status(made, *session)["type"], _status(made, *session)["progress"]) for session in SEASON.values()} == {
        ("complete", 100)
    }
    assert _published(made) == {(int(number), code) for number, code in SEASON.values()}
    # The season's tables, too: once, at the end.
    assert verify_store(FileStore(made.site)).is_good

    # What the operator sees: the children below their parent, newest first, and the table of all.
    begun = sorted(children, key=lambda run: run["expected_start_time"])
    order = [next(tag for tag in run["tags"] if tag.startswith("session:")) for run in begun if run["id"] != lost]
    assert order == sorted(order, key=[*reversed(SEASON)].index)
    table, progress = (_artifact(made, f"backfill-{SAMPLE_YEAR}{kind}") for kind in ("", "-progress"))
    assert [row["state"] for row in json.loads(table["data"])] == ["published"] * 3
    assert progress["data"] == 100
    if page:
        rows = operator_form.read_the_table(page, address, "3 of 3 sessions are published.")
        expected = [(number, tag.split("/")[1], code) for tag, (number, code) in reversed(SEASON.items())]
        assert [row[:4] for row in rows] == [[*one, "published"] for one in expected]
        # Prefect's own drawing of the graph complains now and then; it is redrawn a moment later.
        assert [said for said in page.complaints if "flow-run-graph" not in said] == []


def _ordered(made: Installation, page: Page | None) -> tuple[str, str]:
    """Start the backfill, from the form where there is a browser; return its id and its page's address."""
    if page is None:
        return made.start_run("backfill", year=SAMPLE_YEAR, **WANTED), ""
    operator_form.open_form(page, made)
    operator_form.wrong_input_is_refused(page)
    assert made.runs_of("backfill") == []
    address = operator_form.submit_right_input(page, made, str(WANTED["rounds"]), WANTED["sessions"])
    (run,) = made.runs_of("backfill")
    return str(run["id"]), address


def _published(made: Installation) -> set[tuple[int, str]]:
    """Return round and code of what the season's index calls published."""
    season = json.loads((made.site / f"v1/seasons/{SAMPLE_YEAR}.json").read_bytes())
    states = {
        (event["round"], session["code"]): session["state"]
        for event in season["events"]
        for session in event["sessions"]
    }
    return {key for key, state in states.items() if state == "published"}


def _artifact(made: Installation, key: str) -> dict[str, Any]:
    (found,) = made.post("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
    return dict(found)


@needs_chromium
def test_texts_of_others_are_texts_in_the_interface(deployed: Installation, page: Page) -> None:
    operator_form.texts_of_others_are_texts(page, deployed)


def _messages(made: Installation, flow_run_id: str) -> list[str | None]:
    """Return what each state a run was in says."""
    return [state["message"] for state in made.get(f"/flow_run_states/?flow_run_id={flow_run_id}")]


def test_prefect_keeps_its_runs_in_postgresql(deployed: Installation) -> None:
    if (programs := postgres_programs()) is None:
        pytest.skip(MISSING)
    address = deployed.environment["PREFECT_API_DATABASE_CONNECTION_URL"].replace("+asyncpg", "")
    command = [programs / "psql", address, "-Atc", "SELECT count(*) FROM flow_run WHERE state_name = 'Completed'"]
    counted = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(counted.stdout) >= 1 + len(SEASON)


def test_events_and_a_check_of_the_health_follow(deployed: Installation) -> None:
    names = {event["event"] for event in _events(deployed)}
    assert {"parcferme.session.started", "parcferme.session.published"} <= names
    # Started by an automation when the run was found dead; once is enough.
    wait_until(lambda: deployed.runs_of("check-health"), "the health is checked")
    for automation in deployed.post("/automations/filter", {}):
        if "check the health" in automation["name"]:
            deployed.ask("PATCH", f"/automations/{automation['id']}", {"enabled": False})


def _events(made: Installation) -> list[dict[str, Any]]:
    body = {"filter": {"event": {"prefix": ["parcferme."]}}, "limit": 50}
    return list(made.post("/events/filter", body)["events"])


def test_a_run_that_dies_is_told_of_at_once_and_a_cancelled_backfill_takes_its_runs_with_it(
    deployed: Installation,
) -> None:
    made = deployed
    survivor = made.workers[1]
    done = {run["id"] for run in made.runs_of("publish-session")}
    backfill = made.start_run("backfill", year=SAMPLE_YEAR, force=True, **AGAIN)

    def children() -> list[dict[str, Any]]:
        return [run for run in made.runs_of("publish-session") if run["id"] not in done]

    run = wait_until(lambda: _stopped_midway(made, survivor), "a session is under way", poll_s=0.1)
    survivor.kill_run(run)
    # The worker is there to say so: nobody waits for heartbeats.
    wait_until(lambda: any(e["event"] == "parcferme.session.crashed" for e in _events(made)), "its end is told of")
    wait_until(lambda: made.flow_run(run)["state_name"] != "Crashed", "it is put back")

    made.post(f"/flow_runs/{backfill}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    made.wait_for_state(backfill, "Cancelled")
    checks: list[str] = []

    def have_ended() -> bool:
        states = {run["state_name"] for run in children()}
        # One that did not hear in time why it was ended is taken for crashed until the health is checked, which
        # nothing orders here any more.
        if "Crashed" in states and not checks:
            checks.append(made.start_run("check-health"))
        return states <= {"Cancelled", "Completed"}

    wait_until(
        have_ended,
        lambda: f"its runs have ended: {[(run['name'], run['state']) for run in children()]}",
    )
    assert len(children()) == len(AGAIN["sessions"])
    assert Counter(run["state_name"] for run in children())["Cancelled"] >= 1
    of_them = [session for session in SEASON.values() if session[0] == AGAIN["rounds"]]
    assert {_status(made, *session)["type"] for session in of_them} <= {"complete", "error", "cancelled"}
