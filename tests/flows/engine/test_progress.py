import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.engine.progress import Progress, heartbeat
from flows.session.status import SILENCE, StatusSink, close_status, sweep_status
from publish.live.runs import RunEntry
from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.stores.shared_documents import read_document

START = datetime(2024, 3, 2, 18, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Recorder:
    interval_s = 1.0

    def __init__(self, wants_heartbeat: bool = False) -> None:
        self.wants_heartbeat = wants_heartbeat
        self.seen: list[tuple[float, str]] = []
        self.heard = threading.Event()

    def write(self, percent: float, message: str) -> None:
        self.seen.append((percent, message))
        self.heard.set()


class Broken:
    wants_heartbeat = False
    interval_s = 1.0

    def __init__(self) -> None:
        self.tried = 0

    def write(self, percent: float, message: str) -> None:
        self.tried += 1
        raise ConnectionError("nobody there")


STAGES = {"first": 25.0, "second": 75.0}


def test_stages_are_weighted_and_never_go_back() -> None:
    clock, sink = FakeClock(), Recorder()
    progress = Progress((sink,), stages=STAGES, clock=clock)
    progress.begin("first", "one")
    for fraction in (0.5, 0.2, 1.0):
        clock.now_s += 1.0
        progress.report(fraction)
    progress.begin("second", "two")
    clock.now_s += 1.0
    progress.report(0.5, "half of two")
    progress.report(7.0)
    progress.finish("all")
    percents = [percent for percent, _ in sink.seen]
    assert percents == sorted(percents)
    assert percents[:2] == [0.0, 12.5]
    assert (25.0, "two") in sink.seen
    assert (62.5, "half of two") in sink.seen
    assert sink.seen[-1] == (100.0, "all")


def test_a_sink_hears_at_most_once_a_second_within_a_stage() -> None:
    clock, sink = FakeClock(), Recorder()
    progress = Progress((sink,), stages=STAGES, clock=clock)
    progress.begin("first", "one")
    for step in range(1000):
        clock.now_s = step * 0.01
        progress.report(step / 1000)
    assert 9 <= len(sink.seen) <= 11


def test_a_broken_sink_is_named_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock, broken, sink = FakeClock(), Broken(), Recorder()
    progress = Progress((broken, sink), stages=STAGES, clock=clock)
    with caplog.at_level(logging.WARNING):
        progress.begin("first", "one")
        progress.begin("second", "two")
        assert broken.tried == 1
        clock.now_s += 61
        progress.finish("all")
    assert broken.tried == 2
    assert len(sink.seen) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "Progress cannot be written to Broken: nobody there. The run goes on."
    ]


def test_the_heart_beats_only_where_it_is_wanted() -> None:
    quiet, kept = Recorder(), Recorder(wants_heartbeat=True)
    progress = Progress((quiet, kept), stages=STAGES, clock=FakeClock())
    progress.begin("first", "one")
    kept.heard.clear()
    with heartbeat(progress, interval_s=0.001):
        assert kept.heard.wait(10)
    assert len(quiet.seen) == 1
    assert set(kept.seen) == {(0.0, "one")}


def _run(flow_run_id: str = "run-1") -> RunEntry:
    return RunEntry(2024, 1, "Bahrain Grand Prix", "R", flow_run_id, "brave-ocelot", None, START)


def _status(store: Store) -> dict[str, object]:
    document = read_document(store, "v1/status/2024/1/R.json", dict)
    assert document is not None
    return document


def test_a_run_that_fell_silent_is_said_to_have_stopped(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    StatusSink(store, _run(), clock=lambda: START).write(40.0, "Encoding")
    assert sweep_status(store, 2024, START + SILENCE) == []
    assert _status(store)["type"] == "progress"
    later = START + SILENCE + timedelta(seconds=1)
    (ended,) = sweep_status(store, 2024, later)
    assert (ended.round, ended.code, ended.flow_run_id, ended.started_at) == (1, "R", "run-1", START)
    document = _status(store)
    assert document["type"] == "error"
    assert document["progress"] == 40
    assert "without a word" in str(document["error"])
    assert sweep_status(store, 2024, later) == []


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    sink = StatusSink(store, _run(), clock=lambda: START)
    sink.write(40.0, "Encoding")
    sink.complete("Published")
    assert sweep_status(store, 2024, START + timedelta(days=1)) == []
    assert close_status(store, 2024, "run-1", state="Failed", error="late") == []
    assert _status(store)["type"] == "complete"
    assert _status(store)["progress"] == 100


def test_the_hooks_close_only_their_own_run(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    StatusSink(store, _run(), clock=lambda: START).write(40.0, "Encoding")
    assert close_status(store, 2024, "run-2", state="Failed", error="no") == []
    assert len(close_status(store, 2024, "run-1", state="Cancelled", error="Somebody cancelled it.")) == 1
    document = _status(store)
    assert (document["type"], document["state"], document["error"]) == ("cancelled", "Cancelled", None)
    assert document["message"] == "Somebody cancelled it."


def test_nothing_to_sweep_in_an_empty_destination(tmp_path: Path) -> None:
    assert sweep_status(open_store((tmp_path / "new").as_uri()), 2024, START) == []
