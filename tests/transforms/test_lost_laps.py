"""Laps that were driven and are not in the record: numbered right where sources agree, said where they do not."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sample_sessions import sample_recording
from whole_tables import whole_table

from transforms.frames import STATES
from transforms.reconcile import reconcile
from transforms.recording import CarSamples, Recording
from transforms.session import SessionData, clean, transform_session

LEADER = "7"


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> Recording:
    # What the upstream counted itself is tested where it is read.
    return replace(sample_recording(sample_cache, 1, "R"), lap_counts={})


@pytest.fixture(scope="module")
def restarted(sample_cache: Path) -> Recording:
    return replace(sample_recording(sample_cache, 2, "R"), lap_counts={})


def with_rows(table: pa.Table, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> pa.Table:
    rows = [changed for r in table.to_pylist() if (changed := change(dict(r))) is not None]
    return pa.Table.from_pylist(rows, schema=table.schema)


def lose(race: Recording, car: str, lost: Iterable[int], *, starts_too: bool = False) -> Recording:
    """The race without these laps of a car, the later ones numbered as if they had not been; with ``starts_too`` the
    lap after them begins, as FastF1 has it, where the one before them ended."""
    gone = set(lost)
    ends = {r["lap"]: r["end_ms"] for r in race.laps.to_pylist() if r["car"] == car}

    def change(row: dict[str, Any]) -> dict[str, Any] | None:
        if row["car"] != car:
            return row
        if row["lap"] in gone:
            return None
        if starts_too and row["lap"] - 1 in gone:
            before = max((n for n in ends if n < row["lap"] and n not in gone), default=None)
            row["start_ms"] = race.start_ms if before is None else ends[before]
        row["lap"] -= sum(n < row["lap"] for n in gone)
        return row

    return replace(race, laps=with_rows(race.laps, change))


def without_results(race: Recording) -> Recording:
    return replace(race, results=race.results.slice(0, 0))


def without_telemetry(race: Recording) -> Recording:
    return replace(race, cars={}, positions={})


def numbers(data: SessionData, car: str) -> list[int]:
    return [r["lap"] for r in data.tables["laps"].to_pylist() if r["car"] == car and not r["generated"]]


def found(data: SessionData, check: str, car: str | None = None) -> list[dict[str, Any]]:
    rows = data.quality["rows"]
    assert isinstance(rows, list)
    return [r for r in rows if r["kind"] == check and (car is None or r["car"] == car)]


@pytest.fixture(scope="module")
def whole(race: Recording) -> SessionData:
    return transform_session(race)


@pytest.mark.parametrize("starts_too", [False, True])
@pytest.mark.parametrize("lost", [(4, 5), (3, 6), (1, 2), (7,)])
def test_later_laps_are_numbered_as_they_were_driven(
    race: Recording, whole: SessionData, lost: tuple[int, ...], starts_too: bool
) -> None:
    data = transform_session(lose(race, LEADER, lost, starts_too=starts_too))
    assert numbers(data, LEADER) == [n for n in range(1, 9) if n not in lost]
    car, same = data.frames.cars[LEADER], whole.frames.cars[LEADER]
    assert car.position[-1] == 1 and car.lap[-1] == 8 and STATES[car.state[-1]] == "finished"
    assert data.quality["lap_chart"]["agreement"] == 1.0
    assert data.quality["coverage"][LEADER]["x_m"] == whole.quality["coverage"][LEADER]["x_m"]
    both = np.isfinite(car.lap_distance_m) & np.isfinite(same.lap_distance_m)
    assert both.sum() > 10_000 and np.median(np.abs(car.lap_distance_m - same.lap_distance_m)[both]) < 5.0
    rows = found(data, "laps_lost")
    assert {r["car"] for r in rows} == {LEADER} and sum(r["value"] for r in rows) == len(lost)
    assert all(r["severity"] == "warning" for r in rows)
    assert not [reason for reason in data.quality["reasons"] if "lost" in reason]
    named = " ".join(r["cause"].split(" not recorded")[0] for r in rows)
    assert all(str(n) in named for n in lost)


@pytest.mark.parametrize(
    "without", [without_results, without_telemetry, lambda r: without_results(without_telemetry(r))]
)
def test_two_witnesses_are_enough(race: Recording, without: Callable[[Recording], Recording]) -> None:
    data = transform_session(without(lose(race, LEADER, (4, 5))))
    assert numbers(data, LEADER) == [1, 2, 3, 6, 7, 8]
    assert data.frames.cars[LEADER].position[-1] == 1
    assert data.quality["lap_chart"]["agreement"] == 1.0


@pytest.mark.parametrize("without", [lambda r: r, without_results, without_telemetry])
def test_a_lap_that_nobody_has(race: Recording, without: Callable[[Recording], Recording]) -> None:
    broken = race
    for car in dict.fromkeys(race.laps["car"].to_pylist()):
        broken = lose(broken, car, [3], starts_too=True)
    data = transform_session(without(broken))
    assert numbers(data, LEADER) == [1, 2, 4, 5, 6, 7, 8]
    assert data.quality["lap_chart"]["agreement"] == 1.0


def test_a_lap_lost_while_the_race_was_suspended(restarted: Recording) -> None:
    data = transform_session(lose(restarted, "5", (4, 5)))
    assert numbers(data, "5") == [1, 2, 3, 6, 7, 8]
    assert data.quality["lap_chart"]["agreement"] == 1.0


def test_what_the_result_contradicts_is_said_and_left(race: Recording) -> None:
    def fewer(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"laps": 6} if row["car"] == LEADER else {})

    broken = lose(race, LEADER, (4, 5))
    data = transform_session(replace(broken, results=with_rows(race.results, fewer)))
    assert numbers(data, LEADER) == [1, 2, 3, 4, 5, 6]
    (row,) = found(data, "laps_lost")
    assert row["severity"] == "error" and "laps 4 and 5" in row["cause"] and "not by the result" in row["cause"]
    assert "laps were lost, and which is not certain (car 7)" in data.quality["reasons"]
    # Its progress is wrong, its coordinates are not.
    assert data.quality["coverage"][LEADER]["x_m"] == 1.0 and not found(data, "position_off_track")
    (doubt,) = found(data, "progress_wrong", LEADER)
    assert (doubt["start_ms"], doubt["end_ms"]) == (row["start_ms"], row["end_ms"])
    at = slice(int(doubt["start_ms"] // 40) + 1, int(doubt["end_ms"] // 40))
    assert np.isnan(data.frames.cars[LEADER].lap_distance_m[at]).all()
    positions = whole_table(data, "positions").to_pylist()
    inside = [r for r in positions if r["car"] == LEADER and doubt["start_ms"] <= r["time_ms"] < doubt["end_ms"]]
    assert all(r["lap_distance_m"] is None and abs(r["offset_m"]) < 30 for r in inside)


def test_last_laps_that_are_missing_are_named(race: Recording) -> None:
    (row,) = found(transform_session(lose(race, LEADER, (7, 8))), "laps_lost")
    assert row["severity"] == "error" and row["cause"].startswith("laps 7 and 8 not recorded at the end")


def test_a_lap_that_the_result_alone_knows_of_was_lost_somewhere(race: Recording) -> None:
    # Without telemetry a lap with a pit stop in it, long anyway, may have been two.
    def one_more(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"laps": 9} if row["car"] == LEADER else {})

    data = transform_session(replace(race, results=with_rows(race.results, one_more)))
    (row,) = found(data, "laps_lost")
    assert row["severity"] == "error" and row["cause"].startswith("1 of 9 laps not recorded, by the result alone")


def stand(race: Recording, car: str, laps: int) -> Recording:
    """The race in which a car stood in the pit lane for some laps of the others before it drove its fifth and last."""
    ends = {(r["car"], r["lap"]): r["end_ms"] for r in race.laps.to_pylist()}
    into, out = ends[car, 4] + 5_000, ends[car, 4 + laps] + 5_000
    later = ends[car, 4 + laps] - ends[car, 4]

    def change(row: dict[str, Any]) -> dict[str, Any] | None:
        if row["car"] != car or row["lap"] < 5:
            return row
        if row["lap"] > 5:
            return None
        row["end_ms"] += later
        return row | {"pit_in_ms": into, "pit_out_ms": out, "lap_time_ms": None, "sector1_ms": None}

    def shift(samples: CarSamples) -> CarSamples:
        speed, standing = samples.speed_kmh.copy(), (samples.time_ms > into) & (samples.time_ms < out)
        moved = np.interp(samples.time_ms - later, samples.time_ms, samples.speed_kmh)
        speed[samples.time_ms >= out] = moved[samples.time_ms >= out]
        speed[standing] = 0.0
        return replace(samples, speed_kmh=speed)

    return replace(
        race,
        laps=with_rows(race.laps, change),
        results=with_rows(race.results, lambda r: r | ({"laps": 5} if r["car"] == car else {})),
        cars={**race.cars, car: shift(race.cars[car])},
        positions={n: p for n, p in race.positions.items() if n != car},
    )


@pytest.mark.parametrize(
    "without", [lambda r: r, without_results, without_telemetry, lambda r: without_results(without_telemetry(r))]
)
def test_a_car_that_stands_in_the_pit_lane_loses_nothing(
    race: Recording, without: Callable[[Recording], Recording]
) -> None:
    standing = without(stand(race, LEADER, 3))
    data = transform_session(standing)
    assert numbers(data, LEADER) == [1, 2, 3, 4, 5]
    assert not found(data, "laps_lost")


def test_a_slow_lap_is_no_lost_one(race: Recording) -> None:
    # A puncture: the car drives one lap in the time of two and is a lap down at the end.
    ends = {(r["car"], r["lap"]): r["end_ms"] for r in race.laps.to_pylist()}

    def change(row: dict[str, Any]) -> dict[str, Any] | None:
        if row["car"] != LEADER or row["lap"] < 5:
            return row
        if row["lap"] == 8:
            return None
        row["start_ms"] = ends[LEADER, 4] if row["lap"] == 5 else ends[LEADER, row["lap"]]
        row["end_ms"] = ends[LEADER, row["lap"] + 1]
        return row | {"lap_time_ms": row["end_ms"] - row["start_ms"]}

    limping = replace(
        race,
        laps=with_rows(race.laps, change),
        results=with_rows(race.results, lambda r: r | ({"laps": 7} if r["car"] == LEADER else {})),
        cars={n: c for n, c in race.cars.items() if n != LEADER},
        positions={n: p for n, p in race.positions.items() if n != LEADER},
    )
    data = transform_session(limping)
    assert numbers(data, LEADER) == [1, 2, 3, 4, 5, 6, 7] and not found(data, "laps_lost")


def test_a_whole_race_is_left_as_it_is(race: Recording, restarted: Recording) -> None:
    for recording in (race, restarted):
        reconciled = reconcile(recording).recording
        counted, _, notes = clean(reconciled)
        assert counted is reconciled and not notes


def test_tyres_have_done_the_lost_laps(race: Recording, whole: SessionData) -> None:
    def age(row: dict[str, Any]) -> dict[str, Any]:
        # Counted by the records there are, as FastF1 does.
        return row | ({"tyre_age_laps": float(row["lap"])} if row["car"] == LEADER else {})

    broken = lose(race, LEADER, (4, 5))
    data = transform_session(replace(broken, laps=with_rows(broken.laps, age)))
    ages = {r["lap"]: r["tyre_age_laps"] for r in data.tables["laps"].to_pylist() if r["car"] == LEADER}
    true = {r["lap"]: r["tyre_age_laps"] for r in whole.tables["laps"].to_pylist() if r["car"] == LEADER}
    assert ages == {lap: true[lap] for lap in ages}
