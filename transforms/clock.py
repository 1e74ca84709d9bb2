"""The common clock of a session: where it begins and how long it runs."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.completeness import Extent
from transforms.errors import UpstreamError
from transforms.frames import TICK_MS, Clock
from transforms.recording import Recording
from transforms.timing import CarTiming

#: How long before the start of a race the clock begins, for the formation lap and the grid, ms.
RACE_LEAD_MS = 300_000
#: How long before the start of any other session it begins, ms.
LEAD_MS = 30_000
#: How long after the last lap it goes on, ms.
TAIL_MS = 10_000


def session_status_ms(recording: Recording, status: str) -> list[float]:
    """Session times at which the session took ``status`` (Started, Aborted, Finished, ...), ascending."""
    return [float(r["time_ms"]) for r in recording.session_status.to_pylist() if r["status"] == status]


def suspensions_ms(recording: Recording) -> list[tuple[float, float]]:
    """Session times from every suspension (red flag) to the restart after it, infinity without one."""
    found, begin = [], None
    for row in recording.session_status.to_pylist():
        if row["status"] == "Aborted" and begin is None:
            begin = float(row["time_ms"])
        elif row["status"] == "Started" and begin is not None:
            found.append((begin, float(row["time_ms"])))
            begin = None
    return found if begin is None else [*found, (begin, np.inf)]


def last_lap_end_ms(timing: dict[str, CarTiming]) -> float | None:
    """Time at which the last lap of the session ended, None without laps."""
    ends = [own.end_ms[np.isfinite(own.end_ms)] for own in timing.values()]
    every = np.concatenate(ends or [np.empty(0)])
    return float(every.max()) if len(every) else None


def first_lap_start_ms(recording: Recording, timing: dict[str, CarTiming]) -> float | None:
    """Start of a race: the earliest start of a first lap; else the session's own start, else that of any lap.

    Of a race whose start nobody sent it is what first laps took before their end, or the usual lap where that is not
    known.
    """
    race_like = recording.identity.is_race_like
    if race_like:
        starts = [own.start_ms[(own.lap == 1) & np.isfinite(own.start_ms)] for own in timing.values()]
        every = np.concatenate(starts or [np.empty(0)])
        if len(every):
            return float(every.min())
    if recording.start_ms is not None:
        return float(recording.start_ms)
    if race_like and (start := _before_first_laps_ms(timing)) is not None:
        return start
    known = [values[np.isfinite(values)] for own in timing.values() for values in (own.start_ms, own.end_ms)]
    every = np.concatenate(known or [np.empty(0)])
    return float(every.min()) if len(every) else None


def _before_first_laps_ms(timing: dict[str, CarTiming]) -> float | None:
    """Start of a race by the ends of its first laps and their official times, else the usual one; None without any."""
    first = [(own.end_ms[own.lap == 1], own.lap_time_ms[own.lap == 1]) for own in timing.values()]
    ends = np.concatenate([end for end, _ in first] or [np.empty(0)])
    took = np.concatenate([lap for _, lap in first] or [np.empty(0)])
    if np.isfinite(ends - took).any():
        return float(np.nanmedian(ends - took))
    every = np.concatenate([own.lap_time_ms for own in timing.values()] or [np.empty(0)])
    if not np.isfinite(ends).any() or not np.isfinite(every).any():
        return None
    return float(np.nanmin(ends) - np.nanmedian(every))


def _sample_span_ms(recording: Recording) -> tuple[float, float] | None:
    feeds = [s.time_ms for s in recording.cars.values()] + [s.time_ms for s in recording.positions.values()]
    feeds = [time_ms for time_ms in feeds if len(time_ms)]
    if not feeds:
        return None
    return float(min(t.min() for t in feeds)), float(max(t.max() for t in feeds))


def make_clock(recording: Recording, timing: dict[str, CarTiming], extent: Extent) -> Clock:
    """Lay out the clock: from a while before the start to a little after the last lap, or to where the stream was cut.

    The start lies on a tick, so that frames counted from it are a plain slice.

    :raises UpstreamError: nothing tells when the session ran.
    """
    start, end = first_lap_start_ms(recording, timing), last_lap_end_ms(timing)
    span = _sample_span_ms(recording)
    if start is None and span is not None:
        start = span[0]
    if end is None:
        finished = session_status_ms(recording, "Finished")
        end = finished[-1] if finished else (span[1] if span is not None else None)
    last = None if end is None else (end + TAIL_MS if extent.is_complete else extent.until_ms)
    if start is None or last is None or last <= start:
        raise UpstreamError(
            f"{recording.identity.label}: neither timing nor telemetry tells when the session ran. If it has just "
            "ended, run it again in half an hour."
        )
    lead = RACE_LEAD_MS if recording.identity.is_race_like else LEAD_MS
    origin = round(start) - min(lead, round(start)) // TICK_MS * TICK_MS
    ticks = int((last - origin) // TICK_MS) + 1
    return Clock(
        session_time_origin_ms=origin,
        utc_origin_ms=None if recording.utc_origin_ms is None else recording.utc_origin_ms + origin,
        ticks=ticks,
        race_start_ms=round(start) - origin,
    )


def onto_clock(table: pa.Table, clock: Clock, columns: tuple[str, ...]) -> pa.Table:
    """Return ``table`` with the session times in ``columns`` moved to the clock."""
    for name in columns:
        index = table.schema.get_field_index(name)
        moved = pc.subtract(table[name], pa.scalar(clock.session_time_origin_ms, pa.int64()))
        table = table.set_column(index, table.schema.field(index), moved)
    return table
