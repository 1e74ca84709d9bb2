import numpy as np

from transforms.interpolate import MAX_GAP_MS, bracket
from transforms.path import coordinates, velocities
from transforms.samples import CleanCar, CleanPositions

RADIUS_M, SPEED_MPS = 100.0, 50.0


def circle(time_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    angle = SPEED_MPS * time_ms / 1000.0 / RADIUS_M
    return RADIUS_M * np.cos(angle), RADIUS_M * np.sin(angle)


def feeds(time_ms: np.ndarray) -> tuple[CleanPositions, CleanCar]:
    x, y = circle(time_ms)
    count = len(time_ms)
    nothing, yes = np.zeros(count), np.ones(count, np.bool_)
    positions = CleanPositions(time_ms, x, y, nothing, yes, np.zeros(count - 1, np.bool_))
    speed = np.full(count, SPEED_MPS * 3.6)
    return positions, CleanCar(time_ms, speed, speed, speed, np.ones(count, np.int8), np.zeros(count, np.int8), None)


def test_a_corner_is_followed_not_cut() -> None:
    time_ms = np.arange(0, 5000, 240)
    positions, car = feeds(time_ms)
    ticks = np.arange(480, 4300, 40)
    x, y = coordinates(positions, velocities(positions, car, MAX_GAP_MS), bracket(time_ms, ticks))
    true_x, true_y = circle(ticks)
    error = np.hypot(x - true_x, y - true_y)
    # A straight line would be RADIUS (1 - cos(half the angle between samples)) = 0.18 m off.
    assert error.max() < 0.03


def test_samples_are_met_exactly_and_gaps_stay() -> None:
    time_ms = np.concatenate([np.arange(0, 1000, 200), np.arange(4000, 5000, 200)])
    positions, car = feeds(time_ms)
    x, y = coordinates(positions, velocities(positions, car, MAX_GAP_MS), bracket(time_ms, time_ms))
    np.testing.assert_allclose(x, positions.x_m, atol=1e-4)
    np.testing.assert_allclose(y, positions.y_m, atol=1e-4)
    inside, _ = coordinates(positions, velocities(positions, car, MAX_GAP_MS), bracket(time_ms, np.array([2000])))
    assert np.isnan(inside).all()


def test_it_never_overshoots_on_a_straight_whatever_the_measured_speed() -> None:
    random = np.random.default_rng(3)
    time_ms = np.cumsum(random.integers(60, 480, 400))
    x = np.cumsum(random.uniform(0.0, 30.0, 400))
    nothing, yes = np.zeros(400), np.ones(400, np.bool_)
    positions = CleanPositions(time_ms, x, nothing, nothing, yes, np.zeros(399, np.bool_))
    speed = random.uniform(0.0, 330.0, 400)
    car = CleanCar(time_ms, speed, speed, speed, np.ones(400, np.int8), np.zeros(400, np.int8), None)
    ticks = np.arange(time_ms[0], time_ms[-1], 10)
    place = bracket(time_ms, ticks)
    path_x, path_y = coordinates(positions, velocities(positions, car, MAX_GAP_MS), place)
    left = x[place.left]
    right = x[np.minimum(place.left + 1, 399)]
    assert (path_x >= left - 1e-3).all() and (path_x <= right + 1e-3).all()
    np.testing.assert_array_equal(path_y, 0.0)


def test_a_car_that_stands_does_not_move() -> None:
    time_ms = np.arange(0, 2000, 200)
    count = len(time_ms)
    here = np.full(count, 12.5)
    positions = CleanPositions(time_ms, here, here, here, np.ones(count, np.bool_), np.zeros(count - 1, np.bool_))
    speed = np.full(count, 60.0)
    car = CleanCar(time_ms, speed, speed, speed, np.ones(count, np.int8), np.zeros(count, np.int8), None)
    x, _ = coordinates(positions, velocities(positions, car, MAX_GAP_MS), bracket(time_ms, np.arange(0, 1800, 40)))
    np.testing.assert_array_equal(x, np.float32(12.5))
