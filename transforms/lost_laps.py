"""Laps that were driven and not recorded: found by what else tells, and the later laps numbered as they were driven.

FastF1 counts the laps it hears of, so a lap that was not sent makes every later one of its car a number too low: the car
falls laps behind, and its coordinates lie where it should not be. For every interval between two crossings of the line
up to four witnesses say how many laps more than recorded were driven in it; the result says how many there can be.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms import columns
from transforms.clock import first_lap_start_ms, session_status_ms, suspensions_ms
from transforms.interpolate import MAX_GAP_MS
from transforms.lap_counts import Paired, pair, restore_crossings, start_of
from transforms.notes import Note
from transforms.progress import travelled_m
from transforms.recording import Recording
from transforms.running import Cleaned
from transforms.states import stands_ms
from transforms.timing import CarTiming, Span, flag_ms, read_timing

Floats = NDArray[np.float64]
Lap = dict[str, Any]

#: A witness that is this far from a whole number of laps does not know: cars differ by less over the few laps between
#: two crossings, and speed sensors by 2 %.
_CLEAR = 0.35
#: The field is a witness with at least this many cars that were followed all the time.
_MIN_FIELD = 3
#: Telemetry is a witness if it is silent for less than this part of the time.
_MAX_SILENT = 0.1
#: Record and crossing agree on when a lap began within this, ms.
_SAME_MS = 1000.0

FIELD, TELEMETRY, COUNT, LAP_TIMES, RESULT = "the field", "telemetry", "the upstream's count", "lap times", "the result"


@dataclass(frozen=True)
class Interval:
    """From one believable crossing of a car to the next (the first from the start): laps by number, session ms."""

    first: int
    last: int
    start_ms: float
    end_ms: float

    @property
    def recorded(self) -> int:
        """Laps it counts as."""
        return self.last - self.first

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two have time in common."""
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms


@dataclass(frozen=True)
class Loss:
    """Laps lost in an interval: how many, who says so and who says otherwise, and whether it is certain."""

    interval: Interval
    laps: int
    agree: tuple[str, ...]
    disagree: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        """Two witnesses, and none against them."""
        return len(self.agree) >= 2 and not self.disagree

    @property
    def is_likely(self) -> bool:
        """More for it than against it."""
        return len(self.agree) > len(self.disagree)


def with_lost_laps(recording: Recording, cleaned: Cleaned) -> tuple[Recording, tuple[Note, ...]]:
    """Return a race with its laps numbered as they were driven, and what was found; as it is where nothing was lost."""
    if not recording.identity.is_race_like or recording.laps.num_rows == 0:
        return recording, ()
    cars: dict[str, list[Lap]] = {}
    for lap in recording.laps.to_pylist():
        cars.setdefault(lap["car"], []).append(lap)
    for laps in cars.values():
        laps.sort(key=lambda lap: (lap["lap"] is None, lap["lap"] or 0))
    paired = {car: pair(laps, recording.lap_counts.get(car)) for car, laps in cars.items()}
    moved = restore_crossings(cars, paired)
    timing = read_timing(columns.LAPS.of_rows(_flat(cars))) if moved else cleaned.timing
    losses = _find(recording, replace(cleaned, timing=timing), paired)
    notes = [
        replace(_note(loss, numbers, moved.get(car)), car=car)
        for car, found in losses.items()
        for loss, numbers in _lost_numbers(found)
    ]
    certain = {car: sure for car, found in losses.items() if (sure := [loss for loss in found if loss.is_certain])}
    for car, found in certain.items():
        _renumber(cars[car], found)
    if changed := set(certain) | set(moved):
        _mend(recording, cars, changed, moved)
        place(cars, certain, 1)
        recording = replace(recording, laps=columns.LAPS.of_rows(_flat(cars)))
        timing = read_timing(recording.laps)
    return recording, (*notes, *_lost_at_the_end(recording, cleaned, timing))


def _flat(cars: dict[str, list[Lap]]) -> Iterable[Lap]:
    return (lap for laps in cars.values() for lap in laps)


