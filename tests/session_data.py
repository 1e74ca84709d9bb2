"""A made-up session for the encoders' tests: smooth motion sampled a few times a second, as the upstream does."""

import dataclasses

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.columns import TABLES
from transforms.frames import STATES, TICK_MS, CarFrames, Clock, Frames, RowFrames, Rows
from transforms.recording import CircuitMarks, Corner, Driver, SessionIdentity
from transforms.replay import Replay, ReplayCar
from transforms.session import SessionData
from transforms.track import Track

IDENTITY_OF_SESSION = SessionIdentity(
    session_key=9472,
    meeting_key=1229,
    year=2024,
    round=1,
    event="Bahrain Grand Prix",
    official_event="FORMULA 1 GULF AIR BAHRAIN GRAND PRIX 2024",
    country="Bahrain",
    location="Sakhir",
    code="R",
    name="Race",
    date="2024-03-02",
    start_utc="2024-03-02T15:00:00Z",
    circuit="Sakhir",
)
NUMBERS = (
    "1",
    "11",
    "16",
    "55",
    "63",
    "4",
    "44",
    "81",
    "14",
    "18",
    "24",
    "20",
    "3",
    "22",
    "23",
    "27",
    "31",
    "10",
    "77",
    "2",
)
CIRCUIT = CircuitMarks(rotation_deg=92.0, corners=(Corner(1, "", 710.0, 0.0, 12.5), Corner(2, "A", 0.0, 700.0, -3.0)))
TYRES = ("SOFT", "MEDIUM", "HARD")
STATUSES = ("1", "2", "4")
LAP_M = 5412.0


def drivers(cars: int = 20) -> tuple[Driver, ...]:
    return tuple(
        Driver(number, f"D{int(number):02d}", "First", f"Last {number}", "Team", None if i == 1 else "#3671c6")
        for i, number in enumerate(NUMBERS[:cars])
    )


