"""Official results held against timing: gaps, the order across the line, places, and who was still racing.

Neither is right by itself: a crossing can be recorded wrongly, a result can be typed wrongly, and penalties make both
differ rightly. Only what no penalty explains is a contradiction.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from transforms.findings import Row, row
from transforms.penalties import Penalty, announced_penalties, explaining, unannounced_s
from transforms.recording import Recording
from transforms.timing import CarTiming, Ending

#: Official gaps and crossings differ by up to 0.6 s where neither is wrong (Azerbaijan 2018), ms.
GAP_TOLERANCE_MS = 1_000.0
#: Crossings closer than this do not decide who was ahead against the result, ms: transponders of two cars side by side.
CLOSE_MS = 100.0
#: From so many official gaps on their median crossing is believed rather than the winner's own.
_ENOUGH_GAPS = 4
#: A car that stopped this many laps before the end of its official distance has not finished.
_LAPS_SHORT = 2


@dataclass(frozen=True)
class Finish:
    """One car's way across the line at the end: official ``place`` and ``gap_ms`` to the winner (None where the result
    has none), ``laps`` completed and time of the last crossing by timing, its announced ``penalties``.
    """

    car: str
    place: int
    laps: int
    crossing_ms: float
    gap_ms: float | None
    penalties: tuple[Penalty, ...]


def finishes(recording: Recording, timing: dict[str, CarTiming], flag: float | None) -> list[Finish]:
    """Return every classified car that crossed the line at or after ``flag`` (session ms), by official place."""
    if flag is None:
        return []
    penalties = announced_penalties(recording.messages)
    found = []
    for result in recording.results.to_pylist():
        own = timing.get(result["car"])
        if own is None or not len(own.crossing_ms) or own.crossing_ms[-1] < flag or not _is_classified(result):
            continue
        gap = 0.0 if result["position"] == 1 else result["time_ms"]
        found.append(
            Finish(
                result["car"],
                int(result["position"]),
                int(own.crossing_laps[-1]),
                float(own.crossing_ms[own.crossing_ms >= flag][0]),
                None if gap is None else float(gap),
                penalties.get(result["car"], ()),
            )
        )
    return sorted(found, key=lambda one: one.place)


def _is_classified(result: dict[str, object]) -> bool:
    """Whether a result has a place that says something about the order across the line."""
    return result["position"] is not None and str(result["classified"] or "1") not in ("D", "E", "W", "F", "N")


def _timed(found: Iterable[Finish]) -> list[Finish]:
    """Those that finished on the winner's lap and have an official gap."""
    ordered = list(found)
    most = max((one.laps for one in ordered), default=0)
    return [one for one in ordered if one.laps == most and one.gap_ms is not None]


def reference_ms(found: list[Finish]) -> float | None:
    """Return the crossing of the winner as the official gaps have it, session ms; None without a timed winner.

    The median of crossing minus gap over the cars: one wrong crossing, the winner's own too, does not move it.
    """
    timed = _timed(found)
    if len(timed) >= _ENOUGH_GAPS:
        return float(np.median([one.crossing_ms - (one.gap_ms or 0.0) for one in timed]))
    return next((one.crossing_ms for one in timed if one.place == 1), None)


def added_ms(one: Finish, reference: float) -> float:
    """Return what the result adds to a car's gap across the line, ms: penalties, or a contradiction."""
    return (one.gap_ms or 0.0) - (one.crossing_ms - reference)


def is_explained(one: Finish, reference: float) -> bool:
    """Whether a timed car's official gap is that across the line, with whole penalties added."""
    added = added_ms(one, reference)
    if explaining(added, one.penalties, GAP_TOLERANCE_MS) is not None:
        return True
    return unannounced_s(added, GAP_TOLERANCE_MS) is not None


