"""How far a recording goes: whether its stream ends with its session or before it.

A stream that was cut looks like a session in which everybody stopped at once. The session's own status tells them
apart: Formula 1 ends every one with Finished, then Finalised or Ends. Where that topic is absent, the chequered flag of
race control does, else the distance.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from transforms.columns import RECORDED_LAPS
from transforms.parts import read_parts
from transforms.recording import Recording
from transforms.timing import CarTiming, read_timing

#: A race whose last crossing lies this long before its end, with no suspension between, has lost its timing, ms: a lap
#: behind the safety car takes four minutes on the longest circuit.
_SILENT_TIMING_MS = 300_000.0
#: Telemetry that ends this long before timing has been cut, ms. Both go on for minutes after the last lap.
_SILENT_TELEMETRY_MS = 60_000.0
_OVER = ("Finalised", "Ends")


@dataclass(frozen=True)
class Extent:
    """What is known of a session's end.

    ``until_ms`` is the last moment anything is known of, session ms. ``missing_end`` says why the session's end is not
    in the recording, ``missing_telemetry_ms`` how long before the last lap's end telemetry ends; None where all is
    well.
    """

    until_ms: float
    missing_end: str | None = None
    missing_telemetry_ms: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the recording reaches the session's end."""
        return self.missing_end is None


def extent_of(recording: Recording) -> Extent:
    """Return how far ``recording`` goes, by its laps as they came."""
    return measure_extent(recording, read_timing(recording.laps))


def measure_extent(recording: Recording, timing: dict[str, CarTiming]) -> Extent:
    """Return how far ``recording`` goes."""
    telemetry_ms = _last_sample_ms(recording)
    laps_ms = _last_crossing_ms(timing)
    timed = recording.laps.filter(pc.invert(pc.fill_null(recording.laps["generated"], False)))
    signs = [_last_of(timed, name) for name in RECORDED_LAPS.clock_columns]
    signs += [_last_of(table, "time_ms") for table in (recording.session_status, recording.messages)]
    signs += [_last_of(table, "time_ms") for table in (recording.weather, recording.track_status)]
    known = [at for at in (telemetry_ms, *signs) if at is not None]
    missing = _missing_end(recording, timing)
    silent = None
    if telemetry_ms is not None and laps_ms is not None and laps_ms - telemetry_ms > _SILENT_TELEMETRY_MS:
        silent = laps_ms - telemetry_ms
    return Extent(max(known, default=0.0), missing, silent)


def _last_of(table: object, name: str) -> float | None:
    """Latest value of a column of times, None without one."""
    last = pc.max(table[name]).as_py()  # type: ignore[index]
    return None if last is None else float(last)


def _last_sample_ms(recording: Recording) -> float | None:
    feeds = [s.time_ms for feed in (recording.cars, recording.positions) for s in feed.values() if len(s.time_ms)]
    return float(max(int(time_ms.max()) for time_ms in feeds)) if feeds else None


def _last_crossing_ms(timing: dict[str, CarTiming]) -> float | None:
    crossings = [float(own.crossing_ms[-1]) for own in timing.values() if len(own.crossing_ms)]
    return max(crossings, default=None)


def _missing_end(recording: Recording, timing: dict[str, CarTiming]) -> str | None:
    """Why the session's end is not in the recording; None if it is, or if nothing can tell."""
    statuses = [r["status"] for r in recording.session_status.to_pylist() if r["status"]]
    if statuses:
        if not _status_is_over(statuses, recording):
            return f"its last session status is {statuses[-1]}"
        return _missing_timing(recording, timing)
    if flags := _chequered_flags(recording):
        wanted = max(len(recording.identity.type.parts), 1)
        return None if flags >= wanted else f"race control showed {flags} of {wanted} chequered flags"
    return _missing_distance(recording, timing)


def _status_is_over(statuses: list[str], recording: Recording) -> bool:
    if any(status in _OVER for status in statuses):
        return True
    finished = sum(
        after == "Finished" and before != "Finished" for before, after in zip(["", *statuses], statuses, strict=False)
    )
    wanted = max(len(recording.identity.type.parts), 1)
    return finished >= wanted and statuses[-1] != "Started"


def _chequered_flags(recording: Recording) -> int:
    return sum(r["flag"] == "CHEQUERED" for r in recording.messages.to_pylist())


def _missing_timing(recording: Recording, timing: dict[str, CarTiming]) -> str | None:
    """Why timing stops before a session that its own status has ending."""
    last = _last_crossing_ms(timing)
    if last is None:
        return None
    if recording.identity.type.parts:
        return _missing_segment(recording, timing)
    if not recording.identity.is_race_like:
        return None
    rows = recording.session_status.to_pylist()
    ends = [float(r["time_ms"]) for r in rows if r["status"] == "Finished"]
    suspended = any(r["status"] == "Aborted" and r["time_ms"] is not None and r["time_ms"] >= last for r in rows)
    aborted_since = any(
        r["status"] == "Aborted" and last - _SILENT_TIMING_MS <= float(r["time_ms"]) for r in rows if r["time_ms"]
    )
    if ends and ends[-1] - last > _SILENT_TIMING_MS and not (suspended or aborted_since):
        return f"its last crossing is {(ends[-1] - last) / 60_000:.0f} minutes before the end"
    return None


def _missing_segment(recording: Recording, timing: dict[str, CarTiming]) -> str | None:
    """The last part of qualifying in which somebody has an official time but no lap was timed, said as a reason."""
    starts = [part.start_ms for part in read_parts(recording)]
    ends = np.concatenate([own.end_ms[np.isfinite(own.end_ms)] for own in timing.values()] or [np.empty(0)])
    for part in range(min(len(starts), len(recording.identity.type.parts)), 1, -1):
        official = any(r[f"q{part}_ms"] is not None for r in recording.results.to_pylist())
        if official and not (ends > starts[part - 1]).any():
            return f"part {part} has official times but no lap"
    return None


def _missing_distance(recording: Recording, timing: dict[str, CarTiming]) -> str | None:
    """Why a race without any word of its end was not run to it: from the distance, official or scheduled."""
    if not recording.identity.is_race_like:
        return None
    completed = max((int(own.crossing_laps[-1]) for own in timing.values() if len(own.crossing_laps)), default=0)
    official = max((r["laps"] for r in recording.results.to_pylist() if r["laps"] is not None), default=None)
    wanted = recording.total_laps if official is None else official
    if wanted is None or completed >= wanted:
        return None
    return f"its leader completed {completed} of {wanted} laps"
