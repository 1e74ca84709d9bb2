"""Simulates a race or sprint from its script: who is how fast, who stops when, and what goes wrong."""

from dataclasses import dataclass, field, replace

import numpy as np

from flows.sample.circuit import CIRCUITS, PIT_EXIT_M, Circuit
from flows.sample.messages import race_messages
from flows.sample.motion import STEADY, Clock, Drive, Stop, Trajectory, drive
from flows.sample.run import CarRun, Script, SessionRun, Stint, lap_runs, weather_log

#: Seconds of session time: the first car leaves its box, the formation lap begins, the lights go out.
_LEAVE_S, _FORMATION_S, LIGHTS_S = 20.0, 175.0, 310.0
#: A stopped car's feeds go on for this long.
_FEED_AFTER_STOP_S = 45.0
_SAFETY_CAR_RATE, _SAFETY_CAR_GAP_S = 0.5, 0.9
_RED_FLAG_SLOW_S, _RED_FLAG_LOSS_S = 32.0, 14.0


@dataclass(frozen=True)
class PitStop:
    """At the end of ``lap`` the car comes in and stands for ``seconds``."""

    lap: int
    seconds: float
    compound: str
    new: bool = True
    age: int = 0


@dataclass(frozen=True, kw_only=True)
class RaceScript(Script):
    """What is to happen in a race or sprint; moments in seconds after the lights go out. ``deleted`` are laps.

    ``safety_car`` is (start, end), ``virtual`` likewise, ``red_flag`` (start, restart); some change tyres meanwhile
    (``red_flag_tyres``). ``retire`` gives the distance in laps after which a car stands beside the track.
    ``yellow`` are (start, end).
    """

    laps: int
    grid: tuple[str, ...]
    tyres: dict[str, str] = field(default_factory=dict)
    stops: dict[str, tuple[PitStop, ...]] = field(default_factory=dict)
    retire: dict[str, float] = field(default_factory=dict)
    never_starts: str | None = None
    safety_car: tuple[float, float] | None = None
    virtual: tuple[float, float] | None = None
    red_flag: tuple[float, float] | None = None
    red_flag_tyres: dict[str, str] = field(default_factory=dict)
    yellow: tuple[tuple[float, float], ...] = ()
    penalties_s: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Car:
    """A car's part of the script, in nodes."""

    number: str
    slot: int
    box: int
    factors: tuple[float, ...]
    reaction_s: float


def simulate_race(script: RaceScript) -> SessionRun:
    """Return what happens when a race goes by its script."""
    circuit = CIRCUITS[script.round]
    rng = np.random.default_rng(script.seed)
    cars = {}
    for slot, number in enumerate(script.grid):
        noise = rng.normal(0, 0.0022, script.laps)
        cars[number] = _Car(
            number=number,
            slot=-circuit.node_of(8 + 8 * slot),
            box=circuit.node_of(60 + 8 * slot),
            factors=tuple(float(script.pace[number] * (1 + value)) for value in noise),
            reaction_s=float(rng.uniform(0.18, 0.34)),
        )
    starters = {number: car for number, car in cars.items() if number != script.never_starts}
    clocks = _clocks(script, circuit, starters)
    red = _red_flag_stops(script, circuit, starters, clocks)
    done, finish_s = _finish(script, circuit, starters, clocks, red)
    plans = {n: _plan(script, circuit, car, clocks[n], red.get(n), done[n]) for n, car in starters.items()}
    ways = {number: drive(circuit, plan) for number, plan in plans.items()}
    length_s = max(float(way.time_s[-1]) for way in ways.values()) + 12.0
    runs = {}
    for grid, (number, car) in enumerate(cars.items(), start=1):
        if number in ways:
            lap = red[number][0] if number in red else None
            runs[number] = _car_run(script, circuit, car, plans[number], ways[number], done[number], grid, lap)
        else:
            runs[number] = CarRun(number, _parked(circuit, car, length_s), grid=grid, started=False)
    return SessionRun(
        round=script.round,
        code=script.code,
        circuit=circuit,
        origin=script.origin,
        length_s=round(length_s, 3),
        start_s=LIGHTS_S,
        parts=((LIGHTS_S, finish_s),),
        cars=runs,
        track_status=_track_status(script),
        session_status=_session_status(script, finish_s, length_s),
        messages=race_messages(script, runs, LIGHTS_S, finish_s),
        weather=weather_log(length_s, rng, 24.0, 37.0, script.rain_from_s),
        total_laps=script.laps,
        penalties_s=script.penalties_s,
        corrupt_at_s=script.corrupt_at_s,
        has_drs=script.has_drs,
    )


