"""Who is ahead of whom, and by how much, at every tick."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from transforms.progress import Anchors, Progress
from transforms.timing import CarTiming, Ending

Floats = NDArray[np.float64]

#: For this long after crossing the line a car keeps the place the crossing gave it, ms: nobody passes within it, but a
#: car in the pit lane crosses the line at a quarter of the others' speed.
SETTLE_MS = 250.0
#: A car that stopped stays in the order until everyone still racing has completed its last lap, but no longer, ms.
MAX_LINGER_MS = 300_000.0
#: Added to the laps of cars that are no longer in the order: below any progress, and exact.
_OUT_LAPS = -1_000.0
_NEVER_STARTED_LAPS = -2_000.0
#: Ticks sorted at once: what belongs to them stays in the processor's cache.
_BLOCK_TICKS = 1024


def settled(progress: Progress, anchors: Anchors) -> Progress:
    """Return ``progress`` with the crossing order kept for :data:`SETTLE_MS` after every crossing."""
    time_ms, laps = progress.time_ms, progress.laps
    crossings = anchors.time_ms[1:]
    if not len(crossings):
        return progress
    index = np.searchsorted(crossings, time_ms, side="left") - 1
    since = time_ms - crossings[np.maximum(index, 0)]
    inside = (index >= 0) & (since > 0) & (since <= SETTLE_MS)
    # The same small rise for every car: whoever crossed first is ahead.
    added_ms = crossings + SETTLE_MS
    added = anchors.laps[1:] + SETTLE_MS * 1e-9
    all_ms = np.concatenate([time_ms[~inside], added_ms])
    all_laps = np.concatenate([laps[~inside], added])
    order = np.argsort(all_ms, kind="stable")
    return Progress(all_ms[order], np.maximum.accumulate(all_laps[order]))


def leaves_order_ms(
    out_ms: float, last_lap: int, car: str, timing: dict[str, CarTiming], endings: dict[str, Ending], flag: float | None
) -> float:
    """Time at which a car that stopped at ``out_ms`` leaves the order: when all still racing completed its last lap.

    Until then the lap chart still counts it ahead of those that have not passed it.
    """
    passed = [out_ms]
    for other, own in timing.items():
        ending = endings.get(other, Ending())
        if other == car or ending.never_started or (ending.out_ms is not None and ending.out_ms <= out_ms):
            continue
        at = own.crossing_ms[own.crossing_laps >= last_lap] if last_lap > 0 else own.crossing_ms[:1]
        if len(at):
            passed.append(float(at[0]) + SETTLE_MS)
    limit = out_ms + MAX_LINGER_MS
    if flag is not None and flag > out_ms:
        limit = min(limit, flag)
    return min(max(passed), limit)


def race_keys(
    ticks_ms: NDArray[np.int64],
    cars: list[str],
    progress: dict[str, Progress],
    endings: dict[str, Ending],
    leaves: dict[str, tuple[float, int]],
    grid: dict[str, int],
    places: dict[str, int],
    start_ms: float,
) -> tuple[Floats, NDArray[np.int8]]:
    """Return what orders the cars of a race at every tick, (cars, ticks) each: laps, and the rank among equal laps.

    More laps are ahead, then the lower rank. Before ``start_ms`` all have no laps and their rank is the grid's
    (``grid``: slot by car, 1 is pole). Cars equally far are in the order of the result. After its finish a car keeps
    its laps and its rank is that across the line, behind a car just as far that goes on. A car that left the order has
    fewer laps than all others: by laps completed, then as classified.

    :param leaves: per car that stopped for good when it leaves the order, session ms, and its laps completed.
    :param places: official place by car.
    """
    laps = np.empty((len(cars), len(ticks_ms)))
    rank = np.zeros(laps.shape, np.int8)
    finish_ms = np.array([endings[car].finish_ms or np.inf for car in cars])
    across_the_line = np.empty(len(cars), np.int8)
    across_the_line[np.lexsort((np.array([places[car] for car in cars]), finish_ms))] = np.arange(1, len(cars) + 1)
    begin = int(np.searchsorted(ticks_ms, start_ms))
    for row, car in enumerate(cars):
        ending = endings[car]
        if ending.never_started:
            laps[row], rank[row] = _NEVER_STARTED_LAPS, grid[car]
            continue
        laps[row, :begin], rank[row, :begin] = 0.0, grid[car]
        laps[row, begin:], rank[row, begin:] = progress[car].at(ticks_ms[begin:]), places[car] - len(cars)
        if ending.finish_ms is not None:
            end = int(np.searchsorted(ticks_ms, ending.finish_ms))
            laps[row, end:] = round(progress[car].at(np.array([ending.finish_ms]))[0])
            rank[row, end:] = across_the_line[row]
        elif car in leaves:
            at_ms, completed = leaves[car]
            end = int(np.searchsorted(ticks_ms, at_ms))
            laps[row, end:], rank[row, end:] = _OUT_LAPS + completed, places[car]
    return laps, rank


def positions_of(laps: Floats, rank: NDArray[np.int8]) -> NDArray[np.int8]:
    """Position (1 is first) of every car at every tick, (cars, ticks): most laps, then lowest rank, then by row."""
    positions = np.empty(laps.shape, np.int8)
    places = np.arange(1, len(laps) + 1, dtype=np.int8)[:, None]
    for start in range(0, laps.shape[1], _BLOCK_TICKS):
        block = np.s_[:, start : start + _BLOCK_TICKS]
        order = np.lexsort((rank[block], -laps[block]), axis=0)
        np.put_along_axis(positions[block], order, np.broadcast_to(places, order.shape), axis=0)
    return positions


def gaps_s(
    ticks_ms: NDArray[np.int64],
    cars: list[str],
    progress: dict[str, Progress],
    known_ms: dict[str, tuple[float, float]],
    positions: NDArray[np.int8],
    counted: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
    """Gap to the leader and to the car ahead, seconds, and whole laps down on the leader, (cars, ticks) each.

    The gap is how long ago the other car was where this one is now (laps plus fraction of lap): exact at the line,
    between lines as good as the distance along the lap, and never smaller for a car farther behind. It is NaN (laps
    down -1) where ``counted`` is False and, as is usual, where the other is a lap or more ahead.

    :param until_ms: per car the time its progress ends (finish, or when it left the order); the gap stays as it was.
    """
    shape = (len(cars), len(ticks_ms))
    gap = np.full(shape, np.nan, np.float32)
    interval = np.full(shape, np.nan, np.float32)
    down = np.full(shape, -1, np.int8)
    # Rows of cars as bytes: a race has millions.
    at_position = np.argsort(positions, axis=0, kind="stable").astype(np.int8)
    leader = at_position[0]
    laps = np.stack([progress[car].at(np.minimum(ticks_ms, known_ms[car][1])) for car in cars])
    inverse = {row: _strictly_rising(progress[car]) for row, car in enumerate(cars)}
    laps_of_leader = laps[leader, np.arange(shape[1])]
    for row, car in enumerate(cars):
        now_ms = np.minimum(ticks_ms, known_ms[car][1]).astype(np.float64)
        behind = np.clip(np.floor(np.maximum(laps_of_leader - laps[row], 0) + 1e-9), 0, 127)
        down[row] = np.where(counted[row], behind, -1)
        ahead = at_position[np.maximum(positions[row].astype(np.int64) - 2, 0), np.arange(shape[1])]
        for target, other_at in ((gap, leader), (interval, ahead)):
            first = other_at == row
            target[row, first & counted[row]] = 0.0 if target is gap else np.nan
            for other, chosen in _by_value(other_at, np.flatnonzero(counted[row] & ~first)):
                chosen = chosen[counted[other, chosen]]
                lead = laps[other, chosen] - laps[row, chosen]
                chosen = chosen[lead < 1.0]
                if not len(chosen):
                    continue
                was_there = np.interp(laps[row, chosen], inverse[other].laps, inverse[other].time_ms)
                known = (was_there >= known_ms[cars[other]][0]) & (now_ms[chosen] >= known_ms[car][0])
                target[row, chosen[known]] = np.maximum(now_ms[chosen] - was_there, 0.0)[known] / 1000.0
    return gap, interval, down


def _by_value(values: NDArray[np.int8], chosen: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The ``chosen`` ascending indices, by what the rows of cars in ``values`` are there."""
    found = values[chosen]
    order = np.argsort(found, kind="stable")
    edges = np.flatnonzero(np.diff(found[order])) + 1
    for part in np.split(chosen[order], edges):
        if len(part):
            yield int(values[part[0]]), part


