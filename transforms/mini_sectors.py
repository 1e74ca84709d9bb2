"""Mini-sectors: which lap each of the upstream's colours is of.

Formula 1 documents none of its status codes. What they mean is what those who read the feed have found: OpenF1's
documentation of ``segments_sector_1`` names 2048 yellow, 2049 green, 2051 purple and 2064 pit lane, and gives 2050,
2052 and 2068 without a meaning. The first three fit the lap times they come with.
"""

import numpy as np
import pyarrow as pa

from transforms import columns
from transforms.recording import Driver, MiniSectors

#: What the codes of the upstream mean, by its community; others have no known meaning.
COLORS = {2048: "yellow", 2049: "green", 2051: "purple", 2064: "pit"}


def mini_sectors_of(
    said: dict[str, MiniSectors], drivers: tuple[Driver, ...], laps: pa.Table, origin_ms: int
) -> pa.Table:
    """Return every colour with its lap, from the laps table on the clock; ``origin_ms``: where the clock begins.

    A lap's colours are what comes between two of the upstream's clearings. They are of the lap that the middle one of
    them fell in: single ones come up to seconds after the line.
    """
    codes = {driver.number: driver.code for driver in drivers}
    laps_by_car: dict[str, list[tuple[int, int]]] = {}
    for row in laps.select(["car", "lap", "end_ms"]).to_pylist():
        if row["end_ms"] is not None and row["lap"] is not None:
            laps_by_car.setdefault(row["car"], []).append((row["end_ms"], row["lap"]))
    rows = []
    for car in sorted(set(said) & set(codes)):
        own = said[car]
        time_ms = own.time_ms - origin_ms
        ends = sorted(laps_by_car.get(car, []))
        for run in np.split(np.arange(len(time_ms)), np.flatnonzero(own.status == 0)):
            coloured = run[own.status[run] != 0]
            if not len(coloured):
                continue
            middle = float(np.median(time_ms[coloured]))
            after = int(np.searchsorted([end for end, _ in ends], middle))
            lap = ends[after][1] if after < len(ends) else (ends[-1][1] + 1 if ends else 1)
            rows += [
                {
                    "car": car,
                    "driver": codes[car],
                    "lap": lap,
                    "sector": int(own.sector[index]),
                    "mini_sector": int(own.mini_sector[index]),
                    "time_ms": int(time_ms[index]),
                    "status_code": int(own.status[index]),
                    "color": COLORS.get(int(own.status[index])),
                }
                for index in coloured
            ]
    return columns.MINI_SECTORS.of_rows(rows)
