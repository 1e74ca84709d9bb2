"""``v1/runs.json``: what runs now, what ran last and what comes next, in one shared document.

How far a run is stands in its own status document, which every running entry names. Messages are public: local paths
are taken out of them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from publish import keys
from publish.live.status import public_text
from publish.season.index import update_root_index
from publish.stores.base import Store
from publish.stores.shared_documents import Document, parse_utc, update_document, utc_text
from transforms.errors import PublicationError

SCHEMA = "parcferme/runs/1"
#: How a run can have ended.
OUTCOMES = ("published", "unchanged", "awaiting_data", "failed", "cancelled", "crashed")
CRASHED = "crashed"
#: What a planned run is for.
PUBLISH, RECHECK = "publish", "recheck"
KINDS = (PUBLISH, RECHECK)
MAX_LISTED = 50
#: A run that its orchestrator does not know may have begun this short a time ago.
UNKNOWN_FOR = timedelta(minutes=3)

#: What is said only of runs that have ended.
_OF_THE_END = ("ended_at", "state", "message", "grade", "revision")
_UNKNOWN_RUN = "Nobody knows of this run any more: it was killed or deleted. Run the session again."


@dataclass(frozen=True)
class RunEntry:
    """A run that makes a session: ``event`` is its name, ``session`` its code, ``started_at`` aware."""

    year: int
    round: int
    event: str
    session: str
    flow_run_id: str
    flow_run_name: str
    flow_run_url: str | None
    started_at: datetime


@dataclass(frozen=True)
class PlannedEntry:
    """A run to come. ``kind`` is one of :data:`KINDS`, ``expected_at`` aware; the run may not be made yet."""

    year: int
    round: int
    event: str
    session: str
    kind: str
    expected_at: datetime
    flow_run_id: str | None = None
    flow_run_name: str | None = None
    flow_run_url: str | None = None


@dataclass
class _Lists:
    """The three lists of the document, to be changed."""

    running: list[Document]
    recent: list[Document]
    next: list[Document]

    def ended(self, entry: Document) -> None:
        """List ``entry`` among the recent ones, once."""
        self.forget(entry["flow_run_id"])
        self.recent.append(entry)

    def forget(self, flow_run_id: str) -> None:
        """Drop whatever is said of a run."""
        for name in ("running", "recent", "next"):
            kept = [entry for entry in getattr(self, name) if entry["flow_run_id"] != flow_run_id]
            setattr(self, name, kept)

    def find_recent(self, flow_run_id: str) -> Document | None:
        """Return what is said of a run that has ended."""
        return next((entry for entry in self.recent if entry["flow_run_id"] == flow_run_id), None)


def run_started(store: Store, entry: RunEntry, now: datetime) -> bool:
    """List a run as running and say whether anything was written.

    A run that goes on after it waited or failed is running again and nothing else.

    :raises PublicationError: ``entry.session`` is no session's code, or the store refuses.
    """
    made = _running_document(entry)

    def change(lists: _Lists) -> None:
        ended = lists.find_recent(entry.flow_run_id)
        if ended is not None and parse_utc(ended["ended_at"]) > now:
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
    made = _ended_document(_running_document(entry), ended_at, state, message, grade, revision)

    def change(lists: _Lists) -> None:
        again = [run for run in lists.running if run["flow_run_id"] == entry.flow_run_id]
        if any(parse_utc(run["started_at"]) > ended_at for run in again):
            return  # it has begun anew since
        ended = lists.find_recent(entry.flow_run_id)
        if ended is None or parse_utc(ended["ended_at"]) <= ended_at:
            lists.ended(made)

    return _update(store, change, now)


def replace_planned(store: Store, planned: Sequence[PlannedEntry], now: datetime) -> bool:
    """List ``planned`` as what comes next, instead of what was; says whether anything was written.

    What runs already is left out, and of very many only the soonest are kept.

    :raises PublicationError: an entry is for nothing known, or the store refuses.
    """
    made = [_planned_document(entry) for entry in planned]

    def change(lists: _Lists) -> None:
        running = {run["flow_run_id"] for run in lists.running}
        lists.next = [entry for entry in made if entry["flow_run_id"] is None or entry["flow_run_id"] not in running]

    return _update(store, change, now)


def reconcile(store: Store, alive: Collection[str], dead: Mapping[str, tuple[str, str]], now: datetime) -> bool:
    """Hold the running ones against what their orchestrator says; says whether anything was written.

    ``alive`` are ids of flow runs that run, ``dead`` says of others how they ended: one of :data:`OUTCOMES` and a
    message. A run in neither is taken for crashed once it has been listed for :data:`UNKNOWN_FOR`. One that is listed
    as crashed and is alive after all is running again.

    :raises PublicationError: a state in ``dead`` is not known, or the store refuses.
    """
    for state, _ in dead.values():
        _check_outcome(state)

    def change(lists: _Lists) -> None:
        for run in list(lists.running):
            flow_run_id = run["flow_run_id"]
            if flow_run_id in dead:
                lists.ended(_ended_document(run, now, *dead[flow_run_id]))
            elif flow_run_id not in alive and now - parse_utc(run["started_at"]) > UNKNOWN_FOR:
                lists.ended(_ended_document(run, now, CRASHED, _UNKNOWN_RUN))
        for run in list(lists.recent):
            if run["state"] == CRASHED and run["flow_run_id"] in alive:
                lists.forget(run["flow_run_id"])
                lists.running.append({name: value for name, value in run.items() if name not in _OF_THE_END})

    return _update(store, change, now)


def _update(store: Store, change: Callable[[_Lists], None], now: datetime) -> bool:
    def changed(before: Document | None) -> Document | None:
        present = before or {}
        lists = _Lists(*(list(present.get(name, ())) for name in ("running", "recent", "next")))
        change(lists)
        after: Document = {
            "running": sorted(lists.running, key=lambda run: str(run["started_at"])),
            "recent": sorted(lists.recent, key=lambda run: str(run["ended_at"]), reverse=True)[:MAX_LISTED],
            "next": sorted(lists.next, key=lambda run: str(run["expected_at"]))[:MAX_LISTED],
        }
        if before is not None and all(before.get(name) == value for name, value in after.items()):
            return None
        return {"schema": SCHEMA, "updated_at": _latest_text(present.get("updated_at"), now), **after}

    is_new = store.head(keys.RUNS) is None
    written = update_document(store, keys.RUNS, changed)
    if is_new and written:
        update_root_index(store, links={"runs": keys.RUNS})
    return written


def _latest_text(before: str | None, now: datetime) -> str:
    """Return the later time: a writer whose clock is behind does not make the document look older."""
    return utc_text(now if before is None else max(now, parse_utc(before)))


def _running_document(entry: RunEntry) -> Document:
    return {
        **_common(asdict(entry)),
        "started_at": utc_text(entry.started_at),
        "status": keys.status(entry.year, entry.round, entry.session),
    }


def _ended_document(
    running: Document,
    ended_at: datetime,
    state: str,
    message: str,
    grade: str | None = None,
    revision: str | None = None,
) -> Document:
    _check_outcome(state)
    return {
        **running,
        "ended_at": utc_text(ended_at),
        "state": state,
        "message": public_text(message),
        "grade": grade,
        "revision": revision,
    }


def _planned_document(entry: PlannedEntry) -> Document:
    if entry.kind not in KINDS:
        raise PublicationError(f"A run cannot be planned for {entry.kind!r}. Use one of {', '.join(KINDS)}.")
    return {**_common(asdict(entry)), "kind": entry.kind, "expected_at": utc_text(entry.expected_at)}


def _common(entry: Document) -> Document:
    """Return what every entry says of its run and session."""
    url = entry["flow_run_url"]
    return {
        "year": entry["year"],
        "round": entry["round"],
        "event": entry["event"],
        "session": entry["session"],
        "flow_run_id": entry["flow_run_id"],
        "flow_run_name": entry["flow_run_name"],
        "flow_run_url": url if url is not None and url.startswith(("http://", "https://")) else None,
    }


def _check_outcome(state: str) -> None:
    if state not in OUTCOMES:
        raise PublicationError(f"A run cannot have ended as {state!r}. Use one of {', '.join(OUTCOMES)}.")
