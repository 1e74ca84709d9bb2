"""A session's cleaned samples at their native rate, on its clock: what a replay interpolates.

All cars of a feed share its time stamps, so there is one list of them. The frames are made from the same samples by
the same rules, ``publish/docs/format.md`` says them for readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.frames import TICK_MS, CarFrames, Clock, Frames
from transforms.interpolate import MAX_GAP_MS
from transforms.progress import Progress
from transforms.samples import CleanCar, CleanPositions

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Codes = NDArray[np.int8]


@dataclass(frozen=True)
class ReplayCar:
    """One car at the stamps of both feeds, n of car data and m of positions.

    ``speed_kmh``, ``rpm``, ``throttle_percent`` (n,) are NaN, ``gear``, ``brake``, ``drs`` (n,) -1 where this car has
    no sample or no value. ``x_m``, ``y_m`` (m,) are NaN where it has no sample; ``breaks`` (m,) marks samples that
    nothing connects to the one before. ``distance_m`` (m,) is laps completed plus the part of the lap, times the lap's
    length; NaN where it is not known.
    """

    speed_kmh: Values
    rpm: Values
    throttle_percent: Values
    gear: Codes
    brake: Codes
    drs: Codes
    x_m: Values
    y_m: Values
    breaks: NDArray[np.bool_]
    distance_m: Values


@dataclass(frozen=True)
class Replay:
    """All cars by racing number, with the stamps (n,) and (m,) they share, ms on the clock, ascending.

    ``lap_length_m`` is that of the track; None where there is none, and then no distance either.
    """

    car_ms: Times
    position_ms: Times
    lap_length_m: float | None
    cars: dict[str, ReplayCar]


def make_replay(
    samples: Mapping[str, CleanCar],
    positions: Mapping[str, CleanPositions],
    progress: Mapping[str, Progress],
    length_m: float | None,
    frames: Frames,
) -> Replay:
    """Return the native samples of all cars of ``frames``, as far as its clock needs them.

    ``samples`` and ``positions`` of the cars that have some, ``progress`` of all, by racing number, on session time;
    ``length_m`` of a lap, None without a track.
    """
    clock = frames.clock
    car_ms = _stamps([car.time_ms for car in samples.values()], clock)
    position_ms = _stamps([feed.time_ms for feed in positions.values()], clock)
    if length_m is not None:
        position_ms = np.union1d(position_ms, _without_position(frames, car_ms))
    cars = {}
    for number, car in frames.cars.items():
        cars[number] = ReplayCar(
            **_car_values(samples.get(number), car_ms, clock),
            **_position_values(positions.get(number), position_ms, clock),
            distance_m=_distance(progress[number], car, position_ms, clock, length_m),
        )
    return Replay(car_ms, position_ms, length_m, cars)


def _stamps(times: list[Times], clock: Clock) -> Times:
    """Return all different ``times`` of session time as stamps on the clock, as far as it reaches and a little more."""
    if not times:
        return np.empty(0, np.int64)
    stamps = np.unique(np.concatenate(times)) - clock.session_time_origin_ms
    near = (stamps >= -2 * MAX_GAP_MS) & (stamps <= clock.duration_ms + 2 * MAX_GAP_MS)
    return stamps[near]


def _without_position(frames: Frames, car_ms: Times) -> Times:
    """Stamps of car data at which some car's distance is known from its speed alone."""
    tick = car_ms // TICK_MS
    inside = car_ms[(tick >= 0) & (tick < frames.clock.ticks)]
    tick = inside // TICK_MS
    wanted = np.zeros(len(inside), np.bool_)
    for car in frames.cars.values():
        wanted |= np.isnan(car.x_m[tick]) & np.isfinite(car.lap_distance_m[tick])
    return inside[wanted]


def _car_values(data: CleanCar | None, stamps: Times, clock: Clock) -> dict[str, NDArray[Any]]:
    values: dict[str, NDArray[Any]] = {}
    at, found = _places(None if data is None else data.time_ms, stamps, clock)
    for name in ("speed_kmh", "rpm", "throttle_percent"):
        values[name] = _placed(getattr(data, name, None), at, found, np.full(len(stamps), np.nan))
    for name in ("gear", "brake", "drs"):
        values[name] = _placed(getattr(data, name, None), at, found, np.full(len(stamps), -1, np.int8))
    return values


def _position_values(feed: CleanPositions | None, stamps: Times, clock: Clock) -> dict[str, NDArray[Any]]:
    values: dict[str, NDArray[Any]] = {}
    at, found = _places(None if feed is None else feed.time_ms, stamps, clock)
    for name in ("x_m", "y_m"):
        values[name] = _placed(getattr(feed, name, None), at, found, np.full(len(stamps), np.nan))
    breaks = None if feed is None else np.concatenate([[False], feed.breaks])
    values["breaks"] = _placed(breaks, at, found, np.zeros(len(stamps), np.bool_))
    return values


def _places(time_ms: Times | None, stamps: Times, clock: Clock) -> tuple[Times, Times]:
    """Return the indices of ``stamps`` that a car has a sample at, and the indices of those samples."""
    if time_ms is None or not len(time_ms):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    wanted = stamps + clock.session_time_origin_ms
    sample = np.minimum(np.searchsorted(time_ms, wanted), len(time_ms) - 1)
    at = np.flatnonzero(time_ms[sample] == wanted)
    return at, sample[at]


def _placed(values: NDArray[Any] | None, at: Times, sample: Times, result: NDArray[Any]) -> NDArray[Any]:
    """Return ``result`` with ``values`` of the samples at the stamps ``at``."""
    if values is not None:
        result[at] = values[sample]
    return result


def _distance(own: Progress, car: CarFrames, stamps: Times, clock: Clock, length_m: float | None) -> Values:
    """Return the distance (m,) at every stamp that some tick with a lap distance lies next to."""
    if length_m is None or not len(stamps):
        return np.full(len(stamps), np.nan)
    ticks = np.concatenate([[0], np.cumsum(np.isfinite(car.lap_distance_m))])
    before = np.concatenate([[stamps[0] - MAX_GAP_MS], stamps[:-1]])
    after = np.concatenate([stamps[1:], [stamps[-1] + MAX_GAP_MS]])
    first = np.clip(-(-before // TICK_MS), 0, clock.ticks)
    last = np.clip(after // TICK_MS + 1, 0, clock.ticks)
    is_near = ticks[last] > ticks[first]
    distance = own.at(stamps + clock.session_time_origin_ms) * length_m
    return np.where(is_near, distance, np.nan)
