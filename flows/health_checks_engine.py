"""What Prefect knows of our pool, deployments and runs, read from its API into plain facts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from flows.health_checks_runs import (
    CHECK_HEALTH,
    FAILURES_WITHIN,
    VERIFY,
    DeploymentFact,
    PoolFact,
    RunFact,
    WorkerFact,
    subject_of,
)
from flows.health_checks_sessions import SessionFact
from flows.parameters import SessionName

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

#: Every deployment of ours carries it.
TAG = "parcferme"
_PAGE = 200
#: More runs than this are not looked through; a message that names five needs no more.
_MOST_RUNS = 2000


class Engine:
    """Reads facts through ``client``, the deployments once. ``sessions`` tell which session a run is about.

    Every method raises what Prefect's client raises when the API does not answer.
    """

    def __init__(self, client: SyncPrefectClient, sessions: Callable[[], Sequence[SessionFact]]) -> None:
        self._client = client
        self._sessions = sessions
        self._deployments: dict[UUID, DeploymentFact] | None = None

    def read_deployments(self) -> list[DeploymentFact]:
        """Return our deployments."""
        return list(self._read_deployments().values())

    def _read_deployments(self) -> dict[UUID, DeploymentFact]:
        if self._deployments is None:
            found = self._client.read_deployments(deployment_filter=_ours(), limit=_PAGE)
            self._deployments = {
                deployment.id: DeploymentFact(deployment.name, deployment.paused, _aware(deployment.created))
                for deployment in found
            }
        return self._deployments

    def read_pool(self, name: str) -> PoolFact | None:
        """Return the work pool with its workers, or None if there is none of that name."""
        try:
            pool = self._client.read_work_pool(name)
            workers = self._client.read_workers_for_work_pool(name, limit=_PAGE, offset=0)
        except ObjectNotFound:
            return None
        facts = (WorkerFact(w.name, w.status == WorkerStatus.ONLINE, w.last_heartbeat_time) for w in workers)
        return PoolFact(pool.name, pool.is_paused, not (pool.is_push_pool or pool.is_managed_pool), tuple(facts))

    def read_waiting(self, before: datetime) -> list[RunFact]:
        """Return the runs that were to start before ``before`` and have not."""
        return self._runs(
            FlowRunFilter(
                state=_in_states(StateType.SCHEDULED),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime.model_validate({"before_": before}),
            ),
            FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        )

    def count_running(self) -> int:
        """Return how many runs are at work, those that look after the health not counted."""
        running = self._runs(
            FlowRunFilter(state=_in_states(StateType.RUNNING, StateType.PENDING)), FlowRunSort.START_TIME_DESC
        )
        return sum(run.deployment != CHECK_HEALTH for run in running)

    def read_failed(self, now: datetime) -> list[RunFact]:
        """Return the runs that failed or crashed within ``FAILURES_WITHIN`` and are still in that state."""
        return self._ended(now, StateType.FAILED, StateType.CRASHED)

    def read_completed(self, now: datetime, names: Iterable[str]) -> list[RunFact]:
        """Return the runs of the deployments ``names`` that completed within ``FAILURES_WITHIN``."""
        wanted = sorted(set(names))
        return self._ended(now, StateType.COMPLETED, names=wanted) if wanted else []

    def read_last_verification(self) -> RunFact | None:
        """Return the last run of ``verify`` that ended by itself or broke off."""
        ended = FlowRunFilter(state=_in_states(StateType.COMPLETED, StateType.FAILED, StateType.CRASHED))
        return next(iter(self._runs(ended, FlowRunSort.END_TIME_DESC, names=[VERIFY], most=1)), None)

    def _ended(self, now: datetime, *states: StateType, names: Sequence[str] = ()) -> list[RunFact]:
        ended = FlowRunFilterEndTime.model_validate({"after_": now - FAILURES_WITHIN})
        runs = FlowRunFilter(state=_in_states(*states), end_time=ended)
        return self._runs(runs, FlowRunSort.END_TIME_DESC, names=names)

    def _runs(
        self, wanted: FlowRunFilter, sort: FlowRunSort, *, names: Sequence[str] = (), most: int = _MOST_RUNS
    ) -> list[RunFact]:
        found: list[FlowRun] = []
        while len(found) < most:
            page = self._client.read_flow_runs(
                flow_run_filter=wanted,
                deployment_filter=_ours(names),
                sort=sort,
                limit=min(_PAGE, most),
                offset=len(found),
            )
            found += page
            if len(page) < min(_PAGE, most):
                break
        return [self._fact(run) for run in found]

    def _fact(self, run: "FlowRun") -> RunFact:
        deployment = None if run.deployment_id is None else self._read_deployments().get(run.deployment_id)
        name = "" if deployment is None else deployment.name
        created_at = _aware(run.created)
        return RunFact(
            name=run.name,
            deployment=name,
            subject=subject_of(name, run.tags, run.parameters, self._session_of),
            state="" if run.state_type is None else run.state_type.value,
            message=(run.state.message or "") if run.state is not None else "",
            expected_at=run.next_scheduled_start_time or run.expected_start_time or created_at,
            created_at=created_at,
            started_at=run.start_time,
            ended_at=run.end_time,
        )

    def _session_of(self, year: Any, event: Any, session: Any) -> str:
        """Return the tag of the session that a form's fields mean."""
        wanted = str(event).strip().casefold()
        try:
            code = SessionName(session).code
        except ValueError:
            code = str(session)
        for known in self._sessions():
            same = (str(known.year), known.code) == (str(year), code)
            if same and (wanted == str(known.round) or wanted in known.event.casefold()):
                return f"session:{year}/{known.event}/{code}"
        return f"session:{year}/{event}/{code}"


def _ours(names: Sequence[str] = ()) -> DeploymentFilter:
    named = DeploymentFilterName(any_=list(names)) if names else None
    return DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]), name=named)


def _in_states(*states: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))


def _aware(moment: datetime | None) -> datetime:
    if moment is None:
        raise ValueError("the Prefect API told no time of creation")
    return moment
