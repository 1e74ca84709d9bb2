"""A published session as pandas frames with FastF1's names, dtypes and session times.

For notebooks and code written for FastF1. This file stands alone: copy it, or take it from a site
(``v1/reader/fastf1_frames.py``). It needs pandas, pyarrow and fsspec, for a bucket s3fs, for HTTPS aiohttp; FastF1 only
if you want its methods, as in ``fastf1.core.Laps(load(...).laps).pick_drivers("VER")``.
"""

import json
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

#: FastF1's column by the published one; what is no time keeps its dtype, numbers become float64 as FastF1 has them.
LAPS = {
    "end_ms": "Time",
    "driver": "Driver",
    "car": "DriverNumber",
    "lap_time_ms": "LapTime",
    "lap": "LapNumber",
    "stint": "Stint",
    "pit_out_ms": "PitOutTime",
    "pit_in_ms": "PitInTime",
    **{f"sector{n}_ms": f"Sector{n}Time" for n in (1, 2, 3)},
    **{f"sector{n}_end_ms": f"Sector{n}SessionTime" for n in (1, 2, 3)},
    **{f"speed_{trap.lower()}_kmh": f"Speed{trap}" for trap in ("I1", "I2", "FL", "ST")},
    "personal_best": "IsPersonalBest",
    "compound": "Compound",
    "tyre_age_laps": "TyreLife",
    "tyre_fresh": "FreshTyre",
    "team": "Team",
    "start_ms": "LapStartTime",
    "track_statuses": "TrackStatus",
    "position": "Position",
    "deleted": "Deleted",
    "deleted_reason": "DeletedReason",
    "generated": "FastF1Generated",
    "accurate": "IsAccurate",
}
RESULTS = {
    "car": "DriverNumber",
    "driver": "Abbreviation",
    "team": "TeamName",
    "position": "Position",
    "classified": "ClassifiedPosition",
    "grid": "GridPosition",
    **{f"q{n}_ms": f"Q{n}" for n in (1, 2, 3)},
    "gap_ms": "Time",
    "status": "Status",
    "points": "Points",
    "laps": "Laps",
    "driver_id": "DriverId",
    "team_id": "TeamId",
    "full_name": "FullName",
    "broadcast_name": "BroadcastName",
    "country_code": "CountryCode",
    "headshot_url": "HeadshotUrl",
}
WEATHER = {
    "time_ms": "Time",
    "air_temp_c": "AirTemp",
    "humidity_percent": "Humidity",
    "pressure_mbar": "Pressure",
    "rainfall": "Rainfall",
    "track_temp_c": "TrackTemp",
    "wind_direction_deg": "WindDirection",
    "wind_speed_mps": "WindSpeed",
}
CAR_DATA = {
    "time_ms": "SessionTime",
    "rpm": "RPM",
    "speed_kmh": "Speed",
    "gear": "nGear",
    "throttle_percent": "Throttle",
    "brake": "Brake",
    "drs": "DRS",
}
POSITIONS = {"time_ms": "SessionTime", "x_m": "X", "y_m": "Y", "z_m": "Z", "on_track": "Status"}
TRACK_STATUS = {"time_ms": "Time", "status": "Status", "message": "Message"}
SESSION_STATUS = {"time_ms": "Time", "status": "Status"}
MESSAGES = {
    "utc": "Time",
    "category": "Category",
    "message": "Message",
    "status": "Status",
    "flag": "Flag",
    "scope": "Scope",
    "sector": "Sector",
    "car": "RacingNumber",
    "lap": "Lap",
}


@dataclass(frozen=True)
class SessionFrames:
    """A session's frames, named as in ``fastf1.core.Session``; times are session times, as FastF1's."""

    #: UTC at session time 0; ``NaT`` where nobody knows it.
    t0_date: pd.Timestamp
    laps: pd.DataFrame
    results: pd.DataFrame
    weather_data: pd.DataFrame
    #: By racing number. Null where the published samples have a gap, in which FastF1 has zeros.
    car_data: dict[str, pd.DataFrame]
    pos_data: dict[str, pd.DataFrame]
    track_status: pd.DataFrame
    session_status: pd.DataFrame
    race_control_messages: pd.DataFrame


