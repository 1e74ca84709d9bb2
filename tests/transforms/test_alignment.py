from dataclasses import replace

import numpy as np
import pytest

from transforms.alignment import SIGNIFICANT_MS, align, clock_offset_ms
from transforms.samples import CleanCar, CleanPositions


def feeds(offset_ms: float, seed: int = 1, scale: float = 1.0) -> tuple[CleanCar, CleanPositions]:
    """Ten minutes of a car whose speed swings; its car data is stamped ``offset_ms`` late."""
    random = np.random.default_rng(seed)

    def speed_mps(time_ms: np.ndarray) -> np.ndarray:
        return 50.0 + 25.0 * np.sin(time_ms / 3000.0) + 10.0 * np.sin(time_ms / 1100.0)

    def distance_m(time_ms: np.ndarray) -> np.ndarray:
        seconds = time_ms / 1000.0
        return 50.0 * seconds - 75.0 * np.cos(time_ms / 3000.0) - 11.0 * np.cos(time_ms / 1100.0)

    car_ms = np.arange(0, 600_000, 240) + random.integers(-40, 40, 2500)
    count = len(car_ms)
    zeros, gear = np.zeros(count), np.full(count, 5, np.int8)
    speed = np.round(speed_mps(car_ms - offset_ms) * 3.6)
    car = CleanCar(car_ms, speed, speed * 40, zeros, gear, np.zeros(count, np.int8), None)
    at = np.arange(0, 600_000, 220)
    jitter = random.normal(0, 60, len(at))
    x_m = np.round(distance_m(at + jitter), 1) / scale
    nothing = np.zeros(len(at))
    breaks = np.zeros(len(at) - 1, np.bool_)
    return car, CleanPositions(at, x_m, nothing, nothing, np.ones(len(at), np.bool_), breaks)


@pytest.mark.parametrize("offset_ms", [0.0, 70.0, -150.0, 400.0])
def test_the_offset_between_the_feeds_is_found(offset_ms: float) -> None:
    assert clock_offset_ms(*feeds(offset_ms)) == pytest.approx(offset_ms, abs=12.0)


def field(offset_ms: float, cars: int = 6, scale: float = 1.0) -> tuple[dict, dict]:
    both = {str(n): feeds(offset_ms, seed=n, scale=scale) for n in range(cars)}
    return {n: b[0] for n, b in both.items()}, {n: b[1] for n, b in both.items()}


def test_a_significant_offset_is_corrected() -> None:
    cars, positions = field(300.0)
    moved, same, found = align(cars, positions)
    assert found.corrected and found.offset_ms == pytest.approx(300.0, abs=10.0)
    np.testing.assert_array_equal(moved["0"].time_ms, cars["0"].time_ms - round(found.offset_ms))
    assert same is positions
    assert abs(clock_offset_ms(moved["0"], positions["0"])) < 15.0


def test_a_small_one_is_only_reported_and_few_cars_prove_nothing() -> None:
    cars, positions = field(SIGNIFICANT_MS / 2)
    moved, _, found = align(cars, positions)
    assert moved is cars and not found.corrected and found.offset_ms == pytest.approx(SIGNIFICANT_MS / 2, abs=10.0)
    assert not align(*field(300.0, cars=3))[2].corrected


def test_coordinates_in_other_units_are_brought_to_metres() -> None:
    cars, positions = field(0.0, scale=10.0)
    _, scaled, found = align(cars, positions)
    assert found.scale == 10.0
    np.testing.assert_allclose(scaled["0"].x_m, positions["0"].x_m * 10.0)


def test_coordinates_that_fit_no_unit_are_left_alone() -> None:
    assert align(*field(0.0, scale=2.5))[2].scale == 1.0


def test_nothing_to_compare() -> None:
    car, positions = feeds(0.0)
    assert align({"1": car}, {})[2].offset_ms is None
    parked = replace(car, speed_kmh=np.zeros(len(car.time_ms)))
    assert clock_offset_ms(parked, positions) is None
