"""The flow that finds out whether official results have changed, long after a session, and publishes what has."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run as this_run
from prefect.states import Completed, Failed
from pydantic import Field

from flows.backfill_report import BackfillReport
from flows.calendar import read_schedule
from flows.destination import open_destination
from flows.fan_out import Order, fan_out
from flows.fingerprint import RESULTS_OF, refresh_results_answer, results_answer
from flows.refetch import fresh_cache
from flows.reports import PublishReport, summary_of
from flows.selection import Wanted
from flows.session_runs import SessionRuns, session_runs
from flows.settings import Settings, read_settings
from flows.upstream import configure_cache
from flows.upstream_limits import limited_upstream
from publish.season import read_season
from publish.season_document import published_in
from publish.store import Store
from transforms.errors import UpstreamError


@flow(name="refresh-results", flow_run_name="last {days} days", persist_result=False)
def refresh_results(days: Annotated[int, Field(ge=1, le=3000)] = 60) -> State[Any]:
    """Ask the results service about every published race, sprint and qualifying, and publish anew what has changed.

    A session whose answer differs from the one it was made from gets a run of publish-session that downloads it anew;
    so does one whose answer this machine does not know.

    Args:
        days: Sessions that began up to so many days ago.
    """
    logger = get_run_logger()
    settings = read_settings()
    store = open_destination(settings)
    reports: list[PublishReport] = []
    looked = 0
    with session_runs() as runs:
        for year, wanted in _published(settings, store, timedelta(days=days)):
            looked += len(wanted)
            changed = _changed(settings, year, wanted)
            for one in changed:
                logger.info("The results of %s %s %s have changed", year, one.event.name, one.session.code)
            reports += _publish(runs, store, year, changed)
    message = f"{looked} sessions asked about, {len(reports)} with other results." + (
        f" {summary_of(reports)}." if reports else ""
    )
    state = Failed if any(report.has_failed for report in reports) else Completed
    return state(message=message)


def _published(settings: Settings, store: Store, since: timedelta) -> Iterator[tuple[int, list[Wanted]]]:
    """Yield each season with those of its published sessions of the last days that have official results."""
    now = settings.current_time()
    for year in range((now - since).year, now.year + 1):
        published = {(entry.event, entry.code) for entry in published_in(read_season(store, year))}
        if not published:
            continue
        wanted = [
            Wanted(event, session)
            for event in read_schedule(settings, year)
            for session in event.sessions
            if (event.name, session.code) in published and session.code in RESULTS_OF and event.round is not None
            if session.start_utc is not None and now - since <= session.start_utc <= now
        ]
        yield year, wanted


def _changed(settings: Settings, year: int, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Return the sessions whose results are not those in this machine's cache, or are not in it."""
    if not wanted:
        return []
    known = [results_answer(settings.cache_dir, year, int(one.event.round or 0), one.session.code) for one in wanted]
    logger = get_run_logger()
    changed = []
    with fresh_cache(settings) as fresh, limited_upstream(logger, logger.info):
        configure_cache(fresh.cache_dir, offline=False)
        for one, before in zip(wanted, known, strict=True):
            round_number, code = int(one.event.round or 0), one.session.code
            try:
                refresh_results_answer(year, round_number, code)
            except UpstreamError as error:
                logger.warning("%s", error)
                continue
            after = results_answer(fresh.cache_dir, year, round_number, code)
            if after is not None and after != before:
                changed.append(one)
    return changed


def _publish(runs: SessionRuns, store: Store, year: int, changed: Sequence[Wanted]) -> list[PublishReport]:
    if not changed:
        return []
    logger = get_run_logger()
    table = BackfillReport(f"refresh-results-{year}", logger)
    order = Order(year, changed, str(this_run.id), refetch=True)
    reports = fan_out(runs, store, order, logger, table.show)
    table.show(reports)
    return reports
