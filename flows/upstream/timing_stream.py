"""What is read from the upstream's own ``TimingData`` beside FastF1, which parses it and hands on less."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from flows.session_ref import SessionRef
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR, stream_urls
from flows.upstream.topics import topic_folder

if TYPE_CHECKING:
    from flows.upstream.client import Client

_TOPIC = "_extended_timing_data"
#: What no stream comes near.
_LONGEST_MS = 7 * 24 * 3600 * 1000

#: Rows of whole numbers by racing number, in the order sent.
Rows = dict[str, list[tuple[int, ...]]]


def kept_of_timing(client: "Client", session: SessionRef, name: str, parse: Callable[[bytes], Rows]) -> Rows:
    """Return what ``parse`` reads of the stream that FastF1 parsed a located session's timing from.

    It is kept as the file ``name`` beside the parsed topic, with its hash, for the stream itself is not kept as long;
    empty where neither is there.
    """
    folder = topic_folder(client.cache_dir, session)
    topic = folder / f"{_TOPIC}.ff1pkl"
    if not topic.is_file():
        return {}
    parsed = hashlib.sha256(topic.read_bytes()).hexdigest()
    path = folder / name
    kept = _read(path)
    if kept.get("topic_sha256") != parsed:
        addresses = list(stream_urls(session, [_TOPIC]).values())
        addresses += [address.replace(LIVE_TIMING, LIVE_TIMING_MIRROR) for address in addresses]
        bodies = client.read_bodies(addresses)
        if not bodies:
            return {}
        kept = {"topic_sha256": parsed, "cars": parse(next(iter(bodies.values())))}
        path.write_bytes(orjson.dumps(kept))
    cars: Rows = kept["cars"]
    return cars


def _read(path: Path) -> dict[str, Any]:
    """What is kept in the file; nothing where there is none or a writer was killed at it."""
    try:
        kept = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def timing_lines(stream: bytes, field: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield session time, ms, racing number and fields of every line of a message that may hold ``field``.

    What cannot be read is skipped: FastF1 says how many messages that are.
    """
    for line in stream.splitlines():
        begin = line.find(b"{")
        if begin < 0 or field.encode() not in line:
            continue
        try:
            hours, minutes, seconds = line[:begin].decode("utf-8-sig").strip().split(":")
            lines = orjson.loads(line[begin:])["Lines"]
            time_ms = round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
        if isinstance(lines, dict) and 0 <= time_ms < _LONGEST_MS:
            yield from ((time_ms, car, fields) for car, fields in lines.items() if isinstance(fields, dict))
