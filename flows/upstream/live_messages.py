"""The messages in a recording of the live feed, line by line, however it was written.

FastF1's live client writes a message a line as Python shows a list, ``['Topic', {...}, 'time']``, and what it is told
on connecting, the state of every topic, as ``['Topic', '{...}', '']``. Others write the same as JSON, or keep what the
connection said: ``{"M": [{"H": "Streaming", "A": [...]}]}`` and ``{"R": {...}}`` of the old protocol,
``{"type": 1, "arguments": [...]}`` and ``{"type": 3, "result": {...}}`` of the new one. All of these may be in one
file. Nothing is evaluated: Python's strings and names are rewritten as JSON's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

#: Topics whose message is a compressed text end in this.
COMPRESSED = ".z"
#: The longest line that is read. The longest of a recording holds the state of every topic: some hundred kilobytes.
LONGEST_LINE_BYTES = 1 << 20
#: No file name, and nothing that could lead out of a folder, is a topic.
_TOPIC = re.compile(r"[A-Za-z][A-Za-z0-9]{0,40}(?:\.z)?", re.ASCII)
_UTC = re.compile(r"(20\d\d-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?", re.ASCII)
#: The strings and names of Python. The last alternative is a string without an end: found at once, not tried from each
#: of its quotes.
_TOKEN = re.compile(
    r"""'([^'\\]*+(?:\\.[^'\\]*+)*+)'|"([^"\\]*+(?:\\.[^"\\]*+)*+)"|\b(True|False|None)\b|(['"])""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_NAMES = {"True": "true", "False": "false", "None": "null"}
#: Ends a record of the new protocol.
_SEPARATOR = "\x1e"
#: What a connection says that is no message of a topic has some of these.
_CONNECTION_KEYS = {"C", "S", "G", "I", "H", "T", "M", "R", "type", "error", "protocol", "connectionId"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of ``topic``: ``data`` is compact JSON, an object or, of a compressed topic, a string.

    ``utc_us`` is the feed's own time of it in microseconds since 1970; None: what the topic was when a connection
    began.
    """

    topic: str
    data: bytes
    utc_us: int | None


class Lines(Protocol):
    """A binary file."""

    def readline(self, limit: int, /) -> bytes:
        """Return a line, or as much of it as ``limit`` allows; nothing at the end."""


class UnreadableError(ValueError):
    """A line that is no message."""


def read_messages(file: Lines) -> Iterator[Message | None]:
    """Yield the messages of a recording in its order; None for each line, or part of one, that cannot be read."""
    for line in _read_lines(file):
        if line is None:
            yield None
            continue
        try:
            text = line.decode("utf-8-sig")
        except UnicodeDecodeError:
            yield None
            continue
        for record in text.split(_SEPARATOR):
            if not record.strip():
                continue
            try:
                yield from parse_record(record.strip())
            except UnreadableError:
                yield None


def _read_lines(file: Lines) -> Iterator[bytes | None]:
    """Yield lines with something in them; None for one that is too long, which is passed over and not kept."""
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        if len(line) > LONGEST_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE_BYTES)
            yield None
        elif not line.isspace():
            yield line


def parse_record(text: str) -> list[Message | None]:
    """Return the messages of a line: one, or as many as what a connection said has, None for those that are none.

    :raises UnreadableError: it is none of the forms in which the feed is recorded.
    """
    value = _parse_value(text)
    if isinstance(value, list):
        return [_message(value)]
    if not isinstance(value, dict) or (value and not value.keys() & _CONNECTION_KEYS):
        raise UnreadableError
    return _of_connection(value)


def _parse_value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return orjson.loads(_TOKEN.sub(_as_json, text))
    except (orjson.JSONDecodeError, OverflowError, UnicodeError, orjson.JSONEncodeError) as error:
        raise UnreadableError from error


def _as_json(token: re.Match[str]) -> str:
    single, double, name, unended = token.groups()
    if unended:
        raise UnreadableError
    if name:
        return _NAMES[name]
    text: str = double if single is None else single
    if "\\" in text:
        return orjson.dumps(_ESCAPE.sub(_unescape, text)).decode()
    return f'"{text}"' if '"' not in text else orjson.dumps(text).decode()


def _unescape(escape: re.Match[str]) -> str:
    char = escape[4]
    if char is None:
        return chr(int(escape[1] or escape[2] or escape[3], 16))
    if char not in _ESCAPED:
        raise UnreadableError
    return _ESCAPED[char]


def _of_connection(said: dict[str, Any]) -> list[Message | None]:
    calls = said.get("M")
    found: list[Any] = [
        call.get("A")
        for call in (calls if isinstance(calls, list) else ())
        if isinstance(call, dict) and str(call.get("H", "")).lower() == "streaming"
    ]
    if said.get("type") == 1:
        found.append(said.get("arguments"))
    for state in (said.get("R"), said.get("result")):
        if isinstance(state, dict):
            found.extend([topic, data, ""] for topic, data in state.items() if data)
    messages: list[Message | None] = []
    for parts in found:
        try:
            messages.append(_message(parts))
        except UnreadableError:
            messages.append(None)
    return messages


def _message(parts: Any) -> Message:
    if not isinstance(parts, list) or len(parts) != 3:
        raise UnreadableError
    topic, data, stamp = parts
    if not isinstance(topic, str) or not _TOPIC.fullmatch(topic) or not isinstance(stamp, str):
        raise UnreadableError
    utc_us = parse_utc_us(stamp) if stamp else None
    is_compressed = topic.endswith(COMPRESSED)
    if isinstance(data, str) and (not is_compressed or data.startswith('"')):
        # A state, which FastF1's client writes as a text of JSON.
        data = _parse_json(data)
    if isinstance(data, dict) and not is_compressed:
        # The feed's mark of a message that is whole; the static files do not have it.
        data.pop("_kf", None)
    elif not isinstance(data, str) or not is_compressed:
        raise UnreadableError
    return Message(topic, _dump(data), utc_us)


def _parse_json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableError from error


def _dump(data: Any) -> bytes:
    try:
        # What orjson returns keeps the memory it was written in, some kilobytes however short it is; a copy does not.
        return bytes(memoryview(orjson.dumps(data)))
    except orjson.JSONEncodeError as error:
        # It is nested too deeply.
        raise UnreadableError from error


def parse_utc_us(text: str) -> int:
    """Return a time of the feed (``2024-10-26T17:15:49.3337638Z``) in microseconds since 1970, not rounded up.

    :raises UnreadableError: it is none.
    """
    match = _UTC.fullmatch(text)
    if match is None:
        raise UnreadableError
    try:
        whole = datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")
    except ValueError as error:
        raise UnreadableError from error
    return int((whole - _EPOCH).total_seconds()) * 1_000_000 + int((match[3] or "0").ljust(6, "0")[:6])
