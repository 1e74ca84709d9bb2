"""What really happened in the sample season, straight from the simulation and independent of any parser or pipeline.

What the upstream's formats take away, so what a reconstruction can reach at best: coordinates are rounded to 0.1 m,
speeds to 1 km/h, crossings to 1 ms; positions come every 0.1 to 0.36 s and speeds every 0.16 to 0.36 s. Straight lines
between them are at most 0.55 m and 10 km/h wrong (in 999 of 1000 moments 0.45 m and 7 km/h), most where a car brakes
in the tightest corners.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flows.sample.meetings import meeting_of
from flows.sample.results import Classified, classification, order_across_line, part_times, qualifying_order
from flows.sample.run import CarRun, FeedGap, LapRun, SessionRun
from flows.sample.season import sample_run
from flows.sample.telemetry import corrupt_window_ms

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

#: Milliseconds between the ticks of a truth's arrays.
TICK_MS = 100
#: What the codes of ``Truth.state`` mean.
STATES = ("grid", "running", "pit", "stopped", "out", "finished")
#: What the codes of ``Truth.tyre`` mean; 0 is unknown.
TYRES = {"SOFT": 1, "MEDIUM": 2, "HARD": 3, "INTERMEDIATE": 4, "WET": 5}
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Motion:
    """Where a car is and how fast, shape (n,): metres, km/h, metres driven since the first line (negative before)."""

    x_m: Floats
    y_m: Floats
    speed_kmh: Floats
    distance_m: Floats


@dataclass(frozen=True)
class Truth:
    """One session. Times are milliseconds of session time; arrays have shape (cars, ticks), rows as in ``numbers``.

    ``lap`` is the lap being driven: 0 before the first, the last one completed after the end. ``order`` counts from 1
    by race distance, stopped cars last, 0 for a car that never starts and in sessions that are no race. ``state``
    indexes :data:`STATES`, ``tyre`` holds :data:`TYRES`. ``laps`` are each car's laps with every crossing,
    ``across_line`` the cars that took the flag in that order, ``classification`` the official one with penalties,
    ``part_times_ms`` the best time in each part of qualifying, ``qualifying`` its order. ``position_gaps`` are windows
    without a position: inside the bounds the feed holds nothing (``missing``, ``ended``) or zeros. ``car_data_gap_ms``
    is the hole that a corrupt message leaves in every car's telemetry. ``utc_origin_ms`` is the Unix time at which
    session time is zero.
    """

    round: int
    code: str
    session_key: int
    utc_origin_ms: int
    start_ms: int
    total_laps: int | None
    lap_length_m: float
    numbers: tuple[str, ...]
    time_ms: Times
    x_m: Floats
    y_m: Floats
    speed_kmh: Floats
    distance_m: Floats
    lap: NDArray[np.int16]
    order: NDArray[np.int16]
    state: NDArray[np.int8]
    tyre: NDArray[np.int8]
    laps: dict[str, tuple[LapRun, ...]]
    across_line: tuple[str, ...]
    classification: tuple[Classified, ...]
    part_times_ms: dict[str, dict[int, int]]
    qualifying: tuple[str, ...]
    position_gaps: dict[str, tuple[FeedGap, ...]]
    car_data_gap_ms: tuple[int, int] | None
    track_status: tuple[tuple[int, str], ...]

    def row(self, number: str) -> int:
        """Return a car's row in the arrays."""
        return self.numbers.index(number)

    def motion(self, number: str, time_ms: Times) -> Motion:
        """Return a car's motion at any times."""
        return _motion(sample_run(self.round, self.code), number, time_ms)


