"""Fingerprints of a session's inputs and of the code that turns them into a publication.

A session whose inputs and code are those of its current publication needs no computation and no upload.
"""

import hashlib
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from transforms.recording import RACE_LIKE

_RESULTS_SERVICE = "https://api.jolpi.ca/ergast/f1"
_CIRCUIT_SERVICE = "https://api.multiviewer.app/api/v1/circuits"
_HTTP_CACHE = "fastf1_http_cache.sqlite"
_TIMEOUT_S = 10.0
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


def inputs_fingerprint(cache_dir: Path, api_path: str, year: int, round_number: int) -> str | None:
    """Return the sha256 over everything the cache holds of a session, or None while it holds no topic of it.

    That is FastF1's parsed topics under ``api_path`` (``/static/2024/...``) and, by their bodies alone, the answers of
    the results and circuit services. FastF1 writes a topic once and then reads it, so a fingerprint taken after a load
    equals the one before the next load. Sources: ``fastf1.req.Cache``.
    """
    topics = sorted(_topic_folder(cache_dir, api_path).glob("*.ff1pkl"))
    if not topics:
        return None
    digest = hashlib.sha256()
    for topic in topics:
        _add(digest, topic.name, topic.read_bytes())
    urls = list(_results_urls(year, round_number))
    circuit_key = (read_session_info(cache_dir, api_path) or {}).get("Meeting", {}).get("Circuit", {}).get("Key")
    if circuit_key is not None:
        urls.append(f"{_CIRCUIT_SERVICE}/{circuit_key}/{year}")
    for url, body in _read_cached_bodies(cache_dir, urls):
        _add(digest, url, body)
    return digest.hexdigest()


def missing_topics(cache_dir: Path, api_path: str, code: str) -> tuple[str, ...]:
    """Return the topics of a session that the cache lacks, so that a load with a network could still find them."""
    wanted = (*_TOPICS, "lap_count") if code in RACE_LIKE else _TOPICS
    folder = _topic_folder(cache_dir, api_path)
    return tuple(topic for topic in wanted if not (folder / f"{topic}.ff1pkl").is_file())


def read_session_info(cache_dir: Path, api_path: str) -> dict[str, Any] | None:
    """Return the session's ``SessionInfo`` as FastF1 keeps it, or None where the cache has none that can be read."""
    try:
        content = pickle.loads((_topic_folder(cache_dir, api_path) / f"{_INFO_TOPIC}.ff1pkl").read_bytes())
        info = content["data"]
    except (OSError, pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError, ImportError, ValueError):
        # FastF1 fetches a topic again that it cannot read; so there is nothing to know before it has.
        return None
    return info if isinstance(info, dict) else None


def read_session_key(cache_dir: Path, api_path: str) -> int | None:
    """Return Formula 1's number of the session, or None where the cache does not know it."""
    key = (read_session_info(cache_dir, api_path) or {}).get("Key")
    return int(key) if key is not None else None


@cache
def code_fingerprint() -> str:
    """Return the sha256 over everything that decides what a recording becomes.

    The sources of the rooms ``transforms`` and ``publish``, the door to FastF1, and FastF1's version.
    """
    import fastf1

    import flows.upstream
    import publish
    import transforms

    digest = hashlib.sha256()
    for package in (transforms, publish):
        folder = Path(next(iter(package.__path__)))
        for source in sorted(folder.glob("**/*.py")):
            _add(digest, f"{package.__name__}/{source.relative_to(folder).as_posix()}", source.read_bytes())
    _add(digest, "flows/upstream.py", Path(flows.upstream.__file__).read_bytes())
    _add(digest, "fastf1", fastf1.__version__.encode())
    return digest.hexdigest()


def _topic_folder(cache_dir: Path, api_path: str) -> Path:
    return cache_dir / api_path.removeprefix("/static/").strip("/")


def _add(digest: Any, name: str, content: bytes) -> None:
    """Add a named content so that no two different lists of them read the same."""
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)


def _results_urls(year: int, round_number: int) -> Iterator[str]:
    for resource in ("results", "qualifying", "sprint", "laps/1"):
        yield f"{_RESULTS_SERVICE}/{year}/{round_number}/{resource}.json"


def _read_cached_bodies(cache_dir: Path, urls: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the bodies of those ``urls`` the request cache has, looked up by key one by one.

    The cache also holds the raw streams of whole seasons; only what is asked for is read.
    """
    from requests import Request
    from requests_cache.backends.sqlite import SQLiteCache

    path = cache_dir / _HTTP_CACHE
    if not path.is_file():
        return
    responses = SQLiteCache(str(path))
    try:
        for url in urls:
            response = responses.get_response(responses.create_key(Request("GET", url)))
            if response is not None and response.content is not None:
                yield url, response.content
    finally:
        responses.close()


def refresh_results(year: int, round_number: int, code: str) -> None:
    """Ask the results service whether its answer for a session has changed, if the cached one has expired.

    :raises UpstreamError: it could not be asked and nothing is cached.
    """
    import fastf1

    from flows.upstream import fastf1_failures_as_errors

    resource = {"R": "results", "S": "sprint", "Q": "qualifying"}.get(code)
    if resource is None:
        return
    with fastf1_failures_as_errors(f"the results of {year} round {round_number} {code}"):
        fastf1.Cache.requests_get(f"{_RESULTS_SERVICE}/{year}/{round_number}/{resource}.json", timeout=_TIMEOUT_S)
