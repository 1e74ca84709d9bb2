"""Fingerprints of a session's inputs and of the code that turns them into a publication.

A session whose inputs and code are those of its current publication needs no computation and no upload.
"""

import hashlib
import json
import pickle
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from flows.upstream.http_cache import delete_bodies, read_bodies
from transforms.recording import RACE_LIKE

_RESULTS_SERVICE = "https://api.jolpi.ca/ergast/f1"
_CIRCUIT_SERVICE = "https://api.multiviewer.app/api/v1/circuits"
_TIMEOUT_S = 10.0
#: The results service's name for the official results of a session; others have none.
RESULTS_OF = {"R": "results", "S": "sprint", "Q": "qualifying"}
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


def inputs_fingerprint(cache_dir: Path, api_path: str, year: int, round_number: int, code: str) -> str | None:
    """Return the sha256 over everything a session is made of, or None while the cache holds no topic of it.

    That is FastF1's parsed topics under ``api_path`` (``/static/2024/...``) and, by their bodies alone, the answers of
    :func:`services_used`: what the cache holds of other sessions does not count. The round is no input: an answer that
    differs in nothing else is the same one. FastF1 writes a topic once and then reads it, so a fingerprint taken after
    a load equals the one before the next load. Sources: ``fastf1.req.Cache``.
    """
    topics = sorted(topic_folder(cache_dir, api_path).glob("*.ff1pkl"))
    if not topics:
        return None
    digest = hashlib.sha256()
    for topic in topics:
        _add(digest, topic.name, topic.read_bytes())
    urls = services_used(cache_dir, api_path, year, round_number, code)
    bodies = read_bodies(cache_dir, urls.values())
    for name, url in urls.items():
        if url in bodies:
            _add(digest, name, _without_round(bodies[url]))
    return digest.hexdigest()


def missing_topics(cache_dir: Path, api_path: str, code: str) -> tuple[str, ...]:
    """Return the topics of a session that the cache lacks, so that a load with a network could still find them."""
    wanted = (*_TOPICS, "lap_count") if code in RACE_LIKE else _TOPICS
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


@cache
def code_fingerprint() -> str:
    """Return the sha256 over everything that decides what a recording becomes.

    The sources of the rooms ``transforms`` and ``publish``, the door to FastF1, and FastF1's version.
    """
    import fastf1

    import flows.upstream.load
    import flows.upstream.tables
    import publish
    import transforms

    digest = hashlib.sha256()
    for package in (transforms, publish):
        folder = Path(next(iter(package.__path__)))
        for source in sorted(folder.glob("**/*.py")):
            _add(digest, f"{package.__name__}/{source.relative_to(folder).as_posix()}", source.read_bytes())
    for module in (flows.upstream.load, flows.upstream.tables):
        _add(digest, module.__name__, Path(str(module.__file__)).read_bytes())
    _add(digest, "fastf1", fastf1.__version__.encode())
    return digest.hexdigest()


def topic_folder(cache_dir: Path, api_path: str) -> Path:
    """Return the folder of FastF1's parsed topics of a session."""
    return cache_dir / api_path.removeprefix("/static/").strip("/")


def _add(digest: Any, name: str, content: bytes) -> None:
    """Add a named content so that no two different lists of them read the same."""
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)


def _without_round(body: bytes) -> bytes:
    """Return an answer of the results service without the number its event has in the calendar; others as they are."""
    try:
        answer = json.loads(body)
        data = answer["MRData"]
        tables = [data["RaceTable"], *data["RaceTable"]["Races"]]
    except (ValueError, KeyError, TypeError):
        return body
    data.pop("url", None)
    for table in tables:
        table.pop("round", None)
    return json.dumps(answer, sort_keys=True).encode()


