"""The double of the upstream: real FastF1 in processes of its own talks to it as it would to the real hosts."""

import dataclasses
import json
import os
import pickle
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import requests
from forked_python import ForkedPython
from sample_sessions import sample_recording, sample_session
from upstream_double import Request, UpstreamDouble
from upstream_season import CIRCUIT_HOST, RESULTS_HOST, SCHEDULE_HOST, TIMING_HOST

from flows.sample import SAMPLE_YEAR
from transforms.recording import Recording

#: Loads a session as the product does, and says how it went.
_LOAD = """
import json, pickle, sys
from pathlib import Path
from flows.session_ref import SessionRef
from flows.upstream.client import Client
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.load import load_recording, locate
from transforms.errors import ParcfermeError
cache, (year, number, event, code) = Path(sys.argv[1]), sys.argv[2:]
client, session = Client(cache), SessionRef(int(year), int(number), event, code)
try:
    recording = load_recording(client, session)
except ParcfermeError as error:
    print(json.dumps({"error": type(error).__name__}))
else:
    (cache / "recording.pickle").write_bytes(pickle.dumps(recording))
    print(json.dumps({"fingerprint": inputs_fingerprint(cache, locate(client, session))}))
"""


@dataclass(frozen=True)
class Loaded:
    """How a load in a process of its own went: an error's name, or a recording and its fingerprint."""

    error: str | None
    fingerprint: str | None
    recording: Recording | None
    requests: list[Request]

    @property
    def calls(self) -> dict[str, int]:
        return dict(Counter(request.host for request in self.requests))


def load(forked: ForkedPython, double: UpstreamDouble, cache: Path, round_number: int, code: str) -> Loaded:
    cache.mkdir(exist_ok=True)
    before = len(double.requests())
    session = sample_session(round_number, code)
    told = (str(cache), str(session.year), str(session.round), session.event, code)
    ended = forked.run("-c", _LOAD, *told, env={**os.environ, **double.environment()})
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    recording = None if "error" in said else pickle.loads((cache / "recording.pickle").read_bytes())
    return Loaded(said.get("error"), said.get("fingerprint"), recording, double.requests()[before:])


@pytest.fixture(scope="module")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpstreamDouble]:
    with UpstreamDouble(tmp_path_factory.mktemp("upstream")) as double:
        yield double


@pytest.fixture
def double(_started: UpstreamDouble) -> UpstreamDouble:
    """The double as it is at first: all is published, nothing was asked."""
    _started.up()
    _started.no_limits()
    _started.season.reset()
    _started.no_account()
    _started.forget()
    return _started


@pytest.fixture(scope="module")
def first_race(
    forked: ForkedPython, _started: UpstreamDouble, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Loaded, Path]:
    """A race loaded with nothing changed and an empty cache, and that cache."""
    cache = tmp_path_factory.mktemp("cache")
    return load(forked, _started, cache, 1, "R"), cache


def get(double: UpstreamDouble, host: str, path: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        return ask(session, double, host, path, **headers)


def ask(session: requests.Session, double: UpstreamDouble, host: str, path: str, **headers: str) -> requests.Response:
    session.trust_env = False
    return session.get(
        f"https://{host}{path}",
        headers=headers,
        proxies={"https": double.proxy_url},
        verify=double.environment()["REQUESTS_CA_BUNDLE"],
        timeout=30,
    )


def same(one: Any, other: Any) -> bool:
    """Whether two values, recordings for example, say the same; NaN equals NaN."""
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, n), getattr(other, n)) for n in names)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, pa.Table):
        return bool(one.equals(other))
    return bool(one == other)


def test_a_race_is_the_same_as_from_a_filled_cache(first_race: tuple[Loaded, Path], sample_cache: Path) -> None:
    loaded, _ = first_race
    assert loaded.recording is not None and loaded.recording.missing == ()
    assert same(loaded.recording, sample_recording(sample_cache, 1, "R"))


def test_downloaded_twice_the_inputs_are_the_same(
    forked: ForkedPython, double: UpstreamDouble, first_race: tuple[Loaded, Path], tmp_path: Path
) -> None:
    again = load(forked, double, tmp_path / "cache", 1, "R")
    assert again.fingerprint == first_race[0].fingerprint
    assert again.calls == first_race[0].calls


