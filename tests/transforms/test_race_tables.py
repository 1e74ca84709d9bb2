"""The tables made of laps, order and track, against what the sample season's simulation knows to have happened."""

from pathlib import Path

import numpy as np
import pytest
from sample_sessions import sample_recording
from whole_tables import whole_table

from flows.sample import STATES, sample_truth
from flows.sample.truth import Truth
from transforms.best_laps import long_runs_of
from transforms.columns import LAPS
from transforms.pit_stops import stationary_ms
from transforms.race_order import MINI_SECTORS, changes_of, timing_points_ms
from transforms.samples import CleanCar
from transforms.session import SessionData, transform_session
from transforms.session_types import Kind


def transformed(cache: Path, round_number: int, code: str) -> tuple[SessionData, Truth, int]:
    data = transform_session(sample_recording(cache, round_number, code))
    return data, sample_truth(round_number, code), data.frames.clock.session_time_origin_ms


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> tuple[SessionData, Truth, int]:
    return transformed(sample_cache, 1, "R")


@pytest.fixture(scope="module")
def qualifying(sample_cache: Path) -> tuple[SessionData, Truth, int]:
    return transformed(sample_cache, 1, "Q")


def test_mini_sectors_are_of_the_laps_that_were_driven(qualifying: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = qualifying
    rows = data.tables["mini_sectors"].to_pylist()
    assert {row["color"] for row in rows} == {"yellow", "green", "purple", "pit"}
    said = {(row["car"], row["time_ms"], row["sector"], row["mini_sector"]): row["lap"] for row in rows}
    for car, laps in truth.laps.items():
        for lap in laps:
            for sector, moment in enumerate((lap.sector1_ms, lap.sector2_ms, lap.end_ms), start=1):
                if (lap.start_ms or lap.pit_out_ms) is not None and moment is not None:
                    assert said.pop((car, moment - origin, sector, 3)) == lap.number
    assert said and all(mini_sector < 3 for *_, mini_sector in said)


def test_pit_stops_are_those_that_were_driven(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = race
    # Whoever has taken the flag drives into the pits, which is no stop.
    driven = {
        (car, lap.number): lap.pit_in_ms
        for car, laps in truth.laps.items()
        for lap in laps
        if lap.pit_in_ms and lap.end_ms is not None
    }
    stops = {(row["car"], row["lap"]): row for row in data.tables["pit_stops"].to_pylist()}
    assert stops.keys() == driven.keys() and stops
    for (car, lap), row in stops.items():
        assert abs(row["in_ms"] + origin - driven[car, lap]) <= 1
        out = next(one.pit_out_ms for one in truth.laps[car] if one.number == lap + 1)
        assert row["lane_time_ms"] == pytest.approx(out - driven[car, lap], abs=2)
        assert row["compound_after"] is not None and row["tyre_age_before_laps"] >= lap
        tick = truth.speed_kmh[truth.row(car)][(truth.time_ms >= driven[car, lap]) & (truth.time_ms <= out)]
        assert row["stationary_ms"] == pytest.approx(100 * (tick < 0.5).sum(), abs=700)


def test_gaps_and_places_at_the_line_are_those_of_the_crossings(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = race
    crossed = {(car, lap.number): lap.end_ms for car, laps in truth.laps.items() for lap in laps if lap.end_ms}
    first = {number: min(ms for (_, lap), ms in crossed.items() if lap == number) for _, number in crossed}
    rows = [row for row in data.tables["intervals"].to_pylist() if row["mini_sector"] == MINI_SECTORS]
    assert {(row["car"], row["lap"]) for row in rows} >= set(crossed) - {(car, 1) for car in truth.numbers}
    for row in rows:
        at_ms = crossed[row["car"], row["lap"]]
        assert row["time_ms"] + origin == pytest.approx(at_ms, abs=2)
        assert row["gap_ms"] == pytest.approx(at_ms - first[row["lap"]], abs=2)
    assert all((row["interval_ms"] is None) == (row["position"] == 1) for row in rows)


def test_who_is_ahead_at_the_line_has_passed_or_was_ahead(race: tuple[SessionData, Truth, int]) -> None:
    """Whoever begins behind a car and ends ahead of it has passed it once more than the other way round."""
    data, truth, _ = race
    passes: dict[tuple[str, str], int] = {}
    for row in data.tables["overtakes"].to_pylist():
        passes[row["car"], row["passed_car"]] = passes.get((row["car"], row["passed_car"]), 0) + 1
    start = int(np.searchsorted(truth.time_ms, truth.start_ms))
    places = {car: truth.order[truth.row(car), start] for car in truth.across_line}
    for place, car in enumerate(truth.across_line):
        for other in truth.across_line[place + 1 :]:
            gained = int(places[car] > places[other])
            assert passes.get((car, other), 0) - passes.get((other, car), 0) == gained, (car, other)


def test_an_overtake_is_where_it_was(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = race
    rows = [row for row in data.tables["overtakes"].to_pylist() if row["kind"] == "track"]
    assert rows
    for row in rows:
        at = int(np.searchsorted(truth.time_ms, row["time_ms"] + origin))
        car, passed = truth.row(row["car"]), truth.row(row["passed_car"])
        near = slice(max(at - 30, 0), at + 31)
        apart = truth.distance_m[car, near] - truth.distance_m[passed, near]
        assert apart.min() <= 15 and apart.max() >= -15, row
        assert row["corner"] is not None and row["passed_car"] != row["car"]


def test_kinds_say_how(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = race
    pit = STATES.index("pit")
    for row in data.tables["overtakes"].to_pylist():
        at = min(int(np.searchsorted(truth.time_ms, row["time_ms"] + origin)), len(truth.time_ms) - 1)
        states = truth.state[[truth.row(row["car"]), truth.row(row["passed_car"])], at]
        if (states == pit).all():
            assert row["kind"] in ("pit", "red_flag"), row


def test_samples_say_their_lap(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = race
    for name in ("telemetry", "positions"):
        table = whole_table(data, name)
        car = truth.across_line[0]
        rows = table.filter(np.array(table["car"].to_pylist()) == car)
        laps = {lap.number: lap for lap in truth.laps[car] if lap.end_ms is not None}
        found = zip(*(rows[c].to_pylist() for c in ("time_ms", "lap", "lap_time_ms")), strict=True)
        on_lap = [(time_ms + origin, lap, since) for time_ms, lap, since in found if lap is not None]
        assert {lap for _, lap, _ in on_lap} == set(laps)
        for at_ms, lap, since in on_lap[:: len(on_lap) // 200]:
            assert at_ms - since == pytest.approx(laps[lap].start_ms, abs=2)
            assert at_ms <= laps[lap].end_ms + 2


def test_laps_begin_in_utc(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, origin = race
    for row in data.tables["laps"].to_pylist():
        if row["start_ms"] is not None:
            unix_ms = round(row["start_utc"].timestamp() * 1000)
            assert unix_ms == row["start_ms"] + origin + truth.utc_origin_ms


def test_parts_of_qualifying_have_their_best_laps(qualifying: tuple[SessionData, Truth, int]) -> None:
    data, truth, _ = qualifying
    rows = data.tables["qualifying_segments"].to_pylist()
    found = {(row["car"], int(row["part"][-1]) - 1): row["lap_time_ms"] for row in rows}
    true = {(car, part): ms for car, parts in truth.part_times_ms.items() for part, ms in parts.items()}
    # A car that set no time has a slow lap all the same.
    assert {key: ms for key, ms in found.items() if key in true} == true
    assert min(found[key] for key in found.keys() - true.keys()) > 1.2 * min(true.values())
    for part in ("Q1", "Q2", "Q3"):
        own = [row for row in rows if row["part"] == part]
        assert [row["position"] for row in own] == list(range(1, len(own) + 1))
        assert own[0]["best_gap_ms"] == 0 and own[-1]["best_gap_ms"] >= 0


def test_the_best_lap_of_all_is_first(qualifying: tuple[SessionData, Truth, int]) -> None:
    data, truth, _ = qualifying
    rows = data.tables["fastest_laps"].to_pylist()
    best = {car: min(parts.values()) for car, parts in truth.part_times_ms.items() if parts}
    assert {row["car"]: row["lap_time_ms"] for row in rows if row["car"] in best} == best
    assert [row["lap_time_ms"] for row in rows][: len(best)] == sorted(best.values())
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))


def test_the_circuit_is_as_long_and_as_high_as_it_is(race: tuple[SessionData, Truth, int]) -> None:
    data, truth, _ = race
    (row,) = data.tables["circuits"].to_pylist()
    assert row["length_m"] == pytest.approx(truth.lap_length_m, rel=0.01)
    outline = data.tables["outline"]
    assert outline.num_rows == pytest.approx(truth.lap_length_m / 10, rel=0.02)
    assert row["corners"] == data.tables["corners"].num_rows > 0
    distances = data.tables["corners"]["lap_distance_m"].to_pylist()
    assert all(0 <= distance < row["length_m"] for distance in distances)


def test_the_order_between_timing_lines_is_theirs() -> None:
    """Two cars that change places once, however often coordinates say so; a third stops and is passed."""

    class Timing:
        def __init__(self, *ends: float) -> None:
            self.lap = np.arange(1, len(ends) // 3 + 1)
            self.sector1_end_ms, self.sector2_end_ms, self.end_ms = np.array(ends).reshape(-1, 3).T
            self.crossed = np.isfinite(self.end_ms)

    ticks = np.arange(0, 1000, 10)
    positions = np.array([[1] * 35 + [2, 1, 2, 1] + [2] * 61, [2] * 35 + [1, 2, 1, 2] + [1] * 61, [3] * 100], np.int8)
    timings = [Timing(100, 200, 300, 410, 500, 600), Timing(110, 210, 310, 400, 490, 590), Timing(50, *[np.nan] * 5)]
    at_ms = timing_points_ms([1, 2, 3], timings, 0)
    found = changes_of(at_ms, np.full(3, np.nan), positions, ticks)
    pairs = list(zip(found.tick.tolist(), found.passes.tolist(), found.passed.tolist(), strict=True))
    assert (39, 1, 0) in pairs and sum(pair[1:] in ((1, 0), (0, 1)) for pair in pairs) == 1
    # The third car was ahead at the first line, and came to no other.
    assert [pair[1:] for pair in pairs].count((2, 0)) == [pair[1:] for pair in pairs].count((0, 2)) == 1


def test_a_car_stands_as_long_as_its_speed_says() -> None:
    times = np.arange(0, 4000, 250)
    speed = np.where((times >= 1000) & (times < 3000), 0.0, 60.0)
    nothing = np.zeros(len(times))
    car = CleanCar(times, speed, nothing, nothing, *(nothing.astype(np.int8) for _ in range(3)))
    assert stationary_ms(car, 0, 4000) == 2000
    assert stationary_ms(car, 0, 900) is None


def test_a_long_run_has_its_slope_whatever_one_lap_does() -> None:
    times = [90_000, 90_100, 90_200, 93_000, 90_400, 90_500]
    laps = [
        {"car": "4", "driver": "ABC", "lap": 3 + i, "stint": 1, "compound": "HARD", "tyre_age_laps": 3 + i, **extra}
        for i, extra in enumerate([{"lap_time_ms": ms} for ms in times])
    ]
    laps.append({**laps[-1], "lap": 9, "lap_time_ms": 120_000, "pit_in_ms": 1})
    (run,) = long_runs_of(LAPS.of_rows(laps), Kind.PRACTICE).to_pylist()
    assert (run["first_lap"], run["last_lap"], run["laps"], run["tyre_age_start_laps"]) == (3, 8, 6, 2)
    assert run["slope_ms"] == pytest.approx(100)
    assert long_runs_of(LAPS.of_rows(laps), Kind.RACE).num_rows == 0
