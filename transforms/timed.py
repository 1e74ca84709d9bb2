"""What counts in practice and qualifying: which laps have a time, the order they make, and the classification."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms import columns, order
from transforms.notes import Note
from transforms.parts import read_parts
from transforms.recording import Recording
from transforms.session_types import Kind

Floats = NDArray[np.float64]
Lap = dict[str, Any]

#: A lap below this part of the best lap that sectors or crossings confirm is not believed on its word alone: 3 % is
#: two seconds, and the two best cars of the recorded qualifyings are less than 0.12 % apart.
POSSIBLE_SHARE = 0.97
#: A lap slower than this part of the best is none that somebody drove for a time (the sporting regulations' 107 %).
_FLYING_SHARE = 1.07
#: A lap time is the sum of its sectors to the thousandth each is rounded to, ms...
_SECTORS_MS = 10
#: ...and the time between its crossings, which are heard of up to this much late, ms (measured: 0.2 s, rarely more).
_CROSSINGS_MS = 500


def clock_text(time_ms: float | None) -> str:
    """A lap time as timing screens write it: ``1:13.153``; ``none`` for None."""
    if time_ms is None:
        return "none"
    minutes, rest = divmod(round(time_ms), 60_000)
    return f"{minutes}:{rest / 1000:06.3f}"


def without_impossible_times(recording: Recording) -> tuple[Recording, tuple[Note, ...]]:
    """Take lap times that nobody can have driven out of the laps of a practice or qualifying session.

    An upstream that lost a sector, or the pit exit, gives an out-lap the time of what it saw of it. A lap time far
    below the best confirmed one goes if its own sectors or crossings say otherwise, or if it has a pit exit in it; the
    sum of its sectors takes its place where that is a flying lap's. Where nothing contradicts it, it stays.
    """
    if recording.identity.is_race_like or recording.laps.num_rows == 0:
        return recording, ()
    laps = recording.laps.to_pylist()
    witnesses = _witnesses(laps)
    confirmed = [
        lap["lap_time_ms"]
        for lap, (sectors, crossings) in zip(laps, witnesses, strict=True)
        if lap["lap_time_ms"] is not None
        and lap["pit_out_ms"] is None
        and (sectors is not None or crossings is not None)
        and _agree(lap["lap_time_ms"], sectors, crossings)
    ]
    if not confirmed:
        return recording, ()
    best = min(confirmed)
    notes = []
    for lap, (sectors, crossings) in zip(laps, witnesses, strict=True):
        time = lap["lap_time_ms"]
        if time is None or time >= POSSIBLE_SHARE * best:
            continue
        if lap["pit_out_ms"] is None and _agree(time, sectors, crossings):
            continue
        flying = sectors is not None and POSSIBLE_SHARE * best <= sectors <= _FLYING_SHARE * best
        lap["lap_time_ms"] = sectors if flying and lap["pit_out_ms"] is None else None
        lap["accurate"] = False
        notes.append(_impossible(lap, time, best, sectors, crossings))
    if not notes:
        return recording, ()
    return replace(recording, laps=columns.RECORDED_LAPS.of_rows(laps)), tuple(notes)


def _witnesses(laps: list[Lap]) -> list[tuple[int | None, int | None]]:
    """What else tells how long each lap took, ms: the sum of its sectors, and the time since the crossing before it."""
    ends = {(lap["car"], lap["lap"]): lap["end_ms"] for lap in laps if not lap["generated"]}
    found = []
    for lap in laps:
        sectors = [lap[f"sector{n}_ms"] for n in (1, 2, 3)]
        before = ends.get((lap["car"], lap["lap"] - 1)) if lap["lap"] is not None else None
        crossings = lap["end_ms"] - before if before is not None and lap["end_ms"] is not None else None
        found.append((None if None in sectors else sum(sectors), crossings))
    return found


def _agree(time_ms: int, sectors_ms: int | None, crossings_ms: int | None) -> bool:
    """Whether nothing contradicts a lap time."""
    return (sectors_ms is None or abs(sectors_ms - time_ms) <= _SECTORS_MS) and (
        crossings_ms is None or abs(crossings_ms - time_ms) <= _CROSSINGS_MS
    )


def _impossible(lap: Lap, time_ms: int, best_ms: int, sectors_ms: int | None, crossings_ms: int | None) -> Note:
    said = [f"{what} {clock_text(ms)}" for what, ms in (("sectors", sectors_ms), ("crossings", crossings_ms)) if ms]
    said += ["a pit exit in it"] if lap["pit_out_ms"] is not None else []
    instead = "no time" if lap["lap_time_ms"] is None else clock_text(lap["lap_time_ms"])
    return Note(
        "lap_time_impossible",
        lap["car"],
        f"lap {lap['lap']}: {clock_text(time_ms)}, the best is {clock_text(best_ms)}; it has {', '.join(said)}; "
        f"{instead} instead",
        start_ms=lap["start_ms"],
        end_ms=lap["end_ms"],
        value=time_ms,
        unit="ms",
    )


def timed_laps(laps: pa.Table, cars: Iterable[str]) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return per car when its laps that count were set, ascending, and their times, ms.

    A lap counts that has a time and an end, was not deleted, and has no pit exit in it.
    """
    found: dict[str, list[tuple[float, float]]] = {car: [] for car in cars}
    for lap in laps.to_pylist():
        known = lap["lap_time_ms"] is not None and lap["end_ms"] is not None
        if known and not lap["deleted"] and lap["pit_out_ms"] is None and lap["car"] in found:
            found[lap["car"]].append((float(lap["end_ms"]), float(lap["lap_time_ms"])))
    ordered = {car: np.array(sorted(laps, key=lambda lap: lap[0])).reshape(-1, 2) for car, laps in found.items()}
    return {car: laps[:, 0] for car, laps in ordered.items()}, {car: laps[:, 1] for car, laps in ordered.items()}


