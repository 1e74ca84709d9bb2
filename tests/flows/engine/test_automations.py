"""The automations against a real server: what they are, what they do, and whom they tell."""

import json
import os
import queue
import re
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default as default_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import AutomationSort, FlowRunSort
from prefect.events import emit_event
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import AwaitingRetry, Cancelling, Crashed, Failed, Pending, Running, State
from prefect_servers import PATIENCE_S, Server, talking_to, wait_until

from flows.engine.automations import apply_automations
from flows.engine.automations_rules import Windows
from flows.engine.events import emit_health_event
from flows.engine.revival import DOUBT, NOT_HEARD_OF
from flows.settings import Settings
from transforms.errors import InputError

PARAMETERS = {"year": 2024, "event": "Bahrain", "session": "Race"}
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
#: The shortest a proactive trigger may wait is 10 s.
SHORT = Windows(
    silence=timedelta(seconds=10),
    start=timedelta(seconds=10),
    cancel=timedelta(seconds=10),
    waiting=timedelta(seconds=10),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this file's own, for its automations act on every run; the flows are registered, without code."""
    quick = {
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
        "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
    }
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, quick, options=("--no-ui",)) as made, talking_to(made.api):
        with get_client(sync_client=True) as client:
            client.create_work_pool(WorkPoolCreate(name="parcferme", type="process"))
            for name in ("publish-session", "check-health", "plan-season"):
                flow = client.create_flow_from_name(name)
                client.create_deployment(flow, name, work_pool_name="parcferme", tags=["parcferme"])
        yield made


