"""Official results, which come late and change: asked for again, and read from what FastF1 has cached of them."""

import json
from pathlib import Path

from flows.session_ref import SessionRef
from flows.upstream.client import Client
from flows.upstream.http_cache import delete_bodies, read_bodies
from flows.upstream.services import is_result, results_url, service_urls
from transforms.session_types import SESSION_TYPES

#: What reading an answer raises that is none of the results service's.
_NO_ANSWER = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def refresh_results_answer(client: Client, session: SessionRef) -> None:
    """Ask the results service whether its answer for a session has changed, if the cached one has expired.

    A cached answer without results counts as expired, and so does one without the first laps that go with them.

    :raises UpstreamError: it could not be asked and nothing is cached.
    """
    if not SESSION_TYPES[session.code].results:
        return
    _forget_empty_answers(client.cache_dir, session)
    client.refresh(results_url(session), f"the results of {session.label}")


def results_answer(cache_dir: Path, session: SessionRef) -> bytes | None:
    """Return what a cache holds of a session's official results, whatever the number of its round; None: nothing."""
    url = results_url(session)
    body = read_bodies(cache_dir, [url]).get(url)
    return None if body is None else without_round(body)


def without_round(body: bytes) -> bytes:
    """Return an answer of the results service without the number its event has in the calendar; others as they are."""
    try:
        answer = json.loads(body)
        data = answer["MRData"]
        tables = [data["RaceTable"], *data["RaceTable"]["Races"]]
        for table in tables:
            table.pop("round", None)
        data.pop("url", None)
    except _NO_ANSWER:
        return body
    return json.dumps(answer, sort_keys=True).encode()


def _forget_empty_answers(cache_dir: Path, session: SessionRef) -> None:
    """Delete the cached answers that hold no results: FastF1 would take them for hours after there are some."""
    urls = service_urls(session, None)
    bodies = read_bodies(cache_dir, [urls[name] for name in SESSION_TYPES[session.code].results])
    empty = [url for url, body in bodies.items() if not is_result(body)]
    if empty:
        delete_bodies(cache_dir, empty)
