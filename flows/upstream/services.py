"""The results and circuit services that FastF1 asks beside live timing: their addresses and their cached answers."""

import json
from collections.abc import Iterable
from pathlib import Path

from flows.upstream.http_cache import delete_bodies, read_bodies
from flows.upstream.topics import read_circuit_key, topic_folder
from transforms.session_types import SESSION_TYPES, Kind

_RESULTS_SERVICE = "https://api.jolpi.ca/ergast/f1"
_CIRCUIT_SERVICE = "https://api.multiviewer.app/api/v1/circuits"
_TIMEOUT_S = 10.0


def without_round(body: bytes) -> bytes:
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
    session_type = SESSION_TYPES[code]
    used = {"circuit", *session_type.results}
    if session_type.kind is Kind.PRACTICE and not (topic_folder(cache_dir, api_path) / "driver_info.ff1pkl").is_file():
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

    from flows.upstream.client import fastf1_failures_as_errors

    if not SESSION_TYPES[code].results:
        return
    if fastf1.Cache._CACHE_DIR is not None:
        _forget_empty_answers(Path(fastf1.Cache._CACHE_DIR), year, round_number, code)
    with fastf1_failures_as_errors(f"the results of {year} round {round_number} {code}"):
        fastf1.Cache.requests_get(results_url(year, round_number, code), timeout=_TIMEOUT_S)


def results_answer(cache_dir: Path, year: int, round_number: int, code: str) -> bytes | None:
    """Return what a cache holds of a session's official results, whatever the number of its round; None: nothing."""
    url = results_url(year, round_number, code)
    body = read_bodies(cache_dir, [url]).get(url)
    return None if body is None else without_round(body)


def _forget_empty_answers(cache_dir: Path, year: int, round_number: int, code: str) -> None:
    """Delete the cached answers that hold no results: FastF1 would take them for hours after there are some."""
    urls = service_urls(year, round_number, None)
    bodies = read_bodies(cache_dir, [urls[name] for name in SESSION_TYPES[code].results])
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
    """Return the address of a session's official results."""
    return service_urls(year, round_number, None)[SESSION_TYPES[code].results[0]]
