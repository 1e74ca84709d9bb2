"""The lines of ``CarData.z`` and ``Position.z`` as flat arrays of numbers, split by car.

FastF1 makes a tuple of objects of every sample and a table of objects of every car, which takes most of a load's time.
Here the numbers of a whole feed go into one array. A feed with anything in it whose meaning is not certain here (a
channel that is no whole number, another shape, an unknown status, a time in other words) is left to FastF1's parser as
a whole. Lines that nobody can unpack are counted; cars that come late, go early, or lack channels here and there are
read here.
"""

import binascii
import json
import re
import zlib
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_TIME = re.compile(r"\d\d:\d\d:\d\d\.\d{3}", re.ASCII)
_TIME_CHARS = 12
#: A date that FastF1 reads for certain: it takes six digits of the fraction and leaves out the others.
_DATE = re.compile(r"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)(?:(\.\d{1,6})\d*)?Z?", re.ASCII)
#: The statuses of a position by their codes.
STATUSES = ("OffTrack", "OnTrack")


class _OtherError(Exception):
    """The feed has something that only FastF1's own parser reads as FastF1 does."""


class _Numbered(dict[Any, int]):
    """Keys by the order in which they were first asked for."""

    def __missing__(self, key: Any) -> int:
        self[key] = len(self)
        return self[key]


class _Statuses(dict[Any, int]):
    """Places in :data:`STATUSES` of the statuses that are known."""

    def __missing__(self, key: Any) -> int:
        raise _OtherError


_STATUS_CODES = _Statuses({status: code for code, status in enumerate(STATUSES)})


@dataclass(frozen=True)
class Layout:
    """What the parts of a feed are called, and its channels.

    ``read`` takes what an entry has of a car and returns as many whole numbers as ``width``; it raises ``KeyError``
    where a channel is missing.
    """

    name: str
    entries: str
    stamp: str
    cars: str
    width: int
    read: Callable[[Any], tuple[int, ...]]


@dataclass
class _Samples:
    """A feed's samples in the order in which they came.

    An entry has a moment (``times_ms`` of session time, ``stamps`` in UTC) and values of any number of cars
    (``per_entry``). ``cars`` has one element a sample, ``values`` as many as there are channels; ``numbers`` are the
    racing numbers that ``cars`` speaks of. ``unreadable`` counts messages that cannot be unpacked.
    """

    numbers: _Numbered = field(default_factory=_Numbered)
    cars: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[int]" = field(default_factory=lambda: array("q"))
    per_entry: "array[int]" = field(default_factory=lambda: array("q"))
    times_ms: "array[int]" = field(default_factory=lambda: array("q"))
    stamps: list[str] = field(default_factory=list)
    unreadable: int = 0


@dataclass(frozen=True)
class Car:
    """One car's samples in the order in which they came; ``values`` has shape (samples, channels)."""

    time: NDArray[np.timedelta64]
    date: NDArray[np.datetime64]
    values: NDArray[np.int64]