def gap_rows(found: list[Finish], origin_ms: float) -> list[Row]:
    """Official gaps that are not those across the line: penalties named, the rest with both values.

    Also official times that fall from one place to the next, which no penalty can make.
    """
    reference = reference_ms(found)
    if reference is None:
        return []
    rows = []
    timed = _timed(found)
    for one in timed:
        added = added_ms(one, reference)
        at_ms = one.crossing_ms - origin_ms
        chosen = explaining(added, one.penalties, GAP_TOLERANCE_MS)
        if chosen:
            cause = f"{' and '.join(map(str, chosen))} announced by race control is in the official time"
            rows.append(_penalty_row(one, at_ms, sum(p.added_s for p in chosen), cause))
        elif chosen is None and (seconds := unannounced_s(added, GAP_TOLERANCE_MS)) is not None:
            cause = f"{seconds} s that no message of race control announced is in the official time"
            rows.append(_penalty_row(one, at_ms, seconds, cause))
        elif chosen is None:
            across = (one.crossing_ms - reference) / 1000
            cause = (
                f"the result has a gap of {(one.gap_ms or 0.0) / 1000:.3f} s, the crossings {across:.3f} s, and no "
                "penalty explains it"
            )
            rows.append(
                row(
                    "gap_differs",
                    car=one.car,
                    start_ms=at_ms,
                    value=added / 1000,
                    measured=across,
                    official=(one.gap_ms or 0.0) / 1000,
                    unit="s",
                    cause=cause,
                )
            )
    for ahead, behind in pairwise(timed):
        if (behind.gap_ms or 0.0) < (ahead.gap_ms or 0.0):
            cause = (
                f"place {behind.place} has an official gap of {(behind.gap_ms or 0.0) / 1000:.3f} s, place "
                f"{ahead.place} (car {ahead.car}) one of {(ahead.gap_ms or 0.0) / 1000:.3f} s"
            )
            rows.append(row("result_times_disorder", car=behind.car, value=behind.place, unit="place", cause=cause))
    return rows


def _penalty_row(one: Finish, at_ms: float, seconds: int, cause: str) -> Row:
    return row("penalty", car=one.car, start_ms=at_ms, value=seconds, unit="s", severity="info", cause=cause)


@dataclass(frozen=True)
class Swap:
    """Two cars whose crossings contradict their places; ``decided``: the result is believed rather than timing."""

    ahead: Finish
    behind: Finish
    decided: bool


def order_swaps(found: list[Finish]) -> list[Swap]:
    """Return every pair that finished the other way round than classified without a penalty that explains it.

    The result is believed where the car ahead has a smaller official gap than its crossing, which no penalty can make,
    where both have their official gaps within the tolerance, or where the crossings are less than :data:`CLOSE_MS`
    apart; else timing is.
    """
    reference = reference_ms(found)
    timed = {one.car for one in _timed(found)}
    swaps = []
    for index, ahead in enumerate(found):
        for behind in found[index + 1 :]:
            wrong_way = (behind.laps, -behind.crossing_ms) > (ahead.laps, -ahead.crossing_ms)
            if not wrong_way:
                continue
            both_timed = reference is not None and {ahead.car, behind.car} <= timed
            if both_timed and all(is_explained(one, reference or 0.0) for one in (ahead, behind)):
                if not _same_gap(ahead, behind, reference or 0.0):
                    continue
            elif not both_timed and behind.penalties:
                continue
            close = behind.laps == ahead.laps and ahead.crossing_ms - behind.crossing_ms <= CLOSE_MS
            late = both_timed and (
                _is_recorded_late(ahead, reference or 0.0) or _same_gap(ahead, behind, reference or 0.0)
            )
            swaps.append(Swap(ahead, behind, late or close))
    return swaps


def _is_recorded_late(one: Finish, reference: float) -> bool:
    """Whether a car's crossing is later than its official gap has it: a penalty only makes the gap larger."""
    return one.gap_ms is not None and added_ms(one, reference) < -GAP_TOLERANCE_MS


def _same_gap(ahead: Finish, behind: Finish, reference: float) -> bool:
    """Whether both official gaps are those across the line, so that no penalty has swapped the two."""
    return all(abs(added_ms(one, reference)) <= GAP_TOLERANCE_MS for one in (ahead, behind))


