"""Mini-sectors of practice and qualifying as Formula 1 colours them: three a sector, each when a car leaves it."""

from typing import Any

import numpy as np

from flows.sample.run import CarRun, LapRun, SessionRun
from flows.sample.timed import part_of

PER_SECTOR = 3
YELLOW, GREEN, PURPLE, PIT = 2048, 2049, 2051, 2064
NONE: tuple[dict[str, Any], ...] = ({"Status": 0},) * PER_SECTOR


def mini_sector_events(run: SessionRun) -> list[tuple[int, int, dict[str, Any]]]:
    """Return what ``TimingData`` says of mini-sectors; the first of a lap takes all colours of the lap before away."""
    passed = sorted(
        (moment, car.number, number, lap)
        for car in run.cars.values()
        for lap in car.laps
        for number, moment in enumerate(_ends(lap))
        if moment is not None
    )
    best: dict[tuple[str | None, int, int], int] = {}
    before: dict[str, int] = {}
    events = []
    for moment, car_number, number, lap in passed:
        status = PIT if _in_lane(run.cars[car_number], moment) else YELLOW
        since, before[car_number] = before.get(car_number), moment
        if status != PIT and since is not None:
            own, every = ((who, part_of(run, lap), number) for who in (car_number, None))
            took = moment - since
            if took < best.get(own, 10**9):
                status, best[own] = GREEN, took
            if took < best.get(every, 10**9):
                status, best[every] = PURPLE, took
        sector, segment = divmod(number, PER_SECTOR)
        sectors: dict[str, Any] = {str(sector): {"Segments": {str(segment): {"Status": status}}}}
        if number == 0:
            none = {str(index): value for index, value in enumerate(NONE)}
            sectors = {str(index): {"Segments": dict(none)} for index in range(3)}
            sectors["0"]["Segments"]["0"] = {"Status": status}
        events.append((moment, 3, {"Lines": {car_number: {"Sectors": sectors}}}))
    return events


def _ends(lap: LapRun) -> list[int | None]:
    """Return when each mini-sector of a lap was left, ms of session time: even parts of the time in each sector."""
    begin = lap.start_ms if lap.start_ms is not None else lap.pit_out_ms
    ends: list[int | None] = []
    for end in (lap.sector1_ms, lap.sector2_ms, lap.end_ms):
        known = begin is not None and end is not None and begin < end
        parts = np.linspace(begin or 0, end or 0, PER_SECTOR + 1)[1:].round().astype(int).tolist() if known else []
        ends += parts or [None] * PER_SECTOR
        begin = end
    return ends


def _in_lane(car: CarRun, moment_ms: int) -> bool:
    return any(entered < moment_ms < left for entered, left in car.pit_spans_ms)