def read_feed(records: list[str], layout: Layout) -> tuple[dict[str, Car], list[str]] | None:
    """Return the cars of a feed, and the warning of messages that cannot be unpacked; None: only FastF1 can tell."""
    try:
        samples = _collect(records, layout)
        cars = _split(samples, layout.width)
    # What a feed of another shape raises, at whatever it is.
    except (_OtherError, LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    failed = f"{layout.name}: failed to decode {samples.unreadable} messages ({len(records)} messages total)"
    return cars, [failed] if samples.unreadable else []


def _collect(records: list[str], layout: Layout) -> _Samples:
    samples = _Samples()
    for record in records:
        time_ms = _time_ms(record)
        message = _unpack(record[_TIME_CHARS:])
        if message is None:
            samples.unreadable += 1
            continue
        for entry in message[layout.entries]:
            cars = entry[layout.cars]
            numbers = [samples.numbers[car] for car in cars]
            try:
                rows = [*map(layout.read, cars.values())]
            except KeyError:
                complete = _complete(cars, layout.read)
                numbers, rows = [samples.numbers[car] for car in complete], [*complete.values()]
            samples.cars.extend(numbers)
            samples.values.extend(chain.from_iterable(rows))
            samples.per_entry.append(len(rows))
            samples.times_ms.append(time_ms)
            samples.stamps.append(entry[layout.stamp])
    return samples


def _complete(cars: dict[str, Any], read: Callable[[Any], tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the channels of those cars of an entry that have them all."""
    rows = {}
    for car, fields in cars.items():
        with suppress(KeyError):
            rows[car] = read(fields)
    return rows


def _time_ms(record: str) -> int:
    if not _TIME.fullmatch(record[:_TIME_CHARS]):
        raise _OtherError
    return ((int(record[:2]) * 60 + int(record[3:5])) * 60 + int(record[6:8])) * 1000 + int(record[9:12])


def _unpack(text: str) -> dict[str, Any] | None:
    """Return a message; None where FastF1 cannot unpack it either (``fastf1._api.parse``)."""
    if not text:
        return None
    if text[0] == "{":
        raise _OtherError
    try:
        packed = binascii.a2b_base64(text.strip('"') if text[0] == '"' else text)
        unpacked = zlib.decompress(packed, -zlib.MAX_WBITS)
    except (ValueError, zlib.error):
        return None
    if not unpacked.startswith(b"{"):
        raise _OtherError
    try:
        message: dict[str, Any] = orjson.loads(unpacked)
    except orjson.JSONDecodeError:
        # FastF1's reader of JSON takes more for JSON.
        try:
            message = json.loads(unpacked.decode())
        except (ValueError, RecursionError):
            return None
    return message


def _split(samples: _Samples, width: int) -> dict[str, Car]:
    """Return the samples by car, which keep their order.

    :raises _OtherError: a car has none (FastF1 then gives up the whole feed), or a date is in other words.
    :raises ValueError: no car has any, or a date is none.
    """
    if not samples.numbers:
        return {}
    cars = np.frombuffer(samples.cars, np.int64)
    values = np.frombuffer(samples.values, np.int64).reshape(-1, width)
    counts = np.bincount(cars, minlength=len(samples.numbers))
    if not counts.all():
        raise _OtherError
    entries = np.repeat(np.arange(len(samples.stamps)), samples.per_entry)
    time = np.array(samples.times_ms, np.int64).astype("timedelta64[ms]").astype("timedelta64[ns]")
    date = _dates(samples.stamps)
    by_car = np.split(np.argsort(cars, kind="stable"), np.cumsum(counts)[:-1])
    return {
        number: Car(time[entries[rows]], date[entries[rows]], values[rows])
        for number, rows in zip(samples.numbers, by_car, strict=True)
    }


def _dates(stamps: list[str]) -> NDArray[np.datetime64]:
    texts = []
    for stamp in stamps:
        match = _DATE.fullmatch(stamp)
        if match is None:
            raise _OtherError
        texts.append(match[1] + (match[2] or ""))
    return np.array(texts, "datetime64[us]").astype("datetime64[ns]")


def _read_channels(fields: Any) -> tuple[int, ...]:
    channels = fields["Channels"]
    # From 2026 on there is no DRS.
    drs = channels.get("45", 0)
    return channels["0"], channels["2"], channels["3"], channels["4"], channels["5"], drs


def _read_place(fields: Any) -> tuple[int, ...]:
    return fields["X"], fields["Y"], fields["Z"], _STATUS_CODES[fields.get("Status")]


#: Engine speed in 1/min, speed in km/h, gear, throttle in percent, brake (0 or 100), DRS.
CAR_DATA = Layout("Car data", "Entries", "Utc", "Cars", 6, _read_channels)
#: X, Y and Z in tenths of a metre, status by its code.
POSITION = Layout("Position data", "Position", "Timestamp", "Entries", 4, _read_place)
