"""The official results of the sample season, in the shape of the results service (Jolpica, formerly Ergast)."""

from dataclasses import dataclass
from typing import Any

from flows.sample.entry import ENTRANTS
from flows.sample.meetings import SAMPLE_YEAR, meeting_of
from flows.sample.messages import clock
from flows.sample.run import CarRun, SessionRun
from flows.sample.timed import part_of, timed_laps

_RACE_POINTS = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
_SPRINT_POINTS = (8, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Classified:
    """One line of a race's official classification.

    ``text`` is the position, or R (retired) or W (did not start); ``time_ms`` the race time with penalties, of cars
    that completed the full distance; ``gap_ms`` to the winner.
    """

    number: str
    position: int
    text: str
    grid: int
    laps: int
    status: str
    points: int
    time_ms: int | None
    gap_ms: int | None


def order_across_line(run: SessionRun) -> tuple[str, ...]:
    """Return the cars that took the flag, in the order of laps completed and crossing times."""
    finished = [car for car in run.cars.values() if car.finished_ms is not None]
    return tuple(car.number for car in sorted(finished, key=lambda car: (-_laps(car), car.finished_ms or 0)))


def classification(run: SessionRun) -> tuple[Classified, ...]:
    """Return a race's official classification, time penalties included."""
    start = round(run.start_s * 1000)
    penalised = {n: (run.cars[n].finished_ms or 0) + 1000 * run.penalties_s.get(n, 0) for n in order_across_line(run)}
    order = sorted(penalised, key=lambda number: (-_laps(run.cars[number]), penalised[number]))
    retired = [car for car in run.cars.values() if car.started and car.finished_ms is None]
    retired.sort(key=lambda car: -(car.stopped_ms or 0))
    absent = [car.number for car in run.cars.values() if not car.started]
    points = _RACE_POINTS if run.code == "R" else _SPRINT_POINTS
    lines = []
    for position, number in enumerate([*order, *(car.number for car in retired), *absent], start=1):
        car = run.cars[number]
        full = car.finished_ms is not None and _laps(car) == run.total_laps
        status = "Finished" if full else "Lapped" if car.finished_ms else "Retired" if car.started else "Did not start"
        lines.append(
            Classified(
                number=number,
                position=position,
                text=str(position) if car.finished_ms else "R" if car.started else "W",
                grid=car.grid,
                laps=_laps(car),
                status=status,
                points=points[position - 1] if car.finished_ms and position <= len(points) else 0,
                time_ms=penalised[number] - start if full else None,
                gap_ms=penalised[number] - penalised[order[0]] if full else None,
            )
        )
    return tuple(lines)


def part_times(run: SessionRun) -> dict[str, dict[int, int]]:
    """Return each car's best counting lap time (ms) by part of the session (from 0)."""
    times: dict[str, dict[int, int]] = {number: {} for number in run.cars}
    for number, car in run.cars.items():
        for lap in timed_laps(run, car):
            part = part_of(run, lap)
            times[number][part] = min(times[number].get(part, 10**9), lap.time_ms or 10**9)
    return times


def qualifying_order(run: SessionRun) -> tuple[str, ...]:
    """Return the cars by qualifying result."""
    times = part_times(run)
    last = {number: max(parts, default=-1) for number, parts in times.items()}
    return tuple(sorted(run.cars, key=lambda n: (-last[n], times[n].get(last[n], 10**9))))


def _laps(car: CarRun) -> int:
    return len(car.complete_laps)


def _driver(number: str) -> dict[str, Any]:
    entrant = ENTRANTS[number]
    return {
        "driverId": entrant.driver_id,
        "permanentNumber": number,
        "code": entrant.code,
        "url": "",
        "givenName": entrant.first_name,
        "familyName": entrant.last_name,
        "dateOfBirth": "2075-01-01",
        "nationality": entrant.nationality,
    }


def _constructor(number: str) -> dict[str, Any]:
    entrant = ENTRANTS[number]
    return {"constructorId": entrant.team_id, "url": "", "name": entrant.team, "nationality": entrant.nationality}


def race_results(run: SessionRun) -> dict[str, Any]:
    """Return the body of ``results.json`` or, for a sprint, ``sprint.json``."""
    rows = []
    for line in classification(run):
        row = {
            "number": line.number,
            "position": str(line.position),
            "positionText": line.text,
            "points": str(line.points),
            "Driver": _driver(line.number),
            "Constructor": _constructor(line.number),
            "grid": str(line.grid),
            "laps": str(line.laps),
            "status": line.status,
        }
        if line.time_ms is not None and line.gap_ms is not None:
            gap = f"+{line.gap_ms // 1000}.{line.gap_ms % 1000:03d}" if line.gap_ms else clock(line.time_ms)
            row["Time"] = {"millis": str(line.time_ms), "time": gap}
        rows.append(row)
    endpoint, key = ("results", "Results") if run.code == "R" else ("sprint", "SprintResults")
    return _table(run, f"{endpoint}.json", key, rows)


def qualifying_results(run: SessionRun) -> dict[str, Any]:
    """Return the body of ``qualifying.json``."""
    times = part_times(run)
    rows = []
    for position, number in enumerate(qualifying_order(run), start=1):
        parts = {f"Q{part + 1}": clock(time) for part, time in sorted(times[number].items())}
        row = {"number": number, "position": str(position), "Driver": _driver(number)}
        rows.append({**row, "Constructor": _constructor(number), **parts})
    return _table(run, "qualifying.json", "QualifyingResults", rows)


def first_lap_times(run: SessionRun) -> dict[str, Any]:
    """Return the body of ``laps/1.json``: the first lap's times, which the timing feed does not give."""
    done = sorted((car.laps[0].time_ms or 0, car.number) for car in run.cars.values() if car.complete_laps)
    timings = [
        {"driverId": ENTRANTS[number].driver_id, "time": clock(time), "position": str(place)}
        for place, (time, number) in enumerate(done, start=1)
    ]
    return _table(run, "laps/1.json", "Laps", [{"number": "1", "Timings": timings}])


def _table(run: SessionRun, endpoint: str, key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    meeting = meeting_of(run.round)
    start = meeting.utc_start("R")
    race = {
        "season": str(SAMPLE_YEAR),
        "round": str(run.round),
        "url": "",
        "raceName": meeting.name,
        "Circuit": {
            "circuitId": meeting.location.lower().replace(" ", "_"),
            "url": "",
            "circuitName": run.circuit.name,
            "Location": {"lat": "0", "long": "0", "locality": meeting.location, "country": meeting.country},
        },
        "date": f"{start:%Y-%m-%d}",
        "time": f"{start:%H:%M:%S}Z",
        key: rows,
    }
    return {
        "MRData": {
            "xmlns": "",
            "series": "f1",
            "url": f"https://api.jolpi.ca/ergast/f1/{SAMPLE_YEAR}/{run.round}/{endpoint}",
            "limit": "30",
            "offset": "0",
            "total": str(len(rows)),
            "RaceTable": {"season": str(SAMPLE_YEAR), "round": str(run.round), "Races": [race]},
        }
    }
