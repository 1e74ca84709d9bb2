"""Closed outlines with as few points as a drawing needs."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def telling_points(x_m: Floats, y_m: Floats, tolerance_m: float) -> NDArray[np.intp]:
    """Return the indices (k,), ascending, of those points of a closed outline that tell its shape.

    ``x_m`` and ``y_m`` (n,) are in metres, the last point leads back to the first. No point is farther than
    ``tolerance_m`` from the line between the two neighbours that are kept (Douglas and Peucker 1973, all pieces of the
    outline at once).
    """
    n = len(x_m)
    if n < 3:
        return np.arange(n)
    x, y = np.append(x_m, x_m[0]), np.append(y_m, y_m[0])
    farthest = int(np.argmax(np.hypot(x - x[0], y - y[0])))
    kept = np.unique([0, farthest, n])
    while True:
        piece = np.searchsorted(kept, np.arange(n), side="right") - 1
        distance = _from_chord(x, y, kept[piece], kept[piece + 1])
        is_worst = distance == np.maximum.reduceat(distance, kept[:-1])[piece]
        more = np.flatnonzero(is_worst & (distance > tolerance_m))
        if not len(more):
            return kept[:-1]
        kept = np.union1d(kept, more)


def _from_chord(x: Floats, y: Floats, begin: NDArray[np.intp], end: NDArray[np.intp]) -> Floats:
    """Return how far each point (n,) is from the straight line between the points ``begin`` and ``end`` (n,), in m."""
    n = len(begin)
    across, up = x[end] - x[begin], y[end] - y[begin]
    dx, dy = x[:n] - x[begin], y[:n] - y[begin]
    square = across**2 + up**2
    along = np.clip(np.divide(dx * across + dy * up, square, out=np.zeros(n), where=square > 0), 0, 1)
    return np.hypot(dx - along * across, dy - along * up)