def _intervals(own: CarTiming, start_ms: float) -> list[Interval]:
    after = own.crossing_ms > start_ms
    times = [start_ms, *own.crossing_ms[after].tolist()]
    numbers = [0, *own.crossing_laps[after].tolist()]
    return [Interval(a, b, c, d) for (a, b), (c, d) in zip(pairwise(numbers), pairwise(times), strict=True)]


def _find(recording: Recording, cleaned: Cleaned, paired: dict[str, Paired]) -> dict[str, list[Loss]]:
    """Losses of every car that has any, likely ones alone."""
    start_ms = first_lap_start_ms(recording, cleaned.timing)
    if start_ms is None:
        return {}
    intervals = {car: _intervals(own, start_ms) for car, own in cleaned.timing.items()}
    own_words = {
        car: [
            {
                COUNT: _by_count(interval, paired.get(car)),
                TELEMETRY: _by_telemetry(interval, cleaned, car),
                LAP_TIMES: _by_lap_times(interval, cleaned.timing[car], found),
            }
            for interval in found
        ]
        for car, found in intervals.items()
    }
    doubtful = {
        car: [i for i, words in zip(intervals[car], said, strict=True) if any((w or 0) > 0 for w in words.values())]
        for car, said in own_words.items()
    }
    laps = {r["car"]: r["laps"] for r in recording.results.to_pylist()}
    suspended = suspensions_ms(recording)
    losses = {}
    for car, found in intervals.items():
        words = [
            said | {FIELD: _by_field(interval, car, _driving(interval, cleaned, car, suspended), intervals, doubtful)}
            for interval, said in zip(found, own_words[car], strict=True)
        ]
        heard = [loss for i, said in zip(found, words, strict=True) if (loss := _weigh(i, said)) is not None]
        heard = [loss for loss in _with_result(heard, found, laps.get(car)) if loss.is_likely]
        if heard:
            losses[car] = heard
    return losses


def _weigh(interval: Interval, words: dict[str, int | None]) -> Loss | None:
    """Bring what the witnesses say together; None if nobody says that a lap was lost.

    Lap times tell that there is a hole, and roughly how many laps long.
    """
    exact = [w for name in (TELEMETRY, COUNT, FIELD) if (w := words[name]) is not None and w > 0]
    lost = max(exact, key=exact.count) if exact else words[LAP_TIMES] or 0
    if lost <= 0:
        return None
    agree = {name for name, w in words.items() if w == lost or (name == LAP_TIMES and (w or 0) > 0)}
    disagree = {name for name, w in words.items() if w is not None and name not in agree}
    return Loss(interval, lost, tuple(n for n in words if n in agree), tuple(n for n in words if n in disagree))


def _with_result(losses: list[Loss], intervals: list[Interval], official: int | None) -> list[Loss]:
    """Add what the result says of all of a car's losses together: how many laps there are more than recorded."""
    if official is None or not losses:
        return losses
    more = official - intervals[-1].last
    fits = sum(loss.laps for loss in losses if loss.is_likely) <= more
    return [
        replace(loss, agree=(*loss.agree, RESULT)) if fits else replace(loss, disagree=(*loss.disagree, RESULT))
        for loss in losses
    ]


def _clear(laps: float) -> int | None:
    whole = round(laps)
    return whole if abs(laps - whole) <= _CLEAR else None


def _by_count(interval: Interval, paired: Paired | None) -> int | None:
    """What the upstream counted more; that it counted no more tells nothing: it counts what it hears of, too."""
    if paired is None:
        return None
    counted = {lap["lap"]: int(count) for lap, count in zip(paired.rows, paired.counted, strict=True)}
    first, last = counted.get(interval.first), counted.get(interval.last)
    more = last - first - interval.recorded if first is not None and last is not None else 0
    return more if more > 0 else None


