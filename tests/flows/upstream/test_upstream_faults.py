"""What is known to go wrong upstream, done to the sample season: each ends in a repair or a flag, never in a lie."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sample_sessions import sample_recording

from flows.sample import sample_truth
from transforms.frames import STATES
from transforms.recording import Driver, PositionSamples, Recording
from transforms.session import SessionData, transform_session

LEADER = "7"
OUT, RUNNING = STATES.index("out"), STATES.index("running")


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "R")


@pytest.fixture(scope="module")
def restarted(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 2, "R")


def checks(data: SessionData, check: str, car: str | None = None) -> list[dict]:
    rows = data.quality["rows"]
    assert isinstance(rows, list)
    return [r for r in rows if r["kind"] == check and (car is None or r["car"] == car)]


def with_position(race: Recording, car: str, change: Callable[[PositionSamples], PositionSamples]) -> Recording:
    return replace(race, positions={**race.positions, car: change(race.positions[car])})


def with_rows(table: pa.Table, change: Callable[[dict], dict | None]) -> pa.Table:
    rows = [changed for r in table.to_pylist() if (changed := change(dict(r))) is not None]
    return pa.Table.from_pylist(rows, schema=table.schema)


def crossing_ms(race: Recording, car: str, lap: int) -> int:
    return next(r["end_ms"] for r in race.laps.to_pylist() if r["car"] == car and r["lap"] == lap)


def tick_of(data: SessionData, session_ms: float) -> int:
    return int((session_ms - data.frames.clock.session_time_origin_ms) // 40)


def test_position_feed_stops_for_the_rest_of_the_race(race: Recording) -> None:
    stop = crossing_ms(race, LEADER, 3) + 20_000

    def stopped(p: PositionSamples) -> PositionSamples:
        keep = p.time_ms < stop
        return PositionSamples(p.time_ms[keep], p.x_m[keep], p.y_m[keep], p.z_m[keep], p.on_track[keep])

    data = transform_session(with_position(race, LEADER, stopped))
    car = data.frames.cars[LEADER]
    after = slice(tick_of(data, stop) + 1, None)
    assert np.isnan(car.x_m[after]).all()
    assert STATES[car.state[-1]] == "finished" and car.position[-1] == 1
    gap = [g for g in checks(data, "gap", LEADER) if g["channel"] == "position"][-1]
    assert gap["cause"] == "the feed of this car ended"
    assert data.quality["lap_chart"]["agreement"] == 1.0
    # Measured speed carries the distance on.
    whole = transform_session(race).frames.cars[LEADER].lap_distance_m
    both = np.isfinite(whole[after]) & np.isfinite(car.lap_distance_m[after])
    assert both.sum() > 5000 and np.abs(whole[after] - car.lap_distance_m[after])[both].max() < 60.0


def test_what_all_cars_share_is_one_finding(race: Recording) -> None:
    begin = crossing_ms(race, LEADER, 3)
    end = crossing_ms(race, LEADER, 6)

    def silent(p: PositionSamples) -> PositionSamples:
        keep = ((p.time_ms < begin) | (p.time_ms > begin + 5_000)) & (p.time_ms < end)
        return PositionSamples(p.time_ms[keep], p.x_m[keep], p.y_m[keep], p.z_m[keep], p.on_track[keep])

    before = checks(transform_session(race), "gap")
    data = transform_session(replace(race, positions={n: silent(p) for n, p in race.positions.items()}))
    found = [g for g in checks(data, "gap") if g["channel"] == "position" and g not in before]
    common = [(g["car"], g["cause"]) for g in found if g["car"] is None]
    assert common == [(None, "the feed was silent for all cars"), (None, "the feed ended for all cars")]
    # Who left the race before is no part of it, and whose last sample came earlier says so of itself.
    assert len(found) < 8


@pytest.mark.parametrize("kind", ["noise", "elsewhere", "constant"])
def test_position_feed_corrupt_from_lap_4(race: Recording, kind: str) -> None:
    begin = crossing_ms(race, LEADER, 3)
    random = np.random.default_rng(1)

    def corrupt(p: PositionSamples) -> PositionSamples:
        x, y, bad = p.x_m.copy(), p.y_m.copy(), p.time_ms > begin
        if kind == "noise":
            x[bad], y[bad] = random.uniform(-2000, 2000, bad.sum()), random.uniform(-2000, 2000, bad.sum())
        elif kind == "elsewhere":
            x[bad], y[bad] = x[bad] + 3000.0, y[bad] - 4000.0
        else:
            x[bad], y[bad] = 312.5, -77.0
        return PositionSamples(p.time_ms, x, y, p.z_m, p.on_track)

    data = transform_session(with_position(race, LEADER, corrupt))
    car = data.frames.cars[LEADER]
    laps = slice(tick_of(data, begin) + 10, tick_of(data, crossing_ms(race, LEADER, 8)) - 10)
    assert np.isnan(car.x_m[laps]).mean() > 0.99
    assert data.quality["lap_chart"]["agreement"] == 1.0 and car.position[-1] == 1
    found = {r["kind"] for r in checks(data, "gap", LEADER)} | {
        r["kind"] for r in data.quality["rows"] if r["car"] == LEADER and r["kind"].startswith("position_")
    }
    assert "gap" in found and len(found) > 1
    assert data.grade != "A"


def test_telemetry_absent(race: Recording) -> None:
    data = transform_session(replace(race, cars={}, positions={}, missing=("car_data", "position_data")))
    assert data.grade == "D" and not data.capabilities["positions"] and data.capabilities["order"]
    assert data.quality["lap_chart"]["agreement"] == 1.0
    assert data.track is None and data.rows is None


def test_one_car_without_telemetry(race: Recording) -> None:
    without = replace(
        race,
        cars={n: c for n, c in race.cars.items() if n != LEADER},
        positions={n: p for n, p in race.positions.items() if n != LEADER},
    )
    data = transform_session(without)
    assert np.isnan(data.frames.cars[LEADER].x_m).all() and data.frames.cars[LEADER].position[-1] == 1
    assert {r["channel"] for r in checks(data, "missing", LEADER)} == {"car_data", "position_data"}


def test_phantom_missing_and_support_race_drivers(race: Recording) -> None:
    known = {d.number: d for d in race.drivers}
    phantom = replace(known[LEADER], number="99")
    support = Driver("201", "SUP", "Some", "Body", "Formula Four", None)
    drivers = (*(d for d in race.drivers if d.number != "3"), phantom, support)
    data = transform_session(replace(race, drivers=drivers))
    assert "99" not in data.frames.cars and checks(data, "phantom_driver", "99")
    assert "3" in data.frames.cars and checks(data, "missing_driver", "3")
    assert checks(data, "driver_without_data", "201")
    assert (data.frames.cars["201"].state == OUT).all()
    assert data.frames.cars["201"].position[-1] > data.frames.cars["3"].position[-1]
    assert data.quality["lap_chart"]["agreement"] == 1.0


def test_red_flag_loses_and_duplicates_laps(restarted: Recording) -> None:
    rows = restarted.laps.to_pylist()
    victim = next(r["car"] for r in rows if r["lap"] == 5)
    lost = with_rows(restarted.laps, lambda r: None if (r["car"], r["lap"]) == (victim, 4) else r)
    doubled = pa.concat_tables([lost, restarted.laps.filter(pa.compute.equal(restarted.laps["lap"], 5))])
    data = transform_session(replace(restarted, laps=doubled))
    assert checks(data, "lap_missing", victim)[0]["value"] == 4
    assert len(checks(data, "lap_twice")) > 10
    truth = sample_truth(2, "R")
    last = sorted(data.frames.cars, key=lambda c: data.frames.cars[c].position[-1])
    assert tuple(last[: len(truth.across_line)]) == truth.across_line


def test_invented_first_lap_of_a_car_that_did_not_start(race: Recording) -> None:
    absent = next(r["car"] for r in race.results.to_pylist() if not sample_truth(1, "R").laps[r["car"]])
    first = min(r["end_ms"] for r in race.laps.to_pylist() if r["lap"] == 1)
    invented = dict.fromkeys(race.laps.schema.names) | {
        "car": absent, "lap": 1, "start_ms": race.start_ms, "end_ms": first, "generated": True, "compound": "SOFT",
    }  # fmt: skip
    laps = pa.concat_tables([race.laps, pa.Table.from_pylist([invented], schema=race.laps.schema)])
    data = transform_session(replace(race, laps=laps))
    assert (data.frames.cars[absent].state == OUT).all() and data.frames.cars[absent].position[-1] == 20
    assert checks(data, "lap_generated", absent)
    assert data.quality["lap_chart"]["agreement"] == 1.0


@pytest.mark.parametrize("bad", [-1, None])
def test_grid_position_unsound(race: Recording, bad: int | None) -> None:
    results = with_rows(race.results, lambda r: r | {"grid": bad} if r["car"] == LEADER else r)
    data = transform_session(replace(race, results=results))
    start = tick_of(data, race.start_ms or 0)
    # Behind all that have a place, ahead only of the car that never starts.
    assert data.frames.cars[LEADER].position[start - 5] == 19
    assert data.frames.cars[LEADER].position[-1] == 1
    assert checks(data, "grid_unknown", LEADER)


def test_a_crashed_car_leaves_the_points_and_does_not_stay_frozen(race: Recording) -> None:
    truth = sample_truth(1, "R")
    data = transform_session(race)
    crashed = next(car for car in truth.numbers if "stopped" in np.array(STATES)[truth.state[truth.row(car)]])
    car = data.frames.cars[crashed]
    assert STATES[car.state[-1]] == "out" and car.position[-1] == 19
    gone = np.flatnonzero(car.state == OUT)[0]
    running = [c for n, c in data.frames.cars.items() if n != crashed and c.state[gone] == RUNNING]
    assert all((c.position[gone:] < car.position[gone:]).all() for c in running)
    last_sample = int(race.positions[crashed].time_ms[-1])
    assert np.isnan(car.x_m[tick_of(data, last_sample) + 2 :]).all()
    assert np.isnan(car.speed_kmh[tick_of(data, int(race.cars[crashed].time_ms[-1])) + 2 :]).all()


def test_tyre_data_late_or_contradictory(race: Recording) -> None:
    def change(r: dict) -> dict:
        if r["car"] == LEADER and r["lap"] == 1:
            return r | {"compound": None, "stint": None, "tyre_age_laps": None}
        if r["car"] == LEADER and r["lap"] == 3:
            return r | {"compound": "WET"}
        return r

    data = transform_session(replace(race, laps=with_rows(race.laps, change)))
    assert checks(data, "tyre_unknown", LEADER)[0]["value"] == 1
    assert checks(data, "tyre_contradiction", LEADER)
    car = data.frames.cars[LEADER]
    first = car.lap == 1
    assert (car.compound[first] == -1).all() and (car.compound[car.lap == 2] >= 0).all()


def test_no_drs_is_said(race: Recording) -> None:
    without = {n: replace(c, drs=None) for n, c in race.cars.items()}
    data = transform_session(replace(race, cars=without))
    assert all(c.drs is None for c in data.frames.cars.values()) and not data.capabilities["drs"]
    assert any(r["channel"] == "drs" for r in checks(data, "missing"))


def test_a_lap_that_ends_before_it_starts(race: Recording) -> None:
    def change(r: dict) -> dict:
        backwards = r["car"] == LEADER and r["lap"] == 4
        return r | {"end_ms": r["start_ms"] - 5_000} if backwards else r

    data = transform_session(replace(race, laps=with_rows(race.laps, change)))
    assert checks(data, "lap_backwards", LEADER)[0]["value"] == 4
    car = data.frames.cars[LEADER]
    assert car.position[-1] == 1 and not (car.gap_s < 0).any()
    assert (np.diff(car.lap.astype(int)) >= 0).all()


def test_results_change_afterwards(race: Recording) -> None:
    before = transform_session(race)
    results = with_rows(race.results, lambda r: r | {"position": 20, "classified": "D"} if r["car"] == LEADER else r)
    after = transform_session(replace(race, results=results))
    # Disqualified on paper, first across the line all the same.
    assert after.frames.cars[LEADER].position[-1] == before.frames.cars[LEADER].position[-1] == 1
    assert not after.tables["results"].equals(before.tables["results"])


def test_a_session_restarted_hours_later(restarted: Recording) -> None:
    red = next(r["time_ms"] for r in restarted.session_status.to_pylist() if r["status"] == "Aborted") + 60_000
    hours = 3 * 3_600_000

    def later_table(table: pa.Table) -> pa.Table:
        times = [
            n
            for n in table.schema.names
            if n.endswith("_ms") and "clock" in table.schema.field(n).metadata[b"unit"].decode()
        ]
        return with_rows(table, lambda r: r | {n: r[n] + hours for n in times if r[n] is not None and r[n] > red})

    def later(time_ms: np.ndarray) -> np.ndarray:
        return np.where(time_ms > red, time_ms + hours, time_ms)

    long = replace(
        restarted,
        laps=later_table(restarted.laps),
        track_status=later_table(restarted.track_status),
        session_status=later_table(restarted.session_status),
        cars={n: replace(c, time_ms=later(c.time_ms)) for n, c in restarted.cars.items()},
        positions={n: replace(p, time_ms=later(p.time_ms)) for n, p in restarted.positions.items()},
    )
    data = transform_session(long)
    truth = sample_truth(2, "R")
    last = sorted(data.frames.cars, key=lambda c: data.frames.cars[c].position[-1])
    assert tuple(last[: len(truth.across_line)]) == truth.across_line
    assert data.quality["lap_chart"]["agreement"] == 1.0
    silent = [g for g in checks(data, "gap") if g["value"] > hours - 1000]
    assert silent and all(g["cause"] == "the feed was silent for all cars" for g in silent)
    middle = tick_of(data, red + hours / 2)
    assert all(np.isnan(c.x_m[middle]) for c in data.frames.cars.values())