def order_rows(swaps: list[Swap], origin_ms: float) -> list[Row]:
    """Say which cars finished the other way round than they are classified, and what is shown."""
    rows = []
    for swap in swaps:
        shown = "shown as classified" if swap.decided else "shown as they crossed the line"
        cause = (
            f"classified {swap.behind.place} behind car {swap.ahead.car} ({swap.ahead.place}), but across the line "
            f"{(swap.ahead.crossing_ms - swap.behind.crossing_ms) / 1000:.3f} s before it; {shown}"
        )
        at_ms = swap.behind.crossing_ms - origin_ms
        rows.append(
            row(
                "finish_order_differs",
                car=swap.behind.car,
                start_ms=at_ms,
                value=swap.behind.place,
                # It crossed the line before a car that is classified before it.
                measured=swap.ahead.place,
                official=swap.behind.place,
                unit="place",
                cause=cause,
            )
        )
    return rows


@dataclass(frozen=True)
class Comparison:
    """The end of a race as results and timing have it. ``flag_ms`` is the chequered flag, None without one.

    ``timing`` is what was given, with the crossings that the result decides; ``gaps_ms`` are those across the line to
    the winner, by car, of all that finished on the winner's lap, as timing has them.
    """

    flag_ms: float | None
    finishes: list[Finish]
    swaps: list[Swap]
    timing: dict[str, CarTiming]
    gaps_ms: dict[str, float]

    @property
    def agreeing(self) -> int:
        """How many of the finishers are shown in the order of the result, penalties allowed."""
        astray = {car for swap in self.swaps if not swap.decided for car in (swap.ahead.car, swap.behind.car)}
        return len(self.finishes) - len(astray)

    def rows(self, origin_ms: float) -> list[Row]:
        """What contradicts what, on the clock that begins at ``origin_ms`` of session time."""
        return [*gap_rows(self.finishes, origin_ms), *order_rows(self.swaps, origin_ms)]


def compare(recording: Recording, timing: dict[str, CarTiming], flag: float | None) -> Comparison:
    """Hold the official result against the crossings at and after ``flag`` (session ms, None without a finish)."""
    found = finishes(recording, timing, flag)
    swaps = order_swaps(found)
    reference = reference_ms(found)
    decided = with_decided_finishes(timing, swaps, found, reference)
    return Comparison(flag, found, swaps, decided, crossing_gaps_ms(timing, found, flag, reference))


def crossing_gaps_ms(
    timing: dict[str, CarTiming], found: list[Finish], flag: float | None, reference: float | None
) -> dict[str, float]:
    """Return the gap across the line to the winner, ms, of every car that finished on the winner's lap.

    The winner is the car classified first, or without one the first across the line; where the official gaps agree on
    another moment for it (``reference``) than its own crossing, that one counts.
    """
    if flag is None:
        return {}
    across = {}
    for car, own in timing.items():
        after = np.flatnonzero(own.crossing_ms >= flag)
        if len(after):
            across[car] = int(own.crossing_laps[after[0]]), float(own.crossing_ms[after[0]])
    if not across:
        return {}
    most = max(laps for laps, _ in across.values())
    on_lap = {car: at_ms for car, (laps, at_ms) in across.items() if laps == most}
    winner = next((one.crossing_ms for one in found if one.place == 1), min(on_lap.values()))
    if reference is not None and abs(winner - reference) > GAP_TOLERANCE_MS:
        winner = reference
    return {car: at_ms - winner for car, at_ms in on_lap.items()}


def with_decided_finishes(
    timing: dict[str, CarTiming], swaps: list[Swap], found: list[Finish], reference: float | None
) -> dict[str, CarTiming]:
    """Return ``timing`` with the last crossings of decided pairs as the result has them.

    A crossing that the official gap contradicts is moved to that gap; two that are merely close change places.
    """
    moved: dict[str, float] = {one.car: one.crossing_ms for one in found}
    for swap in (one for one in swaps if one.decided):
        pair = (swap.ahead, swap.behind)
        wrong = [] if reference is None else [one for one in pair if _is_recorded_late(one, reference)]
        for one in wrong:
            moved[one.car] = (reference or 0.0) + (one.gap_ms or 0.0)
        if moved[swap.ahead.car] > moved[swap.behind.car]:
            moved[swap.ahead.car], moved[swap.behind.car] = moved[swap.behind.car], moved[swap.ahead.car]
    changed = {one.car: moved[one.car] for one in found if moved[one.car] != one.crossing_ms}
    return {car: _with_last_crossing(own, changed[car]) if car in changed else own for car, own in timing.items()}


