"""Put one session onto the common clock: every car's channels at every tick, the order and the gaps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms import order, states
from transforms.alignment import Alignment
from transforms.clock import session_status_ms, suspensions_ms
from transforms.frames import CarFrames, Clock, Frames, Track
from transforms.interpolate import MAX_GAP_MS, Bracket, bracket, held, linear, steps
from transforms.path import coordinates as path_coordinates
from transforms.path import velocities
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
from transforms.samples import CleanCar, CleanPositions
from transforms.timing import CarTiming, Ending, flag_ms, race_endings

Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Cleaned:
    """A session's samples and timing after cleaning, by racing number, and the track made from them."""

    cars: dict[str, CleanCar]
    positions: dict[str, CleanPositions]
    timing: dict[str, CarTiming]
    track: Track | None
    alignment: Alignment


@dataclass(frozen=True)
class Race:
    """What order and states are made from: progress, anchors and how each car's session ends, by racing number."""

    progress: dict[str, Progress]
    anchors: dict[str, Anchors]
    endings: dict[str, Ending]
    leaves_ms: dict[str, float]
    offsets_m: dict[str, NDArray[np.float64]]


def grid_slots(recording: Recording) -> dict[str, int]:
    """Grid slot by car, 1 is pole. Cars without a sound one (0 is the pit lane; -1, none) follow in result order."""
    slots = {r["car"]: r["grid"] for r in recording.results.to_pylist()}
    numbers = [d.number for d in recording.drivers]
    placed = [n for n in numbers if (slots.get(n) or 0) > 0]
    placed.sort(key=lambda n: slots[n])
    return {n: i + 1 for i, n in enumerate(placed + [n for n in numbers if n not in placed])}


def _official_places(recording: Recording) -> dict[str, int]:
    """Place of every car in the results; cars without one follow in the order of the driver list."""
    places = {r["car"]: r["position"] for r in recording.results.to_pylist()}
    numbers = [d.number for d in recording.drivers]
    ordered = sorted(numbers, key=lambda n: (places.get(n) is None, places.get(n) or 0))
    return {n: i + 1 for i, n in enumerate(ordered)}


def pit_lane_starters(recording: Recording) -> set[str]:
    """Cars whose official grid position is the pit lane (0)."""
    return {r["car"] for r in recording.results.to_pylist() if r["grid"] == 0}


def _start_ms(clock: Clock) -> float:
    return float(clock.session_time_origin_ms + (clock.race_start_ms or 0))


def make_race(recording: Recording, cleaned: Cleaned, clock: Clock) -> Race:
    """Work out every car's progress and ending."""
    race_like = recording.identity.is_race_like
    numbers = [d.number for d in recording.drivers]
    start_ms = _start_ms(clock)
    grid = grid_slots(recording)
    shares = sector_shares(cleaned.timing)
    length_m = cleaned.track.length_m if cleaned.track is not None else None
    anchors, progress, offsets = {}, {}, {}
    for car in numbers:
        own = cleaned.timing.get(car)
        anchors[car] = (
            race_anchors(own, start_ms, grid_laps(grid[car], length_m)) if race_like else crossing_anchors(own)
        )
        made = None
        if cleaned.track is not None:
            made = from_telemetry(anchors[car], cleaned.cars.get(car), cleaned.positions.get(car), cleaned.track)
        if made is None:
            progress[car] = from_timing(anchors[car], own, shares)
        else:
            progress[car], offsets[car] = made
    if not race_like:
        return Race(progress, anchors, {}, {}, offsets)
    if cleaned.track is not None:
        for car in pit_lane_starters(recording):
            progress[car] = _behind_the_field(car, progress, start_ms)
    finished = session_status_ms(recording, "Finished")
    flag = flag_ms(cleaned.timing, finished[-1] if finished else None, recording.total_laps)
    motion = {c: states.last_motion_ms(cleaned.cars.get(c), cleaned.positions.get(c)) for c in numbers}
    known = {c: t for c, t in motion.items() if t is not None}
    endings = race_endings(numbers, cleaned.timing, recording.results, known, start_ms, flag)
    leaves = {
        car: order.leaves_order_ms(
            ending.out_ms, _last_lap(cleaned.timing.get(car)), car, cleaned.timing, endings, flag
        )
        for car, ending in endings.items()
        if ending.out_ms is not None
    }
    return Race(progress, anchors, endings, leaves, offsets)


