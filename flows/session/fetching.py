"""The flow that fetches one session into the raw archive, for somewhere else to compute from."""

from dataclasses import replace
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import deployment as this_deployment
from prefect.runtime import flow_run as this_run
from prefect.states import Completed, Scheduled

from flows.engine.events import emit_archive_changed
from flows.engine.outages import ride_out_outages
from flows.engine.parameters import EventName, SessionName, Year
from flows.engine.refusal import refused_or_raise
from flows.engine.session_runs import PLANNED_TAG
from flows.session.flow import next_try, no_data_or_raise, pause, recheck_after
from flows.session.reports import wait_of
from flows.session_times import session_end_utc
from flows.settings import Settings, read_settings
from flows.upstream.calendar import NotStartedError, check_has_happened, read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.fetch import fetch_session as fetch
from flows.upstream.limits import SharedLimits
from flows.upstream.selection import Wanted
from transforms.errors import ChoiceError, IncompleteError, UpstreamError

_LONGEST_RUN_S = 4 * 3600


@flow(
    name="fetch-session",
    flow_run_name="fetch {year} {event} {session}",
    timeout_seconds=_LONGEST_RUN_S,
    persist_result=False,
)
def fetch_session(year: Year, event: EventName, session: SessionName, force: bool = False) -> State[Any]:
    """Download what one session is computed from into the archive of PARCFERME_ARCHIVE. Nothing is published.

    In a run of a deployment data that is not out yet, that ends before its session, or that is refused, fails nothing:
    the run waits and tries again. What has come is kept, and plan-season is told.

    Args:
        year: Season, for example 2024.
        event: Round number or name of the race weekend, for example 8 or Monaco.
        session: Which session of the weekend.
        force: Take for lost what the upstream lists and says it has not.

    :raises ParcfermeError: nothing was kept; what was kept before is as it was.
    """
    settings, logger = read_settings(), get_run_logger()
    ride_out_outages(logger)
    limits = None if this_deployment.id is None or settings.offline else SharedLimits(logger.info)
    client = replace(Client.of(settings, limits=limits, logger=logger), takes_its_word=force)
    wanted: Wanted | None = None
    now = settings.current_time()
    try:
        wanted = resolve(read_schedule(client, year, now), year, event, session.code)
        check_has_happened(wanted, now)
        done = fetch(settings, client, wanted.ref, logger)
        if done.kept:
            emit_archive_changed(done.sentence)
        if done.entry.missing_end is not None:
            raise IncompleteError(f"{done.sentence}.")
    except UpstreamError as error:
        return _wait_or_raise(error, wanted, settings)
    except NotStartedError as error:
        return _postpone_or_refuse(error, settings, session.code)
    except ChoiceError as error:
        return refused_or_raise(error)
    logger.info("%s", done.sentence)
    return Completed(message=done.sentence)


def _wait_or_raise(error: UpstreamError, wanted: Wanted | None, settings: Settings) -> State[Any]:
    start_utc, code = (None, "R") if wanted is None else (wanted.session.start_utc, wanted.session.code)
    now = settings.current_time()
    until = next_try(error, start_utc, code, now)
    if until is None:
        return no_data_or_raise(error, start_utc, code, now)
    pause(Scheduled(scheduled_time=until, name=wait_of(error), message=str(error)))


def _postpone_or_refuse(error: NotStartedError, settings: Settings, code: str) -> State[Any]:
    if PLANNED_TAG not in (this_run.tags or ()):
        return refused_or_raise(error)
    until = session_end_utc(error.start_utc, code) + settings.start_delay
    after = recheck_after()
    until = until if after is None else until + after
    pause(Scheduled(scheduled_time=until, name="AwaitingRetry", message=f"{error.what} Next attempt then."))
