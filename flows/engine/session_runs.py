"""The runs of ``publish-session`` that a Prefect server knows of: found, made, moved and taken back.

Only what is done for many sessions at once goes through here; a run does its own work and needs nothing of this.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Scheduled

from flows.engine.environment import own_name, own_path, tag
from flows.engine.parameters import SessionName
from flows.session_times import RECHECK_NAMES
from transforms.errors import InputError

_CANCELLED_WITH_BACKFILL = "The backfill it belongs to was cancelled."

PUBLISH_SESSION = "publish-session/publish-session"
FETCH_SESSION = "fetch-session/fetch-session"
BACKFILL = "backfill/backfill"
#: On everything that is ours, where no environment has a name: see ``flows.engine.environment``.
TAG = "parcferme"
#: On runs made for a date of the calendar.
PLANNED_TAG = "planned"
_BACKFILL = "backfill:"
_PAGE = 200
_OPEN = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING)


def session_tag(year: int, event: str, code: str) -> str:
    """Return the tag of every run that is made for a session, for example ``session:2024/Monaco Grand Prix/R``."""
    return f"session:{year}/{event}/{code}"


def session_tag_of(run: FlowRun) -> str:
    """Return the tag that says which session a run is for; of a run made by hand, its id, which no other has."""
    return next((tag for tag in run.tags if tag.startswith("session:")), str(run.id))


def season_tag(year: int) -> str:
    """Return the tag of every run that is made for a session of a season."""
    return f"season:{year}"


def kind_tag(kind: str) -> str:
    """Return the tag that says what a planned run is for."""
    return f"plan:{kind}"


def name_of(parameters: Mapping[str, Any], tags: Iterable[str]) -> str:
    """Return what a run of publish-session is called, a planned look again by which it is."""
    again = next((f", {name}" for kind, name in RECHECK_NAMES.items() if kind_tag(kind) in tags), "")
    return f"{parameters['year']} {parameters['event']} {SessionName(parameters['session']).value}{again}"


def backfill_name(parameters: Mapping[str, Any]) -> str:
    """Return what a backfill is called: the year, and the rounds as they were given."""
    return f"{parameters.get('year')} {parameters.get('rounds')}"


def backfill_tag(flow_run_id: str) -> str:
    """Return the tag of every run that a backfill has made."""
    return f"{_BACKFILL}{flow_run_id}"


def is_of_backfill(tags: Iterable[str]) -> bool:
    """Whether a run with these tags is one that a backfill has made."""
    return any(tag.startswith(_BACKFILL) for tag in tags)


@dataclass(frozen=True)
class NewRun:
    """A run to be made. ``at`` is aware; ``key`` makes sure that it is made once; ``event`` is the event's name.

    ``is_child``: Prefect shows it below the run that makes it.
    """

    year: int
    event: str
    code: str
    at: datetime
    key: str
    tags: tuple[str, ...] = ()
    force: bool = False
    refetch: bool = False
    source: str = "upstream"
    is_child: bool = False


class SessionRuns:
    """Prefect's runs of ``publish-session``, or of another deployment that is run for sessions."""

    def __init__(self, client: SyncPrefectClient, deployment: str = PUBLISH_SESSION) -> None:
        self.client = client
        self._deployment = deployment
        try:
            self.deployment_id = client.read_deployment_by_name(own_path(deployment)).id
        except ObjectNotFound as error:
            raise InputError(
                f"The deployment {own_path(deployment)} is not registered with this Prefect server. "
                "Run `parcferme deploy`."
            ) from error

    def find(
        self, *, tags: Iterable[str] = (), types: Sequence[StateType] | None = None, newest: int | None = None
    ) -> list[FlowRun]:
        """Return the runs with all of ``tags``, in one of the state ``types`` (None: any), newest expected first."""
        filter_ = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[self.deployment_id]),
            tags=FlowRunFilterTags(all_=list(tags)) if tags else None,
            state=None if types is None else FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types))),
        )
        found: list[FlowRun] = []
        while newest is None or len(found) < newest:
            page = self.client.read_flow_runs(
                flow_run_filter=filter_,
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=_PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < _PAGE:
                break
        return found

    def find_open(self, *, tags: Iterable[str] = ()) -> list[FlowRun]:
        """Return the runs with all of ``tags`` that have not ended."""
        return self.find(tags=tags, types=_OPEN)

    def read(self, ids: Sequence[UUID]) -> list[FlowRun]:
        """Return the runs with these ids that there are."""
        found: list[FlowRun] = []
        for begin in range(0, len(ids), _PAGE):
            filter_ = FlowRunFilter(id=FlowRunFilterId(any_=list(ids[begin : begin + _PAGE])))
            found += self.client.read_flow_runs(flow_run_filter=filter_, limit=_PAGE)
        return found

    def create(self, new: NewRun) -> FlowRun:
        """Make a run; the one that is there already where ``key`` has been used before."""
        session = SessionName(new.code)
        parameters = {"year": new.year, "event": new.event, "session": session.value, "force": new.force}
        if self._deployment == PUBLISH_SESSION:
            parameters |= {"refetch": new.refetch, "source": new.source}
        made = run_deployment(
            self.deployment_id,
            parameters=parameters,
            scheduled_time=new.at,
            flow_run_name=name_of(parameters, new.tags),
            tags=[tag(), season_tag(new.year), session_tag(new.year, new.event, new.code), *new.tags],
            idempotency_key=own_name(new.key),
            timeout=0,
            as_subflow=new.is_child,
        )
        return cast(FlowRun, made)

    def move(self, run: FlowRun, at: datetime) -> None:
        """Let a run that has not begun begin at ``at`` (aware)."""
        self.client.set_flow_run_state(run.id, Scheduled(scheduled_time=at), force=True)

    def cancel(self, run: FlowRun, message: str) -> None:
        """End a run that has not ended: at once if it has not begun, else by the worker that runs it."""
        begun = run.state_type in (StateType.PENDING, StateType.RUNNING)
        state: Any = Cancelling(message=message) if begun else Cancelled(message=message)
        self.client.set_flow_run_state(run.id, state)


@contextmanager
def session_runs(deployment: str = PUBLISH_SESSION) -> Iterator[SessionRuns]:
    """Yield the runs of the Prefect server this process talks to.

    :raises InputError: the deployment is not registered there.
    """
    with get_client(sync_client=True) as client:
        yield SessionRuns(client, deployment)


def session_of(run: FlowRun) -> tuple[str, str] | None:
    """Return event (as it was given) and session code a run is for, or None if its parameters do not tell."""
    try:
        return str(run.parameters["event"]), SessionName(run.parameters["session"]).code
    except (KeyError, ValueError):
        return None


def expected_utc(run: FlowRun) -> datetime:
    """Return when a run is, or was, to begin. Prefect keeps as expected what was so at first, also of a moved run."""
    return run.next_scheduled_start_time or run.expected_start_time or run.created or datetime.now(UTC)


def cancel_runs_of(runs: SessionRuns, backfill_id: str) -> int:
    """Cancel what a backfill has made and what has not ended; return how many runs that were."""
    found = runs.find_open(tags=[backfill_tag(backfill_id)])
    for run in found:
        runs.cancel(run, _CANCELLED_WITH_BACKFILL)
    return len(found)
