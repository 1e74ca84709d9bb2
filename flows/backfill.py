"""The flow that makes many sessions of a season, each on its own, so that a bad one stops none of the others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.archive import UPSTREAM, Source, settings_for
from flows.calendar import read_schedule
from flows.destination import conclude_destination, open_destination, prepare_destination
from flows.publish_session import publish_session
from flows.reports import PublishReport, summary_of
from flows.selection import Wanted, select_sessions
from flows.session_run import sentence_of, state_after
from flows.settings import read_settings
from publish.season_document import SCHEDULED


@flow(name="backfill", flow_run_name="{year}", persist_result=False)
def backfill(
    year: int,
    rounds: list[int] | None = None,
    sessions: list[str] | None = None,
    force: bool = False,
    source: Source = UPSTREAM,
) -> State[Any]:
    """Publish every session of ``rounds`` and ``sessions`` (None: all) that has happened, in order.

    The final state is Failed if any session failed and says how many; its result is the list of
    :class:`~flows.reports.PublishReport`, one a session, either way.

    :raises InputError: nothing of that kind is in the season.
    """
    logger = get_run_logger()
    settings = settings_for(read_settings(), source, year)
    events = read_schedule(settings, year)
    wanted = select_sessions(events, year, rounds, sessions)
    store = open_destination(settings)
    prepare_destination(settings, store, year, events)
    now = settings.current_time()
    reports = []
    for one in wanted:
        if one.session.start_utc is not None and one.session.start_utc > now:
            reports.append(_not_yet(year, one))
        else:
            reports.append(_publish_one(year, one, force, source, now))
            if reports[-1].message:
                logger.warning("%s: %s", reports[-1].label, reports[-1].message)
    _write_table(reports)
    conclude_destination(store)
    message = summary_of(reports)
    if any(report.has_failed for report in reports):
        return Failed(message=message, data=reports)
    return Completed(message=message, data=reports)


def _publish_one(year: int, one: Wanted, force: bool, source: Source, now: datetime) -> PublishReport:
    """Run one session's flow and turn whatever became of it into a report."""
    round_number = int(one.event.round or 0)
    state = publish_session(year, round_number, one.session.code, force=force, source=source, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, PublishReport):
        return result
    error = result if isinstance(result, BaseException) else RuntimeError(state.message or state.name)
    return PublishReport(
        year,
        int(one.event.round or 0),
        one.event.name,
        one.session.code,
        state_after(error, one.session.start_utc, now),
        message=sentence_of(error),
    )


def _not_yet(year: int, one: Wanted) -> PublishReport:
    message = f"It starts on {one.session.start_utc:%Y-%m-%d at %H:%M} UTC."
    return PublishReport(year, int(one.event.round or 0), one.event.name, one.session.code, SCHEDULED, message=message)


def _write_table(reports: Sequence[PublishReport]) -> None:
    """Leave the outcome with the run, where the Prefect UI shows it. A run does not fail for want of it."""
    rows = [
        {"session": r.label, "state": r.state, "grade": r.grade, "revision": r.revision, "message": r.message}
        for r in reports
    ]
    try:
        create_table_artifact(rows, key="backfill", description=summary_of(list(reports)))
    except Exception as error:
        get_run_logger().warning("The table of this backfill cannot be kept: %s", error)
