from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.upstream.selection import parse_rounds, parse_sessions, select_sessions
from publish.season.document import Event, ScheduledSession
from transforms.errors import InputError
from transforms.session_types import SESSION_CODES

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


@given(st.text() | st.text("0123456789-, allALL\u0661", max_size=12))
@example("9" * 5_000)
def test_whatever_is_typed_for_rounds_is_understood_or_refused(text: str) -> None:
    with suppress(InputError):
        rounds = parse_rounds(text)
        assert rounds is None or rounds == sorted(set(rounds)) != []


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.sampled_from(("", " "))), min_size=1, max_size=6))
def test_rounds_as_they_are_written(ranges: list[tuple[int, int, str]]) -> None:
    written = [f"{space}{min(a, b)}-{max(a, b)}" if a != b else f"{a}{space}" for a, b, space in ranges]
    meant = {number for a, b, _ in ranges for number in range(min(a, b), max(a, b) + 1)}
    assert parse_rounds(",".join(written)) == sorted(meant)


@given(st.text() | st.text("FPSQR123, allALL\u017f", max_size=12))
def test_whatever_is_typed_for_sessions_is_understood_or_refused(text: str) -> None:
    with suppress(InputError):
        codes = parse_sessions(text)
        assert codes is None or (codes and set(codes) <= set(SESSION_CODES))


@given(st.lists(st.sampled_from([*SESSION_CODES, *map(str.lower, SESSION_CODES)]), min_size=1))
def test_sessions_as_they_are_written(written: list[str]) -> None:
    meant = {code.upper() for code in written}
    assert parse_sessions(" , ".join(written)) == [code for code in SESSION_CODES if code in meant]


_SESSIONS = st.lists(st.sampled_from(SESSION_CODES), unique=True, max_size=5)


@given(
    st.lists(st.tuples(_SESSIONS, st.booleans()), max_size=5),
    st.none() | st.lists(st.integers(0, 6), max_size=4),
    st.none() | _SESSIONS,
)
def test_what_is_selected_is_all_that_was_meant(
    season: list[tuple[list[str], bool]], rounds: list[int] | None, codes: list[str] | None
) -> None:
    events = [_event(number, *held, testing=testing) for number, (held, testing) in enumerate(season, 1)]
    races = {event.round: event for event in events if not event.testing}
    meant = [
        (number, session.code)
        for number, event in races.items()
        for session in event.sessions
        if (rounds is None or number in rounds) and (codes is None or session.code in codes)
    ]
    if set(rounds or ()) <= set(races) and meant:
        assert [(w.event.round, w.session.code) for w in select_sessions(events, 2024, rounds, codes)] == meant
    else:
        with pytest.raises(InputError):
            select_sessions(events, 2024, rounds, codes)
