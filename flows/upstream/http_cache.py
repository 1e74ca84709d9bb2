"""FastF1's cache of HTTP responses, by the body alone: read and written one address at a time."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_FILE = "fastf1_http_cache.sqlite"


def _opened(path: Path) -> AbstractContextManager[Any]:
    from requests_cache.backends.sqlite import SQLiteCache

    return closing(SQLiteCache(str(path)))


def read_bodies(cache_dir: Path, urls: Iterable[str]) -> dict[str, bytes]:
    """Return the cached body of every address of ``urls`` that has one.

    The cache also holds the raw streams of whole seasons; only what is asked for is read.
    """
    from requests import Request

    path = cache_dir / _FILE
    bodies: dict[str, bytes] = {}
    if not path.is_file():
        return bodies
    with _opened(path) as responses:
        for url in urls:
            response = responses.get_response(responses.create_key(Request("GET", url)))
            if response is not None and response.content is not None:
                bodies[url] = bytes(response.content)
    return bodies


def write_bodies(cache_dir: Path, bodies: Mapping[str, bytes], *, expired: bool = True) -> None:
    """Put ``bodies`` (by address) into the cache as responses received just now and already expired.

    Offline FastF1 takes them as they are; with a network it asks again, as for any answer of the day before. Those
    that are not ``expired`` never do, and FastF1 never asks again.
    """
    with _opened(cache_dir / _FILE) as responses:
        for url, body in bodies.items():
            response = _response(url, body)
            key = responses.create_key(response.request)
            responses.save_response(response, key, expires=datetime.now(UTC) if expired else None)


def delete_bodies(cache_dir: Path, urls: Iterable[str]) -> None:
    """Remove the responses of these addresses from the cache, where it has them."""
    if (cache_dir / _FILE).is_file():
        with _opened(cache_dir / _FILE) as responses:
            responses.delete(urls=list(urls))


def _response(url: str, body: bytes) -> Any:
    import requests
    from urllib3 import HTTPResponse

    response = requests.Response()
    response.request = requests.Request("GET", url).prepare()
    response.status_code, response.reason, response.url = 200, "OK", url
    kind = "text/plain" if url.endswith(".jsonStream") else "application/json"
    response.headers["Content-Type"] = f"{kind}; charset=utf-8"
    response.encoding, response._content = "utf-8", body
    response.raw = HTTPResponse(body=b"", status=200, headers=dict(response.headers), preload_content=False)
    return response
