"""FastF1's cache of HTTP responses, by the body alone: read and written one address at a time.

What it holds can be had again, so a file that is damaged is moved aside; the next request begins a new one.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transforms.errors import UpstreamError

_FILE = "fastf1_http_cache.sqlite"
_ASIDE = ".damaged"
#: What SQLite keeps beside a database; a journal left there would be written into the next one.
_BESIDE = ("", "-journal", "-wal", "-shm")


@contextmanager
def damage_explained(cache_dir: Path) -> Iterator[None]:
    """Move the cache aside if the block finds it damaged.

    :raises UpstreamError: it was, with its name; the next run does without what it held.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        # Its subclasses tell of something else: a lock, a full disk, a fault of the program.
        if type(error) is not sqlite3.DatabaseError:
            raise
        aside = _move_aside(cache_dir)
        raise UpstreamError(
            f"FastF1's cache of responses was damaged ({error}) and is moved to {aside}. Run it again: what it held is "
            "asked for again; offline, bring back a good copy or use --source archive."
        ) from error


def set_aside_damaged(cache_dir: Path) -> Path | None:
    """Move the cache aside if it cannot be opened, truncated for one; returns where to, None if it can be used."""
    path = cache_dir / _FILE
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:
            raise
        return _move_aside(cache_dir)
    return None


def _move_aside(cache_dir: Path) -> Path:
    path = cache_dir / _FILE
    for beside in _BESIDE:
        found = path.with_name(path.name + beside)
        if found.exists():
            found.replace(found.with_name(found.name + _ASIDE))
    return path.with_name(path.name + _ASIDE)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from requests_cache.backends.sqlite import SQLiteCache

    with damage_explained(path.parent), closing(SQLiteCache(str(path))) as responses:
        yield responses


def read_bodies(cache_dir: Path, urls: Iterable[str]) -> dict[str, bytes]:
    """Return the cached body of every address of ``urls`` that has one.

    The cache also holds the raw streams of whole seasons; only what is asked for is read.
    """
    return {url: cached.body for url, cached in read_responses(cache_dir, urls)}


@dataclass(frozen=True)
class Cached:
    """A response of the cache: body, status and when it came (UTC)."""

    body: bytes
    status: int
    at: datetime | None


def read_responses(cache_dir: Path, urls: Iterable[str]) -> Iterator[tuple[str, Cached]]:
    """Yield, one at a time, the cached response of every address of ``urls`` that has one."""
    from requests import Request

    path = cache_dir / _FILE
    if not path.is_file():
        return
    with _opened(path) as responses:
        for url in urls:
            found = responses.get_response(responses.create_key(Request("GET", url)))
            if found is not None and found.content is not None:
                at = found.created_at
                moment = None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
                yield url, Cached(bytes(found.content), int(found.status_code), moment)


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
