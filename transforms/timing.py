"""What timing says of every car: line crossings, pit visits, tyres, and how its session ends.

All times are milliseconds of session time, float64 with NaN where unknown.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Begin and end of a stretch of time, session ms.
Span = tuple[float, float]

#: Two crossings of the line by one car closer than this are one reported twice, ms. No lap is so short, but the
#: line may be crossed twice within seconds around a red flag.
MIN_LAP_MS = 5_000
#: A car of a recording that was cut has stopped for good if it stood for this long by then, ms: no pit stop is so long.
STOOD_MS = 120_000.0
#: The session status says "Finished" within this of the leader's crossing, ms.
FLAG_WINDOW_MS = 15_000
#: Result states of cars that were still racing at the end; everything else but a position is a retirement or worse.
_NOT_STARTED = ("did not start", "withdrew", "withdrawn", "did not qualify", "did not prequalify")


@dataclass(frozen=True)
class CarTiming:
    """One car's timing, shape (n,) each, ordered by lap number.

    ``lap`` int64 numbers; ``start_ms``, ``end_ms``, ``lap_time_ms``, ``pit_in_ms``, ``pit_out_ms`` float64, NaN where
    unknown;
    ``crossed`` whether ``end_ms`` is a real crossing of the line (not generated, in order, long enough);
    ``sector1_end_ms``, ``sector2_end_ms`` as the upstream says.
    """

    lap: NDArray[np.int64]
    start_ms: Floats
    end_ms: Floats
    pit_in_ms: Floats
    pit_out_ms: Floats
    sector1_end_ms: Floats
    sector2_end_ms: Floats
    lap_time_ms: Floats
    crossed: NDArray[np.bool_]

    @property
    def crossing_laps(self) -> NDArray[np.int64]:
        """Numbers of the laps ended by a real crossing, ascending."""
        return self.lap[self.crossed]

    @property
    def crossing_ms(self) -> Floats:
        """Times of the real crossings, ascending."""
        return self.end_ms[self.crossed]

    @property
    def flying(self) -> NDArray[np.int64]:
        """Rows (m,) of the laps that begin and end with a real crossing: ``end_ms`` of the row before is the start."""
        return np.flatnonzero(self.crossed[1:] & self.crossed[:-1] & (np.diff(self.lap) == 1)) + 1


def _column_ms(laps: pa.Table, name: str) -> Floats:
    values: Floats = laps[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def real_crossings(end_ms: Floats, start_ms: Floats, generated: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark which laps (n,), in order, end in a crossing of the line that can be believed.

    A crossing is left out when FastF1 generated the lap or its time is unknown. Of the others the largest set is taken
    whose times rise by at least :data:`MIN_LAP_MS` a lap, so that one wrong time costs no right ones; a lap that ends
    before it starts counts half, for either of its times may be the wrong one.
    """
    good = np.zeros(len(end_ms), np.bool_)
    candidates = np.flatnonzero(~generated & np.isfinite(end_ms))
    if not len(candidates):
        return good
    times = end_ms[candidates]
    worth = np.where(times < start_ms[candidates], 0.5, 1.0)
    best = worth.copy()
    before = np.full(len(times), -1)
    for index in range(1, len(times)):
        earlier = np.flatnonzero(times[:index] <= times[index] - MIN_LAP_MS)
        if len(earlier):
            previous = earlier[np.argmax(best[earlier])]
            best[index] += best[previous]
            before[index] = previous
    index = int(np.argmax(best))
    while index >= 0:
        good[candidates[index]] = True
        index = int(before[index])
    return good


