"""The table of pit stops: every way through the pit lane in a race, from the laps table on the clock."""

from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from transforms import columns
from transforms.samples import CleanCar

Lap = dict[str, Any]


def pit_stops_of(laps: pa.Table, track_status: pa.Table, cars: dict[str, CleanCar], origin_ms: int) -> pa.Table:
    """Every way of a car through the pit lane.

    :param laps: laps of a race on the clock, sorted by car and lap. An entry belongs to the next exit of the car.
    :param cars: telemetry by racing number, in session time; ``origin_ms`` is that of the clock's origin.
    """
    begins = np.array([row["time_ms"] for row in track_status.to_pylist()], np.int64)
    statuses = [None, *track_status["status"].to_pylist()]
    rows: list[Lap] = []
    for car, group in groupby(laps.to_pylist(), key=itemgetter("car")):
        own = list(group)
        exits = [lap for lap in own if lap["pit_out_ms"] is not None]
        for lap in own:
            entry = lap["pit_in_ms"]
            if entry is None:
                continue
            following = next((out for out in exits if out["pit_out_ms"] > entry), None)
            rows.append(
                {
                    "car": car,
                    "driver": lap["driver"],
                    "stop": 1 + sum(row["car"] == car for row in rows),
                    "lap": lap["lap"],
                    "in_ms": entry,
                    "compound_before": lap["compound"],
                    "tyre_age_before_laps": lap["tyre_age_laps"],
                    "track_status": statuses[int(np.searchsorted(begins, entry, side="right"))],
                    **(_after(lap, following, cars.get(car), origin_ms) if following else {}),
                }
            )
    return columns.PIT_STOPS.of_rows(rows)


def _after(lap: Lap, following: Lap, samples: CleanCar | None, origin_ms: int) -> Lap:
    """What is known once the car has come out again."""
    entry, out = lap["pit_in_ms"], following["pit_out_ms"]
    known = lap["stint"] is not None and following["stint"] is not None
    return {
        "out_ms": out,
        "lane_time_ms": out - entry,
        "stationary_ms": None if samples is None else stationary_ms(samples, entry + origin_ms, out + origin_ms),
        "tyres_changed": following["stint"] != lap["stint"] if known else None,
        "compound_after": following["compound"],
        "tyre_fresh": following["tyre_fresh"],
    }


def stationary_ms(samples: CleanCar, begin_ms: float, end_ms: float) -> int | None:
    """How long a car stood between two moments, session ms: the longest stretch of samples with a speed of 0.

    Standing begins and ends between samples, so half the time to each neighbour is added. None without such a sample.
    """
    rows = np.flatnonzero((samples.time_ms >= begin_ms) & (samples.time_ms <= end_ms))
    stands = samples.speed_kmh[rows] == 0
    if not stands.any():
        return None
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stands, [False]])))
    first, last = rows[edges[::2]], rows[edges[1::2] - 1]
    time_ms = samples.time_ms.astype(np.float64)
    before = time_ms[np.maximum(first - 1, 0)]
    after = time_ms[np.minimum(last + 1, len(time_ms) - 1)]
    return round(float(((time_ms[last] + after) / 2 - (time_ms[first] + before) / 2).max()))
