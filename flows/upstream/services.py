"""What FastF1 asks for a session, and where: live timing's streams, the results service, the circuit service."""

import json
from collections.abc import Iterable
from pathlib import Path

from flows.session_ref import SessionRef
from flows.upstream.topics import STREAMS, read_circuit_key, topic_folder
from transforms.session_types import SESSION_TYPES, Kind

#: Formula 1's live timing, and the mirror that FastF1 asks for what it does not get there.
LIVE_TIMING = "https://livetiming.formula1.com"
LIVE_TIMING_MIRROR = "https://livetiming-mirror.fastf1.dev"
_RESULTS_SERVICE = "https://api.jolpi.ca/ergast/f1"
_CIRCUIT_SERVICE = "https://api.multiviewer.app/api/v1/circuits"


def service_urls(session: SessionRef, circuit_key: int | None) -> dict[str, str]:
    """Return the addresses of the results and circuit services that FastF1 asks for a weekend, by what they say."""
    weekend = f"{session.year}/{session.round}"
    resources = {"results": "results", "qualifying": "qualifying", "sprint": "sprint", "first-laps": "laps/1"}
    urls = {name: f"{_RESULTS_SERVICE}/{weekend}/{path}.json" for name, path in resources.items()}
    if circuit_key is not None:
        urls["circuit"] = f"{_CIRCUIT_SERVICE}/{circuit_key}/{session.year}"
    return urls


def services_used(cache_dir: Path, session: SessionRef) -> dict[str, str]:
    """Return those of :func:`service_urls` whose answers become part of a session.

    Of the results service: its own official results, and for a race the times of the first lap. For practice FastF1
    asks for the race's, but takes nothing from them unless live timing has no list of drivers. Sources:
    ``fastf1.core.Session._load_drivers_results``, ``_add_first_lap_time_from_ergast``.
    """
    session_type = SESSION_TYPES[session.code]
    used = {"circuit", *session_type.results}
    has_drivers = (topic_folder(cache_dir, session) / "driver_info.ff1pkl").is_file()
    if session_type.kind is Kind.PRACTICE and not has_drivers:
        used.add("results")
    urls = service_urls(session, read_circuit_key(cache_dir, session))
    return {name: url for name, url in urls.items() if name in used}


def results_url(session: SessionRef) -> str:
    """Return the address of a session's official results."""
    return service_urls(session, None)[SESSION_TYPES[session.code].results[0]]


def standings_url(year: int, round_number: int, championship: str) -> str:
    """Return the address of the standings of ``driver`` or ``constructor`` after a round.

    Source: ``fastf1.ergast.interface.Ergast.get_driver_standings`` and ``get_constructor_standings``.
    """
    return f"{_RESULTS_SERVICE}/{year}/{round_number}/{championship}Standings.json"


def stream_urls(session: SessionRef, topics: Iterable[str]) -> dict[str, str]:
    """Return the addresses of the live timing streams that FastF1 parses ``topics`` from, by ``stream-<topic>``."""
    return {f"stream-{topic.strip('_')}": f"{LIVE_TIMING}{session.located_path}{STREAMS[topic]}" for topic in topics}


def is_result(body: bytes) -> bool:
    """Whether an answer of the results service speaks of any race at all."""
    try:
        return bool(json.loads(body)["MRData"]["RaceTable"]["Races"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
