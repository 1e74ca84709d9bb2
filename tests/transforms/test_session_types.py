"""What the declared types of sessions say, against what FastF1 and Formula 1 call them."""

from datetime import timedelta

import pytest
from fastf1.events import _SESSION_TYPE_ABBREVIATIONS

from transforms.session_types import SESSION_CODES, SESSION_TYPES, code_of


def test_codes_and_names_are_those_of_fastf1() -> None:
    named = {code: name for code, name in _SESSION_TYPE_ABBREVIATIONS.items() if code != "SS"}
    assert {code: known.name for code, known in SESSION_TYPES.items()} == named
    assert _SESSION_TYPE_ABBREVIATIONS["SS"] in SESSION_TYPES["SQ"].names


@pytest.mark.parametrize(
    ("name", "year", "code"),
    [
        ("Sprint Qualifying", 2022, "S"),
        ("Sprint Qualifying", 2024, "SQ"),
        ("Sprint Shootout", 2023, "SQ"),
        ("Race", 2018, "R"),
        ("Warm-up", 2024, None),
        ("", 2024, None),
    ],
)
def test_what_a_schedule_calls_a_session_has_one_code(name: str, year: int, code: str | None) -> None:
    assert code_of(name, year) == code


def test_every_name_is_of_one_type() -> None:
    names = [name for known in SESSION_TYPES.values() for name in known.names]
    assert len(set(names)) == len(names)
    assert {code_of(name, 2024) for name in names} == set(SESSION_CODES)


def test_the_order_is_that_of_a_weekend_and_races_come_after_what_sets_their_grid() -> None:
    assert SESSION_CODES == ("FP1", "FP2", "FP3", "SQ", "S", "Q", "R")
    assert [code for code, known in SESSION_TYPES.items() if known.is_race_like] == ["S", "R"]
    assert [code for code, known in SESSION_TYPES.items() if len(known.parts) == 3] == ["SQ", "Q"]
    assert all(timedelta(minutes=30) <= known.typical_length <= timedelta(hours=2) for known in SESSION_TYPES.values())