def _plan(
    script: RaceScript, circuit: Circuit, car: _Car, clock: Clock, red: tuple[int, Stop] | None, laps: int
) -> Drive:
    """Return what a car does, from its box to the grid, round the formation lap, ``laps`` laps and back to the box."""
    nodes, slot = circuit.nodes, car.slot
    order = -slot * circuit.spacing_m / 8 - 1
    first = -2 * nodes + car.box
    stops = [
        Stop(-nodes + slot, release_s=_FORMATION_S + 0.7 * order),
        Stop(slot, release_s=LIGHTS_S + car.reaction_s),
    ]
    pace = [(first, 0.82), (-nodes, 0.82), (-nodes + 100, 0.78), (slot - 1, 0.78), (slot, car.factors[0])]
    for lap in range(1, laps):
        pace += [(lap * nodes, car.factors[lap - 1]), (lap * nodes + 100, car.factors[lap])]
    pace += [(laps * nodes, car.factors[laps - 1]), (laps * nodes + 150, 0.7)]
    lanes = [-2, laps + 1]
    for stop in script.stops.get(car.number, ()):
        if stop.lap < laps:
            stops.append(Stop(stop.lap * nodes + car.box, seconds=stop.seconds))
            lanes.append(stop.lap)
    if red is not None:
        lanes.append(red[0])
        stops.append(red[1])
    last = (laps + 1) * nodes + car.box
    side = 1.8 if car.slot % 2 else -1.8
    beside = [(first, 0.0), (-nodes + slot - 120, 0.0), (-nodes + slot, side), (-nodes + slot + 120, 0.0)]
    beside += [(slot - 120, 0.0), (slot, side), (slot + 120, 0.0)]
    if car.number in script.retire:
        last = round(script.retire[car.number] * nodes)
        lanes = [lane for lane in lanes if lane * nodes + circuit.node_of(PIT_EXIT_M) < last]
        stops = [stop for stop in stops if stop.node < last]
        beside += [(last - 90, 0.0), (last, 7.0)]
    return Drive(
        first, last, _LEAVE_S + 1.6 * order, tuple(pace), tuple(sorted(lanes)), tuple(stops), tuple(beside), clock
    )


def _undisturbed(
    script: RaceScript, circuit: Circuit, cars: dict[str, _Car], clocks: dict[str, Clock]
) -> dict[str, Trajectory]:
    return {n: drive(circuit, _plan(script, circuit, car, clocks[n], None, script.laps)) for n, car in cars.items()}


def _clocks(script: RaceScript, circuit: Circuit, cars: dict[str, _Car]) -> dict[str, Clock]:
    """Return each car's clock: the field closes up behind a safety car and slows for the other interruptions."""
    if script.red_flag is not None:
        start = LIGHTS_S + script.red_flag[0]
        return dict.fromkeys(cars, Clock.slowed(start, start + _RED_FLAG_SLOW_S, _RED_FLAG_LOSS_S))
    if script.virtual is not None:
        start, end = (LIGHTS_S + value for value in script.virtual)
        return dict.fromkeys(cars, Clock.slowed(start, end, (end - start) * 0.3))
    if script.safety_car is None:
        return dict.fromkeys(cars, STEADY)
    start, end = (LIGHTS_S + value for value in script.safety_car)
    loss = (end - start) * _SAFETY_CAR_RATE
    free = _undisturbed(script, circuit, cars, dict.fromkeys(cars, STEADY))
    # Where the leader is when the safety car comes in, and how far behind the others would have been there.
    place = max(float(way.at(np.array([end - loss]))[0][0]) for way in free.values())
    passing = {number: way.when(place) for number, way in free.items()}
    queue = sorted((seconds, number) for number, seconds in passing.items() if seconds is not None)
    clocks = {}
    for rank, (seconds, number) in enumerate(queue):
        closed = seconds - queue[0][0] - rank * _SAFETY_CAR_GAP_S
        lapped = closed > loss * 0.85
        clocks[number] = Clock.slowed(start, end, loss if lapped else loss - max(closed, 0.0))
    return {number: clocks.get(number, Clock.slowed(start, end, loss)) for number in cars}


