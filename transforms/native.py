"""The big tables of native samples, made a car at a time while they are written: whole, they take much memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from transforms import columns
from transforms.ahead import ahead_of, nowhere
from transforms.declare import PER_METRE, in_steps
from transforms.frames import Clock, Frames
from transforms.recording import Driver
from transforms.running import Cleaned, Running, Sent
from transforms.timing import CarTiming

#: Makes a table anew: one part for each car that has samples, in the order of the table.
CarTables = Callable[[], Iterator[pa.Table]]

#: Steps of a metre of a place on the lap between two ticks, and of a lap: finer than any place is known.
_PER_LAP_METRE, _PER_LAP = 8, 1 << 14


def native_tables(
    cleaned: Cleaned, running: Running, frames: Frames, drivers: tuple[Driver, ...]
) -> dict[str, CarTables]:
    """Return what makes each table of native samples, by name, without identity columns."""
    # Each holds what it needs alone, so that it goes when its table is written.
    of_cars = replace(cleaned, positions={}, sent=Sent({}, {}))
    of_positions = replace(cleaned, cars={}, sent=Sent({}, {}))
    return {
        columns.TELEMETRY.name: lambda: _telemetry(of_cars, drivers, frames),
        columns.POSITIONS.name: lambda: _positions(of_positions, running, drivers, frames.clock),
    }


def _telemetry(cleaned: Cleaned, drivers: tuple[Driver, ...], frames: Frames) -> Iterator[pa.Table]:
    """Yield every car's cleaned data at native rate, where on the track that was, and who was ahead there."""
    clock, codes = frames.clock, {driver.number: driver.code for driver in drivers}
    times = {car: data.time_ms - clock.session_time_origin_ms for car, data in sorted(cleaned.cars.items())}
    length_m = cleaned.track.length_m if cleaned.track else np.nan
    places = ahead_of(frames, times, length_m) if cleaned.track else ((car, nowhere(len(times[car]))) for car in times)
    numbers = pa.array([*frames.cars, None], pa.string())
    schema = columns.TELEMETRY.schema
    for car, at in places:
        data = cleaned.cars[car]
        arrays = [
            *_when(car, codes.get(car, car), data.time_ms, cleaned.timing.get(car), clock),
            _whole(data.speed_kmh),
            _whole(data.rpm),
            _code_null(data.gear),
            _whole(data.throttle_percent),
            _code_null(data.brake).cast(pa.bool_()),
            pa.nulls(len(data.time_ms), pa.int8()) if data.drs is None else _code_null(data.drs),
            _nan_null(in_steps(at.lap_distance_m, _PER_LAP_METRE)),
            _nan_null(in_steps(at.lap_distance_m / length_m, _PER_LAP)),
            numbers.take(pa.array(np.where(at.car < 0, len(frames.cars), at.car))),
            _nan_null(in_steps(at.distance_m, _PER_LAP_METRE)),
        ]
        yield pa.table(arrays, schema=schema)


def _positions(cleaned: Cleaned, running: Running, drivers: tuple[Driver, ...], clock: Clock) -> Iterator[pa.Table]:
    """Yield every car's cleaned coordinates at native rate, and where on the track they lie."""
    codes = {driver.number: driver.code for driver in drivers}
    length_m = cleaned.track.length_m if cleaned.track else np.nan
    schema = columns.POSITIONS.schema
    for car, feed in sorted(cleaned.positions.items()):
        along_m, offset_m = _on_track(car, cleaned, running)
        arrays = [
            *_when(car, codes.get(car, car), feed.time_ms, cleaned.timing.get(car), clock),
            *(pa.array(in_steps(axis, PER_METRE).astype(np.float32)) for axis in (feed.x_m, feed.y_m, feed.z_m)),
            pa.array(feed.on_track),
            _nan_null(along_m),
            _nan_null(in_steps(along_m / length_m, _PER_LAP)),
            _nan_null(offset_m),
        ]
        yield pa.table(arrays, schema=schema)


def _on_track(car: str, cleaned: Cleaned, running: Running) -> tuple[np.ndarray, np.ndarray]:
    """Distance along the outline and offset from it of a car's coordinates, (n,) each, NaN without a track."""
    time_ms = cleaned.positions[car].time_ms
    offset_m = running.offsets_m.get(car)
    if cleaned.track is None or offset_m is None or len(offset_m) != len(time_ms):
        return np.full(len(time_ms), np.nan), np.full(len(time_ms), np.nan)
    along_m = np.mod(running.progress[car].at(time_ms), 1.0) * cleaned.track.length_m
    along_m[running.is_doubtful(car, time_ms)] = np.nan
    return in_steps(along_m, PER_METRE), in_steps(offset_m, PER_METRE)


def _when(
    car: str, driver: str, time_ms: np.ndarray, timing: CarTiming | None, clock: Clock
) -> tuple[pa.Array, pa.Array, pa.Array, pa.Array, pa.Array]:
    """Car, driver, time on the clock, lap and time since its start of a car's samples at session times (n,)."""
    lap, since = _laps_at(time_ms, timing)
    return (
        pa.repeat(car, len(time_ms)),
        pa.repeat(driver, len(time_ms)),
        pa.array(time_ms - clock.session_time_origin_ms),
        pa.array(lap, mask=lap < 0),
        pa.array(since, mask=lap < 0),
    )


def _laps_at(time_ms: np.ndarray, timing: CarTiming | None) -> tuple[np.ndarray, np.ndarray]:
    """Lap (n,) int16 at session times (n,), -1 on none, and the milliseconds (n,) int64 since its start."""
    none = np.full(len(time_ms), -1, np.int16), np.zeros(len(time_ms), np.int64)
    if timing is None or not np.isfinite(timing.start_ms).any():
        return none
    known = np.isfinite(timing.start_ms)
    starts, ends, numbers = timing.start_ms[known], timing.end_ms[known], timing.lap[known]
    order = np.argsort(starts, kind="stable")
    index = np.searchsorted(starts[order], time_ms, side="right") - 1
    at = order[np.maximum(index, 0)]
    on_lap = (index >= 0) & ~(time_ms >= ends[at])
    since = np.where(on_lap, time_ms - np.rint(starts[at]).astype(np.int64), 0)
    return np.where(on_lap, numbers[at], -1).astype(np.int16), since


def _whole(values: np.ndarray) -> pa.Array:
    """Whole numbers, as the upstream has them, null for NaN."""
    absent = np.isnan(values)
    return pa.array(np.rint(np.where(absent, 0, values)).astype(np.int32), mask=absent)


def _nan_null(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.float32), mask=np.isnan(values))


def _code_null(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.int8), mask=values < 0)
