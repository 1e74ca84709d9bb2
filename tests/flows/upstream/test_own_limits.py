"""The call limits of a process on its own: it waits where FastF1 by itself would raise."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from counting_upstream import LIVE, RESULTS, Upstream, running_upstream, small_limits
from sample_sessions import sample_session
from upstream_double import UpstreamDouble

from flows.settings import read_settings
from flows.upstream import own_turns
from flows.upstream.client import Client
from flows.upstream.limits import LIMITS, OwnLimits, UpstreamLimits
from flows.upstream.load import load_recording

HOUR_S = 3600.0


@dataclass
class Clock:
    """A monotonic clock that only sleeping moves."""

    now_s: float = 1000.0
    slept_s: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept_s.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(own_turns, "time", made)
    monkeypatch.setattr(own_turns, "_calls", {})
    return made


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running_upstream() as made:
        yield made


def ask(cache: Path, limits: UpstreamLimits, *urls: str, said: list[str] | None = None) -> list[int]:
    """Ask for addresses with a client of their own; the statuses of the answers."""
    import fastf1

    own = OwnLimits(None if said is None else said.append, limits)
    with Client(cache, limits=own).at_work():
        return [fastf1.Cache.requests_get(url).status_code for url in urls]


def test_what_an_hour_allows_goes_out_at_once_and_the_next_waits(
    clock: Clock, upstream: Upstream, tmp_path: Path
) -> None:
    limits, said = small_limits(everything=(3, 0.0)), list[str]()
    assert ask(tmp_path, limits, *(upstream.url(str(n)) for n in range(2)), said=said) == [200, 200]
    clock.now_s += 600.0
    # Another client of the same process, on another cache: the calls are counted all the same.
    assert ask(tmp_path / "other", limits, *(upstream.url(str(n)) for n in range(3)), said=said) == [200] * 3
    assert sum(clock.slept_s) == pytest.approx(HOUR_S - 600.0)
    assert max(clock.slept_s) <= 2.0, "it looks often, so that whoever interrupts it need not wait"
    assert said == [
        "Waiting for the upstream's call limit (next call in about 50 min)",
        f"Downloading from {LIVE}",
    ]
    # The two of the other client and the one before it have gone out within the hour.
    assert ask(tmp_path, limits, upstream.url("last")) == [200]
    assert clock.now_s == pytest.approx(1000.0 + HOUR_S + 600.0)


def test_what_the_cache_holds_takes_no_turn(clock: Clock, upstream: Upstream, tmp_path: Path) -> None:
    limits = small_limits(everything=(1, 0.0))
    assert ask(tmp_path, limits, *[upstream.url("same")] * 3) == [200] * 3
    assert len(upstream.arrivals) == 1 and clock.slept_s == []


def test_calls_of_the_results_service_count_in_both_limits(clock: Clock, upstream: Upstream, tmp_path: Path) -> None:
    limits = small_limits(results=(9, 0.0), everything=(2, 0.0))
    assert ask(tmp_path, limits, upstream.url("a", RESULTS), upstream.url("a")) == [200, 200]
    assert clock.slept_s == []
    assert ask(tmp_path, limits, upstream.url("b")) == [200]
    assert sum(clock.slept_s) == pytest.approx(HOUR_S)


def test_the_limit_of_the_results_service_keeps_nobody_else(clock: Clock, upstream: Upstream, tmp_path: Path) -> None:
    limits = small_limits(results=(1, 0.0), everything=(9, 0.0))
    assert ask(tmp_path, limits, *(upstream.url("a", host) for host in (RESULTS, LIVE)), upstream.url("b")) == [200] * 3
    assert clock.slept_s == []
    assert ask(tmp_path, limits, upstream.url("b", RESULTS)) == [200]
    assert sum(clock.slept_s) == pytest.approx(HOUR_S)


def test_who_has_nobody_to_tell_warns(
    clock: Clock, upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = small_limits(everything=(1, 0.0))
    assert ask(tmp_path, limits, upstream.url("a"), upstream.url("b")) == [200, 200]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == ["Waiting for the upstream's call limit (next call in about 1 h)."]


def test_fastf1_never_raises() -> None:
    from fastf1.req import _CallsPerIntervalLimitRaise, _SessionWithRateLimiting

    of_results, of_everything = (
        next(one for one in limiters if isinstance(one, _CallsPerIntervalLimitRaise))._timestamps.maxlen
        for limiters in _SessionWithRateLimiting._RATE_LIMITS.values()
    )
    assert of_results is not None and LIMITS.results.per_hour == 0.9 * of_results
    assert of_everything is not None and LIMITS.everything.per_hour == 0.9 * of_everything


def test_a_session_loads_though_its_process_has_used_its_calls_up(
    double: UpstreamDouble, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path))
    used = own_turns._calls_of(LIMITS.everything)
    used.extend([clock.now_s] * (LIMITS.everything.per_hour - 5))
    client = Client.of(read_settings())
    assert load_recording(client, sample_session(1, "FP1")).missing == ()
    assert clock.now_s == pytest.approx(1000.0 + HOUR_S)
    assert len(double.requests()) > 10
