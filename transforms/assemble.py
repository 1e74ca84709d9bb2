"""Put one session onto the common clock: every car's channels at every tick, the order and the gaps."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms import order, states, timed
from transforms.clock import last_lap_end_ms, session_status_ms, suspensions_ms
from transforms.frames import CarFrames, Clock, Frames
from transforms.interpolate import MAX_GAP_MS, bracket, held, linear, steps
from transforms.parts import knocked_out_ms, read_parts
from transforms.path import coordinates as path_coordinates
from transforms.path import velocities
from transforms.recording import Recording
from transforms.running import Cleaned, Running, grid_slots, last_lap, official_places, pit_lane_starters, start_ms_of
from transforms.samples import CleanCar
from transforms.side_by_side import for_each
from transforms.timing import CarTiming

Ticks = NDArray[np.int64]
#: Gap and interval (car, tick) in s, laps down; NaN and -1 where they mean nothing.
Gaps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]


def assemble(recording: Recording, cleaned: Cleaned, running: Running, clock: Clock) -> Frames:
    """Return all cars on the common clock."""
    ticks_ms = clock.session_time_ms
    numbers = [d.number for d in recording.drivers]
    tyres = tuple(sorted({c for c in recording.laps["compound"].to_pylist() if c}))
    if recording.identity.is_race_like:
        state, positions, gaps = _race_order(recording, cleaned, running, clock, ticks_ms, numbers)
    else:
        state, positions, gaps = _other_order(recording, cleaned, ticks_ms, numbers)
    laps = _laps_by_car(recording.laps)

    def on_clock(row: int) -> CarFrames:
        car = numbers[row]
        lap = _lap_numbers(recording, cleaned.timing.get(car), running, car, ticks_ms)
        tyre, age, stint = _tyres(laps.get(car, []), tyres, ticks_ms, fitted_before=recording.identity.is_race_like)
        return CarFrames(
            **_channels(cleaned, car, ticks_ms),
            lap_distance_m=_lap_distance(cleaned, running, car, lap, state[row], ticks_ms),
            gap_s=gaps[0][row],
            interval_s=gaps[1][row],
            laps_down=gaps[2][row],
            lap=lap,
            position=positions[row],
            compound=tyre,
            tyre_age_laps=age,
            stint=stint,
            state=state[row],
        )

    cars = dict(zip(numbers, for_each(on_clock, range(len(numbers))), strict=True))
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
    recording: Recording, cleaned: Cleaned, running: Running, clock: Clock, ticks_ms: Ticks, numbers: list[str]
) -> tuple[NDArray[np.int8], NDArray[np.int8], Gaps]:
    start_ms = start_ms_of(clock)
    pit_starters = pit_lane_starters(recording)
    settled = {car: order.settled(running.progress[car], running.anchors[car]) for car in numbers}
    laps, rank = order.race_keys(
        ticks_ms,
        numbers,
        settled,
        running.endings,
        {car: (at, last_lap(cleaned.timing.get(car))) for car, at in running.leaves_ms.items()},
        grid_slots(recording),
        official_places(recording),
        start_ms,
    )
    positions = order.positions_of(laps, rank)
    del laps, rank
    state = np.stack(
        [
            states.race_states(
                ticks_ms,
                cleaned.timing.get(car),
                cleaned.cars.get(car),
                running.endings[car],
                running.leaves_ms.get(car),
                start_ms,
                starts_in_pit=car in pit_starters,
            )
            for car in numbers
        ]
    )
    known = {}
    for car in numbers:
        until = running.endings[car].finish_ms or running.leaves_ms.get(car) or float(ticks_ms[-1])
        known[car] = order.known_from_ms(running.progress[car], start_ms), until
    counted = (ticks_ms >= start_ms) & (state != states.OUT)
    gap, interval, down = order.gaps_s(ticks_ms, numbers, settled, known, positions, counted)
    # While a race is suspended the field queues in the pit lane; seconds between its cars mean nothing.
    for begin, end in suspensions_ms(recording):
        standing = (ticks_ms >= begin) & (ticks_ms < end)
        gap[:, standing], interval[:, standing] = np.nan, np.nan
    return state, positions, (gap, interval, down)


def _other_order(
    recording: Recording, cleaned: Cleaned, ticks_ms: Ticks, numbers: list[str]
) -> tuple[NDArray[np.int8], NDArray[np.int8], Gaps]:
    finished = session_status_ms(recording, "Finished")
    state = np.stack(
        [
            states.other_states(
                ticks_ms,
                cleaned.timing.get(car),
                cleaned.cars.get(car),
                cleaned.positions.get(car),
                finished[-1] if finished and cleaned.extent.is_complete else None,
                cut_ms=None if cleaned.extent.is_complete else cleaned.extent.until_ms,
            )
            for car in numbers
        ]
    )
    positions = timed.positions_by_time(recording, ticks_ms, numbers)
    official, end_ms = timed.classification(recording, numbers), last_lap_end_ms(cleaned.timing)
    if cleaned.extent.is_complete and official is not None and end_ms is not None:
        positions[:, ticks_ms >= end_ms] = official[:, None]
    if cleaned.extent.is_complete:
        _take_out_the_eliminated(state, recording, cleaned, numbers, ticks_ms, positions[:, -1])
    shape = (len(numbers), len(ticks_ms))
    nothing = np.full(shape, np.nan, np.float32)
    return state, positions, (nothing, nothing, np.full(shape, -1, np.int8))


def _take_out_the_eliminated(
    state: NDArray[np.int8],
    recording: Recording,
    cleaned: Cleaned,
    numbers: list[str],
    ticks_ms: Ticks,
    places: NDArray[np.int8],
) -> None:
    """Set the states (cars, ticks) of cars that a part of qualifying eliminated, by their last ``places`` (cars,)."""
    parts = read_parts(recording)
    for row, car in enumerate(numbers):
        moved = states.last_motion_ms(cleaned.cars.get(car), cleaned.positions.get(car))
        out_ms = knocked_out_ms(parts, int(places[row]), cleaned.timing.get(car), moved)
        if out_ms is not None:
            state[row, ticks_ms >= out_ms] = states.OUT


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
        channels |= _known_linear(data, ("speed_kmh", "rpm", "throttle_percent"), ticks_ms)
        for name in ("gear", "brake"):
            channels[name] = held(data.time_ms, getattr(data, name), ticks_ms)
        if data.drs is not None:
            channels["drs"] = held(data.time_ms, data.drs, ticks_ms)
    return channels


def _known_linear(data: CleanCar, names: tuple[str, ...], ticks_ms: Ticks) -> dict[str, NDArray[np.float32]]:
    """Channels of a car between those of its samples that know them: mostly the same ones for all."""
    channels: dict[str, NDArray[np.float32]] = {}
    placed: NDArray[np.bool_] = np.empty(0, np.bool_)
    place = bracket(data.time_ms[:0], ticks_ms)
    for name in names:
        values = getattr(data, name)
        known = np.isfinite(values)
        if not np.array_equal(known, placed):
            placed, place = known, bracket(data.time_ms[known], ticks_ms)
        channels[name] = linear(values[known], place)
    return channels


def _lap_numbers(
    recording: Recording, own: CarTiming | None, running: Running, car: str, ticks_ms: Ticks
) -> NDArray[np.int16]:
    """Lap each car is on: 0 before the start, and before the first lap; the last one after the finish."""
    if recording.identity.is_race_like:
        ending = running.endings[car]
        if ending.never_started:
            return np.zeros(len(ticks_ms), np.int16)
        anchors = running.anchors[car]
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
    cleaned: Cleaned, running: Running, car: str, lap: NDArray[np.int16], state: NDArray[np.int8], ticks_ms: Ticks
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
    usable &= ~running.is_doubtful(car, ticks_ms)
    at = np.flatnonzero(usable)
    fraction = running.progress[car].at(ticks_ms[at]) - (lap[at] - 1)
    within = (fraction > -0.5) & (fraction <= 1.0)
    result[at[within]] = fraction[within] * cleaned.track.length_m
    return result


def _laps_by_car(laps: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Laps with a number and a start, by car, in order."""
    names = ("car", "lap", "start_ms", "pit_out_ms", "compound", "tyre_age_laps", "stint")
    by_car: dict[str, list[dict[str, Any]]] = {}
    for row in laps.select(names).sort_by("lap").to_pylist():
        if row["start_ms"] is not None and row["lap"] is not None:
            by_car.setdefault(row["car"], []).append(row)
    return by_car


