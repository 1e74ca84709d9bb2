"""Drivers, results and data brought together: one entry a car, one key an entry."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sample_sessions import sample_recording

from transforms.reconcile import reconcile
from transforms.recording import Recording
from transforms.session import SessionData, transform_session


@pytest.fixture(scope="module")
def race(sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 1, "R")


def with_rows(table: pa.Table, change: Callable[[dict[str, Any]], dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([change(dict(r)) for r in table.to_pylist()], schema=table.schema)


def two_with_one_code(race: Recording, first: str, second: str) -> Recording:
    code = next(d.code for d in race.drivers if d.number == first)

    def change(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"driver": code} if row["car"] == second else {})

    return replace(
        race,
        drivers=tuple(replace(d, code=code) if d.number == second else d for d in race.drivers),
        laps=with_rows(race.laps, change),
        results=with_rows(race.results, change),
    )


@pytest.fixture(scope="module")
def shared(race: Recording) -> SessionData:
    return transform_session(two_with_one_code(race, "7", "3"))


def test_two_cars_with_one_code_have_keys_of_their_own_everywhere(race: Recording, shared: SessionData) -> None:
    code = next(d.code for d in race.drivers if d.number == "7")
    wanted = {"7": f"{code}7", "3": f"{code}3"}
    assert {d.number: d.code for d in shared.drivers if d.number in wanted} == wanted
    for name in ("drivers", "laps", "results", "stints"):
        rows = shared.tables[name].to_pylist()
        assert {(r["car"], r["driver"]) for r in rows if r["car"] in wanted} == set(wanted.items())
        assert len({r["driver"] for r in rows}) == len({r["car"] for r in rows})
    assert shared.rows is not None and len(set(shared.rows.codes)) == len(race.drivers)
    rows = [r for r in shared.quality["rows"] if r["kind"] == "code_twice"]
    assert {r["car"] for r in rows} == {"7", "3"}
    assert all(wanted[r["car"]] in r["cause"] for r in rows)


def test_other_codes_stay(race: Recording, shared: SessionData) -> None:
    before = {d.number: d.code for d in race.drivers}
    assert all(d.code == before[d.number] for d in shared.drivers if d.number not in ("7", "3"))
    assert not [r for r in transform_session(race).quality["rows"] if r["kind"] == "code_twice"]


def test_drivers_are_in_the_order_of_their_numbers_in_every_document(race: Recording) -> None:
    data = transform_session(race)
    numbers = [d.number for d in data.drivers]
    assert numbers == sorted(numbers, key=int)
    assert list(data.frames.cars) == numbers and data.tables["drivers"]["car"].to_pylist() == numbers
    assert list(data.quality["coverage"]) == numbers
    for name in ("telemetry", "positions"):
        cars = [set(table["car"].to_pylist()) for table in data.native[name]()]
        assert cars == [{number} for number in sorted(numbers) if {number} in cars] and cars


def test_the_order_of_the_list_decides_nothing(race: Recording) -> None:
    there, back = transform_session(race), transform_session(replace(race, drivers=race.drivers[::-1]))
    assert list(there.frames.cars) == list(back.frames.cars)
    for car, channels in there.frames.cars.items():
        assert (channels.position == back.frames.cars[car].position).all()


def test_two_people_with_one_code_are_not_one_car(race: Recording) -> None:
    driver = next(d for d in race.drivers if d.number == "7")
    other = replace(driver, number="99", first_name="Some", last_name="Body")
    same = replace(driver, number="98")
    reconciled = reconcile(replace(race, drivers=(*race.drivers, other, same)))
    codes = {d.number: d.code for d in reconciled.recording.drivers}
    assert "98" not in codes and codes["99"] == f"{driver.code}99" and codes["7"] == f"{driver.code}7"
    checks = {(n.kind, n.car) for n in reconciled.notes}
    assert {("phantom_driver", "98"), ("code_twice", "7"), ("code_twice", "99")} <= checks
    assert ("driver_without_data", "99") in checks
