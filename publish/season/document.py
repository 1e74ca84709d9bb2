"""What a season index says, decided without any store: from schedule, previous index and published sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from publish.stores.shared_documents import Document, parse_utc, utc_text

SCHEMA = "parcferme/season/1"

SCHEDULED = "scheduled"
AWAITING_DATA = "awaiting_data"
PUBLISHED = "published"
UNAVAILABLE = "unavailable"
FAILED = "failed"
CANCELLED = "cancelled"

#: How long after its start a session's data can be expected to come: a day after the longest has ended.
PATIENCE = timedelta(hours=26)


@dataclass(frozen=True)
class ScheduledSession:
    """One session of the schedule: FastF1's identifier, its long name, its start (aware; None where unknown)."""

    code: str
    name: str
    start_utc: datetime | None


@dataclass(frozen=True)
class Event:
    """One race weekend or test of the schedule. ``date`` is ISO 8601; ``round`` is None once it was dropped."""

    round: int | None
    name: str
    country: str | None
    location: str | None
    date: str | None
    format: str | None
    testing: bool
    sessions: tuple[ScheduledSession, ...]


@dataclass(frozen=True)
class SessionState:
    """What the index says of a session besides its schedule. ``manifest`` is relative to the base URL."""

    state: str
    session_key: int | None = None
    revision: str | None = None
    manifest: str | None = None
    grade: str | None = None
    capabilities: Any = None


@dataclass(frozen=True)
class Published:
    """A published session with the event and round it was published under."""

    event: str
    round: int | None
    code: str
    state: SessionState


_Slot = tuple[int, str]


def season_document(
    year: int,
    events: Sequence[Event] | None,
    before: Document | None,
    published: Sequence[Published],
    changes: Mapping[tuple[int, str], SessionState],
    now: datetime,
) -> Document:
    """Return the index of ``year``.

    Published sessions find their place by event name and code, then by round and code; one without a place keeps
    an event of its own. An event that fell off the schedule has no round; its sessions are cancelled unless published.
    A failure stays until the session is published, a cancellation until the event is on the schedule again. The serial
    number is that of ``before``; whoever writes the document raises it.
    """
    known = _events_of(before)
    schedule = _following(known, published) if events is None else [*events, *_left_over(known, events)]
    places, homeless = _placed(schedule, published, renamed_events(before, events or ()))
    for entry in homeless:
        places[_home(schedule, entry)] = entry.state
    remembered = _remembered(before)
    return {
        "schema": SCHEMA,
        "year": year,
        "serial": int((before or {}).get("serial", 0)),
        "events": [
            _event_document(event, index, places, changes, remembered, now) for index, event in enumerate(schedule)
        ],
    }


def renamed_events(before: Document | None, events: Sequence[Event]) -> dict[str, str]:
    """Return the new names of events that have another one in the schedule ``events``: the day is the same."""
    known = [event for event in _events_of(before) if not event.testing]
    names, known_names = {event.name for event in events}, {event.name for event in known}
    by_date = {e.date: e.name for e in events if e.date is not None and not e.testing and e.name not in known_names}
    return {e.name: by_date[e.date] for e in known if e.name not in names and e.date in by_date}


def home_in(
    document: Document | None, session_key: int, event: str, round_number: int | None
) -> tuple[str, int | None]:
    """Return the event and the round under which a session belongs by what an index says.

    ``event`` and ``round_number`` are what is known of it otherwise, and stand where the index has no calendar for it.
    An event that fell off the schedule keeps its number until another one takes it.
    """
    rows = _sessions_of(document)
    home = next((entry for entry, session in rows if session["session_key"] == session_key), None)
    if home is None:
        home = next((entry for entry, _ in rows if entry["name"] == event and not entry["testing"]), None)
    if home is None or home["testing"] or home["date"] is None:
        return event, round_number
    if home["round"] is not None:
        return home["name"], home["round"]
    taken = {entry["round"] for entry, _ in rows if not entry["testing"]}
    return event, None if round_number in taken else round_number


def homes_of(
    published: Sequence[Published], before: Document | None, events: Sequence[Event]
) -> list[tuple[Published, Event | None]]:
    """Return the event of the schedule ``events`` each published session belongs to; None: it fell off."""
    schedule = [*events, *_left_over(_events_of(before), events)]
    places, _ = _placed(schedule, published, renamed_events(before, events))
    index_of = {state.session_key: index for (index, _), state in places.items()}
    homes = [index_of.get(entry.state.session_key, len(events)) for entry in published]
    return [
        (entry, events[index] if index < len(events) else None) for entry, index in zip(published, homes, strict=True)
    ]


