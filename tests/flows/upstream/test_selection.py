from datetime import UTC, datetime

import pytest

from flows.upstream.selection import parse_rounds, parse_sessions, select_sessions
from publish.season.document import Event, ScheduledSession
from transforms.errors import InputError

START = datetime(2024, 3, 2, 15, tzinfo=UTC)


def _event(round_number: int, *codes: str, testing: bool = False) -> Event:
    sessions = tuple(ScheduledSession(code, code, START) for code in codes)
    return Event(round_number, f"Event {round_number}", None, None, "2024-03-02", None, testing, sessions)


SEASON = (_event(0, "FP1", testing=True), _event(1, "FP1", "Q", "R"), _event(2, "FP1", "SQ", "S", "Q", "R"))


@pytest.mark.parametrize(
    ("text", "rounds"),
    [("all", None), ("1", [1]), ("1,8", [1, 8]), ("3-5", [3, 4, 5]), (" 8, 1-2 ", [1, 2, 8]), ("2,2", [2])],
)
def test_rounds(text: str, rounds: list[int] | None) -> None:
    assert parse_rounds(text) == rounds


@pytest.mark.parametrize("text", ["", "x", "5-3", "1,", "-1", "1-100000000", "1.5"])
def test_rounds_that_mean_nothing(text: str) -> None:
    with pytest.raises(InputError, match="cannot be understood"):
        parse_rounds(text)


def test_sessions() -> None:
    assert parse_sessions("all") is None
    assert parse_sessions("r, q") == ["Q", "R"]
    with pytest.raises(InputError, match="'ZZ'"):
        parse_sessions("R,ZZ")


def test_selection_follows_the_season_and_leaves_testing_out() -> None:
    chosen = [(one.event.round, one.session.code) for one in select_sessions(SEASON, 2024, None, ["FP1", "S"])]
    assert chosen == [(1, "FP1"), (2, "FP1"), (2, "S")]
    assert len(select_sessions(SEASON, 2024, None, None)) == 8


def test_selection_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no round 7"):
        select_sessions(SEASON, 2024, [1, 7], None)
    with pytest.raises(InputError, match="has a session S"):
        select_sessions(SEASON, 2024, [1], ["S"])
    with pytest.raises(InputError, match="3, 4, 5 and 95 more"):
        select_sessions(SEASON, 2024, list(range(1, 101)), None)
