"""How a channel's values are published in chunks: scale, differences, integer codes and names."""

import numpy as np
from numpy.typing import NDArray

from transforms.declare import Channel
from transforms.frames import CHANNELS, CarFrames, Frames

CONTINUOUS: tuple[Channel, ...] = tuple(c for c in CHANNELS if c.kind == "continuous")
HELD: tuple[Channel, ...] = tuple(c for c in CHANNELS if c.kind == "held")


def scale_to_integers(
    values: NDArray[np.float32], scales: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the integers ``rint(values / scales)``, 0 in a gap, and the mask of the gaps, both of its shape."""
    gaps = ~np.isfinite(values)
    scaled = values.astype(np.float64)
    scaled /= scales
    np.rint(scaled, out=scaled)
    scaled[gaps] = 0
    return scaled.astype(np.int32), gaps


def differences_of(values: NDArray[np.int32], gaps: NDArray[np.bool_], order: int) -> NDArray[np.int32]:
    """Return ``values`` (..., n), 0 in a gap, as first value and differences, or differences of differences (2).

    After a gap it begins anew. What stands in the gap itself means nothing.
    """
    # A gap holds 0, so the value after it is its own difference: absolute, as published.
    steps = np.diff(values, axis=-1, prepend=np.int32(0))
    if order == 1:
        return steps
    before = np.ones_like(gaps)
    before[..., 1:] = gaps[..., :-1]
    # The difference before is none where a stretch begins, and its first value right after.
    second = np.diff(steps, axis=-1, prepend=np.int32(0))
    begins = before.copy()
    begins[..., 1:] |= before[..., :-1]
    return np.where(begins, steps, second)


def sums_of(differences: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """Return the values (n,) without gaps that :func:`differences_of` gives these ``differences`` of."""
    values = differences.copy()
    for first in reversed(range(order)):
        values[first:] = np.cumsum(values[first:])
    return values


def held_codes(car: CarFrames, channel: Channel) -> NDArray[np.signedinteger] | None:
    """Return a held channel of ``car``, shape (ticks,), -1 in a gap; None where the upstream has none."""
    codes: NDArray[np.signedinteger] | None = getattr(car, channel.column)
    return codes


def code_names(frames: Frames, channel: Channel) -> tuple[str, ...] | None:
    """Return the names behind the codes of a held channel, None where the codes are plain numbers."""
    names: tuple[str, ...] | None = getattr(frames, channel.names) if channel.names else None
    return names