def _last_lap(own: CarTiming | None) -> int:
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


def assemble(recording: Recording, cleaned: Cleaned, race: Race, clock: Clock) -> Frames:
    """Return all cars on the common clock."""
    ticks_ms = clock.session_time_ms
    numbers = [d.number for d in recording.drivers]
    tyres = tuple(sorted({c for c in recording.laps["compound"].to_pylist() if c}))
    if recording.identity.is_race_like:
        state, positions, gaps = _race_order(recording, cleaned, race, clock, ticks_ms, numbers)
    else:
        state, positions, gaps = _other_order(recording, cleaned, clock, ticks_ms, numbers)
    cars = {}
    for row, car in enumerate(numbers):
        lap = _lap_numbers(recording, cleaned.timing.get(car), race, car, clock, ticks_ms)
        tyre, age, stint = _tyres(recording, car, tyres, ticks_ms, clock)
        channels = _channels(cleaned, car, ticks_ms)
        cars[car] = CarFrames(
            **channels,
            lap_distance_m=_lap_distance(cleaned, race, car, lap, state[row], ticks_ms),
            gap_s=gaps[0][row],
            interval_s=gaps[1][row],
            laps_down=gaps[2][row],
            lap=lap,
            position=positions[row],
            tyre=tyre,
            tyre_age_laps=age,
            stint=stint,
            state=state[row],
        )
    statuses = tuple(dict.fromkeys(s for s in recording.track_status["status"].to_pylist() if s))
    return Frames(
        clock=clock,
        cars=cars,
        tyres=tyres,
        track_status=_track_status(recording.track_status, statuses, ticks_ms),
        track_statuses=statuses,
        leader_lap=_leader_lap(recording, cars, len(ticks_ms)),
    )


def _race_order(
    recording: Recording, cleaned: Cleaned, race: Race, clock: Clock, ticks_ms: Ticks, numbers: list[str]
) -> tuple[NDArray[np.int8], NDArray[np.int8], tuple[NDArray, NDArray, NDArray]]:
    start_ms = _start_ms(clock)
    pit_starters = pit_lane_starters(recording)
    settled = {car: order.settled(race.progress[car], race.anchors[car]) for car in numbers}
    scores = order.race_scores(
        ticks_ms,
        numbers,
        settled,
        race.endings,
        {car: (at, _last_lap(cleaned.timing.get(car))) for car, at in race.leaves_ms.items()},
        grid_slots(recording),
        _official_places(recording),
        start_ms,
    )
    positions = order.positions_of(scores)
    del scores
    state = np.stack(
        [
            states.race_states(
                ticks_ms,
                cleaned.timing.get(car),
                cleaned.cars.get(car),
                race.endings[car],
                race.leaves_ms.get(car),
                start_ms,
                starts_in_pit=car in pit_starters,
            )
            for car in numbers
        ]
    )
    until = {}
    for car in numbers:
        ending = race.endings[car]
        until[car] = ending.finish_ms or race.leaves_ms.get(car) or float(ticks_ms[-1])
    counted = (ticks_ms >= start_ms) & (state != states.OUT)
    gap, interval, down = order.gaps_s(ticks_ms, numbers, settled, until, positions, counted)
    # While a race is suspended the field queues in the pit lane; seconds between its cars mean nothing.
    for begin, end in suspensions_ms(recording):
        standing = (ticks_ms >= begin) & (ticks_ms < end)
        gap[:, standing], interval[:, standing] = np.nan, np.nan
    return state, positions, (gap, interval, down)


