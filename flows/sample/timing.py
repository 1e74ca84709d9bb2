"""The timing topics as Formula 1 sends them: ``TimingData``, ``TimingAppData`` and ``LapCount``.

A message holds only what changed. Its stream time is the moment it speaks of: a line crossed, the pit lane entered.
Where two cars' news fall on the same millisecond they are two messages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.sample.entry import NUMBERS
from flows.sample.messages import clock
from flows.sample.mini_sectors import NONE, mini_sector_events
from flows.sample.run import CarRun, LapRun, SessionRun
from flows.sample.timed import part_of, timed_laps

#: (ms of session time, order within it, document)
Event = tuple[int, int, dict[str, Any]]
_TRAPS = ("I1", "I2", "FL", "ST")
_IN_PIT, _ON_TRACK, _RETIRED = 80, 64, 92


def seconds(milliseconds: int) -> str:
    """Return a sector time as Formula 1 writes it: ``23.456``, over a minute ``1:23.456``."""
    return clock(milliseconds) if milliseconds >= 60000 else f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


def timing_data(run: SessionRun) -> list[Event]:
    """Return the messages of ``TimingData``."""
    events: list[Event] = [(3250, 0, _opening(run))]
    for car in run.cars.values():
        events += _car_events(run, car)
    events += list(_order_events(run)) if run.is_race else [*_part_events(run), *mini_sector_events(run)]
    return _merged(events)


def _opening(run: SessionRun) -> dict[str, Any]:
    """Return the first message: every car with every field, still in the pit lane."""
    empty = {"Value": "", "Status": 0, "OverallFastest": False, "PersonalFastest": False}
    segments = {} if run.is_race else {"Segments": list(NONE)}
    lines = {}
    order = sorted(run.cars.values(), key=lambda car: (car.grid, NUMBERS.index(car.number)))
    for place, car in enumerate(order, start=1):
        best: dict[str, Any] = {"GapToLeader": "", "IntervalToPositionAhead": {"Value": "", "Catching": False}}
        if not run.is_race:
            best = {"KnockedOut": False, "BestLapTimes": [{"Value": ""}, {}, {}]}
        lines[car.number] = {
            **best,
            "Line": place,
            "Position": str(place),
            "ShowPosition": True,
            "RacingNumber": car.number,
            "Retired": False,
            "InPit": True,
            "PitOut": False,
            "Stopped": False,
            "Status": _IN_PIT,
            "Sectors": [{"Stopped": False, **empty, **segments} for _ in range(3)],
            "Speeds": {trap: dict(empty) for trap in _TRAPS},
            "BestLapTime": {"Value": ""},
            "LastLapTime": dict(empty),
        }
    return {"Lines": lines, "Withheld": False}


def _car_events(run: SessionRun, car: CarRun) -> list[Event]:
    """Return what a car's own transponder tells: sectors, laps, speeds, pit lane, stopping."""
    events: list[Event] = []

    def tell(time_ms: int | None, **fields: Any) -> None:
        if time_ms is not None:
            events.append((time_ms, 1, {"Lines": {car.number: fields}}))

    tell(car.first_pit_out_ms, InPit=False, PitOut=True, Status=_ON_TRACK)
    tell(car.stopped_ms, Retired=True, Stopped=True, Status=_RETIRED)
    valid = {lap.number for lap in timed_laps(run, car)} if not run.is_race else None
    best: dict[int, int] = {}
    stops = 0
    for lap in car.laps:
        if lap.pit_out_ms != car.first_pit_out_ms:
            tell(lap.pit_out_ms, InPit=False, PitOut=True, Status=_ON_TRACK)
        if lap.pit_in_ms is not None:
            stops += 1
            tell(lap.pit_in_ms, InPit=True, Status=_IN_PIT, NumberOfPitStops=stops)
        first, second, last = _speeds(run, car, lap)
        if lap.sector1_ms is not None:
            values = {"0": {"Value": ""}, "1": {"Value": ""}, "2": {"Value": ""}}
            if lap.start_ms is not None and not (run.is_race and lap.number == 1):
                values["0"] = {"Value": seconds(lap.sector1_ms - lap.start_ms)}
            tell(lap.sector1_ms, Sectors=values, Speeds={"I1": {"Value": first}})
        if lap.sector1_ms is not None and lap.sector2_ms is not None:
            value = {"1": {"Value": seconds(lap.sector2_ms - lap.sector1_ms)}}
            tell(lap.sector2_ms, Sectors=value, Speeds={"I2": {"Value": second}, "ST": {"Value": last}})
        if lap.sector2_ms is not None and lap.end_ms is not None:
            fields = {
                "NumberOfLaps": lap.number,
                "Sectors": {"2": {"Value": seconds(lap.end_ms - lap.sector2_ms)}},
                "Speeds": {"FL": {"Value": last}},
            }
            if lap.time_ms is not None and not (run.is_race and lap.number == 1):
                fields["LastLapTime"] = {"Value": clock(lap.time_ms)}
                part = 0 if run.is_race else part_of(run, lap)
                counts = valid is None or lap.number in valid or lap.number in car.deleted_laps
                if counts and lap.time_ms < best.get(part, 10**9):
                    previous = best.get(part)
                    best[part] = lap.time_ms
                    fields |= _best(run, part, lap.time_ms, lap.number)
                    if lap.number in car.deleted_laps:
                        # The time that stood before is sent again when the stewards delete one.
                        again = {"Value": ""} if previous is None else {"Value": clock(previous)}
                        best.pop(part)
                        if previous is not None:
                            best[part] = previous
                        tell(lap.end_ms + 8000, BestLapTime=again)
            tell(lap.end_ms, **fields)
    return events


