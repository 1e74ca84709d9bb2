"""Laps that were driven and not recorded: found by what else tells, and later laps numbered as they were driven.

FastF1 counts the laps it hears of, so a lap that was not sent makes every later one of its car a number too low: it
falls laps behind, and its coordinates lie where it cannot be. For every interval between two crossings of the line up
to four witnesses say how many more laps than recorded were driven in it; the result says how many there can be.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transforms import columns
from transforms.classification import is_running_at_the_end
from transforms.clock import first_lap_start_ms, suspensions_ms
from transforms.interpolate import MAX_GAP_MS
from transforms.lap_counts import Lap, Paired, pair, restore_crossings
from transforms.notes import Note
from transforms.progress import travelled_m
from transforms.recording import Recording
from transforms.renumber import add_to_numbers, flat, mend, place
from transforms.running import Cleaned
from transforms.samples import CleanCar, CleanPositions
from transforms.states import stands_ms
from transforms.timing import CarTiming, Span, read_timing
from transforms.track import Track

#: A witness that is this far from a whole number of laps does not know: cars differ by less over the few laps between
#: two crossings, and speed sensors by 2 %.
_CLEAR = 0.35
#: The field is a witness with at least this many cars that were followed all the time.
_MIN_FIELD = 3
#: Telemetry is a witness if it is silent for less than this part of the time.
_MAX_SILENT = 0.1

Floats = NDArray[np.float64]
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
    """Laps lost in an interval: how many, who says so and who says otherwise.

    ``before`` is how many were certainly lost before it, so that its laps can be called by their right numbers.
    """

    interval: Interval
    laps: int
    agree: tuple[str, ...]
    disagree: tuple[str, ...]
    before: int = 0

    @property
    def numbers(self) -> range:
        """Numbers of the lost laps as they were driven."""
        first = self.interval.first + self.before + 1
        return range(first, first + self.laps)

    @property
    def is_certain(self) -> bool:
        """Two witnesses, and none against them."""
        return len(self.agree) >= 2 and not self.disagree

    @property
    def is_likely(self) -> bool:
        """More for it than against it."""
        return len(self.agree) > len(self.disagree)


@dataclass(frozen=True)
class Known:
    """What else is known of a session's cars, by racing number: clean samples, timing, and the track of them."""

    cars: dict[str, CleanCar]
    positions: dict[str, CleanPositions]
    timing: dict[str, CarTiming]
    track: Track | None


def with_lost_laps(recording: Recording, known: Known) -> tuple[Recording, tuple[Note, ...]]:
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
    timing = read_timing(columns.RECORDED_LAPS.of_rows(flat(cars))) if moved else known.timing
    losses = _find(recording, replace(known, timing=timing), paired)
    notes = [_note(car, loss) for car, found in losses.items() for loss in found]
    notes += [_moved_note(car, by_ms) for car, by_ms in moved.items()]
    certain = [(car, loss) for car, found in losses.items() for loss in found if loss.is_certain]
    # From behind: what comes before still has the number it is known by here.
    for car, loss in sorted(certain, key=lambda of: -of[1].interval.last):
        add_to_numbers(cars[car], loss.interval.last, loss.laps, loss.interval.start_ms)
    if changed := {car for car, _ in certain} | set(moved):
        mend(recording, cars, changed, moved)
        place(cars, _lost_crossings(cars, certain))
        recording = replace(recording, laps=columns.RECORDED_LAPS.of_rows(flat(cars)))
    return recording, tuple(notes)


def _lost_crossings(cars: dict[str, list[Lap]], losses: list[tuple[str, Loss]]) -> dict[int, list[Span]]:
    """By lap number between what times its lost crossings were: exactly known where the next lap says when it began."""
    lost: dict[int, list[Span]] = {}
    for car, loss in losses:
        starts = {lap["lap"]: lap["start_ms"] for lap in cars[car]}
        for number in loss.numbers:
            crossed = starts.get(number + 1)
            span = (loss.interval.start_ms, loss.interval.end_ms) if crossed is None else (crossed, crossed)
            lost.setdefault(number, []).append(span)
    return lost


