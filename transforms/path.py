"""Coordinates between samples: a cubic that leaves each sample in the direction driven and at the measured speed.

Chosen by measurement: every second native sample of the recorded races left out and rebuilt (tests/benchmarks,
publish/docs/quality.md). Straight lines cut corners; splines without measured speed follow the jitter of the time
stamps and swing wider than this one.
"""

import numpy as np
from numpy.typing import NDArray

from transforms.interpolate import Bracket
from transforms.samples import CleanCar, CleanPositions

Floats = NDArray[np.float64]

#: A cubic whose end slopes are at most three times its chord does not turn back on the way (Fritsch and Carlson,
#: Monotone piecewise cubic interpolation, SIAM J. Numer. Anal. 17, 1980).
_MAX_SLOPE = 3.0


def velocities(positions: CleanPositions, car: CleanCar | None, max_gap_ms: int) -> tuple[Floats, Floats]:
    """Velocity at every position sample, (n,) each in x and y, m/ms: heading from the neighbours, size as measured.

    Where no speed is known within ``max_gap_ms``, its size is that of the neighbours' mean motion too.
    """
    time_ms = positions.time_ms.astype(np.float64)
    vx, vy = (
        _mean_slopes(time_ms, positions.x_m, positions.breaks),
        _mean_slopes(time_ms, positions.y_m, positions.breaks),
    )
    if car is None:
        return vx, vy
    known = np.isfinite(car.speed_kmh)
    if known.sum() < 2:
        return vx, vy
    car_ms = car.time_ms[known]
    right = np.clip(np.searchsorted(car_ms, positions.time_ms), 1, len(car_ms) - 1)
    near = (car_ms[right] - car_ms[right - 1] <= max_gap_ms) & (positions.time_ms >= car_ms[0])
    near &= positions.time_ms <= car_ms[-1]
    speed = np.interp(time_ms, car_ms, car.speed_kmh[known]) / 3600.0
    size = np.hypot(vx, vy)
    factor = np.where(near & (size > 0), speed / np.maximum(size, 1e-12), 1.0)
    return vx * factor, vy * factor


def _mean_slopes(time_ms: Floats, values: Floats, breaks: NDArray[np.bool_]) -> Floats:
    """Slope at every sample (n,): the parabola through it and its neighbours, one-sided at ends and breaks."""
    if len(values) < 2:
        return np.zeros(len(values))
    width = np.diff(time_ms)
    slope = np.diff(values) / width
    left = np.concatenate([slope[:1], slope])
    right = np.concatenate([slope, slope[-1:]])
    left_width = np.concatenate([width[:1], width])
    right_width = np.concatenate([width, width[-1:]])
    mean = (left * right_width + right * left_width) / (left_width + right_width)
    cut_before = np.concatenate([[True], breaks])
    cut_after = np.concatenate([breaks, [True]])
    return np.where(cut_before, right, np.where(cut_after, left, mean))


def coordinates(
    positions: CleanPositions, velocity: tuple[Floats, Floats], place: Bracket
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return x and y (ticks,) at the ticks of ``place``, metres; NaN where not covered."""
    x_m = np.full(len(place.left), np.nan, np.float32)
    y_m = np.full(len(place.left), np.nan, np.float32)
    at = np.flatnonzero(place.covered)
    if not len(at):
        return x_m, y_m
    # The coefficients of every piece, once for the ticks in it; the last sample has nothing behind it.
    left, last = np.arange(len(positions.time_ms)), len(positions.time_ms) - 1
    right = np.minimum(left + 1, last)
    span = (positions.time_ms[right] - positions.time_ms[left]).astype(np.float64)
    chord = np.hypot(positions.x_m[right] - positions.x_m[left], positions.y_m[right] - positions.y_m[left])
    longest = [np.hypot(velocity[0][end], velocity[1][end]) * span for end in (left, right)]
    limits = [np.minimum(1.0, _MAX_SLOPE * chord / np.maximum(slope, 1e-9)) for slope in longest]
    piece, s = place.left[at], place.weight[at]
    for target, values, slope in ((x_m, positions.x_m, velocity[0]), (y_m, positions.y_m, velocity[1])):
        rise = values[right] - values[left]
        begin, end = slope[left] * span * limits[0], slope[right] * span * limits[1]
        bend, twist = 3 * rise - 2 * begin - end, begin + end - 2 * rise
        target[at] = values[piece] + s * (begin[piece] + s * (bend[piece] + s * twist[piece]))
    return x_m, y_m
