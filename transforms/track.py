"""The circuit as driven: its outline from clean laps, and where along it a car is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.samples import CleanPositions
from transforms.timing import CarTiming

Floats = NDArray[np.float64]

#: Spacing of the outline's points, m.
STATION_M = 2.0
#: Laps used at most; more add nothing to a median.
MAX_LAPS = 40
#: A clean lap starts and ends at the same place within this, m (crossing times are good to about 0.1 s at 80 m/s).
CLOSURE_M = 60.0
#: Clean laps' lengths agree with their median within this part.
LENGTH_TOLERANCE = 0.02
#: No Formula 1 circuit is shorter or longer (Monaco 3.34 km, Spa 7.00 km, with margin), m.
LENGTH_RANGE_M = (2000.0, 9000.0)
#: Samples farther apart than this do not show the road between them, m.
MAX_STEP_M = 150.0


@dataclass(frozen=True)
class Track:
    """The circuit as driven: closed outline ``x_m``, ``y_m`` (n,) in metres, from the line; the last point leads back.

    ``distance_m`` (n,) is the distance of each point along the outline, evenly spaced; ``length_m`` its whole length;
    ``sector_m`` the distances at which sectors 1 and 2 end, None where timing does not give them.
    """

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    length_m: float
    sector_m: tuple[float, float] | None
    laps_used: int


@dataclass(frozen=True)
class _LapPath:
    x_m: Floats
    y_m: Floats
    along_m: Floats


def _lap_path(positions: CleanPositions, start_ms: float, end_ms: float) -> _LapPath | None:
    """The path of one lap, from line to line by interpolation at the crossing times; None when it has holes."""
    time_ms = positions.time_ms
    lo, hi = np.searchsorted(time_ms, (start_ms, end_ms))
    if lo == 0 or hi >= len(time_ms) or hi - lo < 50 or positions.breaks[lo - 1 : hi].any():
        return None
    inside = slice(lo, hi)
    ends_x = np.interp((start_ms, end_ms), time_ms[lo - 1 : hi + 1], positions.x_m[lo - 1 : hi + 1])
    ends_y = np.interp((start_ms, end_ms), time_ms[lo - 1 : hi + 1], positions.y_m[lo - 1 : hi + 1])
    x_m = np.concatenate([ends_x[:1], positions.x_m[inside], ends_x[1:]])
    y_m = np.concatenate([ends_y[:1], positions.y_m[inside], ends_y[1:]])
    step_m = np.hypot(np.diff(x_m), np.diff(y_m))
    if step_m.max() > MAX_STEP_M or np.hypot(x_m[-1] - x_m[0], y_m[-1] - y_m[0]) > CLOSURE_M:
        return None
    moved = np.concatenate([[True], step_m > 0])
    along_m = np.concatenate([[0.0], np.cumsum(step_m)])
    return _LapPath(x_m[moved], y_m[moved], along_m[moved])


def _clean_laps(positions: dict[str, CleanPositions], timing: dict[str, CarTiming]) -> list[_LapPath]:
    """Paths of flying laps without pit visits, the fastest of each car first, cars in turn."""
    per_car = []
    for car, own in timing.items():
        if car not in positions:
            continue
        rows = own.flying
        rows = rows[np.isnan(own.pit_in_ms[rows]) & np.isnan(own.pit_out_ms[rows])]
        rows = rows[np.argsort(own.end_ms[rows] - own.end_ms[rows - 1], kind="stable")]
        paths = (_lap_path(positions[car], own.end_ms[r - 1], own.end_ms[r]) for r in rows[: MAX_LAPS // 4])
        per_car.append([path for path in paths if path is not None])
    in_turn = [laps[i] for i in range(max(map(len, per_car), default=0)) for laps in per_car if i < len(laps)]
    lengths = np.array([path.along_m[-1] for path in in_turn])
    sane = (lengths >= LENGTH_RANGE_M[0]) & (lengths <= LENGTH_RANGE_M[1])
    if not sane.any():
        return []
    sane &= np.abs(lengths / np.median(lengths[sane]) - 1) <= LENGTH_TOLERANCE
    return [path for path, good in zip(in_turn, sane, strict=True) if good][:MAX_LAPS]


def _resample_closed(x_m: Floats, y_m: Floats, spacing_m: float) -> tuple[Floats, Floats, Floats, float]:
    """Points every ``spacing_m`` along a closed path given without its repeated end; returns x, y, distance, length."""
    closed_x, closed_y = np.append(x_m, x_m[0]), np.append(y_m, y_m[0])
    along_m = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(closed_x), np.diff(closed_y)))])
    length_m = float(along_m[-1])
    count = max(round(length_m / spacing_m), 8)
    stations = np.arange(count, dtype=np.float64) * (length_m / count)
    return np.interp(stations, along_m, closed_x), np.interp(stations, along_m, closed_y), stations, length_m


def _smooth_closed(values: Floats, points: int) -> Floats:
    """Moving average over ``points`` (odd) around a closed line."""
    half = points // 2
    padded = np.concatenate([values[-half:], values, values[:half]])
    return np.convolve(padded, np.full(points, 1.0 / points), mode="valid")


def build_track(positions: dict[str, CleanPositions], timing: dict[str, CarTiming]) -> Track | None:
    """Return the median line of clean laps of all cars, closed, from the start/finish line; None without such laps.

    Laps are brought together by their fraction of the lap, their middle line is taken, and then corrected once by the
    median sideways offset of all their samples from it, so that no single car's line decides.
    """
    laps = _clean_laps(positions, timing)
    if len(laps) < 3:
        return None
    length_m = float(np.median([path.along_m[-1] for path in laps]))
    fraction = np.arange(int(length_m / STATION_M)) / int(length_m / STATION_M)
    at = [fraction * path.along_m[-1] for path in laps]
    mid_x = np.median([np.interp(s, p.along_m, p.x_m) for s, p in zip(at, laps, strict=True)], axis=0)
    mid_y = np.median([np.interp(s, p.along_m, p.y_m) for s, p in zip(at, laps, strict=True)], axis=0)
    # Averaging over 7 points (14 m) takes out the jitter of single samples and is shorter than any corner.
    x_m, y_m, stations, length_m = _resample_closed(_smooth_closed(mid_x, 7), _smooth_closed(mid_y, 7), STATION_M)
    track = Track(x_m, y_m, stations, length_m, None, len(laps))
    offsets = _median_offsets(track, laps)
    tangent_x, tangent_y = _tangents(track)
    x_m, y_m, stations, length_m = _resample_closed(x_m - offsets * tangent_y, y_m + offsets * tangent_x, STATION_M)
    return Track(x_m, y_m, stations, length_m, None, len(laps))


def _tangents(track: Track) -> tuple[Floats, Floats]:
    dx = np.roll(track.x_m, -1) - np.roll(track.x_m, 1)
    dy = np.roll(track.y_m, -1) - np.roll(track.y_m, 1)
    size = np.hypot(dx, dy)
    return dx / size, dy / size


def _median_offsets(track: Track, laps: list[_LapPath]) -> Floats:
    """Median sideways offset of all laps' samples from the line at every station, smoothed; metres, left positive."""
    along, sideways = [], []
    for path in laps:
        expected = path.along_m / path.along_m[-1] * track.length_m
        distance, offset = project(track, path.x_m, path.y_m, expected)
        along.append(np.mod(distance, track.length_m))
        sideways.append(offset)
    count = len(track.x_m)
    station = np.round(np.concatenate(along) / track.length_m * count).astype(np.int64) % count
    order = np.argsort(station, kind="stable")
    ordered = np.concatenate(sideways)[order]
    edges = np.searchsorted(station[order], np.arange(count + 1))
    # A window of five stations (10 m) holds some samples of every lap at any speed.
    at = np.arange(count)
    first, end = edges[np.maximum(at - 2, 0)], edges[np.minimum(at + 3, count)]
    medians = medians_of(ordered, first, end)
    return _smooth_closed(medians, 9)


