"""A race weekend from Thursday to the stewards' last word, by the schedule alone; only clock and upstream are faked.

It takes minutes: some twenty runs, one after the other, three of them in processes of a real worker.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Worker
from prefect_servers import wait_until
from race_weekend import Run, Weekend, at, official_results, published_results, race_weekend, utc

from flows.sample import SAMPLE_YEAR
from flows.sample.meetings import meeting_of
from flows.session_times import RECHECKS
from publish.contract.verify import verify_store

#: The race that the story is about, by the sample season's own rounds, and the weekends before and after it.
RACE = 2
BEFORE, EVENT, AFTER, RENAMED = (
    "Larkmoor Grand Prix",
    "Seliga Grand Prix",
    "Vantry Grand Prix",
    "Vantry City Grand Prix",
)
RACE_KEY = meeting_of(RACE).session_key("R")
THURSDAY = at("03-26 18:00")
#: The race starts at 12:00 UTC and takes two hours; qualifying starts a day and an hour earlier.
RACE_RUN = at("03-29 14:30")
MOVED_QUALIFYING_RUN = at("03-28 15:30")
ENDS_AND_HALF_AN_HOUR = {
    "FP1": at("03-27 10:30"),
    "SQ": at("03-27 14:15"),
    "S": at("03-28 10:30"),
    "Q": at("03-28 14:30"),
    "R": RACE_RUN,
}


@pytest.fixture(scope="module")
def weekend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weekend]:
    with race_weekend(tmp_path_factory.mktemp("weekend"), THURSDAY) as made:
        yield made


def test_a_race_weekend(weekend: Weekend) -> None:
    weekend.double.season.hide_all()
    planned_on_thursday(weekend)
    moved_cancelled_and_renamed(weekend)
    worker = qualifying_published_at_its_new_time(weekend)
    race_run = race_data_not_out(weekend)
    nothing_to_check_yet(weekend)
    race_published(weekend, race_run)
    worker.stop()
    checked_an_hour_after_it_came(weekend)
    corrected_a_day_later(weekend)
    checked_after_a_week(weekend)
    results_changed_weeks_later(weekend)
    renumbered(weekend)
    published_again_under_its_new_number(weekend)
    postponed(weekend)
    waiting = upstream_down(weekend)
    postponed_while_it_waits(weekend, waiting)
    data_never_comes(weekend, waiting)
    planned_after_it_all(weekend)
    fetched_elsewhere(weekend)
    assert verify_store(weekend.store, deep=True).is_good


def plan(weekend: Weekend) -> Run:
    run = weekend.order("plan-season")
    assert run["state_name"] == "Completed", run["state"]["message"]
    return run


def ends_as(run: Run, name: str, *words: str) -> Run:
    assert run["state_name"] == name, run["state"]
    for word in words:
        assert word in run["state"]["message"]
    return run


def next_in_runs_json(weekend: Weekend) -> dict[tuple[str, str, str], list[datetime]]:
    found: dict[tuple[str, str, str], list[datetime]] = {}
    for one in weekend.read("v1/runs.json")["next"]:
        found.setdefault((one["event"], one["session"], one["kind"]), []).append(utc(one["expected_at"]))
    return found


def planned_on_thursday(weekend: Weekend) -> None:
    plan(weekend)
    expected = {
        (EVENT, code, kind): first + after
        for code, first in ENDS_AND_HALF_AN_HOUR.items()
        for kind, after in {"publish": timedelta(), **RECHECKS}.items()
    }
    # The next weekend is far: no re-checks yet. The last one was missed: nothing of it is published, so now.
    days = {"FP1": "04-17 12:30", "FP2": "04-17 16:30", "FP3": "04-18 11:30", "Q": "04-18 15:30", "R": "04-19 15:30"}
    expected |= {(AFTER, code, "publish"): at(day) for code, day in days.items()}
    expected |= {(BEFORE, code, "publish"): THURSDAY for code in meeting_of(1).sessions}
    assert weekend.times() == expected
    run = weekend.planned_once(EVENT, "R")
    assert run["name"] == f"{SAMPLE_YEAR} {EVENT} Race"
    assert {"parcferme", f"session:{SAMPLE_YEAR}/{EVENT}/R"} <= set(run["tags"])
    listed = next_in_runs_json(weekend)
    assert listed[EVENT, "R", "publish"] == [RACE_RUN]
    assert listed[EVENT, "R", "recheck"] == [RACE_RUN + after for after in RECHECKS.values()]
    assert sum(map(len, listed.values())) == len(expected)
    indexed = weekend.indexed(EVENT, "R")
    assert (indexed["round"], indexed["state"], utc(indexed["start_utc"])) == (2, "scheduled", at("03-29 12:00"))


def moved_cancelled_and_renamed(weekend: Weekend) -> None:
    before = weekend.planned()
    weekend.double.season.move(RACE, "Q", meeting_of(RACE).local_start("Q") + timedelta(hours=1))
    weekend.double.season.cancel(RACE, "FP1")
    weekend.double.season.rename(3, RENAMED)
    plan(weekend)

    after = weekend.planned("Scheduled")
    times = weekend.times()
    for kind, later in {"publish": timedelta(), **RECHECKS}.items():
        assert times[EVENT, "Q", kind] == MOVED_QUALIFYING_RUN + later
        assert after[EVENT, "Q", kind][0]["id"] == before[EVENT, "Q", kind][0]["id"]
    assert next_in_runs_json(weekend)[EVENT, "Q", "publish"] == [MOVED_QUALIFYING_RUN]
    cancelled = weekend.planned("Cancelled")
    assert {slot[:2] for slot in cancelled} == {(EVENT, "FP1"), *((AFTER, code) for code in meeting_of(3).sessions)}
    assert {slot: [run["id"] for run in runs] for slot, runs in cancelled.items()} == {
        slot: [run["id"] for run in before[slot]] for slot in cancelled
    }
    assert {slot[1] for slot in after if slot[0] == RENAMED} == set(meeting_of(3).sessions)
    others = {slot for slot in before if slot not in cancelled and slot[1] != "Q"}
    assert {slot: after[slot] for slot in others} == {slot: before[slot] for slot in others}
    assert utc(weekend.indexed(EVENT, "Q")["start_utc"]) == at("03-28 14:00")
    assert weekend.indexed(RENAMED, "R")["round"] == 3

    # Planned again, where nothing has changed.
    weekend.now += timedelta(hours=1)
    plan(weekend)
    assert weekend.planned() == {**cancelled, **after}


def by_worker(weekend: Weekend, flow_run_id: str, name: str) -> Run:
    """Let a worker take a run up whose time has come, and wait until the process it started is gone."""
    attempts = weekend.installation.flow_run(flow_run_id)["run_count"]
    weekend.set_clock_of(flow_run_id)
    weekend.let_come(flow_run_id)

    def ended() -> Run | None:
        run = weekend.installation.flow_run(flow_run_id)
        return run if run["run_count"] > attempts and run["state_name"] == name else None

    run = wait_until(ended, f"{flow_run_id} is {name}", timeout_s=300)
    pid = run["infrastructure_pid"].rpartition(":")[2]
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} is gone")
    return run


def qualifying_published_at_its_new_time(weekend: Weekend) -> Worker:
    weekend.now = MOVED_QUALIFYING_RUN
    weekend.double.season.show(RACE, "Q")
    flow_run_id = str(weekend.planned_once(EVENT, "Q")["id"])
    weekend.start(flow_run_id)
    wait_until(lambda: weekend.installation.flow_run(flow_run_id)["state_name"] == "Running", "qualifying is run")
    # Takes up nothing of what is under way already, and is there when the race comes.
    worker = weekend.installation.start_worker(
        "worker", "--work-queue", "sessions", limit=1, PREFECT_WORKER_QUERY_SECONDS="1"
    )
    ends_as(weekend.ended(flow_run_id), "Completed", "Published")
    assert weekend.indexed(EVENT, "Q")["state"] == "published"
    return worker


def race_data_not_out(weekend: Weekend) -> str:
    weekend.now = RACE_RUN
    flow_run_id = str(weekend.planned_once(EVENT, "R")["id"])
    run = by_worker(weekend, flow_run_id, "AwaitingRetry")
    next_attempt = RACE_RUN + timedelta(minutes=10)
    assert run["state_type"] == "SCHEDULED"
    assert utc(run["next_scheduled_start_time"]) == next_attempt
    status = weekend.status(2, "R")
    assert (status["type"], status["state"], status["flow_run_id"]) == ("awaiting_data", "AwaitingRetry", flow_run_id)
    assert utc(status["next_attempt_at"]) == next_attempt
    assert "14:40 UTC" in status["message"]
    assert weekend.indexed(EVENT, "R")["state"] == "awaiting_data"
    event = weekend.wait_for_event("awaiting_data", flow_run_id)
    assert event["resource"]["prefect.resource.id"] == f"parcferme.session.{SAMPLE_YEAR}.2.R"
    runs = weekend.read("v1/runs.json")
    assert runs["running"] == []
    assert (runs["recent"][0]["flow_run_id"], runs["recent"][0]["state"]) == (flow_run_id, "awaiting_data")
    return flow_run_id


def nothing_to_check_yet(weekend: Weekend) -> None:
    weekend.now = RACE_RUN + timedelta(hours=1)
    before = weekend.status(2, "R")
    weekend.double.forget()
    run = by_worker(weekend, weekend.planned_once(EVENT, "R", "recheck-1h")["id"], "AwaitingRetry")
    ends_as(run, "AwaitingRetry", "another run awaits the data")
    assert utc(run["next_scheduled_start_time"]) == weekend.now + timedelta(hours=1)
    assert weekend.status(2, "R") == before
    assert weekend.double.requests_of(RACE, "R") == []


def race_published(weekend: Weekend, flow_run_id: str) -> None:
    weekend.now = RACE_RUN + timedelta(hours=1)
    weekend.double.season.show(RACE, "R")
    run = by_worker(weekend, flow_run_id, "Completed")
    assert run["run_count"] == 2
    history = weekend.installation.get(f"/flow_run_states/?flow_run_id={flow_run_id}")
    names = [state["name"] for state in sorted(history, key=lambda state: state["timestamp"])]
    assert [name for name in names if name in ("AwaitingRetry", "Crashed", "Failed", "Completed")] == [
        "AwaitingRetry",  # its first attempt
        "AwaitingRetry",  # its time has come
        "Completed",
    ]
    latest = weekend.latest(RACE, "R")
    ends_as(run, "Completed", latest["revision"], latest["grade"])
    assert [one["reason"] for one in latest["revisions"]] == ["first"]
    assert (weekend.status(2, "R")["type"], weekend.status(2, "R")["progress"]) == ("complete", 100)
    indexed = weekend.indexed(EVENT, "R")
    assert (indexed["state"], indexed["revision"], indexed["session_key"]) == (
        "published",
        latest["revision"],
        RACE_KEY,
    )
    assert weekend.wait_for_event("published", flow_run_id)["payload"]["revision"] == latest["revision"]
    recent = weekend.read("v1/runs.json")["recent"]
    assert (recent[0]["flow_run_id"], recent[0]["state"]) == (flow_run_id, "published")
    assert flow_run_id not in [one["flow_run_id"] for one in recent[1:]]
    results = weekend.table(RACE, "R", latest["revision"], "results")
    assert published_results(results) == official_results(weekend.double, RACE, "R")


def everything(weekend: Weekend) -> dict[str, Any]:
    """Every object, and what is current of the race but for ``settled_at``.

    Some hours after a publication the first run that finds nothing to do says there that nothing is left to be done.
    """
    objects: dict[str, Any] = dict(weekend.objects())
    objects[f"v1/sessions/{RACE_KEY}/latest.json"] = weekend.latest(RACE, "R") | {"settled_at": None}
    return objects


def up_to_date(weekend: Weekend, kind: str, after: timedelta) -> None:
    """Let a re-check of the race come that finds nothing changed."""
    weekend.now = RACE_RUN + after
    before = everything(weekend)
    run = weekend.planned_once(EVENT, "R", kind)
    assert utc(run["next_scheduled_start_time"]) == weekend.now
    weekend.double.forget()
    ends_as(weekend.execute(run["id"]), "Completed", "Up to date")
    assert len(weekend.double.requests_of(RACE, "R")) > 10  # everything was asked for anew
    assert everything(weekend) == before
    assert weekend.status(2, "R")["type"] == "complete"
    assert weekend.read("v1/runs.json")["recent"][0]["state"] == "unchanged"


def checked_an_hour_after_it_came(weekend: Weekend) -> None:
    up_to_date(weekend, "recheck-1h", timedelta(hours=2))


def corrected_a_day_later(weekend: Weekend) -> None:
    weekend.now = RACE_RUN + timedelta(days=1)
    first = weekend.latest(RACE, "R")["revision"]
    before = weekend.table(RACE, "R", first, "laps")
    loser, winner = weekend.double.season.swap_results(RACE, "R", 2)
    car, lap, old_ms = next(
        (row["car"], row["lap"], row["lap_time_ms"]) for row in before if row["lap"] == 4 and row["lap_time_ms"]
    )
    new_ms = weekend.double.season.correct_lap_time(RACE, "R", car, lap, by_ms=-250)
    run = weekend.execute(weekend.planned_once(EVENT, "R", "recheck-24h")["id"])
    latest = weekend.latest(RACE, "R")
    second = latest["revision"]
    ends_as(run, "Completed", f"Published {second}")
    assert second != first
    newest, oldest = latest["revisions"]
    assert (newest["reason"], oldest["revision"]) == ("upstream changed", first)
    assert {"laps.json.gz", "results.json.gz"} <= set(newest["changed_objects"])
    changed = {(one["car"], one["field"]): (one["before"], one["after"]) for one in newest["results"]}
    assert {car for car, _ in changed} == {loser, winner}
    assert changed[loser, "position"] == (2, 3) and changed[winner, "position"] == (3, 2)
    for revision in (first, second):
        assert weekend.read(f"v1/sessions/{RACE_KEY}/{revision}/manifest.json")["revision"] == revision
    laps = {
        revision: next(
            row["lap_time_ms"]
            for row in weekend.table(RACE, "R", revision, "laps")
            if (row["car"], row["lap"]) == (car, lap)
        )
        for revision in (first, second)
    }
    assert laps == {first: old_ms, second: new_ms} and new_ms == old_ms - 250
    results = weekend.table(RACE, "R", second, "results")
    assert published_results(results) == official_results(weekend.double, RACE, "R")
    assert weekend.indexed(EVENT, "R")["revision"] == second


def checked_after_a_week(weekend: Weekend) -> None:
    up_to_date(weekend, "recheck-7d", timedelta(days=7))


def results_changed_weeks_later(weekend: Weekend) -> None:
    weekend.now = at("04-14 05:00")
    of_qualifying, before = weekend.latest(RACE, "Q"), weekend.latest(RACE, "R")
    weekend.double.season.swap_results(RACE, "R", 4)
    parent = weekend.installation.start_run("refresh-results", days=60)
    weekend.start(parent)
    children = {"flow_runs": {"tags": {"all_": [f"backfill:{parent}"]}}}
    (child,) = wait_until(lambda: weekend.installation.flow_runs(**children), "refresh-results makes a run")
    assert (child["parameters"]["event"], child["parameters"]["session"]) == (EVENT, "Race")
    ends_as(weekend.execute(child["id"]), "Completed", "Published")
    ends_as(weekend.ended(parent), "Completed", "2 sessions asked about, 1 with other results")
    assert len(weekend.installation.flow_runs(**children)) == 1
    latest = weekend.latest(RACE, "R")
    assert latest["revisions"][1:] == before["revisions"]
    assert latest["revisions"][0]["reason"] == "upstream changed"
    results = weekend.table(RACE, "R", latest["revision"], "results")
    assert published_results(results) == official_results(weekend.double, RACE, "R")
    assert weekend.latest(RACE, "Q") == of_qualifying


def renumbered(weekend: Weekend) -> None:
    weekend.now = at("04-15 04:10")
    site = weekend.installation.site
    before, planned = weekend.latest(RACE, "R"), weekend.planned("Scheduled")
    rows = {path.name: path.read_bytes() for path in (site / f"telemetry/{SAMPLE_YEAR}/2").iterdir()}
    assert "skip_1.json.gz" in rows
    weekend.double.season.cancel(1)
    weekend.double.season.renumber()
    plan(weekend)
    after = weekend.latest(RACE, "R")
    assert after == {**before, "round": 1, "settled_at": after["settled_at"]}
    indexed = weekend.indexed(EVENT, "R")
    assert (indexed["round"], indexed["session_key"], indexed["revision"]) == (1, RACE_KEY, before["revision"])
    assert {path.name: path.read_bytes() for path in (site / f"telemetry/{SAMPLE_YEAR}/1").iterdir()} == rows
    assert not list((site / f"telemetry/{SAMPLE_YEAR}").glob("2/*"))
    assert weekend.status(1, "R")["type"] == "complete"
    assert weekend.indexed(RENAMED, "R")["round"] == 2
    kept = {slot: [run["id"] for run in runs] for slot, runs in planned.items() if slot[0] != BEFORE}
    now_planned = {slot: [run["id"] for run in runs] for slot, runs in weekend.planned("Scheduled").items()}
    # New are the re-checks of the next weekend alone: it is near now.
    assert {slot: ids for slot, ids in now_planned.items() if slot in kept} == kept
    assert all(slot[0] == RENAMED and slot[2] != "publish" for slot in now_planned.keys() - kept.keys())
    assert {slot for slot in weekend.planned("Cancelled") if slot[0] == BEFORE} == {
        (BEFORE, code, "publish") for code in meeting_of(1).sessions
    }
    objects = weekend.objects()
    ends_as(weekend.order("rebuild-index", year=SAMPLE_YEAR), "Completed", "up to date")
    assert weekend.objects() == objects


def published_again_under_its_new_number(weekend: Weekend) -> None:
    before = everything(weekend)
    run = weekend.order("publish-session", year=SAMPLE_YEAR, event="1", session="Race")
    ends_as(run, "Completed", "Up to date")
    assert everything(weekend) == before
    assert weekend.status(1, "R")["type"] == "complete"


def postponed(weekend: Weekend) -> None:
    """Runs whose session has become later since they were planned wait for its end, without being planned anew."""
    weekend.now = at("04-17 16:30")
    start = meeting_of(3).local_start("FP2")
    weekend.double.season.move(3, "FP2", start + timedelta(hours=3))
    for kind, due in (("publish", "04-17 19:30"), ("recheck-1h", "04-17 20:30")):
        run = weekend.execute(weekend.planned_once(RENAMED, "FP2", kind)["id"])
        ends_as(run, "AwaitingRetry", "has not happened yet")
        assert utc(run["next_scheduled_start_time"]) == at(due)
    # What follows is not about this.
    weekend.double.season.move(3, "FP2", start)


def upstream_down(weekend: Weekend) -> str:
    weekend.now = at("04-19 15:30")
    flow_run_id = str(weekend.planned_once(RENAMED, "R")["id"])
    weekend.double.down()
    run = weekend.execute(flow_run_id)
    # This one may use nothing that was fetched before.
    refetch = weekend.order("publish-session", year=SAMPLE_YEAR, event=EVENT, session="Race", refetch=True)
    weekend.double.up()
    ends_as(refetch, "AwaitingRetry", "Failed to load any schedule data")
    assert weekend.status(1, "R")["type"] == "awaiting_data"
    assert weekend.indexed(EVENT, "R")["state"] == "published"
    ends_as(run, "AwaitingRetry", "livetiming.formula1.com")
    assert utc(run["next_scheduled_start_time"]) == weekend.now + timedelta(minutes=10)
    status = weekend.status(2, "R")
    assert (status["type"], status["flow_run_id"]) == ("awaiting_data", flow_run_id)
    return flow_run_id


def postponed_while_it_waits(weekend: Weekend, flow_run_id: str) -> None:
    weekend.now += timedelta(minutes=10)
    start = meeting_of(3).local_start("R")
    weekend.double.season.move(3, "R", start + timedelta(hours=5))
    run = weekend.execute(flow_run_id)
    ends_as(run, "AwaitingRetry", "has not happened yet", "Next attempt on 2099-04-19 at 20:30 UTC")
    status = weekend.status(2, "R")
    assert (status["type"], utc(status["next_attempt_at"])) == ("awaiting_data", at("04-19 20:30"))
    assert "at 20:30 UTC" in status["message"]
    # And back again.
    weekend.double.season.move(3, "R", start)


def data_never_comes(weekend: Weekend, flow_run_id: str) -> None:
    weekend.now = at("04-20 15:00")
    run = weekend.execute(flow_run_id)
    ends_as(run, "Failed", RENAMED)
    status = weekend.status(2, "R")
    assert (status["type"], status["state"], status["next_attempt_at"]) == ("error", "Failed", None)
    assert RENAMED in status["error"]
    assert weekend.indexed(RENAMED, "R")["state"] == "no_data"
    weekend.wait_for_event("failed", flow_run_id)


def planned_after_it_all(weekend: Weekend) -> None:
    weekend.now = at("04-21 04:10")
    before = weekend.planned()
    plan(weekend)
    after = weekend.planned()
    assert {slot: runs for slot, runs in after.items() if slot in before} == before
    # Of the first two the re-checks are there since the calendar was renumbered.
    assert after.keys() - before.keys() == {(RENAMED, code, "recheck-7d") for code in ("FP3", "Q", "R")}


def fetched_elsewhere(weekend: Weekend) -> None:
    """The address of those who compute is refused; another place fetches for them, and its runs are planned instead."""
    folder = weekend.installation.folder
    archive = folder / "archive"
    archive.mkdir()
    home = {"PARCFERME_ARCHIVE": archive.as_uri(), "PARCFERME_CACHE_DIR": str(folder / "home")}
    cloud = {**home, "PARCFERME_CACHE_DIR": str(folder / "cloud"), "PARCFERME_SOURCE": "archive"}
    weekend.double.season.show(3, "Q")
    ask = {"year": SAMPLE_YEAR, "event": RENAMED, "session": "Qualifying"}

    weekend.variables = home
    weekend.double.block("firewall")
    run = weekend.order("fetch-session", **ask)
    ends_as(run, "AwaitingAccess", "address is refused", "parcferme fetch")
    weekend.double.up()
    ends_as(weekend.execute(run["id"]), "Completed", "is kept in the archive")

    # The server has been told, and has planning look.
    def planning() -> list[Run]:
        runs = weekend.installation.flow_runs(deployments={"name": {"any_": ["plan-season"]}})
        return [one for one in runs if (one["created_by"] or {}).get("type") == "AUTOMATION"]

    wait_until(planning, "a run of plan-season")
    weekend.double.block("firewall", paths=".*/static/.*")
    weekend.variables = {**cloud, "PARCFERME_PLAN_FETCHES": "1"}
    ends_as(weekend.order("plan-season"), "Completed", "planned")
    (publishing,) = (
        one
        for one in weekend.installation.flow_runs(deployments={"name": {"any_": ["publish-session"]}})
        if one["state_type"] == "SCHEDULED" and one["parameters"].get("source") == "archive"
    )
    ends_as(weekend.execute(publishing["id"]), "Completed", "Published")
    assert weekend.indexed(RENAMED, "Q")["state"] == "published"
    # It is made once; what is planned now is that a published session is looked at again.
    for said in ("1 planned.", "Everything is planned already."):
        assert ends_as(weekend.order("plan-season"), "Completed")["state"]["message"] == said
    # Straight from here nothing comes, and the system says so.
    weekend.variables = {}
    ends_as(weekend.order("publish-session", **ask | {"session": "Race"}), "AwaitingAccess", "address is refused")
    assert weekend.status(2, "R")["cause"] == "blocked"
    weekend.double.up()