def _sampled(rng: np.random.Generator, ticks: int, values_at: NDArray[np.float64], step: float) -> NDArray[np.float32]:
    """Return ``values_at`` (one per tick) as if sampled about four times a second to ``step`` and interpolated."""
    at = np.unique(np.append(np.cumsum(rng.integers(4, 8, ticks // 5 + 1)), 0))
    at = at[at < ticks]
    native = np.round(values_at[at] / step) * step
    return np.interp(np.arange(ticks), at, native).astype(np.float32)


def _held(ticks: int, values: NDArray[np.float64], every: int) -> NDArray[np.float64]:
    return values[(np.arange(ticks) // every) * every]


def car_frames(rng: np.random.Generator, ticks: int, index: int, drs: bool = True) -> CarFrames:
    """Return one car driving laps of a closed curve, without gaps."""
    seconds = np.arange(ticks) * TICK_MS / 1000
    wobble = np.cumsum(rng.normal(0, 0.01, ticks // 25 + 2))
    pace = 56.0 - index * 0.05 + np.interp(seconds, np.arange(wobble.size), wobble)
    speed = np.maximum(pace * (1 + 0.45 * np.sin(seconds / 6.1) * np.cos(seconds / 2.3)), 5.0)
    distance = np.cumsum(speed) * TICK_MS / 1000 - index * 8.0
    angle = 2 * np.pi * distance / LAP_M
    x = 700 * np.cos(angle) + 90 * np.sin(3 * angle) + rng.normal(0, 0.02, ticks)
    y = 850 * np.sin(angle) - 120 * np.cos(2 * angle) + rng.normal(0, 0.02, ticks)
    kmh = speed * 3.6
    gap = index * 1.1 + 0.4 * np.sin(seconds / 40) + 0.5
    return CarFrames(
        x_m=_sampled(rng, ticks, x, 0.1),
        y_m=_sampled(rng, ticks, y, 0.1),
        speed_kmh=_sampled(rng, ticks, kmh, 1),
        rpm=_sampled(rng, ticks, 8000 + 3500 * np.sin(kmh / 23) + rng.normal(0, 40, ticks), 1),
        throttle_percent=_sampled(rng, ticks, np.clip(120 * np.sin(seconds / 2.3) + 30, 0, 100), 1),
        lap_distance_m=np.mod(distance, LAP_M).astype(np.float32),
        gap_s=gap.astype(np.float32),
        interval_s=(gap / max(index, 1)).astype(np.float32),
        gear=np.clip(_held(ticks, kmh, 6) // 40, 1, 8).astype(np.int8),
        brake=(_held(ticks, np.sin(seconds / 2.3), 6) < -0.7).astype(np.int8),
        drs=np.where(_held(ticks, kmh, 6) > 250, 12, 8).astype(np.int8) if drs else None,
        lap=(1 + np.maximum(distance, 0) // LAP_M).astype(np.int16),
        position=np.full(ticks, index + 1, np.int8),
        laps_down=np.zeros(ticks, np.int8),
        compound=(np.maximum(distance, 0) // (LAP_M * 18) % 3).astype(np.int8),
        tyre_age_laps=(np.maximum(distance, 0) // LAP_M % 18).astype(np.int16),
        stint=(1 + np.maximum(distance, 0) // (LAP_M * 18)).astype(np.int8),
        state=np.full(ticks, STATES.index("running"), np.int8),
    )


def with_gap(car: CarFrames, start: int, stop: int, *names: str) -> CarFrames:
    """Return ``car`` with the channels ``names`` (all when none is named) missing from tick ``start`` to ``stop``."""
    changed = {}
    for field in dataclasses.fields(car):
        values = getattr(car, field.name)
        if values is not None and (not names or field.name in names):
            values = values.copy()
            values[start:stop] = np.nan if values.dtype.kind == "f" else -1
            changed[field.name] = values
    return dataclasses.replace(car, **changed)


def frames(ticks: int, cars: int = 3, seed: int = 1, drs: bool = True) -> Frames:
    rng = np.random.default_rng(seed)
    status = np.zeros(ticks, np.int8)
    status[: min(10, ticks)] = -1
    status[ticks // 2 :] = 2
    by_number = {number: car_frames(rng, ticks, i, drs) for i, number in enumerate(NUMBERS[:cars])}
    return Frames(
        clock=Clock(3_600_000, 1_709_391_822_123, ticks, 10_000),
        cars=by_number,
        tyres=TYRES,
        track_status=status,
        track_statuses=STATUSES,
        leader_lap=next(iter(by_number.values())).lap,
    )


def row_frames(source: Frames) -> RowFrames:
    """Return the older row format of ``source``: all its ticks, cars absent where x has a gap."""
    cars = list(source.cars.values())
    names = ("x_m", "y_m", "lap_distance_m", "lap", "compound", "position", "speed_kmh", "gear")
    columns = {name: np.stack([getattr(car, name) for car in cars], axis=1) for name in names}
    whole = {name: np.nan_to_num(values) for name, values in columns.items()}
    return RowFrames(
        t_s=np.arange(source.clock.ticks) * 0.04,
        leader_lap=np.maximum(source.leader_lap, 1),
        x_m=columns["x_m"],
        y_m=columns["y_m"],
        distance_m=(whole["lap_distance_m"] + (whole["lap"] - 1) * LAP_M).astype(np.float32),
        lap=columns["lap"],
        rel_dist=(whole["lap_distance_m"] / LAP_M).astype(np.float32),
        tyre=(columns["compound"] + 1).astype(np.int8),
        position=columns["position"],
        speed_kmh=np.rint(whole["speed_kmh"]).astype(np.int16),
        gear=columns["gear"],
        drs=np.zeros(columns["gear"].shape, np.int8),
    )


def rows_of(whole: RowFrames, codes: tuple[str, ...] | None = None) -> Rows:
    """Return ``whole`` as the rows of a race, of drivers with these ``codes``."""
    cars = whole.x_m.shape[1]
    columns = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    return Rows(
        count=len(whole.t_s),
        codes=codes or tuple(driver.code for driver in drivers(cars)),
        colors=tuple((54, 113, 198) for _ in range(cars)),
        statuses=(("1", -12.5, 100.0), ("4", 100.0, None)),
        block=lambda start, stop: RowFrames(**{name: values[start:stop] for name, values in columns.items()}),
    )


def replay(source: Frames) -> Replay:
    """Return native samples as ``source`` could be made from: every sixth tick of it, cars in turn with car data."""
    ticks = np.arange(0, source.clock.ticks, 6)
    car_ticks = np.minimum(ticks + 3, source.clock.ticks - 1)
    if len(car_ticks) > 1 and car_ticks[-1] == car_ticks[-2]:
        car_ticks = car_ticks[:-1]
    cars = {}
    for number, car in source.cars.items():
        values = {
            name: getattr(car, name)[car_ticks].astype(float) for name in ("speed_kmh", "rpm", "throttle_percent")
        }
        codes = {name: getattr(car, name)[car_ticks] for name in ("gear", "brake")}
        place = {name: getattr(car, name)[ticks].astype(float) for name in ("x_m", "y_m")}
        lost = np.isnan(place["x_m"]) | np.isnan(place["y_m"])
        along = car.lap_distance_m[ticks].astype(float) + np.maximum(car.lap[ticks] - 1, 0) * LAP_M
        cars[number] = ReplayCar(
            **values,
            **codes,
            drs=np.full(len(car_ticks), -1, np.int8) if car.drs is None else car.drs[car_ticks],
            **{name: np.where(lost, np.nan, values) for name, values in place.items()},
            breaks=np.zeros(len(ticks), np.bool_),
            distance_m=along,
        )
    return Replay(car_ticks * TICK_MS, ticks * TICK_MS, LAP_M, cars)


def _value(kind: pa.DataType, row: int) -> object:
    """Return some value of type ``kind``; every fifth is null."""
    if row % 5 == 4:
        return None
    if pa.types.is_boolean(kind):
        return row % 2 == 0
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        return row
    if pa.types.is_floating(kind):
        return row + 0.1
    return f"text é {row}"


def table(name: str, rows: int) -> pa.Table:
    """Return a table with the declared columns and made-up values."""
    schema = TABLES[name].schema
    columns = [pa.array([_value(field.type, row) for row in range(rows)], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def native_table(name: str, rows: int, seed: int = 2) -> pa.Table:
    """Return a large ``telemetry`` or ``positions`` table, a few samples a second per car."""
    rng = np.random.default_rng(seed)
    schema = TABLES[name].schema
    small = table(name, 1)
    columns = []
    for field in schema:
        if pa.types.is_floating(field.type):
            values = pa.array(np.round(4000 * np.sin(np.arange(rows) / 90) + rng.normal(0, 1, rows), 1)).cast(
                field.type
            )
        elif field.name == "time_ms":
            values = pa.array(np.cumsum(rng.integers(180, 300, rows)))
        else:
            scalar = small.column(field.name)[0].as_py()
            values = (
                pa.array(np.full(rows, scalar)).cast(field.type)
                if not isinstance(scalar, str)
                else pa.repeat(scalar, rows)
            )
        columns.append(values)
    return pa.Table.from_arrays(columns, schema=schema)


def track() -> Track:
    points = np.arange(100)
    angle = 2 * np.pi * points / len(points)
    step_m = float(2 * 700 * np.sin(np.pi / len(points)))
    return Track(700 * np.cos(angle), 700 * np.sin(angle), points * step_m, len(points) * step_m, (1500.0, 3000.0), 7)


def quality_report(**changes: object) -> dict[str, object]:
    """What the transforms would say of such a session."""
    return {
        "reasons": [],
        "lap_chart": {"crossings": 100, "agree": 99, "agreement": 0.99},
        "finish_order": {"cars": 20, "agree": 18},
        "median_coverage": {"x_m": 0.97, "speed_kmh": 0.99},
        "coverage": {"1": {"x_m": 0.5}},
        "rows": [],
        **changes,
    }


def session_data(ticks: int = 4000, cars: int = 3, *, source: Frames | None = None, native: int = 0) -> SessionData:
    """Return a session with ``cars`` cars; ``native`` is the length of the native-rate tables, small when 0."""
    source = source or frames(ticks, cars)
    tables = {name: table(name, 12) for name in TABLES if name != "frames"}
    if native:
        tables |= {name: native_table(name, native) for name in ("telemetry", "positions")}
    return SessionData(
        drivers=drivers(cars),
        frames=source,
        replay=replay(source),
        tables=tables,
        track=track(),
        rows=rows_of(row_frames(source)),
        capabilities={"positions": True, "telemetry": True, "drs": True, "order": True},
        quality=quality_report(),
        grade="A",
        total_laps=57,
    )