def _by_telemetry(interval: Interval, cleaned: Cleaned, car: str) -> int | None:
    """Distance driven, in laps of the track."""
    data, coordinates = cleaned.cars.get(car), cleaned.positions.get(car)
    driven = travelled_m(data, coordinates)
    if cleaned.track is None or driven is None:
        return None
    time_ms = driven[0]
    inside = time_ms[(time_ms > interval.start_ms) & (time_ms < interval.end_ms)]
    step_ms = np.diff(np.concatenate([[interval.start_ms], inside, [interval.end_ms]]))
    if step_ms[step_ms > MAX_GAP_MS].sum() > _MAX_SILENT * (interval.end_ms - interval.start_ms):
        return None
    begin, end = np.interp((interval.start_ms, interval.end_ms), *driven)
    return _clear(float(end - begin) / cleaned.track.length_m - interval.recorded)


def _by_lap_times(interval: Interval, own: CarTiming, intervals: list[Interval]) -> int | None:
    """Time between the crossings that no lap's official time accounts for, in laps as this car drives them."""
    inside = (own.lap > interval.first) & (own.lap <= interval.last)
    if inside.sum() != interval.recorded or not np.isfinite(own.lap_time_ms[inside]).all():
        return None
    hole_ms = interval.end_ms - interval.start_ms - float(own.lap_time_ms[inside].sum())
    lap_ms = float(np.median([(i.end_ms - i.start_ms) / i.recorded for i in intervals]))
    laps = hole_ms / lap_ms
    # A lap behind the safety car takes up to twice as long as any other.
    return 0 if laps < 1 - 2 * _CLEAR else max(round(laps), 1) if laps > 1 - _CLEAR else None


def _by_field(
    interval: Interval,
    car: str,
    drove: list[Span] | None,
    intervals: dict[str, list[Interval]],
    doubtful: dict[str, list[Interval]],
) -> int | None:
    """Laps the other cars did while this one drove, the middle one of those that were followed."""
    if drove is None:
        return None
    laps = []
    for other, found in intervals.items():
        followed = found and found[0].start_ms <= interval.start_ms and found[-1].end_ms >= interval.end_ms
        if other == car or not followed or any(d.overlaps(interval) for d in doubtful[other]):
            continue
        times = [found[0].start_ms, *(i.end_ms for i in found)]
        numbers = [found[0].first, *(i.last for i in found)]
        laps.append(sum(float(np.diff(np.interp(span, times, numbers))[0]) for span in drove))
    return _clear(float(np.median(laps)) - interval.recorded) if len(laps) >= _MIN_FIELD else None


def _driving(interval: Interval, cleaned: Cleaned, car: str, suspended: list[Span]) -> list[Span] | None:
    """When a car was neither in the pit lane nor standing; None where nothing tells when it left the pit lane.

    While the race is ``suspended`` all stand, so that a car that does loses nothing to the others.
    """
    own = cleaned.timing[car]
    entries = own.pit_in_ms[np.isfinite(own.pit_in_ms)]
    exits = own.pit_out_ms[np.isfinite(own.pit_out_ms)]
    stood = stands_ms(cleaned.cars.get(car))
    for entry in entries[(entries >= interval.start_ms) & (entries < interval.end_ms)]:
        if not len(exits[exits > entry]) and not stood:
            return None
    for leave in exits[exits > interval.start_ms]:
        # Without an entry it was in the pit lane from the beginning: a start from there, or a line before the box.
        stood.append((float(entries[entries < leave].max(initial=interval.start_ms)), float(leave)))
    for pause in suspended:
        stood = [part for span in stood for part in _without(span, pause)]
    drove = [(interval.start_ms, interval.end_ms)]
    for span in stood:
        drove = [part for driven in drove for part in _without(driven, span)]
    return drove


def _without(span: Span, other: Span) -> list[Span]:
    """What is left of a span of time without another one."""
    parts = ((span[0], min(span[1], other[0])), (max(span[0], other[1]), span[1]))
    return [(begin, end) for begin, end in parts if begin < end]


def _renumber(laps: list[Lap], losses: list[Loss]) -> None:
    """Give the laps after each loss the numbers they were driven as, in place; their tyres have done the lost laps."""
    for loss in sorted(losses, key=lambda loss: -loss.interval.last):
        numbered = [lap for lap in laps if lap["lap"] is not None]
        following = [lap for lap in numbered if lap["lap"] >= loss.interval.last]
        before = [lap for lap in numbered if lap["lap"] < loss.interval.last]
        first = following[0]
        if first["lap"] == 1:
            _without_first_lap_time(first)
        if first["start_ms"] is not None and abs(first["start_ms"] - loss.interval.start_ms) <= _SAME_MS:
            first["start_ms"] = start_of(first)
        _age_tyres(following, before[-1] if before else None, loss.laps)
        for lap in following:
            lap["lap"] += loss.laps