def medians_of(values: Floats, first: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """Median of ``values[first:end]`` for every pair of edges (n,); 0 where there is nothing between them."""
    medians = np.zeros(len(first))
    for begin in range(0, len(first), _BLOCK_STATIONS):
        block = slice(begin, begin + _BLOCK_STATIONS)
        sizes = end[block] - first[block]
        index = first[block, None] + np.arange(max(int(sizes.max()), 1))
        inside = index < end[block, None]
        ordered = np.sort(np.where(inside, np.take(values, index, mode="clip"), np.inf), axis=1)
        rows = np.arange(len(sizes))
        middle = (ordered[rows, (sizes - 1) // 2] + ordered[rows, sizes // 2]) / 2
        medians[block] = np.where(sizes > 0, middle, 0.0)
    return medians


#: How far from the expected place along the lap a car is looked for, m: more than the error of measured speed over a
#: lap, less than the distance along the lap between roads that run side by side.
SEARCH_M = 200.0
_COARSE = 5
#: Stations whose medians are taken at once: some hundred samples of each.
_BLOCK_STATIONS = 64


def project(
    track: Track, x_m: Floats, y_m: Floats, expected_m: Floats, search_m: float = SEARCH_M
) -> tuple[Floats, Floats]:
    """Return distance along the outline (n,) and sideways offset (n,), metres, left positive, of points (n,).

    Only the part of the outline within ``search_m`` of ``expected_m`` (n,), the distance known from elsewhere, is
    looked at, so crossings and close parallel straights cannot be mistaken. The result continues ``expected_m``: it is
    not wrapped to one lap.
    """
    spacing_m = track.length_m / len(track.x_m)
    nearest = _nearest_station(track, x_m, y_m, expected_m, search_m, spacing_m)
    return _onto_segments(track, x_m, y_m, nearest, spacing_m)


def _nearest_station(
    track: Track, x_m: Floats, y_m: Floats, expected_m: Floats, search_m: float, spacing_m: float
) -> NDArray[np.int64]:
    """Index (unwrapped) of the outline point nearest to each point: first every fifth, then around the best."""
    count = len(track.x_m)
    centre = np.round(expected_m / spacing_m).astype(np.int64)
    reach = int(search_m / spacing_m)
    for offsets in (np.arange(-reach, reach + 1, _COARSE), np.arange(-_COARSE, _COARSE + 1)):
        result = np.empty(len(centre), np.int64)
        for block in range(0, len(centre), 4096):
            part = slice(block, block + 4096)
            index = np.mod(centre[part], count)[:, None] + offsets
            x_away, y_away = (np.take(line, index, mode="wrap") for line in (track.x_m, track.y_m))
            x_away -= x_m[part, None]
            y_away -= y_m[part, None]
            best = np.argmin(x_away**2 + y_away**2, axis=1)
            result[part] = centre[part] + offsets[best]
        centre = result
    return centre


def _onto_segments(
    track: Track, x_m: Floats, y_m: Floats, nearest: NDArray[np.int64], spacing_m: float
) -> tuple[Floats, Floats]:
    count = len(track.x_m)
    best_squared = np.full(len(x_m), np.inf)
    along = np.zeros(len(x_m))
    offset = np.zeros(len(x_m))
    for first in (nearest - 1, nearest):
        a, b = np.mod(first, count), np.mod(first + 1, count)
        dx, dy = track.x_m[b] - track.x_m[a], track.y_m[b] - track.y_m[a]
        px, py = x_m - track.x_m[a], y_m - track.y_m[a]
        size = np.hypot(dx, dy)
        part = np.clip((px * dx + py * dy) / size**2, 0.0, 1.0)
        squared = (px - part * dx) ** 2 + (py - part * dy) ** 2
        better = squared < best_squared
        best_squared = np.where(better, squared, best_squared)
        along = np.where(better, (first + part) * spacing_m, along)
        offset = np.where(better, (dx * py - dy * px) / size, offset)
    return along, offset


def nearest_m(track: Track, x_m: Floats, y_m: Floats) -> Floats:
    """Distance along the outline (n,), from the line, of its places nearest to points (n,) anywhere beside it; m."""
    middle = np.full(len(x_m), track.length_m / 2)
    along, _ = project(track, x_m, y_m, middle, track.length_m / 2)
    return np.mod(along, track.length_m)


def sector_distances(
    track: Track, positions: dict[str, CleanPositions], timing: dict[str, CarTiming]
) -> tuple[float, float] | None:
    """Distances along the outline at which sectors 1 and 2 end, m: medians over flying laps; None if no lap tells."""
    found: tuple[list[Floats], list[Floats]] = ([], [])
    for car, own in timing.items():
        if car not in positions:
            continue
        flying = own.flying
        for ends, distances in zip((own.sector1_end_ms, own.sector2_end_ms), found, strict=True):
            at = ends[flying]
            share = (at - own.end_ms[flying - 1]) / (own.end_ms[flying] - own.end_ms[flying - 1])
            known = np.isfinite(share) & (share > 0) & (share < 1)
            feed = positions[car]
            x_m = np.interp(at[known], feed.time_ms, feed.x_m)
            y_m = np.interp(at[known], feed.time_ms, feed.y_m)
            # Sectors take very different shares of time and distance, so the whole lap is searched.
            along, offset = project(track, x_m, y_m, share[known] * track.length_m, track.length_m / 2)
            distances.append(np.mod(along[np.abs(offset) < 30.0], track.length_m))
    first, second = (np.concatenate(d) if d else np.empty(0) for d in found)
    if len(first) < 3 or len(second) < 3:
        return None
    lines = float(np.median(first)), float(np.median(second))
    return lines if 0 < lines[0] < lines[1] < track.length_m else None
