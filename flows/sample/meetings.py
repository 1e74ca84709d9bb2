"""The sample season's calendar: three made-up weekends of a made-up year."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from transforms.session_types import SESSION_TYPES

#: The season's year, far from any real one.
SAMPLE_YEAR = 2099
#: A moment after the last session: what "now" is for this season.
SAMPLE_NOW_UTC = datetime(2099, 5, 1, 12, 0, tzinfo=UTC)

#: Days before the race, and hour of local time, of each session.
_CONVENTIONAL = (("FP1", 2, 13), ("FP2", 2, 17), ("FP3", 1, 12), ("Q", 1, 16), ("R", 0, 15))
_SPRINT = (("FP1", 2, 12), ("SQ", 2, 16), ("S", 1, 12), ("Q", 1, 16), ("R", 0, 15))


def session_name(code: str) -> str:
    """Return the long form of a session's code, for example ``Race``."""
    return SESSION_TYPES[code].name


@dataclass(frozen=True)
class Meeting:
    """A race weekend. ``date`` is the local midnight of race day, ``recorded`` the sessions that have data."""

    round: int
    key: int
    name: str
    official_name: str
    country: str
    country_code: str
    location: str
    date: datetime
    gmt_offset_h: int
    sprint: bool
    recorded: tuple[str, ...]

    @property
    def sessions(self) -> tuple[str, ...]:
        """The codes of the five sessions in order."""
        return tuple(code for code, _, _ in self._plan)

    @property
    def _plan(self) -> tuple[tuple[str, int, int], ...]:
        return _SPRINT if self.sprint else _CONVENTIONAL

    def local_start(self, code: str) -> datetime:
        """Return when a session is scheduled to start, local time without zone."""
        days, hour = next((days, hour) for name, days, hour in self._plan if name == code)
        return self.date - timedelta(days=days) + timedelta(hours=hour)

    def utc_start(self, code: str) -> datetime:
        """Return when a session is scheduled to start, UTC without zone."""
        return self.local_start(code) - timedelta(hours=self.gmt_offset_h)

    def session_key(self, code: str) -> int:
        """Return the number that identifies a session."""
        return self.key * 10 + self.sessions.index(code) + 1

    def path(self, code: str) -> str:
        """Return the folder of a session on the timing server."""
        day = self.local_start(code)
        name = f"{SAMPLE_YEAR}/{self.date:%Y-%m-%d} {self.name}/{day:%Y-%m-%d} {session_name(code)}/"
        return name.replace(" ", "_")


MEETINGS = (
    Meeting(
        round=1,
        key=9901,
        name="Larkmoor Grand Prix",
        official_name="FORMULA 1 SAMPLE LARKMOOR GRAND PRIX 2099",
        country="Larkland",
        country_code="LRK",
        location="Larkmoor",
        date=datetime(2099, 3, 15),
        gmt_offset_h=1,
        sprint=False,
        recorded=("FP1", "Q", "R"),
    ),
    Meeting(
        round=2,
        key=9902,
        name="Seliga Grand Prix",
        official_name="FORMULA 1 SAMPLE GRANDE PREMIO DA SELIGA 2099",
        country="Seliga",
        country_code="SLG",
        location="Porto Seliga",
        date=datetime(2099, 3, 29),
        gmt_offset_h=3,
        sprint=True,
        recorded=("FP1", "SQ", "S", "Q", "R"),
    ),
    Meeting(
        round=3,
        key=9903,
        name="Vantry Grand Prix",
        official_name="FORMULA 1 SAMPLE VANTRY GRAND PRIX 2099",
        country="Vantry",
        country_code="VTY",
        location="Vantry Heights",
        date=datetime(2099, 4, 19),
        gmt_offset_h=2,
        sprint=False,
        recorded=("Q", "R"),
    ),
)


def meeting_of(round_number: int) -> Meeting:
    """Return the weekend of a round.

    :raises KeyError: the season has no such round.
    """
    for meeting in MEETINGS:
        if meeting.round == round_number:
            return meeting
    raise KeyError(f"the sample season has no round {round_number}")
