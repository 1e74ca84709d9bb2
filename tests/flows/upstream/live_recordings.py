"""Recordings of the live feed, made of a session's static files: the inverse of what ``live_recording`` does."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

#: What is written down of a message: its time, topic and content.
Line = tuple[datetime, str, object]


def recorded(streams: Mapping[str, bytes], zero_utc: datetime) -> list[Line]:
    """Return the messages of static files as they were sent: SessionInfo, then all in the order of time."""
    lines = []
    for name in sorted(streams, key=lambda name: (name != "SessionInfo.jsonStream", name)):
        for line in streams[name].removeprefix(b"\xef\xbb\xbf").decode().split("\r\n"):
            if line:
                hours, minutes, seconds = int(line[:2]), int(line[3:5]), float(line[6:12])
                at = zero_utc + timedelta(hours=hours, minutes=minutes, milliseconds=round(seconds * 1000))
                lines.append((at, name.removesuffix(".jsonStream"), json.loads(line[12:])))
    return sorted(lines, key=lambda line: line[0])


def stamp(at: datetime) -> str:
    """Return a time as the feed writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z"


def as_python(lines: Iterable[Line]) -> bytes:
    """Return messages as FastF1's live client writes them."""
    return "".join(f"{[topic, data, stamp(at)]}\n" for at, topic, data in lines).encode()


def state(topics: Mapping[str, object]) -> bytes:
    """Return what FastF1's live client writes of the state that it is told on connecting."""
    return "".join(f"{[topic, json.dumps(data), '']}\n" for topic, data in topics.items()).encode()
