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
    """Place ascending ``ticks_ms`` (ticks,) between ascending sample times (n,); nothing is covered outside them.

    :param breaks: (n - 1,) steps that may not be interpolated across.
    """
    count, size = len(time_ms), len(ticks_ms)
    if count == 0:
        return Bracket(np.full(size, -1), np.zeros(size), np.zeros(size, np.bool_))
    # There are several ticks to a sample: what is the same for all of them is worked out once a sample.
    ticks_of = ticks_between(time_ms, ticks_ms)
    span = np.diff(time_ms)
    open_ = span <= max_gap_ms if breaks is None else (span <= max_gap_ms) & ~breaks
    # Before the first sample it is as after it, and after the last one as at a standstill.
    around_ms = np.concatenate([span[:1] if count > 1 else [0], span, [0]])
    left = np.repeat(np.arange(-1, count), ticks_of)
    since_ms = ticks_ms - np.repeat(np.concatenate([time_ms[:1], time_ms]), ticks_of)
    covered = np.repeat(np.concatenate([[False], open_, [False]]), ticks_of) | (since_ms == 0)
    return Bracket(left, since_ms / np.repeat(np.maximum(around_ms, 1), ticks_of), covered)


def ticks_between(at_ms: NDArray[np.number], ticks_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the ascending ticks (ticks,) lie before the first of the ascending times (n,), and from each on until
    the next, (n + 1,)."""
    first = (
        np.maximum.accumulate(np.searchsorted(ticks_ms, at_ms, side="left")) if len(at_ms) else np.empty(0, np.int64)
    )
    return np.diff(first, prepend=0, append=len(ticks_ms))


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
    """Keep the last known value at every ascending tick; -1 before the first, when too old, and after the last sample.

    :param values: (n,) with -1 for unknown, which is skipped over.
    """
    known = values >= 0
    times, kept = time_ms[known], values[known]
    if not len(times):
        return np.full(len(ticks_ms), -1, np.int8)
    ticks_of = ticks_between(times, ticks_ms)
    last = np.repeat(np.concatenate([[-1], kept]).astype(np.int8), ticks_of)
    since_ms = ticks_ms - np.repeat(np.concatenate([times[:1], times]), ticks_of)
    last[(since_ms > max_age_ms) | (ticks_ms > time_ms[-1])] = -1
    return last


def steps(
    at_ms: NDArray[np.float64], values: NDArray[np.int64], ticks_ms: NDArray[np.int64], before: int
) -> NDArray[np.int64]:
    """The value at the last of the ascending times ``at_ms`` (n,), at ascending ticks; ``before`` ahead of them."""
    return np.repeat(np.concatenate([[before], values]).astype(np.int64), ticks_between(at_ms, ticks_ms))
