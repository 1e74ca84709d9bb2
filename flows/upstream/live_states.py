"""What the topics of the live feed are at a moment, to know of a state told on connecting what is new in it."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from contextlib import suppress
from operator import itemgetter
from typing import Any

import orjson

from flows.upstream.live_heard import SECOND_US, Heard
from flows.upstream.live_messages import COMPRESSED, UnreadableError, parse_utc_us

#: A silence of all topics that is a break, in seconds: the feed's heart beats every 15.
BREAK_S = 20
#: What a topic and its history say within as many seconds is the same.
_SAME_S = 2
#: Nested deeper than the feed's ever are.
_DEEPEST = 40
#: FastF1's ``fastf1.livetiming.data`` has the same codes.
_TRACK_CODES = {"AllClear": "1", "Yellow": "2", "SCDeployed": "4", "Red": "5", "VSCDeployed": "6", "VSCEnding": "7"}

Fields = dict[str, Any]
#: When (microseconds since 1970), and JSON.
Line = tuple[int, bytes]


class Coverage:
    """Which moments a connection heard of while they passed."""

    def __init__(self, heard: list[Heard]) -> None:
        self._times_us: defaultdict[int, list[int]] = defaultdict(list)
        for one in heard:
            if not one.is_state:
                self._times_us[one.connection].append(one.utc_us)

    def is_elsewhere(self, state: Heard) -> bool:
        """Whether another connection was there, before and after, when one began."""
        at_us, reach_us = state.utc_us, BREAK_S * SECOND_US
        for connection, times_us in self._times_us.items():
            place = bisect_left(times_us, at_us)
            if connection == state.connection or not 0 < place < len(times_us):
                continue
            if at_us - times_us[place - 1] <= reach_us and times_us[place] - at_us <= reach_us:
                return True
        return False


def news_of(known: Fields, one: Heard, covered: Coverage) -> bytes:
    """Return what a message says, of a state only what is new in it, and note it in what is ``known`` of its topic.

    :raises UnreadableError: it is nested deeper than any of the feed's.
    """
    if one.topic.endswith(COMPRESSED):
        # The state of one is only the message sent last.
        return b"" if one.is_state else one.data
    said: Fields = orjson.loads(one.data)
    if not one.is_state or not known:
        _merge(known, said)
        return one.data
    new = _new_in(said, known, only_unknown=covered.is_elsewhere(one))
    _merge(known, new)
    return orjson.dumps(new) if new else b""


def _merge(known: Fields, said: Fields, depth: int = 0) -> None:
    """Note what a message says. The feed changes elements of a list by their numbers, so a list is kept by them."""
    if depth > _DEEPEST:
        raise UnreadableError
    for name, value in said.items():
        if isinstance(value, list):
            known[name] = {}
            _merge(known[name], _by_number(value), depth + 1)
        elif isinstance(value, dict):
            if not isinstance(known.get(name), dict):
                known[name] = {}
            _merge(known[name], value, depth + 1)
        else:
            known[name] = value


def _by_number(listed: list[Any]) -> Fields:
    return {str(number): value for number, value in enumerate(listed)}


def _new_in(state: Fields, known: Fields, *, only_unknown: bool, depth: int = 0) -> Fields:
    """Return the part of ``state`` that is not ``known``, or known to be otherwise unless ``only_unknown``."""
    if depth > _DEEPEST:
        raise UnreadableError
    new: Fields = {}
    for name, value in state.items():
        before = known.get(name)
        fields = _by_number(value) if isinstance(value, list) else value
        if name not in known:
            new[name] = value
        elif isinstance(fields, dict) and isinstance(before, dict):
            if part := _new_in(fields, before, only_unknown=only_unknown, depth=depth + 1):
                new[name] = part
        elif fields != before and not only_unknown:
            new[name] = value
    return new


def history_of(session_data: Fields, name: str) -> list[Line]:
    """Return what SessionData says of the session's or the track's status (``name``) as messages of that topic."""
    series = session_data.get("StatusSeries")
    lines = []
    for entry in series.values() if isinstance(series, dict) else ():
        status = entry.get(name) if isinstance(entry, dict) else None
        if not isinstance(status, str) or not isinstance(entry.get("Utc"), str):
            continue
        if name == "TrackStatus":
            message = {"Status": _TRACK_CODES.get(status, status), "Message": status}
        else:
            message = {"Status": status}
        with suppress(UnreadableError):
            lines.append((parse_utc_us(entry["Utc"]), orjson.dumps(message)))
    return lines


def completed(said: list[Line], states: list[Line], history: list[Line]) -> list[Line]:
    """Return a topic's messages with those that only its history has, and states that neither explains."""
    lines = said + [
        (at_us, line)
        for at_us, line in history
        if not any(_status(line) == _status(other) and abs(at_us - then) <= _SAME_S * SECOND_US for then, other in said)
    ]
    lines.sort(key=itemgetter(0))
    for at_us, line in states:
        place = bisect_right(lines, at_us, key=itemgetter(0))
        if place == 0 or _status(lines[place - 1][1]) != _status(line):
            lines.insert(place, (at_us, line))
    return lines


def _status(line: bytes) -> object:
    return orjson.loads(line).get("Status")
