"""Measured on the sample season, which FastF1 caches exactly as it caches a real one."""

import shutil
from pathlib import Path

import pytest

from flows.sample import SAMPLE_YEAR
from flows.session.fingerprint import code_fingerprint
from flows.upstream.client import configure_cache
from flows.upstream.http_cache import write_bodies
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.load import load_recording, session_path
from flows.upstream.services import service_urls
from flows.upstream.topics import missing_topics, read_session_key


@pytest.fixture
def loaded(sample_site: Path, sample_cache: Path, tmp_path: Path) -> tuple[Path, str]:
    """A copy of the sample cache in which round 1 FP1 has been loaded once, and the path of that session."""
    cache = tmp_path / "cache"
    shutil.copytree(sample_cache, cache, ignore=shutil.ignore_patterns("*.ff1pkl"))
    configure_cache(cache, offline=True)
    path = session_path(SAMPLE_YEAR, 1, "FP1")
    assert inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "FP1") is None
    load_recording(SAMPLE_YEAR, 1, "FP1")
    return cache, path


def test_after_a_load_nothing_changes_until_the_inputs_do(loaded: tuple[Path, str]) -> None:
    cache, path = loaded
    first = inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "FP1")
    load_recording(SAMPLE_YEAR, 1, "FP1")
    assert first is not None
    assert inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "FP1") == first
    assert missing_topics(cache, path, "FP1") == ()
    assert isinstance(read_session_key(cache, path), int)

    topic = cache / path.removeprefix("/static/") / "weather_data.ff1pkl"
    topic.write_bytes(topic.read_bytes() + b"\0")
    changed = inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "FP1")
    assert changed != first
    topic.unlink()
    assert inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "FP1") not in (first, changed)
    assert missing_topics(cache, path, "FP1") == ("weather_data",)
    assert missing_topics(cache, path, "R") == ("weather_data", "lap_count")


def test_new_official_results_change_the_fingerprint(sample_site: Path, sample_cache: Path, tmp_path: Path) -> None:
    import fastf1
    import requests

    cache = tmp_path / "cache"
    shutil.copytree(sample_cache, cache, ignore=shutil.ignore_patterns("*.ff1pkl"))
    configure_cache(cache, offline=True)
    path = session_path(SAMPLE_YEAR, 1, "R")
    load_recording(SAMPLE_YEAR, 1, "R")
    before = inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "R")

    stored = fastf1.Cache._requests_session_cached.cache
    request = requests.Request("GET", f"https://api.jolpi.ca/ergast/f1/{SAMPLE_YEAR}/1/results.json").prepare()
    response = stored.get_response(stored.create_key(request))
    assert response is not None
    stored.save_response(response, stored.create_key(request), expires=None)
    assert inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "R") == before, "fetched again, same body"
    response._content = response.content.replace(b"Finished", b"Disqualified", 1)
    stored.save_response(response, stored.create_key(request), expires=None)
    assert inputs_fingerprint(cache, path, SAMPLE_YEAR, 1, "R") != before


def test_a_broken_topic_is_not_a_key(loaded: tuple[Path, str]) -> None:
    cache, path = loaded
    (cache / path.removeprefix("/static/") / "session_info.ff1pkl").write_bytes(b"not a pickle")
    assert read_session_key(cache, path) is None


def test_the_code_has_a_fingerprint() -> None:
    assert len(code_fingerprint()) == 64


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("R", {"results", "first-laps"}),
        ("S", {"sprint"}),
        ("Q", {"qualifying"}),
        ("SQ", set()),
        ("FP1", {"results"}),  # while live timing has no list of drivers
        ("FP2", set()),
    ],
)
def test_answers_about_other_sessions_of_the_weekend_do_not_count(tmp_path: Path, code: str, used: set[str]) -> None:
    folder = tmp_path / "2024" / "x"
    folder.mkdir(parents=True)
    (folder / "car_data.ff1pkl").write_bytes(b"samples")
    if code != "FP1":
        (folder / "driver_info.ff1pkl").write_bytes(b"drivers")

    def fingerprint() -> str | None:
        return inputs_fingerprint(tmp_path, "/static/2024/x/", 2024, 3, code)

    changing = set()
    for name, url in service_urls(2024, 3, None).items():
        before = fingerprint()
        write_bodies(tmp_path, {url: b"{}"})
        if fingerprint() != before:
            changing.add(name)
    assert changing == used
