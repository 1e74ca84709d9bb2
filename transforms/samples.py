"""Cleaning native samples: what a car cannot have done is taken out and counted, nothing is put in.

FastF1 fills samples that were not sent with zeros (X = Y = Z = 0 and OffTrack; speed, rpm and gear 0); those are gaps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transforms.interpolate import MAX_GAP_MS
from transforms.recording import CarSamples, PositionSamples

#: No car covers more than this, m/s (the fastest recorded top speed is 103 m/s, Bottas, Mexico 2016)...
MAX_SPEED_MPS = 120.0
#: ...beyond the error of one sample: coordinates lag their time stamp by up to a message, m.
POSITION_SLACK_M = 20.0
#: A car measured faster than this cannot stand at one coordinate, km/h.
FROZEN_SPEED_KMH = 30.0
#: Fewer samples than this between two impossible steps are noise, not a car, about a second.
MIN_STRETCH = 5
#: Coordinates that stay the same for longer than this while the car moves are a frozen feed, ms.
FROZEN_MS = 1000
#: Standing cars switch their electronics off, which also reads as zeros; a car this slow may be about to, km/h.
STANDING_KMH = 30.0
#: A car slower than this does not drive, km/h: marshals pushing or a crane are slower too.
DRIVING_KMH = 10.0
#: No car gains more speed than this, m/s² (driven wheels in the recorded sessions: 21 over a second at most)...
MAX_GAIN_MPS2 = 25.0
#: ...nor brakes harder, m/s² (6 g, as drivers and brake makers put it); only a crash does, with a drive before it.
MAX_BRAKING_MPS2 = 60.0
#: Motion for no longer than this, ms, with none for :data:`QUIET_MS` before and after it, is no drive unless a car
#: could have come to it and from it.
ALONE_MS = 1000
QUIET_MS = 2000
#: Gears a car has; the upstream sends other numbers while a gear is changing.
MAX_GEAR = 8
#: Throttle above this is the upstream's "not known" (104).
MAX_THROTTLE_PERCENT = 100.0


#: How many samples of one car were treated, by kind of fault; kinds that were not found are left out.
Findings = Mapping[str, int]


def together(*findings: Findings) -> Findings:
    """Return ``findings`` of one car added up."""
    kinds = sorted({kind for found in findings for kind in found})
    counts = {kind: sum(found.get(kind, 0) for found in findings) for kind in kinds}
    return {kind: count for kind, count in counts.items() if count}


@dataclass(frozen=True)
class CleanCar:
    """Car data with gaps: samples ascending in time; NaN or -1 marks a value that is not known.

    ``time_ms`` int64; ``speed_kmh``, ``rpm``, ``throttle_percent`` float64; ``gear``, ``brake``, ``drs`` int8 (drs None
    where the upstream has none).
    """

    time_ms: NDArray[np.int64]
    speed_kmh: NDArray[np.float64]
    rpm: NDArray[np.float64]
    throttle_percent: NDArray[np.float64]
    gear: NDArray[np.int8]
    brake: NDArray[np.int8]
    drs: NDArray[np.int8] | None


@dataclass(frozen=True)
class CleanPositions:
    """Coordinates that can be believed, ascending in time; between two of them across ``breaks`` nothing is known.

    ``breaks`` (n - 1,) bool marks steps no car can have made.
    """

    time_ms: NDArray[np.int64]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    z_m: NDArray[np.float64]
    on_track: NDArray[np.bool_]
    breaks: NDArray[np.bool_]

    def keep(self, mask: NDArray[np.bool_]) -> "CleanPositions":
        """Return only the samples of ``mask``; a break between two kept samples stays one."""
        kept = np.flatnonzero(mask)
        before = np.concatenate([[0], np.cumsum(self.breaks)])
        breaks = np.diff(before[kept]) > 0
        return CleanPositions(
            self.time_ms[kept], self.x_m[kept], self.y_m[kept], self.z_m[kept], self.on_track[kept], breaks
        )


def _count(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def _ascending(time_ms: NDArray[np.int64], feed: str) -> tuple[NDArray[np.int64], Findings]:
    """Indices that order samples by time, the last of several with one time stamp kept; and what was found."""
    order = np.argsort(time_ms, kind="stable")
    last = np.append(np.diff(time_ms[order]) > 0, True)[: len(order)]
    found = {f"{feed}_out_of_order": _count(np.diff(time_ms) < 0), f"{feed}_duplicate_time": _count(~last)}
    kept: NDArray[np.int64] = order[last]
    return kept, found


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First index and one past the last of every run of True in ``mask``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return edges[::2], edges[1::2]


def clean_car(samples: CarSamples) -> tuple[CleanCar, Findings]:
    """Return car data in order, FastF1's zero fill and impossible values turned into gaps; and what was found."""
    order, found = _ascending(samples.time_ms, "car")
    alone = isolated_motion(samples.time_ms[order], samples.speed_kmh[order])
    order = order[~alone]
    car = replace(
        samples,
        **{
            name: getattr(samples, name)[order]
            for name in ("time_ms", "speed_kmh", "rpm", "throttle_percent", "gear", "brake")
        },
        drs=None if samples.drs is None else samples.drs[order],
    )
    filled = zero_filled(car)
    negative = (car.speed_kmh < 0) | (car.rpm < 0) | (car.throttle_percent < 0)
    gear = np.where(filled | (car.gear < 0) | (car.gear > MAX_GEAR), -1, car.gear).astype(np.int8)
    throttle = np.where(
        filled | (car.throttle_percent < 0) | (car.throttle_percent > MAX_THROTTLE_PERCENT),
        np.nan,
        car.throttle_percent,
    )
    treated = {
        "car_isolated_speed": _count(alone),
        "car_zero_fill": _count(filled),
        "car_negative": _count(negative & ~filled),
        "car_impossible_gear": _count((gear < 0) & ~filled),
        "car_unknown_throttle": _count((car.throttle_percent > MAX_THROTTLE_PERCENT) & ~filled),
    }
    clean = CleanCar(
        time_ms=car.time_ms,
        speed_kmh=np.where(filled | (car.speed_kmh < 0) | (car.speed_kmh > MAX_SPEED_MPS * 3.6), np.nan, car.speed_kmh),
        rpm=np.where(filled | (car.rpm < 0), np.nan, car.rpm),
        throttle_percent=throttle,
        gear=gear,
        brake=np.where(filled, -1, car.brake).astype(np.int8),
        drs=None if car.drs is None else np.where(filled, -1, car.drs).astype(np.int8),
    )
    return clean, together(found, treated)