def _tyres(
    rows: list[dict[str, Any]], tyres: tuple[str, ...], ticks_ms: Ticks, *, fitted_before: bool
) -> tuple[NDArray[np.int8], NDArray[np.int16], NDArray[np.int8]]:
    """Compound code, age and stint at every tick: from the start of each lap, or its pit exit where it has one.

    With ``fitted_before`` (a race) the first set is on before the first lap; -1 where the source says nothing.
    """
    size = len(ticks_ms)
    if not rows:
        return np.full(size, -1, np.int8), np.full(size, -1, np.int16), np.full(size, -1, np.int8)
    at = np.maximum.accumulate([float(r["pit_out_ms"] if _late(r) else r["start_ms"]) for r in rows])
    codes = np.array([tyres.index(r["compound"]) if r["compound"] else -1 for r in rows], np.int64)
    ages = np.array([-1 if r["tyre_age_laps"] is None else int(r["tyre_age_laps"]) for r in rows], np.int64)
    stints = np.array([-1 if r["stint"] is None else r["stint"] for r in rows], np.int64)
    first = int(codes[0]) if fitted_before else -1
    return (
        steps(at, codes, ticks_ms, first).astype(np.int8),
        steps(at, ages, ticks_ms, -1).astype(np.int16),
        steps(at, stints, ticks_ms, int(stints[0]) if fitted_before else -1).astype(np.int8),
    )


def _late(row: dict[str, Any]) -> bool:
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
