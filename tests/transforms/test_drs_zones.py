"""Zones where cars open the wing, against made-up laps whose zones are known."""

import dataclasses

import numpy as np
import pytest
import session_data as made

from transforms.drs_zones import drs_zones
from transforms.frames import Frames

LENGTH_M = 5_000.0
TICKS = 25 * 60 * 12


def frames_with(*zones: tuple[float, float], share: float = 1.0) -> Frames:
    """Three cars at 75 m/s for ten laps and more; the wing is open in these zones on ``share`` of the laps."""
    frames = made.frames(TICKS)
    along = np.arange(TICKS) * 0.04 * 75.0
    cars = {}
    for number, car in frames.cars.items():
        lap = (along // LENGTH_M).astype(np.int16) + 1
        place = along % LENGTH_M
        inside = np.zeros(TICKS, np.bool_)
        for begin, end in zones:
            inside |= (place >= begin) & (place < end) if begin < end else (place >= begin) | (place < end)
        inside &= lap <= share * 10
        drs = np.where(inside, 12, 8).astype(np.int8)
        cars[number] = dataclasses.replace(car, drs=drs, lap=lap, lap_distance_m=place.astype(np.float32))
    return dataclasses.replace(frames, cars=cars)


def test_zones_are_found_where_the_wing_was_open() -> None:
    found = drs_zones(frames_with((600.0, 1_200.0), (4_800.0, 300.0)), LENGTH_M)
    assert [zone.from_m for zone in found] == pytest.approx([600, 4_800], abs=30)
    assert [zone.to_m for zone in found] == pytest.approx([1_200, 300], abs=30), "the second one goes over the line"


def test_who_tries_the_wing_once_makes_no_zone() -> None:
    assert drs_zones(frames_with((600.0, 1_200.0), share=0.1), LENGTH_M) == []


def test_without_drs_there_is_none() -> None:
    frames = frames_with((600.0, 1_200.0))
    bare = {number: dataclasses.replace(car, drs=None) for number, car in frames.cars.items()}
    assert drs_zones(dataclasses.replace(frames, cars=bare), LENGTH_M) == []


def test_a_wing_that_is_always_open_bounds_nothing() -> None:
    assert drs_zones(frames_with((0.0, LENGTH_M)), LENGTH_M) == []
