"""What the upstream itself counts of every car's laps, which FastF1 reads and does not hand on."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from flows.session_ref import SessionRef
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR, stream_urls
from flows.upstream.topics import LAP_COUNTS_FILE, topic_folder
from transforms.recording import LapCounts

if TYPE_CHECKING:
    from flows.upstream.client import Client

_TOPIC = "_extended_timing_data"
_FIELD = "NumberOfLaps"
#: What no count and no stream comes near.
_MOST_LAPS, _LONGEST_MS = 10_000, 7 * 24 * 3600 * 1000


def read_lap_counts(client: "Client", session: SessionRef) -> dict[str, LapCounts]:
    """Return the lap counts of a located session by racing number, from the stream that FastF1 parsed its timing from.

    They are kept beside the parsed topic, with its hash, for the stream itself is not kept as long; empty where neither
    is there.
    """
    folder = topic_folder(client.cache_dir, session)
    topic = folder / f"{_TOPIC}.ff1pkl"
    if not topic.is_file():
        return {}
    parsed = hashlib.sha256(topic.read_bytes()).hexdigest()
    path = folder / LAP_COUNTS_FILE
    kept = _read(path)
    if kept.get("topic_sha256") != parsed:
        addresses = list(stream_urls(session, [_TOPIC]).values())
        addresses += [address.replace(LIVE_TIMING, LIVE_TIMING_MIRROR) for address in addresses]
        bodies = client.read_bodies(addresses)
        if not bodies:
            return {}
        kept = {"topic_sha256": parsed, "cars": parse_lap_counts(next(iter(bodies.values())))}
        path.write_bytes(orjson.dumps(kept))
    return {
        car: LapCounts(np.array([t for t, _ in counts], np.int64), np.array([n for _, n in counts], np.int64))
        for car, counts in kept["cars"].items()
    }


def _read(path: Path) -> dict[str, Any]:
    """What is kept in the file; nothing where there is none or a writer was killed at it."""
    try:
        kept = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def parse_lap_counts(stream: bytes) -> dict[str, list[tuple[int, int]]]:
    """Return (session time ms, laps) of every lap count in a ``TimingData`` stream, by racing number, in order.

    Lines that cannot be read are skipped: FastF1 says how many there are.
    """
    counts: dict[str, list[tuple[int, int]]] = {}
    for time_ms, lines in _messages(stream):
        for car, fields in lines.items():
            laps = fields.get(_FIELD) if isinstance(fields, dict) else None
            if isinstance(laps, int) and 0 <= laps <= _MOST_LAPS:
                counts.setdefault(car, []).append((time_ms, laps))
    return counts


def _messages(stream: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield session time, ms, and the lines by racing number of every message that may hold a lap count."""
    for line in stream.splitlines():
        begin = line.find(b"{")
        if begin < 0 or _FIELD.encode() not in line:
            continue
        try:
            hours, minutes, seconds = line[:begin].decode("utf-8-sig").strip().split(":")
            lines = orjson.loads(line[begin:])["Lines"]
            time_ms = round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
        if isinstance(lines, dict) and 0 <= time_ms < _LONGEST_MS:
            yield time_ms, lines
