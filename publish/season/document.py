"""What a season index says, decided without any store: from schedule, previous index and published sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from msgspec.structs import asdict, replace

from publish.encode.verdict import Verdict
from publish.structs import Capabilities, Count, Date, Document, Grade, Name, Part, Revision, Utc, Year, about, one_of

SCHEDULED = "scheduled"
AWAITING_DATA = "awaiting_data"
PUBLISHED = "published"
WITHOUT_DATA = "no_data"
UNPUBLISHED = "unpublished"
FAILED = "failed"
CANCELLED = "cancelled"

#: How long after its start a session's data can be expected to come: a day after the longest has ended.
PATIENCE = timedelta(hours=26)


class ScheduledSession(Part):
    """One session of the schedule: FastF1's identifier, its long name, its start (null where unknown)."""

    code: str
    name: Name
    start_utc: Utc | None


class IndexedSession(ScheduledSession):
    """A session and what is published of it; all that follows ``state`` is null where nothing is."""

    state: Annotated[str, one_of(SCHEDULED, AWAITING_DATA, PUBLISHED, UNPUBLISHED, WITHOUT_DATA, FAILED, CANCELLED)]
    session_key: int | None
    revision: Revision | None
    manifest: Annotated[str | None, about("Relative to the base URL")]
    grade: Grade | None
    capabilities: Capabilities | None
    verdict: Verdict | None = None


class Event(Part):
    """One race weekend or test of the schedule."""

    round: Annotated[Count | None, about("Null once it fell off the schedule")]
    name: Name
    country: Name | None
    location: Name | None
    date: Date | None
    format: Name | None
    testing: bool
    sessions: tuple[ScheduledSession, ...]


class IndexedEvent(Event):
    """One race weekend or test, and what is published of it."""

    sessions: tuple[IndexedSession, ...]


class Season(Document, tag="parcferme/season/1"):
    """Every event and session of a year."""

    year: Year
    events: tuple[IndexedEvent, ...]
    serial: Annotated[
        Count, about("One more each time this document is written: of two copies the higher one is newer")
    ] = 0
    tables_since: Annotated[
        Count, about("The serial with which what the season's own tables, events and standings, say of it changed last")
    ] = 0


@dataclass(frozen=True)
class Published:
    """A published session with the event and round it was published under."""

    event: str
    round: int | None
    session: IndexedSession


_Slot = tuple[int, str]


def season_document(
    year: int,
    events: Sequence[Event] | None,
    before: Season | None,
    published: Sequence[Published],
    states: Mapping[tuple[int, str], str],
    now: datetime,
) -> Season:
    """Return the index of ``year``; ``states`` is what became of sessions, by round number and code.

    Published sessions find their place by event name and code, then by round and code; one without a place keeps
    an event of its own. An event that fell off the schedule has no round; its sessions are cancelled unless published.
    A failure, and that there is no data, stay until the session is published, a cancellation until the event is on the
    schedule again. The serial numbers are those of ``before``; whoever writes the document raises them.
    """
    known = before.events if before else ()
    schedule = _following(known, published) if events is None else [*events, *_left_over(known, events)]
    places, homeless = _placed(schedule, published, renamed_events(before, events or ()))
    for entry in homeless:
        places[_home(schedule, entry)] = entry.session
    remembered = _remembered(known)
    return Season(
        year,
        tuple(_indexed(event, index, places, states, remembered, now) for index, event in enumerate(schedule)),
        before.serial if before else 0,
        before.tables_since if before else 0,
    )


def renamed_events(before: Season | None, events: Sequence[Event]) -> dict[str, str]:
    """Return the new names of events that have another one in the schedule ``events``: the day is the same."""
    known = [event for event in (before.events if before else ()) if not event.testing]
    names, known_names = {event.name for event in events}, {event.name for event in known}
    by_date = {e.date: e.name for e in events if e.date is not None and not e.testing and e.name not in known_names}
    return {e.name: by_date[e.date] for e in known if e.name not in names and e.date in by_date}


def home_in(season: Season | None, session_key: int, event: str, round_number: int | None) -> tuple[str, int | None]:
    """Return the event and the round under which a session belongs by what an index says.

    ``event`` and ``round_number`` are what is known of it otherwise, and stand where the index has no calendar for it.
    An event that fell off the schedule keeps its number until another one takes it.
    """
    events = season.events if season else ()
    home = next((one for one in events if any(s.session_key == session_key for s in one.sessions)), None)
    if home is None:
        home = next((one for one in events if one.name == event and not one.testing), None)
    if home is None or home.testing or home.date is None:
        return event, round_number
    if home.round is not None:
        return home.name, home.round
    taken = {one.round for one in events if not one.testing}
    return event, None if round_number in taken else round_number


def has_event(season: Season | None, event: str, round_number: int) -> bool:
    """Whether an index has this event under this number; one that is still to be written agrees with everything."""
    return season is None or any((e.name, e.round, e.testing) == (event, round_number, False) for e in season.events)


