"""How a channel's values are published: precision, scale, integer codes and names.

Both forms of the frames come from the same rounded float: Parquet stores it, JSON stores the nearest multiple of the
channel's scale to it. So ``rint(parquet value / scale)`` is the JSON integer, always.
"""

import numpy as np
from numpy.typing import NDArray

from transforms.columns import CHANNELS, Channel
from transforms.frames import STATES, CarFrames, Frames

CONTINUOUS: tuple[Channel, ...] = tuple(c for c in CHANNELS if c.kind == "continuous")
HELD: tuple[Channel, ...] = tuple(c for c in CHANNELS if c.kind == "held")

#: Decimals stored for a continuous column. The upstream has tenths of a metre and whole km/h, revolutions and
#: percent; between its samples one more digit keeps motion smooth, further ones would be noise that costs space.
DECIMALS: dict[str, int] = {
    "x_m": 2,
    "y_m": 2,
    "lap_distance_m": 2,
    "speed_kmh": 1,
    "rpm": 0,
    "throttle_percent": 0,
    "gap_s": 3,
    "interval_s": 3,
}


def round_published(values: NDArray[np.floating], powers: float | NDArray[np.float64]) -> NDArray[np.float32]:
    """Return ``values`` rounded to ``1 / powers``, float32, NaN where they are not finite.

    ``powers`` (10 to the decimals) is one number or an array that broadcasts against ``values``.
    """
    rounded: NDArray[np.float64] = values.astype(np.float64)
    rounded *= powers
    np.rint(rounded, out=rounded)
    rounded /= powers
    rounded += 0.0  # no negative zero
    rounded[~np.isfinite(rounded)] = np.nan
    return rounded.astype(np.float32)


def decimal_power(column: str) -> float:
    """Return 10 to the number of decimals stored for a continuous ``column``."""
    return float(10 ** DECIMALS[column])


def scale_to_integers(
    published: NDArray[np.float32], scales: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the integers ``rint(published / scales)``, 0 in a gap, and the mask of the gaps, both of its shape."""
    gaps = np.isnan(published)
    scaled = published.astype(np.float64)
    scaled /= scales
    np.rint(scaled, out=scaled)
    scaled[gaps] = 0
    return scaled.astype(np.int32), gaps


def held_codes(car: CarFrames, channel: Channel) -> NDArray[np.signedinteger] | None:
    """Return a held channel of ``car``, shape (ticks,), -1 in a gap; None where the upstream has none."""
    codes: NDArray[np.signedinteger] | None = getattr(car, channel.column)
    return codes


def code_names(frames: Frames, column: str) -> tuple[str, ...] | None:
    """Return the names behind the codes of a held ``column``, None where the codes are plain numbers."""
    names = {"tyre": frames.tyres, "state": STATES, "track_status": frames.track_statuses}
    return names.get(column)