def published_in(document: Document | None) -> list[Published]:
    """Return the published sessions an index lists."""
    return [
        Published(event["name"], event["round"], session["code"], _state_of(session))
        for event, session in _sessions_of(document)
        if session["state"] == PUBLISHED
    ]


def _placed(
    schedule: Sequence[Event], published: Sequence[Published], new_names: Mapping[str, str]
) -> tuple[dict[_Slot, SessionState], list[Published]]:
    by_name = {(e.name, s.code): (i, s.code) for i, e in enumerate(schedule) if not e.testing for s in e.sessions}
    by_round = {
        (e.round, s.code): (i, s.code)
        for i, e in enumerate(schedule)
        if not e.testing and e.round is not None
        for s in e.sessions
    }
    places: dict[_Slot, SessionState] = {}
    renamed = []
    for entry in published:
        slot = by_name.get((new_names.get(entry.event, entry.event), entry.code))
        if slot is None or slot in places:
            renamed.append(entry)
        else:
            places[slot] = entry.state
    homeless = []
    for entry in renamed:
        slot = None if entry.round is None else by_round.get((entry.round, entry.code))
        if slot is None or slot in places:
            homeless.append(entry)
        else:
            places[slot] = entry.state
    return places, homeless


def _home(schedule: list[Event], entry: Published) -> _Slot:
    """Make a place for a published session the schedule does not have; returns it."""
    session = ScheduledSession(entry.code, entry.code, None)
    for index, event in enumerate(schedule):
        if event.name == entry.event and not event.testing and all(s.code != entry.code for s in event.sessions):
            schedule[index] = replace(event, sessions=(*event.sessions, session))
            return index, entry.code
    schedule.append(Event(entry.round, entry.event, None, None, None, None, False, (session,)))
    return len(schedule) - 1, entry.code


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


def _event_document(
    event: Event,
    index: int,
    places: Mapping[_Slot, SessionState],
    changes: Mapping[tuple[int, str], SessionState],
    remembered: Mapping[tuple[str, str | None, str], SessionState],
    now: datetime,
) -> Document:
    sessions = []
    for session in event.sessions:
        state = places.get((index, session.code))
        if state is None and event.round is not None and not event.testing:
            state = _reported(changes.get((event.round, session.code)))
        if state is None:
            memory = remembered.get((event.name, event.date if event.testing else None, session.code))
            state = _unpublished(event, session, memory, now)
        start = utc_text(session.start_utc) if session.start_utc else None
        sessions.append({"code": session.code, "name": session.name, "start_utc": start, **asdict(state)})
    return {
        "round": event.round,
        "name": event.name,
        "country": event.country,
        "location": event.location,
        "date": event.date,
        "format": event.format,
        "testing": event.testing,
        "sessions": sessions,
    }


def _reported(state: SessionState | None) -> SessionState | None:
    """What a run reported, unless it says published: only ``latest.json`` can say that."""
    return None if state is None or state.state == PUBLISHED else state


def _unpublished(event: Event, session: ScheduledSession, memory: SessionState | None, now: datetime) -> SessionState:
    if event.round is None:
        return SessionState(CANCELLED)
    if memory is not None and memory.state == CANCELLED:
        return memory
    start = session.start_utc or _day_of(event)
    if start is not None and start > now:
        return SessionState(SCHEDULED)
    if memory is not None:
        return memory
    if start is None:
        return SessionState(SCHEDULED)
    return SessionState(AWAITING_DATA if now < start + PATIENCE else UNAVAILABLE)


def _day_of(event: Event) -> datetime | None:
    return None if event.date is None else datetime.combine(date.fromisoformat(event.date[:10]), time(), UTC)


def _remembered(document: Document | None) -> dict[tuple[str, str | None, str], SessionState]:
    """Failures and cancellations; those of events that had fallen off the schedule are forgotten if they come back."""
    return {
        (event["name"], event["date"] if event["testing"] else None, session["code"]): _state_of(session)
        for event, session in _sessions_of(document)
        if session["state"] in (FAILED, CANCELLED) and event["round"] is not None
    }


def _events_of(document: Document | None) -> list[Event]:
    return [
        Event(
            **{name: event[name] for name in ("round", "name", "country", "location", "date", "format", "testing")},
            sessions=tuple(
                ScheduledSession(s["code"], s["name"], parse_utc(s["start_utc"]) if s["start_utc"] else None)
                for s in event["sessions"]
            ),
        )
        for event in (document or {}).get("events", ())
    ]


def _sessions_of(document: Document | None) -> list[tuple[Document, Document]]:
    return [(event, session) for event in (document or {}).get("events", ()) for session in event["sessions"]]


def _state_of(session: Document) -> SessionState:
    return SessionState(**{name: session[name] for name in SessionState.__dataclass_fields__})