def homes_of(
    published: Sequence[Published], before: Season | None, events: Sequence[Event]
) -> list[tuple[Published, Event | None]]:
    """Return the event of the schedule ``events`` each published session belongs to; None: it fell off."""
    schedule = [*events, *_left_over(before.events if before else (), events)]
    places, _ = _placed(schedule, published, renamed_events(before, events))
    index_of = {session.session_key: index for (index, _), session in places.items()}
    homes = [index_of.get(entry.session.session_key, len(events)) for entry in published]
    return [
        (entry, events[index] if index < len(events) else None) for entry, index in zip(published, homes, strict=True)
    ]


def published_in(season: Season | None) -> list[Published]:
    """Return the published sessions an index lists."""
    return [
        Published(event.name, event.round, session)
        for event in (season.events if season else ())
        for session in event.sessions
        if session.state == PUBLISHED
    ]


def _placed(
    schedule: Sequence[Event], published: Sequence[Published], new_names: Mapping[str, str]
) -> tuple[dict[_Slot, IndexedSession], list[Published]]:
    by_name = {(e.name, s.code): (i, s.code) for i, e in enumerate(schedule) if not e.testing for s in e.sessions}
    by_round = {
        (e.round, s.code): (i, s.code)
        for i, e in enumerate(schedule)
        if not e.testing and e.round is not None
        for s in e.sessions
    }
    places: dict[_Slot, IndexedSession] = {}
    renamed = []
    for entry in published:
        slot = by_name.get((new_names.get(entry.event, entry.event), entry.session.code))
        if slot is None or slot in places:
            renamed.append(entry)
        else:
            places[slot] = entry.session
    homeless = []
    for entry in renamed:
        slot = None if entry.round is None else by_round.get((entry.round, entry.session.code))
        if slot is None or slot in places:
            homeless.append(entry)
        else:
            places[slot] = entry.session
    return places, homeless


def _home(schedule: list[Event], entry: Published) -> _Slot:
    """Make a place for a published session the schedule does not have; returns it."""
    code = entry.session.code
    for index, event in enumerate(schedule):
        if event.name == entry.event and not event.testing and all(s.code != code for s in event.sessions):
            schedule[index] = replace(event, sessions=(*event.sessions, entry.session))
            return index, code
    schedule.append(Event(entry.round, entry.event, None, None, None, None, False, (entry.session,)))
    return len(schedule) - 1, code


def _following(known: Sequence[Event], published: Sequence[Published]) -> list[Event]:
    """Return ``known`` with what no calendar has dated under the numbers it was published under last."""
    rounds = {entry.event: entry.round for entry in published}
    return [
        replace(event, round=rounds[event.name])
        if event.date is None and not event.testing and event.name in rounds
        else event
        for event in known
    ]


def _left_over(known: Sequence[Event], events: Sequence[Event]) -> list[Event]:
    """Return the events of the previous index that are not on the schedule any more, renamed ones not counted."""
    names = {event.name for event in events}
    known_names = {event.name for event in known}
    new_dates = {event.date for event in events if event.date is not None and event.name not in known_names}
    gone = [event for event in known if not event.testing and event.name not in names and event.date not in new_dates]
    return [replace(event, round=None) for event in gone]


def _indexed(
    event: Event,
    index: int,
    places: Mapping[_Slot, IndexedSession],
    states: Mapping[tuple[int, str], str],
    remembered: Mapping[tuple[str, str | None, str], str],
    now: datetime,
) -> IndexedEvent:
    sessions = []
    for session in event.sessions:
        published = places.get((index, session.code))
        if published is not None:
            sessions.append(replace(published, name=session.name, start_utc=session.start_utc))
            continue
        state = None
        if event.round is not None and not event.testing:
            state = _reported(states.get((event.round, session.code)))
        if state is None:
            memory = remembered.get((event.name, event.date if event.testing else None, session.code))
            state = _unpublished(event, session, memory, now)
        sessions.append(not_published(session, state))
    return IndexedEvent(**asdict(event) | {"sessions": tuple(sessions)})


def not_published(session: ScheduledSession, state: str) -> IndexedSession:
    """Return how an index lists a session of which nothing is published."""
    return IndexedSession(session.code, session.name, session.start_utc, state, None, None, None, None, None)


def _reported(state: str | None) -> str | None:
    """What a run reported, unless it says published: only ``latest.json`` can say that."""
    return None if state == PUBLISHED else state


def _unpublished(event: Event, session: ScheduledSession, memory: str | None, now: datetime) -> str:
    if event.round is None or memory == CANCELLED:
        return CANCELLED
    start = session.start_utc or _day_of(event)
    if start is not None and start > now:
        return SCHEDULED
    if memory is not None:
        return memory
    if start is None:
        return SCHEDULED
    return AWAITING_DATA if now < start + PATIENCE else UNPUBLISHED


def _day_of(event: Event) -> datetime | None:
    return None if event.date is None else datetime.combine(date.fromisoformat(event.date[:10]), time(), UTC)


def _remembered(events: Sequence[IndexedEvent]) -> dict[tuple[str, str | None, str], str]:
    """What runs found, and cancellations, of the events on the schedule: who comes back to it begins anew."""
    return {
        (event.name, event.date if event.testing else None, session.code): session.state
        for event in events
        for session in event.sessions
        if session.state in (WITHOUT_DATA, FAILED, CANCELLED) and event.round is not None
    }
