"""Sites with made-up sessions whose values are known, for the viewer to show."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import session_data as made
from viewer_browser import serving

from publish.encode.session import encode_session
from publish.publication import publish_revision, publish_site
from publish.readers import reader_files
from publish.revisions.latest import Summary
from publish.season.index import Event, ScheduledSession, update_season
from publish.site.files import site_files
from publish.stores.folder import FileStore
from transforms.columns import TABLES
from transforms.frames import STATES, Frames
from transforms.order import best_lap_positions
from transforms.parts import Part
from transforms.session import SessionData
from transforms.track import Track

NOW = datetime(2024, 3, 3, 12, tzinfo=UTC)
TICKS = 4000  # 160 s: three chunks
GAP = (1600, 1800)
TIMING = ("lap", "position", "gap_s", "interval_s", "laps_down", "compound", "tyre_age_laps", "stint", "state")
CAPABLE = {"positions": True, "telemetry": True, "drs": True, "messages": True, "weather": True}
ORIGIN = datetime(2024, 3, 2, 15, 3, 42, 123_000, tzinfo=UTC)

#: Q1, Q2 with a red flag, Q3. Six cars; four go on, then two.
PARTS = (
    Part("Q1", 10_000, 50_000, (), 4),
    Part("Q2", 60_000, 100_000, ((70_000, 80_000),), 2),
    Part("Q3", 110_000, 140_000, (), None),
)
#: Car, end and time of a lap (ms), whether the stewards deleted it. In Q2 car 55 is quicker than ever before.
LAPS = (
    ("1", 30_000, 9_000, False),
    ("11", 32_000, 9_100, False),
    ("16", 34_000, 9_200, False),
    ("55", 36_000, 9_300, False),
    ("63", 38_000, 9_400, False),
    ("1", 45_000, 8_000, True),
    ("55", 75_000, 8_800, False),
    ("11", 95_000, 9_150, False),
    ("1", 97_000, 9_500, False),
    ("55", 125_000, 9_900, False),
    ("11", 130_000, 9_050, False),
)
#: The laps after the first of :func:`finished_race_data`: car, lap, end (ms), place, tyre, whether it ends in the pits.
RACE_LAPS = (
    ("1", 2, 121_000, 2, "SOFT", True),
    ("11", 2, 120_000, 1, "SOFT", False),
    ("16", 2, 125_000, 3, "SOFT", False),
    ("1", 3, 143_500, 2, "HARD", False),
    ("11", 3, 141_000, 1, "SOFT", False),
)
GRID = {"16": 1, "11": 2, "1": 3}
#: Mini-sectors of one car: the first of a lap is judged anew, a later lap begins, and a code has no known meaning.
MINI_SECTORS = (
    ("1", "D01", 1, 1, 1, 20_000, 2051, "purple"),
    ("1", "D01", 1, 1, 1, 30_000, 2049, "green"),
    ("1", "D01", 1, 1, 2, 32_000, 2048, "yellow"),
    ("1", "D01", 1, 3, 1, 34_000, 2064, "pit"),
    ("1", "D01", 2, 1, 1, 40_000, 2050, None),
)
#: Race control, by seconds on the clock.
SAID = ((20, "PIT EXIT OPEN"), (70, "RED FLAG"), (140, "CHEQUERED FLAG"))


def race_frames() -> Frames:
    """Three cars; 11 has no position for 8 s, 16 is a lap down and stopped, the order changes at 100 s."""
    frames = made.frames(TICKS)
    first, second, third = frames.cars.values()
    second = made.with_gap(second, *GAP, "x_m", "y_m")
    first.position[2500:], second.position[2500:] = 2, 1
    third.laps_down[:] = 1
    third.gap_s[:] = np.nan
    third.interval_s[:] = np.nan
    third.state[1000:] = STATES.index("stopped")
    third.x_m[1000:], third.y_m[1000:] = -300, 100
    return dataclasses.replace(frames, cars=dict(zip(frames.cars, (first, second, third), strict=True)))


def outline() -> Track:
    """An ellipse around where the made-up cars drive."""
    circle = made.track()
    return dataclasses.replace(circle, x_m=circle.x_m * 1.2, y_m=circle.y_m * 1.5)


def timing_only(frames: Frames) -> Frames:
    cars = {}
    for number, car in frames.cars.items():
        lost = [f.name for f in dataclasses.fields(car) if f.name not in TIMING]
        cars[number] = made.with_gap(car, 0, TICKS, *lost)
    return dataclasses.replace(frames, cars=cars)


def table_of(name: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """A published table with these values; every other one is null."""
    schema = TABLES[name].schema
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)


def publish(
    store: FileStore, folder: Path, session_key: int, code: str, name: str, data: SessionData, **identity: Any
) -> str:
    """Publish ``data`` as a session and return the folder of its revision."""
    who = dataclasses.replace(made.IDENTITY_OF_SESSION, session_key=session_key, code=code, name=name, **identity)
    spool = folder / str(session_key)
    spool.mkdir()
    revision = encode_session(who, made.CIRCUIT, data, spool, made_with={"parcferme": "0"})
    summary = Summary(data.grade, data.capabilities, "inputs", "code")
    publish_revision(store, revision, who, summary=summary, now=NOW)
    return f"v1/sessions/{session_key}/{revision.revision}/"


@contextmanager
def race_site(folder: Path) -> Iterator[SimpleNamespace]:
    """A race (9472) and a qualifying without telemetry (9468) of one event."""
    store = FileStore(folder / "site")
    sessions = tuple(
        ScheduledSession(c, n, None) for c, n in (("FP1", "Practice 1"), ("Q", "Qualifying"), ("R", "Race"))
    )
    event = Event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir", "2024-03-02", "conventional", False, sessions)
    to_come = ScheduledSession("R", "Race", datetime(2099, 3, 9, 17, tzinfo=UTC))
    later = Event(2, "São Paulo Grand Prix", "Brazil", "São Paulo", "2099-03-09", "conventional", False, (to_come,))
    update_season(store, 2024, [event, later], NOW)
    frames = race_frames()
    race = dataclasses.replace(made.session_data(source=frames), rows=None, track=outline())
    race = dataclasses.replace(race, capabilities=race.capabilities | {"track": True})
    lacking = {"timing": True, "telemetry": False, "positions": False, "track": False, "weather": False}
    bare = dataclasses.replace(
        race,
        frames=timing_only(frames),
        replay=made.replay(timing_only(frames)),
        track=None,
        capabilities=lacking,
        grade="D",
        quality=made.quality_report(reasons=["timing without telemetry"]),
    )
    race_folder = publish(store, folder, 9472, "R", "Race", race)
    publish(store, folder, 9468, "Q", "Qualifying", bare)
    publish_site(store, site_files() | reader_files())
    with serving(store) as base:
        yield SimpleNamespace(store=store, base=base, frames=frames, folder=race_folder)


def timed_data(parts: tuple[Part, ...]) -> SessionData:
    """Six cars in these parts by :data:`LAPS`; nobody has a position before its first time, the sixth never one."""
    frames = made.frames(TICKS, 6)
    numbers = list(frames.cars)
    ticks_ms = np.arange(TICKS) * 40
    sound = {car: [lap for lap in LAPS if lap[0] == car and not lap[3]] for car in numbers}
    set_ms = {car: np.array([float(lap[1]) for lap in laps]) for car, laps in sound.items()}
    times = {car: np.array([float(lap[2]) for lap in laps]) for car, laps in sound.items()}
    starts = [float(part.start_ms) for part in parts[1:]]
    positions = best_lap_positions(ticks_ms, numbers, set_ms, times, starts)
    cars = {}
    for row, (car, channels) in enumerate(frames.cars.items()):
        timed = ticks_ms >= set_ms[car][0] if len(set_ms[car]) else np.zeros(TICKS, np.bool_)
        state = np.full(TICKS, STATES.index("running"), np.int8)
        state[ticks_ms >= 145_000] = STATES.index("finished")
        nothing = np.full(TICKS, np.nan, np.float32)
        position = np.where(timed, positions[row], -1).astype(np.int8)
        cars[car] = dataclasses.replace(channels, position=position, state=state, gap_s=nothing, interval_s=nothing)
    laps = [{"car": c, "lap": i, "end_ms": e, "lap_time_ms": t, "deleted": d} for i, (c, e, t, d) in enumerate(LAPS)]
    said = [{"utc": ORIGIN + timedelta(seconds=at), "message": text} for at, text in SAID]
    results = [{"car": c, "position": p, "status": "Finished"} for p, c in enumerate(("11", "55", "1", "16"), start=1)]
    minis = [dict(zip(TABLES["mini_sectors"].names, row, strict=True)) for row in MINI_SECTORS]
    data = made.session_data(source=dataclasses.replace(frames, cars=cars), cars=6)
    tables = {
        "laps": table_of("laps", laps),
        "race_control_messages": table_of("race_control_messages", said),
        "results": table_of("results", results),
        "mini_sectors": table_of("mini_sectors", minis),
    }
    return dataclasses.replace(
        data, tables=data.tables | tables, rows=None, track=outline(), parts=parts, capabilities=CAPABLE
    )


def first_laps_ms(frames: Frames) -> dict[str, int]:
    """When each car of :func:`race_frames` ends its first lap, begun at 0: as its lap and distance have it."""
    ends = {}
    for number, car in frames.cars.items():
        tick = int(np.argmax(car.lap == 2))
        ends[number] = round(40 * (tick - car.lap_distance_m[tick] * 3.6 / car.speed_kmh[tick] / 0.04))
    return ends


def race_laps(frames: Frames) -> list[dict[str, Any]]:
    """The laps of :func:`finished_race_data`: the first one true to the frames, the others of :data:`RACE_LAPS`."""
    ends = first_laps_ms(frames)
    laps = [(car, 1, end, place, "SOFT", False) for place, (car, end) in enumerate(ends.items(), start=1)]
    rows: list[dict[str, Any]] = []
    before = dict.fromkeys(ends, 0)
    for car, lap, end, place, compound, is_in in (*laps, *RACE_LAPS):
        timed = {"start_ms": before[car], "end_ms": end, "lap_time_ms": end - before[car]}
        tyre = {"compound": compound, "stint": 1 + (compound == "HARD"), "tyre_age_laps": lap, "tyre_fresh": True}
        where = {"car": car, "lap": lap, "position": place, "pit_in_ms": end - 500 if is_in else None}
        rows.append(where | timed | tyre)
        before[car] = end
    return rows


def finished_race_data() -> SessionData:
    """The race of :func:`race_frames` with a safety car from 80 s, whose cars 1 and 11 take the flag at 140 s."""
    frames = race_frames()
    for car in list(frames.cars.values())[:2]:
        car.state[3500:] = STATES.index("finished")
    order = enumerate(("11", "1", "16"), start=1)
    results = [{"car": c, "position": p, "status": "Finished", "grid": GRID[c]} for p, c in order]
    data = made.session_data(source=frames)
    tables = {"results": table_of("results", results), "laps": table_of("laps", race_laps(frames))}
    return dataclasses.replace(
        data,
        tables=data.tables | tables,
        total_laps=3,
        rows=None,
        track=outline(),
        capabilities=CAPABLE | {"order": True},
        quality=made.quality_report(reasons=["car 16 stopped"]),
        grade="B",
    )


@contextmanager
def board_site(folder: Path) -> Iterator[SimpleNamespace]:
    """Qualifyings (9480; 9481 yesterday, its time of day unknown), a practice (9482) and races.

    Races: 9490 and 9491 of yesterday, 9492 and 9493 years ago.
    """
    store = FileStore(folder / "site")
    yesterday = {"start_utc": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    qualifying, race = timed_data(PARTS), finished_race_data()
    clock = dataclasses.replace(qualifying.frames.clock, utc_origin_ms=None)
    timeless = dataclasses.replace(qualifying, frames=dataclasses.replace(qualifying.frames, clock=clock))
    practice = timed_data((Part("Practice 1", 10_000, 140_000),))
    publish(store, folder, 9480, "Q", "Qualifying", qualifying)
    publish(store, folder, 9481, "Q", "Qualifying", timeless, round=2, event="Jeddah Grand Prix", **yesterday)
    publish(store, folder, 9482, "FP1", "Practice 1", practice)
    for session_key, identity in ((9490, yesterday), (9491, yesterday), (9492, {}), (9493, {})):
        number = session_key - 9480
        publish(store, folder, session_key, "R", "Race", race, round=number, event=f"Event {number}", **identity)
    publish_site(store, site_files())
    with serving(store) as base:
        yield SimpleNamespace(store=store, base=base)
