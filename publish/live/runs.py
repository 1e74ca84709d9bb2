"""``v1/runs.json``: what runs now, what ran last and what comes next, in one shared document.

How far a run is stands in its own status document, which every running entry names. Messages are public: local paths
are taken out of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from publish import keys
from publish.live.status import public_text
from publish.season.index import update_root_index
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import (
    Count,
    Document,
    Grade,
    Part,
    Revision,
    SessionCode,
    Utc,
    Year,
    about,
    encode_document,
    one_of,
)

#: How a run can have ended.
OUTCOMES = ("published", "unchanged", "awaiting_data", "no_data", "failed", "cancelled", "crashed")
CRASHED = "crashed"
#: What a planned run is for.
PUBLISH, RECHECK = "publish", "recheck"
KINDS = (PUBLISH, RECHECK)
MAX_LISTED = 50
#: A run that its orchestrator does not know may have begun this short a time ago.
UNKNOWN_FOR = timedelta(minutes=3)

_UNKNOWN_RUN = "Nobody knows of this run any more: it was killed or deleted. Run the session again."


class _OfSession(Part):
    year: Year
    round: Count
    event: str
    session: SessionCode


class RunEntry(_OfSession):
    """A run that makes a session."""

    flow_run_id: str
    flow_run_name: str
    flow_run_url: str | None
    started_at: Utc


class RunningEntry(RunEntry):
    """A run that is at work."""

    status: Annotated[str, about("Its status document, relative to the base URL")]


class EndedEntry(RunningEntry):
    """A run that has ended, and how."""

    ended_at: Utc
    state: Annotated[str, one_of(*OUTCOMES)]
    message: str
    grade: Grade | None
    revision: Revision | None


class PlannedEntry(_OfSession):
    """A run to come; what is null is not known yet, since the run may not be made yet."""

    flow_run_id: str | None
    flow_run_name: str | None
    flow_run_url: str | None
    kind: Annotated[str, one_of(*KINDS)]
    expected_at: Utc


class Runs(Document, tag="parcferme/runs/1"):
    """What runs now, what ran last and what comes next."""

    updated_at: Utc
    running: tuple[RunningEntry, ...]
    recent: Annotated[tuple[EndedEntry, ...], Meta(max_length=MAX_LISTED), about("Newest first")]
    next: Annotated[tuple[PlannedEntry, ...], Meta(max_length=MAX_LISTED), about("Soonest first")]


_Entry = TypeVar("_Entry", RunEntry, RunningEntry, EndedEntry, PlannedEntry)


@dataclass
class _Lists:
    """The three lists of the document, to be changed."""

    running: list[RunningEntry]
    recent: list[EndedEntry]
    next: list[PlannedEntry]

    def ended(self, entry: EndedEntry) -> None:
        """List ``entry`` among the recent ones, once."""
        self.forget(entry.flow_run_id)
        self.recent.append(entry)

    def forget(self, flow_run_id: str) -> None:
        """Drop whatever is said of a run."""
        self.running = _without(self.running, flow_run_id)
        self.recent = _without(self.recent, flow_run_id)
        self.next = _without(self.next, flow_run_id)

    def find_recent(self, flow_run_id: str) -> EndedEntry | None:
        """Return what is said of a run that has ended."""
        return next((entry for entry in self.recent if entry.flow_run_id == flow_run_id), None)


def _without(entries: Iterable[_Entry], flow_run_id: str) -> list[_Entry]:
    return [entry for entry in entries if entry.flow_run_id != flow_run_id]


def run_started(store: Store, entry: RunEntry, now: datetime) -> bool:
    """List a run as running and say whether anything was written.

    A run that goes on after it waited or failed is running again and nothing else.

    :raises PublicationError: ``entry.session`` is no session's code, or the store refuses.
    """
    made = _running(entry)

    def change(lists: _Lists) -> None:
        ended = lists.find_recent(entry.flow_run_id)
        if ended is not None and ended.ended_at > now:
            return  # a late word of a run that has ended since
        lists.forget(entry.flow_run_id)
        lists.running.append(made)

    return _update(store, change, now)


def run_ended(
    store: Store,
    entry: RunEntry,
    *,
    ended_at: datetime,
    state: str,
    message: str,
    grade: str | None = None,
    revision: str | None = None,
    now: datetime,
) -> bool:
    """Move a run from the running ones to the recent ones and say whether anything was written.

    ``state`` is one of :data:`OUTCOMES`. A run that ended twice is listed once, as it ended last; one that was never
    said to run is listed all the same.

    :raises PublicationError: ``state`` or ``entry.session`` is not known, or the store refuses.
    """
    made = _ended(_running(entry), ended_at, state, message, grade, revision)

    def change(lists: _Lists) -> None:
        again = [run for run in lists.running if run.flow_run_id == entry.flow_run_id]
        if any(run.started_at > ended_at for run in again):
            return  # it has begun anew since
        ended = lists.find_recent(entry.flow_run_id)
        if ended is None or ended.ended_at <= ended_at:
            lists.ended(made)

    return _update(store, change, now)


def replace_planned(store: Store, planned: Sequence[PlannedEntry], now: datetime) -> bool:
    """List ``planned`` as what comes next, instead of what was; says whether anything was written.

    What runs already is left out, and of very many only the soonest are kept.

    :raises PublicationError: an entry is for nothing known, or the store refuses.
    """
    made = [replace(entry, flow_run_url=_web_address(entry.flow_run_url)) for entry in planned]

    def change(lists: _Lists) -> None:
        running = {run.flow_run_id for run in lists.running}
        lists.next = [entry for entry in made if entry.flow_run_id not in running]

    return _update(store, change, now)


def reconcile(store: Store, alive: Collection[str], dead: Mapping[str, tuple[str, str]], now: datetime) -> bool:
    """Hold the running ones against what their orchestrator says; says whether anything was written.

    ``alive`` are ids of flow runs that run, ``dead`` says of others how they ended: one of :data:`OUTCOMES` and a
    message. A run in neither is taken for crashed once it has been listed for :data:`UNKNOWN_FOR`. One that is listed
    as crashed and is alive after all is running again.

    :raises PublicationError: a state in ``dead`` is not known, or the store refuses.
    """

    def change(lists: _Lists) -> None:
        for run in list(lists.running):
            if run.flow_run_id in dead:
                lists.ended(_ended(run, now, *dead[run.flow_run_id]))
            elif run.flow_run_id not in alive and now - run.started_at > UNKNOWN_FOR:
                lists.ended(_ended(run, now, CRASHED, _UNKNOWN_RUN))
        for ended in list(lists.recent):
            if ended.state == CRASHED and ended.flow_run_id in alive:
                lists.forget(ended.flow_run_id)
                lists.running.append(msgspec.convert(ended, RunningEntry, from_attributes=True))

    return _update(store, change, now)


def has_long_runs(store: Store, now: datetime) -> bool:
    """Whether a run is listed as running that began more than :data:`UNKNOWN_FOR` ago: it may be dead.

    :raises PublicationError: the document cannot be read.
    """
    return any(now - run.started_at > UNKNOWN_FOR for run in read_running(store))


def read_running(store: Store) -> tuple[RunningEntry, ...]:
    """Return what is listed as running.

    :raises PublicationError: the document cannot be read.
    """
    runs = read_document(store, keys.RUNS, Runs)
    return runs.running if runs else ()


def _update(store: Store, change: Callable[[_Lists], None], now: datetime) -> bool:
    def changed(before: Runs | None) -> Runs | None:
        lists = _Lists(list(before.running), list(before.recent), list(before.next)) if before else _Lists([], [], [])
        change(lists)
        after = Runs(
            # A writer whose clock is behind does not make the document look older.
            max(now, before.updated_at) if before else now,
            tuple(sorted(lists.running, key=lambda run: run.started_at)),
            tuple(sorted(lists.recent, key=lambda run: run.ended_at, reverse=True)[:MAX_LISTED]),
            tuple(sorted(lists.next, key=lambda run: run.expected_at)[:MAX_LISTED]),
        )
        return None if before and _says_the_same(before, after) else after

    is_new = store.head(keys.RUNS) is None
    written = update_document(store, keys.RUNS, Runs, changed)
    if is_new and written:
        update_root_index(store, links={"runs": keys.RUNS})
    return written


def _says_the_same(before: Runs, after: Runs) -> bool:
    """Whether nothing but the time has changed, as published: times lose what is less than a millisecond."""
    return encode_document(replace(after, updated_at=before.updated_at)) == encode_document(before)


def _running(entry: RunEntry) -> RunningEntry:
    status = keys.status(entry.year, entry.round, entry.session)
    return RunningEntry(**asdict(entry) | {"flow_run_url": _web_address(entry.flow_run_url), "status": status})


def _ended(
    running: RunningEntry,
    ended_at: datetime,
    state: str,
    message: str,
    grade: str | None = None,
    revision: str | None = None,
) -> EndedEntry:
    said = public_text(message)
    return EndedEntry(**asdict(running), ended_at=ended_at, state=state, message=said, grade=grade, revision=revision)


def _web_address(url: str | None) -> str | None:
    return url if url is not None and url.startswith(("http://", "https://")) else None
