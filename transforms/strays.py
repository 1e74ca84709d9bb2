"""Coordinates that cannot be where timing has the car: found once the track and every car's progress are known."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transforms.progress import MAX_OFFSET_M
from transforms.running import Cleaned, Running
from transforms.samples import together
from transforms.states import in_pit

#: When more than this share of a lap's coordinates is astray, the rest of the lap is not believed either.
_LAP_SHARE = 0.5


def stray_samples(
    time_ms: NDArray[np.int64], offset_m: NDArray[np.float64], pit: NDArray[np.bool_], crossings_ms: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Mark samples (n,) farther than :data:`~transforms.progress.MAX_OFFSET_M` from where timing has the car.

    Only between the first and the last of ``crossings_ms`` (m,), where the place along the lap is known well, and
    outside the pit lane and its garages.
    """
    stray = np.zeros(len(time_ms), np.bool_)
    if len(crossings_ms) < 2:
        return stray
    lap = np.searchsorted(crossings_ms, time_ms, side="right")
    inside = (lap > 0) & (lap < len(crossings_ms)) & ~pit
    stray = inside & (np.abs(offset_m) > MAX_OFFSET_M)
    if stray.any():
        count = np.bincount(lap[inside], minlength=len(crossings_ms) + 1)
        astray = np.bincount(lap[stray], minlength=len(crossings_ms) + 1)
        stray |= inside & (astray[lap] > _LAP_SHARE * count[lap])
    return stray


def without_strays(cleaned: Cleaned, running: Running) -> tuple[Cleaned, Running]:
    """Return both without coordinates that are astray; how many they were is among the findings."""
    positions, offsets, findings = dict(cleaned.positions), dict(running.offsets_m), dict(cleaned.findings)
    for car, feed in cleaned.positions.items():
        offset = running.offsets_m.get(car)
        if offset is None or len(offset) != len(feed.time_ms):
            continue
        pit = in_pit(cleaned.timing.get(car), feed.time_ms, starts_in_pit=False)
        stray = stray_samples(feed.time_ms, offset, pit, running.anchors[car].time_ms)
        if stray.any():
            positions[car], offsets[car] = feed.keep(~stray), offset[~stray]
            findings[car] = together(findings[car], {"position_off_track": int(stray.sum())})
    return replace(cleaned, positions=positions, findings=findings), replace(running, offsets_m=offsets)