def service_urls(year: int, round_number: int, circuit_key: int | None) -> dict[str, str]:
    """Return the addresses of the results and circuit services that FastF1 asks for a weekend, by what they say."""
    resources = {"results": "results", "qualifying": "qualifying", "sprint": "sprint", "first-laps": "laps/1"}
    urls = {name: f"{_RESULTS_SERVICE}/{year}/{round_number}/{path}.json" for name, path in resources.items()}
    if circuit_key is not None:
        urls["circuit"] = f"{_CIRCUIT_SERVICE}/{circuit_key}/{year}"
    return urls


def services_used(cache_dir: Path, api_path: str, year: int, round_number: int, code: str) -> dict[str, str]:
    """Return those of :func:`service_urls` whose answers become part of a session.

    Of the results service: its own official results, and for a race the times of the first lap. For practice FastF1
    asks for the race's, but takes nothing from them unless live timing has no list of drivers. Sources:
    ``fastf1.core.Session._load_drivers_results``, ``_add_first_lap_time_from_ergast``.
    """
    used = {"circuit", RESULTS_OF.get(code, "")}
    if code == "R":
        used.add("first-laps")
    if code.startswith("FP") and not (topic_folder(cache_dir, api_path) / "driver_info.ff1pkl").is_file():
        used.add("results")
    urls = service_urls(year, round_number, read_circuit_key(cache_dir, api_path))
    return {name: url for name, url in urls.items() if name in used}


def stream_urls(api_path: str, topics: Iterable[str]) -> dict[str, str]:
    """Return the addresses of the live timing streams that FastF1 parses ``topics`` from, by ``stream-<topic>``."""
    from fastf1._api import base_url, pages

    names = {"_extended_timing_data": "timing_data", "driver_info": "driver_list", "position_data": "position"}
    urls = {}
    for topic in topics:
        page = names.get(topic) or (topic if topic in pages else topic.removesuffix("_data"))
        urls[f"stream-{topic.strip('_')}"] = f"{base_url}{api_path}{pages[page]}"
    return urls


def refresh_results_answer(year: int, round_number: int, code: str) -> None:
    """Ask the results service whether its answer for a session has changed, if the cached one has expired.

    A cached answer without results counts as expired, and so does one without the first laps that go with them.

    :raises UpstreamError: it could not be asked and nothing is cached.
    """
    import fastf1

    from flows.upstream.load import fastf1_failures_as_errors

    if code not in RESULTS_OF:
        return
    if fastf1.Cache._CACHE_DIR is not None:
        _forget_empty_answers(Path(fastf1.Cache._CACHE_DIR), year, round_number, code)
    with fastf1_failures_as_errors(f"the results of {year} round {round_number} {code}"):
        fastf1.Cache.requests_get(results_url(year, round_number, code), timeout=_TIMEOUT_S)


def results_answer(cache_dir: Path, year: int, round_number: int, code: str) -> bytes | None:
    """Return what a cache holds of a session's official results, whatever the number of its round; None: nothing."""
    url = results_url(year, round_number, code)
    body = read_bodies(cache_dir, [url]).get(url)
    return None if body is None else _without_round(body)


def _forget_empty_answers(cache_dir: Path, year: int, round_number: int, code: str) -> None:
    """Delete the cached answers that hold no results: FastF1 would take them for hours after there are some."""
    urls = service_urls(year, round_number, None)
    names = [RESULTS_OF[code], *(["first-laps"] if code == "R" else [])]
    bodies = read_bodies(cache_dir, [urls[name] for name in names])
    empty = [url for url, body in bodies.items() if _is_empty(body)]
    if empty:
        delete_bodies(cache_dir, empty)


def _is_empty(body: bytes) -> bool:
    """Whether this answer of the results service speaks of no race at all."""
    try:
        return not json.loads(body)["MRData"]["RaceTable"]["Races"]
    except (ValueError, KeyError, TypeError):
        return True


def results_url(year: int, round_number: int, code: str) -> str:
    """Return the address of a session\'s official results."""
    return service_urls(year, round_number, None)[RESULTS_OF[code]]
