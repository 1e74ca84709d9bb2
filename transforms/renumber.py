"""The laps of a race with other numbers or times: what follows from them is put right with them.

A car's laps are rows of :data:`transforms.columns.RECORDED_LAPS` as dicts, in order; they are changed in place.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from transforms import columns
from transforms.clock import session_status_ms
from transforms.lap_counts import Lap, start_of
from transforms.recording import Recording
from transforms.timing import Span, flag_ms, read_timing

#: Record and crossing agree on when a lap began within this, ms.
_SAME_MS = 1000.0


def flat(cars: Mapping[str, list[Lap]]) -> Iterable[Lap]:
    """The laps of all cars, one after the other."""
    return (lap for laps in cars.values() for lap in laps)


def add_to_numbers(laps: list[Lap], number: int, lost: int, hole_ms: float) -> None:
    """Number the laps from ``number`` on ``lost`` higher: so many came before, after the crossing ``hole_ms``.

    The lap after the hole did not begin where the hole did, and the tyres have done the lost laps.
    """
    numbered = [lap for lap in laps if lap["lap"] is not None]
    following = [lap for lap in numbered if lap["lap"] >= number]
    before = [lap for lap in numbered if lap["lap"] < number]
    first = following[0]
    if first["lap"] == 1:
        _without_first_lap_time(first)
    if first["start_ms"] is not None and abs(first["start_ms"] - hole_ms) <= _SAME_MS:
        first["start_ms"] = start_of(first)
    _age_tyres(following, before[-1] if before else None, lost)
    for lap in following:
        lap["lap"] += lost


def _without_first_lap_time(lap: Lap) -> None:
    """Take the time of a race's first lap, which FastF1 has from the results service, off a later one."""
    sectors = [lap[f"sector{n}_ms"] for n in (1, 2, 3)]
    lap["lap_time_ms"] = None if None in sectors else sum(sectors)


def _age_tyres(following: list[Lap], before: Lap | None, lost: int) -> None:
    """Add the lost laps to the age of a set if it was counted by the records there are."""
    first = following[0]
    age, earlier = first["tyre_age_laps"], 0 if before is None else before["tyre_age_laps"]
    if age is None or earlier is None or (before is not None and before["stint"] != first["stint"]):
        return
    if age - earlier == first["lap"] - (0 if before is None else before["lap"]):
        for lap in following:
            if lap["stint"] == first["stint"] and lap["tyre_age_laps"] is not None:
                lap["tyre_age_laps"] += lost


def mend(recording: Recording, cars: dict[str, list[Lap]], changed: Iterable[str], moved: Iterable[str]) -> None:
    """Put right what follows from the times of laps: laps that FastF1 generated, track status, stints.

    :param changed: the cars whose laps have other numbers or times; ``moved`` those with other times.
    """
    timing = read_timing(columns.RECORDED_LAPS.of_rows(flat(cars)))
    finished = session_status_ms(recording, "Finished")
    flag = flag_ms(timing, finished[-1] if finished else None, recording.total_laps)
    statuses = recording.track_status.to_pylist()
    for car in changed:
        crossings = timing[car].crossing_ms if car in timing else np.empty(0)
        if flag is not None and len(crossings) and crossings[-1] >= flag:
            # FastF1 adds a lap to a car that it thinks stopped on track; this one took the flag.
            cars[car] = [lap for lap in cars[car] if not lap["generated"]]
        for lap in cars[car]:
            if lap["start_ms"] is None or lap["end_ms"] is None:
                continue
            if lap["generated"] and lap["end_ms"] <= lap["start_ms"]:
                lap["end_ms"] = None
            else:
                lap["track_statuses"] = _status_during(statuses, lap["start_ms"], lap["end_ms"])
    for car in moved:
        _fit_stints(cars[car])


def _status_during(statuses: list[dict[str, Any]], start_ms: float, end_ms: float) -> str:
    """Every track status code during a lap, in order."""
    during = (
        row["status"]
        for row in statuses
        if row["status"] and row["time_ms"] <= end_ms and (row["end_ms"] is None or row["end_ms"] >= start_ms)
    )
    return "".join(dict.fromkeys(during))


def _fit_stints(laps: list[Lap]) -> None:
    """Begin each stint on the lap with the pit exit, where FastF1, by its early crossings, began it later."""
    for index in range(1, len(laps)):
        first, before = laps[index], laps[index - 1]
        if first["stint"] == before["stint"] or first["pit_out_ms"] is not None:
            continue
        exits = [
            at
            for at in range(1, index)
            if laps[at]["pit_out_ms"] is not None and laps[at]["stint"] == laps[at - 1]["stint"] == before["stint"]
        ]
        if not exits:
            continue
        age, fitted = first["tyre_age_laps"], laps[exits[-1]]
        for lap in laps[exits[-1] : index]:
            lap.update({name: first[name] for name in ("stint", "compound", "tyre_fresh")})
        for lap in laps[exits[-1] :]:
            if lap["stint"] == first["stint"] and age is not None and lap["lap"] is not None:
                lap["tyre_age_laps"] = age + lap["lap"] - fitted["lap"]


def place(cars: dict[str, list[Lap]], lost: Mapping[int, list[Span]]) -> None:
    """Give all laps their places at the line by their ends, as FastF1 does.

    :param lost: by lap number the times between which crossings of that lap were lost: whoever crossed the line in
        between has no place, and whoever did later is behind.
    """
    by_number: dict[int, list[Lap]] = {}
    for lap in flat(cars):
        if lap["lap"] is not None and not lap["generated"]:
            by_number.setdefault(lap["lap"], []).append(lap)
    for number, laps in by_number.items():
        laps.sort(key=lambda lap: (lap["end_ms"] is None, lap["end_ms"] or 0))
        for rank, lap in enumerate(laps, start=1):
            at = np.inf if lap["end_ms"] is None else lap["end_ms"]
            spans = lost.get(number, [])
            unsure = any(begin < at < end for begin, end in spans)
            lap["position"] = None if unsure else rank + sum(end <= at for _, end in spans)
