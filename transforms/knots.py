"""Which ticks of a curve to keep so that straight lines between them stay close to it."""

import numpy as np
from numpy.typing import NDArray

#: More rounds than halving a session needs; each adds a tick to every stretch that is not yet straight enough.
_MAX_ROUNDS = 64


def choose_knots(values: NDArray[np.float32], tolerance: float, *, every: int, checked_every: int) -> NDArray[np.bool_]:
    """Return which ticks of ``values`` (rows, ticks), NaN in a gap, to keep: (rows, ticks).

    Straight lines between kept ticks are no farther than ``tolerance`` from the values of every ``checked_every``-th
    tick, and jump where the values do: of two neighbours that are farther apart both are kept. So are the ticks before
    and after every gap, the first of every gap, the last of all, and every ``every``-th one. Stretches are split where
    they are farthest off (Ramer, An iterative procedure for the polygonal approximation of plane curves, Computer
    Graphics and Image Processing 1, 1972), all of them at once.
    """
    rows, ticks = values.shape
    known = np.isfinite(values)
    keep = np.zeros(values.shape, np.bool_)
    if not values.size:
        return keep
    keep[:, ::every] = True
    keep[:, -1] = True
    changes = known[:, 1:] != known[:, :-1]
    keep[:, 1:] |= changes
    keep[:, :-1] |= changes & known[:, :-1]
    with np.errstate(invalid="ignore"):
        jumps = np.abs(np.diff(values, axis=1)) > tolerance
    keep[:, 1:] |= jumps
    keep[:, :-1] |= jumps
    flat, kept = np.where(known, values, 0.0).astype(np.float64).ravel(), keep.ravel()
    # Ticks that may still be too far off: none of a gap, none that is kept.
    checked = known & ~keep
    checked[:, np.arange(ticks) % checked_every > 0] = False
    open_ = np.flatnonzero(checked)
    for _ in range(_MAX_ROUNDS):
        if not len(open_):
            break
        at = np.flatnonzero(kept)
        right = np.searchsorted(at, open_)
        low, high = at[right - 1], at[right]
        chord = flat[low] + (flat[high] - flat[low]) * ((open_ - low) / (high - low))
        off = np.abs(flat[open_] - chord)
        starts = np.flatnonzero(np.diff(right, prepend=-1))
        worst = np.maximum.reduceat(off, starts)
        stretch = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(open_))))
        is_bent = worst > tolerance
        candidates = np.flatnonzero(is_bent[stretch] & (off == worst[stretch]))
        _, first = np.unique(stretch[candidates], return_index=True)
        kept[open_[candidates[first]]] = True
        open_ = open_[is_bent[stretch] & ~kept[open_]]
    return kept.reshape(rows, ticks)
