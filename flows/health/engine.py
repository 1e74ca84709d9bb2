"""What Prefect knows of our pool, deployments and runs, read from its API into plain facts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from prefect.exceptions import ObjectNotFound

from flows.engine.environment import plain_name, tag
from flows.engine.parameters import SessionName
from flows.engine.session_runs import session_tag
from flows.health.runs import (
    BACKFILL,
    CHECK_HEALTH,
    FAILURES_WITHIN,
    VERIFY,
    DeploymentFact,
    PoolFact,
    RunFact,
    WorkerFact,
    subject_of,
)
from flows.health.sessions import SessionFact

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

#: The scheduler of Prefect's server makes the coming runs of every schedule about once a minute.
_SCHEDULER_TIME = timedelta(minutes=10)
#: A run that has ended within this shows that somebody works: workers pause between two runs.
_AT_WORK_WITHIN = timedelta(minutes=5)
_PAGE = 200
#: More runs than this are not looked through; a message that names five needs no more.
_MOST_RUNS = 2000


class Engine:
    """Reads facts about the work pool ``pool`` through ``client``, its deployments once.

    ``sessions`` tell which session a run is about. What else is on the server is none of ours. Every method raises what
    Prefect's client raises when the API does not answer.
    """

    def __init__(self, client: SyncPrefectClient, pool: str, sessions: Callable[[], Sequence[SessionFact]]) -> None:
        self._client = client
        self._pool = pool
        self._sessions = sessions
        self._deployments: dict[UUID, DeploymentFact] | None = None

    def read_deployments(self) -> list[DeploymentFact]:
        """Return our deployments: those in the pool that carry the tag."""
        return list(self._read_deployments().values())

    def _read_deployments(self) -> dict[UUID, DeploymentFact]:
        if self._deployments is None:
            found = self._client.read_deployments(
                deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[tag()])),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
                sort=DeploymentSort.NAME_ASC,
                limit=_PAGE,
            )
            self._deployments = {
                deployment.id: DeploymentFact(
                    plain_name(deployment.name),
                    deployment.paused,
                    _aware(deployment.created),
                    lacks_runs=self._lacks_runs(deployment),
                )
                for deployment in found
            }
        return self._deployments

    def _lacks_runs(self, deployment: "DeploymentResponse") -> bool:
        """Whether the server's scheduler has had the time to make runs for a schedule, and has made none."""
        is_scheduled = any(schedule.active for schedule in deployment.schedules) and not deployment.paused
        if not is_scheduled or datetime.now(UTC) - _aware(deployment.updated) < _SCHEDULER_TIME:
            return False
        coming = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        )
        return not self._client.read_flow_runs(flow_run_filter=coming, limit=1)

    def read_pool(self) -> PoolFact | None:
        """Return the work pool with its workers, or None if there is none of that name."""
        try:
            pool = self._client.read_work_pool(self._pool)
            workers = self._client.read_workers_for_work_pool(self._pool, limit=_PAGE, offset=0)
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

    def is_at_work(self, now: datetime) -> bool:
        """Whether runs are being worked off: one runs, or has just ended. One that only watches others is none."""
        running = FlowRunFilter(state=_in_states(StateType.RUNNING, StateType.PENDING))
        ended = FlowRunFilterEndTime.model_validate({"after_": now - _AT_WORK_WITHIN})
        return any(
            run.deployment not in (CHECK_HEALTH, BACKFILL)
            for wanted in (running, FlowRunFilter(end_time=ended))
            for run in self._runs(wanted, FlowRunSort.START_TIME_DESC)
        )

    def count_at_work(self) -> int:
        """Return how many runs are at work; one that only watches others is none."""
        running = FlowRunFilter(state=_in_states(StateType.RUNNING, StateType.PENDING))
        return sum(run.deployment != CHECK_HEALTH for run in self._runs(running, FlowRunSort.START_TIME_DESC))

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
        ids = [key for key, fact in self._read_deployments().items() if not names or fact.name in names]
        if not ids:
            return []
        found: list[FlowRun] = []
        while len(found) < most:
            page = self._client.read_flow_runs(
                flow_run_filter=wanted,
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=ids)),
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
                return session_tag(known.year, known.event, code)
        return session_tag(year, event, code)


def _in_states(*states: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))


def _aware(moment: datetime | None) -> datetime:
    if moment is None:
        raise ValueError("the Prefect API told no time of creation")
    return moment