def test_what_a_load_asks_for(forked: ForkedPython, double: UpstreamDouble, first_race: tuple[Loaded, Path]) -> None:
    loaded, cache = first_race
    assert loaded.calls == {SCHEDULE_HOST: 1, TIMING_HOST: 11, RESULTS_HOST: 2, CIRCUIT_HOST: 1}
    assert load(forked, double, cache, 1, "R").calls == {}
    assert load(forked, double, cache, 1, "Q").calls == {TIMING_HOST: 10, RESULTS_HOST: 1}
    # Practice takes its drivers from the race's results, which this cache has.
    assert load(forked, double, cache, 1, "FP1").calls == {TIMING_HOST: 10}
    assert {request.status for request in double.requests()} == {200}
    assert len(double.requests_of(1, "Q")) == 11 and double.requests_of(1, "R") == []
    assert double.max_concurrency(TIMING_HOST) == 1


def test_too_many_calls_are_refused(forked: ForkedPython, double: UpstreamDouble, tmp_path: Path) -> None:
    double.limit(RESULTS_HOST, calls=1, window_s=3600)
    get(double, RESULTS_HOST, f"/ergast/f1/{SAMPLE_YEAR}/1/results.json")
    assert load(forked, double, tmp_path / "cache", 1, "Q").error == "UpstreamError"
    (refused,) = double.refused()
    assert (refused.session, refused.what) == ((1, "Q"), "results")


def test_the_other_calendars_serve_when_the_schedule_is_away(
    forked: ForkedPython, double: UpstreamDouble, tmp_path: Path
) -> None:
    double.down(SCHEDULE_HOST, "error")
    from_timing = load(forked, double, tmp_path / "one", 3, "Q")
    assert from_timing.recording is not None and from_timing.recording.identity.event == "Vantry Grand Prix"
    assert any(request.path.endswith("/Index.json") for request in from_timing.requests)


def test_unknown_things_are_answered_as_the_real_hosts_do(double: UpstreamDouble) -> None:
    assert get(double, TIMING_HOST, "/static/2099/nothing.json").status_code == 403
    assert get(double, SCHEDULE_HOST, "/theOehrly/f1schedule/master/schedule_2098.json").status_code == 404
    assert get(double, RESULTS_HOST, "/ergast/f1/2099/9/results.json").json()["MRData"]["total"] == "0"
    with pytest.raises(requests.ConnectionError):
        get(double, "example.org", "/")
    assert [r.status for r in double.requests()] == [403, 404, 200, 0]


def test_what_has_not_changed_is_not_sent_again(double: UpstreamDouble) -> None:
    path = f"/theOehrly/f1schedule/master/schedule_{SAMPLE_YEAR}.json"
    first = get(double, SCHEDULE_HOST, path)
    assert first.headers["Cache-Control"] == "max-age=300"
    again = {"If-None-Match": first.headers["ETag"]}
    assert get(double, SCHEDULE_HOST, path, **again).status_code == 304
    double.season.rename(1, "Another")
    assert get(double, SCHEDULE_HOST, path, **again).status_code == 200


def test_requests_on_one_connection(double: UpstreamDouble) -> None:
    with requests.Session() as session:
        for _ in range(5):
            assert ask(session, double, RESULTS_HOST, "/ergast/f1/2099/1/results.json").ok
        double.down(RESULTS_HOST)
        with pytest.raises(requests.ConnectionError):
            ask(session, double, RESULTS_HOST, "/ergast/f1/2099/1/results.json")


def test_a_limit_counts_what_it_grants(double: UpstreamDouble) -> None:
    double.limit(r".*\.jolpi\.ca", calls=2, window_s=3600)
    answers = [get(double, RESULTS_HOST, "/ergast/f1/2099/1/results.json") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert 3500 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert get(double, CIRCUIT_HOST, "/nothing").status_code == 404


def test_what_hangs_is_counted_as_concurrent_and_answered_in_the_end(double: UpstreamDouble) -> None:
    double.down(RESULTS_HOST, "hang")
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(get, double, RESULTS_HOST, f"/ergast/f1/2099/{n}/results.json") for n in (1, 2, 3)]
        assert double.wait_for(lambda asked: len(asked) == 3, timeout_s=30)
        assert {request.status for request in double.requests()} == {None}
        double.up()
        assert [answer.result().status_code for answer in waiting] == [200, 200, 200]
    assert double.max_concurrency(RESULTS_HOST) == 3
    assert sorted(request.concurrent for request in double.requests()) == [1, 2, 3]


def test_swapped_results_stay_consistent(double: UpstreamDouble) -> None:
    double.season.swap_results(1, "R", 1)
    answer = get(double, RESULTS_HOST, "/ergast/f1/2099/1/results.json").json()
    rows = answer["MRData"]["RaceTable"]["Races"][0]["Results"]
    assert [row["position"] for row in rows] == [str(place) for place in range(1, len(rows) + 1)]
    assert [row["points"] for row in rows[:3]] == ["25", "18", "15"]
    assert int(rows[0]["Time"]["millis"]) < int(rows[1]["Time"]["millis"])
    assert rows[1]["Time"]["time"].startswith("+")
