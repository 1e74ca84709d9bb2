"""Year and round are aliases of a session: what lives under them follows when the calendar is renumbered.

A journal is written before anything moves and deleted when everything has. In between the season index is written,
which says from then on where things belong. Killed at any point, the next run finds the journal and does what is left.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from publish import keys
from publish.revisions.latest import read_latest
from publish.season.circuits import follow_circuits
from publish.season.csv_copies import follow_with_csv
from publish.season.document import (
    Event,
    Season,
    home_in,
    homes_of,
    published_in,
    renamed_events,
    season_document,
)
from publish.season.finish import finish_publication, settle_unowned_rows
from publish.season.index import published_of_year, read_season, update_season
from publish.season.own_tables import follow_season
from publish.stores.base import Conflict, RefusedError, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document
from publish.structs import Document, encode_document
from transforms.errors import PublicationError
from transforms.session_types import SESSION_CODES

_ATTEMPTS = 20


class NotFollowedError(RefusedError):
    """The calendar was renumbered and who publishes may not delete: everything is as it was."""


class StatusMoves(Document, tag="parcferme/status-moves/1"):
    """Where status documents go: the round each event has then, the documents as they are by their new key."""

    rounds: dict[str, int]
    documents: dict[str, dict[str, Any]]
    removed: tuple[str, ...]


def follow_schedule(
    store: Store, year: int, events: Sequence[Event], now: datetime, *, all_sessions: bool = False
) -> bool:
    """Make index and aliases of ``year`` those of the schedule ``events`` and say whether anything was written.

    Row copies and status documents go to their event's new number, nothing is computed or uploaded. A published event
    that fell off the schedule keeps its rows until another one takes the number. ``all_sessions`` looks at every
    ``latest.json``, not only where the index has something elsewhere than the schedule.

    :raises NotFollowedError: something has to move and the destination does not let names be taken back.
    """
    for _ in range(_ATTEMPTS):
        with suppress(Conflict):
            written = _follow(store, year, events, now, all_sessions)
            if written:
                follow_season(store, year)
                follow_with_csv(store, year)
                follow_circuits(store, year)
            return written
    raise PublicationError(
        f"{keys.season(year)} in {store.uri} was changed by other runs each of the {_ATTEMPTS} times this one was to "
        "follow the calendar. See what else writes it, then run again."
    )


def is_followed(store: Store, year: int, events: Sequence[Event], now: datetime) -> bool:
    """Whether the index of ``year`` is that of the schedule ``events``, with nothing left to move: two requests.

    :raises PublicationError: a document cannot be read.
    """
    before = read_season(store, year)
    if before is None or read_document(store, keys.status_moves(year), StatusMoves) is not None:
        return False
    after = season_document(year, events, before, published_in(before), {}, now)
    return encode_document(after) == encode_document(before)


def _follow(store: Store, year: int, events: Sequence[Event], now: datetime, all_sessions: bool) -> bool:
    """Do it once; raises Conflict if the index is not any more what it was decided from."""
    before = read_season(store, year)
    journal_key = keys.status_moves(year)
    journal = read_document(store, journal_key, StatusMoves)
    if before is not None:
        moves = _has_moves(store, year, before, events, all_sessions)
        journal = _move_status(store, year, journal_key, journal, before, events, always=moves)
    written = update_season(store, year, events, now, serial=before.serial if before else 0)
    if journal is not None or all_sessions:
        _move_sessions(store, year, now)
    if journal is not None:
        store.delete(journal_key)
    return written


def _has_moves(store: Store, year: int, before: Season, events: Sequence[Event], all_sessions: bool) -> bool:
    """Whether a published session is elsewhere than the schedule will have it."""
    taken = {event.round for event in events if not event.testing}
    published = published_of_year(store, year) if all_sessions else published_in(before)
    for entry, home in homes_of(published, before, events):
        if home is not None and (entry.event, entry.round) != (home.name, home.round):
            return True
        if home is None and entry.session.session_key is not None:
            latest = read_latest(store, entry.session.session_key)
            if latest is not None and latest.round in taken:
                return True
    return False


def _move_sessions(store: Store, year: int, now: datetime) -> None:
    """Take every published session to where the index has it, and away what lies under a number that nobody has."""
    season = read_season(store, year)
    session_keys = {key for entry in published_in(season) if (key := entry.session.session_key) is not None}
    for latest in in_parallel(lambda session_key: read_latest(store, session_key), sorted(session_keys)):
        if latest is not None:
            home = home_in(season, latest.session_key, latest.event, latest.round)
            if home != (latest.event, latest.round):
                finish_publication(store, latest.session_key, now)
    settle_unowned_rows(store, year)


def _move_status(
    store: Store,
    year: int,
    journal_key: str,
    journal: StatusMoves | None,
    before: Season,
    events: Sequence[Event],
    *,
    always: bool,
) -> StatusMoves | None:
    """Move status documents to their events' new numbers; returns the journal, to be deleted when all else has moved.

    A status document does not say whose it is, so where all of them go is written down before the first one moves.
    Without one to move there is a journal only if there was one before, or ``always``.
    """
    rounds = {event.name: event.round for event in before.events if not event.testing and event.round is not None}
    if journal is not None:
        if any(rounds.get(name) != number for name, number in journal.rounds.items()):
            _carry_out(store, journal)
        rounds = dict(journal.rounds)
    numbers = {event.name: event.round for event in events if not event.testing}
    new_names = {name: new for name, new in renamed_events(before, events).items() if name in rounds}
    after = {name: numbers.get(new_names.get(name, name)) for name in rounds}
    documents: dict[str, dict[str, Any]] = {}
    sources: list[str] = []
    for name, number in rounds.items():
        new_number = after[name]
        for code in SESSION_CODES if new_number != number else ():
            source = keys.status(year, number, code)
            document = read_document(store, source, dict[str, Any])
            if document is not None:
                sources.append(source)
                if new_number is not None:
                    documents[keys.status(year, new_number, code)] = document
    if not sources and not always:
        return journal
    rounds_after = {new_names.get(name, name): number for name, number in after.items() if number is not None}
    _check_may_delete(store, year)
    made = StatusMoves(rounds_after, documents, tuple(sorted(set(sources) - documents.keys())))
    store.write(journal_key, encode_document(made))
    _carry_out(store, made)
    return made


def _check_may_delete(store: Store, year: int) -> None:
    """Do nothing if names can be taken back: else nothing is begun that could not be brought to its end."""
    try:
        store.delete(keys.deletion_probe(year))
    except RefusedError as error:
        raise NotFollowedError(
            f"The calendar of {year} was renumbered, and following it takes names back, which this role may not do in "
            f"{store.uri}. Nothing was moved. Run `parcferme index {year}` once with a role that may delete, on AWS "
            "the prune role."
        ) from error


def _carry_out(store: Store, journal: StatusMoves) -> None:
    def write(key: str) -> None:
        data = encode_document(journal.documents[key])
        stored = store.read(key)
        if stored is None or stored.data != data:
            store.write(key, data)

    in_parallel(write, list(journal.documents))
    in_parallel(store.delete, journal.removed)