def _other_order(
    recording: Recording, cleaned: Cleaned, clock: Clock, ticks_ms: Ticks, numbers: list[str]
) -> tuple[NDArray[np.int8], NDArray[np.int8], tuple[NDArray, NDArray, NDArray]]:
    finished = session_status_ms(recording, "Finished")
    state = np.stack(
        [
            states.other_states(
                ticks_ms,
                cleaned.timing.get(car),
                cleaned.cars.get(car),
                cleaned.positions.get(car),
                finished[-1] if finished else None,
            )
            for car in numbers
        ]
    )
    set_ms, times = _valid_laps(recording.laps, numbers)
    segments = _segments_ms(recording)
    positions = order.best_lap_positions(ticks_ms, numbers, set_ms, times, segments)
    shape = (len(numbers), len(ticks_ms))
    nothing = np.full(shape, np.nan, np.float32)
    return state, positions, (nothing, nothing, np.full(shape, -1, np.int8))


def _segments_ms(recording: Recording) -> list[float]:
    """Starts of Q1, Q2 and Q3: a start after the segment before it finished; a restart after a red flag is none."""
    if recording.identity.code not in ("Q", "SQ"):
        return []
    starts, running = [], False
    for row in recording.session_status.to_pylist():
        if row["status"] == "Started" and not running:
            starts.append(float(row["time_ms"]))
            running = True
        elif row["status"] in ("Finished", "Finalised"):
            running = False
    return starts


def _valid_laps(laps: pa.Table, numbers: list[str]) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    set_ms: dict[str, list[float]] = {car: [] for car in numbers}
    times: dict[str, list[float]] = {car: [] for car in numbers}
    for lap in laps.to_pylist():
        sound = lap["lap_time_ms"] is not None and lap["end_ms"] is not None and not lap["deleted"]
        if sound and lap["car"] in set_ms:
            set_ms[lap["car"]].append(float(lap["end_ms"]))
            times[lap["car"]].append(float(lap["lap_time_ms"]))
    ordered = {car: np.argsort(np.array(set_ms[car]), kind="stable") for car in numbers}
    return (
        {car: np.array(set_ms[car])[ordered[car]] for car in numbers},
        {car: np.array(times[car])[ordered[car]] for car in numbers},
    )


def _channels(cleaned: Cleaned, car: str, ticks_ms: Ticks) -> dict[str, Any]:
    size = len(ticks_ms)
    nothing = np.full(size, np.nan, np.float32)
    unknown = np.full(size, -1, np.int8)
    data, coordinates = cleaned.cars.get(car), cleaned.positions.get(car)
    channels: dict[str, Any] = {
        **dict.fromkeys(("x_m", "y_m", "speed_kmh", "rpm", "throttle_percent"), nothing),
        **dict.fromkeys(("gear", "brake"), unknown),
        "drs": None,
    }
    if coordinates is not None:
        place = bracket(coordinates.time_ms, ticks_ms, breaks=coordinates.breaks)
        moving = velocities(coordinates, data, MAX_GAP_MS)
        channels["x_m"], channels["y_m"] = path_coordinates(coordinates, moving, place)
    if data is not None:
        for name in ("speed_kmh", "rpm", "throttle_percent"):
            channels[name] = _known_linear(data.time_ms, getattr(data, name), ticks_ms)
        for name in ("gear", "brake"):
            channels[name] = held(data.time_ms, getattr(data, name), ticks_ms)
        if data.drs is not None:
            channels["drs"] = held(data.time_ms, data.drs, ticks_ms)
    return channels


def _known_linear(time_ms: NDArray, values: NDArray, ticks_ms: Ticks) -> NDArray[np.float32]:
    known = np.isfinite(values)
    place: Bracket = bracket(time_ms[known], ticks_ms)
    return linear(values[known], place)


def _lap_numbers(
    recording: Recording, own: CarTiming | None, race: Race, car: str, clock: Clock, ticks_ms: Ticks
) -> NDArray[np.int16]:
    """Lap each car is on: 0 before the start, and before the first lap; the last one after the finish."""
    if recording.identity.is_race_like:
        ending = race.endings[car]
        if ending.never_started:
            return np.zeros(len(ticks_ms), np.int16)
        anchors = race.anchors[car]
        lap = steps(anchors.time_ms, np.maximum(np.floor(anchors.laps), 0).astype(np.int64) + 1, ticks_ms, 0)
        if ending.finish_ms is not None:
            last = int(anchors.laps[np.searchsorted(anchors.time_ms, ending.finish_ms)])
            lap = np.minimum(lap, last)
        return lap.astype(np.int16)
    if own is None:
        return np.zeros(len(ticks_ms), np.int16)
    known = np.isfinite(own.start_ms)
    starts = np.maximum.accumulate(own.start_ms[known])
    return steps(starts, own.lap[known], ticks_ms, 0).astype(np.int16)


