"""Laps of a race that a car began after it had taken the flag: on its way home, they count for nothing."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from transforms.notes import Note
from transforms.recording import Recording
from transforms.timing import CarTiming


def without_extra_laps(
    recording: Recording, timing: dict[str, CarTiming], flag: float | None
) -> tuple[Recording, tuple[Note, ...]]:
    """Return a race without laps after a car's finish at or after ``flag`` (session ms, None: none), and which."""
    if flag is None:
        return recording, ()
    last = {}
    for car, own in timing.items():
        finished = np.flatnonzero(own.crossing_ms >= flag)
        if len(finished):
            last[car] = int(own.crossing_laps[finished[0]])
    rows = recording.laps.to_pylist()
    extra = [row["lap"] is not None and row["lap"] > last.get(row["car"], row["lap"]) for row in rows]
    notes = [
        Note(
            "lap_extra",
            row["car"],
            f"lap {row['lap']} began after the car took the flag on lap {last[row['car']]}; it is left out",
            start_ms=row["start_ms"],
            end_ms=row["end_ms"],
            value=row["lap"],
            unit="lap",
        )
        for row, is_extra in zip(rows, extra, strict=True)
        if is_extra
    ]
    if not notes:
        return recording, ()
    return replace(recording, laps=recording.laps.filter(pa.array([not one for one in extra]))), tuple(notes)
