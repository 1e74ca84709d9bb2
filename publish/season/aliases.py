"""Year and round are aliases of a session: what lives under them follows when the calendar is renumbered.

The season index is the witness: it is written last, so that whoever finds it agreeing with the schedule knows that
everything else has moved. Killed at any point, the next run finds what is left to do and does only that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from publish import keys
from publish.encode.manifest import Manifest
from publish.revisions.copies import Alias, Copy, copy_missing, planned_copies, remove_copies
from publish.revisions.latest import Latest, read_latest
from publish.revisions.manifests import read_manifest
from publish.season.document import Event, Season, homes_of, published_in, renamed_events
from publish.season.index import published_of_year, read_season, update_season
from publish.stores.base import Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document, encode_document
from transforms.session_types import SESSION_CODES


class StatusMoves(Document, tag="parcferme/status-moves/1"):
    """Where status documents go: the round each event has then, the documents as they are by their new key."""

    rounds: dict[str, int]
    documents: dict[str, dict[str, Any]]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class _Move:
    """A published session whose alias changes. ``rounds_before`` are those its copies may still lie under."""

    latest: Latest
    event: str
    round: int | None
    rounds_before: tuple[int, ...]


def follow_schedule(
    store: Store, year: int, events: Sequence[Event], now: datetime, *, all_sessions: bool = False
) -> bool:
    """Make index and aliases of ``year`` those of the schedule ``events`` and say whether anything was written.

    Row copies and status documents go to their event's new number, nothing is computed or uploaded. A published event
    that fell off the schedule keeps its rows until another one takes the number. ``all_sessions`` looks at every
    ``latest.json``, not only at those the index has elsewhere than the schedule.
    """
    before = read_season(store, year)
    journal_key = keys.status_moves(year)
    journal = read_document(store, journal_key, StatusMoves)
    if before is not None:
        journal = _move_status(store, year, journal_key, journal, before, events)
        _move_sessions(store, _moves(store, year, before, events, all_sessions))
    written = update_season(store, year, events, now)
    if journal is not None:
        store.delete(journal_key)
    return written


def _moves(store: Store, year: int, before: Season, events: Sequence[Event], all_sessions: bool) -> list[_Move]:
    indexed = {entry.session.session_key: entry for entry in published_in(before)}
    published = published_of_year(store, year) if all_sessions else list(indexed.values())
    taken = {event.round for event in events if not event.testing}
    moves = []
    for entry, home in homes_of(published, before, events):
        in_index = indexed.get(entry.session.session_key)
        is_there = (
            home is not None and in_index is not None and (in_index.event, in_index.round) == (home.name, home.round)
        )
        if (is_there and not all_sessions) or entry.session.session_key is None:
            continue
        latest = read_latest(store, entry.session.session_key)
        if latest is None:
            continue
        if home is not None:
            event, number = home.name, home.round
        else:
            event, number = latest.event, None if latest.round in taken else latest.round
        old = {latest.round, in_index.round if in_index else None} - {number, None}
        if old or (latest.event, latest.round) != (event, number):
            moves.append(_Move(latest, event, number, tuple(sorted(round_ for round_ in old if round_ is not None))))
    return moves


def _move_sessions(store: Store, moves: Sequence[_Move]) -> None:
    """First every copy to its new name, then the old ones away, then ``latest.json``: what is left can be found."""
    manifests = in_parallel(lambda move: read_manifest(store, move.latest.session_key, move.latest.revision), moves)
    wanted = [
        planned_copies(manifest, Alias(move.latest.year, move.round, move.latest.session))
        for move, manifest in zip(moves, manifests, strict=True)
    ]
    copy_missing(store, [copy for copies in wanted for copy in copies])
    kept = {copy.target for copies in wanted for copy in copies}
    remove_copies(
        store, _without(kept, (c for m, manifest in zip(moves, manifests, strict=True) for c in _old(m, manifest)))
    )
    in_parallel(lambda move: _rename(store, move), moves)


def _old(move: _Move, manifest: Manifest) -> list[Copy]:
    latest = move.latest
    return [
        copy
        for number in move.rounds_before
        for copy in planned_copies(manifest, Alias(latest.year, number, latest.session))
    ]


def _without(kept: set[str], copies: Iterable[Copy]) -> list[Copy]:
    return [copy for copy in copies if copy.target not in kept]


def _rename(store: Store, move: _Move) -> None:
    def change(present: Latest | None) -> Latest | None:
        return None if present is None else replace(present, event=move.event, round=move.round)

    update_document(store, keys.latest(move.latest.session_key), Latest, change)


def _move_status(
    store: Store, year: int, journal_key: str, journal: StatusMoves | None, before: Season, events: Sequence[Event]
) -> StatusMoves | None:
    """Move status documents to their events' new numbers; returns the journal to be deleted after the index is written.

    A status document does not say whose it is, so where all of them go is written down before the first one moves.
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
    if not sources:
        return journal
    rounds_after = {new_names.get(name, name): number for name, number in after.items() if number is not None}
    made = StatusMoves(rounds_after, documents, tuple(sorted(set(sources) - documents.keys())))
    store.write(journal_key, encode_document(made))
    _carry_out(store, made)
    return made


def _carry_out(store: Store, journal: StatusMoves) -> None:
    def write(key: str) -> None:
        data = encode_document(journal.documents[key])
        stored = store.read(key)
        if stored is None or stored.data != data:
            store.write(key, data)

    in_parallel(write, list(journal.documents))
    in_parallel(store.delete, journal.removed)
