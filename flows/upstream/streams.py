"""Live timing's streams, line by line: what cannot be read is left out and counted, and costs nothing around it.

A stream has a message a line: a session time and JSON. FastF1's parsers give a whole topic up for one line that is
none, so they are given the others alone.
"""

import json
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


def _lines_that(fit: Callable[[Message], bool]) -> Callable[[Message], Mended]:
    """Keep of a message the lines of those cars that FastF1 can read."""

    def mend(message: Message) -> Mended:
        if "Lines" not in message:
            return message, True
        lines = message["Lines"]
        if not isinstance(lines, dict):
            return None
        kept = {car: line for car, line in lines.items() if isinstance(line, dict) and fit(line)}
        return message | {"Lines": kept}, len(kept) == len(lines)

    return mend


def _is_timing(line: Message) -> bool:
    laps, last = line.get("NumberOfLaps", 0), line.get("LastLapTime")
    speeds, best = line.get("Speeds"), line.get("BestLapTimes")
    return (
        isinstance(laps, int)
        and (not last or isinstance(last, dict))
        and all(_is_speed(trap) for trap in (speeds.values() if isinstance(speeds, dict) else ()))
        and all(str(part).isdigit() for part in (best if isinstance(best, dict) else ()))
    )


def _is_speed(trap: Any) -> bool:
    value = trap.get("Value") if isinstance(trap, dict) else None
    try:
        return not value or float(value) >= 0
    except (TypeError, ValueError, OverflowError):
        return False


def _is_tyres(line: Message) -> bool:
    stints = line.get("Stints") or {}
    each = stints.values() if isinstance(stints, dict) else stints
    return isinstance(stints, dict | list) and all(isinstance(stint, dict) for stint in each)


def _messages(message: Message) -> Mended:
    """Race control: a list of messages, each with its time, or one by number."""
    listed = message.get("Messages")
    each = list(listed.values()) if isinstance(listed, dict) else listed
    if not isinstance(each, list):
        return None
    kept = [one for one in each if isinstance(one, dict) and isinstance(one.get("Utc"), str)]
    return {"Messages": kept}, len(kept) == len(each)


def _with_all(*names: str) -> Callable[[Message], Mended]:
    """Keep messages that have all of these fields."""
    return lambda message: (message, True) if all(name in message for name in names) else None


_MEND: dict[str, Callable[[Message], Mended]] = {
    "TimingData": _lines_that(_is_timing),
    "TimingAppData": _lines_that(_is_tyres),
    "RaceControlMessages": _messages,
    "WeatherData": _with_all("AirTemp", "Humidity", "Pressure", "Rainfall", "TrackTemp", "WindDirection", "WindSpeed"),
    "SessionInfo": lambda message: (_NO_DATES | message, True),
}
