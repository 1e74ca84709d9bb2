"""How a car moves: a distance for every moment, from the fastest speeds, a pace, and the places where it stops.

Along the way a car passes the circuit's nodes; between two nodes its acceleration is constant. Distances are counted
in nodes or metres from the first crossing of the finish line after the start, so they are negative before it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flows.sample.circuit import PIT_ENTRY_M, PIT_EXIT_M, PIT_LATERAL_M, PIT_RAMP_M, Circuit

Floats = NDArray[np.float64]

PIT_SPEED = 80 / 3.6  # m/s
_PULL_AWAY = 9.0  # m/s2
_SLOW_DOWN = 18.0  # m/s2


@dataclass(frozen=True)
class Stop:
    """A car stands at ``node`` for at least ``seconds`` and leaves not before ``release_s`` of session time."""

    node: int
    seconds: float = 0.0
    release_s: float = 0.0


@dataclass(frozen=True)
class Clock:
    """How fast the cars' time runs: ``rate`` (1 is racing speed) at ``time_s``, linear between, both of shape (n,)."""

    time_s: Floats
    rate: Floats
    progress_s: Floats

    @classmethod
    def slowed(cls, start_s: float, end_s: float, loss_s: float, ramp_s: float = 5.0) -> "Clock":
        """Return a clock that loses ``loss_s`` seconds between ``start_s`` and ``end_s`` and runs at 1 elsewhere."""
        depth = loss_s / (end_s - start_s - ramp_s)
        knots = [0.0, start_s, start_s + ramp_s, end_s - ramp_s, end_s, 36000.0]
        rates = [1.0, 1.0, 1.0 - depth, 1.0 - depth, 1.0, 1.0]
        time = np.unique(
            np.concatenate([knots, np.arange(start_s, start_s + ramp_s, 0.02), np.arange(end_s - ramp_s, end_s, 0.02)])
        )
        rate = np.interp(time, knots, rates)
        return cls.of(time, rate)

    @classmethod
    def of(cls, time_s: Floats, rate: Floats) -> "Clock":
        """Return the clock with these rates."""
        gained = np.diff(time_s) * (rate[1:] + rate[:-1]) / 2
        return cls(time_s, rate, np.concatenate([[0.0], np.cumsum(gained)]))

    def progress(self, time_s: Floats | float) -> Floats:
        """Return the cars' own time at session times."""
        return np.asarray(np.interp(time_s, self.time_s, self.progress_s))

    def when(self, progress_s: Floats) -> Floats:
        """Return the session times at which the cars' own time is ``progress_s``."""
        return np.interp(progress_s, self.progress_s, self.time_s)


#: Racing speed all the time.
STEADY = Clock.of(np.array([0.0, 36000.0]), np.array([1.0, 1.0]))


@dataclass(frozen=True)
class Drive:
    """What a car is to do: from ``first`` to ``last`` node, standing at both.

    ``pace`` are (node, factor) knots of the fastest speed, ``pit_lanes`` the laps' ends (in laps) at which the car goes
    through the pit lane, ``beside`` (node, metres) knots of the lateral offset apart from the pit lane.
    """

    first: int
    last: int
    start_s: float
    pace: tuple[tuple[int, float], ...]
    pit_lanes: tuple[int, ...] = ()
    stops: tuple[Stop, ...] = ()
    beside: tuple[tuple[int, float], ...] = ((0, 0.0),)
    clock: Clock = field(default=STEADY)


