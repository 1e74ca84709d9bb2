"""The sample season's script: what happens in each of its ten recorded sessions."""

from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from flows.sample.entry import codes
from flows.sample.meetings import meeting_of
from flows.sample.race import LIGHTS_S, PitStop, RaceScript, simulate_race
from flows.sample.results import qualifying_order
from flows.sample.run import SessionRun
from flows.sample.timed import TimedScript, simulate_timed
from transforms.session_types import SESSION_TYPES

#: The field by speed, and how much faster (factor) each place is than the next.
_STRENGTH = codes(
    "MAR", "LIN", "OKO", "TAK", "WEX", "PAZ", "SIL", "KAL", "DUV", "NOV",
    "HAR", "REY", "BEC", "FER", "ANS", "CHO", "IRA", "VAN", "ZEL", "QUI",
)  # fmt: skip
_STEP = 0.0016


def _pace(seed: int, best: float) -> dict[str, float]:
    """Return the factor of the circuit's fastest speed at which each car drives on this day."""
    rng = np.random.default_rng(seed)
    return {n: best - _STEP * place + float(rng.normal(0, 0.0012)) for place, n in enumerate(_STRENGTH)}


def _origin(round_number: int, code: str) -> datetime:
    """Return when the data stream begins (UTC without zone): so that the session starts a little after its schedule."""
    before = LIGHTS_S - 3.0 if SESSION_TYPES[code].is_race_like else 60.0
    return meeting_of(round_number).utc_start(code) - timedelta(seconds=before) + timedelta(milliseconds=347)


@lru_cache(maxsize=16)
def sample_run(round_number: int, code: str) -> SessionRun:
    """Return what happens in one session of the sample season.

    :raises KeyError: the season has no such round, or no data for such a session.
    """
    if code not in meeting_of(round_number).recorded:
        raise KeyError(f"the sample season has no data for round {round_number} {code}")
    if SESSION_TYPES[code].is_race_like:
        return simulate_race(_race_script(round_number, code))
    return simulate_timed(_timed_script(round_number, code))


def _timed_script(round_number: int, code: str) -> TimedScript:
    car, other, idle = codes("DUV", "KAL", "REY")
    parts = {"Q": (205.0, 195.0, 190.0), "SQ": (200.0, 190.0, 185.0), "FP1": (360.0,)}[code]
    first = code == "FP1"
    return TimedScript(
        round=round_number,
        code=code,
        origin=_origin(round_number, code),
        parts=parts,
        pace=_pace(1000 * round_number + len(code) + ord(code[0]), 0.965 if first else 0.985),
        seed=7000 + 100 * round_number + ord(code[0]) + len(code),
        no_time=(idle,) if first else (),
        deleted=((car, 0),) if code == "Q" else (),
        gaps=((other, 150.0, 170.0, "missing"),) if code == "Q" and round_number == 2 else (),
        corrupt_at_s=300.0 if code == "Q" and round_number == 3 else None,
        rain_from_s=200.0 if first and round_number == 2 else None,
        has_drs=round_number != 3,
    )


def _race_script(round_number: int, code: str) -> RaceScript:
    if code == "S":
        return _sprint()
    return {1: _first_race, 2: _second_race, 3: _third_race}[round_number]()


def _first_race() -> RaceScript:
    """Safety car for a car that stops on track; a car that never starts; a lapped car; a penalty; a silent feed."""
    grid = qualifying_order(sample_run(1, "Q"))
    stopped, absent, slow, fined, silent, early, late, late2 = codes(
        "BEC", "QUI", "VAN", "OKO", "TAK", "WEX", "DUV", "NOV"
    )
    return RaceScript(
        round=1,
        code="R",
        origin=_origin(1, "R"),
        laps=8,
        grid=grid,
        pace=_pace(11, 0.972),
        seed=108,
        tyres={number: ("SOFT" if place % 3 == 0 else "MEDIUM") for place, number in enumerate(grid)},
        stops={
            slow: (PitStop(2, 84.0, "HARD"),),
            early: (PitStop(2, 2.6, "HARD"),),
            late: (PitStop(3, 3.1, "HARD"),),
            fined: (PitStop(3, 2.4, "MEDIUM", new=False, age=4),),
            late2: (PitStop(6, 2.3, "SOFT"),),
        },
        retire={stopped: 3.46},
        never_starts=absent,
        yellow=((270.0, 276.0),),
        safety_car=(276.0, 386.0),
        penalties_s={fined: 5},
        deleted=((early, 5),),
        gaps=((silent, 120.0, 140.0, "missing"), (silent, 452.0, 472.0, "zeros")),
        corrupt_at_s=LIGHTS_S + 200.0,
    )


def _sprint() -> RaceScript:
    """Six laps, no stops, virtual safety car, a car that stops on its first lap."""
    stopped, late = codes("ANS", "LIN")
    order = [number for number in qualifying_order(sample_run(2, "SQ")) if number != late]
    grid = (*order[:13], late, *order[13:])
    return RaceScript(
        round=2,
        code="S",
        origin=_origin(2, "S"),
        laps=6,
        grid=grid,
        pace=_pace(22, 0.975),
        seed=215,
        retire={stopped: 0.62},
        yellow=((54.0, 60.0),),
        virtual=(60.0, 100.0),
    )


def _second_race() -> RaceScript:
    """Rain begins, the race is stopped and restarted, tyres are changed meanwhile; zeros in a feed."""
    grid = qualifying_order(sample_run(2, "Q"))
    stopped, silent, bold, first, second = codes("CHO", "PAZ", "KAL", "SIL", "LIN")
    return RaceScript(
        round=2,
        code="R",
        origin=_origin(2, "R"),
        laps=8,
        grid=grid,
        pace=_pace(33, 0.97),
        seed=313,
        tyres=dict.fromkeys(grid, "MEDIUM"),
        stops={
            bold: (PitStop(2, 2.5, "INTERMEDIATE"),),
            first: (PitStop(5, 2.7, "INTERMEDIATE"),),
            second: (PitStop(6, 2.2, "INTERMEDIATE"),),
        },
        retire={stopped: 3.2},
        yellow=((243.0, 250.0),),
        red_flag=(250.0, 490.0),
        red_flag_tyres=dict.fromkeys(grid[::2], "INTERMEDIATE"),
        gaps=((silent, 600.0, 620.0, "zeros"), (bold, 330.0, 352.0, "missing")),
        rain_from_s=LIGHTS_S + 150.0,
    )


def _third_race() -> RaceScript:
    """A dry race with many stops; no DRS, as from 2026."""
    grid = qualifying_order(sample_run(3, "Q"))
    stops: dict[str, tuple[PitStop, ...]] = {}
    for place, number in enumerate(grid):
        if place % 4 != 3:
            stops[number] = (PitStop(3 + place % 4, 2.2 + 0.13 * (place % 5), "HARD" if place % 2 else "SOFT"),)
    (fined,) = codes("MAR")
    return RaceScript(
        round=3,
        code="R",
        origin=_origin(3, "R"),
        laps=8,
        grid=grid,
        pace=_pace(44, 0.978),
        seed=406,
        tyres={number: ("MEDIUM" if place % 2 else "HARD") for place, number in enumerate(grid)},
        stops=stops,
        penalties_s={fined: 10},
        yellow=((200.0, 215.0),),
        has_drs=False,
    )
