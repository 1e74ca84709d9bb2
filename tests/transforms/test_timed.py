"""Practice and qualifying: what counts as a time, who has a place, and who has the last word."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sample_sessions import sample_recording

from transforms import timed
from transforms.recording import Recording
from transforms.session import SessionData, transform_session


@pytest.fixture(scope="module")
def qualifying(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "Q")


@pytest.fixture(scope="module")
def practice(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "FP1")


def with_rows(table: pa.Table, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> pa.Table:
    rows = [changed for r in table.to_pylist() if (changed := change(dict(r))) is not None]
    return pa.Table.from_pylist(rows, schema=table.schema)


def with_laps(recording: Recording, car: str, lap: int, **changed: Any) -> Recording:
    same = lambda r: (r["car"], r["lap"]) == (car, lap)  # noqa: E731
    return replace(recording, laps=with_rows(recording.laps, lambda r: r | changed if same(r) else r))


def found(data: SessionData, check: str) -> list[dict[str, Any]]:
    rows = data.quality["rows"]
    assert isinstance(rows, list)
    return [r for r in rows if r["kind"] == check]


def last_places(data: SessionData) -> dict[str, int]:
    return {car: int(c.position[-1]) for car, c in data.frames.cars.items()}


def official(recording: Recording) -> dict[str, int]:
    return {r["car"]: r["position"] for r in recording.results.to_pylist()}


def out_laps(recording: Recording, car: str) -> list[dict[str, Any]]:
    return [r for r in recording.laps.to_pylist() if r["car"] == car and r["pit_out_ms"] is not None and r["lap"] > 1]


def eliminated_in_q1(recording: Recording) -> str:
    """The last of those who have a time in Q1 and none later."""
    rows = [r for r in recording.results.to_pylist() if r["q1_ms"] is not None and r["q2_ms"] is None]
    return str(max(rows, key=lambda r: r["position"])["car"])


def best_lap(recording: Recording) -> float:
    return float(min(r["q3_ms"] for r in recording.results.to_pylist() if r["q3_ms"] is not None))


def test_nothing_differs_where_nothing_is_wrong(qualifying: Recording) -> None:
    data = transform_session(qualifying)
    assert last_places(data) == official(qualifying)
    for check in ("classification_differs", "best_lap_differs", "lap_time_impossible"):
        assert not found(data, check)


@pytest.mark.parametrize("session", ["Q", "SQ", "FP1"])
def test_nobody_has_a_place_before_a_time(sample_cache: Path, session: str) -> None:
    recording = sample_recording(sample_cache, 2, session)
    data = transform_session(recording)
    cars = list(data.frames.cars)
    set_ms, _ = timed.timed_laps(recording.laps, cars)
    ticks = data.frames.clock.session_time_ms
    before_the_end = ticks < max(r["end_ms"] or 0 for r in recording.laps.to_pylist())
    for car in cars:
        placed = data.frames.cars[car].position > 0
        first = set_ms[car][0] if len(set_ms[car]) else np.inf
        np.testing.assert_array_equal(placed[before_the_end], (ticks >= first)[before_the_end])
    assert (np.stack([c.position for c in data.frames.cars.values()])[:, 0] == -1).all()


def test_places_are_those_of_the_cars_that_have_a_time(practice: Recording) -> None:
    places = np.stack([c.position for c in transform_session(practice).frames.cars.values()])
    for tick in range(0, places.shape[1], 500):
        assert sorted(p for p in places[:, tick] if p > 0) == list(range(1, int((places[:, tick] > 0).sum()) + 1))
    # One car stays in its box.
    assert (places[:, -1] == -1).sum() == 1


@pytest.mark.parametrize("recorded_exit", [True, False])
def test_an_out_lap_has_no_time(qualifying: Recording, recorded_exit: bool) -> None:
    car, row = next((car, rows[0]) for car in official(qualifying) if (rows := out_laps(qualifying, car)))
    changed = {"lap_time_ms": 61_000} | ({} if recorded_exit else {"pit_out_ms": None})
    data = transform_session(with_laps(qualifying, car, row["lap"], **changed))
    assert last_places(data) == official(qualifying) and not found(data, "classification_differs")
    (note,) = found(data, "lap_time_impossible")
    assert (note["car"], note["value"]) == (car, 61_000)
    published = next(r for r in data.tables["laps"].to_pylist() if (r["car"], r["lap"]) == (car, row["lap"]))
    assert published["lap_time_ms"] is None and published["accurate"] is False


def test_a_slow_out_lap_is_no_first_time(practice: Recording) -> None:
    # FastF1 gives out-laps the time since the crossing before them.
    car = "7"
    row = next(r for r in practice.laps.to_pylist() if r["car"] == car and r["pit_out_ms"] is not None)
    data = transform_session(with_laps(practice, car, row["lap"], lap_time_ms=110_000))
    set_ms, times = timed.timed_laps(practice.laps, [car])
    ticks = data.frames.clock.session_time_ms
    assert (data.frames.cars[car].position[ticks < set_ms[car][0]] == -1).all()
    assert 110_000 not in times[car]


def test_a_wrong_time_of_a_flying_lap_is_that_of_its_sectors(qualifying: Recording) -> None:
    car = eliminated_in_q1(qualifying)
    best = next(r["q1_ms"] for r in qualifying.results.to_pylist() if r["car"] == car)
    row = next(r for r in qualifying.laps.to_pylist() if r["car"] == car and r["lap_time_ms"] == best)
    data = transform_session(with_laps(qualifying, car, row["lap"], lap_time_ms=51_000))
    published = next(r for r in data.tables["laps"].to_pylist() if (r["car"], r["lap"]) == (car, row["lap"]))
    assert published["lap_time_ms"] == best and not found(data, "best_lap_differs")


def test_a_fast_lap_that_its_sectors_and_crossings_confirm_stays(qualifying: Recording) -> None:
    car, fast = eliminated_in_q1(qualifying), round(0.9 * best_lap(qualifying))
    rows = [r for r in qualifying.laps.to_pylist() if r["car"] == car]
    row = next(r for r in rows if r["lap_time_ms"] and not r["pit_in_ms"] and not r["pit_out_ms"])
    before = next(r for r in rows if r["lap"] == row["lap"] - 1)
    sectors = {"sector1_ms": 20_000, "sector2_ms": 20_000, "sector3_ms": fast - 40_000}
    changed = with_laps(qualifying, car, row["lap"], lap_time_ms=fast, end_ms=before["end_ms"] + fast, **sectors)
    recording, notes = timed.without_impossible_times(changed)
    assert recording is changed and not notes
    alone = with_laps(qualifying, car, row["lap"], lap_time_ms=fast, end_ms=None, sector1_ms=None)
    assert timed.without_impossible_times(alone) == (alone, ())


def test_the_result_has_the_last_word_and_differences_are_said(qualifying: Recording) -> None:
    swap = {1: 2, 2: 1}

    def change(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"position": swap.get(row["position"], row["position"])}

    changed = replace(qualifying, results=with_rows(qualifying.results, change))
    data = transform_session(changed)
    assert last_places(data) == official(changed)
    ticks = data.frames.clock.session_time_ms
    end_ms = max(r["end_ms"] for r in qualifying.laps.to_pylist() if r["end_ms"] is not None)
    pole = next(car for car, place in official(qualifying).items() if place == 1)
    positions = data.frames.cars[pole].position
    assert (positions[ticks >= end_ms] == 2).all() and positions[ticks < end_ms][-1] == 1
    rows = {r["car"]: r for r in found(data, "classification_differs")}
    assert any(str(r).startswith("the order by lap times contradicts the result") for r in data.quality["reasons"])
    assert len(rows) == 2 and "place 1 by best lap, 2 in the result" in rows[pole]["cause"]
    assert rows[pole]["value"] == -1


def test_a_time_nobody_said_was_deleted_is_named_with_both_values(qualifying: Recording) -> None:
    # The stewards deleted a lap; without their messages it stands.
    row = next(r for r in qualifying.laps.to_pylist() if r["deleted"])
    kept = with_rows(qualifying.laps, lambda r: r | {"deleted": None, "deleted_reason": None})
    silent = replace(
        qualifying, laps=kept, messages=qualifying.messages.slice(0, 0), missing=(*qualifying.missing, "messages")
    )
    data = transform_session(silent)
    assert last_places(data) == official(qualifying)
    notes = [r for check in ("classification_differs", "best_lap_differs") for r in found(data, check)]
    (own,) = [r for r in notes if r["car"] == row["car"] and r["kind"] == "best_lap_differs"] or [None]
    if own is not None:
        assert "deleted times are unknown" in own["cause"] and timed.clock_text(row["lap_time_ms"]) in own["cause"]
    else:
        # Its part has no other time of the car: the result has none to compare.
        differs = [r for r in notes if r["car"] == row["car"] and r["kind"] == "classification_differs"]
        assert differs and "deleted times are unknown" in differs[0]["cause"]


def test_cars_without_an_official_place_follow_by_their_times(qualifying: Recording) -> None:
    def change(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"position": None} if row["position"] in (3, 20) else {})

    third = next(car for car, place in official(qualifying).items() if place == 3)
    last = next(car for car, place in official(qualifying).items() if place == 20)
    thin = replace(qualifying, results=with_rows(qualifying.results, change))
    places = last_places(transform_session(thin))
    assert (places[third], places[last]) == (19, 20)
    timeless = with_rows(qualifying.laps, lambda r: r | ({"lap_time_ms": None} if r["car"] == last else {}))
    assert last_places(transform_session(replace(thin, laps=timeless)))[last] == -1


def test_without_results_times_decide(qualifying: Recording) -> None:
    data = transform_session(replace(qualifying, results=qualifying.results.slice(0, 0)))
    timed_cars = {car: place for car, place in last_places(data).items() if place > 0}
    assert timed_cars == {car: place for car, place in official(qualifying).items() if car in timed_cars}
    assert not found(data, "classification_differs")


@pytest.mark.parametrize(("time_ms", "text"), [(73_153, "1:13.153"), (61_000, "1:01.000"), (None, "none")])
def test_lap_times_as_on_screens(time_ms: int | None, text: str) -> None:
    assert timed.clock_text(time_ms) == text


@pytest.mark.recorded
@pytest.mark.parametrize("session", [(2024, 10, "Q"), (2025, 1, "Q")])
def test_recorded_qualifyings_end_as_classified(
    transformed: Callable[..., SessionData], session: tuple[int, int, str]
) -> None:
    data = transformed(*session)
    places = {r["car"]: r["position"] for r in data.tables["results"].to_pylist()}
    assert last_places(data) == places
    for check in ("classification_differs", "best_lap_differs", "lap_time_impossible"):
        assert not found(data, check)
