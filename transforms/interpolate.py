"""From native samples to the common clock, only across gaps a car could not have hidden in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Longest gap that is interpolated across, and longest time a held value is kept, ms. The feeds send every 200-300 ms
#: and stall for up to 1.36 s several times a race, for all cars at once; a longer silence is a fault of its own.
MAX_GAP_MS = 1500


@dataclass(frozen=True)
class Bracket:
    """Where ticks fall between samples, computed once for all channels of a feed.

    ``left`` (ticks,) index of the last sample at or before the tick, -1 before the first; ``weight`` (ticks,) how far
    towards the next one, 0 to 1; ``covered`` (ticks,) whether a value may be interpolated there.
    """

    left: NDArray[np.int64]
    weight: NDArray[np.float64]
    covered: NDArray[np.bool_]


def bracket(
    time_ms: NDArray[np.int64],
    ticks_ms: NDArray[np.int64],
    *,
    breaks: NDArray[np.bool_] | None = None,
    max_gap_ms: int = MAX_GAP_MS,
) -> Bracket:
    """Place ``ticks_ms`` (ticks,) between ascending sample times (n,); nothing is covered outside them.

    :param breaks: (n - 1,) steps that may not be interpolated across.
    """
    count = len(time_ms)
    if count == 0:
        size = len(ticks_ms)
        return Bracket(np.full(size, -1), np.zeros(size), np.zeros(size, np.bool_))
    left = np.searchsorted(time_ms, ticks_ms, side="right") - 1
    at = np.clip(left, 0, count - 1)
    right = np.minimum(at + 1, count - 1)
    span = time_ms[right] - time_ms[at]
    weight = (ticks_ms - time_ms[at]) / np.maximum(span, 1)
    exact = (left >= 0) & (ticks_ms == time_ms[at])
    open_ = span <= max_gap_ms
    if breaks is not None and count > 1:
        open_ &= ~breaks[np.minimum(at, count - 2)]
    covered = exact | ((left >= 0) & (left < count - 1) & open_)
    return Bracket(left, np.where(exact, 0.0, weight), covered)


def linear(values: NDArray[np.float64], place: Bracket) -> NDArray[np.float32]:
    """Interpolate ``values`` (n,) linearly at the ticks of ``place``; NaN where not covered or unknown."""
    result = np.full(len(place.left), np.nan, np.float32)
    if not len(values):
        return result
    at = np.flatnonzero(place.covered)
    left = place.left[at]
    right = np.minimum(left + 1, len(values) - 1)
    weight = place.weight[at]
    low = values[left]
    result[at] = np.where(weight == 0, low, low + (values[right] - low) * weight)
    return result


def held(
    time_ms: NDArray[np.int64],
    values: NDArray[np.int8],
    ticks_ms: NDArray[np.int64],
    *,
    max_age_ms: int = MAX_GAP_MS,
) -> NDArray[np.int8]:
    """Keep the last known value at every tick; -1 before the first, when it is too old, and after the last sample.

    :param values: (n,) with -1 for unknown, which is skipped over.
    """
    known = values >= 0
    times, kept = time_ms[known], values[known]
    result = np.full(len(ticks_ms), -1, np.int8)
    if not len(times):
        return result
    left = np.searchsorted(times, ticks_ms, side="right") - 1
    at = np.clip(left, 0, None)
    fresh = (left >= 0) & (ticks_ms - times[at] <= max_age_ms) & (ticks_ms <= time_ms[-1])
    result[fresh] = kept[at[fresh]]
    return result


def steps(
    at_ms: NDArray[np.float64], values: NDArray[np.int64], ticks_ms: NDArray[np.int64], before: int
) -> NDArray[np.int64]:
    """Return at every tick the value at the last of the ascending times ``at_ms`` (n,); ``before`` ahead of them."""
    if not len(at_ms):
        return np.full(len(ticks_ms), before, np.int64)
    left = np.searchsorted(at_ms, ticks_ms, side="right") - 1
    return np.where(left >= 0, values[np.clip(left, 0, None)], before)
