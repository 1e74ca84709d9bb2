"""How true a replay is, from the rows it shows: the older backend's format, which other replays write too.

A replay is a document of ``frames``, each ``{t, lap, drivers: {CODE: {position, lap, x, y, ...}}}``. It is held against
what the upstream says, not against what this project makes of it: the official lap chart and the classification.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.checks import CHART_DELAY_MS
from transforms.recording import Recording


@dataclass(frozen=True)
class Score:
    """``crossings`` of the lap chart that the replay's frames reach; of them with the right place, and the right lap of
    the car, in the first frame at least 0.1 s later. ``classified`` cars that the last frame shows, and those of them
    in their official place, which penalties after the race decide too. ``located``: share of frames with coordinates,
    of cars until their last one."""

    frames: int
    crossings: int
    right_place: int
    right_lap: int
    classified: int
    as_classified: int
    located: float

    def row(self, name: str) -> str:
        """One line of the scoreboard."""
        place, lap = _share(self.right_place, self.crossings), _share(self.right_lap, self.crossings)
        return _LINE.format(
            name, self.frames, place, lap, _share(self.as_classified, self.classified), f"{self.located:.2%}"
        )


_LINE = "{:<24} {:>8} {:>22} {:>22} {:>18} {:>9}"
#: Above the lines of :meth:`Score.row`.
HEADER = _LINE.format("replay", "frames", "place at the line", "lap at the line", "as classified", "located")


def score_rows(document: dict[str, Any], recording: Recording) -> Score:
    """Hold the rows of a race against its recording; cars are told by their codes.

    :raises ValueError: the document is of another format, or has none of the recording's cars.
    """
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not all(isinstance(f, dict) and {"t", "drivers"} <= f.keys() for f in frames):
        raise ValueError("The document is no list of frames with t and drivers.")
    codes = {driver.number: driver.code for driver in recording.drivers}
    seen = {code for frame in frames for code in frame["drivers"]}
    if not seen & set(codes.values()):
        raise ValueError("The document has no frames of the session's cars.")
    times_s = np.array([frame["t"] for frame in frames], np.float64)
    shown = {code: _Shown.of(frames, code) for code in codes.values()}
    begins = [row["start_ms"] for row in recording.laps.to_pylist() if row["lap"] == 1 and row["start_ms"] is not None]
    start_ms = recording.start_ms if recording.start_ms is not None else min(begins)
    crossings = right_place = right_lap = 0
    last_laps = _last_laps(recording)
    for row in recording.laps.to_pylist():
        if row["car"] not in codes or row["position"] is None or row["end_ms"] is None or row["generated"]:
            continue
        at = int(np.searchsorted(times_s, (row["end_ms"] + CHART_DELAY_MS - start_ms) / 1000.0))
        if at >= len(frames):
            continue
        crossings += 1
        car = shown[codes[row["car"]]]
        right_place += int(car.place[at] == row["position"])
        # After its last one a car is on it still, or on one that it never completes.
        right_lap += int(car.lap[at] in (row["lap"] + 1, last_laps[row["car"]]))
    official = {r["car"]: r["position"] for r in recording.results.to_pylist() if r["position"] is not None}
    last = {number: place for number in official if number in codes and (place := int(shown[codes[number]].place[-1]))}
    return Score(
        frames=len(frames),
        crossings=crossings,
        right_place=right_place,
        right_lap=right_lap,
        classified=len(last),
        as_classified=sum(place == official[number] for number, place in last.items()),
        located=float(np.concatenate([car.located for car in shown.values()]).mean()),
    )


@dataclass(frozen=True)
class _Shown:
    """What a replay shows of a car in every frame (n,), 0 where it does not; ``located`` (m,) until its last one."""

    place: NDArray[np.int64]
    lap: NDArray[np.int64]
    located: NDArray[np.bool_]

    @classmethod
    def of(cls, frames: list[dict[str, Any]], code: str) -> "_Shown":
        rows = [frame["drivers"].get(code) or {} for frame in frames]
        place = np.array([row.get("position") or 0 for row in rows], np.int64)
        located = np.array([None not in (row.get("x"), row.get("y")) for row in rows])
        until = int(np.flatnonzero(place)[-1]) + 1 if place.any() else 0
        lap = np.array([row.get("lap") or 0 for row in rows], np.int64)
        return cls(place, lap, located[:until])


def _last_laps(recording: Recording) -> dict[str, int]:
    laps: dict[str, int] = {}
    for row in recording.laps.to_pylist():
        if row["end_ms"] is not None and not row["generated"]:
            laps[row["car"]] = max(laps.get(row["car"], 0), row["lap"])
    return laps


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.2%})" if whole else "-"