def _without_first_lap_time(lap: Lap) -> None:
    """Take the time of a race's first lap, which FastF1 has from the results service, off a later one."""
    sectors = [lap[f"sector{n}_ms"] for n in (1, 2, 3)]
    lap["lap_time_ms"] = None if None in sectors else sum(sectors)


def _age_tyres(following: list[Lap], before: Lap | None, lost: int) -> None:
    """Add the lost laps to the age of a set if it was counted by the records there are."""
    first = following[0]
    age, earlier = first["tyre_age_laps"], 0 if before is None else before["tyre_age_laps"]
    if age is None or earlier is None or (before is not None and before["stint"] != first["stint"]):
        return
    if age - earlier == first["lap"] - (0 if before is None else before["lap"]):
        for lap in following:
            if lap["stint"] == first["stint"] and lap["tyre_age_laps"] is not None:
                lap["tyre_age_laps"] += lost


def _mend(recording: Recording, cars: dict[str, list[Lap]], changed: set[str], moved: Iterable[str]) -> None:
    """Put right, in place, what follows from the times of laps: laps FastF1 generated, track status, stints."""
    timing = read_timing(columns.LAPS.of_rows(_flat(cars)))
    finished = session_status_ms(recording, "Finished")
    flag = flag_ms(timing, finished[-1] if finished else None, recording.total_laps)
    statuses = recording.track_status.to_pylist()
    for car in changed:
        crossings = timing[car].crossing_ms if car in timing else np.empty(0)
        if flag is not None and len(crossings) and crossings[-1] >= flag:
            # FastF1 adds a lap to a car that it thinks stopped on track; this one took the flag.
            cars[car] = [lap for lap in cars[car] if not lap["generated"]]
        for lap in cars[car]:
            if lap["start_ms"] is None or lap["end_ms"] is None:
                continue
            if lap["generated"] and lap["end_ms"] <= lap["start_ms"]:
                lap["end_ms"] = None
            else:
                lap["track_status"] = _status_during(statuses, lap["start_ms"], lap["end_ms"])
    for car in moved:
        _fit_stints(cars[car])


def _status_during(statuses: list[dict[str, Any]], start_ms: float, end_ms: float) -> str:
    """Every track status code during a lap, in order."""
    during = (
        row["status"]
        for row in statuses
        if row["status"] and row["time_ms"] <= end_ms and (row["end_ms"] is None or row["end_ms"] >= start_ms)
    )
    return "".join(dict.fromkeys(during))


def _fit_stints(laps: list[Lap]) -> None:
    """Begin each stint on the lap with the pit exit, where FastF1, by its early crossings, began it later; in place."""
    for index in range(1, len(laps)):
        first = laps[index]
        if first["stint"] == laps[index - 1]["stint"] or first["pit_out_ms"] is not None:
            continue
        same = [at for at in range(1, index) if laps[at]["stint"] == laps[index - 1]["stint"]]
        left = [at for at in same if laps[at]["pit_out_ms"] is not None and laps[at - 1]["stint"] == laps[at]["stint"]]
        if not left:
            continue
        age = first["tyre_age_laps"]
        for lap in laps[left[-1] : index]:
            lap.update({name: first[name] for name in ("stint", "compound", "tyre_fresh")})
        for lap in laps[left[-1] :]:
            if lap["stint"] == first["stint"] and age is not None and lap["lap"] is not None:
                lap["tyre_age_laps"] = age + lap["lap"] - laps[left[-1]]["lap"]


def _lost_numbers(losses: list[Loss]) -> list[tuple[Loss, range]]:
    """The numbers of the lost laps as they were driven; with laps missing beside them, the first that may be."""
    found, before = [], 0
    for loss in sorted(losses, key=lambda loss: loss.interval.last):
        first = loss.interval.first + before + 1
        found.append((loss, range(first, first + loss.laps)))
        before += loss.laps if loss.is_certain else 0
    return found


