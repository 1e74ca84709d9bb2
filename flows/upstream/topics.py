"""FastF1's parsed topics of a session, as files of its cache."""

import pickle
from pathlib import Path
from typing import Any

from flows.session_ref import SessionRef
from transforms.session_types import SESSION_TYPES

#: FastF1's parsers log under this name, and only when they parse: not when their parsed result is cached.
PARSERS_LOGGER = "fastf1.api"
#: Kept beside FastF1's parsed topics, so that a later load knows what only their parsing told.
WARNINGS_FILE = "parser-warnings.json"
LAP_COUNTS_FILE = "lap-counts.json"
_INFO_TOPIC = "session_info"
_LAP_COUNT = "lap_count"
#: What FastF1 keeps of a session once it has parsed it, one file a topic, and the stream of live timing it parses it
#: from (``fastf1._api``; :mod:`flows.upstream.patches` sees that it is so).
STREAMS = {
    "_extended_timing_data": "TimingData.jsonStream",
    "car_data": "CarData.z.jsonStream",
    "driver_info": "DriverList.jsonStream",
    "position_data": "Position.z.jsonStream",
    "race_control_messages": "RaceControlMessages.jsonStream",
    _INFO_TOPIC: "SessionInfo.jsonStream",
    "session_status_data": "SessionStatus.jsonStream",
    "timing_app_data": "TimingAppData.jsonStream",
    "track_status_data": "TrackStatus.jsonStream",
    "weather_data": "WeatherData.jsonStream",
    _LAP_COUNT: "LapCount.jsonStream",
}


def missing_topics(cache_dir: Path, session: SessionRef) -> tuple[str, ...]:
    """Return the topics of a session that the cache lacks, so that a load with a network could still find them."""
    has_lap_count = SESSION_TYPES[session.code].is_race_like
    wanted = (topic for topic in STREAMS if topic != _LAP_COUNT or has_lap_count)
    folder = topic_folder(cache_dir, session)
    return tuple(topic for topic in wanted if not (folder / f"{topic}.ff1pkl").is_file())


def read_session_info(cache_dir: Path, session: SessionRef) -> dict[str, Any] | None:
    """Return the session's ``SessionInfo`` as FastF1 keeps it, or None where the cache has none that can be read."""
    try:
        content = pickle.loads((topic_folder(cache_dir, session) / f"{_INFO_TOPIC}.ff1pkl").read_bytes())
        info = content["data"]
    except Exception:
        # Damaged pickles raise anything. FastF1 fetches a topic again that it cannot read; so there is nothing to know
        # before it has.
        return None
    return info if isinstance(info, dict) else None


def read_session_key(cache_dir: Path, session: SessionRef) -> int | None:
    """Return Formula 1's number of the session, or None where the cache does not know it."""
    return _number_in(read_session_info(cache_dir, session), "Key")


def read_circuit_key(cache_dir: Path, session: SessionRef) -> int | None:
    """Return the circuit service's number of the session's circuit, or None where the cache does not know it."""
    return _number_in(read_session_info(cache_dir, session), "Meeting", "Circuit", "Key")


def _number_in(info: Any, *path: str) -> int | None:
    """Return the whole number at a path of names, or None where there is none."""
    for name in path:
        info = info.get(name) if isinstance(info, dict) else None
    return info if isinstance(info, int) and not isinstance(info, bool) else None


def topic_folder(cache_dir: Path, session: SessionRef) -> Path:
    """Return the folder of FastF1's parsed topics of a located session."""
    return cache_dir / session.located_path.removeprefix("/static/").strip("/")
