"""Where on the track a car is at the moments of its own samples, and which car is ahead of it there.

From the distances along the lap that the frames have, which come from timing and coordinates: a gap of the source is a
gap here. Who is ahead on the track need not be ahead in the race: lapped cars count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.frames import TICK_MS, Frames
from transforms.states import RUNNING

#: Moments that are looked at together, so that memory stays bounded.
_BLOCK = 1 << 12

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """Of a car at (n,) moments: distance along the lap in metres, NaN unknown; which car is ahead, as an index into the
    frames' cars, -1 none; how far it is in metres along the track, NaN where there is none.
    """

    lap_distance_m: Floats
    car: NDArray[np.int16]
    distance_m: Floats


def nowhere(moments: int) -> Ahead:
    """Return what is known of a car without a place on the track at any of its moments."""
    return Ahead(np.full(moments, np.nan), np.full(moments, -1, np.int16), np.full(moments, np.nan))


def ahead_of(
    frames: Frames, time_ms: Mapping[str, NDArray[np.integer]], length_m: float
) -> Iterator[tuple[str, Ahead]]:
    """Yield every car of ``time_ms`` and, at these moments (n,) of the clock, where it is on a track of ``length_m``,
    and who is ahead: the next running car along the track, if at least two are running.
    """
    moments = np.unique(np.concatenate([*time_ms.values(), np.empty(0, np.int64)])).astype(np.int64)
    numbers = list(frames.cars)
    distance_m = np.full((len(moments), len(numbers)), np.nan)
    ahead = np.full((len(moments), len(numbers)), -1, np.int16)
    gap_m = np.full((len(moments), len(numbers)), np.nan)
    for start in range(0, len(moments), _BLOCK):
        cut = slice(start, start + _BLOCK)
        for index, car in enumerate(frames.cars.values()):
            distance_m[cut, index] = _distance_at(car.lap_distance_m, moments[cut], length_m)
        running = np.stack([_state_at(car.state, moments[cut]) == RUNNING for car in frames.cars.values()], axis=1)
        ahead[cut], gap_m[cut] = next_along(np.where(running, distance_m[cut], np.nan), length_m)
    columns = {number: index for index, number in enumerate(numbers)}
    for number, times in time_ms.items():
        column = columns.get(number)
        if column is None:
            yield number, nowhere(len(times))
            continue
        row = np.searchsorted(moments, times)
        yield number, Ahead(distance_m[row, column], ahead[row, column], gap_m[row, column])


def next_along(distance_m: Floats, length_m: float) -> tuple[NDArray[np.int16], Floats]:
    """Return which car (moments, cars) is next along a closed track of ``length_m``, -1 none, and how far it is, NaN.

    ``distance_m`` (moments, cars) is NaN of cars that do not count. Of two at one place the later column is ahead.
    """
    along_m = np.mod(distance_m, length_m)
    order = np.argsort(along_m, axis=1, kind="stable")  # NaN last
    counted = np.isfinite(along_m)
    cars = counted.sum(axis=1, keepdims=True)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    following = np.take_along_axis(order, np.where(rank + 1 < cars, rank + 1, 0), axis=1)
    exists = counted & (cars > 1)
    gap_m = np.mod(np.take_along_axis(along_m, following, axis=1) - along_m, length_m)
    return np.where(exists, following, -1).astype(np.int16), np.where(exists, gap_m, np.nan)


def _distance_at(lap_distance_m: NDArray[np.float32], time_ms: NDArray[np.int64], length_m: float) -> Floats:
    """Distance along the lap (n,) between two ticks, over the line too; NaN where one of them has none."""
    tick, rest = np.divmod(time_ms, TICK_MS)
    last = len(lap_distance_m) - 1
    inside = (tick >= 0) & (tick <= last)
    before = lap_distance_m[np.clip(tick, 0, last)].astype(np.float64)
    after = lap_distance_m[np.clip(tick + (rest > 0), 0, last)].astype(np.float64)
    step = np.mod(after - before + length_m / 2, length_m) - length_m / 2
    return np.where(inside, np.mod(before + step * rest / TICK_MS, length_m), np.nan)


def _state_at(state: NDArray[np.signedinteger], time_ms: NDArray[np.int64]) -> NDArray[np.signedinteger]:
    """State (n,) at the tick before."""
    return state[np.clip(time_ms // TICK_MS, 0, len(state) - 1)]
