"""The parts of a session in which cars drive for a time: Q1, Q2 and Q3, or the one of a practice."""

from dataclasses import dataclass, replace

import numpy as np

from transforms.frames import Clock
from transforms.recording import Recording
from transforms.timing import CarTiming

#: Cars in the last part of a qualifying; those eliminated are spread evenly over the parts before it (FIA Formula 1
#: Sporting Regulations 2024, article 39.2, for 20 cars; 2026, for 22).
_IN_LAST_PART = 10


@dataclass(frozen=True)
class Part:
    """One part. Times are ms, of session time or on the clock.

    ``end_ms`` is when its time was up, None where the upstream does not say. ``stopped_ms`` are the spans in which its
    own clock stood: a red flag in qualifying; that of a practice runs on. ``advance`` is how many cars go on to the
    next part, None in the last.
    """

    name: str
    start_ms: int
    end_ms: int | None
    stopped_ms: tuple[tuple[int, int], ...] = ()
    advance: int | None = None


def read_parts(recording: Recording) -> tuple[Part, ...]:
    """Return the parts of a session, in session time; none for a race, or where nothing says when it started.

    A part begins with a start after the end of the one before; a restart after a red flag begins none.
    """
    if recording.identity.is_race_like:
        return ()
    # A practice has one, named like the session.
    names = recording.identity.type.parts or (recording.identity.name,)
    parts: list[Part] = []
    stopped_at: int | None = None
    for row in recording.session_status.to_pylist():
        time_ms, status = int(row["time_ms"]), row["status"]
        runs = bool(parts) and parts[-1].end_ms is None
        if status == "Started" and not runs and len(parts) < len(names):
            parts.append(Part(names[len(parts)], time_ms, None, advance=_advancing(recording, names, len(parts))))
        elif status == "Aborted" and runs and len(names) > 1 and stopped_at is None:
            stopped_at = time_ms
        elif status in ("Started", "Finished", "Finalised") and runs:
            if stopped_at is not None:
                parts[-1] = replace(parts[-1], stopped_ms=(*parts[-1].stopped_ms, (stopped_at, time_ms)))
                stopped_at = None
            if status != "Started":
                parts[-1] = replace(parts[-1], end_ms=time_ms)
    return tuple(parts)


def _advancing(recording: Recording, names: tuple[str, ...], index: int) -> int | None:
    """Return how many cars go on after the part ``index``."""
    left = len(names) - 1 - index
    surplus = max(len(recording.drivers) - _IN_LAST_PART, 0)
    # Half a car more goes on rather than out.
    return None if left == 0 else _IN_LAST_PART + -(-surplus * (left - 1) // (len(names) - 1))


def knocked_out_ms(parts: tuple[Part, ...], place: int, own: CarTiming | None, moved_ms: float | None) -> float | None:
    """Return when a car is out of a qualifying that went on without it, session ms; None: it was in the last part.

    That is the part its ``place`` (-1: none) does not take it out of, or a later one in which timing has it. It is out
    at the end of that part, once it is in the pit lane; without an entry once it stands (``moved_ms``, its last
    motion), at the latest when the next part begins.
    """
    by_place = (i for i, part in enumerate(parts) if part.advance is not None and not 0 < place <= part.advance)
    index = next(by_place, len(parts) - 1)
    if own is not None:
        # An in-lap may end in the pit lane long after its part.
        signs = np.concatenate([own.pit_out_ms, own.end_ms - own.lap_time_ms])
        index = max(index, *(i for i, part in enumerate(parts) if (signs >= part.start_ms).any()), 0)
    if index >= len(parts) - 1:
        return None
    following = float(parts[index + 1].start_ms)
    end = float(parts[index].start_ms if parts[index].end_ms is None else parts[index].end_ms or 0)
    if own is not None:
        left = own.pit_out_ms[own.pit_out_ms < following].max(initial=-np.inf)
        # It may be on its in-lap when the next part begins.
        entered = own.pit_in_ms[own.pit_in_ms >= left]
        if len(entered):
            return max(end, float(entered.min() if np.isfinite(left) else entered.max()))
    return min(max(end, moved_ms), following) if moved_ms is not None else following


def onto_clock(parts: tuple[Part, ...], clock: Clock) -> tuple[Part, ...]:
    """Return ``parts`` with their session times moved to the clock."""
    origin = clock.session_time_origin_ms
    return tuple(
        replace(
            part,
            start_ms=part.start_ms - origin,
            end_ms=None if part.end_ms is None else part.end_ms - origin,
            stopped_ms=tuple((begin - origin, end - origin) for begin, end in part.stopped_ms),
        )
        for part in parts
    )
