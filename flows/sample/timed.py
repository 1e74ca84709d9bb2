"""Simulates sessions in which cars drive for a time, not against each other: practice and qualifying."""

from dataclasses import dataclass

import numpy as np

from flows.sample.circuit import CIRCUITS, PIT_EXIT_M, Circuit
from flows.sample.entry import NUMBERS
from flows.sample.messages import Message, deletions, flag, other
from flows.sample.motion import Drive, Stop, Trajectory, drive
from flows.sample.run import CarRun, LapRun, Script, SessionRun, Stint, lap_runs, weather_log

_FIRST_PART_S = 60.0
#: Between the flag of one part of qualifying and the start of the next.
_BREAK_S = 130.0
_ELIMINATED = 5


@dataclass(frozen=True, kw_only=True)
class TimedScript(Script):
    """What is to happen in practice or qualifying; moments in session time.

    ``parts`` are the lengths in seconds of Q1, Q2 and Q3, or of a practice session. ``no_time`` stay in their box;
    ``deleted`` are parts, whose first timed lap the stewards delete.
    """

    parts: tuple[float, ...]
    no_time: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Outing:
    """One run: out of the box at ``leave_s`` on lap number ``lap``, timed laps by ``factors``, back in."""

    part: int
    lap: int
    leave_s: float
    factors: tuple[float, ...]
    compound: str

    @property
    def last_lap(self) -> int:
        return self.lap + len(self.factors) + 1


def simulate_timed(script: TimedScript) -> SessionRun:
    """Return what happens when practice or qualifying goes by its script."""
    circuit = CIRCUITS[script.round]
    rng = np.random.default_rng(script.seed)
    boxes = {number: circuit.node_of(60 + 8 * index) for index, number in enumerate(NUMBERS)}
    outings: dict[str, list[_Outing]] = {number: [] for number in NUMBERS}
    remaining = [number for number in NUMBERS if number not in script.no_time]
    starts: list[tuple[float, float]] = []
    begin = _FIRST_PART_S
    for part, length in enumerate(script.parts):
        starts.append((begin, begin + length))
        _send_out(script, part, begin, remaining, outings, rng)
        if part + 1 < len(script.parts):
            keep = len(NUMBERS) - _ELIMINATED * (part + 1)
            best = {n: max(_valid(script, n, outings[n][-1], part)) for n in remaining}
            remaining = sorted(remaining, key=lambda number: -best[number])[:keep]
        begin += length + _BREAK_S
    plans = {n: _plan(circuit, boxes[n], outings[n]) for n in NUMBERS if outings[n]}
    ways = {number: drive(circuit, plan) for number, plan in plans.items()}
    length_s = round(max(float(way.time_s[-1]) for way in ways.values()) + 15.0, 3)
    runs = {}
    for number in NUMBERS:
        if number in ways:
            runs[number] = _car_run(script, circuit, number, outings[number], plans[number], ways[number])
        else:
            place = np.full(2, boxes[number] * circuit.spacing_m)
            way = Trajectory(np.array([0.0, length_s]), place, np.zeros(2), np.full(2, 15.0))
            runs[number] = CarRun(number, way, started=False)
    return SessionRun(
        round=script.round,
        code=script.code,
        circuit=circuit,
        origin=script.origin,
        length_s=length_s,
        start_s=starts[0][0],
        parts=tuple(starts),
        cars=runs,
        track_status=((0.0, "1"), (starts[0][0] + 95.0, "2"), (starts[0][0] + 108.0, "1")),
        session_status=_session_status(starts, length_s),
        messages=_messages(starts, runs),
        weather=weather_log(length_s, rng, 23.0, 33.0, script.rain_from_s),
        corrupt_at_s=script.corrupt_at_s,
        has_drs=script.has_drs,
    )


def _send_out(
    script: TimedScript,
    part: int,
    begin_s: float,
    numbers: list[str],
    outings: dict[str, list[_Outing]],
    rng: np.random.Generator,
) -> None:
    """Add one outing for every car: every third has time for two timed laps, the others leave later and drive one."""
    order = list(rng.permutation(len(numbers)))
    for place, index in enumerate(order):
        number = numbers[int(index)]
        timed = 2 if place % 3 == 0 or len(script.parts) == 1 else 1
        leave = begin_s + (3.0 if timed == 2 else 34.0) + 2.6 * place + float(rng.uniform(0, 1))
        factors = tuple(script.pace[number] * (1 + 0.004 * part + float(rng.normal(0, 0.002))) for _ in range(timed))
        lap = outings[number][-1].last_lap + 1 if outings[number] else 1
        outings[number].append(_Outing(part, lap, leave, factors, "SOFT" if len(script.parts) > 1 else "MEDIUM"))