@dataclass(frozen=True)
class _Car:
    """What is known of one car.

    Its intervals, laps driven by telemetry at ``driven`` times, when it stood or was in the pit lane (None where not
    known), and what the upstream counted at the end of each lap.
    """

    own: CarTiming
    intervals: list[Interval]
    driven: tuple[Floats, Floats] | None
    stood: list[Span]
    visits: list[tuple[float | None, float | None]]
    counted: dict[int, int]

    @property
    def lap_ms(self) -> float:
        """How long its laps usually take."""
        return float(np.median([(i.end_ms - i.start_ms) / i.recorded for i in self.intervals]))

    def laps_during(self, span: Span) -> float:
        """Laps it did in this time, by its crossings."""
        times = [self.intervals[0].start_ms, *(i.end_ms for i in self.intervals)]
        numbers = [self.intervals[0].first, *(i.last for i in self.intervals)]
        return float(np.diff(np.interp(span, times, numbers))[0])


def _look_up(recording: Recording, known: Known, paired: dict[str, Paired]) -> dict[str, _Car]:
    start_ms = first_lap_start_ms(recording, known.timing)
    cars = {}
    for number, own in known.timing.items():
        intervals = [] if start_ms is None else _intervals(own, start_ms)
        if not intervals:
            continue
        data = known.cars.get(number)
        driven = travelled_m(data, known.positions.get(number)) if known.track is not None else None
        told = paired.get(number)
        cars[number] = _Car(
            own=own,
            intervals=intervals,
            driven=None if driven is None or known.track is None else (driven[0], driven[1] / known.track.length_m),
            stood=stands_ms(data),
            visits=_pit_visits(own),
            counted={}
            if told is None
            else {lap["lap"]: int(count) for lap, count in zip(told.rows, told.counted, strict=True)},
        )
    return cars


def _intervals(own: CarTiming, start_ms: float) -> list[Interval]:
    after = own.crossing_ms > start_ms
    times = [start_ms, *own.crossing_ms[after].tolist()]
    numbers = [0, *own.crossing_laps[after].tolist()]
    return [Interval(a, b, c, d) for (a, b), (c, d) in zip(pairwise(numbers), pairwise(times), strict=True)]


def _find(recording: Recording, known: Known, paired: dict[str, Paired]) -> dict[str, list[Loss]]:
    """Losses of every car that has any, likely ones alone."""
    cars = _look_up(recording, known, paired)
    words = {
        number: [
            {COUNT: _by_count(i, car), TELEMETRY: _by_telemetry(i, car), LAP_TIMES: _by_lap_times(i, car)}
            for i in car.intervals
        ]
        for number, car in cars.items()
    }
    doubtful = {
        number: [
            i for i, said in zip(car.intervals, words[number], strict=True) if any((w or 0) > 0 for w in said.values())
        ]
        for number, car in cars.items()
    }
    shortest_ms = min((car.lap_ms for car in cars.values()), default=0.0)
    laps = {r["car"]: r["laps"] for r in recording.results.to_pylist()}
    suspended = suspensions_ms(recording)
    losses = {}
    for number, car in cars.items():
        heard = []
        for interval, said in zip(car.intervals, words[number], strict=True):
            # Most laps are as long as any other: nothing can have been lost in them.
            asked = interval in doubtful[number] or (
                interval.end_ms - interval.start_ms > (interval.recorded + _CLEAR) * shortest_ms
            )
            others = [
                other
                for name, other in cars.items()
                if name != number and not any(d.overlaps(interval) for d in doubtful[name])
            ]
            field = _by_field(interval, _driving(interval, car, suspended), others) if asked else None
            if (loss := _weigh(interval, said | {FIELD: field})) is not None:
                heard.append(loss)
        likely = [loss for loss in _with_result(heard, car.intervals, laps.get(number)) if loss.is_likely]
        if likely:
            sure = [loss.laps if loss.is_certain else 0 for loss in likely]
            losses[number] = [replace(loss, before=sum(sure[:n])) for n, loss in enumerate(likely)]
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
    meant = [loss for loss in losses if loss.is_likely] or losses
    lost = sum(loss.laps for loss in meant)
    if lost < more:
        # The others may be missing anywhere, after the last crossing too.
        return losses
    return [
        replace(loss, agree=(*loss.agree, RESULT))
        if lost == more and loss in meant
        else replace(loss, disagree=(*loss.disagree, RESULT))
        for loss in losses
    ]


