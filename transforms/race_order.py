"""Tables of the order of a race: gaps at every twentieth of a lap, and who passes whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms import columns
from transforms.frames import TICK_MS, Frames
from transforms.order import known_from_ms
from transforms.recording import Recording
from transforms.running import Cleaned, Running, start_ms_of
from transforms.states import OUT, PIT, STOPPED
from transforms.timing import CarTiming, Ending

Floats = NDArray[np.float64]

#: Parts of a lap at whose ends gaps are given.
MINI_SECTORS = 20
#: After a safety car or a red flag this long counts as the restart, ms.
RESTART_MS = 60_000
#: Status codes under which nobody may pass: safety car, red flag, virtual safety car, and that it is ending.
_NEUTRAL = ("4", "5", "6", "7")
_RED = "5"


def intervals_of(recording: Recording, running: Running, frames: Frames) -> pa.Table:
    """Time, place, gap and interval of every car at every twentieth of its laps; none where cars do not race.

    The gap is since the first car was at the same place of the same lap, so it is there for a car a lap down, too.
    """
    schema = columns.INTERVALS.schema
    cars = list(frames.cars) if recording.identity.is_race_like else []
    times = [_passing_ms(car, running, frames) for car in cars]
    points = max(map(len, times), default=0)
    if not points:
        return schema.empty_table()
    at_ms = np.full((len(cars), points), np.inf)
    for index, values in enumerate(times):
        at_ms[index, : len(values)] = np.where(np.isnan(values), np.inf, values)
    order = np.argsort(at_ms, axis=0, kind="stable")
    ordered = np.take_along_axis(at_ms, order, axis=0)
    with np.errstate(invalid="ignore"):
        gap, interval = ordered - ordered[:1], np.diff(ordered, axis=0, prepend=np.nan)
    row, point = np.nonzero(np.isfinite(ordered))
    by_car = np.lexsort((point, order[row, point]))
    row, point = row[by_car], point[by_car]
    car = order[row, point]
    numbers, codes = pa.array(cars), pa.array([_codes(recording)[c] for c in cars])
    arrays = {
        "car": numbers.take(pa.array(car)),
        "driver": codes.take(pa.array(car)),
        "lap": pa.array((point // MINI_SECTORS + 1).astype(np.int16)),
        "mini_sector": pa.array((point % MINI_SECTORS + 1).astype(np.int16)),
        "time_ms": _whole(ordered[row, point] - frames.clock.session_time_origin_ms),
        "position": pa.array((row + 1).astype(np.int16)),
        "gap_ms": _whole(gap[row, point]),
        "interval_ms": _whole(interval[row, point]),
    }
    return pa.table([arrays[name] for name in schema.names], schema=schema)


def _passing_ms(car: str, running: Running, frames: Frames) -> Floats:
    """When a car was at each twentieth of its laps (n,), session ms, NaN where it is not known."""
    progress, ending = running.progress[car], running.endings.get(car)
    if ending is None or ending.never_started or not len(progress.laps):
        return np.empty(0)
    start_ms = start_ms_of(frames.clock)
    until_ms = min(filter(None, (ending.finish_ms, ending.out_ms, float(frames.clock.session_time_ms[-1]))))
    first = np.concatenate([[True], np.diff(progress.laps) > 0])
    reached = float(progress.at(np.array([until_ms]))[0])
    points = np.arange(1, int(reached * MINI_SECTORS + 1e-6) + 1) / MINI_SECTORS
    at_ms: Floats = np.interp(points, progress.laps[first], progress.time_ms[first])
    at_ms[at_ms < max(start_ms, known_from_ms(progress, start_ms))] = np.nan
    return at_ms


def _whole(values: Floats) -> pa.Array:
    absent = np.isnan(values)
    return pa.array(np.rint(np.where(absent, 0, values)).astype(np.int64), mask=absent)


def _codes(recording: Recording) -> dict[str, str]:
    return {driver.number: driver.code for driver in recording.drivers}


@dataclass(frozen=True)
class Changes:
    """Changes of order, (n,) each: ``tick``, and the rows of the cars that ``passes`` and that is ``passed``."""

    tick: NDArray[np.int64]
    passes: NDArray[np.int64]
    passed: NDArray[np.int64]


def timing_points_ms(order: Sequence[int], timings: Sequence[CarTiming | None], start_ms: float) -> Floats:
    """When each car was at the start and at every end of a sector after it, (cars, 1 + 3 laps), NaN where unknown.

    ``order`` holds the cars' places at the start, which stand for times before it; -1 for a car that is not there.
    """
    laps = max((int(own.lap[-1]) for own in timings if own is not None and len(own.lap)), default=0)
    at_ms = np.full((len(timings), 1 + 3 * laps), np.nan)
    for row, (place, own) in enumerate(zip(order, timings, strict=True)):
        if place < 0:
            continue
        at_ms[row, 0] = start_ms - len(order) + place - 1
        if own is None:
            continue
        first = 1 + 3 * (own.lap - 1)
        at_ms[row, first] = own.sector1_end_ms
        at_ms[row, first + 1] = own.sector2_end_ms
        at_ms[row, first + 2] = np.where(own.crossed, own.end_ms, np.nan)
    at_ms[:, 1:][at_ms[:, 1:] <= start_ms] = np.nan
    return at_ms


def changes_of(at_ms: Floats, stopped_ms: Floats, positions: NDArray[np.int8], ticks_ms: NDArray[np.int64]) -> Changes:
    """Return who gets ahead of whom between two timing lines that both cross, by tick.

    Timing lines are exact, coordinates between them are not: ``positions`` (cars, ticks) only say when between two
    lines it was. A car that comes to no line any more is passed by those behind it that do.

    :param at_ms: as :func:`timing_points_ms` makes it.
    :param stopped_ms: (cars,), when each stopped for good, NaN if it did not.
    """
    known = np.isfinite(at_ms)
    last = np.where(known.any(axis=1), at_ms.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1), -1)
    found: list[tuple[int, int, int]] = []
    for first in range(len(at_ms) - 1):
        for second in range(first + 1, len(at_ms)):
            both = np.flatnonzero(known[first] & known[second])
            if not len(both):
                continue
            ahead = at_ms[first, both] < at_ms[second, both]
            turns = np.flatnonzero(ahead[1:] != ahead[:-1]) + 1
            for turn in turns.tolist():
                who, whom = (first, second) if ahead[turn] else (second, first)
                window = at_ms[[first, second], both[turn - 1]].min(), at_ms[whom, both[turn]]
                found.append((_moment(positions, ticks_ms, who, whom, *window), who, whom))
            whom, who = (first, second) if ahead[-1] else (second, first)
            if last[who] > last[whom]:
                begin = at_ms[whom, last[whom]]
                after = at_ms[who, last[whom] + 1 :]
                after = after[after > np.fmax(begin, stopped_ms[whom])]
                window = begin, float(after[0] if len(after) else ticks_ms[-1])
                found.append((_moment(positions, ticks_ms, who, whom, *window), who, whom))
    tick, passes, passed = np.array(sorted(found), np.int64).reshape(-1, 3).T
    return Changes(tick, passes, passed)


def _moment(
    positions: NDArray[np.int8], ticks_ms: NDArray[np.int64], who: int, whom: int, begin_ms: float, end_ms: float
) -> int:
    """The last tick between two moments at which ``who`` gets ahead of ``whom``; the last of all if there is none."""
    begin, end = np.searchsorted(ticks_ms, (begin_ms, end_ms)).tolist()
    end = min(end + 1, len(ticks_ms))
    ahead = positions[who, begin:end] < positions[whom, begin:end]
    turns = np.flatnonzero(ahead[1:] & ~ahead[:-1])
    return int(begin + 1 + turns[-1] if len(turns) else max(end - 1, 0))


def overtakes_of(
    recording: Recording, cleaned: Cleaned, running: Running, frames: Frames, corners: pa.Table
) -> pa.Table:
    """Every change of order between two cars of a race after its start, with its kind and place."""
    schema = columns.OVERTAKES.schema
    start_ms = frames.clock.race_start_ms
    if not recording.identity.is_race_like or start_ms is None or len(frames.cars) < 2:
        return schema.empty_table()
    cars, channels = list(frames.cars), list(frames.cars.values())
    positions = np.stack([car.position for car in channels])
    absent = np.array([running.endings.get(car, Ending()).never_started for car in cars])
    at_start = np.where(absent, -1, positions[:, start_ms // TICK_MS]).tolist()
    at_ms = timing_points_ms(at_start, [cleaned.timing.get(car) for car in cars], start_ms_of(frames.clock))
    stopped_ms = np.array([running.endings.get(car, Ending()).out_ms or np.nan for car in cars])
    found = changes_of(at_ms, stopped_ms, positions, frames.clock.session_time_ms)
    tick, who, whom = found.tick, found.passes, found.passed

    def of_cars(name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        values: NDArray[Any] = np.empty(len(rows), getattr(channels[0], name).dtype)
        for row in np.unique(rows):
            values[rows == row] = getattr(channels[row], name)[tick[rows == row]]
        return values

    codes = [_codes(recording)[car] for car in cars]
    distance_m = of_cars("lap_distance_m", who).astype(np.float64)
    laps = of_cars("lap", who)
    known = np.isfinite(distance_m)
    status = _statuses(frames, tick)
    kinds = _kinds(frames, tick, who, whom, of_cars("state", whom), status)
    arrays = {
        "time_ms": pa.array(tick * TICK_MS),
        "lap": pa.array(laps.astype(np.int16), mask=laps < 0),
        "car": pa.array([cars[row] for row in who], pa.string()),
        "driver": pa.array([codes[row] for row in who], pa.string()),
        "passed_car": pa.array([cars[row] for row in whom], pa.string()),
        "passed_driver": pa.array([codes[row] for row in whom], pa.string()),
        "position": pa.array(of_cars("position", who).astype(np.int16)),
        "kind": pa.array(kinds, pa.string()),
        "lap_distance_m": pa.array(np.where(known, distance_m, 0).astype(np.float32), mask=~known),
        "corner": pa.array(_corners(corners, distance_m), pa.string()),
        "track_status": pa.array(status, pa.string()),
    }
    return pa.table([arrays[name] for name in schema.names], schema=schema)


def _statuses(frames: Frames, tick: NDArray[np.int64]) -> list[str | None]:
    return [None if code < 0 else frames.track_statuses[code] for code in frames.track_status[tick].tolist()]


def _kinds(
    frames: Frames,
    tick: NDArray[np.int64],
    who: NDArray[np.int64],
    whom: NDArray[np.int64],
    state_of_passed: NDArray[Any],
    status: list[str | None],
) -> list[str]:
    """Say how each change of order came about: see the declaration of the table."""
    channels = list(frames.cars.values())
    neutral = np.isin(frames.track_status, [i for i, code in enumerate(frames.track_statuses) if code in _NEUTRAL])
    restarts = np.flatnonzero(neutral[:-1] & ~neutral[1:]) + 1
    since = tick - np.concatenate([[-(10**9)], restarts])[np.searchsorted(restarts, tick, side="right")]
    in_pit = np.zeros(len(tick), np.bool_)
    for row in np.unique(np.concatenate([who, whom])):
        own = (who == row) | (whom == row)
        in_pit[own] |= _pit_laps(channels[row].state, channels[row].lap)[tick[own]]
    kinds = np.full(len(tick), "track", object)
    kinds[since < RESTART_MS // TICK_MS] = "restart"
    kinds[frames.leader_lap[tick] <= 1] = "start"
    kinds[in_pit] = "pit"
    kinds[np.array([code == _RED for code in status], np.bool_)] = "red_flag"
    kinds[np.isin(state_of_passed, (STOPPED, OUT))] = "retirement"
    return [str(kind) for kind in kinds]


def _pit_laps(state: NDArray[np.int8], lap: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mark the ticks (n,) from a car's entry into the pit lane to the end of the lap it comes out on."""
    in_lane: NDArray[np.bool_] = state == PIT
    edges = np.flatnonzero(np.diff(lap, prepend=lap[:1])) if len(lap) else np.empty(0, np.int64)
    ends = np.flatnonzero(in_lane[:-1] & ~in_lane[1:]) + 1
    marked = in_lane.copy()
    until = np.append(edges, len(lap))[np.searchsorted(edges, ends, side="right")]
    for begin, end in zip(ends.tolist(), until.tolist(), strict=True):
        marked[begin:end] = True
    return marked


def _corners(corners: pa.Table, distance_m: Floats) -> list[str | None]:
    """Name the corner nearest along the lap to each distance (n,); None where one of both is not known."""
    rows = [row for row in corners.to_pylist() if row["lap_distance_m"] is not None]
    if not rows:
        return [None] * len(distance_m)
    names = [f"{row['number']}{row['letter'] or ''}" for row in rows]
    apart = np.abs(distance_m[:, None] - np.array([row["lap_distance_m"] for row in rows])[None, :])
    nearest = np.where(np.isnan(distance_m), -1, np.argmin(np.nan_to_num(apart, nan=np.inf), axis=1))
    return [None if index < 0 else names[index] for index in nearest.tolist()]
