"""The public status document of a run: kept alive while it lives, closed when it ends or has died."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from publish import keys, status
from publish.shared_documents import Document, parse_utc, read_document, update_document, utc_text
from publish.store import Store

#: A live run is heard of every half minute; one silent for this long is dead.
SILENCE = timedelta(minutes=3)
_READERS = 8
_DEAD_RUN = "The run stopped without a word: it was killed or its machine went away. Run it again."


@dataclass(frozen=True)
class RunIdentity:
    """Which run makes which session. ``started_at`` is aware."""

    year: int
    round: int
    code: str
    flow_run_id: str
    flow_run_name: str
    started_at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StatusSink:
    """Writes a run's progress, and in the end its outcome, to the session's status document."""

    wants_heartbeat = True

    def __init__(self, store: Store, run: RunIdentity, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._run = run
        self._clock = clock

    def write(self, percent: float, message: str) -> None:
        """Say how far the run is."""
        self._write(status.PROGRESS, "Running", int(percent), message, None)

    def complete(self, message: str) -> None:
        """Say that the run has done its work."""
        self._write(status.COMPLETE, "Completed", 100, message, None)

    def fail(self, error: str, *, state: str = "Failed") -> None:
        """Say that the run has ended without doing its work, and why."""
        self._write(status.ERROR, state, 0, "Stopped", error)

    def _write(self, type_: str, state: str, percent: int, message: str, error: str | None) -> None:
        run = self._run
        status.write_status(
            self._store,
            run.year,
            run.round,
            run.code,
            status.StatusDocument(
                type=type_,
                state=state,
                progress=percent,
                message=message,
                flow_run_id=run.flow_run_id,
                flow_run_name=run.flow_run_name,
                started_at=run.started_at,
                updated_at=self._clock(),
                error=error,
            ),
        )


def close_status(store: Store, year: int, flow_run_id: str, *, state: str, error: str) -> int:
    """Turn what still says that ``flow_run_id`` is running into an error; return how many documents were changed.

    For the hooks of Prefect, which know a run and its parameters but not what it had resolved.
    """

    def _is_this_run(document: Document) -> bool:
        return document.get("flow_run_id") == flow_run_id

    return _end_matching(store, year, _is_this_run, state=state, error=error, now=_utc_now())


def sweep_status(store: Store, year: int, now: datetime) -> int:
    """Turn every status of ``year`` that says "running" but has been silent for too long into an error.

    A run killed outright cannot say so itself; the next one says it instead. Returns how many were changed.
    ``now`` is aware.
    """

    def _is_silent(document: Document) -> bool:
        return now - parse_utc(document["updated_at"]) > SILENCE

    return _end_matching(store, year, _is_silent, state="Crashed", error=_DEAD_RUN, now=now)


def _end_matching(
    store: Store, year: int, matches: Callable[[Document], bool], *, state: str, error: str, now: datetime
) -> int:
    def _end(before: Document | None) -> Document | None:
        if before is None or before.get("type") != status.PROGRESS or not matches(before):
            return None
        ended = {"type": status.ERROR, "state": state, "message": "Stopped", "error": error}
        return {**before, **ended, "updated_at": utc_text(now)}

    def _end_one(key: str) -> bool:
        # Most documents are complete: look before asking for a conditional write.
        return _end(read_document(store, key)) is not None and update_document(store, key, _end)

    found = [listed.key for listed in store.list(f"{keys.STATUS}{year}/") if listed.key.endswith(".json")]
    with ThreadPoolExecutor(_READERS) as readers:
        return sum(readers.map(_end_one, found))
