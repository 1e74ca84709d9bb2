"""What is said of runs, held against what Prefect knows of them: a real server, its runs made by hand."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import flow as prefect_flow
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, WorkPoolCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Running, State
from prefect_servers import RECORDING_ONLY, Server, talking_to, wait_until

from flows.engine import revival
from flows.engine.housekeeping import NOBODY_CAME, Housekeeper, Removed
from flows.engine.revival import (
    CANCELLED_AFTER_ALL,
    DOUBT,
    HEARD_AGAIN,
    MOST_ATTEMPTS,
    NOT_HEARD_OF,
    PUT_BACK,
    Fate,
    is_heard_of,
    revive,
    welcome_back,
)
from flows.engine.session_runs import PLANNED_TAG, TAG, NewRun, SessionRuns, backfill_tag, kind_tag
from flows.season.ahead import publish_plan
from flows.season.fan_out import Order, fan_out
from flows.season.operations import housekeeping
from flows.session.flow import publish_session
from flows.session.reports import PublishReport
from flows.session.status import StatusSink
from flows.settings import Settings, read_settings
from flows.upstream.selection import Wanted
from flows.watch.flow import check_health
from flows.watch.sweep import sweep
from publish.live import runs as runs_document
from publish.live.plan import PlanDocument
from publish.live.runs import RunEntry
from publish.season.document import Event, ScheduledSession
from publish.season.index import update_root_index, update_season
from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.stores.shared_documents import read_document
from transforms.session_types import SESSION_TYPES

YEAR, ROUND, EVENT = 2099, 1, "Larkmoor Grand Prix"


class World:
    """A store and a server, with the deployment of publish-session registered."""

    def __init__(self, settings: Settings, store: Store, client: SyncPrefectClient) -> None:
        self.settings, self.store, self.client = settings, store, client
        self.runs = SessionRuns(client)
        self._made = 0

    def run(self, *states: State[Any], code: str = "R", tags: tuple[str, ...] = ()) -> FlowRun:
        """Make a run and lead it through states."""
        self._made += 1
        key = f"{self.store.uri}/{self._made}"
        made = self.runs.create(NewRun(YEAR, EVENT, code, datetime.now(UTC), key=key, tags=tags))
        for state in states:
            self.client.set_flow_run_state(made.id, state, force=True)
        return self.client.read_flow_run(made.id)

    def says_running(self, run: FlowRun | None, *, silent_for: timedelta = timedelta(), code: str = "R") -> None:
        """Let the status document and the list of runs say that a run is under way."""
        at = datetime.now(UTC) - silent_for
        run_id = "0b1b4ce1-0000-4000-8000-000000000000" if run is None else str(run.id)
        entry = RunEntry(YEAR, ROUND, EVENT, code, run_id, "its name", None, at)
        StatusSink(self.store, entry, clock=lambda: at).write(40.0, "Encoding")
        runs_document.run_started(self.store, entry, at)

    def beats(self, run: FlowRun) -> None:
        """Let a run's process be heard of."""
        before = datetime.now(UTC)
        emit_event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run.id}"})
        wait_until(lambda: is_heard_of(self.client, run, since=before), "the heartbeat arrives")

    def status(self, code: str = "R") -> dict[str, Any]:
        """The status document."""
        return read_document(self.store, f"v1/status/{YEAR}/{ROUND}/{code}.json", dict) or {}

    def listed(self) -> tuple[list[str], list[str]]:
        """The ids that run, the outcomes of those that ran."""
        document = read_document(self.store, "v1/runs.json", dict) or {}
        return [run["flow_run_id"] for run in document["running"]], [run["state"] for run in document["recent"]]

    def sweep(self) -> Any:
        """Sweep and count."""
        return sweep(self.settings, self.store, self.client)

    def state_of(self, run: FlowRun) -> State[Any]:
        """The run's state now."""
        state = self.client.read_flow_run(run.id).state
        assert state is not None
        return state


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server of this file's own, for it sweeps through every run of publish-session."""
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, RECORDING_ONLY, options=("--no-ui",)) as made, talking_to(made.api):
        yield


