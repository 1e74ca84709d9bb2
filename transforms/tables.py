"""Published tables as declared in ``transforms.columns``: the recording's own on the clock, and computed ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms import best_laps, columns, mini_sectors, pit_stops, places, race_order
from transforms.ahead import ahead_of, nowhere
from transforms.classification import Comparison
from transforms.clock import onto_clock
from transforms.declare import MS, PER_METRE, Table, in_steps
from transforms.frames import Clock, Frames
from transforms.parts import Part
from transforms.recording import Driver, Recording
from transforms.running import Cleaned, Running
from transforms.samples import CleanCar
from transforms.timing import CarTiming

#: Steps of a metre of a place on the lap between two ticks, and of a lap: finer than any place is known.
_PER_LAP_METRE, _PER_LAP = 8, 1 << 14


@dataclass(frozen=True)
class Work:
    """What tables are computed from: a session after all other transforms, and its recorded tables on the clock."""

    recording: Recording
    cleaned: Cleaned
    running: Running
    frames: Frames
    parts: tuple[Part, ...]
    judged: dict[str, pa.Table]
    grade: str
    recorded: dict[str, pa.Table]

    @property
    def clock(self) -> Clock:
        """The session's clock."""
        return self.frames.clock

    @cached_property
    def laps(self) -> pa.Table:
        """The laps as published."""
        return laps_of(_sorted(self.recorded["laps"], columns.LAPS), self.clock)

    @cached_property
    def corners(self) -> pa.Table:
        """The corners as published."""
        circuit = self.recording.circuit
        return places.marks_of(columns.CORNERS, circuit.corners if circuit else (), self.cleaned.track)

    @cached_property
    def outline(self) -> pa.Table:
        """The track's outline as published."""
        return places.outline_of(self.cleaned, self.running)


def published_tables(
    recording: Recording,
    cleaned: Cleaned,
    running: Running,
    frames: Frames,
    parts: tuple[Part, ...],
    judged: dict[str, pa.Table],
    grade: str,
) -> dict[str, pa.Table]:
    """Return every published table but ``frames``, by name, without identity columns; ``parts`` are on the clock."""
    on_clock = {table.name: recorded_table(table, recording, frames.clock) for table in columns.RECORDED}
    work = Work(recording, cleaned, running, frames, parts, judged, grade, on_clock)
    recorded = {name: on_clock[name] for name, table in columns.TABLES.items() if table.recorded}
    computed = {name: (columns.TABLES[name], compute(work)) for name, compute in COMPUTED.items()}
    # A big table is made in its order.
    return recorded | {
        name: table if declared.is_by_car else _sorted(table, declared) for name, (declared, table) in computed.items()
    }


def recorded_table(declared: Table, recording: Recording, clock: Clock) -> pa.Table:
    """Return what a recording has of ``declared``: its columns, in its order, times on the clock."""
    table: pa.Table = getattr(recording, declared.recorded)
    return _sorted(onto_clock(table.select(declared.names), clock, declared.clock_columns), declared)


def _sorted(table: pa.Table, declared: Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in declared.sorted_by]) if declared.sorted_by else table


def laps_of(recorded: pa.Table, clock: Clock) -> pa.Table:
    """The laps on the clock, with the start of each in UTC."""
    start_utc = pc.add(recorded["start_ms"], pa.scalar(clock.utc_origin_ms, MS)).cast(columns.UTC)
    return recorded.append_column(columns.LAPS.schema.field("start_utc"), start_utc)


def stints_of(laps: pa.Table) -> pa.Table:
    """One row per car and stint, from the laps table: compound, age when fitted, first and last lap."""
    stints: dict[tuple[str, int], dict[str, Any]] = {}
    for lap in laps.to_pylist():
        if lap["stint"] is None:
            continue
        stint = stints.setdefault(
            (lap["car"], lap["stint"]),
            {
                "car": lap["car"],
                "driver": lap["driver"],
                "stint": lap["stint"],
                "compound": lap["compound"],
                "tyre_fresh": lap["tyre_fresh"],
                "tyre_age_start_laps": None if lap["tyre_age_laps"] is None else lap["tyre_age_laps"] - 1,
                "first_lap": lap["lap"],
                "start_ms": lap["start_ms"],
            },
        )
        stint["last_lap"], stint["end_ms"] = lap["lap"], lap["end_ms"]
        stint["compound"] = stint["compound"] or lap["compound"]
    return columns.STINTS.of_rows(stints.values())


