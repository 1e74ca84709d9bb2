"""What happened in a simulated session: the one thing that topics, results and truth are made of."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from flows.sample.circuit import PIT_ENTRY_M, PIT_EXIT_M, Circuit
from flows.sample.motion import Trajectory

#: Track status codes and what Formula 1 calls them.
TRACK_STATUS = {"1": "AllClear", "2": "Yellow", "4": "SCDeployed", "5": "Red", "6": "VSCDeployed", "7": "VSCEnding"}


@dataclass(frozen=True)
class LapRun:
    """One lap: when its lines were crossed, in ms of session time; None for a line the car never reached.

    ``start_ms`` is the crossing that began the lap (the start of the race for the first one, None in other sessions),
    ``pit_in_ms`` and ``pit_out_ms`` when the car entered and left the pit lane on it.
    """

    number: int
    start_ms: int | None
    sector1_ms: int | None
    sector2_ms: int | None
    end_ms: int | None
    pit_in_ms: int | None = None
    pit_out_ms: int | None = None

    @property
    def time_ms(self) -> int | None:
        """The lap time."""
        return None if self.start_ms is None or self.end_ms is None else self.end_ms - self.start_ms


@dataclass(frozen=True)
class Stint:
    """A set of tyres, fitted at ``time_ms`` with ``age`` laps on it; not ``changed``: a stop that kept the old ones."""

    time_ms: int
    compound: str
    new: bool
    age: int
    changed: bool = True


@dataclass(frozen=True)
class FeedGap:
    """A window in which a car's feed says nothing: ``kind`` is ``missing`` (left out), ``zeros`` or ``corrupt``.

    A gap of kind ``corrupt`` is a car data message that cannot be decoded; the others are in the position feed.
    """

    start_ms: int
    end_ms: int
    kind: str


@dataclass(frozen=True)
class CarRun:
    """One car's session. ``laps`` are in order and may end with an incomplete one."""

    number: str
    trajectory: Trajectory
    laps: tuple[LapRun, ...] = ()
    stints: tuple[Stint, ...] = ()
    grid: int = 0
    started: bool = True
    feed_end_ms: int | None = None
    stopped_ms: int | None = None
    finished_ms: int | None = None
    gaps: tuple[FeedGap, ...] = ()
    first_pit_out_ms: int | None = None
    deleted_laps: frozenset[int] = frozenset()

    @property
    def complete_laps(self) -> tuple[LapRun, ...]:
        """The laps that ended at the line."""
        return tuple(lap for lap in self.laps if lap.end_ms is not None)

    @property
    def pit_spans_ms(self) -> tuple[tuple[int, int], ...]:
        """Every stay in the pit lane as (entered, left); open ends reach beyond the session."""
        entered = [-1] + [lap.pit_in_ms for lap in self.laps if lap.pit_in_ms is not None]
        left = [] if self.first_pit_out_ms is None else [self.first_pit_out_ms]
        left += [lap.pit_out_ms for lap in self.laps if lap.pit_out_ms not in (None, self.first_pit_out_ms)]
        return tuple(zip(entered, [*left, 10**9][: len(entered)], strict=True))


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is to happen in any session. Cars by racing number.

    ``pace`` is the factor of the fastest speed. ``deleted`` are (car, lap or part) whose time the stewards delete,
    ``gaps`` (car, start, end, kind) of the position feed, in seconds. ``corrupt_at_s`` and ``rain_from_s`` are session
    time.
    """

    round: int
    code: str
    origin: datetime
    pace: dict[str, float]
    seed: int
    deleted: tuple[tuple[str, int], ...] = ()
    gaps: tuple[tuple[str, float, float, str], ...] = ()
    corrupt_at_s: float | None = None
    rain_from_s: float | None = None
    has_drs: bool = True

    def gaps_of(self, number: str, begin_s: float = 0.0) -> tuple[FeedGap, ...]:
        """Return the gaps of one car, whose moments count from ``begin_s`` of session time."""
        return tuple(
            FeedGap(round((begin_s + start) * 1000), round((begin_s + end) * 1000), kind)
            for car, start, end, kind in self.gaps
            if car == number
        )


@dataclass(frozen=True)
class SessionRun:
    """A whole session. Times are seconds or milliseconds since the data stream began; ``origin`` is that moment.

    ``parts`` are the (start, end) seconds of Q1 to Q3, or of the only part. ``messages`` are (seconds, race control's
    fields), ``weather`` (seconds, the upstream's fields).
    """

    round: int
    code: str
    circuit: Circuit
    origin: datetime
    length_s: float
    start_s: float
    parts: tuple[tuple[float, float], ...]
    cars: dict[str, CarRun]
    track_status: tuple[tuple[float, str], ...]
    session_status: tuple[tuple[float, str], ...]
    messages: tuple[tuple[float, dict[str, Any]], ...]
    weather: tuple[tuple[float, dict[str, str]], ...]
    total_laps: int | None = None
    penalties_s: dict[str, int] = field(default_factory=dict)
    corrupt_at_s: float | None = None
    has_drs: bool = True

    @property
    def is_race(self) -> bool:
        """Whether the cars race each other."""
        return self.total_laps is not None


def lap_runs(
    circuit: Circuit,
    trajectory: Trajectory,
    last_lap: int,
    pit_lanes: tuple[int, ...],
    start_ms: int | None,
    pit_out_ms: int | None,
) -> tuple[LapRun, ...]:
    """Read a trajectory's laps 1 to ``last_lap``; ``pit_out_ms`` is the exit before or on the first lap."""

    def crossing(distance_m: float) -> int | None:
        seconds = trajectory.when(distance_m)
        return None if seconds is None else round(seconds * 1000)

    laps = []
    begin = start_ms
    for number in range(1, last_lap + 1):
        line = (number - 1) * circuit.length_m
        sector1, sector2 = (line + node * circuit.spacing_m for node in circuit.sector_nodes)
        left = crossing(line + PIT_EXIT_M) if number - 1 in pit_lanes and number > 1 else None
        entered = crossing(number * circuit.length_m - PIT_ENTRY_M) if number in pit_lanes else None
        lap = LapRun(
            number=number,
            start_ms=begin,
            sector1_ms=crossing(sector1),
            sector2_ms=crossing(sector2),
            end_ms=crossing(number * circuit.length_m),
            pit_in_ms=entered,
            pit_out_ms=pit_out_ms if number == 1 else left,
        )
        laps.append(lap)
        if lap.end_ms is None:
            break
        begin = lap.end_ms
    return tuple(laps)


def weather_log(
    length_s: float, rng: np.random.Generator, air: float, track: float, rain_from_s: float | None
) -> tuple[tuple[float, dict[str, str]], ...]:
    """Return one weather report a minute; with ``rain_from_s`` it gets wet and colder from there."""
    log = []
    for index in range(int(length_s // 60) + 1):
        seconds = 14.093 + 60 * index + round(float(rng.uniform(-0.04, 0.04)), 3)
        if seconds > length_s:
            break
        wet = rain_from_s is not None and seconds >= rain_from_s
        drop = 4.0 if wet else 0.0
        log.append(
            (
                seconds,
                {
                    "AirTemp": f"{air - drop / 2 + rng.uniform(-0.2, 0.2):.1f}",
                    "Humidity": f"{(78 if wet else 46) + int(rng.integers(0, 3)):.1f}",
                    "Pressure": f"{1009.4 + rng.uniform(-0.3, 0.3):.1f}",
                    "Rainfall": "1" if wet else "0",
                    "TrackTemp": f"{track - 2 * drop + rng.uniform(-0.4, 0.4):.1f}",
                    "WindDirection": str(int(rng.integers(0, 360))),
                    "WindSpeed": f"{rng.uniform(0.4, 3.2):.1f}",
                },
            )
        )
    return tuple(log)
