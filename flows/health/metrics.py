"""The figures of ``v1/metrics.prom``: gathered from what is published and from what Prefect's API says."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterName,
    TaskRunFilterState,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound

from flows.engine.environment import tag
from flows.engine.progress import STAGES
from flows.health.engine import Engine
from flows.health.machine import read_free_bytes, read_sign_in
from flows.health.sessions import SessionFact, read_sessions
from flows.settings import Settings
from flows.upstream.limits import LIMITS
from publish import keys
from publish.live.health import STATES, Check, worst_state
from publish.live.metrics import Metric, Sample, one, seconds
from publish.live.runs import Runs
from publish.season.changes import Changes
from publish.stores.base import Store
from publish.stores.shared_documents import read_document

_LATELY = timedelta(days=1)
#: Runs of a stage that are looked at.
_MOST = 200

_logger = logging.getLogger(__name__)


def gather_metrics(
    settings: Settings, store: Store, client: SyncPrefectClient, checks: Sequence[Check], now: datetime
) -> list[Metric]:
    """Return every figure that can be had at ``now`` (aware); what cannot be is left out and named in the log."""
    sessions = read_sessions(store)
    engine = Engine(client, settings.work_pool, lambda: sessions)
    sources: list[Callable[[], Iterator[Metric]]] = [
        lambda: health_metrics(checks, now),
        lambda: session_metrics(sessions),
        lambda: published_metrics(store),
        lambda: _queue_metrics(engine, now),
        lambda: _stage_metrics(client, now),
        lambda: _limit_metrics(client),
        lambda: _machine_metrics(settings),
    ]
    found: list[Metric] = []
    for source in sources:
        try:
            found += source()
        except Exception as error:
            _logger.warning("Some figures are missing from %s: %s", keys.METRICS, error)
    return found


def health_metrics(checks: Sequence[Check], now: datetime) -> Iterator[Metric]:
    """Yield how well the system is: 0 healthy, 1 degraded, 2 failing."""
    levels = "0 healthy, 1 degraded, 2 failing"
    yield Metric("checked_timestamp_seconds", "When the health was looked at last.", one(seconds(now)))
    worst = STATES.index(worst_state(check.state for check in checks))
    yield Metric("health", f"The worst state of all checks: {levels}.", one(worst))
    states: list[Sample] = [({"check": check.name}, STATES.index(check.state)) for check in checks]
    yield Metric("check", f"The state of each check: {levels}.", states)


def session_metrics(sessions: Sequence[SessionFact]) -> Iterator[Metric]:
    """Yield how many sessions of each season are in which state."""
    counts = Counter((str(session.year), session.state) for session in sessions)
    samples: list[Sample] = [({"year": year, "state": state}, n) for (year, state), n in sorted(counts.items())]
    yield Metric("sessions", "Sessions by season and state.", samples)


def published_metrics(store: Store) -> Iterator[Metric]:
    """Yield what changed last, which runs are listed, and how long the last ones took."""
    changes = read_document(store, keys.CHANGES, Changes)
    if changes is not None and changes.changes:
        newest = seconds(changes.changes[0].published_at)
        yield Metric("newest_publication_timestamp_seconds", "When a revision became current last.", one(newest))
    runs = read_document(store, keys.RUNS, Runs)
    if runs is None:
        return
    yield Metric("runs_running", "Runs that are at work.", one(len(runs.running)))
    yield Metric("runs_planned", "Runs that are listed as to come, 50 at most.", one(len(runs.next)))
    counts = Counter(run.state for run in runs.recent)
    samples: list[Sample] = [({"state": state}, n) for state, n in sorted(counts.items())]
    yield Metric("runs_recent", "The last 50 runs that ended, by how they ended.", samples)


def _queue_metrics(engine: Engine, now: datetime) -> Iterator[Metric]:
    yield Metric(
        "runs_waiting", "Runs whose time has come and that no worker has taken.", one(len(engine.read_waiting(now)))
    )
    failed = Counter((run.deployment, run.state.lower()) for run in engine.read_failed(now))
    samples: list[Sample] = [({"deployment": name, "state": state}, n) for (name, state), n in sorted(failed.items())]
    yield Metric("runs_failed", "Runs that failed or crashed within a day.", samples or one(0))


def _stage_metrics(client: SyncPrefectClient, now: datetime) -> Iterator[Metric]:
    longest: list[Sample] = []
    for stage in STAGES:
        tasks = client.read_task_runs(
            task_run_filter=TaskRunFilter(
                name=TaskRunFilterName(like_=stage),
                state=TaskRunFilterState.model_validate({"type": {"any_": [StateType.COMPLETED]}}),
            ),
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag()])),
            sort=TaskRunSort.END_TIME_DESC,
            limit=_MOST,
        )
        took = [
            task.total_run_time.total_seconds()
            for task in tasks
            if task.end_time is not None and now - task.end_time <= _LATELY
        ]
        if took:
            longest.append(({"stage": stage}, max(took)))
    yield Metric("stage_seconds_max", "The longest time a stage of a session's run took within a day.", longest)


def _limit_metrics(client: SyncPrefectClient) -> Iterator[Metric]:
    left: list[Sample] = []
    for limit in (LIMITS.everything, LIMITS.results):
        try:
            found = client.read_global_concurrency_limit_by_name(limit.name)
        except ObjectNotFound:
            continue
        left.append(({"limit": limit.name}, max(0, found.limit - found.active_slots)))
    yield Metric("upstream_calls_left", "Calls to the upstream that need not wait just now.", left)


def _machine_metrics(settings: Settings) -> Iterator[Metric]:
    free: list[Sample] = [({"room": room}, size) for room, size in read_free_bytes(settings).items()]
    yield Metric("free_bytes", "Bytes free on the worker that checks.", free)
    expires_at = read_sign_in().expires_at
    if expires_at is not None:
        yield Metric("sign_in_expires_timestamp_seconds", "When the F1 sign-in ends.", one(seconds(expires_at)))
