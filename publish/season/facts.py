"""What of a season index the season's own tables are made of: its events, and its rounds that count."""

from typing import Any

from publish.season.document import PUBLISHED, Season
from transforms.standings import Round

#: The sessions that give points, in the order of a weekend.
GIVE_POINTS = ("S", "R")


def count_published(season: Season) -> int:
    """Return how many sessions of a season are published."""
    return sum(session.state == PUBLISHED for event in season.events for session in event.sessions)


def rows_of_events(season: Season) -> list[dict[str, Any]]:
    """Return the table ``events`` of a season, row by row, in the order of the calendar."""
    rows = [
        {
            "year": season.year,
            "round": None if event.testing else event.round,
            "event": event.name,
            "country": event.country,
            "location": event.location,
            "date": event.date,
            "format": event.format,
            "is_test": event.testing,
            "first_start_utc": min((s.start_utc for s in event.sessions if s.start_utc), default=None),
            "sessions": len(event.sessions),
            "published": sum(session.state == PUBLISHED for session in event.sessions),
        }
        for event in season.events
    ]
    return sorted(rows, key=lambda row: (row["round"] is None, row["round"] or 0, row["date"] or ""))


def full_rounds(season: Season) -> list[Round]:
    """Return the rounds from the first one on, up to the first that lacks a session that gives points."""
    rounds: list[Round] = []
    numbered = {event.round: event for event in season.events if not event.testing and event.round is not None}
    for number in range(1, len(numbered) + 1):
        event = numbered.get(number)
        found = {s.code: s for s in event.sessions if s.code in GIVE_POINTS} if event else {}
        if event is None or "R" not in found:
            break
        session_keys = tuple(key for code in GIVE_POINTS if code in found and (key := found[code].session_key))
        if len(session_keys) < len(found):
            break
        rounds.append(Round(number, event.name, session_keys[-1], session_keys))
    return rounds


def tell_the_same(one: Season, other: Season) -> bool:
    """Whether the same tables are made of two indexes of a season."""
    return _facts(one) == _facts(other)


def _facts(season: Season) -> tuple[object, ...]:
    return rows_of_events(season), full_rounds(season)
