"""Says of a run what others follow: a Prefect event, and its line in ``v1/runs.json``."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from flows.session.reports import UP_TO_DATE
from publish.live import runs
from publish.live.runs import RunEntry
from publish.live.status import public_text
from publish.stores.base import Store

if TYPE_CHECKING:
    from flows.engine.events import Kind

Logger = logging.Logger | logging.LoggerAdapter[Any]


class Emit(Protocol):
    """Tells others what a run has made of its session: :func:`flows.engine.events.emit_session_event`."""

    def __call__(
        self, kind: "Kind", run: RunEntry, message: str, *, revision: str | None = None, grade: str | None = None
    ) -> None:
        """Tell it; must not raise."""


def nobody(kind: "Kind", run: RunEntry, message: str, *, revision: str | None = None, grade: str | None = None) -> None:
    """Tell nobody: there is no Prefect server whose automations could act on it."""


class Announcer:
    """Announces what becomes of one run. Never raises: a run does not fail for want of an audience."""

    def __init__(self, store: Store, entry: RunEntry, logger: Logger, emit: Emit = nobody) -> None:
        self._store = store
        self._entry = entry
        self._logger = logger
        self._emit_event = emit

    def started(self) -> None:
        """Say that the run has begun its work."""
        self._emit("started", "Started")
        self._list_started()

    def published(self, revision: str, grade: str | None) -> None:
        """Say that there is a new current revision."""
        self._ended("published", f"Published {revision}", revision, grade)

    def unchanged(self, revision: str, grade: str | None) -> None:
        """Say that the current revision is up to date."""
        self._ended("unchanged", UP_TO_DATE, revision, grade)

    def awaiting(self, message: str) -> None:
        """Say that the run waits for its data."""
        self._ended("awaiting_data", message)

    def no_data(self, message: str) -> None:
        """Say that there is no data of the session, and will be none."""
        self._ended("no_data", message)

    def failed(self, message: str, *, cancelled: bool) -> None:
        """Say that the run has ended without doing its work."""
        self._ended("cancelled" if cancelled else "failed", message)

    def crashed(self, message: str) -> None:
        """Say that the run ended without a word."""
        self._ended("crashed", message)

    def _ended(self, outcome: "Kind", message: str, revision: str | None = None, grade: str | None = None) -> None:
        self._emit(outcome, message, revision, grade)
        self._list_ended(outcome, message, revision, grade)

    def _emit(self, kind: "Kind", message: str, revision: str | None = None, grade: str | None = None) -> None:
        self._emit_event(kind, self._entry, public_text(message), revision=revision, grade=grade)

    def _list_started(self) -> None:
        try:
            runs.run_started(self._store, self._entry, datetime.now(UTC))
        except Exception as error:
            self._logger.warning("That the run has begun cannot be published: %s", error)

    def _list_ended(self, outcome: str, message: str, revision: str | None, grade: str | None) -> None:
        now = datetime.now(UTC)
        try:
            runs.run_ended(
                self._store,
                self._entry,
                ended_at=now,
                state=outcome,
                message=message,
                grade=grade,
                revision=revision,
                now=now,
            )
        except Exception as error:
            self._logger.warning("How the run has ended cannot be published: %s", error)