def _with_last_crossing(own: CarTiming, at_ms: float) -> CarTiming:
    end_ms = own.end_ms.copy()
    end_ms[np.flatnonzero(own.crossed)[-1]] = at_ms
    return replace(own, end_ms=end_ms)


def place_rows(results: pa.Table, *, race_like: bool) -> list[Row]:
    """Places and grid slots that two cars share, and places nobody has."""
    listed = results.to_pylist()
    rows = _shared_rows("place_twice", "position", "place", listed)
    places = {r["position"] for r in listed if r["position"] is not None}
    if places:
        for missing in sorted(set(range(1, len(listed) + 1)) - places):
            if any(r["position"] is not None and r["position"] > missing for r in listed) or len(places) == len(listed):
                cause = "no car has this place in the result, though later ones are given"
                rows.append(row("place_missing", value=missing, unit="place", cause=cause))
    if race_like:
        rows += _shared_rows("grid_twice", "grid", "grid slot", [r for r in listed if (r["grid"] or 0) > 0])
    return rows


def _shared_rows(check: str, field: str, what: str, listed: list[dict[str, object]]) -> list[Row]:
    counts = Counter(int(str(r[field])) for r in listed if r[field] is not None)
    rows = []
    for value, number in sorted((v, n) for v, n in counts.items() if n > 1):
        cars = [str(r["car"]) for r in listed if r[field] == value]
        cause = f"{number} cars have {what} {value} in the result: {', '.join(cars)}; ordered among them by timing"
        rows += [row(check, car=car, value=value, unit=what, cause=cause) for car in cars]
    return rows


def status_rows(results: pa.Table, timing: dict[str, CarTiming], endings: dict[str, Ending]) -> list[Row]:
    """Cars that the result has finishing though they stopped for good, or retired though they took the flag."""
    rows = []
    for result in results.to_pylist():
        car, status = result["car"], str(result["status"] or "")
        ending = endings.get(car)
        if ending is None or not status:
            continue
        own = timing.get(car)
        completed = int(own.crossing_laps[-1]) if own is not None and len(own.crossing_laps) else 0
        if is_running_at_the_end(status) and ending.out_ms is not None:
            official = result["laps"]
            if official is None or completed <= official - _LAPS_SHORT:
                cause = f"the result says {status}, by timing it stopped for good after {completed} laps"
                rows.append(row("status_differs", car=car, value=completed, unit="lap", cause=cause))
        elif _is_retirement(result, status) and ending.finish_ms is not None:
            cause = f"the result says {status}, by timing it crossed the line at the end, after {completed} laps"
            rows.append(row("status_differs", car=car, value=completed, unit="lap", cause=cause))
    return rows


#: What only an official result of a race says: FastF1 works places out from laps where there is none.
_OFFICIAL = ("classified", "status", "points", "time_ms", "laps")


def has_results(recording: Recording) -> bool:
    """Whether a session has the results it can have: official ones where its type has such, else places."""
    names = _OFFICIAL if recording.identity.is_race_like else ("position",)
    official = "results" not in recording.missing
    return official and any(row[name] is not None for row in recording.results.to_pylist() for name in names)


def is_running_at_the_end(status: str) -> bool:
    """Whether the results service's ``status`` is that of a car still racing at the end."""
    text = status.strip().lower()
    return text in ("finished", "lapped") or text.startswith("+")


def _is_retirement(result: dict[str, object], status: str) -> bool:
    return not is_running_at_the_end(status) and str(result["classified"] or "") not in ("D", "E")
