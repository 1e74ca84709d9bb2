"""Tables of the circuit: its length and heights, its outline, and the places the circuit service marks on it."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms import columns
from transforms.declare import Table
from transforms.recording import Corner, Recording
from transforms.running import Cleaned, Running
from transforms.track import Track, nearest_m

Floats = NDArray[np.float64]

#: Distance between points of the published outline, m.
SPACING_M = 10.0
#: Samples farther beside the outline are not of the road, m.
_ROAD_M = 15.0


def marks_of(declared: Table, marks: tuple[Corner, ...], track: Track | None) -> pa.Table:
    """Places the circuit service marks (``declared`` is their table), with their distance along the outline."""
    x_m, y_m = (np.array([getattr(mark, axis) for mark in marks], np.float64) for axis in ("x_m", "y_m"))
    along = nearest_m(track, x_m, y_m).tolist() if track is not None and len(marks) else [None] * len(marks)
    return declared.of_rows(
        {
            "number": mark.number,
            "letter": mark.letter or None,
            "x_m": mark.x_m,
            "y_m": mark.y_m,
            "angle_deg": mark.angle_deg,
            "lap_distance_m": distance,
        }
        for mark, distance in zip(marks, along, strict=True)
    )


def outline_of(cleaned: Cleaned, running: Running) -> pa.Table:
    """The outline every :data:`SPACING_M`, each point as high as the median of all samples nearest to it."""
    track = cleaned.track
    if track is None:
        return columns.OUTLINE.schema.empty_table()
    along_m, height_m = _heights(cleaned, running, track)
    count = round(track.length_m / SPACING_M)
    at_m = np.arange(count) * track.length_m / count
    medians = _medians(np.rint(along_m / track.length_m * count).astype(np.int64) % count, height_m, count)
    known = np.isfinite(medians)
    if not known.any():
        return columns.OUTLINE.schema.empty_table()
    closed = np.append(track.distance_m, track.length_m)
    arrays = {
        "lap_distance_m": at_m,
        "x_m": np.interp(at_m, closed, np.append(track.x_m, track.x_m[0])),
        "y_m": np.interp(at_m, closed, np.append(track.y_m, track.y_m[0])),
        "z_m": np.interp(at_m, at_m[known], medians[known], period=track.length_m),
    }
    schema = columns.OUTLINE.schema
    return pa.table([pa.array(arrays[name].astype(np.float32)) for name in schema.names], schema=schema)


def _heights(cleaned: Cleaned, running: Running, track: Track) -> tuple[Floats, Floats]:
    """Distance along the outline and height (n,) of every sample on the road."""
    along, heights = [np.empty(0)], [np.empty(0)]
    for car, feed in cleaned.positions.items():
        offset_m = running.offsets_m.get(car)
        if offset_m is None or len(offset_m) != len(feed.time_ms):
            continue
        on_road = feed.on_track & (np.abs(offset_m) <= _ROAD_M) & ~running.is_doubtful(car, feed.time_ms)
        along.append(np.mod(running.progress[car].at(feed.time_ms[on_road]), 1.0) * track.length_m)
        heights.append(feed.z_m[on_road])
    return np.concatenate(along), np.concatenate(heights)


def _medians(groups: NDArray[np.int64], values: Floats, count: int) -> Floats:
    """The lower median of ``values`` (n,) of each of ``count`` groups, NaN of an empty one."""
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups, minlength=count)
    first = np.cumsum(sizes) - sizes
    result = np.full(count, np.nan)
    filled = sizes > 0
    result[filled] = values[order][(first + (sizes - 1) // 2)[filled]]
    return result


def circuit_of(recording: Recording, track: Track | None, outline: pa.Table) -> pa.Table:
    """The one row of the ``circuits`` table."""
    identity, marks = recording.identity, recording.circuit
    row: dict[str, object] = {
        "circuit": identity.circuit,
        "location": identity.location,
        "country": identity.country,
        "corners": len(marks.corners) if marks else None,
        "rotation_deg": marks.rotation_deg if marks else None,
    }
    if track is not None:
        row["length_m"] = round(track.length_m, 2)
        if track.sector_m is not None:
            row |= {f"sector{n}_end_m": round(float(track.sector_m[n - 1]), 2) for n in (1, 2)}
    if outline.num_rows:
        height_m = outline["z_m"].to_numpy().astype(np.float64)
        steps = np.diff(height_m, append=height_m[:1])
        row |= {"lowest_m": round(float(height_m.min()), 1), "highest_m": round(float(height_m.max()), 1)}
        row["climb_m"] = round(float(steps[steps > 0].sum()), 1)
    return columns.CIRCUITS.of_rows([row])