def results_of(recorded: pa.Table, finish: Comparison) -> pa.Table:
    """The official results: race time and gap apart, and the gaps that timing has across the line beside them."""
    is_winner = pc.equal(recorded["position"], 1)
    winner_ms = pc.max(pc.if_else(is_winner, recorded["time_ms"], None))
    crossing = [None if (gap := finish.gaps_ms.get(car)) is None else round(gap) for car in recorded["car"].to_pylist()]
    gap_ms = pc.if_else(is_winner, pc.subtract(recorded["time_ms"], winner_ms), recorded["time_ms"])
    added = {"race_time_ms": pc.add(gap_ms, winner_ms), "gap_ms": gap_ms, "gap_crossing_ms": pa.array(crossing, MS)}
    for name, values in added.items():
        recorded = recorded.append_column(name, values)
    return recorded.select(columns.RESULTS.names).cast(columns.RESULTS.schema)


def drivers_of(drivers: tuple[Driver, ...]) -> pa.Table:
    """One row per car."""
    rows = [
        {
            "car": d.number,
            "driver": d.code,
            "first_name": d.first_name,
            "last_name": d.last_name,
            "team": d.team,
            "color": d.color,
        }
        for d in drivers
    ]
    return columns.DRIVERS.of_rows(rows)


def telemetry_of(cleaned: Cleaned, drivers: tuple[Driver, ...], frames: Frames) -> pa.Table:
    """Cleaned car data at native rate, by car and time, where on the track that was, and who was ahead there."""
    cars = cleaned.cars
    names = sorted(cars)
    schema = columns.TELEMETRY.schema
    if not names:
        return schema.empty_table()
    no_drs = all(cars[n].drs is None for n in names)
    when = _when({n: cars[n].time_ms for n in names}, cleaned, drivers, frames.clock)
    arrays = [
        *when,
        *(_whole(np.concatenate([getattr(cars[n], c) for n in names])) for c in ("speed_kmh", "rpm")),
        _code_null(np.concatenate([cars[n].gear for n in names])),
        _whole(np.concatenate([cars[n].throttle_percent for n in names])),
        _code_null(np.concatenate([cars[n].brake for n in names])).cast(pa.bool_()),
        pa.nulls(len(when[0]), pa.int8()) if no_drs else _code_null(np.concatenate([_drs(cars[n]) for n in names])),
        *_places(cleaned, frames),
    ]
    return pa.table(arrays, schema=schema)


def _places(cleaned: Cleaned, frames: Frames) -> list[pa.Array]:
    """Place on the lap in metres and as a part of it, the car ahead and its distance, of all samples of car data."""
    names = sorted(cleaned.cars)
    origin_ms = frames.clock.session_time_origin_ms
    length_m = cleaned.track.length_m if cleaned.track else np.nan
    times = {name: cleaned.cars[name].time_ms - origin_ms for name in names}
    known = ahead_of(frames, times, length_m) if cleaned.track else {}
    found = [known.get(name) or nowhere(len(times[name])) for name in names]
    along_m = np.concatenate([one.lap_distance_m for one in found])
    numbers = pa.array([*frames.cars, None], pa.string())
    ahead = np.concatenate([one.car for one in found])
    return [
        _nan_null(in_steps(along_m, _PER_LAP_METRE)),
        _nan_null(in_steps(along_m / length_m, _PER_LAP)),
        numbers.take(pa.array(np.where(ahead < 0, len(frames.cars), ahead))),
        _nan_null(in_steps(np.concatenate([one.distance_m for one in found]), _PER_LAP_METRE)),
    ]


def _drs(car: CleanCar) -> np.ndarray:
    return np.full(len(car.time_ms), -1, np.int8) if car.drs is None else car.drs


