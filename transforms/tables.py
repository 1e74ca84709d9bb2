"""Published tables as declared in ``transforms.columns``: the recording's own on the clock, and computed ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms import columns
from transforms.classification import Comparison
from transforms.clock import onto_clock
from transforms.declare import MS, PER_METRE, Table, in_steps
from transforms.frames import Clock
from transforms.recording import Driver, Recording
from transforms.running import Cleaned, Running
from transforms.samples import CleanCar


@dataclass(frozen=True)
class Work:
    """What tables are computed from: a session after all other transforms, and its recorded tables on the clock."""

    recording: Recording
    cleaned: Cleaned
    running: Running
    clock: Clock
    judged: dict[str, pa.Table]
    grade: str
    recorded: dict[str, pa.Table]


def published_tables(
    recording: Recording,
    cleaned: Cleaned,
    running: Running,
    clock: Clock,
    judged: dict[str, pa.Table],
    grade: str,
) -> dict[str, pa.Table]:
    """Return every published table but ``frames``, by name, without identity columns, times on the clock."""
    recorded = {
        name: recorded_table(table, recording, clock) for name, table in columns.TABLES.items() if table.recorded
    }
    work = Work(recording, cleaned, running, clock, judged, grade, recorded)
    return recorded | {name: _sorted(compute(work), columns.TABLES[name]) for name, compute in COMPUTED.items()}


def recorded_table(declared: Table, recording: Recording, clock: Clock) -> pa.Table:
    """Return what a recording has of ``declared``: its columns, in its order, times on the clock."""
    table: pa.Table = getattr(recording, declared.recorded)
    return _sorted(onto_clock(table.select(declared.names), clock, declared.clock_columns), declared)


def _sorted(table: pa.Table, declared: Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in declared.sorted_by]) if declared.sorted_by else table


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
    """The official results with the gaps that timing has across the line beside the official ones."""
    gaps = [None if (gap := finish.gaps_ms.get(car)) is None else round(gap) for car in recorded["car"].to_pylist()]
    return recorded.append_column(columns.RESULTS.schema.field("gap_crossing_ms"), pa.array(gaps, MS))


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


def telemetry_of(cars: dict[str, CleanCar], clock: Clock) -> pa.Table:
    """Cleaned car data at native rate, by car and time."""
    names = list(cars)
    schema = columns.TELEMETRY.schema
    if not names:
        return schema.empty_table()
    car = _car_column(names, [len(cars[n].time_ms) for n in names])
    time_ms = np.concatenate([cars[n].time_ms for n in names]) - clock.session_time_origin_ms
    no_drs = all(cars[n].drs is None for n in names)
    arrays = [
        car,
        pa.array(time_ms),
        *(_nan_null(np.concatenate([getattr(cars[n], c) for n in names])) for c in ("speed_kmh", "rpm")),
        _code_null(np.concatenate([cars[n].gear for n in names])),
        _nan_null(np.concatenate([cars[n].throttle_percent for n in names])),
        _code_null(np.concatenate([cars[n].brake for n in names])).cast(pa.bool_()),
        pa.nulls(len(time_ms), pa.int8()) if no_drs else _code_null(np.concatenate([_drs(cars[n]) for n in names])),
    ]
    return pa.table(arrays, schema=schema)


def _drs(car: CleanCar) -> np.ndarray:
    return np.full(len(car.time_ms), -1, np.int8) if car.drs is None else car.drs


def positions_of(cleaned: Cleaned, running: Running, clock: Clock) -> pa.Table:
    """Cleaned coordinates at native rate, by car and time, and where on the track they lie."""
    positions = cleaned.positions
    names = list(positions)
    schema = columns.POSITIONS.schema
    if not names:
        return schema.empty_table()
    arrays = [
        _car_column(names, [len(positions[n].time_ms) for n in names]),
        pa.array(np.concatenate([positions[n].time_ms for n in names]) - clock.session_time_origin_ms),
        *(
            pa.array(in_steps(np.concatenate([getattr(positions[n], c) for n in names]), PER_METRE).astype(np.float32))
            for c in ("x_m", "y_m", "z_m")
        ),
        pa.array(np.concatenate([positions[n].on_track for n in names])),
        *(
            _nan_null(np.concatenate(values))
            for values in zip(*(_on_track(n, cleaned, running) for n in names), strict=True)
        ),
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


def _car_column(names: list[str], counts: list[int]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(np.arange(len(names), dtype=np.int32), counts)), pa.array(names)
    )


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
    "telemetry": lambda work: telemetry_of(work.cleaned.cars, work.clock),
    "positions": lambda work: positions_of(work.cleaned, work.running, work.clock),
    "stints": lambda work: stints_of(work.recorded["laps"]),
    "results": lambda work: results_of(
        recorded_table(columns.RECORDED_RESULTS, work.recording, work.clock), work.cleaned.finish
    ),
    "drivers": lambda work: drivers_of(work.recording.drivers),
    "sessions": lambda work: session_row(work.recording, work.clock, work.grade),
    "coverage": lambda work: work.judged["coverage"],
    "findings": lambda work: work.judged["findings"],
}