def _red_flag_stops(
    script: RaceScript, circuit: Circuit, cars: dict[str, _Car], clocks: dict[str, Clock]
) -> dict[str, tuple[int, Stop]]:
    """Return where every car that is still running waits in the pit lane, and at the end of which lap it comes in."""
    if script.red_flag is None:
        return {}
    moment, restart = (LIGHTS_S + value for value in script.red_flag)
    ways = _undisturbed(script, circuit, cars, clocks)
    arrivals = []
    for number, way in ways.items():
        lap = int(way.at(np.array([moment]))[0][0] // circuit.length_m) + 1
        reached = way.when(lap * circuit.length_m)
        if reached is not None and (number not in script.retire or script.retire[number] > lap):
            arrivals.append((-lap, reached, number))
    found = {}
    for rank, (lap, _, number) in enumerate(sorted(arrivals)):
        node = -lap * circuit.nodes + circuit.node_of(PIT_EXIT_M - 20 - 9 * rank)
        found[number] = (-lap, Stop(node, release_s=restart + 1.0 + 2.4 * rank))
    return found


def _finish(
    script: RaceScript,
    circuit: Circuit,
    cars: dict[str, _Car],
    clocks: dict[str, Clock],
    red: dict[str, tuple[int, Stop]],
) -> tuple[dict[str, int], float]:
    """Return how many laps each car completes until the flag, and when the winner takes it (seconds)."""
    ways = {
        n: drive(circuit, _plan(script, circuit, car, clocks[n], red.get(n), script.laps)) for n, car in cars.items()
    }
    ends = [way.when(script.laps * circuit.length_m) for way in ways.values()]
    finish_s = min(round(seconds, 3) for seconds in ends if seconds is not None)
    done = {}
    for number, way in ways.items():
        crossings = [way.when(lap * circuit.length_m) for lap in range(1, script.laps + 1)]
        early = sum(seconds is not None and round(seconds, 3) < finish_s for seconds in crossings)
        done[number] = min(early + 1, script.laps)
    return done, finish_s


def _parked(circuit: Circuit, car: _Car, length_s: float) -> Trajectory:
    """Return the way of a car that stays in its box."""
    place = np.full(2, (car.box - 2 * circuit.nodes) * circuit.spacing_m)
    return Trajectory(np.array([0.0, length_s]), place, np.zeros(2), np.full(2, 15.0))


def _car_run(
    script: RaceScript,
    circuit: Circuit,
    car: _Car,
    plan: Drive,
    way: Trajectory,
    laps: int,
    grid: int,
    red: int | None,
) -> CarRun:
    left = way.when(-2 * circuit.length_m + PIT_EXIT_M)
    if left is None:
        raise ValueError(f"car {car.number} never leaves the pit lane")
    retired = car.number in script.retire
    stopped = round(float(way.time_s[-1]) * 1000) if retired else None
    lap_list = lap_runs(circuit, way, laps, plan.pit_lanes, round(LIGHTS_S * 1000), round(left * 1000))
    if not retired:
        # The drive back to the garage after the flag is no lap, but the car is seen to enter the pit lane.
        back = lap_runs(circuit, way, laps + 1, plan.pit_lanes, round(LIGHTS_S * 1000), round(left * 1000))[-1]
        lap_list = (*lap_list, replace(back, sector1_ms=None, sector2_ms=None, end_ms=None))
    return CarRun(
        number=car.number,
        trajectory=way,
        laps=lap_list,
        stints=_stints(script, circuit, plan, way, car, red),
        grid=grid,
        feed_end_ms=None if stopped is None else stopped + round(_FEED_AFTER_STOP_S * 1000),
        stopped_ms=stopped,
        finished_ms=None if retired else lap_list[laps - 1].end_ms,
        gaps=script.gaps_of(car.number, LIGHTS_S),
        first_pit_out_ms=round(left * 1000),
        deleted_laps=frozenset(lap for number, lap in script.deleted if number == car.number),
    )


def _stints(
    script: RaceScript, circuit: Circuit, plan: Drive, way: Trajectory, car: _Car, red: int | None
) -> tuple[Stint, ...]:
    """Return a stint for the start and one for every passage through the pit lane (unchanged tyres count on)."""
    compound = script.tyres.get(car.number, "MEDIUM")
    stints = [Stint(round(_LEAVE_S * 1000) - 12000, compound, True, 0)]
    since = 0
    planned = {stop.lap: stop for stop in script.stops.get(car.number, ())}
    if red is not None and car.number in script.red_flag_tyres:
        planned[red] = PitStop(red, 0.0, script.red_flag_tyres[car.number])
    for lane in plan.pit_lanes:
        time_s = way.when(lane * circuit.length_m + 58.0)
        if lane < 1 or time_s is None or lane * circuit.nodes + circuit.node_of(PIT_EXIT_M) > plan.last:
            continue
        before = stints[-1]
        if lane in planned:
            stop = planned[lane]
            stints.append(Stint(round(time_s * 1000) + 1500, stop.compound, stop.new, stop.age))
        else:
            stints.append(Stint(round(time_s * 1000) + 1500, before.compound, False, before.age + lane - since, False))
        since = lane
    return tuple(stints)


def _track_status(script: RaceScript) -> tuple[tuple[float, str], ...]:
    changes = [(0.0, "1")]
    for start, end in script.yellow:
        changes += [(LIGHTS_S + start, "2"), (LIGHTS_S + end, "1")]
    if script.safety_car is not None:
        changes += [(LIGHTS_S + script.safety_car[0], "4"), (LIGHTS_S + script.safety_car[1], "1")]
    if script.virtual is not None:
        start, end = script.virtual
        changes += [(LIGHTS_S + start, "6"), (LIGHTS_S + end - 6, "7"), (LIGHTS_S + end, "1")]
    if script.red_flag is not None:
        changes += [(LIGHTS_S + script.red_flag[0], "5"), (LIGHTS_S + script.red_flag[1], "1")]
    # Where one state follows another at once there is no all-clear between them.
    moments = {seconds for seconds, code in changes if code != "1"}
    return tuple(sorted(change for change in changes if change[1] != "1" or change[0] not in moments))


def _session_status(script: RaceScript, finish_s: float, length_s: float) -> tuple[tuple[float, str], ...]:
    changes = [(5.614, "Inactive"), (LIGHTS_S, "Started")]
    if script.red_flag is not None:
        start, restart = script.red_flag
        changes += [(LIGHTS_S + start + 0.21, "Aborted"), (LIGHTS_S + restart, "Started")]
    return (*changes, (finish_s, "Finished"), (length_s - 6, "Finalised"), (length_s - 4, "Ends"))
