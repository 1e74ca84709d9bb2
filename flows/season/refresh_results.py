"""The flow that finds out whether official results have changed, long after a session, and publishes what has."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run as this_run
from prefect.states import Completed, Failed
from pydantic import Field

from flows.destination import open_destination
from flows.engine.outages import ride_out_outages
from flows.engine.session_runs import SessionRuns, session_runs
from flows.season.backfill_report import BackfillReport
from flows.season.fan_out import Order, fan_out
from flows.session.refetch import fresh_cache
from flows.session.reports import PublishReport, summary_of
from flows.session.standings import check_standings
from flows.settings import Settings, read_settings
from flows.upstream.archive import ARCHIVE
from flows.upstream.calendar import read_schedule
from flows.upstream.client import Client
from flows.upstream.http_cache import read_bodies, write_bodies
from flows.upstream.limits import SharedLimits
from flows.upstream.results import refresh_results_answer, results_answer
from flows.upstream.selection import Wanted
from flows.upstream.services import results_url
from publish.season.document import PUBLISHED, published_in
from publish.season.index import read_season
from publish.season.rebuild import follow_all
from publish.stores.base import Store
from transforms.errors import UpstreamError
from transforms.session_types import SESSION_TYPES


@flow(name="refresh-results", flow_run_name="last {days} days", persist_result=False)
def refresh_results(days: Annotated[int, Field(ge=1, le=3000)] = 60) -> State[Any]:
    """Ask the results service about every published race, sprint and qualifying, and publish anew what has changed.

    A session whose answer differs from the one it was made from gets a run of publish-session that downloads it anew;
    so does one whose answer this machine does not know. Then the official standings are asked for where results have
    changed, or where the service had none before.

    Args:
        days: Sessions that began up to so many days ago.
    """
    logger = get_run_logger()
    ride_out_outages(logger)
    settings = read_settings()
    if settings.source == ARCHIVE:
        return Completed(message="Sessions are computed from the raw archive: results come with what is fetched there.")
    store = open_destination(settings)
    reports: list[PublishReport] = []
    looked = 0
    with session_runs() as runs:
        for year, wanted in _published(settings, store, timedelta(days=days)):
            looked += len(wanted)
            changed = _changed(settings, wanted)
            for one in changed:
                logger.info("The results of %s have changed", one.ref.label)
            done = _publish(runs, store, year, [*changed])
            reports += done
            _keep(settings, changed, done)
            client = Client.of(settings, limits=SharedLimits(logger.info), logger=logger)
            check_standings(client, store, year, logger)
    message = f"{looked} sessions asked about, {len(reports)} with other results." + (
        f" {summary_of(reports)}." if reports else ""
    )
    state = Failed if any(report.has_failed for report in reports) else Completed
    return state(message=message)


def _published(settings: Settings, store: Store, since: timedelta) -> Iterator[tuple[int, list[Wanted]]]:
    """Yield each season with those of its published sessions of the last days that have official results."""
    now = settings.current_time()
    for year in range((now - since).year, now.year + 1):
        published = {(entry.event, entry.session.code) for entry in published_in(read_season(store, year))}
        if not published:
            continue
        wanted = [
            Wanted(year, event, session)
            for event in read_schedule(Client.of(settings), year, now)
            for session in event.sessions
            if (event.name, session.code) in published
            and SESSION_TYPES[session.code].results
            and event.round is not None
            if session.start_utc is not None and now - since <= session.start_utc <= now
        ]
        yield year, wanted


def _changed(settings: Settings, wanted: Sequence[Wanted]) -> dict[Wanted, bytes]:
    """Return the answer for each session whose results are not those in this machine's cache, or are not in it."""
    if not wanted:
        return {}
    logger = get_run_logger()
    changed = {}
    with fresh_cache(settings) as fresh:
        client = Client.of(fresh, limits=SharedLimits(logger.info), logger=logger)
        with client.at_work():
            for one in wanted:
                session = one.ref
                try:
                    refresh_results_answer(client, session)
                except UpstreamError as error:
                    logger.warning("%s", error)
                    continue
                after = results_answer(fresh.cache_dir, session)
                if after is not None and after != results_answer(settings.cache_dir, session):
                    changed[one] = read_bodies(fresh.cache_dir, [results_url(session)])[results_url(session)]
    return changed


def _keep(settings: Settings, changed: Mapping[Wanted, bytes], reports: Sequence[PublishReport]) -> None:
    """Know the answers next time, where a worker on another machine has published them."""
    published = {report.session for report in reports if report.state == PUBLISHED}
    bodies = {results_url(one.ref): body for one, body in changed.items() if one.ref in published}
    write_bodies(settings.cache_dir, bodies)


def _publish(runs: SessionRuns, store: Store, year: int, changed: Sequence[Wanted]) -> list[PublishReport]:
    if not changed:
        return []
    logger = get_run_logger()
    table = BackfillReport(f"refresh-results-{year}", logger)
    order = Order(year, changed, str(this_run.id), refetch=True)
    reports = fan_out(runs, store, order, logger, table.show)
    follow_all(store, year)
    table.show(reports)
    return reports
