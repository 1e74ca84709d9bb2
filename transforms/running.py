"""How a session went: every car's progress along it and, in a race, how it ends for each."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transforms import order, states
from transforms.alignment import Alignment
from transforms.classification import Comparison
from transforms.completeness import Extent
from transforms.frames import Clock
from transforms.progress import (
    Anchors,
    Progress,
    crossing_anchors,
    from_telemetry,
    from_timing,
    grid_laps,
    race_anchors,
    sector_shares,
)
from transforms.recording import Recording
from transforms.samples import CleanCar, CleanPositions, Findings
from transforms.side_by_side import for_each
from transforms.timing import CarTiming, Ending, Span, race_endings
from transforms.track import Track


@dataclass(frozen=True)
class Sent:
    """When samples were sent of every car, session ms (n,), in the order they came, whatever became of them."""

    cars: dict[str, NDArray[np.int64]]
    positions: dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Cleaned:
    """A session's samples and timing after cleaning, by racing number, and the track made from them.

    ``findings`` says of every car how many samples were treated, by kind of fault; ``extent`` how far the recording
    goes; ``finish`` what official results and crossings say of the end, which ``timing`` follows.
    """

    cars: dict[str, CleanCar]
    positions: dict[str, CleanPositions]
    timing: dict[str, CarTiming]
    track: Track | None
    alignment: Alignment
    findings: dict[str, Findings]
    extent: Extent
    finish: Comparison
    sent: Sent


@dataclass(frozen=True)
class Running:
    """What order and states of any session are made from, by racing number.

    ``progress`` and the ``anchors`` it hangs on; ``endings`` and ``leaves_ms`` (when a car that stopped leaves the
    order) of races alone; ``offsets_m`` (n,) how far each position sample lies from the outline, left positive;
    ``doubtful`` when a car's progress contradicts its coordinates, of cars where it does.
    """

    progress: dict[str, Progress]
    anchors: dict[str, Anchors]
    endings: dict[str, Ending]
    leaves_ms: dict[str, float]
    offsets_m: dict[str, NDArray[np.float64]]
    doubtful: dict[str, tuple[Span, ...]] = field(default_factory=dict)

    def is_doubtful(self, car: str, time_ms: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether a car's progress is doubtful at each time (n,), session ms."""
        result = np.zeros(len(time_ms), np.bool_)
        for begin, end in self.doubtful.get(car, ()):
            result |= (time_ms >= begin) & (time_ms < end)
        return result


def grid_slots(recording: Recording) -> dict[str, int]:
    """Grid slot by car, 1 is pole. Cars without a sound one (0 is the pit lane; -1, none) follow as classified."""
    slots = {r["car"]: r["grid"] for r in recording.results.to_pylist()}
    places = official_places(recording)
    ordered = sorted(places, key=lambda n: ((slots.get(n) or 0) <= 0, max(slots.get(n) or 0, 0), places[n]))
    return {n: i + 1 for i, n in enumerate(ordered)}


def official_places(recording: Recording) -> dict[str, int]:
    """Place of every car in the results; cars without one follow in the order of the results, then by number."""
    rows = recording.results.to_pylist()
    places = {r["car"]: r["position"] for r in rows}
    listed = {r["car"]: row for row, r in enumerate(rows)}
    numbers = [d.number for d in recording.drivers]
    ordered = sorted(numbers, key=lambda n: (places.get(n) is None, places.get(n) or 0, listed.get(n, len(rows))))
    return {n: i + 1 for i, n in enumerate(ordered)}


def pit_lane_starters(recording: Recording) -> set[str]:
    """Cars whose official grid position is the pit lane (0)."""
    return {r["car"] for r in recording.results.to_pylist() if r["grid"] == 0}


def start_ms_of(clock: Clock) -> float:
    """Session time of the start."""
    return float(clock.session_time_origin_ms + (clock.race_start_ms or 0))


def make_running(recording: Recording, cleaned: Cleaned, clock: Clock) -> Running:
    """Work out every car's progress and ending."""
    race_like = recording.identity.is_race_like
    numbers = [d.number for d in recording.drivers]
    start_ms = start_ms_of(clock)
    grid = grid_slots(recording)
    shares = sector_shares(cleaned.timing)
    length_m = cleaned.track.length_m if cleaned.track is not None else None
    anchors = {
        car: race_anchors(own, start_ms, grid_laps(grid[car], length_m)) if race_like else crossing_anchors(own)
        for car, own in ((car, cleaned.timing.get(car)) for car in numbers)
    }

    def by_telemetry(car: str) -> tuple[Progress, NDArray[np.float64]] | None:
        if cleaned.track is None:
            return None
        return from_telemetry(anchors[car], cleaned.cars.get(car), cleaned.positions.get(car), cleaned.track)

    progress, offsets = {}, {}
    for car, made in zip(numbers, for_each(by_telemetry, numbers), strict=True):
        if made is None:
            progress[car] = from_timing(anchors[car], cleaned.timing.get(car), shares)
        else:
            progress[car], offsets[car] = made
    if not race_like:
        return Running(progress, anchors, {}, {}, offsets)
    if cleaned.track is not None:
        for car in pit_lane_starters(recording):
            progress[car] = _behind_the_field(car, progress, start_ms)
    flag = cleaned.finish.flag_ms
    motion = {c: states.last_motion_ms(cleaned.cars.get(c), cleaned.positions.get(c)) for c in numbers}
    known = {c: t for c, t in motion.items() if t is not None}
    endings = race_endings(
        numbers,
        cleaned.timing,
        recording.results,
        known,
        start_ms,
        flag,
        cut_ms=None if cleaned.extent.is_complete else cleaned.extent.until_ms,
    )
    leaves = {
        car: order.leaves_order_ms(ending.out_ms, last_lap(cleaned.timing.get(car)), car, cleaned.timing, endings, flag)
        for car, ending in endings.items()
        if ending.out_ms is not None
    }
    return Running(progress, anchors, endings, leaves, offsets)


def last_lap(own: CarTiming | None) -> int:
    """Laps a car completed, 0 if none."""
    return int(own.crossing_laps[-1]) if own is not None and len(own.crossing_laps) else 0


#: A pit lane starter has joined the race this long after the start at the latest, ms.
_PIT_START_MS = 60_000.0


def _behind_the_field(car: str, progress: dict[str, Progress], start_ms: float) -> Progress:
    """Hold a pit lane starter behind the field until most of it has passed: the pit exit lies ahead of the grid."""
    own = progress[car]
    window = (own.time_ms >= start_ms) & (own.time_ms <= start_ms + _PIT_START_MS)
    if not window.any():
        return own
    field = np.stack([p.at(own.time_ms[window]) for other, p in progress.items() if other != car])
    # The slowest tenth may have stalled on the grid.
    slowest = np.quantile(field, 0.1, axis=0, method="lower")
    laps = own.laps.copy()
    laps[window] = np.minimum(laps[window], slowest - 1e-4)
    return Progress(own.time_ms, np.maximum.accumulate(laps))
