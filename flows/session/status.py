"""The public status document of a run: kept alive while it lives, closed when it ends or has died."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from msgspec.structs import replace

from publish import keys
from publish.live import status
from publish.live.runs import RunEntry
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document

#: A live run is heard of every half minute; one silent for this long is dead.
SILENCE = timedelta(minutes=3)
_READERS = 8
DEAD_RUN = "The run stopped without a word: it was killed or its machine went away. Run it again."


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StatusSink:
    """Writes a run's progress, and in the end its outcome, to the session's status document."""

    wants_heartbeat = True
    interval_s = 1.0

    def __init__(
        self, store: Store, run: RunEntry, clock: Callable[[], datetime] = _utc_now, owner: str | None = None
    ) -> None:
        self._store = store
        self._run = run
        self._clock = clock
        #: Of the lease: this attempt of the run and no other.
        self.owner = owner or uuid4().hex

    def claim(self, dead: str = "") -> status.Status | None:
        """Take the session's lease, also from the owner ``dead``; None: it is ours, else the status of who has it."""
        # Its work begins now: whoever was at it while this one waited is its predecessor.
        self._run = replace(self._run, started_at=self._clock())
        self._write(status.PROGRESS, "Running", 0, "Beginning", None, dead=dead)
        return self.taken_by()

    def taken_by(self) -> status.Status | None:
        """Return the status of another run, or another attempt of this one, that is at work; None: there is none."""
        said = status.read_status(self._store, self._run.year, self._run.round, self._run.session)
        return said if status.holder_of(said, self._clock()) not in (None, self.owner) else None

    def write(self, percent: float, message: str) -> None:
        """Say how far the run is."""
        self._write(status.PROGRESS, "Running", int(percent), message, None)

    def wait(self, message: str, until: datetime, *, state: str, cause: str | None) -> None:
        """Say that the run waits for data and goes on at ``until`` (aware)."""
        self._write(status.AWAITING_DATA, state, 0, message, None, until, cause)

    def complete(self, message: str) -> None:
        """Say that the run has done its work."""
        self._write(status.COMPLETE, "Completed", 100, message, None)

    def no_data(self, message: str) -> None:
        """Say that the run has found nothing, and that nothing will come."""
        self._write(status.NO_DATA, "NoData", 100, message, None, cause=status.ABSENT)

    def cancel(self, message: str) -> None:
        """Say that somebody has stopped the run."""
        self._write(status.CANCELLED, "Cancelled", 0, message, None)

    def fail(self, error: str, *, cause: str | None = None) -> None:
        """Say that the run has ended without doing its work, and why."""
        self._write(status.ERROR, "Failed", 0, "Stopped", error, cause=cause)

    def _write(
        self,
        type_: str,
        state: str,
        percent: int,
        message: str,
        error: str | None,
        until: datetime | None = None,
        cause: str | None = None,
        dead: str = "",
    ) -> None:
        run, now = self._run, self._clock()
        status.write_status(
            self._store,
            run.year,
            run.round,
            run.session,
            status.Status(
                type=type_,
                state=state,
                progress=percent,
                message=message,
                flow_run_id=run.flow_run_id,
                flow_run_name=run.flow_run_name,
                started_at=run.started_at,
                updated_at=now,
                error=error,
                flow_run_url=run.flow_run_url,
                next_attempt_at=until,
                cause=cause,
                lease=status.Lease(self.owner, now + SILENCE) if type_ == status.PROGRESS else None,
            ),
            owner=self.owner,
            dead=dead,
        )


@dataclass(frozen=True)
class Ended:
    """A status document that was closed: whose run it told of, and of which session. ``started_at`` is aware."""

    year: int
    round: int
    code: str
    flow_run_id: str
    flow_run_name: str
    started_at: datetime


