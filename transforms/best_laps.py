"""Tables of lap times: best laps of the session and of the parts of a qualifying, long runs of a practice.

They are made from the laps table on the clock (:data:`transforms.columns.LAPS`). A lap counts if it has a time and the
stewards have not deleted it.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from transforms import columns
from transforms.parts import Part
from transforms.session_types import Kind

Lap = dict[str, Any]

#: Laps that make a long run, at least.
LONG_RUN_LAPS = 5
#: A lap slower than the median of its run by more than this part is none of it: traffic, cooling down.
_SLOW = 1.07
_OF_LAP = ("car", "driver", "lap", "lap_time_ms", "end_ms", "compound", "tyre_age_laps")


def _counting(laps: pa.Table) -> list[Lap]:
    return [lap for lap in laps.to_pylist() if lap["lap_time_ms"] is not None and not lap["deleted"]]


def _best_first(laps: Iterable[Lap]) -> list[Lap]:
    """Each car's best lap, the best of all first; of two equal times the one set first."""
    best: dict[str, Lap] = {}
    for lap in sorted(laps, key=lambda lap: (lap["lap_time_ms"], lap["end_ms"] is None, lap["end_ms"] or 0)):
        best.setdefault(lap["car"], lap)
    return list(best.values())


def _ranked(laps: list[Lap], place: str) -> list[Lap]:
    return [
        {
            **{name: lap[name] for name in _OF_LAP},
            place: index + 1,
            "best_gap_ms": lap["lap_time_ms"] - laps[0]["lap_time_ms"],
        }
        for index, lap in enumerate(laps)
    ]


def fastest_laps_of(laps: pa.Table) -> pa.Table:
    """Each car's best lap of the session, the best of all first."""
    best = _best_first(lap for lap in _counting(laps) if lap["end_ms"] is not None)
    rows = _ranked(best, "rank")
    return columns.FASTEST_LAPS.of_rows(
        {**row, "speed_st_kmh": lap["speed_st_kmh"]} for row, lap in zip(rows, best, strict=True)
    )


def qualifying_segments_of(laps: pa.Table, parts: Sequence[Part]) -> pa.Table:
    """Each car's best lap in each part of a qualifying; a lap belongs to the part in which it began."""
    if len(parts) < 2:
        return columns.QUALIFYING_SEGMENTS.schema.empty_table()
    starts = np.array([part.start_ms for part in parts])
    driven: list[list[Lap]] = [[] for _ in parts]
    for lap in laps.to_pylist():
        began = lap["start_ms"] if lap["lap_time_ms"] is None else (lap["end_ms"] or 0) - lap["lap_time_ms"]
        index = -1 if began is None or lap["end_ms"] is None else int(np.searchsorted(starts, began, side="right")) - 1
        if index >= 0:
            driven[index].append(lap)
    rows: list[Lap] = []
    for part, own in zip(parts, driven, strict=True):
        counting = [lap for lap in own if lap["lap_time_ms"] is not None and not lap["deleted"]]
        for row in _ranked(_best_first(counting), "position"):
            rows.append({**row, "part": part.name, "laps": sum(lap["car"] == row["car"] for lap in own)})
    return columns.QUALIFYING_SEGMENTS.of_rows(rows)


def long_runs_of(laps: pa.Table, kind: Kind) -> pa.Table:
    """Long runs of a practice: see the table's declaration; none in other sessions."""
    if kind is not Kind.PRACTICE:
        return columns.LONG_RUNS.schema.empty_table()
    rows = []
    for _, own in groupby(sorted(laps.to_pylist(), key=itemgetter("car", "lap")), key=itemgetter("car")):
        for run in _runs(list(own)):
            times = np.array([lap["lap_time_ms"] for lap in run], np.float64)
            rows.append(
                {
                    **{name: run[0][name] for name in ("car", "driver", "stint", "compound")},
                    "first_lap": run[0]["lap"],
                    "last_lap": run[-1]["lap"],
                    "laps": len(run),
                    "tyre_age_start_laps": run[0]["tyre_age_laps"] and run[0]["tyre_age_laps"] - 1,
                    "mean_ms": round(float(times.mean()), 1),
                    "median_ms": float(np.median(times)),
                    "slope_ms": round(_slope(np.array([lap["lap"] for lap in run], np.float64), times), 1),
                }
            )
    return columns.LONG_RUNS.of_rows(rows)


def _runs(laps: list[Lap]) -> Iterable[list[Lap]]:
    """Split a car's laps into long runs: neither into nor out of the pits, each after the other, none slow."""
    runs: list[list[Lap]] = [[]]
    for lap in laps:
        flying = lap["lap_time_ms"] is not None and lap["pit_in_ms"] is None and lap["pit_out_ms"] is None
        last = runs[-1][-1] if runs[-1] else None
        follows = last is None or (lap["lap"] == last["lap"] + 1 and lap["stint"] == last["stint"])
        if not (flying and follows):
            runs.append([])
        if flying:
            runs[-1].append(lap)
    for run in runs:
        if len(run) < LONG_RUN_LAPS:
            continue
        limit = _SLOW * float(np.median([lap["lap_time_ms"] for lap in run]))
        kept = [lap for lap in run if lap["lap_time_ms"] <= limit]
        if len(kept) >= LONG_RUN_LAPS:
            yield kept


def _slope(numbers: np.ndarray, times: np.ndarray) -> float:
    """The median slope of all pairs (Theil and Sen): a single slow lap does not move it."""
    first, second = np.triu_indices(len(numbers), 1)
    return float(np.median((times[second] - times[first]) / (numbers[second] - numbers[first])))