@pytest.fixture
def world(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PARCFERME_DESTINATION", tmp_path.as_uri())
    store = open_store(tmp_path.as_uri())
    update_root_index(store, years=(YEAR,))
    publish_session.to_deployment("publish-session", tags=[TAG]).apply()
    with get_client(sync_client=True) as client:
        made = World(read_settings(), store, client)
        for run in made.runs.find():
            client.delete_flow_run(run.id)
        yield made


LONG = timedelta(minutes=4)
#: What the automation says.
SILENT: State[Any] = Crashed(message=f"{NOT_HEARD_OF} for 120 s: it was killed, or its machine is gone.")


def test_a_run_that_lives_is_left_alone(world: World) -> None:
    run = world.run(Running())
    world.says_running(run)
    assert (world.sweep().closed, world.state_of(run).name) == (0, "Running")
    assert world.status()["type"] == "progress"
    assert world.listed() == ([str(run.id)], [])


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(Failed(message="It broke."), "failed"), (Cancelled(message="Somebody did it."), "cancelled")],
)
def test_a_run_that_has_ended_is_closed_at_once(world: World, state: State[Any], outcome: str) -> None:
    run = world.run(Running(), state)
    world.says_running(run)
    assert world.sweep().closed == 1
    status = world.status()
    assert (status["type"], status["state"]) == ("cancelled" if outcome == "cancelled" else "error", state.name)
    assert str(state.message) in (status["error"] or status["message"])
    assert world.listed() == ([], [outcome])


def test_a_crashed_run_is_closed_and_put_back(world: World) -> None:
    run = world.run(Running(), Crashed(message="Nothing was heard of it."))
    world.says_running(run)
    swept = world.sweep()
    assert (swept.closed, swept.revived) == (1, 1)
    assert (world.status()["type"], world.status()["state"]) == ("error", "Crashed")
    assert (world.state_of(run).name, world.state_of(run).message) == ("AwaitingRetry", PUT_BACK)
    assert world.listed() == ([], ["crashed"])
    assert (world.sweep().closed, world.sweep().revived) == (0, 0)


def test_a_run_that_crashes_again_and_again_stays_crashed(world: World) -> None:
    states = [state for _ in range(MOST_ATTEMPTS) for state in (Running(), Crashed(message="again"))]
    run = world.run(*states)
    assert run.run_count == MOST_ATTEMPTS
    assert world.sweep().revived == 0
    assert world.state_of(run).name == "Crashed"


def test_a_crashed_run_is_not_put_back_behind_a_later_one(world: World) -> None:
    crashed = world.run(Running(), Crashed(message="gone"))
    world.run(Running(), Completed(message="Published"))
    other = world.run(Running(), Crashed(message="gone"), code="Q")
    assert world.sweep().revived == 1
    assert (world.state_of(crashed).name, world.state_of(other).name) == ("Crashed", "AwaitingRetry")


def test_a_silent_run_is_crashed_and_then_put_back(world: World) -> None:
    run = world.run(Pending(), Running())
    world.says_running(run, silent_for=LONG)
    swept = world.sweep()
    assert (swept.closed, swept.revived) == (1, 1)
    assert world.status()["type"] == "error"
    assert world.state_of(run).name == "AwaitingRetry"


def test_a_run_that_sends_heartbeats_lives_although_its_status_is_silent(world: World) -> None:
    run = world.run(Pending(), Running())
    world.says_running(run, silent_for=LONG)
    world.beats(run)
    assert (world.sweep().closed, world.state_of(run).name) == (0, "Running")


def test_a_run_that_is_heard_of_again_runs_on(world: World) -> None:
    run = world.run(Running(), SILENT)
    world.says_running(run, silent_for=timedelta(minutes=1))
    swept = world.sweep()
    # Its lease holds: it may live.
    assert (swept.closed, swept.revived, world.state_of(run).name) == (0, 0, "Crashed")
    world.beats(run)
    assert world.sweep().revived == 1
    assert (world.state_of(run).name, world.state_of(run).message) == ("Running", HEARD_AGAIN)
    assert world.listed() == ([str(run.id)], [])
    assert world.sweep().revived == 0


def test_a_run_that_wrote_its_status_while_the_server_was_away_runs_on(world: World) -> None:
    run = world.run(Running(), SILENT)
    world.says_running(run, silent_for=timedelta(seconds=5))
    swept = world.sweep()
    assert (swept.closed, swept.revived) == (0, 1)
    assert (world.state_of(run).name, world.state_of(run).message) == ("Running", HEARD_AGAIN)
    assert (world.status()["type"], world.listed()) == ("progress", ([str(run.id)], []))


