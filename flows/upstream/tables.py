"""FastF1's data frames as the Arrow tables of a recording: declared columns, milliseconds, null for nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from transforms import columns
from transforms.declare import Table

NS_PER_MS = 1_000_000


def text_or_none(value: Any) -> str | None:
    """The value as stripped text; None for everything pandas and FastF1 write for nothing.

    Half a pair of surrogates, which JSON can say and Arrow cannot hold, becomes the replacement character.
    """
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT:
        return None
    text = str(value).strip()
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return None if text in ("", "nan", "None", "NaT") else text


def _ms(series: pd.Series) -> pa.Array:
    """Milliseconds of a timedelta or date column; null where it is NaT."""
    values = pd.to_timedelta(series).to_numpy("timedelta64[ns]")
    absent = np.isnat(values)
    rounded = np.where(absent, np.timedelta64(0, "ns"), values).astype(np.int64)
    return pa.array((rounded + NS_PER_MS // 2) // NS_PER_MS, pa.int64(), mask=absent)


def _number(series: pd.Series, type_: pa.DataType) -> pa.Array:
    values = pd.to_numeric(series, errors="coerce").to_numpy(np.float64)
    absent = ~np.isfinite(values)
    return pa.array(np.where(absent, 0, values), pa.float64(), mask=absent).cast(type_, safe=False)


def _text(series: pd.Series) -> pa.Array:
    return pa.array([text_or_none(v) for v in series], pa.string())


def _flag(series: pd.Series) -> pa.Array:
    return pa.array([None if v is None or pd.isna(v) else bool(v) for v in series], pa.bool_())


def _table(declared: Table, arrays: dict[str, pa.Array] | None) -> pa.Table:
    if arrays is None:
        return declared.schema.empty_table()
    return pa.table([arrays[name] for name in declared.names], schema=declared.schema)


def laps_table(laps: pd.DataFrame | None) -> pa.Table:
    """Laps, one row per car and lap; empty without any."""
    if laps is None:
        return _table(columns.RECORDED_LAPS, None)
    i16, f32 = pa.int16(), pa.float32()
    arrays = {
        "car": _text(laps["DriverNumber"]),
        "driver": _text(laps["Driver"]),
        "team": _text(laps["Team"]),
        "lap": _number(laps["LapNumber"], i16),
        "start_ms": _ms(laps["LapStartTime"]),
        "end_ms": _ms(laps["Time"]),
        "lap_time_ms": _ms(laps["LapTime"]),
        **{f"sector{n}_ms": _ms(laps[f"Sector{n}Time"]) for n in (1, 2, 3)},
        **{f"sector{n}_end_ms": _ms(laps[f"Sector{n}SessionTime"]) for n in (1, 2, 3)},
        **{f"speed_{trap.lower()}_kmh": _number(laps[f"Speed{trap}"], f32) for trap in ("I1", "I2", "FL", "ST")},
        "pit_in_ms": _ms(laps["PitInTime"]),
        "pit_out_ms": _ms(laps["PitOutTime"]),
        "stint": _number(laps["Stint"], i16),
        "compound": _text(laps["Compound"]),
        "tyre_age_laps": _number(laps["TyreLife"], i16),
        "tyre_fresh": _flag(laps["FreshTyre"]),
        "track_statuses": _text(laps["TrackStatus"]),
        "position": _number(laps["Position"], i16),
        "personal_best": _flag(laps["IsPersonalBest"]),
        "accurate": _flag(laps["IsAccurate"]),
        "deleted": _flag(laps["Deleted"]),
        "deleted_reason": _text(laps["DeletedReason"]),
        "generated": _flag(laps["FastF1Generated"]),
    }
    return _table(columns.RECORDED_LAPS, arrays)


def _place(classified: str | None) -> str | None:
    """A classification as the results service writes it: of a qualifying FastF1 makes numbers of it, ``1.0``."""
    return classified.removesuffix(".0") if classified else None


def results_table(results: pd.DataFrame) -> pa.Table:
    """Official results as FastF1 joins them."""
    i16 = pa.int16()
    arrays = {
        "car": _text(results["DriverNumber"]),
        "driver": _text(results["Abbreviation"]),
        "team": _text(results["TeamName"]),
        "position": _number(results["Position"], i16),
        "classified": pa.array([_place(text_or_none(v)) for v in results["ClassifiedPosition"]], pa.string()),
        "grid": _number(results["GridPosition"], i16),
        **{f"q{n}_ms": _ms(results[f"Q{n}"]) for n in (1, 2, 3)},
        "time_ms": _ms(results["Time"]),
        "status": _text(results["Status"]),
        "points": _number(results["Points"], pa.float32()),
        "laps": _number(results["Laps"], i16),
        "driver_id": _text(results["DriverId"]),
        "team_id": _text(results["TeamId"]),
        "full_name": _text(results["FullName"]),
        "broadcast_name": _text(results["BroadcastName"]),
        "country_code": _text(results["CountryCode"]),
        "headshot_url": _text(results["HeadshotUrl"]),
    }
    return _table(columns.RECORDED_RESULTS, arrays)


def weather_table(weather: pd.DataFrame | None) -> pa.Table:
    """Weather; empty without any."""
    if weather is None or not len(weather):
        return _table(columns.WEATHER, None)
    f64 = pa.float64()
    arrays = {
        "time_ms": _ms(weather["Time"]),
        "air_temp_c": _number(weather["AirTemp"], f64),
        "track_temp_c": _number(weather["TrackTemp"], f64),
        "humidity_percent": _number(weather["Humidity"], f64),
        "pressure_mbar": _number(weather["Pressure"], f64),
        "rainfall": _flag(weather["Rainfall"]),
        "wind_direction_deg": _number(weather["WindDirection"], pa.int16()),
        "wind_speed_mps": _number(weather["WindSpeed"], f64),
    }
    return _table(columns.WEATHER, arrays)


def track_status_table(status: pd.DataFrame | None) -> pa.Table:
    """Track statuses with their ends; empty without any."""
    if status is None or not len(status):
        return _table(columns.TRACK_STATUS, None)
    time_ms = _ms(status["Time"])
    return _table(
        columns.TRACK_STATUS,
        {
            "time_ms": time_ms,
            "end_ms": pa.concat_arrays([time_ms.slice(1), pa.nulls(1, pa.int64())]),
            "status": _text(status["Status"]),
            "message": _text(status["Message"]),
        },
    )


def session_status_table(status: pd.DataFrame | None) -> pa.Table:
    """Session statuses; empty without any."""
    if status is None or not len(status):
        return _table(columns.SESSION_STATUS, None)
    return _table(columns.SESSION_STATUS, {"time_ms": _ms(status["Time"]), "status": _text(status["Status"])})


def messages_table(messages: pd.DataFrame | None, t0: Any) -> pa.Table:
    """Race control messages; session time only where ``t0`` (UTC at its zero) is known."""
    if messages is None or not len(messages):
        return _table(columns.MESSAGES, None)
    utc = pd.to_datetime(messages["Time"])
    known = t0 is not None and not pd.isna(t0)
    time_ms = _ms(utc - pd.Timestamp(t0)) if known else pa.nulls(len(messages), pa.int64())
    return _table(
        columns.MESSAGES,
        {
            "time_ms": time_ms,
            "utc": pa.array(utc.to_numpy("datetime64[ms]")).cast(pa.timestamp("ms", tz="UTC")),
            "lap": _number(messages["Lap"], pa.int16()),
            **{c: _text(messages[c.capitalize()]) for c in ("category", "message", "status", "flag", "scope")},
            "sector": _number(messages["Sector"], pa.int16()),
            "car": _text(messages["RacingNumber"]),
        },
    )
