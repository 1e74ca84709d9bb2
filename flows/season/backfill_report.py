"""What a backfill shows in Prefect while it works: a table of its sessions and one number for all of them."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import orjson
from prefect import get_client
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.schemas.actions import ArtifactUpdate

from flows.engine.artifact_texts import plain_rows, plain_text
from flows.engine.outages import without_waiting
from flows.season.fan_out import QUEUED
from flows.session.reports import PublishReport, summary_of
from publish.season.document import PUBLISHED
from transforms.session_types import SESSION_CODES

Logger = logging.Logger | logging.LoggerAdapter[Any]


class BackfillReport:
    """The artifacts of one run, under ``key`` (lower case, digits, dashes).

    A run does not fail for want of them: the log says once what cannot be kept.
    """

    def __init__(self, key: str, logger: Logger) -> None:
        self._key = key
        self._logger = logger
        self._expected = ""
        self._table: UUID | None = None
        self._progress: UUID | None = None
        self._has_failed = False

    def expect(self, sentence: str) -> None:
        """Say how long it will take."""
        self._expected = sentence
        if sentence:
            self._logger.info(sentence)

    def show(self, reports: Sequence[PublishReport]) -> None:
        """Show the sessions as they are now."""
        try:
            with without_waiting():
                self._show(list(reports))
        except Exception as error:
            level = logging.DEBUG if self._has_failed else logging.WARNING
            self._logger.log(level, "The table of this backfill cannot be kept: %s", error)
            self._has_failed = True

    def _show(self, reports: list[PublishReport]) -> None:
        summary = plain_text(self._summary(reports))
        rows = plain_rows(_row(report) for report in sorted(reports, key=_newest_first))
        ended = sum(report.state != QUEUED for report in reports)
        done = 100.0 * ended + sum(report.percent for report in reports if report.state == QUEUED)
        percent = round(done / max(len(reports), 1), 1)
        if self._table is None or self._progress is None:
            made = create_progress_artifact(percent, key=f"{self._key}-progress", description=summary)
            self._progress = cast(UUID, made)
            self._table = cast(UUID, create_table_artifact(rows, key=self._key, description=summary))
            return
        update_progress_artifact(self._progress, percent, description=summary)
        with get_client(sync_client=True) as client:
            update = ArtifactUpdate(data=orjson.dumps(rows).decode(), description=summary)
            client.update_artifact(self._table, update)

    def _summary(self, reports: list[PublishReport]) -> str:
        left = [report for report in reports if report.state == QUEUED]
        if not left:
            return f"{summary_of(reports)}."
        counts = Counter(report.message for report in left)
        doing = ", ".join(f"{counts[name]} {name}" for name in ("running", "starting", "waiting") if counts[name])
        return f"{len(reports) - len(left)} of {len(reports)} sessions done, {doing}. {self._expected}".strip()


def _says_no_more(report: PublishReport) -> bool:
    """Whether the other columns say what the message does."""
    return report.state == QUEUED or (report.state == PUBLISHED and not report.unchanged)


def _doing(report: PublishReport) -> str:
    return f"{report.message} {report.percent} %" if report.percent else report.message or ""


def _newest_first(report: PublishReport) -> tuple[int, int]:
    return -report.session.round, -SESSION_CODES.index(report.session.code)


def _row(report: PublishReport) -> dict[str, Any]:
    return {
        "round": report.session.round,
        "event": report.session.event,
        "session": report.session.code,
        "state": _doing(report) if report.state == QUEUED else report.state.replace("_", " "),
        "grade": report.grade or "",
        "seconds": report.seconds or "",
        "message": "" if _says_no_more(report) else report.message or "",
        "revision": report.revision or "",
    }