def load(site: str, year: int, event: int | str, session: str) -> SessionFrames:
    """Read the current revision of a session.

    ``site`` is the public base URL, ``s3://bucket/prefix`` or a folder; ``event`` a round number or the name of the
    weekend, ``session`` FastF1's identifier such as ``R``. A session that is not published is a :class:`LookupError`.
    """
    manifest = _manifest(site, year, event, session)
    folder = f"{site.rstrip('/')}/{manifest.rpartition('/')[0]}/parquet"
    with fsspec.open(f"{folder}/sessions.parquet") as file:
        about = pq.read_table(file).to_pylist()[0]
    origin_ms = about["session_time_origin_ms"]
    t0 = pd.Timestamp(about["utc_origin"]).tz_localize(None) if about["utc_origin"] else pd.NaT
    t0_date = t0 - pd.Timedelta(milliseconds=origin_ms)

    def read(table: str, names: dict[str, str]) -> Any:
        return _frame(f"{folder}/{table}.parquet", names, origin_ms)

    laps, results = read("laps", LAPS), read("results", {**RESULTS, "race_time_ms": "RaceTime"})
    # FastF1 has the race time of the winner and the gaps of the others.
    results["Time"] = results["Time"].mask(results["Position"] == 1, results.pop("RaceTime"))
    drivers = read(
        "drivers", {"car": "DriverNumber", "first_name": "FirstName", "last_name": "LastName", "color": "TeamColor"}
    )
    results = results.merge(
        drivers.assign(TeamColor=drivers.TeamColor.str.lstrip("#").str.upper()), on="DriverNumber", how="left"
    )
    positions = read("positions", {**POSITIONS, "car": "car"})
    positions["Status"] = positions["Status"].map({True: "OnTrack", False: "OffTrack"})
    # FastF1 has whole tenths of a metre, the table steps of a sixteenth.
    positions[["X", "Y", "Z"]] = (positions[["X", "Y", "Z"]] * 10).round()
    messages = read("race_control_messages", MESSAGES)
    messages["Time"] = messages["Time"].dt.tz_localize(None).astype("datetime64[ns]")
    return SessionFrames(
        t0_date,
        laps.assign(LapStartDate=_dates(t0_date, laps["LapStartTime"])),
        results.set_index("DriverNumber", drop=False).rename_axis(None),
        read("weather", WEATHER),
        _by_car(read("telemetry", {**CAR_DATA, "car": "car"}), t0_date),
        _by_car(positions, t0_date),
        read("track_status", TRACK_STATUS),
        read("session_status", SESSION_STATUS),
        messages,
    )


def _manifest(site: str, year: int, event: int | str, session: str) -> str:
    with fsspec.open(f"{site.rstrip('/')}/v1/seasons/{year}.json") as file:
        events = json.load(file)["events"]
    for one in events:
        if event in (one["round"], one["name"]):
            for found in one["sessions"]:
                if found["code"] == session and found["manifest"]:
                    return str(found["manifest"])
    raise LookupError(
        f"{site} has no published session {session} of {event} in {year}; v1/seasons/{year}.json lists what it has."
    )


def _frame(url: str, names: dict[str, str], origin_ms: int) -> Any:
    """Read a table's columns under FastF1's names; the unit in a column's metadata says which are times."""
    with fsspec.open(url) as file:
        table = pq.read_table(file, columns=list(names))
    frame = table.to_pandas(strings_to_categorical=False)
    for field in table.schema:
        unit, values = field.metadata[b"unit"].decode(), frame[field.name]
        if unit.startswith("ms"):
            shift = origin_ms if unit == "ms (clock)" else 0
            # Whole numbers: pandas may warn of an overflow where it multiplies what is not there.
            times = pd.to_timedelta(values.fillna(0).astype("int64") + shift, unit="ms").where(values.notna())
            frame[field.name] = times.astype("timedelta64[ns]")
        elif pd.api.types.is_numeric_dtype(values.dtype) and values.dtype != np.bool_:
            frame[field.name] = values.astype("float64")
    return frame[list(names)].rename(columns=names)


def _dates(t0_date: pd.Timestamp, times: Any) -> Any:
    return pd.Series(t0_date, index=times.index, dtype="datetime64[ns]") + times


def _by_car(samples: Any, t0_date: pd.Timestamp) -> dict[str, Any]:
    samples = samples.assign(Time=samples["SessionTime"], Date=_dates(t0_date, samples["SessionTime"]))
    return {
        str(car): rows.drop(columns="car").reset_index(drop=True) for car, rows in samples.groupby("car", observed=True)
    }
