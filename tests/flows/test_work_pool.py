"""The sample season through a work pool with two process workers, one of which dies in the middle."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Worker, installation
from prefect_servers import wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR

#: Four sessions: enough that both workers have one in their hands for a while.
WANTED = {"rounds": "1,3", "sessions": ["Race", "Qualifying"]}
RACES = {("1", "Q"), ("1", "R"), ("3", "Q"), ("3", "R")}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, sample_cache: Path) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with installation(folder, sample_cache, PARCFERME_NOW=SAMPLE_NOW_UTC.isoformat()) as made:
        _shorten_silence(made)
        yield made


def _shorten_silence(made: Installation) -> None:
    """Take a run for dead sooner than an installation with busy machines should."""
    names = {"parcferme: silent runs have crashed", "parcferme: runs that are never heard of have crashed"}
    found = made.post("/automations/filter", {"sort": "NAME_ASC"})
    assert names < {automation["name"] for automation in found}
    for automation in found:
        if automation["name"] in names:
            trigger = {**automation["trigger"], "within": timedelta(seconds=40).total_seconds()}
            body = {name: automation[name] for name in ("name", "description", "enabled", "tags", "actions")}
            made.api.put(f"/automations/{automation['id']}", json={**body, "trigger": trigger}).raise_for_status()


def _status(made: Installation, round_number: str, code: str) -> dict[str, Any]:
    path = made.site / "v1" / "status" / str(SAMPLE_YEAR) / round_number / f"{code}.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _running_on(made: Installation, worker: Worker) -> dict[str, Any] | None:
    """Return a session's run that the worker is in the middle of."""
    ids = worker.runs()
    running = (run for run in made.runs_of("publish-session") if run["state_name"] == "Running")
    return next((run for run in running if run["id"] in ids), None)


def test_two_workers_share_a_backfill_and_one_may_die(deployed: Installation) -> None:
    made = deployed
    made.start_worker("control", "--work-queue", "control", limit=3)
    survivor = made.start_worker("survivor", "--work-queue", "sessions", limit=1)
    victim = made.start_worker("victim", "--work-queue", "sessions", limit=1)
    backfill = made.start_run("backfill", year=SAMPLE_YEAR, **WANTED)

    lost = wait_until(lambda: _running_on(made, victim), "the victim works on a session")
    wait_until(lambda: _running_on(made, survivor), "the survivor works on another")
    victim.kill()

    ended = made.wait_for_state(backfill, "Completed", "Failed", "Crashed", timeout_s=400)
    assert (ended["state_name"], ended["state"]["message"]) == ("Completed", "4 of 4 sessions are published")

    # Nothing lost: every session has its revision. Nothing twice: one revision, one run each.
    children = made.runs_of("publish-session")
    assert Counter(run["state_name"] for run in children) == {"Completed": 4}
    assert {run["id"]: run["run_count"] for run in children if run["run_count"] > 1} == {lost["id"]: 2}
    documents = [json.loads(path.read_text()) for path in made.site.glob("v1/sessions/*/latest.json")]
    assert {(str(one["round"]), one["session"]) for one in documents} == RACES
    assert [len(one["revisions"]) for one in documents] == [1] * 4
    assert {_status(made, *session)["type"] for session in RACES} == {"complete"}

    # What the operator sees: the children below their parent, newest first, and the table of all.
    begun = sorted(children, key=lambda run: run["expected_start_time"])
    order = [next(tag for tag in run["tags"] if tag.startswith("session:")) for run in begun if run["id"] != lost["id"]]
    assert order == sorted(order, key=[*reversed(_season_order())].index)
    (table,) = made.post("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [f"backfill-{SAMPLE_YEAR}"]}}})
    assert [row["state"] for row in json.loads(table["data"])] == ["published"] * 4


def _season_order() -> list[str]:
    names = ("Larkmoor", "Vantry")
    return [f"session:{SAMPLE_YEAR}/{name} Grand Prix/{code}" for name in names for code in ("Q", "R")]


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
    backfill = made.start_run("backfill", year=SAMPLE_YEAR, force=True, **{**WANTED, "rounds": "3"})

    def children() -> list[dict[str, Any]]:
        return [run for run in made.runs_of("publish-session") if run["id"] not in done]

    run = wait_until(lambda: _running_on(made, survivor), "a session is under way")
    wait_until(lambda: _says_it_is_under_way(made, run), "its status says so")
    survivor.kill_run(run["id"])
    # The worker is there to say so: nobody waits for heartbeats.
    wait_until(lambda: any(e["event"] == "parcferme.session.crashed" for e in _events(made)), "its end is told of")
    wait_until(lambda: made.flow_run(run["id"])["state_name"] != "Crashed", "it is put back")

    made.post(f"/flow_runs/{backfill}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    made.wait_for_state(backfill, "Cancelled")
    ends = {"Cancelled", "Completed"}
    wait_until(lambda: {run["state_name"] for run in children()} <= ends, "its runs have ended")
    assert len(children()) == 2
    assert Counter(run["state_name"] for run in children())["Cancelled"] >= 1
    assert {_status(made, *session)["type"] for session in RACES} <= {"complete", "error"}


def _says_it_is_under_way(made: Installation, run: dict[str, Any]) -> bool:
    status = _status(made, *_session_of(run))
    return (status.get("type"), status.get("flow_run_id")) == ("progress", run["id"])


def _session_of(run: dict[str, Any]) -> tuple[str, str]:
    tag = next(tag for tag in run["tags"] if tag.startswith("session:"))
    number = ("1", "3")[_season_order().index(tag) // 2]
    return number, tag.rpartition("/")[2]
