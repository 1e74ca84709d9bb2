"""FastF1's parsed topics of a session, as files of its cache."""

import pickle
from pathlib import Path
from typing import Any

from transforms.session_types import SESSION_TYPES

_INFO_TOPIC = "session_info"
#: What FastF1 keeps of a session once it has parsed it, one file a topic (``fastf1._api``).
_TOPICS = (
    "_extended_timing_data",
    "car_data",
    "driver_info",
    "position_data",
    "race_control_messages",
    _INFO_TOPIC,
    "session_status_data",
    "timing_app_data",
    "track_status_data",
    "weather_data",
)


def missing_topics(cache_dir: Path, api_path: str, code: str) -> tuple[str, ...]:
    """Return the topics of a session that the cache lacks, so that a load with a network could still find them."""
    wanted = (*_TOPICS, "lap_count") if SESSION_TYPES[code].is_race_like else _TOPICS
    folder = topic_folder(cache_dir, api_path)
    return tuple(topic for topic in wanted if not (folder / f"{topic}.ff1pkl").is_file())


def read_session_info(cache_dir: Path, api_path: str) -> dict[str, Any] | None:
    """Return the session's ``SessionInfo`` as FastF1 keeps it, or None where the cache has none that can be read."""
    try:
        content = pickle.loads((topic_folder(cache_dir, api_path) / f"{_INFO_TOPIC}.ff1pkl").read_bytes())
        info = content["data"]
    except (OSError, pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError, ImportError, ValueError):
        # FastF1 fetches a topic again that it cannot read; so there is nothing to know before it has.
        return None
    return info if isinstance(info, dict) else None


def read_session_key(cache_dir: Path, api_path: str) -> int | None:
    """Return Formula 1's number of the session, or None where the cache does not know it."""
    key = (read_session_info(cache_dir, api_path) or {}).get("Key")
    return int(key) if key is not None else None


def read_circuit_key(cache_dir: Path, api_path: str) -> int | None:
    """Return the circuit service's number of the session's circuit, or None where the cache does not know it."""
    key = (read_session_info(cache_dir, api_path) or {}).get("Meeting", {}).get("Circuit", {}).get("Key")
    return int(key) if key is not None else None


def topic_folder(cache_dir: Path, api_path: str) -> Path:
    """Return the folder of FastF1's parsed topics of a session."""
    return cache_dir / api_path.removeprefix("/static/").strip("/")
