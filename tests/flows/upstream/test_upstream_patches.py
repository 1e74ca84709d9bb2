"""What of FastF1's insides is touched, and that it is still where it was.

If the first test fails, another FastF1 is installed than this code was written for: the messages name what has moved.
Follow it in ``flows/upstream/patches.py`` and pin the new minor version in ``pyproject.toml``.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.upstream import patches
from flows.upstream.answers import Answer, Meaning
from flows.upstream.client import Client, fastf1_version
from flows.upstream.http_cache import _response
from flows.upstream.limits import HOSTS
from flows.upstream.patches import (
    NotSignedInError,
    find_moved,
    requests_heard,
    requests_through,
    sign_in_with,
)
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR
from transforms.errors import UpstreamError

URL = f"{LIVE_TIMING}/static/nothing.json"


def test_fastf1_has_everything_where_it_is_touched() -> None:
    assert find_moved() == []


def test_no_other_minor_version_is_allowed() -> None:
    project = tomllib.loads((Path(patches.__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert "fastf1>=3.9,<3.10" in project["dependencies"]
    assert fastf1_version().startswith("3.9."), "see the docstring of this file"


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("fastf1.req.Cache._cached_request", "fastf1.req.Cache._cached_request is gone"),
        ("fastf1.req.Cache._API_CORE_VERSION", "fastf1.req.Cache._API_CORE_VERSION is gone"),
        ("fastf1.internals.f1account.token_manager._default_auth_func", "_default_auth_func is gone"),
        ("fastf1.internals.f1account.login.login", "fastf1.internals.f1account.login.login is gone"),
        ("fastf1.core.Session._load_session_info", "fastf1.core.Session._load_session_info is gone"),
        ("fastf1._api.base_url", "fastf1._api.base_url is None instead of https://livetiming"),
        ("fastf1._api.weather_data", "fastf1._api.weather_data is gone or not made from WeatherData.jsonStream"),
        ("fastf1._api._logger", "fastf1._api._logger is gone"),
        ("fastf1._api.position_data", "fastf1._api.position_data is gone"),
        (
            "fastf1._api.position_data",
            "fastf1._api.position_data does not read Entries, Position, Status",
        ),
        ("fastf1.core.Session._load_telemetry", "fastf1.core.Session._load_telemetry is gone"),
        ("fastf1.req.Cache.api_request_wrapper", "fastf1.req.Cache.api_request_wrapper is gone"),
    ],
)
def test_what_is_gone_is_named(monkeypatch: pytest.MonkeyPatch, gone: str, said: str) -> None:
    monkeypatch.delattr(gone)
    assert any(said in moved for moved in find_moved()), find_moved()


def test_what_has_changed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import fastf1._api
    import fastf1.core
    import fastf1.req

    monkeypatch.setattr(fastf1.req.Cache, "_cached_request", staticmethod(lambda url, **_: None))
    monkeypatch.setitem(fastf1._api.pages, "car_data", "CarData.y.jsonStream")
    monkeypatch.setattr(fastf1.req._logger, "name", "fastf1.downloads")
    monkeypatch.delattr(fastf1.core.Session, "_load_telemetry")
    assert find_moved() == [
        "fastf1.req.Cache._cached_request takes (url, _) instead of (method, url, kwargs)",
        "fastf1.core.Session._load_telemetry is gone",
        "fastf1.req._logger logs as fastf1.downloads instead of ....req",
        "fastf1.core.Session._car_data is gone",
        "fastf1.core.Session._pos_data is gone",
        "fastf1._api.car_data is gone or not made from CarData.z.jsonStream",
    ]


def test_the_hosts_with_a_limit_of_their_own_are_those_that_are_asked() -> None:
    assert {LIVE_TIMING, LIVE_TIMING_MIRROR} <= {f"https://{host}" for host in HOSTS}


# The hooks do what they are for: FastF1 itself asks, and nothing leaves this machine.


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "cache")


def ask(url: str = URL) -> requests.Response:
    from fastf1.req import Cache

    return Cache.requests_get(url)


def test_every_request_goes_through_the_hook_and_is_heard(client: Client) -> None:
    from fastf1.req import Cache, _SessionWithRateLimiting

    before = vars(Cache)["_cached_request"], vars(_SessionWithRateLimiting).get("get_adapter")
    let: list[str] = []
    heard: list[tuple[str, Answer]] = []

    def _let_through(_send: Any, host: str) -> requests.Response:
        let.append(host)
        return _response(URL, b"{}")

    with client.at_work(), requests_through(_let_through), requests_heard(lambda *outcome: heard.append(outcome)):
        assert ask().content == b"{}"
        assert ask().content == b"{}"
    assert let == [LIVE_TIMING.removeprefix("https://")]
    assert heard == [(URL, Answer(Meaning.GIVEN, "HTTP 200"))] * 2
    assert (vars(Cache)["_cached_request"], vars(_SessionWithRateLimiting).get("get_adapter")) == before


def test_what_the_hook_refuses_ends_the_work_of_fastf1(client: Client) -> None:
    from fastf1.exceptions import FastF1CriticalError

    def _refuse(_send: Any, host: str) -> requests.Response:
        raise UpstreamError(f"{host} has no turn")

    with client.at_work(), requests_through(_refuse), pytest.raises(FastF1CriticalError, match="has no turn"):
        ask()


def test_an_error_instead_of_an_answer_is_heard(client: Client) -> None:
    heard: list[tuple[str, Answer]] = []

    def _cut_off(_send: Any, _host: str) -> requests.Response:
        raise requests.ConnectTimeout

    with (
        client.at_work(),
        requests_through(_cut_off),
        requests_heard(lambda *outcome: heard.append(outcome)),
        pytest.raises(requests.ConnectTimeout),
    ):
        ask()
    assert heard == [(URL, Answer(Meaning.FAILED, "ConnectTimeout"))]


def test_offline_nothing_is_heard(client: Client) -> None:
    heard: list[tuple[str, Answer]] = []
    offline = Client(client.cache_dir, offline=True)
    with offline.at_work(), requests_heard(lambda *outcome: heard.append(outcome)):
        assert ask().status_code == 504
    assert heard == []


def test_fastf1_signs_in_through_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastf1.exceptions import F1AuthError
    from fastf1.internals.f1account import token_manager

    def _refuse() -> Any:
        raise NotSignedInError("not today")

    monkeypatch.setattr(token_manager, "_default_auth_func", token_manager._default_auth_func)
    sign_in_with(_refuse)
    with pytest.raises(F1AuthError, match="not today"):
        token_manager.get(force_renew=True)
