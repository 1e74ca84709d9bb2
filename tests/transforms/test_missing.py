"""What a session lacks, or has too much of, on the sample season: it counts, is said, and misleads nobody."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sample_sessions import sample_recording

from transforms.frames import STATES
from transforms.parts import read_parts
from transforms.recording import CarSamples, Recording
from transforms.samples import clean_car
from transforms.session import SessionData, transform_session

OUT, FINISHED = STATES.index("out"), STATES.index("finished")
LEADER = "7"


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "R")


@pytest.fixture(scope="module", params=["Q", "SQ"])
def qualifying(sample_cache: Path, request: pytest.FixtureRequest) -> Recording:
    return sample_recording(sample_cache, 2, request.param)


def with_rows(table: pa.Table, change: Callable[[dict[str, Any]], dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([change(dict(row)) for row in table.to_pylist()], schema=table.schema)


def found(data: SessionData, check: str) -> list[dict[str, Any]]:
    return [row for row in data.quality["rows"] if row["kind"] == check]


@pytest.mark.parametrize("how", ["no rows", "places alone"])
def test_missing_results_count(race: Recording, how: str) -> None:
    places = with_rows(race.results, lambda r: {n: r[n] for n in ("car", "driver", "team", "position")})
    data = transform_session(replace(race, results=race.results.slice(0, 0) if how == "no rows" else places))
    assert data.quality["missing"] == ["results"] and "results missing" in data.quality["reasons"]
    (row,) = [row for row in found(data, "missing") if row["channel"] == "results"]
    assert "no result" in row["cause"]
    assert data.grade == "B" and data.capabilities["results"] is False


def test_a_missing_lap_chart_counts(race: Recording) -> None:
    data = transform_session(replace(race, laps=with_rows(race.laps, lambda r: r | {"position": None})))
    assert data.quality["missing"] == ["lap_chart"] and "lap_chart missing" in data.quality["reasons"]
    assert data.quality["lap_chart"]["agreement"] is None and data.grade == "B"


def test_what_is_missing_counts_without_telemetry_too(race: Recording) -> None:
    bare = replace(race, cars={}, positions={}, missing=("car_data", "position_data"), results=race.results.slice(0, 0))
    assert transform_session(bare).quality["reasons"][:2] == ["timing without telemetry", "results missing"]


def test_practice_misses_no_result(sample_cache: Path) -> None:
    assert transform_session(sample_recording(sample_cache, 1, "FP1")).quality["missing"] == []


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("total_laps", [8, None])
def test_a_lap_after_the_flag_is_left_out_and_said(race: Recording, ended: bool, total_laps: int | None) -> None:
    laps = race.laps.to_pylist()
    last = {row["car"]: row for row in laps if row["end_ms"] is not None and not row["generated"]}
    lapped = next(car for car, row in last.items() if row["lap"] == 7 and row["end_ms"] > last[LEADER]["end_ms"])
    for car in (LEADER, lapped):
        begin = last[car]["end_ms"]
        extra = {"lap": last[car]["lap"] + 1, "start_ms": begin, "end_ms": begin + 110_000 if ended else None}
        laps.append(dict.fromkeys(race.laps.schema.names) | {"car": car, "generated": False} | extra)
    longer = replace(race, total_laps=total_laps, laps=pa.Table.from_pylist(laps, schema=race.laps.schema))
    data, whole = transform_session(longer), transform_session(race)
    assert {(r["car"], r["value"]) for r in found(data, "lap_extra")} == {(LEADER, 9), (lapped, 8)}
    assert data.tables["laps"] == whole.tables["laps"] and data.tables["stints"] == whole.tables["stints"]
    for car, frames in data.frames.cars.items():
        same = whole.frames.cars[car]
        assert frames.position[-1] == same.position[-1] and frames.lap[-1] == same.lap[-1]
        assert frames.state[-1] == same.state[-1]
    assert data.quality["lap_chart"] == whole.quality["lap_chart"] and data.grade == whole.grade


def test_the_last_lap_of_a_car_that_stopped_is_no_extra_one(race: Recording) -> None:
    assert not found(transform_session(race), "lap_extra")


def test_who_is_eliminated_is_out_after_the_part(qualifying: Recording) -> None:
    data = transform_session(qualifying)
    parts, origin = read_parts(qualifying), data.frames.clock.session_time_origin_ms
    for frames in data.frames.cars.values():
        place = frames.position[-1]
        if place <= 10:
            assert frames.state[-1] == FINISHED and not (frames.state == OUT).any()
            continue
        part = 0 if place > 15 else 1
        begins = np.flatnonzero(frames.state == OUT)[0] * 40 + origin
        # An in-lap may end after the next part has begun.
        assert parts[part].end_ms <= begins <= parts[part + 1].start_ms + 60_000
        assert (frames.state[np.flatnonzero(frames.state == OUT)[0] :] == OUT).all()


@pytest.mark.parametrize("lost", ["pit_in_ms", "pit_out_ms", "results"])
def test_who_is_eliminated_is_out_whatever_is_lost(qualifying: Recording, lost: str) -> None:
    if lost == "results":
        changed = replace(qualifying, results=qualifying.results.slice(0, 0))
    else:
        changed = replace(qualifying, laps=with_rows(qualifying.laps, lambda r: r | {lost: None}))
    data = transform_session(changed)
    out = {car for car, frames in data.frames.cars.items() if frames.state[-1] == OUT}
    assert out == {car for car, frames in data.frames.cars.items() if not 0 < frames.position[-1] <= 10}


def test_negative_values_are_gaps_and_counted(race: Recording) -> None:
    samples = race.cars[LEADER]
    at = {name: np.arange(500 + 7 * n, 520 + 7 * n) for n, name in enumerate(("speed_kmh", "rpm", "throttle_percent"))}

    def negative(name: str) -> np.ndarray:
        values = getattr(samples, name).copy()
        values[at[name]] = -5.0
        return values

    changed: CarSamples = replace(samples, **{name: negative(name) for name in at})
    clean, counts = clean_car(changed)
    assert counts["car_negative"] == 34
    for name in at:
        values = getattr(clean, name)
        assert np.isnan(values[at[name]]).all() and not (values < 0).any()
    data = transform_session(replace(race, cars={**race.cars, LEADER: changed}))
    (row,) = found(data, "car_negative")
    assert (row["car"], row["value"]) == (LEADER, 34)
    assert not (data.frames.cars[LEADER].speed_kmh < 0).any()