@dataclass(frozen=True)
class Trajectory:
    """A car's way: ``time_s``, ``distance_m``, ``speed`` (m/s) and ``lateral_m``, shape (n,), times not falling."""

    time_s: Floats
    distance_m: Floats
    speed: Floats
    lateral_m: Floats

    def at(self, time_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return distance (m), speed (m/s), acceleration (m/s2) and lateral offset (m) at times in seconds.

        Before its first and after its last node the car stands there.
        """
        low = np.clip(np.searchsorted(self.time_s, time_s, side="right") - 1, 0, len(self.time_s) - 2)
        span = self.time_s[low + 1] - self.time_s[low]
        safe = np.where(span > 0, span, 1.0)
        passed = np.clip(time_s - self.time_s[low], 0, span)
        before, after = self.speed[low], self.speed[low + 1]
        acceleration = (after - before) / safe
        whole = (before + after) / 2 * span
        part = (before * passed + acceleration * passed**2 / 2) / np.where(whole > 0, whole, 1.0)
        distance = self.distance_m[low] + part * (self.distance_m[low + 1] - self.distance_m[low])
        lateral = self.lateral_m[low] + part * (self.lateral_m[low + 1] - self.lateral_m[low])
        moving = (time_s > self.time_s[0]) & (time_s < self.time_s[-1])
        return (
            distance,
            np.where(moving, before + acceleration * passed, 0.0),
            np.where(moving, acceleration, 0.0),
            lateral,
        )

    def when(self, distance_m: float) -> float | None:
        """Return the time in seconds at which the car passes a place, or None if it never does."""
        if not self.distance_m[0] < distance_m < self.distance_m[-1]:
            return None
        return float(np.interp(distance_m, self.distance_m, self.time_s))


def drive(circuit: Circuit, plan: Drive) -> Trajectory:
    """Return the way of a car that does what the plan says as fast as circuit, pace and limits allow."""
    index = np.arange(plan.first, plan.last + 1)
    knots, factors = zip(*plan.pace, strict=True)
    speed = circuit.speed[index % circuit.nodes] * np.interp(index, knots, factors)
    entry, exit_ = circuit.node_of(PIT_ENTRY_M), circuit.node_of(PIT_EXIT_M)
    beside = np.interp(index, [node for node, _ in plan.beside], [value for _, value in plan.beside])
    for lap in plan.pit_lanes:
        begin, end = lap * circuit.nodes - entry, lap * circuit.nodes + exit_
        speed = np.minimum(speed, _approach(index, begin, end, circuit.spacing_m))
        ramp = circuit.node_of(PIT_RAMP_M)
        beside = beside + np.interp(index, [begin, begin + ramp, end - ramp, end], [0, PIT_LATERAL_M, PIT_LATERAL_M, 0])
    halts = [*(stop.node for stop in plan.stops), plan.first, plan.last]
    for node in halts:
        away = (index - node) * circuit.spacing_m
        speed = np.minimum(speed, np.sqrt(2 * np.where(away > 0, _PULL_AWAY, -_SLOW_DOWN) * away))
    needed = 2 * circuit.spacing_m / (speed[:-1] + speed[1:])
    return _on_the_clock(circuit, plan, index, speed, needed, beside)


def _approach(index: NDArray[np.int64], begin: int, end: int, step: float) -> Floats:
    """Return the speed limit (m/s) that the pit lane between two nodes puts on every node around it."""
    ahead = np.maximum(begin - index, 0) * step
    behind = np.maximum(index - end, 0) * step
    return np.sqrt(PIT_SPEED**2 + 2 * _SLOW_DOWN * ahead + 2 * _PULL_AWAY * behind)


def _on_the_clock(
    circuit: Circuit, plan: Drive, index: NDArray[np.int64], speed: Floats, needed_s: Floats, beside: Floats
) -> Trajectory:
    """Put the nodes on session time: from stop to stop, slowed by the clock, waiting where the plan waits."""
    times, order = [np.array([0.0])], [np.array([0])]
    now = plan.start_s
    begin = 0
    for stop in (*sorted(plan.stops, key=lambda stop: stop.node), Stop(plan.last)):
        end = stop.node - plan.first
        own = float(plan.clock.progress(now)) + np.concatenate([[0.0], np.cumsum(needed_s[begin:end])])
        reached = plan.clock.when(own)
        times.append(reached)
        order.append(np.arange(begin, end + 1))
        now = max(float(reached[-1]) + stop.seconds, stop.release_s)
        begin = end
    time, nodes = np.concatenate(times), np.concatenate(order)
    rate = np.interp(time, plan.clock.time_s, plan.clock.rate)
    return Trajectory(time, index[nodes] * circuit.spacing_m, speed[nodes] * rate, beside[nodes])