def close_status(store: Store, year: int, flow_run_id: str, *, state: str, error: str) -> list[Ended]:
    """Turn what still says that ``flow_run_id`` is under way into an error; return what was changed.

    For the hooks of Prefect, which know a run and its parameters but not what it had resolved.
    """

    def _verdict(document: status.Status) -> tuple[str, str] | None:
        return (state, error) if document.flow_run_id == flow_run_id else None

    return end_matching(store, year, _verdict, _utc_now())


def sweep_status(store: Store, year: int, now: datetime) -> list[Ended]:
    """Turn every status of ``year`` that says "running" but has been silent for too long into an error.

    A run killed outright cannot say so itself; the next one says it instead. Returns what was changed.
    ``now`` is aware.
    """

    def _verdict(document: status.Status) -> tuple[str, str] | None:
        return ("Crashed", DEAD_RUN) if is_silent(document, now) else None

    return end_matching(store, year, _verdict, now)


def last_words(store: Store, year: int) -> dict[str, datetime]:
    """Return when each run that says it is at work on a session of ``year`` last said so, by the run's id."""
    documents = (read_document(store, key, status.Status) for key in status.status_keys(store, year))
    return {one.flow_run_id: one.updated_at for one in documents if one is not None and one.type == status.PROGRESS}


def is_silent(document: status.Status, now: datetime) -> bool:
    """Whether a status says that its run is working although nothing has been heard of it for too long."""
    return document.type == status.PROGRESS and now - document.updated_at > SILENCE


def end_matching(
    store: Store, year: int, verdict: Callable[[status.Status], tuple[str, str] | None], now: datetime
) -> list[Ended]:
    """Close every open status of ``year`` for which ``verdict`` gives (state of its run, text); return them."""

    def _end(before: status.Status | None) -> status.Status | None:
        if before is None or before.type not in (status.PROGRESS, status.AWAITING_DATA):
            return None
        if (judged := verdict(before)) is None:
            return None
        state, text = judged[0], status.public_text(judged[1])
        ended = replace(before, state=state, updated_at=now, next_attempt_at=None, lease=None)
        if state == "Completed":
            # All it could not do was to say so.
            return replace(ended, type=status.COMPLETE, progress=100, message=text, error=None)
        if state == "Cancelled":
            return replace(ended, type=status.CANCELLED, message=text, error=None)
        return replace(ended, type=status.ERROR, message="Stopped", error=text)

    return [_ended(year, key, document) for key, document in _change_matching(store, year, _end)]


def postpone_wait(store: Store, year: int, flow_run_id: str, message: str, until: datetime, now: datetime) -> None:
    """Let the status of a run that awaits its data say why it waits longer, and until when (aware)."""

    def _postponed(before: status.Status | None) -> status.Status | None:
        if before is None or before.type != status.AWAITING_DATA or before.flow_run_id != flow_run_id:
            return None
        return replace(before, message=status.public_text(message), updated_at=now, next_attempt_at=until)

    _change_matching(store, year, _postponed)


def _change_matching(
    store: Store, year: int, change: Callable[[status.Status | None], status.Status | None]
) -> list[tuple[str, status.Status]]:
    """Write every status of ``year`` that ``change`` makes something of; return keys and what was there before."""

    def _change_one(key: str) -> tuple[str, status.Status] | None:
        # Most documents are complete: look before asking for a conditional write.
        document = read_document(store, key, status.Status)
        if document is None or change(document) is None or not update_document(store, key, status.Status, change):
            return None
        return key, document

    with ThreadPoolExecutor(_READERS) as readers:
        changes = readers.map(_change_one, status.status_keys(store, year))
        return [changed for changed in changes if changed is not None]


def _ended(year: int, key: str, before: status.Status) -> Ended:
    _, round_text, name = key.removeprefix(keys.STATUS).split("/")
    return Ended(
        year,
        int(round_text),
        name.removesuffix(".json"),
        before.flow_run_id,
        before.flow_run_name,
        before.started_at,
    )