def read_timing(laps: pa.Table) -> dict[str, CarTiming]:
    """Split a laps table (:data:`transforms.columns.RECORDED_LAPS`, session time) into one :class:`CarTiming` per car.

    A lap number that appears twice keeps its last complete row.
    """
    if laps.num_rows == 0:
        return {}
    cars = np.asarray(laps["car"].to_pylist())
    lap = laps["lap"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    generated = np.asarray([bool(v) for v in laps["generated"].to_pylist()])
    names = ("start_ms", "end_ms", "pit_in_ms", "pit_out_ms", "sector1_end_ms", "sector2_end_ms", "lap_time_ms")
    values = {name: _column_ms(laps, name) for name in names}
    timing = {}
    for car in dict.fromkeys(cars.tolist()):
        rows = np.flatnonzero((cars == car) & np.isfinite(lap))
        rows = _one_row_a_lap(rows, lap[rows].astype(np.int64), values["end_ms"][rows], generated[rows])
        if not len(rows):
            continue
        numbers = lap[rows].astype(np.int64)
        own = {name: column[rows] for name, column in values.items()}
        timing[car] = CarTiming(
            lap=numbers, crossed=real_crossings(own["end_ms"], own["start_ms"], generated[rows]), **own
        )
    return timing


def _one_row_a_lap(
    rows: NDArray[np.int64], lap: NDArray[np.int64], end_ms: Floats, generated: NDArray[np.bool_]
) -> NDArray[np.int64]:
    best: dict[int, tuple[bool, int]] = {}
    for row, number, complete in zip(rows, lap, np.isfinite(end_ms) & ~generated, strict=True):
        if number not in best or bool(complete) >= best[number][0]:
            best[int(number)] = (bool(complete), int(row))
    return np.array([best[number][1] for number in sorted(best)], np.int64)


@dataclass(frozen=True)
class Ending:
    """How a car's race ends: one of the times is set, or ``never_started``.

    ``finish_ms``: it took the chequered flag; ``out_ms``: it stopped for good. Nothing is set where the recording was
    cut while the car was still racing.
    """

    finish_ms: float | None = None
    out_ms: float | None = None
    never_started: bool = False


def flag_ms(timing: dict[str, CarTiming], finished_ms: float | None, total_laps: int | None) -> float | None:
    """Time of the chequered flag: when the leader ended the race. None without crossings.

    The leader is the first car to complete the most laps: of the crossings around ``finished_ms`` (the session status)
    where that is known, so that a lap counted twice elsewhere does not matter; else of all up to ``total_laps``.
    """
    laps = np.concatenate([car.crossing_laps for car in timing.values()] or [np.empty(0, np.int64)])
    times = np.concatenate([car.crossing_ms for car in timing.values()] or [np.empty(0)])
    if not len(laps):
        return None
    near = np.abs(times - finished_ms) <= FLAG_WINDOW_MS if finished_ms is not None else np.zeros(len(laps), np.bool_)
    if not near.any():
        near = laps <= total_laps if total_laps is not None else np.ones(len(laps), np.bool_)
    last = near & (laps == laps[near].max())
    return float(times[last].min())


def race_endings(
    cars: list[str],
    timing: dict[str, CarTiming],
    results: pa.Table,
    last_motion_ms: dict[str, float],
    start_ms: float,
    flag: float | None,
    cut_ms: float | None = None,
) -> dict[str, Ending]:
    """Decide for every car of a race whether and when it finished, stopped for good, or never started.

    A car finished if it crossed the line at or after ``flag`` (:func:`flag_ms`). One that did not is out from its last
    motion (``last_motion_ms``, from telemetry) or, without telemetry, from its last sign in timing. It never started if
    it has no crossing and the results say so, or if it has no crossing and never moved after ``start_ms``.

    Where the recording ends before the race, at ``cut_ms``, a car has only stopped for good if it stood for
    :data:`STOOD_MS` by then, or if the result knows no lap more of it.
    """
    by_car = {row["car"]: row for row in results.to_pylist()}
    endings = {}
    for car in cars:
        own = timing.get(car)
        result = by_car.get(car, {})
        crossings = own.crossing_ms if own is not None else np.empty(0)
        if flag is not None and len(crossings) and crossings[-1] >= flag:
            endings[car] = Ending(finish_ms=float(crossings[crossings >= flag][0]))
        elif not len(crossings) and _never_started(result, last_motion_ms.get(car), start_ms, own):
            endings[car] = Ending(never_started=True)
        elif cut_ms is not None and not _had_stopped(own, last_motion_ms.get(car), result, cut_ms):
            endings[car] = Ending()
        else:
            endings[car] = Ending(out_ms=_out_ms(own, last_motion_ms.get(car), start_ms, flag))
    return endings


def _had_stopped(own: CarTiming | None, last_motion_ms: float | None, result: dict[str, Any], cut_ms: float) -> bool:
    """Whether a car had stopped for good when the recording was cut at ``cut_ms``."""
    completed = int(own.crossing_laps[-1]) if own is not None and len(own.crossing_laps) else 0
    if result.get("laps") is not None:
        return bool(result["laps"] <= completed)
    return last_motion_ms is not None and cut_ms - last_motion_ms >= STOOD_MS


def _never_started(
    result: dict[str, Any], last_motion_ms: float | None, start_ms: float, own: CarTiming | None
) -> bool:
    status = str(result.get("status") or "").lower()
    if status in _NOT_STARTED or result.get("classified") in ("W", "F"):
        return True
    if last_motion_ms is not None:
        return last_motion_ms <= start_ms
    return own is None


def _out_ms(own: CarTiming | None, last_motion_ms: float | None, start_ms: float, flag: float | None) -> float:
    signs = [start_ms]
    if own is not None:
        signs += [float(t) for t in own.crossing_ms[-1:]]
        pits = own.pit_in_ms[np.isfinite(own.pit_in_ms)]
        signs += [float(t) for t in pits[-1:]]
    earliest = max(signs)
    if last_motion_ms is None:
        # Without telemetry the last lap's end is all there is (FastF1 assumes one for cars that stop on track).
        ends = own.end_ms[np.isfinite(own.end_ms)] if own is not None else np.empty(0)
        return max(earliest, float(ends[-1])) if len(ends) else earliest
    out = max(earliest, last_motion_ms)
    return min(out, flag) if flag is not None and flag > earliest else out
