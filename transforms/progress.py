"""How far every car has come at any time: laps completed plus the fraction of the own lap.

The fraction is distance along the own lap, from projection on the outline carried between samples by measured speed,
and anchored at the official line crossings. Without telemetry it is time between crossings and sector lines.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.samples import CleanCar, CleanPositions
from transforms.timing import MIN_LAP_MS, CarTiming
from transforms.track import Track, project

Floats = NDArray[np.float64]

#: A car this far from the outline is in a garage or its coordinates are wrong, m; the widest run-off areas and pit
#: lanes are closer.
MAX_OFFSET_M = 150.0
#: Distance between grid slots, m (FIA Sporting Regulations, 8 m), and from the line to the first one.
GRID_SLOT_M = 8.0
#: Sensors of standing cars read up to this, which would add up to hundreds of metres under a red flag, m/s.
STANDING_MPS = 1.5
#: Length of a lap assumed where there is no track, only to turn a grid slot into a part of a lap, m.
_NOMINAL_LAP_M = 5000.0
#: Shares of the lap time at the ends of sectors 1 and 2 where no lap tells.
_SECTOR_SHARES = (1 / 3, 2 / 3)


@dataclass(frozen=True)
class Anchors:
    """Times (n,) session ms and laps completed (n,) at which a car's progress is known from timing; both ascending."""

    time_ms: Floats
    laps: Floats


@dataclass(frozen=True)
class Progress:
    """One car's progress: ``laps`` (n,) completed plus fraction, non-decreasing, at ascending ``time_ms`` (n,)."""

    time_ms: Floats
    laps: Floats

    def at(self, time_ms: NDArray[np.floating | np.integer]) -> Floats:
        """Progress at ``time_ms`` (m,), linear between knots, constant outside."""
        if not len(self.time_ms):
            return np.zeros(len(time_ms))
        laps: Floats = np.interp(time_ms, self.time_ms, self.laps)
        return laps


def race_anchors(own: CarTiming | None, start_ms: float, start_laps: float) -> Anchors:
    """Anchors of a race: the start (``start_laps``, a little below zero: the grid slot) and every real crossing.

    Where the record of a lap is missing, its end is the start of the next one.
    """
    if own is None:
        return Anchors(np.array([start_ms]), np.array([start_laps]))
    ends, numbers = own.crossing_ms, own.crossing_laps
    before = np.concatenate([[start_ms], ends[:-1]])
    begins = own.start_ms[own.crossed]
    missing = ~np.isin(numbers - 1, own.lap) & (numbers > 1)
    missing &= (begins >= before + MIN_LAP_MS) & (begins <= ends - MIN_LAP_MS)
    times = np.concatenate([ends, begins[missing]])
    laps = np.concatenate([numbers, numbers[missing] - 1]).astype(np.float64)
    order = np.argsort(times, kind="stable")
    order = order[times[order] > start_ms]
    return Anchors(np.concatenate([[start_ms], times[order]]), np.concatenate([[start_laps], laps[order]]))


def crossing_anchors(own: CarTiming | None) -> Anchors:
    """Anchors of any other session: the real crossings alone."""
    if own is None:
        return Anchors(np.empty(0), np.empty(0))
    return Anchors(own.crossing_ms, own.crossing_laps.astype(np.float64))


def sector_shares(timing: dict[str, CarTiming]) -> tuple[float, float]:
    """Median shares of the lap time at which sectors 1 and 2 end, over all laps that tell; (1/3, 2/3) if none does."""
    shares: list[Floats] = []
    for own in timing.values():
        flying = own.flying
        begin = own.end_ms[flying - 1]
        into = np.stack([own.sector1_end_ms[flying] - begin, own.sector2_end_ms[flying] - begin])
        shares.append((into / (own.end_ms[flying] - begin)).astype(np.float64))
    every = np.concatenate(shares, axis=1) if shares else np.empty((2, 0))
    valid = np.isfinite(every).all(axis=0) & (every[0] > 0) & (every[0] < every[1]) & (every[1] < 1)
    if not valid.any():
        return _SECTOR_SHARES
    return float(np.median(every[0, valid])), float(np.median(every[1, valid]))


def from_timing(anchors: Anchors, own: CarTiming | None, shares: tuple[float, float]) -> Progress:
    """Progress from timing alone: linear in time between crossings and, where known, the ends of sectors."""
    times, laps = [anchors.time_ms], [anchors.laps]
    if own is not None:
        for ends, share in ((own.sector1_end_ms, shares[0]), (own.sector2_end_ms, shares[1])):
            known = np.isfinite(ends)
            times.append(ends[known])
            laps.append((own.lap[known] - 1 + share).astype(np.float64))
    return _non_decreasing(np.concatenate(times), np.concatenate(laps), anchors)


