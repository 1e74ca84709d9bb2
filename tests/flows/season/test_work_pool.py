"""The sample season through a work pool with two process workers, one of which dies in the middle.

Prefect keeps its state in PostgreSQL, as in compose.yaml, or where there is none, in SQLite. It takes minutes: a run
sends a heartbeat every 30 s, so none can be taken for dead before a minute of silence.
"""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Worker, installation
from postgres import MISSING, postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.engine.revival import PUT_BACK
from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR

#: Three sessions that are soon published: one for each worker, and one that nobody has taken up yet.
WANTED = {"rounds": "1,2", "sessions": ["Practice 1", "Sprint Qualifying"]}
SEASON = {
    f"session:{SAMPLE_YEAR}/Larkmoor Grand Prix/FP1": ("1", "FP1"),
    f"session:{SAMPLE_YEAR}/Seliga Grand Prix/FP1": ("2", "FP1"),
    f"session:{SAMPLE_YEAR}/Seliga Grand Prix/SQ": ("2", "SQ"),
}


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
    """Take a run for dead sooner than an installation with busy machines should."""
    names = {"parcferme: silent runs have crashed", "parcferme: runs that are never heard of have crashed"}
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
        if _under_way(made, *session) == run and made.flow_run(run)["state_name"] == "Running":
            return run
        # It is over but for the last word.
        worker.signal_run(run, signal.SIGCONT)
    return None


def _under_way(made: Installation, round_number: str, code: str) -> str:
    """Return the run that says it is in the middle of a session, or nothing."""
    status = _status(made, round_number, code)
    return str(status["flow_run_id"]) if status.get("type") == "progress" else ""


def test_two_workers_share_a_backfill_though_one_dies_and_a_run_stands_still(deployed: Installation) -> None:
    made = deployed
    made.start_worker("control", "--work-queue", "control", limit=3)
    survivor = made.start_worker("survivor", "--work-queue", "sessions", limit=1)
    victim = made.start_worker("victim", "--work-queue", "sessions", limit=1)
    backfill = made.start_run("backfill", year=SAMPLE_YEAR, **WANTED)

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

    ended = made.wait_for_state(backfill, "Completed", "Failed", "Crashed", timeout_s=400)
    assert (ended["state_name"], ended["state"]["message"]) == ("Completed", "3 of 3 sessions are published")

    # Nothing lost: every session has its revision. Nothing twice: one revision, one run each.
    children = made.runs_of("publish-session")
    assert Counter(run["state_name"] for run in children) == {"Completed": 3}
    assert {run["id"] for run in children if PUT_BACK in _messages(made, run["id"])} == {lost}
    documents = [json.loads(path.read_text()) for path in made.site.glob("v1/sessions/*/latest.json")]
    assert {(str(one["round"]), one["session"]) for one in documents} == set(SEASON.values())
    assert [len(one["revisions"]) for one in documents] == [1] * 3
    assert {_status(made, *session)["type"] for session in SEASON.values()} == {"complete"}

    # What the operator sees: the children below their parent, newest first, and the table of all.
    begun = sorted(children, key=lambda run: run["expected_start_time"])
    order = [next(tag for tag in run["tags"] if tag.startswith("session:")) for run in begun if run["id"] != lost]
    assert order == sorted(order, key=[*reversed(SEASON)].index)
    (table,) = made.post("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [f"backfill-{SAMPLE_YEAR}"]}}})
    assert [row["state"] for row in json.loads(table["data"])] == ["published"] * 3


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
    # Started by an automation when the run was found dead.
    wait_until(lambda: deployed.runs_of("check-health"), "the health is checked")


def _events(made: Installation) -> list[dict[str, Any]]:
    body = {"filter": {"event": {"prefix": ["parcferme."]}}, "limit": 50}
    return list(made.post("/events/filter", body)["events"])


def test_a_run_that_dies_is_told_of_at_once_and_a_cancelled_backfill_takes_its_runs_with_it(
    deployed: Installation,
) -> None:
    made = deployed
    survivor = made.workers[1]
    done = {run["id"] for run in made.runs_of("publish-session")}
    backfill = made.start_run("backfill", year=SAMPLE_YEAR, force=True, **WANTED)

    def children() -> list[dict[str, Any]]:
        return [run for run in made.runs_of("publish-session") if run["id"] not in done]

    run = wait_until(lambda: _stopped_midway(made, survivor), "a session is under way", poll_s=0.1)
    survivor.kill_run(run)
    # The worker is there to say so: nobody waits for heartbeats.
    wait_until(lambda: any(e["event"] == "parcferme.session.crashed" for e in _events(made)), "its end is told of")
    wait_until(lambda: made.flow_run(run)["state_name"] != "Crashed", "it is put back")

    made.post(f"/flow_runs/{backfill}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    made.wait_for_state(backfill, "Cancelled")
    ends = {"Cancelled", "Completed"}
    wait_until(lambda: {run["state_name"] for run in children()} <= ends, "its runs have ended")
    assert len(children()) == len(SEASON)
    assert Counter(run["state_name"] for run in children())["Cancelled"] >= 1
    assert {_status(made, *session)["type"] for session in SEASON.values()} <= {"complete", "error", "cancelled"}
