"""A published session as pandas frames with FastF1's names, dtypes and session times.

For notebooks and code written for FastF1. This file stands alone: copy it, or take it from a site
(``v1/reader/fastf1_frames.py``). It needs pandas, pyarrow and fsspec, for a bucket s3fs, for HTTPS aiohttp; FastF1 only
if you want its methods, as in ``fastf1.core.Laps(load(...).laps).pick_drivers("VER")``.
"""

import json
from dataclasses import dataclass
from typing import Any

import fsspec
import pandas as pd
import pyarrow.parquet as pq


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
    folder = f"{site.rstrip('/')}/{_manifest(site, year, event, session).rpartition('/')[0]}/parquet"
    with fsspec.open(f"{folder}/sessions.parquet") as file:
        about = pq.read_table(file).to_pylist()[0]
    origin_ms = about["session_time_origin_ms"]
    t0 = pd.Timestamp(about["utc_origin"]).tz_localize(None) if about["utc_origin"] else pd.NaT
    t0_date = t0 - pd.Timedelta(milliseconds=origin_ms)

    def read(table: str, *more: str) -> Any:
        return _frame(f"{folder}/{table}.parquet", more, origin_ms)

    laps, results, drivers = read("laps"), read("results", "race_time_ms"), read("drivers")
    positions, messages = read("positions", "car"), read("race_control_messages")
    laps["LapStartDate"] = _dates(t0_date, laps["LapStartTime"])
    # FastF1 has the race time of the winner and the gaps of the others.
    results["Time"] = results["Time"].mask(results["Position"] == 1, results.pop("race_time_ms"))
    drivers["TeamColor"] = drivers["TeamColor"].str.lstrip("#").str.upper()
    results = results.merge(drivers, on="DriverNumber", how="left")
    positions["Status"] = positions["Status"].map({True: "OnTrack", False: "OffTrack"})
    # FastF1 has whole tenths of a metre, the table steps of a sixteenth.
    positions[["X", "Y", "Z"]] = (positions[["X", "Y", "Z"]] * 10).round()
    messages["Time"] = messages["Time"].dt.tz_localize(None).astype("datetime64[ns]")
    return SessionFrames(
        t0_date,
        laps,
        results.set_index("DriverNumber", drop=False).rename_axis(None),
        read("weather"),
        _by_car(read("telemetry", "car"), t0_date),
        _by_car(positions, t0_date),
        read("track_status"),
        read("session_status"),
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


def _frame(url: str, more: tuple[str, ...], origin_ms: int) -> Any:
    """Read the columns that FastF1 has, under its names, and ``more``, under their own, with FastF1's dtypes.

    A column's metadata say what FastF1 calls it, and by its unit whether it is a time. Numbers become float64.
    """
    with fsspec.open(url) as file, pq.ParquetFile(file) as parquet:
        said = {field.name: field.metadata for field in parquet.schema_arrow}
        names = {name: about[b"fastf1"].decode() for name, about in said.items() if b"fastf1" in about}
        frame = parquet.read(columns=[*names, *more]).to_pandas()
    for name in frame.columns:
        unit, values = said[name][b"unit"].decode(), frame[name]
        if unit.startswith("ms"):
            shift = origin_ms if unit == "ms (clock)" else 0
            # Whole numbers: pandas may warn of an overflow where it multiplies what is not there.
            times = pd.to_timedelta(values.fillna(0).astype("int64") + shift, unit="ms").where(values.notna())
            frame[name] = times.astype("timedelta64[ns]")
        elif pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            frame[name] = values.astype("float64")
    return frame.rename(columns=names)


def _dates(t0_date: pd.Timestamp, times: Any) -> Any:
    return pd.Series(t0_date, index=times.index, dtype="datetime64[ns]") + times


def _by_car(samples: Any, t0_date: pd.Timestamp) -> dict[str, Any]:
    samples = samples.assign(Time=samples["SessionTime"], Date=_dates(t0_date, samples["SessionTime"]))
    return {
        str(car): rows.drop(columns="car").reset_index(drop=True) for car, rows in samples.groupby("car", observed=True)
    }