def _best(run: SessionRun, part: int, time_ms: int, lap: int) -> dict[str, Any]:
    value = {"Value": clock(time_ms), "Lap": lap}
    return {"BestLapTime": value} if run.is_race else {"BestLapTime": value, "BestLapTimes": {str(part): value}}


def _speeds(run: SessionRun, car: CarRun, lap: LapRun) -> tuple[str, str, str]:
    """Return the speeds (km/h) at the ends of the three sectors, '' where the car did not come."""
    moments = [lap.sector1_ms, lap.sector2_ms, lap.end_ms]
    values = car.trajectory.at(np.array([0 if moment is None else moment for moment in moments]) / 1000)[1]
    texts = ["" if moment is None else str(round(v * 3.6)) for moment, v in zip(moments, values, strict=True)]
    return texts[0], texts[1], texts[2]


@dataclass
class _Standing:
    """How far a car is known to be: timing lines passed, and when it passed the last one."""

    lines: int
    time_ms: int


def _crossings(run: SessionRun) -> list[tuple[int, int, str]]:
    """Return (ms, timing lines passed since the start, car) of every crossing, in order."""
    found = []
    for car in run.cars.values():
        for lap in car.laps:
            for sector, moment in enumerate((lap.sector1_ms, lap.sector2_ms, lap.end_ms), start=1):
                if moment is not None:
                    found.append((moment, 3 * (lap.number - 1) + sector, car.number))
    return sorted(found)


def _order_events(run: SessionRun) -> Iterator[Event]:
    """Yield gaps and positions, news of them at every timing line."""
    by_grid = sorted(run.cars.values(), key=lambda car: car.grid)
    standing = {car.number: _Standing(0, car.grid) for car in by_grid}
    places = {car.number: place for place, car in enumerate(by_grid, start=1)}
    leader_at: dict[int, int] = {}
    ahead_at: dict[int, int] = {}
    yield (
        60000,
        2,
        {"Lines": {by_grid[0].number: {"GapToLeader": "LAP 1", "IntervalToPositionAhead": {"Value": "LAP 1"}}}},
    )
    for moment, lines, number in _crossings(run):
        standing[number] = _Standing(lines, moment)
        order = sorted(standing, key=lambda n: (-standing[n].lines, standing[n].time_ms))
        if lines not in leader_at and order[0] == number:
            leader_at[lines] = moment
            gap = interval = f"LAP {min(lines // 3 + 1, run.total_laps or 1)}"
        else:
            laps_down = (standing[order[0]].lines - lines) // 3
            gap = f"{laps_down}L" if laps_down else f"+{seconds(moment - leader_at[lines])}"
            interval = f"+{seconds(moment - ahead_at.get(lines, moment))}"
        ahead_at[lines] = moment
        news: dict[str, dict[str, Any]] = {number: {"GapToLeader": gap, "IntervalToPositionAhead": {"Value": interval}}}
        for place, other in enumerate(order, start=1):
            if places[other] != place:
                places[other] = place
                news.setdefault(other, {}).update(Line=place, Position=str(place))
        yield moment, 1, {"Lines": news}


