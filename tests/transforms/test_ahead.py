"""Who is ahead on the track, from distances that are known."""

from dataclasses import replace

import numpy as np
import session_data as made

from transforms.ahead import ahead_of, next_along
from transforms.frames import TICK_MS
from transforms.states import PIT, RUNNING

LENGTH_M = 5000.0


def test_the_next_along_the_track_over_the_line_and_lapped_cars_too() -> None:
    nan = np.nan
    ahead, gap_m = next_along(
        np.array([[100.0, 4900.0, 2500.0, nan], [nan, nan, 7.0, nan], [0.0, 0.0, nan, nan], [nan] * 4]), LENGTH_M
    )
    assert ahead.tolist() == [[2, 0, 1, -1], [-1] * 4, [1, 0, -1, -1], [-1] * 4]
    np.testing.assert_allclose(gap_m[0], [2400, 200, 2400, nan])
    assert gap_m[2, :2].tolist() == [0, 0] and np.isnan(gap_m[1]).all()


def test_cars_at_constant_speed_keep_their_distance_at_every_moment() -> None:
    """Three cars, 50 m/s, 300 m apart; one is in the pits for a while and is nobody's car ahead then."""
    ticks = 6000
    frames = made.frames(ticks, cars=3)
    along = np.arange(ticks) * (50 * TICK_MS / 1000)
    state = np.full(ticks, RUNNING, np.int8)
    pit = np.where((np.arange(ticks) >= 1000) & (np.arange(ticks) < 2000), PIT, RUNNING).astype(np.int8)
    cars = {
        number: replace(
            car,
            lap_distance_m=np.mod(along + 300 * index, LENGTH_M).astype(np.float32),
            state=pit if index == 1 else state,
        )
        for index, (number, car) in enumerate(frames.cars.items())
    }
    frames = replace(frames, cars=cars)
    first, second, third = cars
    times = {number: np.arange(7 + index, ticks * TICK_MS, 237) for index, number in enumerate(cars)}
    found = dict(ahead_of(frames, times, LENGTH_M))
    for index, number in enumerate(cars):
        expected = np.mod(times[number] * 0.05 + 300 * index, LENGTH_M)
        inside = times[number] < (ticks - 1) * TICK_MS
        apart = np.abs(np.mod(found[number].lap_distance_m - expected + 2500, LENGTH_M) - 2500)
        assert apart[inside].max() < 0.01
    is_pitting = (times[first] >= 1000 * TICK_MS) & (times[first] < 2000 * TICK_MS)
    inside = times[first] < (ticks - 1) * TICK_MS
    names = np.array(list(cars))[found[first].car]
    assert (names[is_pitting] == third).all() and (names[~is_pitting] == second).all()
    np.testing.assert_allclose(found[first].distance_m[is_pitting], 600, atol=0.01)
    np.testing.assert_allclose(found[first].distance_m[~is_pitting & inside], 300, atol=0.01)
    # The first one is next after the leader of the three, most of a lap away.
    np.testing.assert_allclose(found[third].distance_m[: len(found[third].distance_m) - 1], LENGTH_M - 600, atol=0.01)
    assert (found[second].car[is_pitting] == -1).all()
    gap = replace(frames, cars={**cars, first: replace(cars[first], lap_distance_m=np.full(ticks, np.nan, np.float32))})
    assert np.isnan(dict(ahead_of(gap, times, LENGTH_M))[first].distance_m).all()


def test_outside_the_clock_a_car_is_nowhere() -> None:
    frames = made.frames(200, cars=2)
    number = next(iter(frames.cars))
    ((_, found),) = ahead_of(frames, {number: np.array([-40, 200 * TICK_MS])}, LENGTH_M)
    assert np.isnan(found.lap_distance_m).all()
