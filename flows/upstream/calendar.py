"""FastF1's schedule of a season, and what a user means by ``year, event, session`` in it."""

from datetime import UTC, datetime
from typing import Any

from flows.upstream import event_names
from flows.upstream.client import Client
from flows.upstream.selection import Wanted
from publish.season.document import Event, ScheduledSession
from transforms.errors import ChoiceError, UpstreamError
from transforms.session_types import code_of
from transforms.texts import clean_text

#: Formula 1 has published timing since this season.
FIRST_YEAR = 2018


def read_schedule(client: Client, year: int, now: datetime) -> tuple[Event, ...]:
    """Return every event of FastF1's schedule of ``year``, testing included and marked; ``now`` is aware.

    :raises ChoiceError: there is no such season.
    :raises UpstreamError: the schedule could not be had.
    """
    last_year = now.year + 1
    if not FIRST_YEAR <= year <= last_year:
        raise ChoiceError(
            f"There is no season {year} to publish: Formula 1's timing goes from {FIRST_YEAR} to {last_year}. "
            "Type one of these years."
        )
    with client.asking(f"the schedule of {year}") as heard:
        try:
            rows = client.read_schedule_rows(year)
        except ValueError as error:
            raise UpstreamError(_no_schedule_message(client, year, [text for _, text in heard.warnings])) from error
    if not rows:
        raise ChoiceError(f"The schedule of {year} is empty: the season is not announced yet. Type another year.")
    return tuple(_to_event(row, year) for row in rows)


def _no_schedule_message(client: Client, year: int, said: list[str]) -> str:
    if client.offline:
        return (
            f"The schedule of {year} is not in the FastF1 cache {client.cache_dir}, and PARCFERME_OFFLINE=1 forbids "
            "asking for it. Set PARCFERME_OFFLINE=0, or PARCFERME_CACHE_DIR to a cache that holds it."
        )
    reason = said[-1] if said else "no reason given"
    return f"The schedule of {year} could not be loaded ({reason}). Check the network, then run it again."


def resolve(events: tuple[Event, ...], year: int, event: str | int, session: str) -> Wanted:
    """Return what ``event`` (round or name) and ``session`` (code or name) of the schedule of ``year`` mean.

    :raises ChoiceError: nothing or more than one thing is meant; the message lists what there is.
    """
    found = find_event(events, year, event)
    return Wanted(year, found, find_session(found, year, session))


def find_event(events: tuple[Event, ...], year: int, event: str | int) -> Event:
    """Return the event with this round number or name.

    :raises ChoiceError: there is none, more than one, or it is testing.
    """
    text = str(event).strip()
    races = tuple(e for e in events if not e.testing)
    if text.lstrip("-").isdigit():
        return _by_round(races, year, int(text))
    if not text:
        raise ChoiceError(f"Which event of {year}? Type a round or a name: {_list_events(races)}.")
    return _by_name(events, races, year, text)


def find_session(event: Event, year: int, session: str) -> ScheduledSession:
    """Return the session of ``event`` with this code (``R``) or name (``Race``), upper or lower case.

    :raises ChoiceError: the event has no such session.
    """
    wanted = session.strip().casefold()
    for candidate in event.sessions:
        if wanted in (candidate.code.casefold(), candidate.name.casefold()):
            return candidate
    there = ", ".join(f"{s.code} ({s.name})" for s in event.sessions)
    raise ChoiceError(
        f"{year} round {event.round} {event.name} has no session {session!r}. Type one of: {there or 'none known'}."
    )


class NotStartedError(ChoiceError):
    """A session that lies in the future.

    ``what`` says so without saying what to do, ``start_utc`` (aware) is when the schedule has its start.
    """

    def __init__(self, what: str, start_utc: datetime) -> None:
        super().__init__(f"{what} Run it again after the session.")
        self.what = what
        self.start_utc = start_utc


def check_has_happened(wanted: Wanted, now: datetime) -> None:
    """Do nothing if the session had started by ``now`` (aware).

    :raises NotStartedError: it lies in the future; the message says when it starts.
    """
    start = wanted.session.start_utc
    if start is not None and start > now:
        raise NotStartedError(
            f"{wanted.ref.label} has not happened yet: it starts on {start:%Y-%m-%d at %H:%M} UTC.", start
        )


def _by_round(races: tuple[Event, ...], year: int, number: int) -> Event:
    for candidate in races:
        if candidate.round == number:
            return candidate
    rounds = [e.round for e in races if e.round is not None]
    if number == 0:
        raise ChoiceError(f"Testing is not published. Type a round of {year}: {min(rounds)}-{max(rounds)}.")
    raise ChoiceError(
        f"{year} has no round {number}; it has rounds {min(rounds)}-{max(rounds)}: {_list_events(races)}."
    )


def _by_name(events: tuple[Event, ...], races: tuple[Event, ...], year: int, text: str) -> Event:
    found = event_names.named(races, text)
    if not found and (tests := event_names.named([e for e in events if e.testing], text)):
        raise ChoiceError(f"{tests[0].name} of {year} is testing, which is not published. Type a race weekend.")
    if len(found) > 1:
        raise ChoiceError(f"{text!r} means more than one event of {year}: {_list_events(found)}. Type the round.")
    if found:
        return found[0]
    near = event_names.nearest(races, text)
    hint = "Did you mean" if near else "There are"
    raise ChoiceError(f"{year} has no event {text!r}. {hint}: {_list_events(near or races)}. Type a round or a name.")


def _list_events(events: tuple[Event, ...]) -> str:
    return ", ".join(f"{e.round} {e.name}" for e in events)


def _to_event(row: dict[str, Any], year: int) -> Event:
    import pandas as pd

    sessions = []
    for index in range(1, 6):
        name = row.get(f"Session{index}")
        code = code_of(name, year) if isinstance(name, str) else None
        if code is not None:
            sessions.append(
                ScheduledSession(code=code, name=str(name), start_utc=_in_utc(row[f"Session{index}DateUtc"]))
            )
    date = row["EventDate"]
    return Event(
        round=int(row["RoundNumber"]),
        name=clean_text(str(row["EventName"])),
        country=clean_text(str(row["Country"])),
        location=clean_text(str(row["Location"])),
        date=None if pd.isna(date) else pd.Timestamp(date).date().isoformat(),
        format=clean_text(str(row["EventFormat"])),
        testing=row["EventFormat"] == "testing",
        sessions=tuple(sessions),
    )


def _in_utc(moment: Any) -> datetime | None:
    """FastF1 gives UTC without saying so, and NaT where it knows no time."""
    import pandas as pd

    return None if pd.isna(moment) else pd.Timestamp(moment).to_pydatetime(warn=False).replace(tzinfo=UTC)