def positions_by_time(recording: Recording, ticks_ms: NDArray[np.int64], cars: list[str]) -> NDArray[np.int8]:
    """Position of every car at every tick by best lap so far, (cars, ticks); -1 before its first time."""
    set_ms, times = timed_laps(recording.laps, cars)
    later = [float(part.start_ms) for part in read_parts(recording)[1:]]
    return order.best_lap_positions(ticks_ms, cars, set_ms, times, later)


def classification(recording: Recording, cars: list[str]) -> NDArray[np.int8] | None:
    """Position of every car in the result of a qualifying, (cars,), those without one behind by their best lap.

    -1 where neither says anything; None for other sessions and without a result.
    """
    places = {r["car"]: r["position"] for r in recording.results.to_pylist() if r["position"] is not None}
    if recording.identity.type.kind is not Kind.QUALIFYING or not places:
        return None
    by_time = positions_by_time(recording, np.array([np.inf]), cars)[:, 0]
    last = len(cars) + 1
    ranked = [row for row, car in enumerate(cars) if car in places or by_time[row] > 0]
    ranked.sort(key=lambda row: (places.get(cars[row], last), by_time[row] if by_time[row] > 0 else last))
    result = np.full(len(cars), -1, np.int8)
    result[ranked] = np.arange(1, len(ranked) + 1)
    return result


def classification_notes(recording: Recording) -> list[Note]:
    """Where the order and the best laps of a qualifying are not those of its result, with both values."""
    cars = [d.number for d in recording.drivers]
    official = classification(recording, cars)
    if official is None:
        return []
    by_time = positions_by_time(recording, np.array([np.inf]), cars)[:, 0]
    official_result = bool(recording.identity.type.results) and "results" not in recording.missing
    suffix = "" if official_result else "; FastF1 calculated this result from lap times"
    if "messages" in recording.missing:
        suffix += "; race control messages are missing, so deleted times are unknown"
    notes = _time_notes(recording, cars, suffix)
    with_times = {note.car: f": {note.cause.removesuffix(suffix)}" for note in notes}
    for car, place, ours in zip(cars, official, by_time, strict=True):
        # A car without a time has no place by its laps; that its result has one contradicts nothing.
        if ours > 0 and ours != place:
            cause = f"place {ours} by best lap, {place} in the result{with_times.get(car, '')}{suffix}"
            notes.append(
                Note(
                    "classification_differs",
                    car,
                    cause,
                    value=float(ours - place),
                    unit="places",
                    measured=ours,
                    official=place,
                )
            )
    return notes


def _time_notes(recording: Recording, cars: list[str], suffix: str) -> list[Note]:
    """Best laps of the parts that are not the result's; nothing where the parts are not known."""
    starts = [float(part.start_ms) for part in read_parts(recording)]
    set_ms, times = timed_laps(recording.laps, cars)
    names = ("q1_ms", "q2_ms", "q3_ms")
    if len(starts) != len(names):
        return []
    official = {r["car"]: r for r in recording.results.to_pylist()}
    edges = [*starts, np.inf]
    notes = []
    for car in cars:
        began = set_ms[car] - times[car]
        for part, (name, (begin, end)) in enumerate(zip(names, pairwise(edges), strict=True), start=1):
            inside = times[car][(began >= begin) & (began < end)]
            ours, theirs = float(inside.min()) if len(inside) else None, official.get(car, {}).get(name)
            if ours is not None and theirs is not None and ours != theirs:
                cause = f"best lap of part {part} is {clock_text(ours)} by timing, {clock_text(theirs)} in the result"
                notes.append(
                    Note(
                        "best_lap_differs",
                        car,
                        cause + suffix,
                        start_ms=begin,
                        value=ours - theirs,
                        unit="ms",
                        measured=ours,
                        official=theirs,
                    )
                )
    return notes
