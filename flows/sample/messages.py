"""Race control's messages, worded as race control words them."""

from typing import TYPE_CHECKING, Any

from flows.sample.entry import ENTRANTS
from flows.sample.run import CarRun

if TYPE_CHECKING:
    from flows.sample.race import RaceScript

Message = tuple[float, dict[str, Any]]


def name(number: str) -> str:
    """Return a car as race control names it: ``5 (OKO)``."""
    return f"{number} ({ENTRANTS[number].code})"


def flag(seconds: float, color: str, text: str, sector: int | None = None) -> Message:
    """Return a flag for the whole track or for one of its marshal sectors."""
    scope = {"Scope": "Track"} if sector is None else {"Scope": "Sector", "Sector": sector}
    return seconds, {"Category": "Flag", "Flag": color, **scope, "Message": text}


def other(seconds: float, text: str) -> Message:
    """Return a message of no special kind."""
    return seconds, {"Category": "Other", "Message": text}


def clock(milliseconds: int) -> str:
    """Return a lap time as Formula 1 writes it: ``1:02.345``."""
    minutes, rest = divmod(milliseconds, 60000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def deletions(runs: dict[str, CarRun]) -> list[Message]:
    """Return the messages that delete lap times, 8 s after the lap."""
    found = []
    for number, run in runs.items():
        for lap in run.laps:
            if lap.number in run.deleted_laps and lap.time_ms is not None and lap.end_ms is not None:
                what = f"CAR {name(number)} TIME {clock(lap.time_ms)} DELETED"
                text = f"{what} - TRACK LIMITS AT TURN 4 LAP {lap.number} 15:10:11"
                found.append(other(lap.end_ms / 1000 + 8, text))
    return found


def race_messages(
    script: "RaceScript", runs: dict[str, CarRun], lights_s: float, finish_s: float
) -> tuple[Message, ...]:
    """Return a race's messages in order, each with the leader's lap at that moment."""
    found = [flag(16.0, "GREEN", "GREEN LIGHT - PIT EXIT OPEN"), *deletions(runs)]
    found.append(
        other(40.0, "RISK OF RAIN FOR F1 RACE IS 40%" if script.rain_from_s else "RISK OF RAIN FOR F1 RACE IS 0%")
    )
    if script.never_starts:
        found.append(other(150.0, f"CAR {name(script.never_starts)} WILL NOT START THE RACE"))
    if script.has_drs:
        found.append((lights_s + 90, {"Category": "Drs", "Status": "ENABLED", "Message": "DRS ENABLED"}))
    for start, end in script.yellow:
        found.append(flag(lights_s + start, "YELLOW", "YELLOW IN TRACK SECTOR 7", 7))
        found.append(flag(lights_s + end, "CLEAR", "CLEAR IN TRACK SECTOR 7", 7))
    if script.safety_car is not None:
        start, end = script.safety_car
        found.append(_safety_car(lights_s + start, "SAFETY CAR", "DEPLOYED"))
        found.append(_safety_car(lights_s + end - 20, "SAFETY CAR", "IN THIS LAP"))
        found.append(flag(lights_s + end, "CLEAR", "TRACK CLEAR"))
    if script.virtual is not None:
        start, end = script.virtual
        found.append(_safety_car(lights_s + start, "VIRTUAL SAFETY CAR", "DEPLOYED"))
        found.append(_safety_car(lights_s + end - 6, "VIRTUAL SAFETY CAR", "ENDING"))
    if script.red_flag is not None:
        start, restart = script.red_flag
        found.append(flag(lights_s + start, "RED", "RED FLAG"))
        found.append(other(lights_s + restart - 60, "RACE WILL RESUME SHORTLY"))
        found.append(flag(lights_s + restart, "GREEN", "GREEN LIGHT - PIT EXIT OPEN"))
    for number, seconds in script.penalties_s.items():
        text = f"FIA STEWARDS: {seconds} SECOND TIME PENALTY FOR CAR {name(number)} - SPEEDING IN THE PIT LANE"
        found.append(other(finish_s - 70, text))
    found.append(flag(finish_s, "CHEQUERED", "CHEQUERED FLAG"))
    ends = _leader_laps(runs)
    return tuple(
        (seconds, {"Lap": min(1 + sum(end <= seconds for end in ends), script.laps), **fields})
        for seconds, fields in sorted(found, key=lambda message: message[0])
    )


def _safety_car(seconds: float, mode: str, status: str) -> Message:
    return seconds, {"Category": "SafetyCar", "Status": status, "Mode": mode, "Message": f"{mode} {status}"}


def _leader_laps(runs: dict[str, CarRun]) -> list[float]:
    """Return when the first car completed each lap, in seconds."""
    ends: dict[int, int] = {}
    for run in runs.values():
        for lap in run.complete_laps:
            if lap.end_ms is not None:
                ends[lap.number] = min(ends.get(lap.number, lap.end_ms), lap.end_ms)
    return [end / 1000 for end in ends.values()]