def known_from_ms(progress: Progress, start_ms: float) -> float:
    """Time from which a car's progress is known in a race: its start, for a car that was followed before it.

    Else the first moment after it that tells where the car is, a timing line for example; infinity without one.
    """
    if (progress.time_ms < start_ms).any():
        return start_ms
    after = progress.time_ms[progress.time_ms > start_ms]
    return float(after[0]) if len(after) else np.inf


def _strictly_rising(progress: Progress) -> Progress:
    """Keep the first time each progress was reached, so that it can be inverted."""
    if not len(progress.laps):
        return Progress(np.zeros(1), np.zeros(1))
    first = np.concatenate([[True], np.diff(progress.laps) > 0])
    return Progress(progress.time_ms[first], progress.laps[first])


def best_lap_positions(
    ticks_ms: NDArray[np.int64],
    cars: list[str],
    set_ms: dict[str, Floats],
    lap_time_ms: dict[str, Floats],
    segments_ms: list[float],
) -> NDArray[np.int8]:
    """Position of every car at every tick of a session that is not a race, (cars, ticks), by best lap so far.

    With several segments (``segments_ms``: the starts of Q2 and Q3) a time in a later one beats any earlier one; of two
    equal times the one set first is ahead. A car without a time has no position: -1.

    :param set_ms: per car when its valid laps were set, ascending, with ``lap_time_ms`` the times.
    """
    moments = np.unique(np.concatenate([set_ms[car] for car in cars] or [np.empty(0)]))
    table = np.full((len(moments) + 1, len(cars)), -1, np.int8)
    keys: dict[str, tuple[int, float, float]] = {}
    for index, moment in enumerate(moments):
        for car in cars:
            for lap_ms in lap_time_ms[car][set_ms[car] == moment]:
                segment = int(np.searchsorted(segments_ms, moment - lap_ms, side="right"))
                keys[car] = min(keys.get(car, (1, np.inf, np.inf)), (-segment, float(lap_ms), float(moment)))
        by_time = sorted(keys, key=lambda car: keys[car])
        table[index + 1] = [by_time.index(car) + 1 if car in keys else -1 for car in cars]
    at = np.searchsorted(moments, ticks_ms, side="right")
    return np.ascontiguousarray(table[at].T)
