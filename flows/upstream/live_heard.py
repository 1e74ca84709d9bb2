"""What was heard of a session: the messages of one recording of the live feed or of several, joined and proved.

They are joined by the feed's own times; a message is the same if topic, time and content are.
"""

import base64
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import BinaryIO

import orjson

from flows.upstream.live_messages import COMPRESSED, Message, UnreadableError, parse_utc_us, read_messages
from transforms.errors import InputError

SECOND_US = 1_000_000
#: Longer than any session, with what comes before and after it.
LONGEST_US = 24 * 3600 * SECOND_US
#: How far a message may be from what it says of its own time, and a recording go back in time, in seconds. Recorded:
#: 0 to 0.2 (telemetry), 2.4 (heartbeat), 0.9 (order of messages).
_APART_S = 60
_MOST_BYTES, _MOST_MESSAGES, _MOST_CONNECTIONS = 1 << 29, 1_000_000, 200
_UTC_IN_SAMPLES = re.compile(rb'"(?:Utc|Timestamp)":"([^"]{1,40})"')
_UNPACKED_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Identity:
    """Which session: Formula 1's number of it, and its folder below ``/static/``; None: not known."""

    key: int | None
    path: str | None

    def is_other_than(self, other: "Identity") -> bool:
        """Whether something known of both says that they are not the same."""
        pairs = ((self.key, other.key), (self.path, other.path))
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, when (microseconds), by which connection; ``is_state`` if the connection was told it to begin with."""

    utc_us: int
    topic: str
    data: bytes
    connection: int
    is_state: bool


@dataclass
class Tally:
    """Messages that say nothing new, and lines or messages that cannot be read."""

    duplicates: int = 0
    unreadable: int = 0


def heard_in(
    files: Iterable[tuple[str, BinaryIO]], wanted: Identity | None, tally: Tally
) -> tuple[list[Heard], Identity | None]:
    """Return what was heard of the session ``wanted``, in the order of time, and who the session says it is.

    ``files`` are recordings by their names in messages; what they hold in vain is added to ``tally``. Without
    ``wanted`` there must be only one session in them.

    :raises InputError: a file is empty or no recording, holds more than a session can have, is of another session, or
        the clock that gave the messages their times jumps.
    """
    heard: list[Heard] = []
    names = []
    for name, file in files:
        names.append(name)
        heard += _read_file(name, file, heard[-1].connection + 1 if heard else 0, tally, _MOST_MESSAGES - len(heard))
    what = ", ".join(names)
    if not heard:
        raise InputError("No recording was given. Say which files hold it.")
    begun_us: dict[int, int] = {}
    for one in heard:
        begun_us[one.connection] = min(one.utc_us, begun_us.get(one.connection, one.utc_us))
    # Of two connections that heard the same moment the older one heard all of it, in its order.
    heard.sort(key=lambda one: (one.utc_us, begun_us[one.connection]))
    heard = _well_dated(heard, what, tally)
    _check_clocks(heard, what)
    heard = _without_doubles(heard, tally)
    heard, identity = _of_session(heard, wanted, what)
    if heard[-1].utc_us - heard[0].utc_us >= LONGEST_US:
        raise InputError(
            f"The recording {what} goes from {to_utc(heard[0].utc_us):%Y-%m-%d %H:%M} to "
            f"{to_utc(heard[-1].utc_us):%Y-%m-%d %H:%M}, longer than a session: a clock jumped while it was recorded, "
            "or it is of several and no SessionInfo tells them apart. Give the files of one session."
        )
    return heard, identity


def _read_file(name: str, file: BinaryIO, connection: int, tally: Tally, most: int) -> list[Heard]:
    heard: list[Heard] = []
    waiting: list[Message] = []
    unreadable, latest_us = 0, None
    limited = _Limited(name, file)
    for message in read_messages(limited):
        if message is None:
            unreadable += 1
        elif message.utc_us is None:
            waiting.append(message)
        else:
            goes_back = latest_us is not None and latest_us - message.utc_us > _APART_S * SECOND_US
            if heard and (waiting or goes_back):
                connection += 1
            heard += (Heard(message.utc_us, one.topic, one.data, connection, True) for one in waiting)
            heard.append(Heard(message.utc_us, message.topic, message.data, connection, False))
            waiting = []
            latest_us = message.utc_us if latest_us is None or goes_back else max(latest_us, message.utc_us)
        if len(heard) + len(waiting) > most:
            raise InputError(f"The recording {name} has more messages than a session can have. Give fewer files.")
    tally.unreadable += unreadable
    if not limited.read_bytes:
        raise InputError(f"The recording {name} is empty. Give a file in which live timing was recorded.")
    if not heard:
        raise InputError(
            f"{name} is no recording of live timing: none of its lines is a message with its time, as FastF1's live "
            "client writes them (['Topic', {...}, '2024-10-26T17:15:49.333Z'])."
        )
    last = heard[-1]
    heard += (Heard(last.utc_us, one.topic, one.data, last.connection, True) for one in waiting)
    return heard


class _Limited:
    """A file of which not more than a recording can have is read."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file
        self.read_bytes = 0

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self.read_bytes += len(line)
        if self.read_bytes > _MOST_BYTES:
            raise InputError(f"The recording {self._name} is larger than {_MOST_BYTES >> 20} MB. Give fewer sessions.")
        return line


