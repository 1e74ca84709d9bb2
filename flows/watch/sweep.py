"""Holds what is said of runs against what Prefect's server knows of them, and puts right what a dead run cannot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from flows.engine.environment import own_path, tag
from flows.engine.listing import list_planned
from flows.engine.revival import Fate, cancel_after_all, is_heard_of, resume_wait, revive, was_silent, welcome_back
from flows.engine.session_runs import (
    BACKFILL,
    SessionRuns,
    backfill_name,
    cancel_runs_of,
    expected_utc,
    session_tag_of,
)
from flows.session.endings import announce_ended
from flows.session.reports import NO_DATA
from flows.session.status import DEAD_RUN, SILENCE, Ended, end_matching, is_silent, last_words
from flows.settings import Settings
from publish import keys
from publish.live import status
from publish.live.runs import Runs, reconcile
from publish.live.status import Status, status_keys
from publish.season.index import read_years
from publish.stores.base import Store
from publish.stores.shared_documents import read_document

#: A run that crashed longer ago is history.
_REVIVED_FOR = timedelta(days=1)
#: Runs that are looked through for a later one of the same session.
_LOOK_BACK = 1000
_OPEN = (status.PROGRESS, status.AWAITING_DATA)
_BACKFILL_PREFIX = "backfill:"


@dataclass(frozen=True)
class Swept:
    """What was put right: status documents closed, crashed runs that go on, runs cancelled that were to be."""

    closed: int
    revived: int
    cancelled: int

    def __str__(self) -> str:
        return f"{self.closed} statuses closed, {self.revived} crashed runs revived, {self.cancelled} runs cancelled"


def sweep(settings: Settings, store: Store, client: SyncPrefectClient) -> Swept:
    """Close the status of every run that Prefect says has ended, put back runs whose process is gone.

    Runs of any flow that were taken for dead and are heard of again run on.

    :raises InputError: publish-session is not registered with the server.
    :raises PublicationError: the destination refuses.
    """
    now = datetime.now(UTC)
    runs = SessionRuns(client)
    crashed = _crashed(runs, now)
    words = {id_: at for year in read_years(store) for id_, at in last_words(store, year).items()} if crashed else {}
    # Before their statuses are looked at: these have not ended.
    waiting = sum(resume_wait(runs, run) for run in crashed)
    lately = _lately_crashed(client, now)
    cancelled = sum(cancel_after_all(client, run) for run in lately)
    living = [run for run in lately if welcome_back(client, run, now, words.get(str(run.id))) is Fate.LIVES]
    closed = [ended for year in read_years(store) for ended in _close(store, runs, year, now)]
    dead = [*_crashed(runs, now), *_crashed_backfills(client, now)]
    revived = waiting + len(living) + sum(revive(runs, run, now, words.get(str(run.id))).goes_on for run in dead)
    cancelled += _cancel_orphans(runs)
    _name_waiting_backfills(client)
    listed = read_document(store, keys.RUNS, Runs)
    known = _read(runs, (run.flow_run_id for run in listed.running) if listed else ())
    alive = {id_ for id_, run in known.items() if run.state is not None and not run.state.is_final()}
    alive |= {str(run.id) for run in living}
    reconcile(store, alive, {id_: _outcome(run) for id_, run in known.items() if id_ not in alive}, now)
    list_planned(store, runs, now)
    return Swept(len(closed), revived, cancelled)


def _read(runs: SessionRuns, ids: Iterable[str]) -> dict[str, FlowRun]:
    wanted = []
    for text in ids:
        try:
            wanted.append(UUID(text))
        except ValueError:
            continue  # made without Prefect
    return {str(run.id): run for run in runs.read(wanted)}


def _close(store: Store, runs: SessionRuns, year: int, now: datetime) -> list[Ended]:
    """Close every open status of a season whose run has ended or is silent; announce what could not announce itself."""
    known = _read(runs, _open_run_ids(store, year))

    def _verdict(document: Status) -> tuple[str, str] | None:
        run = known.get(document.flow_run_id)
        if run is None or run.state is None:
            return ("Crashed", DEAD_RUN) if is_silent(document, now) or _is_overdue(document, now) else None
        if run.state.is_final() and not (was_silent(run) and _is_leased(document, now)):
            return str(run.state.name), _message_of(run)
        if not is_silent(document, now):
            return None
        if run.state.is_running():
            if is_heard_of(runs.client, run, since=now - SILENCE):
                return None  # it is the destination that does not take its words
            runs.client.set_flow_run_state(run.id, Crashed(message=DEAD_RUN))
        return "Crashed", DEAD_RUN

    closed = end_matching(store, year, _verdict, now)
    for ended in closed:
        run = known.get(ended.flow_run_id)
        if run is None or run.state is None or not run.state.is_final():
            announce_ended(store, ended, "Crashed", DEAD_RUN)
        elif not run.state.is_completed():
            announce_ended(store, ended, str(run.state.name), _message_of(run))
    return closed


def _message_of(run: FlowRun) -> str:
    state = run.state
    return "" if state is None else f"The run ended as {state.name}. {state.message or ''}".strip()


def _is_leased(document: Status, now: datetime) -> bool:
    """Whether a run that the server has not heard of may be alive: its lease holds yet."""
    return status.holder_of(document, now) is not None


def _is_overdue(document: Status, now: datetime) -> bool:
    """Whether a run that waits for its data has not gone on although its time has long come."""
    at = document.next_attempt_at
    return at is not None and now - at > SILENCE


def _open_run_ids(store: Store, year: int) -> list[str]:
    found = (read_document(store, key, Status) for key in status_keys(store, year))
    return [document.flow_run_id for document in found if document and document.type in _OPEN]


def _crashed(runs: SessionRuns, now: datetime) -> list[FlowRun]:
    """Return the sessions' runs that crashed lately, but those of whose session another is under way or came later."""
    crashed = [run for run in _lately_crashed(runs.client, now) if run.deployment_id == runs.deployment_id]
    if not crashed:
        return []
    newest = _newest_by_session(runs.find(newest=_LOOK_BACK))
    return [run for run in crashed if newest.get(session_tag_of(run), run).id == run.id]


