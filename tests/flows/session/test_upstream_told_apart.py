"""Absent, late, refused, unpaid and broken off: what a run makes of each, in status, health and words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from upstream_double import REFUSALS, UpstreamDouble
from upstream_here import need_account
from upstream_season import MIRROR_HOST

from flows.health.sessions import document_checks
from flows.sample import SAMPLE_YEAR
from flows.sample.meetings import meeting_of
from flows.session.direct import publish_directly
from flows.session.reports import AWAITING_ACCESS, AWAITING_RETRY, AWAITING_SIGN_IN, wait_of
from flows.session.steps import Request
from publish.live.health import FAILING, HEALTHY, Check
from publish.live.status import Status, read_status
from publish.revisions.latest import read_latest
from publish.stores.base import Store
from publish.stores.choose import open_store
from transforms.errors import AccountError, BlockedError, IncompleteError, NotReadyError, UpstreamError

CODE = "Q"
_TELEMETRY = r".*/(CarData|Position)\.z.*"
_SOON, _LATER = timedelta(hours=2), timedelta(days=3)


@pytest.fixture
def store(double: UpstreamDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty destination; settings use it and a cache of their own, three days after the session."""
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PARCFERME_DESTINATION", (tmp_path / "site").as_uri())
    set_clock(monkeypatch, _LATER)
    return open_store((tmp_path / "site").as_uri())


def now_after(after: timedelta) -> datetime:
    start = meeting_of(1).local_start(CODE).replace(tzinfo=UTC)
    return start + after


def set_clock(monkeypatch: pytest.MonkeyPatch, after: timedelta) -> None:
    monkeypatch.setenv("PARCFERME_NOW", now_after(after).isoformat())


def run(**request: bool) -> str | None:
    return publish_directly(SAMPLE_YEAR, "1", CODE, Request(**request)).revision


def status(store: Store) -> Status:
    said = read_status(store, SAMPLE_YEAR, 1, CODE)
    assert said is not None
    return said


def upstream_check(store: Store, after: timedelta) -> Check:
    return next(check for check in document_checks(store, now_after(after)) if check.name == "upstream")


@dataclass(frozen=True)
class Case:
    """What the upstream does, and what follows."""

    arrange: Callable[[UpstreamDouble, pytest.MonkeyPatch], None]
    error: type[UpstreamError]
    says: str
    cause: str
    health: str
    after: timedelta = _LATER


def _unpaid(double: UpstreamDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    need_account(double, monkeypatch)
    double.block("s3", hosts=MIRROR_HOST)
    double.cancel_subscription()


def _signed_out(double: UpstreamDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    double.require_account("somebody", "secret")
    double.block("s3", hosts=MIRROR_HOST)


def _refused(how: str, paths: str = ".*") -> Callable[[UpstreamDouble, pytest.MonkeyPatch], None]:
    return lambda double, _: double.block(how, paths=paths)


def _hidden(double: UpstreamDouble, _: pytest.MonkeyPatch) -> None:
    double.season.hide(1, CODE)


CASES = {
    "absent": Case(_hidden, NotReadyError, "has nothing on .*ended on", "absent", HEALTHY),
    "late": Case(_hidden, NotReadyError, "try again in half an hour", "late", HEALTHY, _SOON),
    **{
        f"everything refused: {how}": Case(
            _refused(how), BlockedError, "parcferme fetch.*--source archive", "blocked", FAILING
        )
        for how in REFUSALS
    },
    "telemetry refused": Case(
        _refused("firewall", _TELEMETRY), BlockedError, r"CarData\.z.*Nothing is published", "blocked", FAILING
    ),
    "telemetry withheld": Case(
        _refused("s3", _TELEMETRY), BlockedError, r"lists CarData\.z.*does not give it", "blocked", FAILING
    ),
    "unpaid": Case(_unpaid, AccountError, "F1TV subscription is required", "account", FAILING),
    "signed out": Case(_signed_out, AccountError, "F1_PASSWORD are not set", "account", FAILING),
    "down": Case(
        lambda double, _: double.down("livetiming.*", "error"), UpstreamError, "HTTP 503", "unreachable", HEALTHY
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_follows(name: str, double: UpstreamDouble, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    set_clock(monkeypatch, case.after)
    case.arrange(double, monkeypatch)
    with pytest.raises(case.error, match=case.says) as raised:
        run()
    assert type(raised.value) is case.error
    said = status(store)
    assert (said.type, said.cause) == ("no_data" if case.cause == "absent" else "error", case.cause)
    check = upstream_check(store, case.after)
    assert check.state == case.health
    assert (case.health == HEALTHY) or (said.error or "") in check.message
    assert not [listed.key for listed in store.list("v1/sessions/")]


def test_a_session_published_without_telemetry_is_healed_by_the_next_look_that_gets_through(
    double: UpstreamDouble, store: Store
) -> None:
    # As it was published before: the host said of its telemetry that it is not there, and nothing listed it.
    double.season.hide(1, CODE, "CarData.z", "Position.z")
    before = run()
    key = int(next(iter(store.list("v1/sessions/"))).key.split("/")[2])
    latest = read_latest(store, key)
    assert latest is not None and latest.capabilities is not None and latest.capabilities["telemetry"] is False

    double.season.lists(1, CODE, "CarData.z", "Position.z")
    with pytest.raises(BlockedError, match="lists CarData"):
        run()
    still = read_latest(store, key)
    assert still is not None and still.revision == before
    assert upstream_check(store, _LATER).state == FAILING

    double.season.show(1, CODE, "CarData.z", "Position.z")
    assert run() != before
    healed = read_latest(store, key)
    assert healed is not None and healed.capabilities is not None and healed.capabilities["telemetry"] is True
    assert upstream_check(store, _LATER).state == HEALTHY


def test_what_is_lost_is_published_without_when_somebody_says_so(double: UpstreamDouble, store: Store) -> None:
    double.season.hide(1, CODE, "CarData.z", "Position.z")
    double.season.lists(1, CODE, "CarData.z", "Position.z")
    with pytest.raises(BlockedError, match="--force"):
        run()
    assert run(force=True) is not None


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (BlockedError("x"), AWAITING_ACCESS),
        (AccountError("x"), AWAITING_SIGN_IN),
        (IncompleteError("x"), AWAITING_RETRY),
        (UpstreamError("x"), AWAITING_RETRY),
    ],
)
def test_what_prefect_calls_the_wait(error: UpstreamError, name: str) -> None:
    assert wait_of(error) == name
