"""Events arrive at the server, from processes that end at once too, and never get in a run's way."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings
from prefect_servers import PATIENCE_S, wait_until

from flows.engine import events
from flows.engine.events import emit_health_event, emit_session_event, flow_run_url
from publish.live.runs import RunEntry

RUN_ID = "6f1d3a2e-0000-4000-8000-000000000001"
STARTED = datetime(2024, 3, 2, 17, 0, tzinfo=UTC)


def run_entry(flow_run_id: str = RUN_ID) -> RunEntry:
    name = "2024 Bahrain Grand Prix Race"
    return RunEntry(2024, 1, "Bahrain Grand Prix", "R", flow_run_id, name, None, STARTED)


SCRIPT = """
import datetime
from flows.engine.events import emit_session_event
from publish.live.runs import RunEntry
emit_session_event({kind!r}, {run!r}, "Published", revision="abc123", grade="A")
"""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What would be sent to a server."""
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(events, "emit_event", lambda name, **facts: sent.append((name, facts)))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield sent


def _emit_in_a_process(kind: str, run: RunEntry, api_url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Send one event from a process that does nothing else."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(kind=kind, run=run)],
        env={**os.environ, "PREFECT_API_URL": api_url, "PREFECT_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_a_process_that_ends_at_once_has_sent_its_event(prefect_server: str, tmp_path: Path) -> None:
    run = run_entry(str(uuid4()))
    ended = _emit_in_a_process("published", run, prefect_server, tmp_path)
    assert ended.returncode == 0, ended.stderr

    event = _wait_for_event("parcferme.session.published", f"prefect.flow-run.{run.flow_run_id}")
    assert event["resource"] == {
        "prefect.resource.id": "parcferme.session.2024.1.R",
        "prefect.resource.name": "2024 Bahrain Grand Prix R",
    }
    assert event["related"] == [
        {
            "prefect.resource.id": f"prefect.flow-run.{run.flow_run_id}",
            "prefect.resource.role": "flow-run",
            "prefect.resource.name": "2024 Bahrain Grand Prix Race",
        }
    ]
    assert event["payload"] == {
        "state": "Completed",
        "progress": 100,
        "message": "Published",
        "year": 2024,
        "round": 1,
        "event": "Bahrain Grand Prix",
        "session": "R",
        "flow_run_name": "2024 Bahrain Grand Prix Race",
        "flow_run_url": f"{prefect_server.removesuffix('/api')}/runs/flow-run/{run.flow_run_id}",
        "revision": "abc123",
        "grade": "A",
    }


def _wait_for_event(name: str, related_id: str) -> dict[str, Any]:
    wanted = {"event": {"name": [name]}, "related": {"id": [related_id]}}
    with get_client(sync_client=True) as client:

        def found() -> Any:
            return client.request("POST", "/events/filter", json={"filter": wanted}).json()["events"]

        return dict(wait_until(found, f"event {name} arrives")[0])


def test_a_server_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    ended = _emit_in_a_process("failed", run_entry(), "http://127.0.0.1:9/api", tmp_path)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


def test_without_a_server_nothing_is_sent_and_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(events, "emit_event", lambda name, **_: sent.append(name))
    with temporary_settings(restore_defaults=[PREFECT_API_URL]):
        emit_session_event("started", run_entry(), "Started")
        emit_health_event("failing", "healthy", "")
    assert sent == []


def test_whatever_goes_wrong_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def _refuse(name: str, **_: Any) -> None:
        raise RuntimeError("Cannot put items in a stopped service instance.")

    monkeypatch.setattr(events, "emit_event", _refuse)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), caplog.at_level(logging.WARNING):
        emit_session_event("published", run_entry(), "Published")
    assert [record.message for record in caplog.records] == [
        "The event parcferme.session.published of 2024 Bahrain Grand Prix R could not be sent: "
        "Cannot put items in a stopped service instance."
    ]


def test_every_kind_has_a_name(sent: list[tuple[str, dict[str, Any]]]) -> None:
    for kind in get_args(events.Kind):
        emit_session_event(kind, run_entry(), "Said")
    told = [(name, facts["payload"]["state"], facts["payload"]["progress"]) for name, facts in sent]
    assert told == [
        ("parcferme.session.started", "Running", 0),
        ("parcferme.session.published", "Completed", 100),
        ("parcferme.session.unchanged", "Completed", 100),
        ("parcferme.session.awaiting_data", "AwaitingRetry", 0),
        ("parcferme.session.no_data", "NoData", 0),
        ("parcferme.session.failed", "Failed", 0),
        ("parcferme.session.cancelled", "Cancelled", 0),
        ("parcferme.session.crashed", "Crashed", 0),
    ]


def test_a_message_of_any_length_can_be_sent(sent: list[tuple[str, dict[str, Any]]]) -> None:
    emit_session_event("failed", run_entry(), "x" * 2_000_000)
    ((_, facts),) = sent
    assert len(facts["payload"]["message"]) == 2000


@pytest.mark.parametrize(
    ("previous", "state", "names"),
    [
        (None, "healthy", ["parcferme.health.changed"]),
        ("healthy", "healthy", []),
        ("failing", "failing", []),
        ("healthy", "degraded", ["parcferme.health.changed"]),
        ("degraded", "failing", ["parcferme.health.changed", "parcferme.health.failing"]),
        (None, "failing", ["parcferme.health.changed", "parcferme.health.failing"]),
        ("failing", "degraded", ["parcferme.health.changed", "parcferme.health.recovered"]),
    ],
)
def test_only_changes_of_the_health_are_events(
    previous: str | None, state: str, names: list[str], sent: list[tuple[str, dict[str, Any]]]
) -> None:
    emit_health_event(state, previous, "2 of 9 checks fail")
    assert [name for name, _ in sent] == names
    assert all(facts["payload"]["message"] == "2 of 9 checks fail" for _, facts in sent)


def test_the_address_of_a_run_follows_the_settings() -> None:
    with temporary_settings({PREFECT_API_URL: "http://server:4200/api"}):
        assert flow_run_url(RUN_ID) == f"http://server:4200/runs/flow-run/{RUN_ID}"
        with temporary_settings({PREFECT_UI_URL: "https://prefect.example.org"}):
            assert flow_run_url(RUN_ID) == f"https://prefect.example.org/runs/flow-run/{RUN_ID}"
    with temporary_settings(restore_defaults=[PREFECT_API_URL, PREFECT_UI_URL]):
        assert flow_run_url(RUN_ID) is None
