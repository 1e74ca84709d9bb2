"""Recordings of the live feed as the streams that live timing's static files of the session would be.

The static file of a topic is the feed's messages of it in their order: the time since the stream's zero and JSON. So

- session time is the feed's own time of a message less the zero, cut to milliseconds. In 16 recorded minutes of the
  feed each message of telemetry has the very time of its last sample, so the zero is also what FastF1 finds from it
  (the latest date less session time of any sample).
- the zero of the static files is when the feed began to speak of the session: their first line is its SessionInfo at
  00:00:00.000. So it is the first message here too, which is that SessionInfo where the recording began before the
  session did. Nothing in a recording that began later tells the zero of the static files: its session times are less
  than theirs by a constant. The history in SessionData may be older than the first message, then its first entry is
  the zero.
- what a connection is told when it begins has no time of its own. It is given that of the message that follows, and
  only what is new in it is kept: all of it at first, what was missed after a break, and no more than what was never
  heard of while another recording goes on.
- SessionData's history, with a time for each entry, completes SessionStatus and TrackStatus.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from flows.upstream.live_heard import LONGEST_US, SECOND_US, Heard, Identity, Tally, heard_in, to_utc
from flows.upstream.live_messages import UnreadableError
from flows.upstream.live_states import BREAK_S, Coverage, Fields, Line, completed, history_of, news_of
from transforms.errors import InputError

_MOST_TOPICS = 60
#: Topics that SessionData keeps a history of, by the same names.
_HISTORIES = ("SessionStatus", "TrackStatus")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class LiveRecording:
    """A session's streams by the names of their static files (``CarData.z.jsonStream``), and what they were made of.

    ``messages`` said something new; ``duplicates`` did not; ``unreadable`` lines, or parts of one, are no message, or
    one whose time cannot be. ``breaks`` are
    silences of all topics of more than :data:`BREAK_S`. ``identity`` is what SessionInfo says; None: there is none.
    """

    streams: dict[str, bytes]
    messages: int
    duplicates: int
    unreadable: int
    breaks: tuple[tuple[datetime, datetime], ...]
    first_utc: datetime
    last_utc: datetime
    zero_utc: datetime
    identity: Identity | None


def read_recordings(paths: Sequence[Path], wanted: Identity | None = None) -> LiveRecording:
    """Read the files of one recording or several of a session, in any order.

    :raises InputError: one cannot be read, or what :func:`parse_recordings` raises.
    """
    files: list[tuple[str, BinaryIO]] = []
    try:
        for path in paths:
            files.append((path.name, path.open("rb")))
        return parse_recordings(files, wanted)
    except OSError as error:
        raise InputError(f"The recording cannot be read: {error}. Say which files hold it.") from error
    finally:
        for _, file in files:
            file.close()


def parse_recordings(files: Iterable[tuple[str, BinaryIO]], wanted: Identity | None = None) -> LiveRecording:
    """Return the streams of the session ``wanted`` from recordings (name for messages, content).

    Without ``wanted`` there must be only one session in them.

    :raises InputError: what :func:`~flows.upstream.live_heard.heard_in` raises.
    """
    tally = Tally()
    heard, identity = heard_in(files, wanted, tally)
    return _build(heard, identity, tally)


def _build(heard: list[Heard], identity: Identity | None, tally: Tally) -> LiveRecording:
    covered = Coverage(heard)
    known: dict[str, Fields] = {}
    said: defaultdict[str, list[Line]] = defaultdict(list)
    states: defaultdict[str, list[Line]] = defaultdict(list)
    messages = 0
    for one in heard:
        if one.topic not in known and len(known) >= _MOST_TOPICS:
            tally.unreadable += 1
            continue
        try:
            data = news_of(known.setdefault(one.topic, {}), one, covered)
        except UnreadableError:
            tally.unreadable += 1
            continue
        if not data:
            tally.duplicates += 1
            continue
        messages += 1
        lines = states if one.is_state and one.topic in _HISTORIES else said
        lines[one.topic].append((one.utc_us, data))
    first_us, last_us = heard[0].utc_us, heard[-1].utc_us
    for topic in _HISTORIES:
        history = [
            (at_us, line)
            for at_us, line in history_of(known.get("SessionData", {}), topic)
            if last_us - LONGEST_US < at_us <= last_us
        ]
        said[topic] = completed(said[topic], states[topic], history)
    zero_us = min([first_us, *(lines[0][0] for lines in said.values() if lines)]) // 1000 * 1000
    times_us = [one.utc_us for one in heard]
    return LiveRecording(
        streams={f"{topic}.jsonStream": _stream(lines, zero_us) for topic, lines in sorted(said.items()) if lines},
        messages=messages,
        duplicates=tally.duplicates,
        unreadable=tally.unreadable,
        breaks=tuple((to_utc(a), to_utc(b)) for a, b in pairwise(times_us) if b - a > BREAK_S * SECOND_US),
        first_utc=to_utc(first_us),
        last_utc=to_utc(last_us),
        zero_utc=to_utc(zero_us),
        identity=identity,
    )


def _stream(lines: list[Line], zero_us: int) -> bytes:
    return _BOM + b"".join(b"%b%b\r\n" % (_session_time(at_us - zero_us), data) for at_us, data in lines)


def _session_time(after_us: int) -> bytes:
    seconds, us = divmod(after_us, SECOND_US)
    return b"%02d:%02d:%02d.%03d" % (seconds // 3600, seconds // 60 % 60, seconds % 60, us // 1000)
