"""Progress of a run: one weighted number from 0 to 100 with a message, shown in several places at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, Protocol

from flows.engine.artifact_texts import plain_text

#: How transforms and encoders report: part of the stage done, 0 to 1, and a message.
ProgressCallback = Callable[[float, str], None]

#: Stages of a session's run and their share of the whole, as measured on two recorded races that were not parsed yet:
#: load 9-11 s without the download, transform 3 s, encode 10-11 s, publish 3-4 s to a test server for S3.
STAGES = {"load": 40.0, "transform": 10.0, "encode": 40.0, "publish": 10.0}
#: Where every word is an event and a row of a database, or a request: between two words of a stage.
_MIN_INTERVAL_S = 5.0
#: Where somebody sits in front of it.
_WATCHED_INTERVAL_S = 1.0
#: A place that could not be written to is left alone this long: trying can take its time, and the run waits for it.
_PAUSE_AFTER_FAILURE_S = 60.0
_HEARTBEAT_S = 30.0
#: For what a thread is just doing when it is no longer needed.
_LONGEST_WAIT_S = 30.0


class Sink(Protocol):
    """A place where progress is shown."""

    #: Whether it must hear from a live run even when nothing moves.
    wants_heartbeat: bool
    #: The shortest time between two words within a stage, s.
    interval_s: float

    def write(self, percent: float, message: str) -> None:
        """Show ``percent`` (0 to 100) and ``message``."""


class Listener(Protocol):
    """What follows runs from the same process: the command line."""

    def __call__(self, label: str, percent: float, message: str) -> None:
        """Hear that the run of ``label`` has come to ``percent``."""


#: Set by the command line around a run; None in a worker.
listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@dataclass
class _SinkState:
    sink: Sink
    written_at: float = float("-inf")
    percent: float = -1.0
    has_failed: bool = False
    silent_until: float = float("-inf")


class Progress:
    """Hands a run's progress on to its sinks: never backwards, no oftener than each wants but where a stage begins.

    A sink that fails is named once in the log and tried again a minute later: a run does not fail for want of an
    audience.
    """

    def __init__(
        self,
        sinks: tuple[Sink, ...],
        *,
        stages: Mapping[str, float] = STAGES,
        clock: Callable[[], float] = time.monotonic,
        logger: "logging.Logger | logging.LoggerAdapter[Any] | None" = None,
    ) -> None:
        self._sinks = tuple(_SinkState(sink) for sink in sinks)
        self._clock = clock
        self._logger = logger or logging.getLogger(__name__)
        self._lock = threading.RLock()
        total = sum(stages.values())
        self._share = {name: 100.0 * weight / total for name, weight in stages.items()}
        self._stage = ""
        self.percent = 0.0
        self.message = ""

    def begin(self, stage: str, message: str) -> None:
        """Enter ``stage``: everything before it is done."""
        with self._lock:
            self._stage = stage
            self._advance(self._base(), message)
            self._emit(force=True)

    def report(self, fraction: float, message: str = "") -> None:
        """Say that ``fraction`` (0 to 1) of the present stage is done. Safe to call often and from any thread."""
        with self._lock:
            inside = min(max(float(fraction), 0.0), 1.0)
            self._advance(self._base() + inside * self._share.get(self._stage, 0.0), message)
            self._emit(force=False)

    def say(self, message: str) -> None:
        """Tell why nothing moves."""
        with self._lock:
            self._advance(self.percent, message)
            self._emit(force=True)

    def finish(self, message: str) -> None:
        """Say that all is done."""
        with self._lock:
            self._advance(100.0, message)
            self._emit(force=True)

    def beat(self) -> None:
        """Write the present state again where a live run must be heard of."""
        with self._lock:
            for state in self._sinks:
                if state.sink.wants_heartbeat:
                    self._write(state)

    def _base(self) -> float:
        names = list(self._share)
        before = names[: names.index(self._stage)] if self._stage in names else []
        return sum(self._share[name] for name in before)

    def _advance(self, percent: float, message: str) -> None:
        self.percent = max(self.percent, min(percent, 100.0))
        self.message = message or self.message

    def _emit(self, *, force: bool) -> None:
        for state in self._sinks:
            due = self._clock() - state.written_at >= state.sink.interval_s and self.percent > state.percent
            if force or due:
                self._write(state)

    def _write(self, state: _SinkState) -> None:
        if self._clock() < state.silent_until:
            return
        state.written_at = self._clock()
        state.percent = self.percent
        try:
            state.sink.write(self.percent, self.message)
        except Exception as error:
            level = logging.DEBUG if state.has_failed else logging.WARNING
            name = type(state.sink).__name__
            self._logger.log(level, "Progress cannot be written to %s: %s. The run goes on.", name, error)
            state.has_failed = True
            state.silent_until = self._clock() + _PAUSE_AFTER_FAILURE_S


@contextmanager
def repeated(action: Callable[[], None], interval_s: float) -> Iterator[None]:
    """Let a thread call ``action`` every ``interval_s`` seconds until the block is left. ``action`` must not raise."""
    stopped = threading.Event()

    def _repeat() -> None:
        while not stopped.wait(interval_s):
            action()

    # The settings of this context say where the Prefect API is.
    thread = threading.Thread(target=copy_context().run, args=(_repeat,), name="repeated", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=_LONGEST_WAIT_S)


def heartbeat(progress: Progress, interval_s: float = _HEARTBEAT_S) -> AbstractContextManager[None]:
    """Return a block in which a thread says every ``interval_s`` seconds that the run is alive."""
    return repeated(progress.beat, interval_s)


class ListenerSink:
    """Progress for whoever listens in this process."""

    wants_heartbeat = False
    interval_s = _WATCHED_INTERVAL_S

    def __init__(self, heard_by: Listener, label: str) -> None:
        self._heard_by = heard_by
        self._label = label

    def write(self, percent: float, message: str) -> None:
        """Call the listener."""
        self._heard_by(self._label, percent, message)


class ArtifactSink:
    """A Prefect progress artifact of the present run, made at the first write. ``key``: lower case, digits, dashes."""

    wants_heartbeat = False
    interval_s = _MIN_INTERVAL_S

    def __init__(self, key: str) -> None:
        self._key = key
        self._id: Any = None

    def write(self, percent: float, message: str) -> None:
        """Create or update the artifact; needs the Prefect API."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        from flows.engine.outages import without_waiting

        said = plain_text(message)
        with without_waiting():
            if self._id is None:
                self._id = create_progress_artifact(round(percent, 1), key=self._key, description=said)
            else:
                update_progress_artifact(self._id, round(percent, 1), description=said)
