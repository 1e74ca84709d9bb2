"""Live timing's streams, line by line: what cannot be read is left out and counted, and costs nothing around it.

A stream has a message a line: a session time and JSON. FastF1's parsers give a whole topic up for one line that is
none, so they are given the others alone.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TIME = re.compile(r"\d\d:[0-5]\d:[0-5]\d\.\d{3}")
_TIME_CHARS = 12
#: Topics whose messages are compressed; FastF1 decodes each by itself and counts those it cannot.
_COMPRESSED = ".z."

Message = dict[str, Any]


@dataclass(frozen=True)
class Stream:
    """A stream's messages as ``[time, message]``, or the lines of a compressed one.

    ``lines`` is how many it has, ``unreadable`` how many of them cannot be read, or not as a whole.
    """

    records: list[Any]
    lines: int
    unreadable: int


def read_stream(body: bytes, name: str) -> Stream:
    """Read what can be read of the stream ``name`` (``TimingData.jsonStream``)."""
    lines = [line for line in body.decode("utf-8-sig", errors="replace").split("\r\n") if line.strip()]
    if _COMPRESSED in name:
        kept = [line for line in lines if _TIME.fullmatch(line[:_TIME_CHARS])]
        return Stream(kept, len(lines), len(lines) - len(kept))
    mend = _MEND.get(name.partition(".")[0], _as_it_is)
    records: list[list[Any]] = []
    unreadable = 0
    for line in lines:
        message = _parse(line)
        mended = None if message is None else mend(message)
        if mended is None:
            unreadable += 1
            continue
        message, whole = mended
        unreadable += not whole
        records.append([line[:_TIME_CHARS], message])
    if name.startswith("SessionInfo") and records:
        # FastF1 takes the first; what it lacks, a later one may have.
        known = {
            key: value for _, later in reversed(records) for key, value in later.items() if value not in ("", None)
        }
        records[0][1] = _NO_DATES | known | {k: v for k, v in records[0][1].items() if v not in ("", None)}
    return Stream(records, len(lines), unreadable)


def _parse(line: str) -> Message | None:
    if not _TIME.fullmatch(line[:_TIME_CHARS]):
        return None
    try:
        message = json.loads(line[_TIME_CHARS:])
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


#: What FastF1 asks of every SessionInfo, and nobody here needs.
_NO_DATES = {"StartDate": "", "EndDate": "", "GmtOffset": ""}
#: What is left of a message, and whether that is all of it; None: nothing that FastF1 can read.
Mended = tuple[Message, bool] | None


def _as_it_is(message: Message) -> Mended:
    return message, True


#: Whether a value is such that FastF1 can read it.
Fits = Callable[[Any], bool]


def _lines_with(fields: dict[str, Fits]) -> Callable[[Message], Mended]:
    """Keep of each car's line in a message the fields that FastF1 can read; of others ``fields`` knows nothing."""

    def mend(message: Message) -> Mended:
        if "Lines" not in message:
            return message, True
        lines = message["Lines"]
        if not isinstance(lines, dict):
            return None
        kept: dict[str, Message] = {}
        whole = True
        for car, line in lines.items():
            if not isinstance(line, dict):
                whole = False
                continue
            kept[car] = {name: value for name, value in line.items() if name not in fields or fields[name](value)}
            whole = whole and len(kept[car]) == len(line)
        return message | {"Lines": kept}, whole

    return mend


#: Times as FastF1 reads them; it takes what is none for "no time" in some places, and gives up in others.
_TIME_TEXT = re.compile(r"(?:\d{1,3}:){0,2}\d{1,9}(?:\.\d+)?", re.ASCII)


def _is_time(value: Any) -> bool:
    return not value or (isinstance(value, str) and _TIME_TEXT.fullmatch(value) is not None)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count_or_none(value: Any) -> bool:
    return value is None or _is_count(value)


def _is_number(value: Any) -> bool:
    """Whether it is a whole number, or the text of one."""
    return not value or (str(value).isdecimal() and not isinstance(value, bool))


