"""Mini-sectors as live timing colours them, which FastF1 does not read: ``Segments`` of the sectors in TimingData."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.session_ref import SessionRef
from flows.upstream.timing_stream import Rows, kept_of_timing, timing_lines
from flows.upstream.topics import MINI_SECTORS_FILE
from transforms.recording import MiniSectors

if TYPE_CHECKING:
    from flows.upstream.client import Client

_FIELD = "Segments"
_SECTORS = 3
#: What no sector and no status comes near; 7 to 9 and 2068 are the most seen.
_MOST_SEGMENTS, _DIGITS, _LARGEST_STATUS = 100, 2, 1 << 15


def read_mini_sectors(client: "Client", session: SessionRef) -> dict[str, MiniSectors]:
    """Return what the upstream said of a located session's mini-sectors, by racing number.

    Empty where its stream is not at hand any more, or has none.
    """
    found = {}
    for car, rows in kept_of_timing(client, session, MINI_SECTORS_FILE, parse_mini_sectors).items():
        time_ms, sector, mini_sector, status = np.array(rows, np.int64).T
        found[car] = MiniSectors(time_ms, sector, mini_sector, status)
    return found


def parse_mini_sectors(stream: bytes) -> Rows:
    """Return (session time ms, sector, mini-sector, status) of a ``TimingData`` stream by racing number, in order.

    Sectors and mini-sectors count from 1. A status of 0 takes a colour away; at the beginning of a lap the upstream
    sends it for all, together with the first colour of the lap, and it is one row here, (time, 0, 0, 0), before that.
    """
    found: Rows = {}
    for time_ms, car, fields in timing_lines(stream, _FIELD):
        said = list(_statuses(fields.get("Sectors")))
        if any(status == 0 for *_, status in said):
            found.setdefault(car, []).append((time_ms, 0, 0, 0))
        for sector, mini_sector, status in said:
            if status:
                found.setdefault(car, []).append((time_ms, sector, mini_sector, status))
    return found


def _statuses(sectors: Any) -> Iterator[tuple[int, int, int]]:
    """Yield sector, mini-sector, both from 1, and status of the ``Sectors`` of a line; what is none is skipped."""
    for sector, own in _numbered(sectors, _SECTORS):
        for segment, value in _numbered(own.get(_FIELD) if isinstance(own, dict) else None, _MOST_SEGMENTS):
            status = value.get("Status") if isinstance(value, dict) else None
            if isinstance(status, int) and 0 <= status < _LARGEST_STATUS:
                yield sector + 1, segment + 1, status


def _numbered(parts: Any, most: int) -> Iterator[tuple[int, Any]]:
    """Yield the parts of a list, or of a dict of what changed in it, with their numbers."""
    if isinstance(parts, list):
        yield from enumerate(parts[:most])
    elif isinstance(parts, dict):
        yield from (
            (int(name), part) for name, part in parts.items() if len(name) < 3 and name.isdecimal() and int(name) < most
        )
