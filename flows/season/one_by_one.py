"""Many sessions of a season in this process, one after the other, so that a bad one stops none of the others.

Knows nothing of Prefect: the flow ``backfill`` has each of them made by a flow, a command line on its own makes it as
it is.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.destination import open_destination
from flows.session.direct import publish_directly
from flows.session.reports import LEFT, PublishReport, sentence_of, state_after
from flows.session.site import conclude_destination, prepare_destination
from flows.session.standings import check_standings
from flows.session.steps import Request
from flows.settings import Settings, read_settings
from flows.upstream.archive import Source, settings_for
from flows.upstream.calendar import read_schedule
from flows.upstream.client import Client
from flows.upstream.selection import Wanted, select_sessions
from publish.season.document import SCHEDULED, Event
from publish.season.rebuild import follow_all
from transforms.errors import AlreadyRunningError

Logger = logging.Logger | logging.LoggerAdapter[Any]


@dataclass(frozen=True)
class Selection:
    """What is wanted of a season at ``now``: ``events`` is its schedule, ``over`` what has happened of ``wanted``."""

    events: Sequence[Event]
    wanted: Sequence[Wanted]
    now: datetime

    @property
    def over(self) -> list[Wanted]:
        """The sessions that have begun, or of which nobody knows when they do."""
        return [one for one in self.wanted if one.session.start_utc is None or one.session.start_utc <= self.now]

    @property
    def upcoming(self) -> list[PublishReport]:
        """What is to be said of the others."""
        over = self.over
        return [_not_yet(one) for one in self.wanted if one not in over]

    def in_order(self, reports: Sequence[PublishReport]) -> list[PublishReport]:
        """Return one report for each of ``wanted``, in the order of the season."""
        of_session = {(report.session.round, report.session.code): report for report in reports}
        return [of_session[one.ref.round, one.ref.code] for one in self.wanted]


def select(settings: Settings, year: int, rounds: Sequence[int] | None, codes: Sequence[str] | None) -> Selection:
    """Return what is meant by rounds and session codes (None: all of them).

    :raises InputError: nothing of that kind is in the season.
    :raises UpstreamError: its schedule could not be had.
    """
    now = settings.current_time()
    events = read_schedule(Client.of(settings), year, now)
    return Selection(events, select_sessions(events, year, rounds, codes), now)


def publish_one_by_one(
    selection: Selection, publish_one: Callable[[Wanted], PublishReport], logger: Logger
) -> list[PublishReport]:
    """Publish what is over, newest first, and return what became of each; what ``publish_one`` raises is a report too.

    An interruption of this process ends it.
    """
    reports = []
    for one in reversed(selection.over):
        try:
            report = publish_one(one)
        except Exception as error:
            report = failure_of(one, error, selection.now)
        reports.append(report)
        if report.message:
            logger.warning("%s: %s", report.session.label, report.message)
    return reports


def failure_of(one: Wanted, error: BaseException, now: datetime) -> PublishReport:
    """Return the report of a session whose run ended in ``error``."""
    if isinstance(error, AlreadyRunningError):
        return PublishReport(one.ref, LEFT, message=str(error))
    return PublishReport(one.ref, state_after(error, one.session.start_utc, now), message=sentence_of(error))


def backfill_directly(
    year: int, rounds: Sequence[int] | None, codes: Sequence[str] | None, *, force: bool, source: Source
) -> list[PublishReport]:
    """Do without Prefect what the flow ``backfill`` does from a command line; return a report a session, in order.

    :raises ParcfermeError: it ended without having looked at them.
    """
    settings = settings_for(read_settings(), source, year)
    selection = select(settings, year, rounds, codes)
    store = open_destination(settings)
    prepare_destination(settings, store, year, selection.events, has_server=False)
    request = Request(force=force, source=source, is_one_of_many=True, in_process=True)

    def publish_one(one: Wanted) -> PublishReport:
        return publish_directly(one.ref.year, str(one.ref.round), one.ref.code, request)

    done = publish_one_by_one(selection, publish_one, logging.getLogger(__name__))
    changed = not all(report.unchanged for report in done)
    follow_all(store, year)
    check_standings(Client.of(settings), store, year, logging.getLogger(__name__))
    conclude_destination(store, has_server=False, changed=changed)
    return selection.in_order([*done, *selection.upcoming])


def _not_yet(one: Wanted) -> PublishReport:
    message = f"It starts on {one.session.start_utc:%Y-%m-%d at %H:%M} UTC."
    return PublishReport(one.ref, SCHEDULED, message=message)