def _clear(laps: float) -> int | None:
    whole = round(laps)
    return whole if abs(laps - whole) <= _CLEAR else None


def _by_count(interval: Interval, car: _Car) -> int | None:
    """What the upstream counted more; that it counted no more tells nothing: it counts what it hears of, too."""
    first, last = car.counted.get(interval.first), car.counted.get(interval.last)
    more = last - first - interval.recorded if first is not None and last is not None else 0
    return more if more > 0 else None


def _by_telemetry(interval: Interval, car: _Car) -> int | None:
    """Distance driven, in laps of the track."""
    if car.driven is None:
        return None
    lo, hi = np.searchsorted(car.driven[0], (interval.start_ms, interval.end_ms))
    step_ms = np.diff(np.concatenate([[interval.start_ms], car.driven[0][lo:hi], [interval.end_ms]]))
    if step_ms[step_ms > MAX_GAP_MS].sum() > _MAX_SILENT * (interval.end_ms - interval.start_ms):
        return None
    begin, end = np.interp((interval.start_ms, interval.end_ms), *car.driven)
    return _clear(float(end - begin) - interval.recorded)


def _by_lap_times(interval: Interval, car: _Car) -> int | None:
    """Time between the crossings that no lap's official time accounts for, in laps as this car drives them."""
    own = car.own
    inside = (own.lap > interval.first) & (own.lap <= interval.last)
    if inside.sum() != interval.recorded or not np.isfinite(own.lap_time_ms[inside]).all():
        return None
    laps = (interval.end_ms - interval.start_ms - float(own.lap_time_ms[inside].sum())) / car.lap_ms
    # A lap behind the safety car takes up to twice as long as any other.
    return 0 if laps < 1 - 2 * _CLEAR else max(round(laps), 1) if laps > 1 - _CLEAR else None


def _by_field(interval: Interval, drove: list[Span] | None, others: list[_Car]) -> int | None:
    """Laps the other cars did while this one drove, the middle one of those that were followed all the time."""
    followed = [car for car in others if car.intervals[-1].end_ms >= interval.end_ms]
    if drove is None or len(followed) < _MIN_FIELD:
        return None
    laps = np.median([sum(car.laps_during(span) for span in drove) for car in followed])
    return _clear(float(laps) - interval.recorded)


def _driving(interval: Interval, car: _Car, suspended: list[Span]) -> list[Span] | None:
    """When a car was neither in the pit lane nor standing; None where nothing tells how long it was in the pit lane.

    While the race is ``suspended`` all stand, so that a car that does loses nothing to the others.
    """
    stood = list(car.stood)
    for entered, left in car.visits:
        begin, end = max(entered or interval.start_ms, interval.start_ms), min(left or interval.end_ms, interval.end_ms)
        if begin >= end:
            continue
        if entered is not None and left is not None:
            stood.append((begin, end))
        elif not any(_overlap(span, (begin, end)) for span in car.stood):
            return None
    for pause in suspended:
        stood = [part for span in stood for part in _without(span, pause)]
    drove = [(interval.start_ms, interval.end_ms)]
    for span in stood:
        drove = [part for driven in drove for part in _without(driven, span)]
    return drove


