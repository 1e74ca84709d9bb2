"""FastF1's parsed topics of a session, as files of its cache."""

import json
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.session_ref import SessionRef
from transforms.session_types import SESSION_TYPES

#: FastF1's parsers log under this name, and only when they parse: not when their parsed result is cached.
PARSERS_LOGGER = "fastf1.api"
#: Kept beside FastF1's parsed topics, so that a later load knows what only their parsing told.
WARNINGS_FILE = "parser-warnings.json"
LAP_COUNTS_FILE = "lap-counts.json"
MINI_SECTORS_FILE = "mini-sectors.json"
#: From which source of the raw archive the topics were parsed.
SOURCE_FILE = "raw-source.json"
#: What the index of the season says of a session whose own topic does not say who it is.
INFO_FILE = "session-info.json"
INFO_TOPIC = "session_info"
_LAP_COUNT = "lap_count"
#: What FastF1 keeps of a session once it has parsed it, one file a topic, and the stream of live timing it parses it
#: from (``fastf1._api``; :mod:`flows.upstream.patches` sees that it is so).
STREAMS = {
    "_extended_timing_data": "TimingData.jsonStream",
    "car_data": "CarData.z.jsonStream",
    "driver_info": "DriverList.jsonStream",
    "position_data": "Position.z.jsonStream",
    "race_control_messages": "RaceControlMessages.jsonStream",
    INFO_TOPIC: "SessionInfo.jsonStream",
    "session_status_data": "SessionStatus.jsonStream",
    "timing_app_data": "TimingAppData.jsonStream",
    "track_status_data": "TrackStatus.jsonStream",
    "weather_data": "WeatherData.jsonStream",
    _LAP_COUNT: "LapCount.jsonStream",
}


def missing_topics(cache_dir: Path, session: SessionRef) -> tuple[str, ...]:
    """Return the topics of a session that the cache lacks, so that a load with a network could still find them."""
    folder = topic_folder(cache_dir, session)
    return tuple(topic for topic in topics_of(session) if not (folder / f"{topic}.ff1pkl").is_file())


def topics_of(session: SessionRef) -> tuple[str, ...]:
    """Return the topics that FastF1 asks for of a session: all, but for the number of laps where there is none."""
    has_lap_count = SESSION_TYPES[session.code].is_race_like
    return tuple(topic for topic in STREAMS if topic != _LAP_COUNT or has_lap_count)


def read_session_info(cache_dir: Path, session: SessionRef) -> dict[str, Any] | None:
    """Return the session's ``SessionInfo`` as FastF1 keeps it, or None where the cache has none that can be read.

    One without a number is taken from what is kept beside the topics in its place.
    """
    folder = topic_folder(cache_dir, session)
    try:
        info = pickle.loads((folder / f"{INFO_TOPIC}.ff1pkl").read_bytes())["data"]
    except Exception:
        # Damaged pickles raise anything. FastF1 fetches a topic again that it cannot read; so there is nothing to know
        # before it has.
        info = None
    if key_of(info) is None:
        with suppress(OSError, ValueError):
            info = json.loads((folder / INFO_FILE).read_bytes())
    return info if isinstance(info, dict) else None


def read_session_key(cache_dir: Path, session: SessionRef) -> int | None:
    """Return Formula 1's number of the session, or None where the cache does not know it."""
    return key_of(read_session_info(cache_dir, session))


def read_circuit_key(cache_dir: Path, session: SessionRef) -> int | None:
    """Return the circuit service's number of the session's circuit, or None where the cache does not know it."""
    return circuit_key_of(read_session_info(cache_dir, session))


def key_of(info: object) -> int | None:
    """Return the number in a SessionInfo, or in a part of one; None where it has none that can be one."""
    key = info.get("Key") if isinstance(info, dict) else None
    try:
        number = int(str(key))
    except ValueError:
        return None
    return number if number > 0 else None


def circuit_key_of(info: object) -> int | None:
    """Return the circuit's number in a SessionInfo, None where it has none."""
    for name in ("Meeting", "Circuit"):
        info = info.get(name) if isinstance(info, dict) else None
    return key_of(info)


def topic_folder(cache_dir: Path, session: SessionRef) -> Path:
    """Return the folder of FastF1's parsed topics of a located session."""
    return cache_dir / session.located_path.removeprefix("/static/").strip("/")
