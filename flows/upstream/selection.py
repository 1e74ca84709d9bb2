"""Which sessions of a season somebody means by rounds and session codes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flows.session_ref import SessionRef
from publish.season.document import Event, ScheduledSession
from transforms.errors import ChoiceError
from transforms.session_types import SESSION_CODES

_RANGE = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")


@dataclass(frozen=True)
class Wanted:
    """One session of the schedule of ``year`` that somebody means."""

    year: int
    event: Event
    session: ScheduledSession

    @property
    def ref(self) -> SessionRef:
        """Which session it is; not located."""
        return SessionRef(self.year, int(self.event.round or 0), self.event.name, self.session.code)


def parse_rounds(text: str) -> list[int] | None:
    """Return the rounds ``text`` names (``1,8``, ``1-5``, ``1-3,8``), ascending; None for ``all``.

    :raises ChoiceError: it is something else.
    """
    if text.strip().casefold() == "all":
        return None
    rounds: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise ChoiceError(f"Rounds {text!r} cannot be understood. Type for example 1,8 or 1-5 or all.")
        rounds.update(range(first, last + 1))
    return sorted(rounds)


def parse_sessions(text: str) -> list[str] | None:
    """Return the session codes ``text`` names (``R,Q``), in the order of a weekend; None for ``all``.

    :raises ChoiceError: one of them is no session code.
    """
    if text.strip().casefold() == "all":
        return None
    given = {part.strip().upper() for part in text.split(",")}
    if unknown := sorted(given - set(SESSION_CODES)):
        raise ChoiceError(
            f"Sessions {text!r} cannot be understood ({', '.join(map(repr, unknown))}). Type some of "
            f"{','.join(SESSION_CODES)}, or all."
        )
    return [code for code in SESSION_CODES if code in given]


def select_sessions(
    events: Sequence[Event], year: int, rounds: Sequence[int] | None, codes: Sequence[str] | None
) -> list[Wanted]:
    """Return the sessions of ``rounds`` (None: all) with one of ``codes`` (None: all), in the order of the season.

    Testing is left out. :raises ChoiceError: a round is not in the season, or nothing is left.
    """
    races = [event for event in events if not event.testing and event.round is not None]
    known = {event.round for event in races}
    if unknown := [number for number in rounds or () if number not in known]:
        last = max((number for number in known if number), default=0)
        named = ", ".join(map(str, unknown[:3])) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise ChoiceError(f"{year} has no round {named}; it has rounds 1-{last}. Type some of these, or all.")
    wanted = [
        Wanted(year, event, session)
        for event in races
        if rounds is None or event.round in rounds
        for session in event.sessions
        if codes is None or session.code in codes
    ]
    if not wanted:
        raise ChoiceError(
            f"None of the chosen rounds of {year} has a session {', '.join(codes or ())}. Type other sessions, or all."
        )
    return wanted
