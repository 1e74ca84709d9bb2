"""Published tables as declared in ``transforms.columns``: the recording's own on the clock, and computed ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from transforms import best_laps, columns, mini_sectors, pit_stops, places, race_order
from transforms.classification import Comparison
from transforms.clock import onto_clock
from transforms.declare import MS, Table
from transforms.frames import Clock, Frames
from transforms.parts import Part
from transforms.recording import Driver, Recording
from transforms.running import Cleaned, Running


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
    """Return every published table but the big ones, by name, without identity columns; ``parts`` are on the clock."""
    on_clock = {table.name: recorded_table(table, recording, frames.clock) for table in columns.RECORDED}
    work = Work(recording, cleaned, running, frames, parts, judged, grade, on_clock)
    recorded = {name: on_clock[name] for name, table in columns.TABLES.items() if table.recorded}

    return recorded | {name: _sorted(compute(work), columns.TABLES[name]) for name, compute in COMPUTED.items()}


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


#: What computes the tables that are not recorded as they are published, by name. The big ones are made while they are
#: written: ``frames`` by its encoder, those of native samples by :mod:`transforms.native`.
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
}