@pytest.fixture
def client(server: Server) -> Iterator[SyncPrefectClient]:
    """A client of the server on which the flows are registered; afterwards nothing waits there any more."""
    with get_client(sync_client=True) as client:
        yield client
        for automation in _automations(client):
            client.delete_automation(automation.id)
        for run in _runs(client):
            client.delete_flow_run(run.id)


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.put(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of an SMTP server as it takes to be handed a message."""

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            verb = line.split(b" ")[0].strip().upper()
            if verb == b"DATA":
                self._say("354 go on")
                message = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.received.put(message.decode())  # type: ignore[attr-defined]
            self._say("221 bye" if verb == b"QUIT" else "250 fine")
            if verb == b"QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def _listening(server: Any) -> Iterator[tuple[int, "queue.Queue[Any]"]]:
    server.received = queue.Queue()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], server.received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def webhook() -> Iterator[tuple[str, "queue.Queue[Any]"]]:
    with _listening(ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)) as (port, received):
        yield f"http://127.0.0.1:{port}/hook", received


def _apply(client: SyncPrefectClient, settings: Settings, windows: Windows | None = None) -> None:
    """Apply the automations and wait until they work: the server takes each up some time after it is made."""
    apply_automations(settings, windows)
    probe = AutomationCore(name="probe", trigger=EventTrigger(expect={"probe"}, threshold=1), actions=[DoNothing()])
    made = client.create_automation(probe)

    def works() -> bool:
        emit_event("probe", resource={"prefect.resource.id": "parcferme.test"})
        return _has_event(client, "prefect.automation.action.executed", f"prefect.automation.{made}")

    wait_until(works, "automations work")
    client.delete_automation(made)


def _has_event(client: SyncPrefectClient, name: str, resource: str) -> bool:
    wanted = {"event": {"name": [name]}, "resource": {"id": [resource]}}
    return bool(client.request("POST", "/events/filter", json={"filter": wanted}).json()["events"])


def _settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def _start(client: SyncPrefectClient, flow: str, state: State[Any] | None = None) -> FlowRun:
    """Create a run as its deployment would, tags and all; in a state it has come to without another before.

    Where a second event follows the first within milliseconds, Prefect (up to 3.9) may take the first for one still to
    come, and lets the second wait for it for a quarter of an hour.
    """
    deployment = client.read_deployment_by_name(f"{flow}/{flow}")
    parameters = PARAMETERS if flow == "publish-session" else {}
    return client.create_flow_run_from_deployment(deployment.id, parameters=parameters, state=state)


def _state_of(client: SyncPrefectClient, run: FlowRun) -> StateType | None:
    return client.read_flow_run(run.id).state_type


def _wait_for_state(client: SyncPrefectClient, run: FlowRun, state: StateType) -> None:
    wait_until(lambda: _state_of(client, run) is state, f"{run.name} is {state.value}")


def _runs(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200)


def _health_checks(client: SyncPrefectClient) -> list[FlowRun]:
    """The checks of the health that an automation started."""
    return [run for run in _runs(client) if run.created_by is not None and run.created_by.type == "AUTOMATION"]


def _automations(client: SyncPrefectClient) -> list[Automation]:
    return client.read_automations(sort=AutomationSort.NAME_ASC, limit=100)


def _ids(client: SyncPrefectClient) -> dict[str, tuple[UUID, Any]]:
    """Identity and last change of every automation, by name."""
    found = client.request("POST", "/automations/filter", json={}).json()
    return {automation["name"]: (automation["id"], automation["updated"]) for automation in found}


def test_without_channels_only_runs_are_looked_after(client: SyncPrefectClient) -> None:
    names = apply_automations(_settings())
    assert names == [
        "parcferme: silent runs have crashed",
        "parcferme: runs that are never heard of have crashed",
        "parcferme: runs that never begin have crashed",
        "parcferme: runs being cancelled are cancelled",
        "parcferme: check the health when a session ends badly",
        "parcferme: publish what comes into the archive",
    ]
    assert set(_ids(client)) == set(names)


def test_applying_twice_changes_nothing(client: SyncPrefectClient) -> None:
    settings = _settings(notify_webhook="http://127.0.0.1:9/", notify_mail="mailto://me:pw@mail.example.org")
    apply_automations(settings)
    before = _ids(client)
    block = client.read_block_document_by_name("parcferme-webhook", "webhook").id
    apply_automations(settings)
    assert _ids(client) == before
    assert client.read_block_document_by_name("parcferme-webhook", "webhook").id == block


def test_settings_that_go_take_their_automations_and_addresses_along(client: SyncPrefectClient) -> None:
    own = AutomationCore(name="parcferme: mine", trigger=EventTrigger(expect={"never"}), actions=[])
    client.create_automation(own)
    both = apply_automations(_settings(notify_webhook="http://a.example/", notify_slack=SLACK))
    with_both = {each.name: len(each.actions) for each in _automations(client)}
    apply_automations(_settings(notify_webhook="http://a.example/"))
    with_one = {each.name: len(each.actions) for each in _automations(client)}
    none = apply_automations(_settings())

    told = [name for name in both if name.startswith("parcferme: tell of")]
    assert len(told) == 7
    assert {with_both[name] for name in told} == {2}
    assert {with_one[name] for name in told} == {1}
    assert set(_ids(client)) == {"parcferme: mine", *none}
    assert not set(told) & set(none)
    for name, kind in (("parcferme-webhook", "webhook"), ("parcferme-slack", "slack-webhook")):
        with pytest.raises(ObjectNotFound):
            client.read_block_document_by_name(name, kind)


def test_a_change_keeps_the_identity_and_what_the_operator_switched_off(client: SyncPrefectClient) -> None:
    apply_automations(_settings())
    before = _ids(client)
    silent = "parcferme: silent runs have crashed"
    client.pause_automation(UUID(str(before[silent][0])))
    apply_automations(_settings(), SHORT)
    after = {automation.name: automation for automation in _automations(client)}
    assert {name: str(each.id) for name, each in after.items()} == {name: str(id) for name, (id, _) in before.items()}
    assert after[silent].trigger.within == SHORT.silence
    assert not after[silent].enabled


def test_addresses_are_stored_encrypted_and_never_shown(client: SyncPrefectClient) -> None:
    apply_automations(_settings(notify_mail="mailtos://me:s3cret-word@mail.example.org/?to=a@example.org"))
    document = client.read_block_document_by_name("parcferme-mail", "slack-webhook", include_secrets=False)
    assert "s3cret-word" not in document.model_dump_json()
    assert "s3cret-word" not in "".join(each.model_dump_json() for each in _automations(client))


def test_an_address_nobody_can_send_to_is_refused(client: SyncPrefectClient) -> None:
    with pytest.raises(InputError, match="PARCFERME_NOTIFY_SLACK") as refused:
        apply_automations(_settings(notify_slack="https://hooks.slack.com/services/secret"))
    assert "services/secret" not in str(refused.value)


def _restart_on_backup(server: Server, client: SyncPrefectClient) -> None:
    """Back the server's database up, by the runbook's words, and start it again on what was kept."""
    page = (Path(__file__).parents[3] / "deployments" / "RUNBOOK.md").read_text()
    back_up, restore = re.findall(r"^```\n((?:sqlite3|rm -f) .*?)^```$", page, re.MULTILINE | re.DOTALL)
    (server.folder / ".prefect").symlink_to(server.home)

    def type_in(commands: str) -> None:
        # Without the program there is only the restart.
        if shutil.which("sqlite3"):
            environment = {**os.environ, "HOME": str(server.folder)}
            subprocess.run(["sh", "-ec", commands], cwd=server.folder, env=environment, check=True, timeout=60)

    type_in(back_up)
    since = client.create_flow_from_name("made after the backup")
    server.stop()
    type_in(restore)
    server.start()
    if shutil.which("sqlite3"):
        with pytest.raises(PrefectHTTPStatusError, match="404"):
            client.read_flow(since)


def test_failed_sessions_are_told_of_by_every_channel_after_a_restart_of_the_server_too(
    client: SyncPrefectClient, webhook: tuple[str, "queue.Queue[Any]"], server: Server
) -> None:
    url, received = webhook
    with (
        _listening(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox)) as (mail_port, mailed),
        _listening(ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)) as (slack_port, slacked),
    ):
        mail = f"mailto://127.0.0.1:{mail_port}/?from=parcferme@example.org&to=operator@example.org"
        _apply(client, _settings(notify_webhook=url, notify_slack=SLACK, notify_mail=mail))
        # Slack's own address cannot be had here; the block takes any that Apprise knows.
        SlackWebhook(url=f"json://127.0.0.1:{slack_port}/").save("parcferme-slack", overwrite=True)
        _restart_on_backup(server, client)

        said = 'Upstream said "no".\n<img src=x> <!channel> & <http://evil.example|here>'
        run = _start(client, "publish-session", Failed(message=said))

        notice = received.get(timeout=PATIENCE_S)
        assert datetime.fromisoformat(notice.pop("time")) <= datetime.now(UTC)
        assert notice.pop("link").endswith(f"/runs/flow-run/{run.id}")
        assert notice == {
            "what": "failed session",
            "flow": "publish-session",
            "session": "2024 Bahrain Race",
            "run": run.name,
            "state": "Failed",
            "message": said,
        }
        message = message_from_string(mailed.get(timeout=PATIENCE_S), policy=default_policy)
        assert message["Subject"] == f"parcferme: failed session: publish-session {run.name}"
        assert message.get_content_type() == "text/plain", "nobody's markup or pictures in a mail"
        assert f"Failed: {said}" in message.get_content().replace("\r\n", "\n")
        slack_notice = slacked.get(timeout=PATIENCE_S)
        assert slack_notice["title"] == f"parcferme: failed session: publish-session {run.name}"
        escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert f"Failed: {escaped}" in slack_notice["message"]


def test_late_runs_are_told_of(client: SyncPrefectClient, webhook: tuple[str, "queue.Queue[Any]"]) -> None:
    url, received = webhook
    _apply(client, _settings(notify_webhook=url), SHORT)
    planning, session = _start(client, "plan-season").name, _start(client, "publish-session").name
    told = _told_of(received, "late session", {session}, "late run")
    assert planning in told["late run"]


def test_failing_and_recovered_health_are_told_of(
    client: SyncPrefectClient, webhook: tuple[str, "queue.Queue[Any]"]
) -> None:
    url, received = webhook
    _apply(client, _settings(notify_webhook=url, public_url="https://data.example.org/f1"))
    for before, after in (("healthy", "degraded"), ("degraded", "failing"), ("failing", "failing")):
        emit_health_event(after, before, f"{after} now")
    emit_health_event("healthy", "failing", "All is well.")
    notices: list[dict[str, Any]] = []
    while len(notices) < 2:
        notice = received.get(timeout=PATIENCE_S)
        # A run of the test before may be told of late.
        notices += [notice] if "health" in notice["what"] else []
    assert sorted((each["what"], each["state"], each["message"]) for each in notices) == [
        ("failing health", "failing", "failing now"),
        ("recovered health", "healthy", "All is well."),
    ]
    assert {each["link"] for each in notices} == {"https://data.example.org/f1/status.html"}


def test_many_crashes_start_three_checks(client: SyncPrefectClient, webhook: tuple[str, "queue.Queue[Any]"]) -> None:
    url, received = webhook
    resting = timedelta(hours=1)
    _apply(client, _settings(notify_webhook=url), Windows(health=resting))
    begin = datetime.now(UTC)
    crashed = {_start(client, "publish-session", Crashed(message="killed")).name for _ in range(8)}
    _told_of(received, "failed session", crashed)
    # Every session has been told of, so every event has been looked at.

    def later() -> list[datetime]:
        times = (check.expected_start_time for check in _health_checks(client))
        return sorted(time for time in times if time is not None and time > begin + resting)

    wait_until(lambda: len(later()) >= 2, "two checks for after the rest")
    rested, certain = later()
    assert certain - rested == pytest.approx(DOUBT, abs=timedelta(seconds=10))
    # And the one at once, which may be made last: the server carries out the three actions in no order.
    _wait_for_checks(client, 3)


def test_a_failing_check_of_the_health_starts_none_and_is_told_of_once(
    client: SyncPrefectClient, webhook: tuple[str, "queue.Queue[Any]"]
) -> None:
    url, received = webhook
    _apply(client, _settings(notify_webhook=url), Windows(health=timedelta(0)))
    checks = [_start(client, "check-health", Failed(message="The store is gone.")).name for _ in range(3)]
    session = _start(client, "publish-session", Failed(message="The store is gone."))
    told = _told_of(received, "failed session", {session.name}, "failed run")
    # Which of them is looked at first is the server's affair.
    assert len(told["failed run"]) == 1 and told["failed run"] <= set(checks)
    # Those are the session's: no other flow's end starts one.
    _wait_for_checks(client, 3)
    (check,) = (
        each for each in _automations(client) if each.name.endswith("check the health when a session ends badly")
    )
    watched = check.trigger.model_dump_json()
    assert "publish-session" in watched and "check-health" not in watched


def _told_of(received: "queue.Queue[Any]", what: str, names: set[str], *also: str) -> dict[str, set[str]]:
    """Wait until it was told ``what`` happened to these runs, and ``also`` to any; return all that were told of."""
    told: dict[str, set[str]] = {what: set()}
    while not names <= told[what] or not told.keys() >= set(also):
        notice = received.get(timeout=PATIENCE_S)
        told.setdefault(notice["what"], set()).add(notice["run"])
    return told


def _wait_for_checks(client: SyncPrefectClient, count: int) -> None:
    wait_until(lambda: len(_health_checks(client)) >= count, f"{count} checks of the health")


def test_runs_without_a_worker_do_not_stay_as_they_are(client: SyncPrefectClient) -> None:
    _apply(client, _settings(), SHORT)
    never_begun = _start(client, "publish-session", Pending())
    unstopped = _start(client, "publish-session", Cancelling())
    _wait_for_state(client, never_begun, StateType.CRASHED)
    _wait_for_state(client, unstopped, StateType.CANCELLED)


def test_only_silent_runs_are_marked_as_crashed(client: SyncPrefectClient) -> None:
    _apply(client, _settings(), SHORT)
    awaiting, silent, unheard = (_start(client, "publish-session", Running()) for _ in range(3))
    for run in (awaiting, silent):
        _heartbeat(run)
    EventsWorker.instance().wait_until_empty()
    # One that arrives behind the run's own word would begin the watch anew.
    wait_until(lambda: all(_has_heartbeat(client, run) for run in (awaiting, silent)), "heartbeats")
    later = datetime.now(UTC) + timedelta(hours=1)
    client.set_flow_run_state(awaiting.id, AwaitingRetry(scheduled_time=later))
    _wait_for_state(client, silent, StateType.CRASHED)
    _wait_for_state(client, unheard, StateType.CRASHED)
    assert _state_of(client, awaiting) is StateType.SCHEDULED
    ended = client.read_flow_run(silent.id).state
    assert ended is not None
    assert f"{NOT_HEARD_OF} for 10 s" in str(ended.message)


def _has_heartbeat(client: SyncPrefectClient, run: FlowRun) -> bool:
    return _has_event(client, "prefect.flow-run.heartbeat", f"prefect.flow-run.{run.id}")


def _heartbeat(run: FlowRun) -> None:
    emit_event(
        "prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name},
        related=[{"prefect.resource.id": "prefect.tag.parcferme", "prefect.resource.role": "tag"}],
    )
