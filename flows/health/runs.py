"""Does the engine do its work: checks on what Prefect says of pool, deployments and runs, given as plain facts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.engine.database import SQLITE_WARNING
from flows.health.sessions import duration, moment, named
from publish.live.health import DEGRADED, FAILING, HEALTHY, Check

#: Prefect's workers are heard of every 30 s; one that has been silent this long is gone, whatever its state says.
WORKER_SILENCE = timedelta(minutes=3)
#: A planned run may start this much later than planned.
LATE = timedelta(minutes=15)
#: So late that nothing can be working.
FAR_TOO_LATE = timedelta(hours=2)
#: How far back failed runs are looked at.
FAILURES_WITHIN = timedelta(days=1)
#: The weekly verification may be a day late.
VERIFICATION_VALIDITY = timedelta(days=8)

COMPLETED, FAILED, CRASHED = "COMPLETED", "FAILED", "CRASHED"
BACKFILL, PUBLISH_SESSION, VERIFY, CHECK_HEALTH = "backfill", "publish-session", "verify", "check-health"


@dataclass(frozen=True)
class WorkerFact:
    """A worker of the pool: its name, whether Prefect calls it online, when it was last heard of (aware)."""

    name: str
    online: bool
    last_heartbeat: datetime | None


@dataclass(frozen=True)
class PoolFact:
    """The work pool; ``needs_workers`` is false for pools that start runs themselves."""

    name: str
    is_paused: bool
    needs_workers: bool
    workers: tuple[WorkerFact, ...]


@dataclass(frozen=True)
class DeploymentFact:
    """One of our deployments. ``lacks_runs``: it has an active schedule, and the server has made no run for it."""

    name: str
    is_paused: bool
    created_at: datetime
    lacks_runs: bool = False


@dataclass(frozen=True)
class RunFact:
    """A flow run of one of our deployments. ``subject`` says what it is about: runs of one subject replace each other.

    ``state`` is Prefect's state type. ``expected_at`` is when it was to start, ``created_at`` when it was made,
    ``started_at`` and ``ended_at`` are None until it has; all times are aware.
    """

    name: str
    deployment: str
    subject: str
    state: str
    message: str
    expected_at: datetime
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def was_planned(self) -> bool:
        """Whether it was made for a later time, not to run as soon as a worker is free."""
        return self.expected_at - self.created_at > timedelta(minutes=1)


def check_workers(pool: PoolFact | None, pool_name: str, *, deployments: int, now: datetime) -> Check:
    """A worker polls the pool: failing without one, degraded while the pool is paused."""
    if not deployments:
        return Check("workers", HEALTHY, "Nothing is deployed yet, so no worker is needed.")
    if pool is None:
        return Check("workers", FAILING, f"There is no work pool {pool_name}. Run `parcferme deploy`.")
    if pool.is_paused:
        return Check("workers", DEGRADED, f"The work pool {pool.name} is paused: nothing starts. Resume it.")
    if not pool.needs_workers:
        return Check("workers", HEALTHY, f"The work pool {pool.name} needs no workers.")
    alive = [worker for worker in pool.workers if _is_alive(worker, now)]
    last = max((w.last_heartbeat for w in pool.workers if w.last_heartbeat is not None), default=None)
    heard = "none was ever heard of" if last is None else f"last heard of at {moment(last)}"
    if not alive:
        advice = f"Start one: `prefect worker start --pool {pool.name}`."
        return Check("workers", FAILING, f"No worker of the pool {pool.name} is online ({heard}). {advice}")
    count = f"{len(alive)} worker{'s' if len(alive) > 1 else ''}"
    names = named([worker.name for worker in alive])
    return Check("workers", HEALTHY, f"{count} online in the pool {pool.name}: {names}; {heard}.")


def _is_alive(worker: WorkerFact, now: datetime) -> bool:
    return worker.online and worker.last_heartbeat is not None and now - worker.last_heartbeat <= WORKER_SILENCE


def check_database(*, is_sqlite: bool, places: int) -> Check:
    """SQLite stands one run at work, or ``places`` of work; degraded with more."""
    if not is_sqlite:
        return Check("database", HEALTHY, "Nothing is known against it.")
    if places <= 1:
        return Check("database", HEALTHY, "SQLite, with one place of work. More ask for PostgreSQL.")
    return Check("database", DEGRADED, f"{places} places of work. {SQLITE_WARNING}")


def check_deployments(deployments: Sequence[DeploymentFact]) -> Check:
    """None of our deployments is paused, and every schedule has runs to come: what has none is never run."""
    if not deployments:
        return Check("deployments", HEALTHY, "Nothing is deployed yet. `parcferme deploy` does it.")
    paused = sorted(deployment.name for deployment in deployments if deployment.is_paused)
    if paused:
        return Check("deployments", DEGRADED, f"Paused: {named(paused)}. Resume them in the Prefect UI.")
    lacking = sorted(deployment.name for deployment in deployments if deployment.lacks_runs)
    if lacking:
        advice = "See the log of the Prefect server: its scheduler makes them every minute."
        return Check("deployments", DEGRADED, f"Scheduled, but without a run to come: {named(lacking)}. {advice}")
    return Check("deployments", HEALTHY, f"{len(deployments)} deployed, none paused.")


def check_late_runs(waiting: Sequence[RunFact], *, is_at_work: bool, now: datetime) -> Check:
    """Runs that ought to have started by ``now``: degraded past ``LATE``, failing past ``FAR_TOO_LATE``.

    A backfill makes many runs at once, which wait for a free worker: while the pool ``is_at_work`` that is a queue,
    no fault. For a planned run the queue is no excuse, but it fails only when nobody works.
    """
    # check-health is running while this is asked: its earlier runs are missed by nobody.
    missed = (run for run in waiting if now - run.expected_at > LATE and run.deployment != CHECK_HEALTH)
    late = sorted(missed, key=lambda run: run.expected_at)
    blocked = [run for run in late if run.was_planned or not is_at_work]
    queued = f" {len(late) - len(blocked)} more wait for a free worker." if len(late) > len(blocked) else ""
    if not blocked:
        return Check("late_runs", HEALTHY, f"None.{queued}")
    oldest = now - blocked[0].expected_at
    state = FAILING if oldest > FAR_TOO_LATE and not is_at_work else DEGRADED
    message = f"{len(blocked)} late, the oldest by {duration(oldest)}: {named([run.name for run in blocked])}."
    return Check("late_runs", state, f"{message}{queued} See the workers and the pool's concurrency limit.")


def check_failed_runs(failed: Sequence[RunFact], completed: Sequence[RunFact]) -> Check:
    """Runs that ended badly within ``FAILURES_WITHIN`` and whose subject no later run has put right: degraded.

    A backfill fails because of sessions, which have runs of their own: while it is that, only they are named.
    """
    ours = [run for run in failed if run.deployment not in (VERIFY, CHECK_HEALTH)]
    open_failures: dict[str, RunFact] = {}
    for run in sorted(ours, key=_end_of):
        if not any(other.subject == run.subject and _end_of(other) > _end_of(run) for other in completed):
            open_failures[run.subject] = run
    named_runs = [run for run in open_failures.values() if not _is_told_by_others(run, ours)]
    if not named_runs:
        return Check("failed_runs", HEALTHY, "None within a day that is not put right.")
    texts = [f"{run.name} ({run.deployment}, {run.state.lower()} at {moment(_end_of(run))})" for run in named_runs]
    return Check("failed_runs", DEGRADED, f"{named(texts)}. Their logs say why; run them again.")


def _end_of(run: RunFact) -> datetime:
    return run.ended_at or run.expected_at


def _is_told_by_others(run: RunFact, failed: Sequence[RunFact]) -> bool:
    began = run.started_at or run.expected_at
    return (
        run.deployment == BACKFILL
        and run.state == FAILED
        and any(other.deployment == PUBLISH_SESSION and began <= _end_of(other) <= _end_of(run) for other in failed)
    )


def check_verification(last: RunFact | None, deployed_at: datetime | None, now: datetime) -> Check:
    """The last finished verification: failing if it failed, degraded if it crashed or is too old."""
    if deployed_at is None:
        return _verification(HEALTHY, "No verification is deployed.")
    if last is None:
        if now - deployed_at <= VERIFICATION_VALIDITY:
            return _verification(HEALTHY, f"It has not run yet since it was deployed at {moment(deployed_at)}.")
        return _verification(DEGRADED, f"It has never run, deployed at {moment(deployed_at)}. Run `verify`.")
    ended = _end_of(last)
    said = f": {last.message}" if last.message else "."
    if last.state == FAILED:
        return _verification(FAILING, f"It failed at {moment(ended)}{said} See the run {last.name}.")
    if last.state == CRASHED:
        return _verification(DEGRADED, f"It was broken off at {moment(ended)}{said} Run `verify` again.")
    if now - ended > VERIFICATION_VALIDITY:
        age = duration(now - ended)
        return _verification(DEGRADED, f"The last one passed at {moment(ended)}, {age} ago. Run `verify`.")
    return _verification(HEALTHY, f"Passed at {moment(ended)}{said}")


def _verification(state: str, message: str) -> Check:
    return Check("verification", state, message)


def subject_of(deployment: str, tags: Sequence[str], parameters: dict[str, object], resolve: Callable[..., str]) -> str:
    """Return what a run is about: a session, or for other deployments the deployment and the season.

    Runs that were planned carry their session as a tag. Of one started by hand ``resolve`` makes the same text from
    ``year``, ``event`` (round or name) and ``session``.
    """
    if tagged := next((tag for tag in tags if tag.startswith("session:")), None):
        return tagged
    if deployment == PUBLISH_SESSION:
        return resolve(parameters.get("year"), parameters.get("event"), parameters.get("session"))
    return f"{deployment}:{parameters.get('year', '')}"