def isolated_motion(time_ms: NDArray[np.int64], speed_kmh: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark samples (n,), ascending in time, of motion that no car can have come to, nor come to rest from.

    That is motion for at most :data:`ALONE_MS` and none near it, next to samples at rest which it is too fast for, to
    silence, or to nothing.
    """
    alone = np.zeros(len(time_ms), np.bool_)
    first, last = drives(time_ms, speed_kmh >= DRIVING_KMH)
    if not len(first):
        return alone
    begin, end = time_ms[first], time_ms[last]
    quiet = np.concatenate([[QUIET_MS], begin[1:] - end[:-1]]) >= QUIET_MS
    quiet &= np.concatenate([begin[1:] - end[:-1], [QUIET_MS]]) >= QUIET_MS
    for at in np.flatnonzero(quiet & (end - begin <= ALONE_MS)):
        one, other = first[at], last[at]
        if one == 0 and other == len(time_ms) - 1:
            # There is nothing that it is far from.
            continue
        come = one == 0 or _unreachable(time_ms[one] - time_ms[one - 1], speed_kmh[one], MAX_GAIN_MPS2)
        gone = other == len(time_ms) - 1 or _unreachable(
            time_ms[other + 1] - time_ms[other], speed_kmh[other], MAX_BRAKING_MPS2
        )
        alone[one : other + 1] = come and gone
    return alone


def _unreachable(step_ms: float, speed_kmh: float, limit_mps2: float) -> bool:
    """Whether a sample at rest so near tells that no car drove at this speed, or lies too far away to tell anything."""
    return step_ms > MAX_GAP_MS or (speed_kmh - DRIVING_KMH) / 3.6 > limit_mps2 * step_ms / 1000.0


def drives(time_ms: NDArray[np.int64], driving: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last sample (m,) of every stretch of ``driving`` (n,) without a silence in it.

    A feed that sends less often than :data:`~transforms.interpolate.MAX_GAP_MS` is silent where it is so for three
    times its usual step.
    """
    if len(time_ms) < 2:
        single = np.flatnonzero(driving)
        return single, single
    step_ms = np.diff(time_ms)
    together_ = driving[1:] & driving[:-1] & (step_ms <= max(MAX_GAP_MS, 3 * float(np.median(step_ms))))
    first = np.flatnonzero(driving & ~np.concatenate([[False], together_]))
    last = np.flatnonzero(driving & ~np.concatenate([together_, [False]]))
    return first, last


def zero_filled(car: CarSamples) -> NDArray[np.bool_]:
    """Mark the samples FastF1 made up, shape (n,): all channels zero in a run that a moving car entered or left.

    A run of zeros between two standing samples is a car with its electronics off, and real.
    """
    zero = (car.speed_kmh == 0) & (car.rpm == 0) & (car.gear == 0)
    filled = np.zeros(len(zero), np.bool_)
    first, end = _runs(zero)
    if not len(first):
        return filled
    before = np.where(first > 0, car.speed_kmh[np.maximum(first - 1, 0)], 0.0)
    after = np.where(end < len(zero), car.speed_kmh[np.minimum(end, len(zero) - 1)], 0.0)
    filled[zero] = np.repeat(np.maximum(before, after) > STANDING_KMH, end - first)
    return filled


def clean_positions(samples: PositionSamples, car: CleanCar | None) -> tuple[CleanPositions, Findings]:
    """Return coordinates in order, without zero fill, spikes and frozen stretches, impossible steps marked as breaks;
    and what was found."""
    order, found = _ascending(samples.time_ms, "position")
    zero = (samples.x_m == 0) & (samples.y_m == 0) & (samples.z_m == 0)
    order = order[~zero[order]]
    time_ms, x_m, y_m = samples.time_ms[order], samples.x_m[order], samples.y_m[order]
    spikes = _spikes(time_ms, x_m, y_m)
    frozen = np.zeros(len(order), np.bool_) if car is None else _frozen(time_ms, x_m, y_m, car) & ~spikes
    kept = order[~spikes & ~frozen]
    alone = _isolated_places(samples.time_ms[kept], samples.x_m[kept], samples.y_m[kept])
    kept = kept[~alone]
    breaks = _impossible_steps(samples.time_ms[kept], samples.x_m[kept], samples.y_m[kept])
    lonely = _lonely(breaks, len(kept))
    kept = kept[~lonely]
    time_ms, x_m, y_m = samples.time_ms[kept], samples.x_m[kept], samples.y_m[kept]
    breaks = _impossible_steps(time_ms, x_m, y_m)
    treated = {
        "position_zero_fill": _count(zero),
        "position_spike": _count(spikes),
        "position_isolated": _count(alone),
        "position_frozen": _count(frozen),
        "position_unconnected": _count(lonely),
        "position_jump": _count(breaks),
    }
    clean = CleanPositions(time_ms, x_m, y_m, samples.z_m[kept], samples.on_track[kept], breaks)
    return clean, together(found, treated)


def _impossible_steps(
    time_ms: NDArray[np.int64], x_m: NDArray[np.floating], y_m: NDArray[np.floating]
) -> NDArray[np.bool_]:
    reach_m = MAX_SPEED_MPS * np.diff(time_ms) / 1000.0 + POSITION_SLACK_M
    return np.hypot(np.diff(x_m), np.diff(y_m)) > reach_m


def _lonely(breaks: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Samples, (count,), in a stretch between two impossible steps that is too short to be believed."""
    stretch = np.concatenate([[0], np.cumsum(breaks)])[:count]
    sizes = np.bincount(stretch, minlength=1)
    return (sizes < MIN_STRETCH)[stretch] if sizes.max(initial=0) >= MIN_STRETCH else np.zeros(count, np.bool_)


def _spikes(time_ms: NDArray[np.int64], x_m: NDArray[np.floating], y_m: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Samples that cannot be reached from the one before nor left for the one after, while those two agree."""
    spikes = np.zeros(len(time_ms), np.bool_)
    if len(time_ms) < 3:
        return spikes
    bad = _impossible_steps(time_ms, x_m, y_m)
    across_m = np.hypot(x_m[2:] - x_m[:-2], y_m[2:] - y_m[:-2])
    agree = across_m <= MAX_SPEED_MPS * (time_ms[2:] - time_ms[:-2]) / 1000.0 + POSITION_SLACK_M
    spikes[1:-1] = bad[:-1] & bad[1:] & agree
    return spikes


def _isolated_places(
    time_ms: NDArray[np.int64], x_m: NDArray[np.floating], y_m: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Samples for at most :data:`ALONE_MS` away from where a car rests before, and after unless nothing comes."""
    alone = np.zeros(len(time_ms), np.bool_)
    if len(time_ms) < 2:
        return alone
    step_m = np.hypot(np.diff(x_m), np.diff(y_m))
    driven_m = np.concatenate([[0.0], np.cumsum(step_m)])
    cuts = np.concatenate([[0], np.flatnonzero(step_m > POSITION_SLACK_M) + 1, [len(time_ms)]])
    begin, end = cuts[:-1], cuts[1:]
    tried = (time_ms[end - 1] - time_ms[begin] <= ALONE_MS) & (begin > 0)
    begin, end = begin[tried], end[tried]
    # At rest the errors of single samples do not add up to more than that of one.
    earlier = np.searchsorted(time_ms, time_ms[begin - 1] - QUIET_MS)
    rested = driven_m[begin - 1] - driven_m[earlier] <= POSITION_SLACK_M
    begin, end = begin[rested], end[rested]
    after = np.minimum(end, len(time_ms) - 1)
    later = np.searchsorted(time_ms, time_ms[after] + QUIET_MS, side="right") - 1
    back_m = np.hypot(x_m[after] - x_m[begin - 1], y_m[after] - y_m[begin - 1])
    rests_on = (back_m <= POSITION_SLACK_M) & (driven_m[later] - driven_m[after] <= POSITION_SLACK_M)
    for first, stop in zip(*((edge[rests_on | (end == len(time_ms))]) for edge in (begin, end)), strict=True):
        alone[first:stop] = True
    return alone


def _frozen(
    time_ms: NDArray[np.int64], x_m: NDArray[np.floating], y_m: NDArray[np.floating], car: CleanCar
) -> NDArray[np.bool_]:
    """Samples in a stretch where the coordinates stand still for long while the measured speed says otherwise."""
    frozen = np.zeros(len(time_ms), np.bool_)
    if len(time_ms) < 2 or not np.isfinite(car.speed_kmh).any():
        return frozen
    same = (np.diff(x_m) == 0) & (np.diff(y_m) == 0)
    first, end = _runs(same)
    known = np.isfinite(car.speed_kmh)
    car_ms, speed = car.time_ms[known], car.speed_kmh[known]
    for begin, stop in zip(first, end, strict=True):
        if time_ms[stop] - time_ms[begin] <= FROZEN_MS:
            continue
        lo, hi = np.searchsorted(car_ms, (time_ms[begin], time_ms[stop]))
        if hi > lo and np.median(speed[lo:hi]) > FROZEN_SPEED_KMH:
            # The first sample of the run was where the car really was.
            frozen[begin + 1 : stop + 1] = True
    return frozen