def _is_speed(value: Any) -> bool:
    try:
        return not value or 0 <= float(value) < math.inf
    except (TypeError, ValueError, OverflowError):
        return False


def _is_text(value: Any) -> bool:
    return not value or isinstance(value, str)


def _value(fits: Fits) -> Fits:
    """Fits what has such a ``Value``, or none."""
    return lambda field: isinstance(field, dict) and fits(field.get("Value"))


def _each(fits: Fits) -> Fits:
    return lambda field: isinstance(field, dict) and all(map(fits, field.values()))


def _or_list(fits: Fits) -> Fits:
    """As the first message of a session has it: FastF1 looks past lists."""
    return lambda field: isinstance(field, list) or fits(field)


def _is_by_number(field: Any) -> bool:
    return isinstance(field, dict) and all(map(str.isdecimal, field))


_TIMING: dict[str, Fits] = {
    "NumberOfLaps": _is_count,
    "InPit": lambda field: isinstance(field, bool),
    "Sectors": _or_list(_each(_value(_is_time))),
    "LastLapTime": lambda field: not field or _value(_is_time)(field),
    "BestLapTime": _value(_is_time),
    "BestLapTimes": _or_list(_is_by_number),
    "Speeds": _each(_value(_is_speed)),
    "Position": _is_number,
    "GapToLeader": _is_text,
    "IntervalToPositionAhead": _value(_is_text),
}
_STINT: dict[str, Fits] = {
    "LapTime": _is_time,
    "LapNumber": _is_count_or_none,
    "TotalLaps": _is_count_or_none,
    "StartLaps": _is_count_or_none,
    "Compound": lambda field: isinstance(field, str | None),
    "New": lambda field: isinstance(field, str | bool | None),
    "TyresNotChanged": lambda field: isinstance(field, str | int | None),
}


def _is_stint(stint: Any) -> bool:
    return isinstance(stint, dict) and all(_STINT[name](value) for name, value in stint.items() if name in _STINT)


def _are_stints(field: Any) -> bool:
    """By number, or as the first message of a session has them, in a list."""
    if not field:
        return True
    if isinstance(field, list):
        return all(map(_is_stint, field))
    return _is_by_number(field) and _each(_is_stint)(field)


def _without_shapes(message: Message, *names: str) -> tuple[Message, bool]:
    """Leave out those of the fields ``names`` that are neither text nor number: FastF1 makes numbers of them."""
    bad = [name for name in names if not isinstance(message.get(name, 0), str | int | float)]
    return {key: value for key, value in message.items() if key not in bad}, not bad


def _messages(message: Message) -> Mended:
    """Race control: a list of messages, each with its time, or one by number."""
    listed = message.get("Messages")
    each = list(listed.values()) if isinstance(listed, dict) else listed
    if not isinstance(each, list):
        return None
    kept = [
        _without_shapes(one, "Lap", "Sector")
        for one in each
        if isinstance(one, dict) and isinstance(one.get("Utc"), str)
    ]
    return {"Messages": [one for one, _ in kept]}, len(kept) == len(each) and all(whole for _, whole in kept)


_WEATHER = ("AirTemp", "Humidity", "Pressure", "Rainfall", "TrackTemp", "WindDirection", "WindSpeed")


def _weather(message: Message) -> Mended:
    """Keep what was measured as a whole: FastF1 takes what it cannot read for 0, a direction with a fraction, too."""
    if not all(_is_measured(message.get(name)) for name in _WEATHER):
        return None
    return message | {"WindDirection": str(round(float(message["WindDirection"])))}, True


def _is_measured(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


_MEND: dict[str, Callable[[Message], Mended]] = {
    "TimingData": _lines_with(_TIMING),
    "TimingAppData": _lines_with({"Stints": _are_stints}),
    "RaceControlMessages": _messages,
    "WeatherData": _weather,
    "LapCount": lambda message: _without_shapes(message, "CurrentLap", "TotalLaps"),
    "SessionInfo": lambda message: (_NO_DATES | message, True),
}
