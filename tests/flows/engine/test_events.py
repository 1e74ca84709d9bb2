"""Events arrive at the server, from processes that end at once too, and never get in a run's way."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings
from prefect_servers import PATIENCE_S, wait_until

from flows.engine import events
from flows.engine.events import emit_health_event, emit_session_event, flow_run_url

RUN_ID = "6f1d3a2e-0000-4000-8000-000000000001"
FACTS: dict[str, Any] = {
    "year": 2024,
    "round": 1,
    "code": "R",
    "event": "Bahrain Grand Prix",
    "flow_run_id": RUN_ID,
    "flow_run_name": "2024 Bahrain Grand Prix Race",
    "state": "Completed",
    "progress": 100,
    "message": "Published",
    "revision": "abc123",
    "grade": "A",
}
SCRIPT = "from flows.engine.events import emit_session_event; emit_session_event({kind!r}, **{facts!r})"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What would be sent to a server."""
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(events, "emit_event", lambda name, **facts: sent.append((name, facts)))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield sent


def _emit_in_a_process(
    kind: str, facts: dict[str, Any], api_url: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Send one event from a process that does nothing else."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(kind=kind, facts=facts)],
        env={**os.environ, "PREFECT_API_URL": api_url, "PREFECT_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_a_process_that_ends_at_once_has_sent_its_event(prefect_server: str, tmp_path: Path) -> None:
    facts = {**FACTS, "flow_run_id": str(uuid4())}
    ended = _emit_in_a_process("published", facts, prefect_server, tmp_path)
    assert ended.returncode == 0, ended.stderr

    event = _wait_for_event("parcferme.session.published", f"prefect.flow-run.{facts['flow_run_id']}")
    assert event["resource"] == {
        "prefect.resource.id": "parcferme.session.2024.1.R",
        "prefect.resource.name": "2024 Bahrain Grand Prix R",
    }
    assert event["related"] == [
        {
            "prefect.resource.id": f"prefect.flow-run.{facts['flow_run_id']}",
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
        "flow_run_url": f"{prefect_server.removesuffix('/api')}/runs/flow-run/{facts['flow_run_id']}",
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
    ended = _emit_in_a_process("failed", FACTS, "http://127.0.0.1:9/api", tmp_path)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


def test_without_a_server_nothing_is_sent_and_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(events, "emit_event", lambda name, **_: sent.append(name))
    with temporary_settings(restore_defaults=[PREFECT_API_URL]):
        emit_session_event("started", **FACTS)
        emit_health_event("failing", "healthy", "")
    assert sent == []


def test_whatever_goes_wrong_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def _refuse(name: str, **_: Any) -> None:
        raise RuntimeError("Cannot put items in a stopped service instance.")

    monkeypatch.setattr(events, "emit_event", _refuse)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), caplog.at_level(logging.WARNING):
        emit_session_event("published", **FACTS)
    assert [record.message for record in caplog.records] == [
        "The event parcferme.session.published of 2024 Bahrain Grand Prix R could not be sent: "
        "Cannot put items in a stopped service instance."
    ]


def test_every_kind_has_a_name(sent: list[tuple[str, dict[str, Any]]]) -> None:
    for kind in get_args(events.Kind):
        emit_session_event(kind, **FACTS)
    assert [name for name, _ in sent] == [
        "parcferme.session.started",
        "parcferme.session.published",
        "parcferme.session.unchanged",
        "parcferme.session.awaiting_data",
        "parcferme.session.failed",
        "parcferme.session.cancelled",
        "parcferme.session.crashed",
    ]


def test_a_message_of_any_length_can_be_sent(sent: list[tuple[str, dict[str, Any]]]) -> None:
    emit_session_event("failed", **{**FACTS, "message": "x" * 2_000_000})
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
