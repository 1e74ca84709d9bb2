"""Every type of session, declared once: what it is called, how long it takes, what it has.

Everything else asks :data:`SESSION_TYPES`; the pages read it from ``index.json``.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a session is about, as Formula 1 says it in ``SessionInfo.Type``."""

    PRACTICE = "Practice"
    QUALIFYING = "Qualifying"
    RACE = "Race"


@dataclass(frozen=True)
class SessionType:
    """One type of session.

    ``code`` is FastF1's identifier, ``name`` what people and FastF1's schedule call it, ``other_names`` what the
    schedules of some seasons called it; ``typical_length`` from its start to its end. ``results`` names what the
    results service has of it, its official results first; it is empty where there are none. ``parts`` names the parts
    of a qualifying: a time in a later one beats any in an earlier one.
    """

    code: str
    name: str
    kind: Kind
    typical_length: timedelta
    results: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, the present one first."""
        return self.name, *self.other_names

    @property
    def is_race_like(self) -> bool:
        """Whether cars race each other, so that there is an order on track."""
        return self.kind is Kind.RACE


_HOUR = timedelta(hours=1)
_DECLARED = (
    SessionType("FP1", "Practice 1", Kind.PRACTICE, _HOUR),
    SessionType("FP2", "Practice 2", Kind.PRACTICE, _HOUR),
    SessionType("FP3", "Practice 3", Kind.PRACTICE, _HOUR),
    SessionType(
        "SQ",
        "Sprint Qualifying",
        Kind.QUALIFYING,
        timedelta(minutes=45),
        parts=("SQ1", "SQ2", "SQ3"),
        other_names=("Sprint Shootout",),
    ),
    SessionType("S", "Sprint", Kind.RACE, _HOUR, results=("sprint",)),
    SessionType("Q", "Qualifying", Kind.QUALIFYING, _HOUR, results=("qualifying",), parts=("Q1", "Q2", "Q3")),
    # A race may take two hours of running within three.
    SessionType("R", "Race", Kind.RACE, 2 * _HOUR, results=("results", "first-laps")),
)
#: By code, in the order of a weekend.
SESSION_TYPES = {declared.code: declared for declared in _DECLARED}
SESSION_CODES = tuple(SESSION_TYPES)

_CODES = {name: declared.code for declared in _DECLARED for name in declared.names}
#: Until 2022 the race on Saturday was at times called "Sprint Qualifying".
_LAST_YEAR_OF_SPRINT_QUALIFYING_AS_RACE = 2022


def code_of(name: str, year: int) -> str | None:
    """Return the code of what the schedule of ``year`` calls ``name``; None for what is no session."""
    code = _CODES.get(name)
    return "S" if code == "SQ" and year <= _LAST_YEAR_OF_SPRINT_QUALIFYING_AS_RACE else code
