"""Q1, Q2 and Q3, or a practice: when they run, when their clock stands, and how many cars go on."""

import dataclasses

import pyarrow as pa
import pytest

from transforms.columns import MESSAGES, RECORDED_LAPS, RECORDED_RESULTS, SESSION_STATUS, TRACK_STATUS, WEATHER
from transforms.frames import Clock
from transforms.parts import Part, onto_clock, read_parts
from transforms.recording import Driver, Recording, SessionIdentity

ME = SessionIdentity(1, 1, 2024, 1, "Event", "EVENT", "Country", "Place", "Q", "Qualifying", "2024-03-02", None)
#: A qualifying as the upstream tells it: Q2 is stopped for a while and restarted.
QUALIFYING = (
    (5_000, "Inactive"),
    (700_000, "Started"),
    (1_780_000, "Finished"),
    (2_100_000, "Inactive"),
    (2_200_000, "Started"),
    (2_400_000, "Aborted"),
    (2_900_000, "Started"),
    (3_600_000, "Finished"),
    (4_000_000, "Started"),
    (4_720_000, "Finished"),
    (4_800_000, "Finalised"),
    (4_900_000, "Ends"),
)


def recording(status: tuple[tuple[int, str], ...], code: str = "Q", name: str = "Qualifying", cars: int = 20):
    tables = {
        "laps": RECORDED_LAPS,
        "results": RECORDED_RESULTS,
        "weather": WEATHER,
        "track_status": TRACK_STATUS,
        "messages": MESSAGES,
    }
    empty = {name: table.schema.empty_table() for name, table in tables.items()}
    rows = [{"time_ms": time_ms, "status": said} for time_ms, said in status]
    return Recording(
        identity=dataclasses.replace(ME, code=code, name=name),
        drivers=tuple(Driver(str(i), f"D{i}", "", "", "", None) for i in range(cars)),
        utc_origin_ms=None,
        start_ms=None,
        total_laps=None,
        session_status=pa.Table.from_pylist(rows, schema=SESSION_STATUS.schema),
        cars={},
        positions={},
        circuit=None,
        **empty,
    )


def test_qualifying_has_three_parts_and_a_restart_begins_none():
    assert read_parts(recording(QUALIFYING)) == (
        Part("Q1", 700_000, 1_780_000, (), 15),
        Part("Q2", 2_200_000, 3_600_000, ((2_400_000, 2_900_000),), 10),
        Part("Q3", 4_000_000, 4_720_000, (), None),
    )


@pytest.mark.parametrize(("cars", "advance"), [(18, [14, 10]), (20, [15, 10]), (21, [16, 10]), (22, [16, 10])])
def test_those_who_go_out_are_spread_over_the_first_two_parts(cars, advance):
    parts = read_parts(recording(QUALIFYING, "SQ", "Sprint Qualifying", cars))
    assert [part.name for part in parts] == ["SQ1", "SQ2", "SQ3"]
    assert [part.advance for part in parts] == [*advance, None]


def test_the_clock_of_a_practice_runs_on_under_a_red_flag():
    status = ((60_000, "Started"), (600_000, "Aborted"), (900_000, "Started"), (3_660_000, "Finished"))
    assert read_parts(recording(status, "FP1", "Practice 1")) == (Part("Practice 1", 60_000, 3_660_000),)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (((1, "Started"), (5, "Aborted"), (9, "Finished")), Part("Q1", 1, 9, ((5, 9),), 15)),
        (((1, "Started"), (5, "Aborted"), (7, "Aborted"), (9, "Finalised")), Part("Q1", 1, 9, ((5, 9),), 15)),
        (((1, "Started"),), Part("Q1", 1, None, (), 15)),
    ],
)
def test_a_part_ends_when_it_is_not_restarted_or_the_upstream_falls_silent(status, expected):
    assert read_parts(recording(status)) == (expected,)


def test_a_race_has_none_and_neither_has_a_session_nobody_started():
    assert read_parts(recording(QUALIFYING, "R", "Race")) == ()
    assert read_parts(recording(((5_000, "Inactive"),))) == ()


def test_times_move_onto_the_clock():
    clock = Clock(session_time_origin_ms=670_000, utc_origin_ms=None, ticks=10, race_start_ms=0)
    moved = onto_clock((Part("Q2", 700_000, None, ((800_000, 900_000),), 10),), clock)
    assert moved == (Part("Q2", 30_000, None, ((130_000, 230_000),), 10),)