def _part_events(run: SessionRun) -> Iterator[Event]:
    """Yield what begins a part of qualifying, and the order by best time after every timed lap."""
    best: dict[str, tuple[int, int]] = {}
    places = {number: place for place, number in enumerate(run.cars, start=1)}
    laps = []
    for car in run.cars.values():
        laps += [(lap.end_ms or 0, part_of(run, lap), car.number, lap.time_ms or 0) for lap in timed_laps(run, car)]
    for part in range(1, len(run.parts)):
        through = {number for _, began, number, _ in laps if began >= part}
        lines: dict[str, Any] = {
            number: {"BestLapTimes": {str(part): {"Value": ""}}} for number in run.cars if number in through
        }
        lines |= {number: {"KnockedOut": True} for number in run.cars if number not in through}
        yield round(run.parts[part][0] * 1000) - 2000, 0, {"SessionPart": part + 1, "Lines": lines}
    for moment, part, number, time_ms in sorted(laps):
        held = best.get(number)
        if held is not None and held <= (-part, time_ms):
            continue
        best[number] = (-part, time_ms)
        order = sorted(run.cars, key=lambda n: (best.get(n, (1, 0)), places[n]))
        news: dict[str, dict[str, Any]] = {}
        for place, other in enumerate(order, start=1):
            if places[other] != place:
                news[other] = {"Line": place, "Position": str(place)}
        places = {other: place for place, other in enumerate(order, start=1)}
        if news:
            yield moment + 600, 2, {"Lines": news}


def _merged(events: list[Event]) -> list[Event]:
    """Join what is said of the same car at the same moment: the lap, its gap and its place are one message."""
    merged: list[Event] = []
    for event in sorted(events, key=lambda event: (event[0], event[1], min(event[2]["Lines"], default=""))):
        before = merged[-1] if merged else None
        if (
            before
            and before[0] == event[0]
            and event[1] == before[1] == 1
            and set(before[2]["Lines"]) & set(event[2]["Lines"])
        ):
            for number, fields in event[2]["Lines"].items():
                before[2]["Lines"].setdefault(number, {}).update(fields)
        else:
            merged.append(event)
    return merged


def timing_app_data(run: SessionRun) -> list[Event]:
    """Return the messages of ``TimingAppData``: grid places, tyres and the laps on them."""
    lines: dict[str, Any] = {}
    for car in run.cars.values():
        lines[car.number] = {"RacingNumber": car.number, "Stints": []} | (
            {"GridPos": str(car.grid)} if car.grid else {}
        )
    events: list[Event] = [(3546, 0, {"Lines": lines})]
    for car in run.cars.values():
        for index, stint in enumerate(car.stints):
            fitted = {
                "LapFlags": 0,
                "Compound": stint.compound,
                "New": "true" if stint.new else "false",
                "TyresNotChanged": "0" if stint.changed else "1",
                "TotalLaps": stint.age,
                "StartLaps": stint.age,
            }
            events.append((stint.time_ms, 1, {"Lines": {car.number: {"Stints": {str(index): fitted}}}}))
        for lap in car.complete_laps:
            end_ms = lap.end_ms or 0
            current = max(index for index, stint in enumerate(car.stints) if index == 0 or stint.time_ms <= end_ms)
            since = sum(
                (other.end_ms or 0) > car.stints[current].time_ms
                for other in car.complete_laps
                if other.number <= lap.number
            )
            fields: dict[str, Any] = {"TotalLaps": car.stints[current].age + since}
            if lap.time_ms is not None and lap.number > 1:
                fields |= {"LapTime": clock(lap.time_ms), "LapNumber": lap.number}
            events.append((end_ms + 240, 2, {"Lines": {car.number: {"Stints": {str(current): fields}}}}))
    return sorted(events, key=lambda event: (event[0], event[1], min(event[2]["Lines"])))


def lap_count(run: SessionRun) -> list[Event]:
    """Return the messages of ``LapCount``: the leader's lap."""
    if run.total_laps is None:
        return []
    events: list[Event] = [(3845, 0, {"CurrentLap": 1, "TotalLaps": run.total_laps})]
    for number in range(2, run.total_laps + 1):
        ends = [lap.end_ms for car in run.cars.values() for lap in car.complete_laps if lap.number == number - 1]
        events.append((min(end for end in ends if end is not None) + 120, 0, {"CurrentLap": number}))
    return events
