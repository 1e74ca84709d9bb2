"""One run at a time is at work on a session; the clock is the test's own, and nobody sleeps."""

import fcntl
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from memory_store import MemoryStore
from prefect.exceptions import Pause

from flows.session import flow
from flows.session.lease import _file_of, check_lease, leased
from flows.session.status import SILENCE, StatusSink, last_words
from publish.live.runs import RunEntry
from publish.live.status import Status, read_status
from transforms.errors import AlreadyRunningError

LABEL = "2024 Monaco Grand Prix R"
LOGGER = logging.getLogger("tests.lease")


class World:
    """A store and a time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = datetime(2024, 5, 26, 15, 30, tzinfo=UTC)
        self.store = MemoryStore(lambda: self.now)
        self.meanwhile: Callable[[], object] = lambda: None

    def sink(self, run_id: str, owner: str) -> StatusSink:
        entry = RunEntry(2024, 8, "Monaco Grand Prix", "R", run_id, f"run {run_id}", None, self.now)
        return StatusSink(self.store, entry, lambda: self.now, owner)

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.meanwhile()

    @property
    def status(self) -> Status:
        said = read_status(self.store, 2024, 8, "R")
        assert said is not None
        return said


@pytest.fixture
def world() -> World:
    return World()


def test_who_is_at_work_has_the_lease_and_renews_it_with_every_word(world: World) -> None:
    sink = world.sink("1", "first")
    with leased(sink, LABEL, LOGGER, world.sleep):
        assert world.status.lease is not None
        assert (world.status.lease.owner, world.status.lease.until) == ("first", world.now + SILENCE)
        world.now += timedelta(seconds=30)
        sink.write(10, "Loading")
        assert world.status.lease.until == world.now + SILENCE
        assert last_words(world.store, 2024) == {"1": world.now}
    sink.complete("Published")
    assert (world.status.type, world.status.lease) == ("complete", None)
    assert last_words(world.store, 2024) == {}


def test_another_run_of_a_session_that_is_being_made_ends(world: World) -> None:
    first, second = world.sink("1", "first"), world.sink("2", "second")
    first.claim()
    world.meanwhile = lambda: first.write(20, "Loading")
    alive = pytest.raises(AlreadyRunningError, match=r"being made by another run, run 1 \(20 %")
    with alive as ended, leased(second, LABEL, LOGGER, world.sleep):
        pytest.fail("two at once")
    assert ended.value.flow_run_id == "1"
    # Nothing it says gets through while the other lives.
    second.fail("It broke.")
    second.complete("Published")
    assert (world.status.flow_run_id, world.status.type) == ("1", "progress")


def test_a_second_attempt_of_a_run_that_was_not_dead_ends_as_well(world: World) -> None:
    first, again = world.sink("1", "first"), world.sink("1", "again")
    first.claim()
    world.meanwhile = lambda: first.write(20, "Loading")
    with pytest.raises(AlreadyRunningError) as ended, leased(again, LABEL, LOGGER, world.sleep):
        pytest.fail("two at once")
    assert ended.value.flow_run_id == "1"


def test_a_lease_that_is_not_renewed_ends(world: World) -> None:
    world.sink("1", "first").claim()
    begin = world.now
    with leased(world.sink("2", "second"), LABEL, LOGGER, world.sleep):
        assert timedelta() <= world.now - begin - SILENCE < timedelta(seconds=3)
        assert world.status.flow_run_id == "2"


def test_who_waited_goes_on_when_the_other_is_done(world: World) -> None:
    first, second = world.sink("1", "first"), world.sink("2", "second")
    world.now += timedelta(seconds=1)
    first.claim()
    world.meanwhile = lambda: first.complete("Published")
    with leased(second, LABEL, LOGGER, world.sleep):
        assert (world.status.flow_run_id, world.status.type) == ("2", "progress")


def test_the_dead_and_the_living_of_this_machine_are_known_at_once(world: World) -> None:
    first = world.sink("1", "first")
    first.claim()
    path = _file_of("first")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    begin = world.now
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunningError), leased(world.sink("2", "second"), LABEL, LOGGER, world.sleep):
            pytest.fail("two at once")
    finally:
        os.close(descriptor)
    with leased(world.sink("3", "third"), LABEL, LOGGER, world.sleep):
        assert world.status.flow_run_id == "3"
    assert world.now == begin
    assert not path.exists()


def test_a_run_that_stood_still_finds_out_that_it_was_taken_for_dead(world: World) -> None:
    first = world.sink("1", "first")
    first.claim()
    check_lease(first, LABEL)
    world.now += SILENCE
    with leased(world.sink("2", "second"), LABEL, LOGGER, world.sleep):
        first.write(60, "Encoding")
        assert world.status.flow_run_id == "2"
        with pytest.raises(AlreadyRunningError, match="run 2"):
            check_lease(first, LABEL)


@pytest.mark.parametrize("deployment_id", ["deployed", None])
def test_how_a_run_ends_that_leaves_its_session_to_another(
    deployment_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "this_deployment", SimpleNamespace(id=deployment_id))
    monkeypatch.setattr(flow, "this_run", SimpleNamespace(id="2"))
    error = AlreadyRunningError(f"{LABEL} is being made by another run.", "1")
    if deployment_id is None:
        with pytest.raises(AlreadyRunningError):
            flow._left_or_raise(error)
        return
    state = flow._left_or_raise(error)
    assert (state.name, state.is_completed(), state.message) == ("AlreadyRunning", True, str(error))
    # Of the same run in another process the first one has the last word.
    monkeypatch.setattr(flow, "get_run_logger", lambda: LOGGER)
    with pytest.raises(Pause):
        flow._left_or_raise(AlreadyRunningError("still at work", "2"))