def _pit_visits(own: CarTiming) -> list[tuple[float | None, float | None]]:
    """Entry into and exit from the pit lane of every visit, session ms, in order; None where one is not known."""
    events = [(float(at), False) for at in own.pit_in_ms[np.isfinite(own.pit_in_ms)]]
    events += [(float(at), True) for at in own.pit_out_ms[np.isfinite(own.pit_out_ms)]]
    visits: list[tuple[float | None, float | None]] = []
    for at, is_exit in sorted(events):
        if not is_exit:
            visits.append((at, None))
        elif visits and visits[-1][1] is None:
            visits[-1] = (visits[-1][0], at)
        else:
            visits.append((None, at))
    return visits


def _overlap(span: Span, other: Span) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _without(span: Span, other: Span) -> list[Span]:
    """What is left of a span of time without another one."""
    parts = ((span[0], min(span[1], other[0])), (max(span[0], other[1]), span[1]))
    return [(begin, end) for begin, end in parts if begin < end]


def _note(car: str, loss: Loss) -> Note:
    interval = loss.interval
    who, others = in_words(loss.agree), in_words(loss.disagree)
    if loss.is_certain:
        cause = f"{_named(loss.numbers)} not recorded, by {who}; the later ones are numbered as they were driven"
    else:
        against = f", not by {others}" if others else " alone"
        cause = f"{_named(loss.numbers)} not recorded, by {who}{against}; nothing is renumbered"
    return Note(
        "laps_lost",
        car,
        cause,
        start_ms=interval.start_ms,
        end_ms=interval.end_ms,
        value=loss.laps,
        unit="lap",
        severity="warning" if loss.is_certain else "error",
    )


def _moved_note(car: str, by_ms: float) -> Note:
    cause = "FastF1 had moved its crossings so much too early; they are where the upstream had them"
    return Note("crossings_moved", car, cause, value=by_ms, unit="ms")


def _named(numbers: range) -> str:
    return f"{'lap' if len(numbers) == 1 else 'laps'} {in_words([str(n) for n in numbers])}"


def in_words(items: Iterable[str]) -> str:
    """The items as a sentence lists them: ``a, b and c``."""
    *others, last = [*items] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def lost_by_the_result(recording: Recording, cleaned: Cleaned, known: Iterable[Note]) -> list[Note]:
    """Laps that the result has and no record tells of, nor one of the ``known`` findings.

    A car that took the flag lost them anywhere, any other after its last crossing.
    """
    notes = []
    told = {note.car for note in known if note.kind == "laps_lost" and note.severity == "error"}
    flag = cleaned.finish.flag_ms
    for row in recording.results.to_pylist():
        car, official = row["car"], row["laps"]
        own = cleaned.timing.get(car)
        if official is None or own is None or not len(own.crossing_laps) or official <= own.crossing_laps[-1]:
            continue
        if flag is not None and own.crossing_ms[-1] >= flag:
            if car not in told:
                lost = official - int(own.crossing_laps[-1])
                cause = f"{lost} of {official} laps not recorded, by the result alone; which is not known"
                notes.append(Note("laps_lost", car, cause, value=lost, unit="lap", severity="error"))
            continue
        numbers = range(int(own.crossing_laps[-1]) + 1, official + 1)
        driven = travelled_m(cleaned.cars.get(car), cleaned.positions.get(car))
        if driven is None or cleaned.track is None:
            who = [RESULT] if is_running_at_the_end(str(row["status"] or "")) else []
        else:
            metres = driven[1][-1] - np.interp(own.crossing_ms[-1], *driven)
            who = [RESULT, TELEMETRY] if metres / cleaned.track.length_m > len(numbers) - _CLEAR else []
        if who:
            cause = f"{_named(numbers)} not recorded at the end, by {in_words(who)}"
            at, lost = float(own.crossing_ms[-1]), len(numbers)
            notes.append(Note("laps_lost", car, cause, start_ms=at, value=lost, unit="lap", severity="error"))
    return notes
