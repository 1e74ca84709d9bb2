"""What stays on Prefect's server for ever unless somebody removes it, found and removed through its API.

The server's own clean-up (``PREFECT_SERVER_SERVICES_DB_VACUUM_...``, Prefect 3.9) removes ended runs with their logs
and artifacts, events, and what dead runs left. It has one age for all runs, where four of five only looked whether all
is well; it leaves alone what never ended; it knows nothing of workers; and it may be switched off.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from flows.engine.environment import tag

#: Flows whose runs are of no interest once they have gone well and another one has.
ROUTINE = ("check-health", "plan-season", "housekeeping")
#: Every worker that is started has a name of its own, and stays listed; one that comes back is listed again.
WORKERS_FOR = timedelta(days=30)
NOBODY_CAME = "Nobody has taken it up since it was due. Start it again if it is still wanted."
#: Looked for at once.
_BATCH = 50
#: Runs one pass removes at most, so that it ends: the next one goes on.
MOST_RUNS = 5_000
_PAGE = 200
_ENDED = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)


@dataclass(frozen=True)
class Removed:
    """How many of each kind were removed: routine runs, other ended runs, runs nobody took up, workers."""

    routine: int
    ended: int
    untaken: int
    workers: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A table of them."""
        return [
            {"what": "routine runs that went well", "number": self.routine},
            {"what": "ended runs", "number": self.ended},
            {"what": "runs that nobody took up, cancelled", "number": self.untaken},
            {"what": "workers not heard of", "number": self.workers},
        ]

    def __str__(self) -> str:
        return (
            f"{self.routine} routine runs, {self.ended} other runs, {self.untaken} that nobody took up, "
            f"{self.workers} workers"
        )


@dataclass(frozen=True)
class Housekeeper:
    """Removes what is older than wanted at ``now`` (aware); only our own runs, and workers of ``pool``.

    ``dry_run``: it only counts.
    """

    client: SyncPrefectClient
    pool: str
    now: datetime
    dry_run: bool = False

    def tidy(self, *, routine: timedelta, ended: timedelta) -> Removed:
        """Remove routine runs that went well after ``routine``, all that ended after ``ended``, and the rest."""
        flows = FlowFilter(name=FlowFilterName(any_=list(ROUTINE)))
        return Removed(
            routine=self._remove(_ended_before(self.now - routine, StateType.COMPLETED), flows),
            ended=self._remove(_ended_before(self.now - ended, *_ENDED), None),
            untaken=self._cancel_untaken(self.now - ended),
            workers=self._forget_workers(self.now - WORKERS_FOR),
        )

    def _remove(self, which: FlowRunFilter, flows: FlowFilter | None) -> int:
        if self.dry_run:
            return self.client.count_flow_runs(flow_filter=flows, flow_run_filter=which)
        removed = 0
        while removed < MOST_RUNS:
            found = self.client.read_flow_runs(
                flow_filter=flows, flow_run_filter=which, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=_BATCH
            )
            if not found:
                break
            removed += self._delete([run.id for run in found])
        return removed

    def _delete(self, ids: Sequence[UUID]) -> int:
        """Delete runs with their artifacts; the server deletes their logs, states and tasks with them."""
        of_runs = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=list(ids)))
        for artifact in self.client.read_artifacts(artifact_filter=of_runs, limit=_PAGE):
            self.client.delete_artifact(artifact.id)
        for run in ids:
            self.client.delete_flow_run(run)
        return len(ids)

    def _cancel_untaken(self, due_before: datetime) -> int:
        which = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[tag()]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            next_scheduled_start_time=FlowRunFilterNextScheduledStartTime.model_validate({"before_": due_before}),
        )
        if self.dry_run:
            return self.client.count_flow_runs(flow_run_filter=which)
        found = self.client.read_flow_runs(flow_run_filter=which, limit=_PAGE)
        for run in found:
            self.client.set_flow_run_state(run.id, Cancelled(message=NOBODY_CAME))
        return len(found)

    def _forget_workers(self, heard_before: datetime) -> int:
        silent = list(self._silent_workers(heard_before))
        for name in () if self.dry_run else silent:
            path = {"work_pool_name": self.pool, "name": name}
            self.client.request("DELETE", "/work_pools/{work_pool_name}/workers/{name}", path_params=path)
        return len(silent)

    def _silent_workers(self, heard_before: datetime) -> Iterator[str]:
        try:
            self.client.read_work_pool(self.pool)
        except ObjectNotFound:
            return
        offset = 0
        while page := self.client.read_workers_for_work_pool(self.pool, limit=_PAGE, offset=offset):
            for worker in page:
                if worker.last_heartbeat_time is not None and worker.last_heartbeat_time < heard_before:
                    yield worker.name
            offset += _PAGE


def _ended_before(at: datetime, *states: StateType) -> FlowRunFilter:
    return FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag()]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
        end_time=FlowRunFilterEndTime.model_validate({"before_": at}),
    )
