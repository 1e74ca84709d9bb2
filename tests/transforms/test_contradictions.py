"""Sources that contradict each other, on the sample season: a stream cut in the middle, results that are wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sample_sessions import cut, middle, sample_recording

from transforms.completeness import measure_extent
from transforms.frames import STATES
from transforms.recording import Recording
from transforms.session import SessionData, transform_session
from transforms.timing import read_timing

FINISHED, OUT = STATES.index("finished"), STATES.index("out")


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "R")


@pytest.fixture(scope="module")
def qualifying(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "Q")


def with_results(recording: Recording, change: Callable[[dict[str, dict]], None]) -> Recording:
    rows = {row["car"]: row for row in recording.results.to_pylist()}
    change(rows)
    return replace(recording, results=pa.Table.from_pylist(list(rows.values()), schema=recording.results.schema))


def findings(data: SessionData, check: str) -> list[dict]:
    return [row for row in data.quality["rows"] if row["kind"] == check]


def last_order(data: SessionData) -> list[str]:
    return sorted(data.frames.cars, key=lambda car: data.frames.cars[car].position[-1])


def test_the_sample_season_reaches_its_end(race, qualifying):
    for recording in (race, qualifying):
        assert measure_extent(recording, read_timing(recording.laps)).is_complete


def test_a_race_cut_in_the_middle_is_incomplete(race):
    until_ms = middle(race)
    data = transform_session(cut(race, until_ms))
    assert data.grade == "D"
    assert "the stream ends before the session" in data.quality["reasons"][0]
    assert data.capabilities["complete"] is False
    [finding] = findings(data, "incomplete")
    assert finding["severity"] == "error"
    states = np.stack([car.state for car in data.frames.cars.values()])
    assert not (states == FINISHED).any()
    whole = transform_session(race)
    for car, frames in data.frames.cars.items():
        retired = whole.frames.cars[car].state[-1] == OUT
        assert retired or not (frames.state == OUT).any(), car
    end_ms = data.frames.clock.session_time_origin_ms + data.frames.clock.duration_ms
    assert until_ms - 60_000 < end_ms <= until_ms + 1_000


def test_without_results_a_cut_race_is_incomplete_too(race):
    recording = cut(race, middle(race))
    data = transform_session(replace(recording, results=recording.results.slice(0, 0)))
    assert data.grade == "D" and not data.capabilities["complete"]


def test_a_qualifying_cut_in_its_second_part_is_incomplete(qualifying):
    starts = [r["time_ms"] for r in qualifying.session_status.to_pylist() if r["status"] == "Started"]
    data = transform_session(cut(qualifying, starts[1] + 120_000))
    assert data.grade == "D" and not data.capabilities["complete"]
    states = np.stack([car.state for car in data.frames.cars.values()])
    assert not (states == FINISHED).any()
    assert not (states == OUT).any()


def test_a_race_without_session_status_is_judged_by_its_distance(race):
    nothing = race.session_status.slice(0, 0)
    whole = replace(race, session_status=nothing)
    assert measure_extent(whole, read_timing(whole.laps)).is_complete
    silent = replace(cut(race, middle(race)), session_status=nothing, messages=race.messages.slice(0, 0))
    assert "laps" in (measure_extent(silent, read_timing(silent.laps)).missing_end or "")


def test_telemetry_that_ends_before_timing_is_said(race):
    short = cut(race, middle(race, 0.8))
    data = transform_session(replace(race, cars=short.cars, positions=short.positions))
    assert data.capabilities["complete"]
    assert findings(data, "telemetry_incomplete")
    assert "telemetry ends before the last lap" in data.quality["reasons"]
    assert data.grade != "A"


def test_a_wrong_last_crossing_does_not_swap_two_finishers(race):
    places = {r["position"]: r["car"] for r in race.results.to_pylist()}
    timing = read_timing(race.laps)
    whole = transform_session(race)
    lead = [c for c in last_order(whole) if c in timing and timing[c].crossing_laps[-1] == race.total_laps]
    ahead, behind = lead[1], lead[2]
    assert [places[2], places[3]] == [ahead, behind]
    at_ms = timing[behind].crossing_ms[-1] + 6
    rows = race.laps.to_pylist()
    for row in rows:
        if row["car"] == ahead and row["lap"] == race.total_laps:
            row["end_ms"], row["position"] = int(at_ms), 3
        elif row["car"] == behind and row["lap"] == race.total_laps:
            row["position"] = 2
    swapped = replace(race, laps=pa.Table.from_pylist(rows, schema=race.laps.schema))
    data = transform_session(swapped)
    assert last_order(data) == last_order(whole)
    [finding] = findings(data, "finish_order_differs")
    assert finding["car"] == behind and "shown as classified" in finding["cause"]
    assert data.grade != "A"


def test_an_official_gap_that_nothing_explains_lowers_the_grade(race):
    def change(rows):
        third = next(r for r in rows.values() if r["position"] == 3)
        third["time_ms"] += 2_300

    data = transform_session(with_results(race, change))
    assert findings(data, "gap_differs")
    assert any("official gaps contradict" in reason for reason in data.quality["reasons"])
    assert data.grade == "B"


def test_two_cars_with_one_place_are_said(race):
    def change(rows):
        next(r for r in rows.values() if r["position"] == 4)["position"] = 3

    data = transform_session(with_results(race, change))
    assert len(findings(data, "place_twice")) == 2
    assert data.grade == "B"


def test_a_result_that_has_a_stopped_car_finishing_is_said(race):
    whole = transform_session(race)
    out = next(car for car, frames in whole.frames.cars.items() if frames.state[-1] == OUT and frames.lap.max() > 1)

    def change(rows):
        rows[out]["status"], rows[out]["laps"] = "Finished", race.total_laps

    data = transform_session(with_results(race, change))
    assert [f["car"] for f in findings(data, "status_differs")] == [out]
    assert data.frames.cars[out].state[-1] == OUT


def test_the_whole_sample_race_contradicts_nothing(race):
    data = transform_session(race)
    assert not [f for f in data.quality["rows"] if f["severity"] == "error"]
    for check in ("gap_differs", "finish_order_differs", "place_twice", "place_missing", "status_differs"):
        assert not findings(data, check), check


def crossing_gaps(data: SessionData) -> dict[str, int | None]:
    return {r["car"]: r["gap_crossing_ms"] for r in data.tables["results"].to_pylist()}


def test_results_have_the_gap_across_the_line_beside_the_official_one(race):
    data = transform_session(race)
    rows = {r["car"]: r for r in data.tables["results"].to_pylist()}
    winner = next(car for car, r in rows.items() if r["position"] == 1)
    most = max(r["laps"] for r in rows.values())
    penalties = {r["car"]: r["value"] * 1000 for r in findings(data, "penalty")}
    assert rows[winner]["gap_crossing_ms"] == 0 and penalties
    for car, row in rows.items():
        if row["laps"] == most and car != winner:
            assert abs(row["gap_ms"] - penalties.get(car, 0) - row["gap_crossing_ms"]) < 500
        elif car != winner:
            assert row["gap_crossing_ms"] is None


def test_the_gap_across_the_line_does_not_follow_the_result(race):
    places = {r["position"]: r["car"] for r in race.results.to_pylist()}

    def later(rows):
        rows[places[3]]["time_ms"] += 7_300

    changed = with_results(race, later)
    assert crossing_gaps(transform_session(changed)) == crossing_gaps(transform_session(race))


def test_without_a_winner_in_the_result_gaps_are_to_the_first_across_the_line(race):
    def unplaced(rows):
        for row in rows.values():
            row["position"] = None

    gaps = [gap for gap in crossing_gaps(transform_session(with_results(race, unplaced))).values() if gap is not None]
    assert min(gaps) == 0 and len(gaps) > 3
    silent = crossing_gaps(transform_session(cut(race, middle(race))))
    assert set(silent.values()) == {None}