def positions_of(cleaned: Cleaned, running: Running, drivers: tuple[Driver, ...], clock: Clock) -> pa.Table:
    """Cleaned coordinates at native rate, by car and time, and where on the track they lie."""
    positions = cleaned.positions
    names = sorted(positions)
    schema = columns.POSITIONS.schema
    if not names:
        return schema.empty_table()
    along_m, offset_m = map(np.concatenate, zip(*(_on_track(n, cleaned, running) for n in names), strict=True))
    length_m = cleaned.track.length_m if cleaned.track else np.nan
    arrays = [
        *_when({n: positions[n].time_ms for n in names}, cleaned, drivers, clock),
        *(
            pa.array(in_steps(np.concatenate([getattr(positions[n], c) for n in names]), PER_METRE).astype(np.float32))
            for c in ("x_m", "y_m", "z_m")
        ),
        pa.array(np.concatenate([positions[n].on_track for n in names])),
        _nan_null(along_m),
        _nan_null(in_steps(along_m / length_m, _PER_LAP)),
        _nan_null(offset_m),
    ]
    return pa.table(arrays, schema=schema)


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
    time_ms: dict[str, np.ndarray], cleaned: Cleaned, drivers: tuple[Driver, ...], clock: Clock
) -> tuple[pa.Array, ...]:
    """Car, driver, time on the clock, lap and time since its start of samples of several cars at session times."""
    codes = {driver.number: driver.code for driver in drivers}
    row = pa.array(np.repeat(np.arange(len(time_ms)), [len(times) for times in time_ms.values()]))
    laps, since = zip(*(_laps_at(times, cleaned.timing.get(car)) for car, times in time_ms.items()), strict=True)
    lap = np.concatenate(laps)
    return (
        pa.array(list(time_ms)).take(row),
        pa.array([codes.get(car, car) for car in time_ms]).take(row),
        pa.array(np.concatenate(list(time_ms.values())) - clock.session_time_origin_ms),
        pa.array(lap, mask=lap < 0),
        pa.array(np.concatenate(since), mask=lap < 0),
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


def _utc(unix_ms: int | None) -> pa.Scalar:
    return pa.scalar(unix_ms, pa.timestamp("ms", tz="UTC"))


def session_row(recording: Recording, clock: Clock, grade: str) -> pa.Table:
    """The one row of the ``sessions`` table."""
    identity = recording.identity
    start = identity.start_utc
    start_utc = pc.strptime(pa.scalar(start.rstrip("Z")), "%Y-%m-%dT%H:%M:%S", "ms") if start else None
    row = {
        "meeting_key": identity.meeting_key,
        "official_event": identity.official_event,
        "country": identity.country,
        "location": identity.location,
        "circuit": identity.circuit,
        "session_name": identity.name,
        "start_utc": start_utc.cast(pa.timestamp("ms", tz="UTC")).as_py() if start_utc is not None else None,
        "utc_origin": _utc(clock.utc_origin_ms).as_py(),
        "session_time_origin_ms": clock.session_time_origin_ms,
        "duration_ms": clock.duration_ms,
        "race_start_ms": clock.race_start_ms,
        "total_laps": recording.total_laps,
        "cars": len(recording.drivers),
        "grade": grade,
    }
    return columns.SESSIONS.of_rows([row])


#: What computes the tables that are not recorded as they are published, by name; ``frames`` is made by its encoder.
COMPUTED: dict[str, Callable[[Work], pa.Table]] = {
    "telemetry": lambda work: telemetry_of(work.cleaned, work.recording.drivers, work.frames),
    "positions": lambda work: positions_of(work.cleaned, work.running, work.recording.drivers, work.clock),
    "laps": lambda work: work.laps,
    "stints": lambda work: stints_of(work.laps),
    "results": lambda work: results_of(work.recorded["results"], work.cleaned.finish),
    "pit_stops": lambda work: pit_stops.pit_stops_of(
        work.laps if work.recording.identity.is_race_like else work.laps[:0],
        work.recorded["track_status"],
        work.cleaned.cars,
        work.clock.session_time_origin_ms,
    ),
    "overtakes": lambda work: race_order.overtakes_of(
        work.recording, work.cleaned, work.running, work.frames, work.corners
    ),
    "intervals": lambda work: race_order.intervals_of(work.recording, work.running, work.frames),
    "qualifying_segments": lambda work: best_laps.qualifying_segments_of(work.laps, work.parts),
    "mini_sectors": lambda work: mini_sectors.mini_sectors_of(
        work.recording.mini_sectors, work.recording.drivers, work.laps, work.clock.session_time_origin_ms
    ),
    "fastest_laps": lambda work: best_laps.fastest_laps_of(work.laps),
    "long_runs": lambda work: best_laps.long_runs_of(work.laps, work.recording.identity.type.kind),
    "circuits": lambda work: places.circuit_of(work.recording, work.cleaned.track, work.outline),
    "outline": lambda work: work.outline,
    "corners": lambda work: work.corners,
    "marshal_sectors": lambda work: places.marks_of(
        columns.MARSHAL_SECTORS,
        work.recording.circuit.marshal_sectors if work.recording.circuit else (),
        work.cleaned.track,
    ),
    "marshal_lights": lambda work: places.marks_of(
        columns.MARSHAL_LIGHTS,
        work.recording.circuit.marshal_lights if work.recording.circuit else (),
        work.cleaned.track,
    ),
    "drivers": lambda work: drivers_of(work.recording.drivers),
    "sessions": lambda work: session_row(work.recording, work.clock, work.grade),
    "coverage": lambda work: work.judged["coverage"],
    "findings": lambda work: work.judged["findings"],
}