def test_a_run_that_ends_while_it_is_looked_at_has_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.run(Running(), SILENT)
    world.beats(run)

    def ends_meanwhile(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
        client.set_flow_run_state(run.id, Completed(message="Published 4f0c, A"), force=True)
        return run

    monkeypatch.setattr(revival, "_still_crashed", ends_meanwhile)
    assert welcome_back(world.client, run, datetime.now(UTC)) is Fate.STAYS
    assert (world.state_of(run).name, world.state_of(run).message) == ("Completed", "Published 4f0c, A")


def test_a_run_that_is_not_heard_of_again_is_put_back(world: World) -> None:
    run = world.run(Running(), SILENT)
    assert revive(world.runs, run, datetime.now(UTC)) is Fate.IN_DOUBT
    assert revive(world.runs, run, datetime.now(UTC) + DOUBT) is Fate.PUT_BACK
    assert world.state_of(run).message == PUT_BACK


def _backfill(world: World, *states: State[Any], **parameters: Any) -> FlowRun:
    flow_id = world.client.create_flow_from_name("backfill")
    deployment_id = world.client.create_deployment(flow_id, "backfill", tags=[TAG])
    run = world.client.create_flow_run_from_deployment(deployment_id, parameters=parameters)
    for state in states:
        world.client.set_flow_run_state(run.id, state, force=True)
    return world.client.read_flow_run(run.id)


def test_a_killed_backfill_is_put_back_unless_it_was_ordered_again(world: World) -> None:
    killed = Crashed(message="Process exited with status code: -9.")
    run = _backfill(world, Running(), killed, year=2024)
    superseded = _backfill(world, Running(), killed, year=2023)
    _backfill(world, year=2023)
    assert world.sweep().revived == 1
    assert (world.state_of(run).name, world.state_of(run).message) == ("AwaitingRetry", PUT_BACK)
    assert world.state_of(superseded).name == "Crashed"


def test_a_backfill_that_watches_contradicts_a_server_that_was_away(world: World) -> None:
    watching = _backfill(world, Running(), SILENT)
    lives = world.run(Running(), SILENT)
    world.says_running(lives, silent_for=timedelta(seconds=5))
    (one,) = _wanted("R")
    order = Order(YEAR, [one], str(watching.id), force=False)
    seen: list[str] = []

    def end_it(reports: list[PublishReport]) -> None:
        seen.append(reports[0].message or "")
        world.client.set_flow_run_state(lives.id, Completed(message="Published 4f0c, A"), force=True)

    (report,) = fan_out(world.runs, world.store, order, logging.getLogger(__name__), end_it)
    # The run that lives was waited for, and no other was made.
    assert [run.id for run in world.runs.find()] == [lives.id]
    assert (report.state, report.message) == ("published", "Published 4f0c, A")
    assert HEARD_AGAIN in [state.message for state in world.client.read_flow_run_states(lives.id)]
    assert (world.state_of(watching).name, world.state_of(watching).message) == ("Running", HEARD_AGAIN)


def _wanted(*codes: str) -> list[Wanted]:
    at = datetime(YEAR, 3, 1, 12, tzinfo=UTC)
    sessions = tuple(ScheduledSession(code, SESSION_TYPES[code].name, at) for code in codes)
    event = Event(ROUND, EVENT, None, None, None, None, False, sessions)
    return [Wanted(YEAR, event, session) for session in sessions]


def test_a_backfill_that_is_heard_of_again_runs_on(world: World) -> None:
    run = _backfill(world, Running(), SILENT)
    assert world.sweep().revived == 0
    world.beats(run)
    assert world.sweep().revived == 1
    assert world.state_of(run).name == "Running"


def test_a_run_that_nobody_knows_is_closed_once_it_is_silent(world: World) -> None:
    world.says_running(None)
    assert world.sweep().closed == 0
    world.says_running(None, silent_for=LONG, code="Q")
    assert world.sweep().closed == 1
    assert (world.status("R")["type"], world.status("Q")["type"]) == ("progress", "error")


def test_a_silent_status_is_closed_while_its_run_waits_to_be_taken_up(world: World) -> None:
    run = world.run(Running(), Crashed(message="gone"), AwaitingRetry(message=PUT_BACK))
    world.says_running(run, silent_for=LONG)
    assert world.sweep().closed == 1
    assert world.status()["state"] == "Crashed"
    assert world.state_of(run).name == "AwaitingRetry"


def test_a_completed_run_that_could_not_say_so_is_complete(world: World) -> None:
    run = world.run(Running(), Completed(message="Published 4f0c, A"))
    world.says_running(run)
    assert world.sweep().closed == 1
    status = world.status()
    assert (status["type"], status["progress"], status["error"]) == ("complete", 100, None)
    assert world.listed() == ([], ["published"])


def test_what_waits_for_its_data_waits_unless_its_run_is_gone(world: World) -> None:
    run = world.run(Running(), AwaitingRetry(message="The data is not out yet."))
    now = datetime.now(UTC)
    for code, run_id, until in (
        ("R", str(run.id), now + timedelta(minutes=10)),
        ("Q", "0b1b4ce1-0000-4000-8000-000000000001", now - timedelta(minutes=4)),
    ):
        entry = RunEntry(YEAR, ROUND, EVENT, code, run_id, "its name", None, now - timedelta(hours=1))
        sink = StatusSink(world.store, entry, clock=lambda: now - timedelta(minutes=14))
        sink.wait("not out yet", until, state="AwaitingRetry", cause="late")
    assert world.sweep().closed == 1
    assert (world.status("R")["type"], world.status("Q")["type"]) == ("awaiting_data", "error")


def test_a_run_that_is_taken_for_crashed_while_it_waits_goes_on_waiting(world: World) -> None:
    until = datetime.now(UTC) + timedelta(minutes=40)
    waits = AwaitingRetry(scheduled_time=until, message="The data is not out yet.")
    attempts = [state for _ in range(MOST_ATTEMPTS + 1) for state in (Running(), waits)]
    run = world.run(*attempts, Crashed(message="Nothing was heard of it."))
    assert run.run_count > MOST_ATTEMPTS
    entry = RunEntry(YEAR, ROUND, EVENT, "R", str(run.id), "its name", None, datetime.now(UTC))
    StatusSink(world.store, entry).wait("not out yet", until, state="AwaitingRetry", cause="late")
    swept = world.sweep()
    assert (swept.closed, swept.revived) == (0, 1)
    assert world.status()["type"] == "awaiting_data"
    state = world.state_of(run)
    assert (state.name, state.message) == ("AwaitingRetry", "The data is not out yet.")
    assert state.state_details.scheduled_time == until


#: What a process says that is ended before it hears why.
TERMINATED: State[Any] = Crashed(message="Execution was aborted by a termination signal.")


@pytest.mark.parametrize("crashes", [(TERMINATED,), (SILENT,), (TERMINATED, SILENT)])
def test_a_run_that_crashes_while_it_is_cancelled_is_cancelled_and_not_put_back(
    world: World, crashes: tuple[State[Any], ...]
) -> None:
    run = world.run(Running(), Cancelling(), *crashes)
    began_again = world.run(Running(), Cancelling(), Running(), TERMINATED, code="Q")
    backfill = _backfill(world, Running(), Cancelling(), *crashes, year=2024)
    world.says_running(run)
    swept = world.sweep()
    assert (swept.closed, swept.revived, swept.cancelled) == (1, 1, 2)
    for one in (run, backfill):
        assert (world.state_of(one).name, world.state_of(one).message) == ("Cancelled", CANCELLED_AFTER_ALL)
    assert world.state_of(began_again).name == "AwaitingRetry"
    assert (world.status()["type"], world.status()["state"]) == ("cancelled", "Cancelled")
    assert world.listed() == ([], ["cancelled"])


def test_a_backfill_that_watches_leaves_cancelled_what_somebody_cancelled(world: World) -> None:
    (one,) = _wanted("R")
    watching = _backfill(world, Running())
    orders = Order(YEAR, [one], str(watching.id))

    def cancel_it(reports: list[PublishReport]) -> None:
        (run,) = world.runs.find()
        if reports[0].state == "queued":
            for state in (Running(), Cancelling(), TERMINATED):
                world.client.set_flow_run_state(run.id, state, force=True)

    (report,) = fan_out(world.runs, world.store, orders, logging.getLogger(__name__), cancel_it)
    (run,) = world.runs.find()
    assert (report.state, report.message) == ("failed", CANCELLED_AFTER_ALL)
    assert (world.state_of(run).name, run.run_count) == ("Cancelled", 1)


def test_runs_of_a_backfill_cancelled_while_no_worker_was_there_are_cancelled(world: World) -> None:
    parent = world.run(Cancelled(), code="FP1")
    child = world.run(tags=(backfill_tag(str(parent.id)),))
    other = world.run(code="Q")
    assert world.sweep().cancelled == 1
    assert (world.state_of(child).name, world.state_of(other).name) == ("Cancelled", "Scheduled")


def test_what_plan_season_would_do_is_published(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCFERME_NOW", f"{YEAR}-03-27T18:00:00Z")
    settings = read_settings()
    start = datetime(YEAR, 3, 29, 12, tzinfo=UTC)
    sessions = tuple(ScheduledSession(code, SESSION_TYPES[code].name, start) for code in ("Q", "R"))
    event = Event(ROUND, EVENT, None, None, start.date().isoformat(), "conventional", False, sessions)
    update_season(world.store, YEAR, [event], settings.current_time(), {})
    planned = NewRun(YEAR, EVENT, "Q", start, key="planned", tags=(PLANNED_TAG, kind_tag("publish")))
    gone = NewRun(YEAR, EVENT, "FP1", start, key="gone", tags=(PLANNED_TAG, kind_tag("publish")))
    for new in (planned, gone):
        world.runs.create(new)
    publish_plan(settings, world.store, world.runs, datetime.now(UTC))
    document = read_document(world.store, "v1/plan.json", PlanDocument)
    assert document is not None
    steps = {(one.session, one.kind): one for one in document.steps if one.what != "planned"}
    assert {key: one.what for key, one in steps.items()} == {
        ("Q", "publish"): "moved",
        ("FP1", "publish"): "taken_back",
    }
    assert (steps["Q", "publish"].moved_from, steps["Q", "publish"].round) == (start, ROUND)
    made = {(one.session, one.kind) for one in document.steps if one.what == "planned"}
    assert ("R", "publish") in made and ("Q", "publish") not in made
    assert len(world.runs.find()) == 2, "nothing was done"


def test_housekeeping_removes_what_nobody_looks_at_any_more(world: World) -> None:
    """On this file's server, which has no runs but ours; its clock is moved on instead of waiting."""
    client = world.client
    for run in client.read_flow_runs(limit=200):
        client.delete_flow_run(run.id)
    client.create_work_pool(WorkPoolCreate(name="tidied", type="process"))
    client.send_worker_heartbeat("tidied", "an old worker", heartbeat_interval_seconds=30.0)
    failed, waiting = world.run(Running(), Failed()), world.run()
    check, strange = (
        client.create_flow_run(flow, tags=tags, state=Completed(message="It went well."))
        for flow, tags in ((check_health, [TAG]), (prefect_flow(name="somebody-elses")(print), []))
    )
    artifact = client.create_artifact(ArtifactCreate(key="check", type="markdown", data="well", flow_run_id=check.id))

    def tidy(days: int, *, dry_run: bool = False) -> Removed:
        now = datetime.now(UTC) + timedelta(days=days)
        keeper = Housekeeper(client, "tidied", now, dry_run=dry_run)
        return keeper.tidy(routine=timedelta(days=7), ended=timedelta(days=60))

    assert tidy(6) == Removed(0, 0, 0, 0)
    assert tidy(8, dry_run=True) == Removed(1, 0, 0, 0) == tidy(8)
    with pytest.raises(ObjectNotFound):
        client.read_flow_run(check.id)
    assert not client.read_artifacts(artifact_filter=ArtifactFilter(id=ArtifactFilterId(any_=[artifact.id])))
    assert world.state_of(failed).name == "Failed" and world.state_of(waiting).name == "Scheduled"

    assert tidy(61, dry_run=True) == Removed(0, 1, 1, 1) == tidy(61)
    assert (world.state_of(waiting).name, world.state_of(waiting).message) == ("Cancelled", NOBODY_CAME)
    assert client.read_workers_for_work_pool("tidied", limit=1, offset=0) == []
    assert tidy(61) == Removed(0, 1, 0, 0), "what was cancelled has ended"
    assert world.state_of(strange).name == "Completed"
    state = housekeeping(return_state=True)
    assert state.message == "Removed 0 routine runs, 0 other runs, 0 that nobody took up, 0 workers."
