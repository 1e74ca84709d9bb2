"""Health with a real Prefect server: what is read from it, the flow, its events, and the command's exit codes."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import State
from prefect.states import Completed, Crashed, Failed, Running, Scheduled
from prefect_servers import PATIENCE_S, wait_until

from flows.cli.main import main
from flows.engine.events import HEALTH_CHANGED, HEALTH_FAILING, emit_health_event
from flows.health import gather as health_checks
from flows.health.gather import gather_checks
from flows.health.machine import GB
from flows.settings import read_settings
from flows.watch.flow import check_health
from publish.live.health import DEGRADED, FAILING, HEALTHY, STATES, Check, health_document, write_health
from publish.season.index import Event, ScheduledSession, update_season
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document
from publish.structs import encode_document

DEADLINE_S = 120
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Installation:
    """A destination and a work pool of its own on the server."""

    client: SyncPrefectClient
    pool: str
    store: FileStore
    api_url: str
    folder: Path

    def deploy(self, name: str, entrypoint: str | None = None) -> UUID:
        # A flow of its own: a deployment is known by its flow and its name, whatever its pool.
        flow_id = self.client.create_flow_from_name(f"{name}-{self.pool}")
        return self.client.create_deployment(
            flow_id, name, work_pool_name=self.pool, tags=["parcferme"], entrypoint=entrypoint
        )

    def run(self, deployment: UUID, *states: State, tags: tuple[str, ...] = (), **parameters: object) -> UUID:
        run = self.client.create_flow_run_from_deployment(
            deployment, parameters=parameters, tags=tags, state=Scheduled(scheduled_time=now())
        )
        for state in states:
            self.client.set_flow_run_state(run.id, state, force=True)
        return run.id

    def workers(self) -> object:
        return self.client.read_workers_for_work_pool(self.pool, limit=5, offset=0)

    def checks(self) -> dict[str, Check]:
        return {c.name: c for c in gather_checks(read_settings(), self.store, self.client, now())}

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the command in this process."""
        said, complained = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(complained):
            for name, value in {"PREFECT_API_URL": self.api_url, "COLUMNS": "160", **environment}.items():
                patch.setenv(name, value)
            code = main(["health", *arguments])
        return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())

    def command_in_a_process(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command as a probe does."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", "health", *arguments],
            cwd=self.folder,
            env={**os.environ, "PREFECT_API_URL": self.api_url, "COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )


def announced(api_url: str) -> str | None:
    """Return the state that the newest health event tells."""
    newest = {"filter": {"event": {"name": [HEALTH_CHANGED]}}, "limit": 1}
    found = httpx.post(f"{api_url}/events/filter", json=newest, timeout=PATIENCE_S).json()["events"]
    return found[0]["payload"]["state"] if found else None


@pytest.fixture
def installation(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    pool = f"health-{uuid4().hex[:8]}"
    site = tmp_path / "site"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARCFERME_DESTINATION", site.as_uri())
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PARCFERME_WORK_POOL", pool)
    for name in ("F1_USERNAME", "F1_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    # The room on the machine that tests is not what is tested.
    monkeypatch.setattr(health_checks, "read_free_bytes", lambda _settings: {"cache": 9 * GB})
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        made = Installation(client, pool, FileStore(site), prefect_server, tmp_path)
        yield made
        client.delete_work_pool(pool)


@pytest.fixture
def worker(installation: Installation, tmp_path: Path) -> Iterator[None]:
    """A real worker that polls the installation's pool."""
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", installation.pool, "--name", "worker-1"],
            env={**os.environ, "PREFECT_API_URL": installation.api_url},
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(
                lambda: installation.client.read_workers_for_work_pool(installation.pool, limit=5, offset=0),
                "the worker polls",
            )
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE_S)


def test_where_nothing_is_deployed_all_is_well(installation) -> None:
    checks = installation.checks()
    assert {name: check.message for name, check in checks.items() if check.state != HEALTHY} == {}
    assert "Nothing is deployed" in checks["workers"].message
    assert "answers and reaches its database" in checks["api"].message


def test_without_a_worker_what_is_deployed_is_failing_and_a_paused_pool_degraded(installation) -> None:
    installation.deploy("publish-session")
    assert installation.checks()["workers"].state == FAILING
    assert "1 deployed" in installation.checks()["deployments"].message
    installation.client.update_work_pool(installation.pool, WorkPoolUpdate(is_paused=True))
    assert installation.checks()["workers"].state == DEGRADED


def test_with_a_worker_that_polls_it_is_healthy_and_ready_and_the_watch_runs_on_it(installation, worker) -> None:
    """It may take over 20 s: a worker starts, and a run on it."""
    installation.deploy("publish-session")
    check = installation.checks()["workers"]
    assert check.state == HEALTHY and "1 worker online" in check.message and "worker-1" in check.message
    ready = installation.command_in_a_process("--ready")
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert f"1 online in the pool {installation.pool}" in ready.stdout

    emit_health_event("unknown", None, "for the run to differ from")
    wait_until(lambda: announced(installation.api_url) == "unknown", "the event arrives")
    deployment = installation.deploy("check-health", "flows.watch.flow.check_health")
    run_id = installation.run(deployment)

    def ended() -> State | None:
        state = installation.client.read_flow_run(run_id).state
        return state if state is not None and state.is_final() else None

    wait_until(ended, "the run ends")
    state = ended()
    assert state is not None and state.is_completed(), state
    document = read_document(installation.store, "v1/health.json", dict)
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert (states["api"], states["workers"], states["destination"]) == (HEALTHY, HEALTHY, HEALTHY)
    assert state.message is not None and state.message.startswith(document["state"])
    wait_until(lambda: announced(installation.api_url) == document["state"], "the event arrives")


def test_a_paused_deployment_is_degraded(installation) -> None:
    deployment = installation.deploy("plan-season")
    installation.client.pause_deployment(deployment)
    check = installation.checks()["deployments"]
    assert check.state == DEGRADED and "plan-season" in check.message


def test_a_late_run_is_told_until_it_starts(installation) -> None:
    deployment = installation.deploy("publish-session")
    run_id = installation.run(deployment, Scheduled(scheduled_time=now() - 20 * MINUTE))
    check = installation.checks()["late_runs"]
    assert check.state == DEGRADED and "1 late, the oldest by 20 min" in check.message
    installation.client.set_flow_run_state(run_id, Running(), force=True)
    assert installation.checks()["late_runs"].state == HEALTHY


def test_what_waits_while_others_run_is_a_queue(installation) -> None:
    deployment = installation.deploy("publish-session")
    installation.run(deployment, Scheduled(scheduled_time=now() - HOUR))
    assert installation.checks()["late_runs"].state == DEGRADED
    installation.run(installation.deploy("backfill"), Running())
    assert installation.checks()["late_runs"].state == DEGRADED
    installation.run(deployment, Running())
    assert "1 more wait for a free worker" in installation.checks()["late_runs"].message


def write_season(store: FileStore) -> None:
    sessions = (ScheduledSession("R", "Race", now() - 400 * 24 * HOUR),)
    event = Event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir", "2024-03-02", "conventional", False, sessions)
    update_season(store, 2024, [event], now())


def test_a_failed_run_is_told_until_one_of_the_same_session_completes(installation) -> None:
    write_season(installation.store)
    deployment = installation.deploy("publish-session")
    tag = "session:2024/Bahrain Grand Prix/R"
    installation.run(deployment, Running(), Failed(message="upstream"), tags=("parcferme", tag))
    assert installation.checks()["failed_runs"].state == DEGRADED
    # By hand, with what a person types into the form.
    by_hand = {"year": 2024, "event": "bahrain", "session": "Race"}
    installation.run(deployment, Running(), Completed(), **{**by_hand, "session": "Qualifying"})
    assert installation.checks()["failed_runs"].state == DEGRADED
    installation.run(deployment, Running(), Completed(), **by_hand)
    assert installation.checks()["failed_runs"].state == HEALTHY


def test_the_last_verification_counts(installation) -> None:
    deployment = installation.deploy("verify")
    assert "has not run yet" in installation.checks()["verification"].message
    installation.run(deployment, Running(), Failed(message="2 wrong of 9 sessions."))
    check = installation.checks()["verification"]
    assert check.state == FAILING and "2 wrong of 9 sessions." in check.message
    assert installation.checks()["failed_runs"].state == HEALTHY
    installation.run(deployment, Running(), Completed(message="9 sessions, all there."))
    check = installation.checks()["verification"]
    assert check.state == HEALTHY and "9 sessions, all there." in check.message
    installation.run(deployment, Running(), Crashed())
    assert installation.checks()["verification"].state == DEGRADED


def test_other_installations_on_the_server_do_not_count(installation) -> None:
    other = f"other-{uuid4().hex[:8]}"
    installation.client.create_work_pool(WorkPoolCreate(name=other, type="process"))
    elsewhere = Installation(installation.client, other, installation.store, "", installation.folder)
    elsewhere.run(elsewhere.deploy("publish-session"), Running(), Failed())
    installation.deploy("publish-session")
    assert installation.checks()["failed_runs"].state == HEALTHY
    assert "1 deployed" in installation.checks()["deployments"].message
    installation.client.delete_work_pool(other)


def test_overdue_sessions_count_from_the_deployment_on(installation, monkeypatch) -> None:
    sessions = (ScheduledSession("R", "Race", now() - 9 * HOUR),)
    event = Event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir", None, "conventional", False, sessions)
    update_season(installation.store, 2024, [event], now())
    assert "Nothing is deployed" in installation.checks()["published_in_time"].message
    installation.deploy("plan-season")
    assert installation.checks()["published_in_time"].state == HEALTHY
    assert installation.checks()["awaiting"].state == DEGRADED
    monkeypatch.setenv("PARCFERME_NOW", now().isoformat())
    check = installation.checks()["published_in_time"]
    assert check.state == DEGRADED and "2024 Bahrain Grand Prix R" in check.message


def test_a_check_that_cannot_be_made_is_failing_and_stops_no_other(installation, monkeypatch) -> None:
    def broken(_settings: object) -> dict[str, int]:
        raise OSError("the disk does not answer")

    monkeypatch.setattr(health_checks, "read_free_bytes", broken)
    (installation.folder / "site").mkdir()
    (installation.folder / "site" / "index.json").write_bytes(b"{broken")
    checks = installation.checks()
    assert checks["disk"].message == "It could not be looked at: the disk does not answer"
    assert {name for name, check in checks.items() if check.state == FAILING} == {
        "disk",
        "awaiting",
        "failed_sessions",
        "upstream",
    } | {name for name in ("f1_account",) if checks[name].state == FAILING}


# --- the flow ---


def events_since(api_url: str, since: datetime) -> list[dict]:
    wanted = {
        "occurred": {"since": since.isoformat(), "until": (now() + HOUR).isoformat()},
        "event": {"name": [HEALTH_CHANGED, HEALTH_FAILING]},
    }
    answer = httpx.post(f"{api_url}/events/filter", json={"filter": wanted, "limit": 50}, timeout=PATIENCE_S)
    answer.raise_for_status()
    return answer.json()["events"]


def test_the_flow_writes_the_document_and_tells_what_changed_once(installation) -> None:
    begin = now()
    state = check_health(return_state=True)
    assert state.is_completed(), state.message
    document = read_document(installation.store, "v1/health.json", dict)
    assert document["state"] == HEALTHY, state.message
    assert read_document(installation.store, "index.json", dict)["links"]["health"] == "v1/health.json"
    wait_until(lambda: announced(installation.api_url) == HEALTHY, "the event arrives")
    installation.deploy("publish-session")
    state = check_health(return_state=True)
    assert state.is_completed() and state.message.startswith("failing: workers: No worker")
    assert read_document(installation.store, "v1/health.json", dict)["state"] == FAILING

    def failing() -> list[dict]:
        found = events_since(installation.api_url, begin)
        return [e for e in found if e["payload"]["state"] == FAILING]

    wait_until(lambda: len(failing()) == 2, "both events arrive")
    assert {event["event"] for event in failing()} == {HEALTH_CHANGED, HEALTH_FAILING}
    assert all("No worker" in event["payload"]["message"] for event in failing())
    # As failing as before: nothing is said until it is less so.
    check_health()
    installation.client.update_work_pool(installation.pool, WorkPoolUpdate(is_paused=True))
    check_health()
    wait_until(lambda: announced(installation.api_url) == DEGRADED, "the event arrives")
    assert len(failing()) == 2


def test_the_flow_fails_when_it_cannot_write(installation, monkeypatch) -> None:
    (installation.folder / "site").write_text("a file where the folder should be")
    assert check_health(return_state=True).is_failed()


# --- the command ---


def written(store: FileStore, state: str, at: datetime) -> None:
    write_health(store, [Check("api", HEALTHY, "It answers."), Check("disk", state, "So much [free].")], at)


@pytest.mark.parametrize("state", STATES)
def test_the_command_says_what_the_document_says(installation, state) -> None:
    written(installation.store, state, now())
    ended = installation.command()
    assert ended.returncode == (1 if state == FAILING else 0), ended.stdout + ended.stderr
    assert "So much [free]." in ended.stdout and f"\n{state.capitalize()}.\n" in ended.stdout
    assert "reaches its database" in ended.stdout


def test_the_command_fails_on_a_document_that_is_old_absent_or_broken(installation) -> None:
    ended = installation.command()
    assert ended.returncode == 1 and "check-health has never run" in ended.stdout
    written(installation.store, HEALTHY, now() - HOUR)
    ended = installation.command()
    assert ended.returncode == 1 and "Out of date" in ended.stdout
    strange = encode_document(health_document([], now())).replace(b"[]", b"[1]")
    for broken in (b"{broken", b'{"state": "healthy"}', strange):
        installation.store.write("v1/health.json", broken)
        ended = installation.command()
        assert ended.returncode == 1 and "document" in ended.stdout, ended.stdout + ended.stderr
        assert ended.stderr == ""


def test_the_command_fails_when_prefect_does_not_answer(installation) -> None:
    written(installation.store, HEALTHY, now())
    nobody = {"PREFECT_API_URL": "http://user:secret@127.0.0.1:9/api"}
    for flags in ((), ("--live",), ("--ready",)):
        ended = installation.command(*flags, **nobody)
        assert ended.returncode == 1 and "does not answer" in ended.stdout, ended.stdout + ended.stderr
        assert "secret" not in ended.stdout


def test_live_asks_neither_document_nor_workers(installation) -> None:
    written(installation.store, FAILING, now() - HOUR)
    live = installation.command("--live")
    assert live.returncode == 0, live.stdout + live.stderr
    ready = installation.command("--ready")
    assert ready.returncode == 1 and f"None online in the pool {installation.pool}" in ready.stdout
    elsewhere = installation.command("--ready", PARCFERME_WORK_POOL="there-is-none")
    assert elsewhere.returncode == 1 and "Run `parcferme deploy`" in " ".join(elsewhere.stdout.split())


def test_without_a_server_neither_probe_misses_it(installation) -> None:
    for flag in ("--live", "--ready"):
        ended = installation.command(flag, PREFECT_API_URL="")
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_bad_setting_and_two_flags_at_once_end_with_2(installation) -> None:
    for flags in ((), ("--live",), ("--ready",)):
        ended = installation.command(*flags, PARCFERME_DESTINATION="ftp://nowhere")
        assert ended.returncode == 2 and "PARCFERME_DESTINATION" in ended.stderr
    assert installation.command("--live", "--ready").returncode == 2


def test_probes_import_neither_prefect_nor_fastf1() -> None:
    script = "import sys, flows.cli.health; print(sorted({'prefect', 'fastf1', 'pandas'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout.replace("'", '"')) == []