def _non_decreasing(time_ms: Floats, laps: Floats, anchors: Anchors) -> Progress:
    """Order knots by time, hold each between the anchors around it, and let none fall behind the one before."""
    if not len(time_ms):
        return Progress(time_ms, laps)
    order = np.lexsort((laps, time_ms))
    time_ms, laps = time_ms[order], laps[order]
    if len(anchors.time_ms):
        index = np.searchsorted(anchors.time_ms, time_ms, side="right") - 1
        floor = np.where(index >= 0, anchors.laps[np.maximum(index, 0)], -np.inf)
        ahead = np.searchsorted(anchors.time_ms, time_ms, side="left")
        ceiling = np.where(ahead < len(anchors.laps), anchors.laps[np.minimum(ahead, len(anchors.laps) - 1)], np.inf)
        # After the last crossing a car is on a lap it does not complete.
        ceiling = np.where(np.isinf(ceiling) & (index >= 0), floor + 1 - 1e-9, ceiling)
        laps = np.clip(laps, floor, np.maximum(ceiling, floor))
    return Progress(time_ms, np.maximum.accumulate(laps))


def travelled_m(car: CleanCar | None, positions: CleanPositions | None) -> tuple[Floats, Floats] | None:
    """Distance driven since the first sample: times (n,) ms and metres (n,), from speed, else from coordinates."""
    if car is not None:
        known = np.isfinite(car.speed_kmh)
        if known.sum() > 1:
            time_ms, speed = car.time_ms[known].astype(np.float64), car.speed_kmh[known] / 3.6
            speed[speed < STANDING_MPS] = 0.0
            step = (speed[1:] + speed[:-1]) / 2 * np.diff(time_ms) / 1000.0
            return time_ms, np.concatenate([[0.0], np.cumsum(step)])
    if positions is not None and len(positions.time_ms) > 1:
        step = np.hypot(np.diff(positions.x_m), np.diff(positions.y_m))
        return positions.time_ms.astype(np.float64), np.concatenate(
            [[0.0], np.cumsum(np.where(positions.breaks, 0.0, step))]
        )
    return None


def expected_laps(anchors: Anchors, time_ms: Floats, driven: tuple[Floats, Floats], length_m: float) -> Floats:
    """Progress (n,) at ``time_ms`` (n,) from distance driven, stretched so that it fits every anchor.

    Before the first and after the last anchor the distance is taken as measured.
    """
    metres = np.interp(time_ms, *driven)
    if not len(anchors.time_ms):
        return (metres - metres[0]) / length_m if len(metres) else metres
    at_anchor = np.interp(anchors.time_ms, *driven)
    index = np.clip(np.searchsorted(anchors.time_ms, time_ms, side="right") - 1, 0, len(at_anchor) - 1)
    gone = metres - at_anchor[index]
    following = np.minimum(index + 1, len(at_anchor) - 1)
    span_m = at_anchor[following] - at_anchor[index]
    span_laps = anchors.laps[following] - anchors.laps[index]
    rate = np.where(span_m > 1.0, span_laps / np.maximum(span_m, 1.0), 1.0 / length_m)
    return anchors.laps[index] + gone * rate


def from_telemetry(
    anchors: Anchors, car: CleanCar | None, positions: CleanPositions | None, track: Track
) -> tuple[Progress, Floats] | None:
    """Progress from telemetry and, per position sample (n,), how far it lies from the outline (metres, left positive).

    None where the car has no usable telemetry.
    """
    driven = travelled_m(car, positions)
    if driven is None:
        return None
    if positions is None or len(positions.time_ms) < 2:
        times = driven[0]
        knots = _with_anchors(times, expected_laps(anchors, times, driven, track.length_m), anchors)
        return knots, np.empty(0)
    sample_ms = positions.time_ms.astype(np.float64)
    expected = expected_laps(anchors, sample_ms, driven, track.length_m) * track.length_m
    distance, offset = project(track, positions.x_m, positions.y_m, expected)
    good = np.abs(offset) <= MAX_OFFSET_M
    if good.sum() < 2:
        times = driven[0]
        return _with_anchors(times, expected_laps(anchors, times, driven, track.length_m), anchors), offset
    deviation = _anchored(
        sample_ms[good], expected[good] / track.length_m, (distance - expected)[good] / track.length_m, anchors
    )
    times = np.union1d(driven[0], sample_ms)
    laps = expected_laps(anchors, times, driven, track.length_m) + np.interp(times, sample_ms[good], deviation)
    return _with_anchors(times, laps, anchors), offset


def _anchored(sample_ms: Floats, expected: Floats, deviation: Floats, anchors: Anchors) -> Floats:
    """Take out of ``deviation`` (n,), laps, what it is at the anchors.

    In between in proportion to the ``expected`` (n,) laps, not to time: a car that stands must not creep.
    """
    if not len(anchors.time_ms):
        return deviation
    residual = np.interp(anchors.time_ms, sample_ms, deviation)
    return deviation - np.interp(expected, anchors.laps, residual)


def _with_anchors(times: Floats, laps: Floats, anchors: Anchors) -> Progress:
    return _non_decreasing(np.concatenate([times, anchors.time_ms]), np.concatenate([laps, anchors.laps]), anchors)


def grid_laps(slot: int, length_m: float | None) -> float:
    """Progress of a grid slot (1 is pole): its distance behind the line as a part of a lap, negative."""
    return -slot * GRID_SLOT_M / (length_m or _NOMINAL_LAP_M)
