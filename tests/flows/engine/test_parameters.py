"""The forms: what the deployed flows accept, as Prefect's API sees it."""

from typing import Any

import jsonschema
import pytest
from operator_form import NO_ROUNDS
from prefect import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import build_error_obj, validate

from flows.engine.parameters import ALL_SESSIONS, SessionName, round_numbers, session_codes
from flows.season.backfill import backfill
from flows.season.operations import housekeeping, prune, rebuild_index, verify
from flows.season.plan_season import plan_season
from flows.season.refresh_results import refresh_results
from flows.session.flow import publish_session
from flows.watch.flow import check_health
from transforms.errors import InputError
from transforms.session_types import SESSION_CODES

FLOWS: tuple[Flow[Any, Any], ...] = (
    publish_session,
    backfill,
    plan_season,
    refresh_results,
    check_health,
    verify,
    prune,
    housekeeping,
    rebuild_index,
)


def _schema(flow: Flow[Any, Any]) -> dict[str, Any]:
    return parameter_schema(flow).model_dump_for_openapi()


def _accepts(flow: Flow[Any, Any], **parameters: Any) -> bool:
    try:
        jsonschema.validate({**flow_defaults(flow), **parameters}, {**_schema(flow), "additionalProperties": False})
    except jsonschema.ValidationError:
        return False
    flow.validate_parameters({**flow_defaults(flow), **parameters})
    return True


def flow_defaults(flow: Flow[Any, Any]) -> dict[str, Any]:
    properties = _schema(flow)["properties"]
    return {name: value["default"] for name, value in properties.items() if "default" in value}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_parameter_says_what_it_is_for_and_has_one_type(flow: Flow[Any, Any]) -> None:
    for name, value in _schema(flow)["properties"].items():
        assert len(value.get("description", "")) > 15, f"{flow.name}.{name} has no description"
        # An optional parameter confuses the form.
        assert {"type": "null"} not in value.get("anyOf", []), f"{flow.name}.{name} is optional"


def test_a_season_is_a_bounded_number() -> None:
    for flow, others in ((backfill, {"rounds": "all"}), (rebuild_index, {})):
        assert _accepts(flow, year=2024, **others)
        for wrong in (2017, 2101, "Monaco", None):
            assert not _accepts(flow, year=wrong, **others)


@pytest.mark.parametrize(
    ("given", "meant"), [("all", None), ("1-5,8", [1, 2, 3, 4, 5, 8]), ("8", [8]), ([8, 3], [3, 8]), (" ALL ", None)]
)
def test_rounds_are_all_a_text_or_a_list(given: Any, meant: list[int] | None) -> None:
    assert _accepts(backfill, year=2024, rounds=given)
    assert round_numbers(given) == meant


@pytest.mark.parametrize(
    "wrong", ["", "first", "0", "0-5", "1;2", "1-", "-1", "1,,2", "100", [], [0], [100], ["1-5"], None, 8]
)
def test_other_rounds_are_refused_by_the_form(wrong: Any) -> None:
    assert not _accepts(backfill, year=2024, rounds=wrong)


@pytest.mark.parametrize("emptied", [{}, {"rounds": None}, {"rounds": ""}])
def test_a_field_of_rounds_that_was_emptied_is_not_the_whole_season(emptied: dict[str, Any]) -> None:
    # As the server checks what the form sends, which leaves out or nulls what has a default.
    assert validate({"year": 2024, **emptied}, _schema(backfill), raise_on_error=False, allow_none_with_default=True)


def test_the_form_says_what_rounds_look_like() -> None:
    # As the Prefect server does it for the UI.
    errors = validate({"year": 2024, "rounds": "first"}, _schema(backfill), raise_on_error=False)
    assert build_error_obj(errors)["errors"] == [{"property": "rounds", "errors": [NO_ROUNDS]}]


def test_a_range_that_runs_backwards_is_refused_by_the_flow() -> None:
    with pytest.raises(InputError, match="cannot be understood"):
        round_numbers("5-1")


def test_sessions_are_chosen_by_name() -> None:
    items = _schema(backfill)["definitions"]["SessionName"]
    assert items["enum"] == [str(name) for name in ALL_SESSIONS]
    assert _accepts(backfill, year=2024, rounds="all", sessions=["Race", "Sprint Qualifying"])
    for wrong in (["R"], ["Warm-up"], [], "Race"):
        assert not _accepts(backfill, year=2024, rounds="all", sessions=wrong)
    assert _accepts(publish_session, year=2024, event="Monaco", session="Race")
    assert not _accepts(publish_session, year=2024, event="", session="Race")
    assert not _accepts(publish_session, year=2024, event="Monaco", session="Final")


def test_every_session_has_a_name_and_python_may_use_its_code() -> None:
    assert [SessionName(code).code for code in SESSION_CODES] == list(SESSION_CODES)
    assert SessionName(" sprint qualifying ") is SessionName.SPRINT_QUALIFYING
    assert session_codes([SessionName.RACE, SessionName.PRACTICE_1]) == ["FP1", "R"]
    with pytest.raises(ValueError, match="Final"):
        SessionName("Final")


def test_prune_removes_nothing_unless_it_is_told_to() -> None:
    assert flow_defaults(prune)["dry_run"] is True
    assert not _accepts(prune, keep=0)
