"""The parameters of the deployed flows: types that Prefect turns into a form, and refuses wrong input by.

A parameter's title in the form is its name and its description is taken from the flow's docstring (section ``Args``);
bounds, patterns and choices are taken from these types.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from flows.settings import Settings
from flows.upstream.archive import Source
from flows.upstream.selection import parse_rounds
from transforms.declare import NAME_LENGTH
from transforms.session_types import SESSION_CODES, SESSION_TYPES

_ROUND = r"(0?[1-9]|[1-9][0-9])"
_ONE_OR_A_RANGE = rf"{_ROUND}(-{_ROUND})?"
_ROUNDS = rf"^\s*([aA][lL][lL]|{_ONE_OR_A_RANGE}(\s*,\s*{_ONE_OR_A_RANGE})*)\s*$"


class SessionName(StrEnum):
    """A session by the name people use; FastF1's identifier (``R``) is understood as well."""

    # Race, qualifying, sprint ...: a weekend from its race back.
    _ignore_ = "members known"
    members = vars()
    for known in reversed(SESSION_TYPES.values()):
        members[known.name.upper().replace(" ", "_")] = known.name

    @property
    def code(self) -> str:
        """FastF1's identifier."""
        return _CODE_OF[self.value]

    @classmethod
    def _missing_(cls, value: object) -> "SessionName | None":
        wanted = str(value).strip().casefold()
        return next((name for name in cls if wanted in (name.code.casefold(), name.value.casefold())), None)


_CODE_OF = {known.name: known.code for known in SESSION_TYPES.values()}
ALL_SESSIONS = tuple(SessionName)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


#: A season. The form refuses what was before Formula 1 published its timing.
Year = Annotated[int, Field(ge=2018, le=2100)]
#: A round number or the name of an event.
EventName = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=NAME_LENGTH)]


#: No source was chosen: the worker's PARCFERME_SOURCE says which.
AS_SET: Literal["as set"] = "as set"


def _as_set_if_none(value: Any) -> Any:
    """None is what callers from Python mean by nothing chosen; in a form an optional parameter confuses."""
    return AS_SET if value is None else value


ChosenSource = Annotated[Literal["as set", "upstream", "archive", "auto"], BeforeValidator(_as_set_if_none)]


class _SaysHowToTypeRounds:
    """Lets the form say what a text of rounds looks like, where it would say that neither of two schemas fits."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        kinds = [{name: rule for name, rule in kind.items() if name != "pattern"} for kind in schema["anyOf"]]
        meant = {"if": {"pattern": _ROUNDS}, "else": {"enum": ["all", "a round such as 8", "rounds such as 1-5,8"]}}
        return {**schema, "anyOf": kinds, "if": {"type": "string"}, "then": meant}


_RoundsText = Annotated[str, Field(title="all, or for example 1-5,8", pattern=_ROUNDS)]
_RoundsList = Annotated[list[Annotated[int, Field(ge=1, le=99)]], Field(title="a list", min_length=1)]
#: Rounds: ``all``, ``1-5,8`` or a list of numbers. Has no default in any form: a field that is emptied is refused.
Rounds = Annotated[_RoundsText | _RoundsList, _SaysHowToTypeRounds()]
Sessions = Annotated[list[SessionName], Field(min_length=1)]


def chosen_source(chosen: ChosenSource | None, settings: Settings) -> Source:
    """Return the source that was chosen, or else the one that is set."""
    return settings.source if chosen is None or chosen == AS_SET else chosen


def round_numbers(rounds: str | list[int]) -> list[int] | None:
    """Return the rounds that :data:`Rounds` names, ascending; None: all.

    :raises ChoiceError: a range runs backwards.
    """
    return parse_rounds(rounds) if isinstance(rounds, str) else sorted(set(rounds))


def session_codes(sessions: Sequence[SessionName]) -> list[str]:
    """Return FastF1's identifiers, in the order of a weekend."""
    wanted = {name.code for name in sessions}
    return [code for code in SESSION_CODES if code in wanted]
