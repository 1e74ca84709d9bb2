"""One session's run: what is meant, whether there is anything to do, how it ends.

The steps around it are in :mod:`flows.session.steps`. Whoever has them run, Prefect or a command line on its own, is a
:class:`Caller` here, and is told how far the run is and what became of it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import Any, Generic, TypeVar

from flows.engine.progress import ListenerSink, Progress, Sink, listener, repeated
from flows.session.announce import Announcer, Emit, Logger, nobody
from flows.session.fingerprint import code_fingerprint
from flows.session.reports import UP_TO_DATE, PublishReport, cause_of, sentence_of, state_after, wait_of
from flows.session.status import StatusSink
from flows.session.waiting import is_waited_for, nothing_will_come
from flows.session_ref import SessionRef
from flows.session_times import session_end_utc
from flows.settings import Settings
from flows.upstream.calendar import check_has_happened, read_schedule, resolve
from flows.upstream.client import Client, fastf1_version, log_from
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.limits import OwnLimits, SharedLimits
from flows.upstream.load import locate
from flows.upstream.results import refresh_results_answer
from flows.upstream.topics import missing_topics, read_session_key, topic_folder
from publish.encode.verdict import Verdict
from publish.live import status
from publish.live.runs import RunEntry
from publish.revisions.latest import Latest, Summary, read_latest
from publish.revisions.manifests import read_manifest
from publish.season import index as season
from publish.season.document import AWAITING_DATA, PUBLISHED, WITHOUT_DATA, has_event
from publish.season.finish import finish_publication, is_settled
from publish.stores.base import Store
from transforms.errors import IncompleteError, NotReadyError, ParcfermeError, UpstreamError
from transforms.frames import FPS

T = TypeVar("T")
#: How often a load is looked at, s.
_LOOK_S = 1.0


class Box(Generic[T]):
    """Carries something large from task to task: Prefect neither walks through it nor keeps it alive."""

    def __init__(self, value: T) -> None:
        self._values = [value]

    def look(self) -> T:
        """Return the value and leave it there."""
        return self._values[-1]

    def take(self) -> T:
        """Return the value, once; the box is empty afterwards."""
        return self._values.pop()


@dataclass(frozen=True)
class Caller:
    """Who has a run done, and who hears of it besides the destination.

    ``flow_run_id`` and ``flow_run_name`` are what status documents call the run, ``flow_run_url`` is its page.
    ``deployed``: workers run it for an orchestrator that somebody looks at, rather than a command line. ``has_server``:
    there is a Prefect server that lasts, and with it perhaps a watch. ``emit`` tells of what becomes of the session,
    ``make_sink`` makes a place where progress is shown, from a key of lower case, digits and dashes.
    """

    flow_run_id: str
    flow_run_name: str
    logger: Logger
    flow_run_url: str | None = None
    deployed: bool = False
    has_server: bool = False
    emit: Emit = nobody
    make_sink: Callable[[str], Sink] | None = None


class SessionRun:
    """A resolved session, where it goes, and how its run is followed."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        year: int,
        event: str | int,
        session: str,
        *,
        caller: Caller,
    ) -> None:
        self.settings = settings
        self.store = store
        self.caller = caller
        self.logger = logger = caller.logger
        self.client = Client.of(settings, logger=logger)
        now = settings.current_time()
        self.events = read_schedule(self.client, year, now)
        wanted = resolve(self.events, year, event, session)
        check_has_happened(wanted, now)
        self.session = wanted.ref
        #: When the schedule has the session start.
        self.start_utc = wanted.session.start_utc
        if caller.deployed:
            # What FastF1 does is of no interest to those who look at a run's log; what it misses is.
            log_from(logging.WARNING)
        self.entry = RunEntry(
            year,
            self.session.round,
            self.session.event,
            self.session.code,
            caller.flow_run_id,
            caller.flow_run_name,
            caller.flow_run_url,
            datetime.now(UTC),
        )
        self.status = StatusSink(store, self.entry)
        self.announcer = Announcer(store, self.entry, logger, caller.emit)
        self.progress = Progress(self._sinks(), logger=logger)
        #: What the upstream lists and says it has not is taken for lost.
        self.takes_its_word = False
        #: Whoever has asked for it brings the tables of the season up to date once for many sessions.
        self.is_one_of_many = False
        self._started_s = time.perf_counter()

    def _sinks(self) -> tuple[Sink, ...]:
        sinks: list[Sink] = [self.status]
        if self.caller.make_sink is not None:
            key = f"progress-{self.session.year}-{self.session.round}-{self.session.code.lower()}"
            sinks.append(self.caller.make_sink(key))
        heard_by = listener.get()
        if heard_by is not None:
            sinks.append(ListenerSink(heard_by, self.label))
        return tuple(sinks)

    @property
    def seconds(self) -> float:
        """Time since the run began, s."""
        return time.perf_counter() - self._started_s

    @property
    def label(self) -> str:
        """How messages name the session."""
        return self.session.label

    @cached_property
    def located(self) -> SessionRef:
        """The session with the upstream's path of it."""
        return locate(self.client, self.session)

    def use_cache(self, settings: Settings) -> None:
        """Load through the cache of ``settings`` from here on; what session it is stays as the old one has it."""
        _ = self.located
        self.client = Client.of(settings, logger=self.logger)
        self.settings = settings

    @property
    def loading_client(self) -> Client:
        """The client to load the session with: within the limits that all workers share, or of this process alone."""
        client = replace(self.client, takes_its_word=self.takes_its_word)
        if self.settings.offline:
            return client
        keep = SharedLimits if self.caller.deployed else OwnLimits
        return replace(client, limits=keep(self.progress.say))

    @contextmanager
    def followed_load(self) -> Iterator[None]:
        """Report, while FastF1 loads, how much has come of what the cache lacked."""
        lacking = len(self._missing_topics())

        def _report() -> None:
            self.progress.report(1.0 - len(self._missing_topics()) / lacking)

        with repeated(_report, _LOOK_S) if lacking else nullcontext():
            yield

    def _missing_topics(self) -> tuple[str, ...]:
        return missing_topics(self.settings.cache_dir, self.located)

    def read_fingerprint(self) -> str | None:
        """Return the fingerprint of what the cache holds of the session."""
        return inputs_fingerprint(self.settings.cache_dir, self.located)

    def summary_of(self, grade: str | None, capabilities: Any, verdict: Verdict | None) -> Summary:
        """Return what ``latest.json`` keeps of this run, to be compared by the next one."""
        return Summary(grade, capabilities, self.read_fingerprint() or "", code_fingerprint(), verdict)

    def read_current(self, session_key: int | None = None) -> Latest | None:
        """Return the current publication if these inputs and this code made it, else None."""
        key = session_key if session_key is not None else read_session_key(self.settings.cache_dir, self.located)
        latest = None if key is None else read_latest(self.store, key)
        if latest is None or (latest.round, latest.event) != (self.session.round, self.session.event):
            return None
        made_from = (latest.inputs_sha256, latest.code_sha256)
        return latest if made_from == (self.read_fingerprint(), code_fingerprint()) else None

    def awaited_by_another(self) -> datetime | None:
        """Return when another run that waits for the session's data tries again; None: there is no such run."""
        said = self._read_status()
        if said is None or said.type != status.AWAITING_DATA or said.flow_run_id == self.entry.flow_run_id:
            return None
        return said.next_attempt_at

    def may_have_more_upstream(self) -> bool:
        """Whether a load could bring what the cache lacks; asks the results service whether its answer has changed."""
        if self.settings.offline:
            return False
        with suppress(UpstreamError):
            # Without an answer the one in the cache stands.
            refresh_results_answer(self.client, self.session)
        return bool(self._missing_topics()) or self._is_published_incomplete()

    def _is_published_incomplete(self) -> bool:
        key = read_session_key(self.settings.cache_dir, self.located)
        latest = None if key is None else read_latest(self.store, key)
        return latest is not None and (latest.capabilities or {}).get("complete") is False

    @property
    def has_cached_topics(self) -> bool:
        """Whether the cache holds anything of the session's stream."""
        return any(topic_folder(self.settings.cache_dir, self.located).glob("*.ff1pkl"))

    @property
    def can_wait(self) -> bool:
        """Whether this run can be taken up later because data of its session may still come."""
        return self.caller.deployed and is_waited_for(self.start_utc, self.session.code, self.settings.current_time())

    def finish_unchanged(self, latest: Latest) -> PublishReport:
        """Report a session that is up to date, after finishing what a killed run may have left undone."""
        if not is_settled(self.store, latest):
            now = self.settings.current_time()
            finish_publication(self.store, latest.session_key, now, with_tables=not self.is_one_of_many)
        manifest = read_manifest(self.store, latest.session_key, latest.revision)
        said = self._read_status()
        if said is None or said.type != status.COMPLETE:
            self._close(UP_TO_DATE)
        if self.caller.deployed:
            self.announcer.unchanged(latest.revision, latest.grade)
        return PublishReport(
            self.session,
            PUBLISHED,
            grade=latest.grade,
            frames=manifest.clock.duration_ms * FPS // 1000,
            bytes=sum(entry.bytes for entry in manifest.objects),
            seconds=self.seconds,
            revision=latest.revision,
            session_key=latest.session_key,
            unchanged=True,
        )

    def finish_published(self, session_key: int, revision: str, grade: str, *, frames: int, size: int) -> PublishReport:
        """Close the status of a session that has just been published and report it."""
        self._close(f"Published {revision}")
        self.announcer.published(revision, grade)
        return PublishReport(
            self.session,
            PUBLISHED,
            grade=grade,
            frames=frames,
            bytes=size,
            seconds=self.seconds,
            revision=revision,
            session_key=session_key,
        )

    def dated(self, error: UpstreamError) -> UpstreamError:
        """Return ``error`` with what to do about it by the time since the session: wait, or expect nothing."""
        if not isinstance(error, NotReadyError) or isinstance(error, IncompleteError):
            return error
        end = None if self.start_utc is None else session_end_utc(self.start_utc, self.session.code)
        if end is None or is_waited_for(self.start_utc, self.session.code, self.settings.current_time()):
            advice = "If the session has just ended, try again in half an hour; offline, its data must be in the cache."
        else:
            nobody = "nothing of it is here" if self.settings.offline else "the upstream has nothing of it"
            advice = f"This session ended on {end:%Y-%m-%d}; {nobody} that can be published."
        return NotReadyError(f"{error} {advice}")

    def wait(self, error: UpstreamError, until: datetime) -> None:
        """Let status and season index say that the data is awaited and when it is asked for again. Never raises."""
        text = f"{sentence_of(error)} Next attempt on {until:%Y-%m-%d at %H:%M} UTC."
        try:
            self.status.wait(text, until, state=wait_of(error), cause=self._cause_of(error))
            self._record_state(AWAITING_DATA)
        except Exception as second:
            self.logger.warning("That %s awaits its data cannot be published: %s", self.label, second)
        self.announcer.awaiting(text)

    def give_up(self, error: UpstreamError) -> None:
        """Let status and season index say what a run has found that looks no more: nothing of it, or a failure."""
        if nothing_will_come(error, self.start_utc, self.session.code, self.settings.current_time()):
            self.find_nothing(error)
        else:
            self.fail(error)

    def find_nothing(self, error: UpstreamError) -> None:
        """Let status and season index say that there is no data of the session and will be none. Never raises."""
        text = sentence_of(error)
        try:
            self.status.no_data(text)
            self._record_state(WITHOUT_DATA)
        except Exception as second:
            self.logger.warning("That there is no data of %s cannot be published: %s", self.label, second)
        self.announcer.no_data(text)

    def fail(self, error: BaseException) -> None:
        """Let status and season index say why there is no (new) publication; what was published stays as it was.

        A cancelled run says nothing of the session, only of itself. Never raises: ``error`` is what matters.
        """
        interrupted = not isinstance(error, Exception)
        text = "The run was cancelled. Run it again." if interrupted else sentence_of(error)
        try:
            if interrupted:
                self.status.cancel(text)
            else:
                self.status.fail(text, cause=self._cause_of(error))
                self._record_state(state_after(error, self.start_utc, self.settings.current_time()))
        except Exception as second:
            self.logger.warning("The failure of %s cannot be published: %s", self.label, second)
        self.announcer.failed(text, cancelled=interrupted)

    def _cause_of(self, error: BaseException) -> str | None:
        return cause_of(error, self.start_utc, self.settings.current_time())

    def _read_status(self) -> status.Status | None:
        return status.read_status(self.store, self.session.year, self.session.round, self.session.code)

    def _record_state(self, state: str) -> None:
        now = self.settings.current_time()
        states = {(self.session.round, self.session.code): state}
        index = season.read_season(self.store, self.session.year)
        # Only who takes along all that hangs on numbers renumbers an index.
        if has_event(index, self.session.event, self.session.round):
            events = self.events if index is None else None
            season.update_season(self.store, self.session.year, events, now, states)

    def _close(self, message: str) -> None:
        self.progress.finish(message)
        try:
            self.status.complete(message)
        except ParcfermeError as error:
            self.logger.warning("The status of %s cannot be written: %s", self.label, error)


def made_with() -> dict[str, str]:
    """Return what makes a publication: the versions of this project, of FastF1 and of the contract."""
    return {
        "parcferme": version("parcferme"),
        "fastf1": fastf1_version(),
        "contract": str(season.CONTRACT),
    }