def _valid(script: TimedScript, number: str, outing: _Outing, part: int) -> tuple[float, ...]:
    """Return the factors of the timed laps that count; 0 stands for none."""
    return (0.0, *outing.factors[1 if (number, part) in script.deleted else 0 :])


def _plan(circuit: Circuit, box: int, outings: list[_Outing]) -> Drive:
    nodes = circuit.nodes
    pace: list[tuple[int, float]] = []
    stops = []
    lanes = [0]
    for outing in outings:
        line = outing.lap * nodes
        pace += [((outing.lap - 1) * nodes + box, 0.8), (line - 120, 0.8)]
        for index, factor in enumerate(outing.factors):
            pace += [(line + index * nodes, factor), (line + (index + 1) * nodes, factor)]
        pace.append((line + len(outing.factors) * nodes + 150, 0.72))
        lanes.append(outing.last_lap)
        if outing is not outings[-1]:
            follow = outings[outings.index(outing) + 1]
            stops.append(Stop(outing.last_lap * nodes + box, seconds=9.0, release_s=follow.leave_s))
    last = outings[-1].last_lap * nodes + box
    return Drive(box, last, outings[0].leave_s, tuple(pace), tuple(lanes), tuple(stops))


def _car_run(
    script: TimedScript, circuit: Circuit, number: str, outings: list[_Outing], plan: Drive, way: Trajectory
) -> CarRun:
    left = way.when(PIT_EXIT_M)
    if left is None:
        raise ValueError(f"car {number} never leaves the pit lane")
    laps = lap_runs(circuit, way, outings[-1].last_lap, plan.pit_lanes, None, round(left * 1000))
    stints = []
    for index, outing in enumerate(outings):
        # New tyres go on when the car stands in its box again, which may be later than it was to leave.
        back = way.when(outings[index - 1].last_lap * circuit.length_m) if index else None
        fitted_s = max(outing.leave_s - 2.0, (back or 0.0) + 12.0)
        stints.append(Stint(round(fitted_s * 1000), outing.compound, index == 0, 3 * index))
    gaps = script.gaps_of(number)
    deleted = frozenset(outing.lap + 1 for outing in outings if (number, outing.part) in script.deleted)
    return CarRun(
        number, way, laps, tuple(stints), gaps=gaps, first_pit_out_ms=round(left * 1000), deleted_laps=deleted
    )


def part_of(run: SessionRun, lap: LapRun) -> int:
    """Return in which part (from 0) of qualifying a lap was begun."""
    moment = (lap.pit_out_ms or lap.start_ms or 0) / 1000
    return max(index for index, (start, _) in enumerate(run.parts) if index == 0 or moment >= start)


def timed_laps(run: SessionRun, car: CarRun) -> tuple[LapRun, ...]:
    """Return the laps that count for a time: complete, neither out nor in, not deleted."""
    return tuple(
        lap
        for lap in car.complete_laps
        if lap.pit_in_ms is None and lap.pit_out_ms is None and lap.number not in car.deleted_laps and lap.time_ms
    )


def _session_status(parts: list[tuple[float, float]], length_s: float) -> tuple[tuple[float, str], ...]:
    changes = [(5.614, "Inactive")]
    for index, (start, end) in enumerate(parts):
        if index:
            changes.append((start - 45.0, "Inactive"))
        changes += [(start, "Started"), (end, "Finished")]
    return (*changes, (length_s - 6, "Finalised"), (length_s - 4, "Ends"))


def _messages(parts: list[tuple[float, float]], runs: dict[str, CarRun]) -> tuple[Message, ...]:
    found = deletions(runs)
    for start, end in parts:
        found.append(flag(start, "GREEN", "GREEN LIGHT - PIT EXIT OPEN"))
        found.append(flag(end, "CHEQUERED", "CHEQUERED FLAG"))
    found.append(flag(parts[0][0] + 95.0, "YELLOW", "YELLOW IN TRACK SECTOR 3", 3))
    found.append(flag(parts[0][0] + 108.0, "CLEAR", "CLEAR IN TRACK SECTOR 3", 3))
    found.append(other(30.0, "RISK OF RAIN IS 10%"))
    return tuple(sorted(found, key=lambda message: message[0]))