def _well_dated(heard: list[Heard], what: str, tally: Tally) -> list[Heard]:
    """Leave out messages whose time is far from the one in what they say."""
    own = [None if one.is_state else _own_utc_us(one) for one in heard]
    kept, apart_us = [], []
    for one, own_us in zip(heard, own, strict=True):
        if own_us is None or abs(one.utc_us - own_us) <= _APART_S * SECOND_US:
            kept.append(one)
        else:
            apart_us.append(one.utc_us - own_us)
    dated = len(own) - own.count(None)
    if len(apart_us) > max(1, dated / 100) or not kept:
        raise InputError(
            f"The times in the recording {what} cannot be right: those of {len(apart_us)} of {dated} messages are up "
            f"to {max(map(abs, apart_us)) / SECOND_US:.0f} s from the times in what they say. A clock was wrong or "
            "jumped while it was recorded. Nothing of it was taken; give a recording that keeps the feed's own times."
        )
    tally.unreadable += len(apart_us)
    return kept


def _own_utc_us(one: Heard) -> int | None:
    """Return the time in what a message says: a heartbeat's, or that of the last sample of telemetry; None: none."""
    data = one.data
    if one.topic.endswith(COMPRESSED):
        try:
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(base64.b64decode(data), _UNPACKED_BYTES)
        except (ValueError, zlib.error):
            return None
        data = unpacked
    elif one.topic != "Heartbeat":
        return None
    stamps = _UTC_IN_SAMPLES.findall(data)
    with suppress(UnreadableError, UnicodeDecodeError):
        return parse_utc_us(stamps[-1].decode()) if stamps else None
    return None


def _check_clocks(heard: list[Heard], what: str) -> None:
    """Connections that speak of the same time must say the same.

    :raises InputError: they do not, or there are too many.
    """
    by_connection: defaultdict[int, list[Heard]] = defaultdict(list)
    for one in heard:
        by_connection[one.connection].append(one)
    if len(by_connection) > _MOST_CONNECTIONS:
        raise InputError(
            f"The recording {what} is in {len(by_connection)} pieces, each with times of its own: a clock jumped while "
            "it was recorded. Nothing of it was taken; give a recording that keeps the feed's own times."
        )
    reach: list[Heard] | None = None
    for said in sorted(by_connection.values(), key=lambda one: one[0].utc_us):
        if reach is not None and reach[-1].utc_us - said[0].utc_us > _APART_S * SECOND_US:
            _check_same(reach, said, what)
        if reach is None or said[-1].utc_us > reach[-1].utc_us:
            reach = said


