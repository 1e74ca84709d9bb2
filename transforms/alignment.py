"""Whether the two telemetry feeds agree: clock offset, and scale of coordinates against measured speed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transforms.samples import CleanCar, CleanPositions
from transforms.side_by_side import for_each

Floats = NDArray[np.float64]

#: Lags tried, ms, and the window over which speed is taken from coordinates, whose time stamps jitter by some 100 ms.
_LAGS_MS = np.arange(-800.0, 801.0, 100.0)
_WINDOW_MS = 1000.0
_STEP_MS = 200.0
#: Feeds are aligned on their UTC dates; a constant offset is corrected only beyond half a native sample interval
#: (240 ms): below it the offset cannot be told from the delay of the speed sensor.
SIGNIFICANT_MS = 120.0
#: An offset holds for the session if this many cars show it, within this spread (quartiles), ms.
_MIN_CARS = 5
_MAX_SPREAD_MS = 60.0
#: A car contributes what it drives faster than this, m/s.
_MIN_SPEED_MPS = 10.0
#: Scales coordinates may have come in, relative to tenths of a metre.
_SCALES = np.array([0.01, 0.1, 1.0, 10.0, 100.0])


@dataclass(frozen=True)
class Alignment:
    """How the feeds fit. ``offset_ms``: by how much car data is later than coordinates (median over cars, None if not
    measurable); ``spread_ms`` its interquartile range; ``corrected`` whether car data was moved by it; ``scale`` the
    factor by which coordinates were multiplied."""

    offset_ms: float | None
    spread_ms: float | None
    corrected: bool
    scale: float


def _distance_m(car: CleanCar) -> tuple[Floats, Floats]:
    known = np.isfinite(car.speed_kmh)
    time_ms, speed = car.time_ms[known].astype(np.float64), car.speed_kmh[known] / 3600.0
    step = (speed[1:] + speed[:-1]) / 2 * np.diff(time_ms)
    return time_ms, np.concatenate([[0.0], np.cumsum(step)])


def _path_m(positions: CleanPositions) -> tuple[Floats, Floats]:
    step = np.where(positions.breaks, 0.0, np.hypot(np.diff(positions.x_m), np.diff(positions.y_m)))
    return positions.time_ms.astype(np.float64), np.concatenate([[0.0], np.cumsum(step)])


def _speeds(car: CleanCar, positions: CleanPositions) -> tuple[Floats, tuple[Floats, Floats], Floats] | None:
    """Middle of every window (n,), the car's distance curve, and metres the coordinates moved in the window (n,)."""
    if np.isfinite(car.speed_kmh).sum() < 2 or len(positions.time_ms) < 2:
        return None
    driven, path = _distance_m(car), _path_m(positions)
    begin = max(driven[0][0], path[0][0]) + 1000.0
    end = min(driven[0][-1], path[0][-1]) - 1000.0
    if end - begin < 60_000.0:
        return None
    middle = np.arange(begin, end, _STEP_MS)
    moved = np.interp(middle + _WINDOW_MS / 2, *path) - np.interp(middle - _WINDOW_MS / 2, *path)
    return middle, driven, moved


def _driven_m(middle: Floats, driven: tuple[Floats, Floats], lag_ms: float) -> Floats:
    ahead = np.interp(middle + _WINDOW_MS / 2 + lag_ms, *driven)
    return ahead - np.interp(middle - _WINDOW_MS / 2 + lag_ms, *driven)


def _driven_at_lags_m(middle: Floats, driven: tuple[Floats, Floats], moving: NDArray[np.bool_]) -> Iterator[Floats]:
    """:func:`_driven_m` of the ``moving`` windows at every lag tried: both ends of all of them lie on one grid."""
    step_ms = _LAGS_MS[1] - _LAGS_MS[0]
    a_window, a_lag, a_middle = round(_WINDOW_MS / step_ms), len(_LAGS_MS) - 1, round(_STEP_MS / step_ms)
    grid_ms = (
        middle[0]
        + _LAGS_MS[0]
        - _WINDOW_MS / 2
        + step_ms * np.arange((len(middle) - 1) * a_middle + a_window + a_lag + 1)
    )
    metres = np.interp(grid_ms, *driven)
    at = np.flatnonzero(moving) * a_middle
    for lag in range(len(_LAGS_MS)):
        yield metres[at + lag + a_window] - metres[at + lag]


def clock_offset_ms(car: CleanCar, positions: CleanPositions) -> float | None:
    """By how much a car's data is later than its coordinates, ms: the lag of the highest correlation of their speeds.

    None when too little was driven or the best lag lies at the edge of what is tried.
    """
    sampled = _speeds(car, positions)
    if sampled is None:
        return None
    middle, driven, moved = sampled
    moving = (_driven_m(middle, driven, 0.0) > _MIN_SPEED_MPS) & (moved > _MIN_SPEED_MPS) & (moved < 120.0)
    if moving.sum() < 300:
        return None
    fit = [np.corrcoef(metres, moved[moving])[0, 1] for metres in _driven_at_lags_m(middle, driven, moving)]
    best = int(np.argmax(fit))
    if best in (0, len(fit) - 1):
        return None
    before, at, after = fit[best - 1 : best + 2]
    curvature = before - 2 * at + after
    return float(_LAGS_MS[best] + (_LAGS_MS[1] - _LAGS_MS[0]) * 0.5 * (before - after) / curvature)


def _scale(cars: dict[str, CleanCar], positions: dict[str, CleanPositions]) -> float:
    """Factor that makes distance by coordinates fit distance by speed: a power of ten, 1 when they agree."""
    ratios = []
    for number in cars.keys() & positions.keys():
        sampled = _speeds(cars[number], positions[number])
        if sampled is None:
            continue
        middle, driven, moved = sampled
        metres = _driven_m(middle, driven, 0.0)
        moving = (metres > _MIN_SPEED_MPS) & (moved > 0)
        if moving.sum() >= 300:
            ratios.append(float(np.median(metres[moving] / moved[moving])))
    if not ratios:
        return 1.0
    ratio = float(np.median(ratios))
    nearest = float(_SCALES[np.argmin(np.abs(np.log(_SCALES / ratio)))])
    # Far from every power of ten the coordinates are wrong, not in other units.
    return nearest if 0.7 < ratio / nearest < 1.4 else 1.0


def align(
    cars: dict[str, CleanCar], positions: dict[str, CleanPositions]
) -> tuple[dict[str, CleanCar], dict[str, CleanPositions], Alignment]:
    """Return both feeds by car, in metres and on one clock, and what was measured and done."""
    scale = _scale(cars, positions)
    if scale != 1.0:
        positions = {
            n: replace(p, x_m=p.x_m * scale, y_m=p.y_m * scale, z_m=p.z_m * scale) for n, p in positions.items()
        }
    both = sorted(cars.keys() & positions.keys())
    measured = for_each(lambda number: clock_offset_ms(cars[number], positions[number]), both)
    offsets = [offset for offset in measured if offset is not None]
    if not offsets:
        return cars, positions, Alignment(None, None, False, scale)
    offset = float(np.median(offsets))
    low, high = np.percentile(offsets, [25, 75])
    spread = float(high - low)
    corrected = abs(offset) >= SIGNIFICANT_MS and len(offsets) >= _MIN_CARS and spread <= _MAX_SPREAD_MS
    if corrected:
        moved_ms = round(offset)
        cars = {n: replace(car, time_ms=car.time_ms - moved_ms) for n, car in cars.items()}
    return cars, positions, Alignment(round(offset, 1), round(spread, 1), corrected, scale)
