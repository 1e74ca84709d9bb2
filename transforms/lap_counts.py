"""Crossings where the upstream had them: FastF1 moves those after missing laps to where its own count would have them.

FastF1 numbers laps by counting messages, and moves the end of a lap to one lap time after the end of the one before
when it comes later (``fastf1._api._laps_data_driver``). After laps that were not sent every crossing is therefore early
by the time they took, and no crossing lies on the line.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.recording import LapCounts

Floats = NDArray[np.float64]
Lap = dict[str, Any]

#: Crossings of one lap after another that are all heard of later than this were moved, ms: messages are 0.2 s late,
#: single ones up to a minute.
_MOVED_MS = 2000
#: Sectors are heard to end up to this much after the lap they are of, ms.
_SECTOR_MS = 1000
_SECTOR_ENDS = ("sector1_end_ms", "sector2_end_ms", "sector3_end_ms")


@dataclass(frozen=True)
class Paired:
    """A car's laps with what the upstream counted at their ends, (n,): its number, and how late the lap says it was."""

    rows: list[Lap]
    counted: NDArray[np.int64]
    sent_ms: Floats


def pair(laps: list[Lap], counts: LapCounts | None) -> Paired:
    """Bring the complete laps of one car, in order, together with the messages FastF1 made them from."""
    rows = [lap for lap in laps if not lap["generated"] and lap["end_ms"] is not None]
    if counts is None or not rows:
        return Paired([], np.empty(0, np.int64), np.empty(0))
    kept: list[int] = []
    for index, count in enumerate(counts.laps):
        # FastF1's own rule: a count above the number of messages so far is a lap.
        if count > len(kept):
            kept.append(index)
    times, numbers = counts.time_ms[kept].astype(np.float64), counts.laps[kept]
    # What was sent before the race FastF1 leaves out.
    spare = range(max(len(kept) - len(rows), 0) + 1)
    skip = min(spare, key=lambda s: abs(times[s] - rows[0]["end_ms"]) if s < len(times) else np.inf)
    size = min(len(rows), len(kept) - skip)
    return Paired(rows[:size], numbers[skip : skip + size], times[skip : skip + size])


def restore_crossings(cars: dict[str, list[Lap]], paired: dict[str, Paired]) -> dict[str, float]:
    """Move the ends of laps back that FastF1 moved; by how much the last of each such car was, ms.

    The laps (rows as dicts by car, in order) are changed in place. What the upstream says comes at least a little late,
    as late for one car as for another. A car of which everything comes late was moved as a whole, to fit a gap to a
    leader whose laps were wrong (``fastf1._api._align_laps``).
    """
    late = {
        car: told.sent_ms - np.array([lap["end_ms"] for lap in told.rows], np.float64)
        for car, told in paired.items()
        if len(told.rows) > 1
    }
    usual_ms = max(min((float(own.min()) for own in late.values()), default=0.0), 0.0)
    moved: dict[str, float] = {}
    for car, own in late.items():
        whole_ms = round(float(own.min()) - usual_ms)
        if whole_ms >= _MOVED_MS:
            _move(cars[car], cars[car], whole_ms, sectors_too=False)
            moved[car] = float(whole_ms)
        else:
            whole_ms = 0
        counted, lap_ms = paired[car].counted, float(np.median(np.diff(paired[car].sent_ms)))
        bounds = [0, *(np.flatnonzero(np.abs(np.diff(own)) >= lap_ms / 2) + 1).tolist(), len(own)]
        for begin, end in pairwise(bounds):
            # The message that came least late tells best when the lap ended.
            by_ms = round(float(own[begin:end].min()) - usual_ms) - whole_ms
            jumped = begin > 0 and counted[begin] - counted[begin - 1] > 1
            if by_ms >= _MOVED_MS and (end - begin > 1 or jumped):
                _move(cars[car], paired[car].rows[begin:end], by_ms, sectors_too=True)
                moved[car] = float(by_ms + whole_ms)
    return moved


def _move(laps: list[Lap], moved: list[Lap], by_ms: int, *, sectors_too: bool) -> None:
    """Move the ends of some of a car's laps and the beginnings of those that follow them; after a hole, sectors too."""
    for lap in moved:
        if lap["end_ms"] is None or lap["generated"]:
            continue
        following = [other for other in laps if other is not lap and other["start_ms"] == lap["end_ms"]]
        lap["end_ms"] += by_ms
        for other in following:
            other["start_ms"] = lap["end_ms"]
        for name in _SECTOR_ENDS if sectors_too else ():
            # FastF1 has moved those of some laps and not of others; a lap's sectors end in it.
            if lap[name] is not None and lap[name] + by_ms <= lap["end_ms"] + _SECTOR_MS:
                lap[name] += by_ms
    if sectors_too:
        moved[0]["start_ms"] = start_of(moved[0])


def start_of(lap: Lap) -> int | None:
    """When a lap began whose record begins with laps that were lost: its official time before its end."""
    return None if lap["lap_time_ms"] is None else lap["end_ms"] - lap["lap_time_ms"]
