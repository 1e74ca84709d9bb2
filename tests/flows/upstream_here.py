"""The upstream's double as the upstream of this process: fixtures, and what a process that has just started knows."""

from collections import deque
from collections.abc import Iterator

import pytest
from upstream_double import UpstreamDouble

from flows.upstream import client as client_module
from flows.upstream import own_turns


@pytest.fixture(scope="module")
def started_double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpstreamDouble]:
    with UpstreamDouble(tmp_path_factory.mktemp("upstream")) as double:
        yield double


@pytest.fixture
def double(started_double: UpstreamDouble, monkeypatch: pytest.MonkeyPatch) -> UpstreamDouble:
    """The double as it is at first, for FastF1 in this process, which has no account."""
    from fastf1.internals.f1account import token_manager

    started_double.up()
    started_double.no_limits()
    started_double.season.reset()
    started_double.no_account()
    started_double.forget()
    no_pauses(monkeypatch)
    for name, value in started_double.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(token_manager, "_token_path", started_double.token_path)
    new_process(monkeypatch)
    return started_double


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let FastF1 ask the double without the quarter of a second it leaves between two requests to the real hosts."""
    from fastf1.req import _MinIntervalLimitDelay, _SessionWithRateLimiting

    for limiters in _SessionWithRateLimiting._RATE_LIMITS.values():
        for limiter in limiters:
            if isinstance(limiter, _MinIntervalLimitDelay):
                monkeypatch.setattr(limiter, "_interval", 0.0)


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process know what one knows that has just started: no token, no call made."""
    from fastf1.internals.f1account import token_manager
    from fastf1.req import _CallsPerIntervalLimitRaise, _SessionWithRateLimiting

    for limiters in _SessionWithRateLimiting._RATE_LIMITS.values():
        for limiter in limiters:
            if isinstance(limiter, _CallsPerIntervalLimitRaise):
                monkeypatch.setattr(limiter, "_timestamps", deque(maxlen=limiter._timestamps.maxlen))
    monkeypatch.setattr(own_turns, "_calls", {})
    monkeypatch.setattr(token_manager, "_token", None)
    monkeypatch.setattr(client_module._process, "sign_in", None)


@pytest.fixture
def account(double: UpstreamDouble, monkeypatch: pytest.MonkeyPatch) -> UpstreamDouble:
    """Live timing that answers only to an account, whose credentials are set."""
    need_account(double, monkeypatch)
    return double


def need_account(double: UpstreamDouble, monkeypatch: pytest.MonkeyPatch, **options: float) -> None:
    double.require_account("someone@example.org", "secret", **options)
    for name in ("F1_USERNAME", "F1_PASSWORD"):
        monkeypatch.setenv(name, double.environment()[name])
