"""The scoreboard of replays tells a true one from a wrong one."""

import copy
import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from replay_score import Score, score_rows
from sample_sessions import sample_recording

from publish.encode.files import BoundedPool
from publish.encode.rows import encode_rows
from transforms.recording import Recording
from transforms.session import transform_session


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "R")


@pytest.fixture(scope="module")
def rows(race: Recording, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    spool = tmp_path_factory.mktemp("rows")
    made = transform_session(race).rows
    assert made is not None
    with BoundedPool() as pool:
        encode_rows(made, spool, pool)
    document: dict[str, Any] = orjson.loads(gzip.decompress((spool / "rows/skip_10.json.gz").read_bytes()))
    return document


@pytest.fixture
def changed(rows: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(rows)


@pytest.fixture(scope="module")
def true(rows: dict[str, Any], race: Recording) -> Score:
    return score_rows(rows, race)


def test_what_is_published_is_right_at_every_crossing(true: Score) -> None:
    assert true.crossings > 130
    assert true.right_place == true.right_lap == true.crossings
    assert true.located > 0.97
    # A penalty after the race moves the car that has it, and those that it falls behind.
    assert 10 < true.as_classified < true.classified == 18
    assert "100.00%" in true.row("parcferme")


def test_two_cars_swapped_cost_every_crossing_of_both(changed: dict[str, Any], race: Recording, true: Score) -> None:
    for frame in changed["frames"]:
        drivers = frame["drivers"]
        first, second = sorted(drivers, key=lambda code: drivers[code]["position"])[:2]
        drivers[first]["position"], drivers[second]["position"] = 2, 1
    wrong = score_rows(changed, race)
    lost = [r for r in race.laps.to_pylist() if r["position"] in (1, 2) and r["end_ms"] is not None]
    assert true.right_place - wrong.right_place == len(lost)
    assert wrong.right_lap == true.right_lap


def test_a_clock_that_is_late_shows_the_lap_before(changed: dict[str, Any], race: Recording, true: Score) -> None:
    for frame in changed["frames"]:
        frame["t"] += 5.0
    assert score_rows(changed, race).right_lap < true.right_lap / 5


def test_coordinates_that_are_not_there_count(changed: dict[str, Any], race: Recording, true: Score) -> None:
    for frame in changed["frames"][::2]:
        for driver in frame["drivers"].values():
            driver["x"] = None
    assert score_rows(changed, race).located == pytest.approx(true.located / 2, abs=0.01)


def test_rows_of_something_else_are_refused(race: Recording) -> None:
    with pytest.raises(ValueError, match="no frames of the session's cars"):
        score_rows({"frames": [{"t": 0, "drivers": {"XXX": {"position": 1}}}]}, race)
    for document in ({}, {"frames": [{"time": 0}]}, {"frames": [1]}, []):
        with pytest.raises(ValueError, match="no list of frames with t and drivers"):
            score_rows(document, race)
