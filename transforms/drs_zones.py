"""Where on the circuit cars open their rear wing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.frames import Frames

#: Codes of an open wing, as FastF1 documents them for ``DRS`` of its car data.
OPEN = (10, 12, 14)
#: Length of the pieces of the lap that are counted, m.
PIECE_M = 10.0
#: A zone is where at least this part of the laps had the wing open that had it at the place with the most.
PART = 0.25
#: Fewer laps than this show no zone: somebody may have tried the wing.
LEAST_LAPS = 5
#: Every fifth tick: at 90 m/s a car moves 18 m between two of them, which the gaps below make up for.
_EVERY = 5
#: Shorter pieces than this are no zone, and shorter gaps no end of one, m.
SHORTEST_M = 60.0


@dataclass(frozen=True)
class DrsZone:
    """A stretch of the lap, metres from the line; ``to_m`` is less than ``from_m`` where it goes over the line."""

    from_m: float
    to_m: float


def drs_zones(frames: Frames, length_m: float) -> list[DrsZone]:
    """Return where cars had the wing open, in the order of the lap; empty without DRS or without enough laps.

    The upstream does not say where its zones are. These begin where cars open the wing and end where most have shut it.
    """
    count = max(int(length_m / PIECE_M), 1)
    opened = np.zeros(count, np.int64)
    for car in frames.cars.values():
        if car.drs is None:
            continue
        rows = slice(None, None, _EVERY)
        is_open = np.isin(car.drs[rows], OPEN) & np.isfinite(car.lap_distance_m[rows])
        place = (
            np.floor(np.mod(car.lap_distance_m[rows][is_open], length_m) / length_m * count).astype(np.int64) % count
        )
        # One car's lap counts once in a piece, however slowly it went through it.
        once = np.unique(car.lap[rows][is_open].astype(np.int64) * count + place)
        opened += np.bincount(once % count, minlength=count)
    # A sample every 18 m leaves pieces out: the mean over five of them does not.
    wide = np.ones(5) / 5
    smooth = np.convolve(np.concatenate([opened[-2:], opened, opened[:2]]), wide, mode="valid")
    if smooth.max(initial=0) < LEAST_LAPS:
        return []
    return _runs(smooth >= PART * smooth.max(), length_m / count)


def _runs(is_inside: NDArray[np.bool_], piece_m: float) -> list[DrsZone]:
    """Return the runs around a lap, short gaps closed and short runs left out."""
    if is_inside.all():
        return []
    shift = int(np.argmin(is_inside))  # begin outside of every run
    turned = np.roll(is_inside, -shift)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], turned, [False]])))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    joined: list[tuple[int, int]] = []
    for begin, end in runs:
        if joined and (begin - joined[-1][1]) * piece_m < SHORTEST_M:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    count = len(is_inside)
    zones = [
        DrsZone((begin + shift) % count * piece_m, (end + shift) % count * piece_m)
        for begin, end in joined
        if (end - begin) * piece_m >= SHORTEST_M
    ]
    return sorted(zones, key=lambda zone: zone.from_m)