def _lap_distance(
    cleaned: Cleaned, race: Race, car: str, lap: NDArray[np.int16], state: NDArray[np.int8], ticks_ms: Ticks
) -> NDArray[np.float32]:
    """Distance along the own lap, NaN without a track, where no sample is near, before the first lap and at the end."""
    result = np.full(len(ticks_ms), np.nan, np.float32)
    data, coordinates = cleaned.cars.get(car), cleaned.positions.get(car)
    if cleaned.track is None or (data is None and coordinates is None):
        return result
    covered = np.zeros(len(ticks_ms), np.bool_)
    if coordinates is not None:
        covered |= bracket(coordinates.time_ms, ticks_ms, breaks=coordinates.breaks).covered
    if data is not None:
        covered |= bracket(data.time_ms[np.isfinite(data.speed_kmh)], ticks_ms).covered
    usable = covered & (lap > 0) & (state != states.FINISHED) & (state != states.OUT) & (state != states.GRID)
    at = np.flatnonzero(usable)
    fraction = race.progress[car].at(ticks_ms[at]) - (lap[at] - 1)
    within = (fraction > -0.5) & (fraction <= 1.0)
    result[at[within]] = fraction[within] * cleaned.track.length_m
    return result


def _tyres(
    recording: Recording, car: str, tyres: tuple[str, ...], ticks_ms: Ticks, clock: Clock
) -> tuple[NDArray[np.int8], NDArray[np.int16], NDArray[np.int8]]:
    """Compound code, age and stint at every tick: from the start of each lap, or its pit exit where it has one.

    Before the first lap of a race the first set is on; -1 where the source says nothing.
    """
    laps = recording.laps.to_pylist()
    rows = [r for r in laps if r["car"] == car and r["start_ms"] is not None and r["lap"] is not None]
    rows.sort(key=lambda r: r["lap"])
    size = len(ticks_ms)
    if not rows:
        return np.full(size, -1, np.int8), np.full(size, -1, np.int16), np.full(size, -1, np.int8)
    at = np.maximum.accumulate([float(r["pit_out_ms"] if _late(r) else r["start_ms"]) for r in rows])
    codes = np.array([tyres.index(r["compound"]) if r["compound"] else -1 for r in rows], np.int64)
    ages = np.array([-1 if r["tyre_age_laps"] is None else int(r["tyre_age_laps"]) for r in rows], np.int64)
    stints = np.array([-1 if r["stint"] is None else r["stint"] for r in rows], np.int64)
    before = recording.identity.is_race_like
    first = int(codes[0]) if before else -1
    return (
        steps(at, codes, ticks_ms, first).astype(np.int8),
        steps(at, ages, ticks_ms, -1).astype(np.int16),
        steps(at, stints, ticks_ms, int(stints[0]) if before else -1).astype(np.int8),
    )


def _late(row: dict) -> bool:
    """Whether the set of this lap was fitted after the lap began: the line lies before the box."""
    return row["pit_out_ms"] is not None and row["pit_out_ms"] > row["start_ms"]


def _track_status(table: pa.Table, statuses: tuple[str, ...], ticks_ms: Ticks) -> NDArray[np.int8]:
    times = table["time_ms"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    codes = np.array([statuses.index(s) if s else -1 for s in table["status"].to_pylist()], np.int64)
    return steps(times, codes, ticks_ms, -1).astype(np.int8)


def _leader_lap(recording: Recording, cars: dict[str, CarFrames], size: int) -> NDArray[np.int16]:
    if not recording.identity.is_race_like:
        return np.full(size, -1, np.int16)
    result = np.zeros(size, np.int16)
    for car in cars.values():
        first = car.position == 1
        result[first] = car.lap[first]
    return result
