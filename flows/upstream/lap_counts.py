"""What the upstream itself counts of every car's laps, which FastF1 reads and does not hand on."""

from typing import TYPE_CHECKING

import numpy as np

from flows.session_ref import SessionRef
from flows.upstream.timing_stream import Rows, kept_of_timing, timing_lines
from flows.upstream.topics import LAP_COUNTS_FILE
from transforms.recording import LapCounts

if TYPE_CHECKING:
    from flows.upstream.client import Client

_FIELD = "NumberOfLaps"
#: What no count comes near.
_MOST_LAPS = 10_000


def read_lap_counts(client: "Client", session: SessionRef) -> dict[str, LapCounts]:
    """Return the lap counts of a located session by racing number; empty where its stream is not at hand any more."""
    return {
        car: LapCounts(np.array([t for t, _ in counts], np.int64), np.array([n for _, n in counts], np.int64))
        for car, counts in kept_of_timing(client, session, LAP_COUNTS_FILE, parse_lap_counts).items()
    }


def parse_lap_counts(stream: bytes) -> Rows:
    """Return (session time ms, laps) of every lap count in a ``TimingData`` stream, by racing number, in order."""
    counts: Rows = {}
    for time_ms, car, fields in timing_lines(stream, _FIELD):
        laps = fields.get(_FIELD)
        if isinstance(laps, int) and 0 <= laps <= _MOST_LAPS:
            counts.setdefault(car, []).append((time_ms, laps))
    return counts
