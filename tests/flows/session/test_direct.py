"""A session at a command line on its own: few questions where nothing has changed, and what dead runs have left."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fault_store import WatchedStore

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR
from flows.session.direct import publish_directly
from flows.session.lease import leased
from flows.session.status import StatusSink
from flows.session.steps import Request
from publish.contract.verify import verify_store
from publish.live.runs import RunEntry, read_running, run_started
from publish.stores.choose import open_store
from transforms.errors import AlreadyRunningError

#: What an unchanged session may cost.
MOST_REQUESTS = 12


def publish(code: str = "R") -> bool:
    return publish_directly(SAMPLE_YEAR, "1", code, Request()).unchanged


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, sample_site: Path) -> WatchedStore:
    store = WatchedStore(open_store(sample_site.as_uri()))
    monkeypatch.setattr("flows.session.direct.open_destination", lambda _settings: store)
    return store


def test_an_unchanged_race_costs_few_requests(watched: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not publish()
    assert publish()
    monkeypatch.setenv("PARCFERME_NOW", (SAMPLE_NOW_UTC + timedelta(hours=7)).isoformat())
    watched.requests.clear()
    assert publish()
    settled = [key for _, key in watched.writes if key.endswith("latest.json")]
    assert len(settled) == 1, "that nothing is left to do is written down, once"
    watched.requests.clear()
    assert publish()
    assert watched.writes == []
    assert len(watched.requests) <= MOST_REQUESTS, watched.requests
    assert verify_store(watched).is_good


def test_copies_are_finished_while_their_publishers_may_live(watched: WatchedStore) -> None:
    assert not publish()
    lost = next(row.key for row in watched.list("v1/parquet/laps/"))
    watched.delete(lost)
    assert publish()
    assert watched.head(lost) is not None


def test_what_a_dead_run_has_left_is_put_right(watched: WatchedStore) -> None:
    assert not publish("FP1")
    began = datetime.now(UTC) - timedelta(minutes=10)
    dead = RunEntry(SAMPLE_YEAR, 1, "Larkmoor Grand Prix", "R", "dead", "dead run", None, began)
    run_started(watched, dead, began)
    StatusSink(watched, dead, clock=lambda: began).write(40, "Computing")
    other = RunEntry(SAMPLE_YEAR, 1, "Larkmoor Grand Prix", "Q", "alive", "long run", None, began)
    run_started(watched, other, began)
    StatusSink(watched, other).write(40, "Waiting")
    assert publish("FP1")
    assert [run.flow_run_id for run in read_running(watched)] == ["alive"]
    said = {code: json.loads(watched.read(f"v1/status/{SAMPLE_YEAR}/1/{code}.json").data) for code in ("R", "Q")}
    assert (said["R"]["type"], said["R"]["state"]) == ("error", "Crashed")
    assert said["Q"]["type"] == "progress"


def test_a_session_that_another_run_is_at_work_on_is_left_to_it(watched: WatchedStore) -> None:
    other = RunEntry(SAMPLE_YEAR, 1, "Larkmoor Grand Prix", "FP1", "other", "run of a worker", None, datetime.now(UTC))
    sink = StatusSink(watched, other)
    with leased(sink, "FP1", logging.getLogger(__name__)), pytest.raises(AlreadyRunningError, match="run of a worker"):
        publish("FP1")
    said = json.loads(watched.read(f"v1/status/{SAMPLE_YEAR}/1/FP1.json").data)
    assert (said["flow_run_id"], said["type"]) == ("other", "progress")
    assert watched.read("v1/runs.json") is None
    sink.complete("Published")
    assert not publish("FP1")