def _crashed_backfills(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Return the backfills that crashed lately, but those that somebody has ordered again since.

    One that is put back finds what it has made by the names it gave it, and waits for that.
    """
    try:
        deployment = client.read_deployment_by_name(own_path(BACKFILL)).id
    except ObjectNotFound:
        return []
    crashed = [run for run in _lately_crashed(client, now) if run.deployment_id == deployment]
    if not crashed:
        return []
    ours = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    others = client.read_flow_runs(flow_run_filter=ours, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=200)
    return [run for run in crashed if not any(_repeats(other, run) for other in others)]


def _repeats(other: FlowRun, run: FlowRun) -> bool:
    return other.parameters == run.parameters and expected_utc(other) > expected_utc(run)


def _name_waiting_backfills(client: SyncPrefectClient) -> None:
    """Call backfills that wait for another one what they will be called once they begin."""
    waiting = client.read_flow_runs(
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["backfill"])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
    )
    for run in waiting:
        name = backfill_name(run.parameters)
        if run.name != name:
            client.update_flow_run(run.id, name=name)


def _lately_crashed(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Return the runs of all our flows that crashed lately."""
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[tag()])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED])),
            end_time=FlowRunFilterEndTime.model_validate({"after_": now - _REVIVED_FOR}),
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=200,
    )


def _newest_by_session(found: Iterable[FlowRun]) -> Mapping[str, FlowRun]:
    """Return the run of each session that was taken up last; what is only planned does not count."""
    begun = [run for run in found if run.start_time is not None or run.state_type == StateType.PENDING]
    return {session_tag_of(run): run for run in sorted(begun, key=lambda run: run.start_time or expected_utc(run))}


def _cancel_orphans(runs: SessionRuns) -> int:
    """Cancel the open runs of backfills that were cancelled while no worker could do it."""
    parents = {
        tag.removeprefix(_BACKFILL_PREFIX)
        for run in runs.find_open()
        for tag in run.tags
        if tag.startswith(_BACKFILL_PREFIX)
    }
    known = _read(runs, parents)
    cancelled = [id_ for id_, run in known.items() if run.state_type == StateType.CANCELLED]
    return sum(cancel_runs_of(runs, id_) for id_ in cancelled)


def _outcome(run: FlowRun) -> tuple[str, str]:
    """Return how a run that has ended is listed."""
    state = run.state
    if state is not None and state.name == NO_DATA:
        return "no_data", state.message or ""
    outcomes = {StateType.COMPLETED: "published", StateType.CANCELLED: "cancelled", StateType.CRASHED: "crashed"}
    name = "failed" if state is None else outcomes.get(state.type, "failed")
    return name, "" if state is None else state.message or str(state.name)