def place(cars: dict[str, list[Lap]], losses: dict[str, list[Loss]], first_lap: int) -> None:
    """Give the laps from ``first_lap`` on their places at the line, in place, by their ends as FastF1 does.

    Whoever crossed the line while a lost crossing may have been ahead of it or not has no place.
    """
    lost: dict[int, list[Span]] = {}
    for car, found in losses.items():
        starts = {lap["lap"]: lap["start_ms"] for lap in cars[car]}
        for loss, numbers in _lost_numbers(found):
            for number in numbers:
                crossed = starts.get(number + 1)
                span = (loss.interval.start_ms, loss.interval.end_ms) if crossed is None else (crossed, crossed)
                lost.setdefault(number, []).append(span)
    by_number: dict[int, list[Lap]] = {}
    for lap in _flat(cars):
        if lap["lap"] is not None and lap["lap"] >= first_lap and not lap["generated"]:
            by_number.setdefault(lap["lap"], []).append(lap)
    for number, laps in by_number.items():
        laps.sort(key=lambda lap: (lap["end_ms"] is None, lap["end_ms"] or 0))
        for rank, lap in enumerate(laps, start=1):
            at = np.inf if lap["end_ms"] is None else lap["end_ms"]
            spans = lost.get(number, [])
            unsure = any(begin < at < end for begin, end in spans)
            lap["position"] = None if unsure else rank + sum(end <= at for _, end in spans)


def _note(loss: Loss, numbers: range, moved_ms: float | None) -> Note:
    interval = loss.interval
    who, others = in_words(loss.agree), in_words(loss.disagree)
    if loss.is_certain:
        cause = f"{_named(numbers)} not recorded, by {who}; the later ones are numbered as they were driven"
        if moved_ms is not None:
            cause += f", their ends moved back by {moved_ms / 1000:.3f} s to where the upstream had them"
    else:
        against = f", not by {others}" if others else " alone"
        cause = f"{_named(numbers)} not recorded, by {who}{against}; nothing is renumbered"
    return Note(
        "laps_lost",
        None,
        cause,
        start_ms=interval.start_ms,
        end_ms=interval.end_ms,
        value=loss.laps,
        unit="lap",
        severity="warning" if loss.is_certain else "error",
    )


def _named(numbers: range) -> str:
    return f"{'lap' if len(numbers) == 1 else 'laps'} {in_words([str(n) for n in numbers])}"


def in_words(items: Iterable[str]) -> str:
    """The items as a sentence lists them: ``a, b and c``."""
    *others, last = [*items] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _lost_at_the_end(recording: Recording, cleaned: Cleaned, timing: dict[str, CarTiming]) -> list[Note]:
    """Laps that the result has and that a car drove after its last crossing."""
    notes = []
    for row in recording.results.to_pylist():
        car, official = row["car"], row["laps"]
        own = timing.get(car)
        if official is None or own is None or not len(own.crossing_laps) or official <= own.crossing_laps[-1]:
            continue
        numbers = range(int(own.crossing_laps[-1]) + 1, official + 1)
        driven = travelled_m(cleaned.cars.get(car), cleaned.positions.get(car))
        if driven is None or cleaned.track is None:
            who = [RESULT] if _was_classified(row) else []
        else:
            metres = driven[1][-1] - np.interp(own.crossing_ms[-1], *driven)
            who = [RESULT, TELEMETRY] if metres / cleaned.track.length_m > len(numbers) - _CLEAR else []
        if who:
            cause = f"{_named(numbers)} not recorded at the end, by {in_words(who)}"
            at = float(own.crossing_ms[-1])
            more = {"start_ms": at, "value": len(numbers), "unit": "lap", "severity": "error"}
            notes.append(Note("laps_lost", car, cause, **more))
    return notes


def _was_classified(row: dict[str, Any]) -> bool:
    """Whether the result gives a place to a car that was still driving at the end."""
    try:
        return float(row["classified"] or "nan") > 0
    except ValueError:
        return False
