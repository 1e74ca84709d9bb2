"""Held channels as runs: pairs of when a value begins and the value."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def runs_of(codes: NDArray[np.signedinteger]) -> list[NDArray[np.int32]]:
    """Return, per row of ``codes`` (rows, n), the runs as an array (runs, 2) of index and code."""
    changes = np.ones(codes.shape, dtype=np.bool_)
    np.not_equal(codes[:, 1:], codes[:, :-1], out=changes[:, 1:])
    rows, index = np.nonzero(changes)
    pairs = np.empty((rows.size, 2), dtype=np.int32)
    pairs[:, 0] = index
    pairs[:, 1] = codes[rows, index]
    bounds = np.searchsorted(rows, np.arange(codes.shape[0] + 1))
    return [pairs[a:b] for a, b in pairwise(bounds)]


def named(pairs: NDArray[np.int32], names: tuple[str, ...] | None) -> object:
    """Return runs with names for codes and null for -1; the array itself where there is nothing to replace."""
    if names is None:
        if (pairs[:, 1] >= 0).all():
            return pairs
        return [[at, code if code >= 0 else None] for at, code in pairs.tolist()]
    return [[at, names[code] if code >= 0 else None] for at, code in pairs.tolist()]


def is_known(pairs: NDArray[np.int32]) -> bool:
    """Whether runs hold any value."""
    return len(pairs) > 1 or bool(pairs[0, 1] >= 0)
