"""Everything that is looked at to say whether the system is well. What each check decides is in the modules beside."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

from prefect.client.orchestration import SyncPrefectClient

from flows.engine.database import uses_sqlite
from flows.health.engine import Engine
from flows.health.machine import check_disk, check_f1_account, read_free_bytes, read_sign_in
from flows.health.probe import PrefectServer, ServerError
from flows.health.runs import (
    VERIFY,
    check_database,
    check_deployments,
    check_failed_runs,
    check_late_runs,
    check_verification,
    check_workers,
)
from flows.health.sessions import (
    SessionFact,
    check_awaiting,
    check_failed_sessions,
    check_published_in_time,
    check_upstream,
    read_sessions,
    read_statuses,
)
from flows.settings import Settings
from publish.live.health import FAILING, HEALTHY, Check
from publish.live.status import Status
from publish.stores.base import Store

#: What plans sessions, or else publishes them: from its deployment on they are expected.
_EXPECTING = ("plan-season", "publish-session")


def gather_checks(settings: Settings, store: Store, client: SyncPrefectClient, now: datetime) -> list[Check]:
    """Look at everything at ``now`` (aware); a look that fails is a failing check that says why."""
    look = _Look(settings, store, client, now)
    checks: dict[str, Callable[[], Check]] = {
        "api": look.api,
        "database": look.database,
        "workers": look.workers,
        "deployments": look.deployments,
        "late_runs": look.late_runs,
        "failed_runs": look.failed_runs,
        "destination": look.destination,
        "published_in_time": look.published_in_time,
        "awaiting": look.awaiting,
        "failed_sessions": look.failed_sessions,
        "upstream": look.upstream,
        "verification": look.verification,
        "f1_account": look.f1_account,
        "disk": look.disk,
    }
    return [_guarded(name, check) for name, check in checks.items()]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:
        reason = str(error) or type(error).__name__
        return Check(name, FAILING, f"It could not be looked at: {reason}")


class _Look:
    """One round of the watch: what several checks need is read once."""

    def __init__(self, settings: Settings, store: Store, client: SyncPrefectClient, now: datetime) -> None:
        self._settings = settings
        self._store = store
        self._client = client
        self._now = now
        # Sessions are judged by the clock that was set, runs by the real one.
        self._session_now = settings.now or now
        self._engine = Engine(client, settings.work_pool, lambda: self._sessions)

    @cached_property
    def _sessions(self) -> list[SessionFact]:
        return read_sessions(self._store)

    @cached_property
    def _statuses(self) -> dict[SessionFact, Status]:
        return read_statuses(self._store, self._sessions, self._session_now)

    def api(self) -> Check:
        # Asked without the client, which would go on asking for minutes.
        try:
            PrefectServer(str(self._client.api_url), {}).check(ready=True)
        except ServerError as error:
            return Check("api", FAILING, str(error))
        return Check("api", HEALTHY, "The Prefect API answers and reaches its database.")

    def workers(self) -> Check:
        name = self._settings.work_pool
        count = len(self._engine.read_deployments())
        return check_workers(self._engine.read_pool(), name, deployments=count, now=self._now)

    def database(self) -> Check:
        is_sqlite = uses_sqlite()
        pool = self._engine.read_pool() if is_sqlite else None
        workers = sum(worker.online for worker in pool.workers) if pool else 0
        at_work = self._engine.count_at_work() if is_sqlite else 0
        return check_database(is_sqlite=is_sqlite, places=max(workers, at_work))

    def deployments(self) -> Check:
        return check_deployments(self._engine.read_deployments())

    def late_runs(self) -> Check:
        waiting = self._engine.read_waiting(self._now)
        is_at_work = bool(waiting) and self._engine.is_at_work(self._now)
        return check_late_runs(waiting, is_at_work=is_at_work, now=self._now)

    def failed_runs(self) -> Check:
        failed = self._engine.read_failed(self._now)
        completed = self._engine.read_completed(self._now, (run.deployment for run in failed))
        return check_failed_runs(failed, completed)

    def destination(self) -> Check:
        self._store.check()
        return Check("destination", HEALTHY, "It could be read and written.")

    def published_in_time(self) -> Check:
        created = {deployment.name: deployment.created_at for deployment in self._engine.read_deployments()}
        deployed_at = next((created[name] for name in _EXPECTING if name in created), None)
        if deployed_at is None:
            return Check("published_in_time", HEALTHY, "Nothing is deployed, so no session is expected.")
        if self._settings.now is not None:
            # A set clock cannot be compared with when it was deployed.
            deployed_at = None
        return check_published_in_time(self._sessions, self._session_now, deployed_at=deployed_at)

    def awaiting(self) -> Check:
        return check_awaiting(self._sessions, self._statuses, self._session_now)

    def failed_sessions(self) -> Check:
        return check_failed_sessions(self._sessions)

    def upstream(self) -> Check:
        return check_upstream(self._statuses)

    def verification(self) -> Check:
        created = {deployment.name: deployment.created_at for deployment in self._engine.read_deployments()}
        return check_verification(self._engine.read_last_verification(), created.get(VERIFY), self._now)

    def f1_account(self) -> Check:
        return check_f1_account(read_sign_in(), self._sessions, self._session_now)

    def disk(self) -> Check:
        return check_disk(read_free_bytes(self._settings))
