"""Telemetry as FastF1 has it, made faster: its frames from the feeds' lines, and a recording's samples from its frames.

The frames are the same to the cell (``fastf1._api.car_data`` and ``position_data``), so that a topic that either of the
two wrote is read by both.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows.upstream.feeds import CAR_DATA, POSITION, STATUSES, Car, read_feed
from flows.upstream.tables import NS_PER_MS
from transforms.recording import CarSamples, PositionSamples

Frames = dict[str, pd.DataFrame]

_CAR_NUMBERS = ("RPM", "Speed", "nGear", "Throttle", "DRS")
_PLACES = ("X", "Y", "Z")
_STATUSES = np.array(STATUSES, dtype=object)
#: FastF1 gives coordinates in tenths of a metre (fastf1._api.position_data, "starting from 2020").
METRES_PER_UNIT = 0.1


@dataclass(frozen=True)
class Parsed:
    """A feed as FastF1 parses it: frames by racing number, and what its parser warns of."""

    frames: Frames
    warnings: list[str]


def parse_car_data(records: list[str]) -> Parsed | None:
    """Return what ``fastf1._api.car_data`` makes of the lines of ``CarData.z``; None: only FastF1 itself can tell."""
    read = read_feed(records, CAR_DATA)
    if read is None:
        return None
    cars, warnings = read
    frames = {number: _car_frame(car) for number, car in cars.items()}
    filled = _filled_up(frames)
    for number, frame in (frames | filled).items():
        if number in filled:
            warnings.append(f"Driver {number: >2}: Car data is incomplete!")
        if ((frame["Brake"] > 0) & (frame["Brake"] < 100)).any():
            warnings.append(f"Driver {number: >2}: Raw brake data contains non-boolean values!")
        numbers = {name: frame[name].fillna(0).astype(np.int64) for name in _CAR_NUMBERS}
        frames[number] = frame.assign(**numbers, Brake=frame["Brake"].fillna(0).astype(np.bool_))
    return Parsed(frames, warnings)


def parse_position_data(records: list[str]) -> Parsed | None:
    """Return what ``fastf1._api.position_data`` makes of ``Position.z``; None: only FastF1 itself can tell."""
    read = read_feed(records, POSITION)
    if read is None:
        return None
    cars, warnings = read
    frames = {number: _position_frame(car) for number, car in cars.items()}
    for number, frame in _filled_up(frames).items():
        places = {name: frame[name].fillna(0) for name in _PLACES}
        frames[number] = frame.assign(Status=frame["Status"].fillna("OffTrack"), **places)
        warnings.append(f"Driver {number: >2}: Position data is incomplete!")
    return Parsed(frames, warnings)


def latest_origin(*feeds: Frames) -> pd.Timestamp | None:
    """Return the UTC time of session time zero, to the ms: the latest that any sample tells; None without samples.

    A car that begins with a sample without a session time tells none. If that is the first car of all, the origin is
    NaT. Source: ``fastf1.core.Session._calculate_t0_date``.
    """
    latest: np.datetime64 | None = None
    for frame in chain.from_iterable(feed.values() for feed in feeds):
        origins = (frame["Date"] - frame["Time"]).to_numpy("datetime64[ns]")
        last = origins[0] if np.isnat(origins[0]) else np.nanmax(origins)
        if latest is None or last > latest:
            latest = last
    return None if latest is None else pd.Timestamp(latest).round("ms")


def car_samples(frame: pd.DataFrame, t0: pd.Timestamp, *, has_drs: bool) -> CarSamples:
    """Return a car's samples from FastF1's frame of its ``CarData``; ``t0`` is the UTC time of session time zero."""
    return CarSamples(
        time_ms=_session_time_ms(frame, t0),
        speed_kmh=frame["Speed"].to_numpy(np.float64),
        rpm=frame["RPM"].to_numpy(np.float64),
        throttle_percent=frame["Throttle"].to_numpy(np.float64),
        gear=frame["nGear"].to_numpy(np.int16),
        brake=frame["Brake"].to_numpy(np.bool_),
        drs=frame["DRS"].to_numpy(np.int16) if has_drs else None,
    )


def position_samples(frame: pd.DataFrame, t0: pd.Timestamp) -> PositionSamples:
    """Return a car's samples from FastF1's frame of its ``Position``; ``t0`` is the UTC time of session time zero."""
    return PositionSamples(
        time_ms=_session_time_ms(frame, t0),
        x_m=frame["X"].to_numpy(np.float64) * METRES_PER_UNIT,
        y_m=frame["Y"].to_numpy(np.float64) * METRES_PER_UNIT,
        z_m=frame["Z"].to_numpy(np.float64) * METRES_PER_UNIT,
        on_track=(frame["Status"] == "OnTrack").to_numpy(np.bool_),
    )


def _session_time_ms(frame: pd.DataFrame, t0: pd.Timestamp) -> NDArray[np.int64]:
    """From the dates, which are finer than the times of messages (``fastf1.core.Session._load_telemetry``)."""
    time = frame["Date"].dt.round("ms") - t0
    time_ns: NDArray[np.int64] = time.to_numpy("timedelta64[ns]").astype(np.int64)
    return (time_ns + NS_PER_MS // 2) // NS_PER_MS


def _car_frame(car: Car) -> pd.DataFrame:
    rpm, speed, gear, throttle, brake, drs = car.values.T.copy()
    return pd.DataFrame(
        {
            "Time": car.time,
            "Date": car.date,
            "RPM": rpm,
            "Speed": speed,
            "nGear": gear,
            "Throttle": throttle,
            "Brake": brake,
            "DRS": drs,
            "Source": np.full(len(car.time), "car", dtype=object),
        }
    )


def _position_frame(car: Car) -> pd.DataFrame:
    x, y, z, status = car.values.T.copy()
    return pd.DataFrame(
        {
            "Time": car.time,
            "Date": car.date,
            "Status": _STATUSES[status],
            "X": x,
            "Y": y,
            "Z": z,
            "Source": np.full(len(car.time), "pos", dtype=object),
        }
    )


def _filled_up(frames: Frames) -> Frames:
    """Return the frames that have fewer samples than the longest, with its dates and without values there.

    In FastF1's own steps: what becomes of dates that a car has twice depends on them.
    """
    if not frames:
        return {}
    dates = max(frames.values(), key=len)["Date"]
    return {
        number: frame.merge(dates, how="outer").sort_values(by="Date").reset_index(drop=True)
        for number, frame in frames.items()
        if len(frame) < len(dates)
    }