def _check_same(first: list[Heard], second: list[Heard], what: str) -> None:
    since, until = second[0].utc_us, min(first[-1].utc_us, second[-1].utc_us)
    said: list[defaultdict[str, set[tuple[int, bytes]]]] = []
    for connection in (first, second):
        by_topic: defaultdict[str, set[tuple[int, bytes]]] = defaultdict(set)
        for one in connection:
            if since <= one.utc_us <= until and not one.is_state:
                by_topic[one.topic].add((one.utc_us, one.data))
        said.append(by_topic)
    both = [topic for topic in said[0].keys() & said[1].keys() if min(len(s[topic]) for s in said) >= 10]
    if both and all(said[0][topic].isdisjoint(said[1][topic]) for topic in both):
        raise InputError(
            f"The recording {what} says two different things of the time from {to_utc(since):%H:%M:%S} to "
            f"{to_utc(until):%H:%M:%S} UTC: a clock jumped back while it was recorded, or its files are of different "
            "sessions. Nothing of it was taken; give the files of one session with the feed's own times."
        )


def _without_doubles(heard: list[Heard], tally: Tally) -> list[Heard]:
    """Leave out what was heard before; ``heard`` is in the order of time."""
    kept: list[Heard] = []
    at_us, said = -1, set[tuple[str, bytes]]()
    for one in heard:
        if one.utc_us != at_us:
            at_us, said = one.utc_us, set()
        if not one.is_state:
            if (one.topic, one.data) in said:
                tally.duplicates += 1
                continue
            said.add((one.topic, one.data))
        kept.append(one)
    return kept


def _of_session(heard: list[Heard], wanted: Identity | None, what: str) -> tuple[list[Heard], Identity | None]:
    """Return what belongs to the session ``wanted``, and who it says it is.

    Messages are of the session of the last SessionInfo before them; those before the first one, of that one.
    """
    told = [(place, found) for place, one in enumerate(heard) if (found := _identity(one)) is not None]
    if not told:
        return heard, None
    sessions = list(dict.fromkeys(found for _, found in told))
    fitting = [found for found in sessions if wanted is None or not found.is_other_than(wanted)]
    if not fitting:
        raise InputError(
            f"The recording {what} is of another session: its SessionInfo says {_name(sessions[0])}, and "
            f"{_name(wanted)} was asked for. Nothing of it was taken."
        )
    if any(found.is_other_than(fitting[0]) for found in fitting):
        raise InputError(
            f"The recording {what} is of more than one session: {', '.join(_name(found) for found in fitting)}. Say "
            "which one is meant."
        )
    starts = [0, *(place for place, _ in told[1:]), len(heard)]
    mine: list[Heard] = []
    for (_, found), (start, stop) in zip(told, pairwise(starts), strict=True):
        if found in fitting:
            mine += heard[start:stop]
    key = next((found.key for found in fitting if found.key is not None), None)
    path = next((found.path for found in fitting if found.path is not None), None)
    return mine, Identity(key, path)


def _identity(one: Heard) -> Identity | None:
    if one.topic != "SessionInfo":
        return None
    info = orjson.loads(one.data)
    key, path = info.get("Key"), info.get("Path")
    key = key if type(key) is int and key > 0 else None
    path = path.strip("/") if isinstance(path, str) and path.strip("/") else None
    return None if key is None and path is None else Identity(key, path)


def _name(identity: Identity | None) -> str:
    parts = (None, None) if identity is None else (identity.key, identity.path)
    return " ".join(str(part) for part in parts if part is not None) or "a session without a number"


def to_utc(us: int) -> datetime:
    """Return microseconds since 1970 as a time."""
    return _EPOCH + timedelta(microseconds=us)