@lru_cache(maxsize=16)
def sample_truth(round_number: int, code: str) -> Truth:
    """Return the truth of one session of the sample season.

    :raises KeyError: the season has no data for such a session.
    """
    run = sample_run(round_number, code)
    time_ms = np.arange(0, round(run.length_s * 1000), TICK_MS, dtype=np.int64)
    motions = [_motion(run, number, time_ms) for number in run.cars]
    distance = np.stack([motion.distance_m for motion in motions])
    speed = np.stack([motion.speed_kmh for motion in motions])
    cars = tuple(run.cars.values())
    return Truth(
        round=round_number,
        code=code,
        session_key=meeting_of(round_number).session_key(code),
        utc_origin_ms=round((run.origin - _EPOCH).total_seconds() * 1000),
        start_ms=round(run.start_s * 1000),
        total_laps=run.total_laps,
        lap_length_m=run.circuit.length_m,
        numbers=tuple(run.cars),
        time_ms=time_ms,
        x_m=np.stack([motion.x_m for motion in motions]),
        y_m=np.stack([motion.y_m for motion in motions]),
        speed_kmh=speed,
        distance_m=distance,
        lap=np.stack([_lap(run, car, time_ms) for car in cars]),
        order=_order(run, distance, time_ms),
        state=np.stack([_state(run, car, time_ms, v) for car, v in zip(cars, speed, strict=True)]),
        tyre=np.stack([_tyre(car, time_ms) for car in cars]),
        laps={car.number: car.laps for car in cars},
        across_line=order_across_line(run) if run.is_race else (),
        classification=classification(run) if run.is_race else (),
        part_times_ms={} if run.is_race else part_times(run),
        qualifying=() if run.is_race else qualifying_order(run),
        position_gaps={car.number: _position_gaps(run, car) for car in cars},
        car_data_gap_ms=corrupt_window_ms(run),
        track_status=tuple((round(seconds * 1000), status) for seconds, status in run.track_status),
    )


def _motion(run: SessionRun, number: str, time_ms: Times) -> Motion:
    distance, speed, _, lateral = run.cars[number].trajectory.at(np.asarray(time_ms) / 1000)
    x, y, _ = run.circuit.place(distance, lateral)
    return Motion(x, y, speed * 3.6, distance)


def _lap(run: SessionRun, car: CarRun, time_ms: Times) -> NDArray[np.int16]:
    begin = run.start_s * 1000 if run.is_race else car.first_pit_out_ms
    if begin is None or not car.started:
        return np.zeros(len(time_ms), dtype=np.int16)
    ends = np.array([lap.end_ms for lap in car.complete_laps], dtype=np.int64)
    lap = 1 + np.searchsorted(ends, time_ms, side="right")
    open_end = car.stopped_ms is not None
    lap = np.minimum(lap, len(ends) + (1 if open_end else 0))
    return np.where(time_ms >= begin, lap, 0).astype(np.int16)


def _order(run: SessionRun, distance_m: Floats, time_ms: Times) -> NDArray[np.int16]:
    """Rank the cars at every tick: by the grid until the start, then by distance, frozen at the flag."""
    rank = np.zeros(distance_m.shape, dtype=np.int16)
    if not run.is_race:
        return rank
    reach = distance_m.copy()
    finished = order_across_line(run)
    for row, car in enumerate(run.cars.values()):
        reach[row, time_ms < run.start_s * 1000] = -float(car.grid)
        if car.finished_ms is not None:
            flagged = (
                len(car.complete_laps) * run.circuit.length_m + (len(finished) - finished.index(car.number)) * 1e-3
            )
            reach[row, time_ms >= car.finished_ms] = flagged
        if car.stopped_ms is not None:
            reach[row, time_ms >= car.stopped_ms] -= 1e6
    started = [row for row, car in enumerate(run.cars.values()) if car.started]
    places = np.argsort(np.argsort(-reach[started], axis=0, kind="stable"), axis=0, kind="stable")
    rank[started] = places + 1
    return rank


def _state(run: SessionRun, car: CarRun, time_ms: Times, speed_kmh: Floats) -> NDArray[np.int8]:
    grid, running, pit, stopped, out, finished = range(len(STATES))
    state = np.full(len(time_ms), running, dtype=np.int8)
    if not car.started:
        state[:] = out
        return state
    if run.is_race:
        state[(speed_kmh == 0) & (time_ms < run.start_s * 1000 + 500)] = grid
    for entered, left in car.pit_spans_ms:
        state[(time_ms >= entered) & (time_ms < left)] = pit
    if car.finished_ms is not None:
        state[time_ms >= car.finished_ms] = finished
    if car.stopped_ms is not None:
        state[time_ms >= car.stopped_ms] = stopped
    if car.feed_end_ms is not None:
        state[time_ms > car.feed_end_ms] = out
    return state


def _tyre(car: CarRun, time_ms: Times) -> NDArray[np.int8]:
    tyre = np.zeros(len(time_ms), dtype=np.int8)
    for stint in car.stints:
        tyre[time_ms >= stint.time_ms] = TYRES[stint.compound]
    return tyre


def _position_gaps(run: SessionRun, car: CarRun) -> tuple[FeedGap, ...]:
    end = round(run.length_s * 1000)
    if not car.started:
        return (FeedGap(0, end, "zeros"),)
    ended = () if car.feed_end_ms is None else (FeedGap(car.feed_end_ms, end, "ended"),)
    return (*car.gaps, *ended)
