"""The state of every car at every tick: on the grid, running, in the pit lane, stopped, out or finished."""

import numpy as np
from numpy.typing import NDArray

from transforms.frames import STATES
from transforms.interpolate import bracket
from transforms.samples import ALONE_MS, DRIVING_KMH, CleanCar, CleanPositions, drives
from transforms.timing import STOOD_MS, CarTiming, Ending, Span

GRID, RUNNING, PIT, STOPPED, OUT, FINISHED = range(len(STATES))

#: A car that stands for longer than this outside the pit lane has stopped, ms.
STOPPED_MS = 5000
#: A car that still stands this long after the start has not just been waiting for the lights, ms.
_GRID_RELEASE_MS = 10_000


def last_motion_ms(car: CleanCar | None, positions: CleanPositions | None) -> float | None:
    """Session time at which a car drove last, from speed, else from coordinates; None without telemetry.

    A drive lasts longer than :data:`~transforms.samples.ALONE_MS`; a car that has none moved last at its first sample.
    """
    if car is not None and (known := np.isfinite(car.speed_kmh)).any():
        return _end_of_last_drive(car.time_ms[known], car.speed_kmh[known] >= DRIVING_KMH)
    if positions is not None and len(positions.time_ms) > 1:
        step_m = np.hypot(np.diff(positions.x_m), np.diff(positions.y_m))
        speed_kmh = step_m / np.maximum(np.diff(positions.time_ms), 1) * 3600.0
        moved = np.concatenate([[False], (speed_kmh >= DRIVING_KMH) & ~positions.breaks])
        return _end_of_last_drive(positions.time_ms, moved)
    return None


def _end_of_last_drive(time_ms: NDArray[np.int64], driving: NDArray[np.bool_]) -> float:
    first, last = drives(time_ms, driving)
    lasting = last[time_ms[last] - time_ms[first] > ALONE_MS]
    return float(time_ms[lasting[-1]]) if len(lasting) else float(time_ms[0])


def _last_sample_ms(car: CleanCar | None, positions: CleanPositions | None) -> float:
    """Session time of the last sample :func:`last_motion_ms` goes by, minus infinity without any."""
    if car is not None and (known := np.isfinite(car.speed_kmh)).any():
        return float(car.time_ms[known][-1])
    return float(positions.time_ms[-1]) if positions is not None and len(positions.time_ms) else -np.inf


def in_pit(own: CarTiming | None, ticks_ms: NDArray[np.int64], *, starts_in_pit: bool) -> NDArray[np.bool_]:
    """Whether the car is in the pit lane at every tick, (ticks,), from its entries and exits."""
    if own is None:
        return np.full(len(ticks_ms), starts_in_pit)
    entries = own.pit_in_ms[np.isfinite(own.pit_in_ms)]
    exits = own.pit_out_ms[np.isfinite(own.pit_out_ms)]
    times = np.concatenate([exits, entries])
    inside = np.concatenate([np.zeros(len(exits), np.bool_), np.ones(len(entries), np.bool_)])
    order = np.argsort(times, kind="stable")
    index = np.searchsorted(times[order], ticks_ms, side="right") - 1
    if not len(times):
        return np.full(len(ticks_ms), starts_in_pit)
    return np.where(index >= 0, inside[order][np.maximum(index, 0)], starts_in_pit)


def stands_ms(car: CleanCar | None) -> list[Span]:
    """Session times between which a car stands for more than :data:`STOPPED_MS`, from measured speed."""
    if car is None:
        return []
    known = np.isfinite(car.speed_kmh)
    time_ms = car.time_ms[known]
    slow = car.speed_kmh[known] < DRIVING_KMH / 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], slow, [False]])))
    spans = ((float(time_ms[first]), float(time_ms[end - 1])) for first, end in edges.reshape(-1, 2))
    return [(begin, end) for begin, end in spans if end - begin >= STOPPED_MS]


def standing(car: CleanCar | None, ticks_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the car stands for more than :data:`STOPPED_MS` around the tick, (ticks,), from measured speed."""
    result = np.zeros(len(ticks_ms), np.bool_)
    for span in stands_ms(car):
        lo, hi = np.searchsorted(ticks_ms, span, side="left")
        result[lo : hi + 1] = True
    return result


def _speed_known(car: CleanCar | None, ticks_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    if car is None:
        return np.zeros(len(ticks_ms), np.bool_)
    return bracket(car.time_ms[np.isfinite(car.speed_kmh)], ticks_ms).covered


def race_states(
    ticks_ms: NDArray[np.int64],
    own: CarTiming | None,
    car: CleanCar | None,
    ending: Ending,
    leaves_ms: float | None,
    start_ms: float,
    *,
    starts_in_pit: bool,
) -> NDArray[np.int8]:
    """States of one car of a race, (ticks,) codes into :data:`transforms.frames.STATES`."""
    if ending.never_started:
        return np.full(len(ticks_ms), OUT, np.int8)
    stands = standing(car, ticks_ms)
    state = np.full(len(ticks_ms), RUNNING, np.int8)
    state[stands & (ticks_ms >= start_ms + _GRID_RELEASE_MS)] = STOPPED
    pit = in_pit(own, ticks_ms, starts_in_pit=starts_in_pit) & (ticks_ms >= start_ms)
    state[pit] = PIT
    before = ticks_ms < start_ms
    # On its way to the grid and on the formation lap a car drives.
    state[before & ((state != RUNNING) | stands | ~_speed_known(car, ticks_ms))] = GRID
    if starts_in_pit:
        state[before] = PIT
    if ending.out_ms is not None:
        after = ticks_ms >= ending.out_ms
        state[after & (state != PIT)] = STOPPED
    if leaves_ms is not None:
        state[ticks_ms >= leaves_ms] = OUT
    if ending.finish_ms is not None:
        state[ticks_ms >= ending.finish_ms] = FINISHED
    return state


def other_states(
    ticks_ms: NDArray[np.int64],
    own: CarTiming | None,
    car: CleanCar | None,
    positions: CleanPositions | None,
    finished_ms: float | None,
    cut_ms: float | None = None,
) -> NDArray[np.int8]:
    """States of one car of a qualifying or practice session, (ticks,): in the pit lane until its first exit.

    It has finished when it is in the pit lane, or has come to rest, after the session's end; it is out once it stopped
    on track for good before that. A car whose samples end while it drives has not been seen to stop: it runs on. Where
    the recording ends before the session, at ``cut_ms``, a car is only out if it stood for
    :data:`transforms.timing.STOOD_MS` by then.
    """
    state = np.full(len(ticks_ms), RUNNING, np.int8)
    state[standing(car, ticks_ms)] = STOPPED
    pit = in_pit(own, ticks_ms, starts_in_pit=True)
    state[pit] = PIT
    moved = last_motion_ms(car, positions)
    if own is None and moved is None:
        return np.full(len(ticks_ms), OUT, np.int8)
    after_end = finished_ms is not None and moved is not None and moved >= finished_ms
    seen_to_stop = moved is not None and _last_sample_ms(car, positions) > moved + STOPPED_MS
    known = cut_ms is None or (moved is not None and cut_ms - moved >= STOOD_MS)
    if known and moved is not None and len(pit) and not pit[-1] and own is not None:
        if after_end or seen_to_stop:
            state[ticks_ms > moved + STOPPED_MS] = FINISHED if after_end else OUT
        elif finished_ms is not None:
            state[ticks_ms >= max(finished_ms, moved)] = FINISHED
    if finished_ms is not None:
        state[(ticks_ms >= finished_ms) & pit] = FINISHED
    return state
