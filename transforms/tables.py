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
from transforms.side_by_side import for_each
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

    def computed(name: str) -> pa.Table:
        declared, table = columns.TABLES[name], COMPUTED[name](work)
        # A big table is made in its order.
        return table if declared.is_by_car else _sorted(table, declared)

    return recorded | dict(zip(COMPUTED, for_each(computed, COMPUTED), strict=True))


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
    clock, codes = frames.clock, {driver.number: driver.code for driver in drivers}
    times = {car: data.time_ms - clock.session_time_origin_ms for car, data in cleaned.cars.items()}
    length_m = cleaned.track.length_m if cleaned.track else np.nan
    known = ahead_of(frames, times, length_m) if cleaned.track else {}
    numbers = pa.array([*frames.cars, None], pa.string())
    schema, tables = columns.TELEMETRY.schema, []
    for car, data in sorted(cleaned.cars.items()):
        at = known.get(car) or nowhere(len(data.time_ms))
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
        tables.append(pa.table(arrays, schema=schema))
    return pa.concat_tables([schema.empty_table(), *tables])


def positions_of(cleaned: Cleaned, running: Running, drivers: tuple[Driver, ...], clock: Clock) -> pa.Table:
    """Cleaned coordinates at native rate, by car and time, and where on the track they lie."""
    codes = {driver.number: driver.code for driver in drivers}
    length_m = cleaned.track.length_m if cleaned.track else np.nan
    schema, tables = columns.POSITIONS.schema, []
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
        tables.append(pa.table(arrays, schema=schema))
    return pa.concat_tables([schema.empty_table(), *tables])


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
    # The big ones last: what the others need meanwhile is not on top of them.
    "telemetry": lambda work: telemetry_of(work.cleaned, work.recording.drivers, work.frames),
    "positions": lambda work: positions_of(work.cleaned, work.running, work.recording.drivers, work.clock),
}
