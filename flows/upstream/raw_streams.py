"""A session's raw streams, without FastF1: which there are, whose they are, and whether they reach its end."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from flows.session_ref import SessionRef
from flows.upstream.services import LIVE_TIMING, stream_urls
from flows.upstream.topics import INFO_TOPIC, key_of, topics_of
from transforms.session_types import SESSION_TYPES

INFO, STATUS = f"stream-{INFO_TOPIC}", "stream-session_status_data"
SEASON_INDEX = "season-index"
#: Streams that go on until minutes after a session; one that is silent for longer before its end was cut.
_TO_THE_END = ("stream-extended_timing_data", "stream-car_data", "stream-position_data")
_SILENT_MS = 60_000
_OVER, _FINISHED = ("Finalised", "Ends"), "Finished"
_TIME = re.compile(rb"(?:\xef\xbb\xbf)?(\d\d):([0-5]\d):([0-5]\d)\.(\d{3})")
#: Longer than any line of a stream.
_TAIL_BYTES = 1 << 20


def urls_of(session: SessionRef) -> dict[str, str]:
    """Return the addresses of a located session's streams at live timing, by the names they have in an archive."""
    return stream_urls(session, topics_of(session))


def season_index_url(year: int) -> str:
    """Return the address of live timing's index of a season."""
    return f"{LIVE_TIMING}/static/{year}/Index.json"


def read_info(stream: bytes) -> dict[str, Any] | None:
    """Return the SessionInfo in its stream, all of its messages together; None where it has none that can be read."""
    info: dict[str, Any] = {}
    for line in stream.splitlines():
        if (time := _TIME.match(line)) is None:
            continue
        try:
            message = orjson.loads(line[time.end() :])
        except orjson.JSONDecodeError:
            continue
        if isinstance(message, dict):
            info = {**message, **{k: v for k, v in info.items() if v not in ("", None)}}
    return info or None


def find_key(info: dict[str, Any] | None, season_index: bytes, session: SessionRef) -> int | None:
    """Return Formula 1's number of a located session, from its SessionInfo or the index of the season."""
    if (key := key_of(info)) is not None:
        return key
    path = session.located_path.removeprefix("/static/").strip("/")
    try:
        listed = [one for meeting in orjson.loads(season_index)["Meetings"] for one in meeting["Sessions"]]
        return next((key_of(one) for one in listed if str(one.get("Path") or "").strip("/") == path), None)
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return None


def missing_end(streams: Mapping[str, Path], code: str) -> str | None:
    """Return why the end of a session is not in its streams (files by their names in an archive); None: it is.

    By the session's own status, and by the streams that go on until it is over. Without a status nothing is known.

    :raises OSError: a file cannot be read.
    """
    if STATUS not in streams:
        return None
    statuses = list(_statuses(streams[STATUS].read_bytes()))
    ends = [at for at, status in statuses if status == _FINISHED]
    wanted = max(len(SESSION_TYPES[code].parts), 1)
    if not any(status in _OVER for _, status in statuses) and len(ends) < wanted:
        return f"its last session status is {statuses[-1][1] if statuses else 'not known'}"
    for name in _TO_THE_END:
        last = _last_ms(streams[name]) if name in streams and ends else None
        if last is not None and ends[-1] - last > _SILENT_MS:
            return f"{name.removeprefix('stream-')} stops {(ends[-1] - last) / 60_000:.0f} minutes before its end"
    return None


def _statuses(stream: bytes) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for line in stream.splitlines():
        if (time := _TIME.match(line)) is None:
            continue
        try:
            status = orjson.loads(line[time.end() :])["Status"]
        except (orjson.JSONDecodeError, LookupError, TypeError):
            continue
        if isinstance(status, str) and (not found or found[-1][1] != status):
            found.append((_ms(time), status))
    return found


def _last_ms(path: Path) -> int | None:
    """Return the latest time of the last lines of a stream, ms; None where they have none."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        tail = file.read()
    times = [_ms(time) for line in tail.splitlines() if (time := _TIME.match(line)) is not None]
    return max(times, default=None)


def _ms(time: re.Match[bytes]) -> int:
    hours, minutes, seconds, thousandths = map(int, time.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths
