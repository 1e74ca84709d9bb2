"""The flow that makes many sessions of a season, each on its own, so that a bad one stops none of the others."""

from datetime import datetime
from typing import Any

from prefect import flow, get_client, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import deployment as this_deployment
from prefect.runtime import flow_run as this_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Failed

from flows.destination import open_destination
from flows.engine.outages import ride_out_outages
from flows.engine.parameters import (
    ALL_SESSIONS,
    AS_SET,
    ChosenSource,
    Rounds,
    SessionName,
    Sessions,
    Year,
    chosen_source,
    round_numbers,
    session_codes,
)
from flows.engine.refusal import refused_or_raise
from flows.engine.session_runs import SessionRuns, backfill_name, cancel_runs_of, session_runs
from flows.season.backfill_report import BackfillReport
from flows.season.estimate import say_how_long
from flows.season.fan_out import Order, fan_out
from flows.season.one_by_one import failure_of, publish_one_by_one, select
from flows.session.flow import publish_session
from flows.session.reports import PublishReport, summary_of
from flows.session.site import conclude_destination, prepare_destination
from flows.session.standings import check_standings
from flows.settings import read_settings
from flows.upstream.archive import UPSTREAM, Source, settings_for
from flows.upstream.client import Client
from flows.upstream.limits import SharedLimits
from flows.upstream.selection import Wanted
from publish.season.rebuild import follow_all
from transforms.errors import ChoiceError


def _cancel_children(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook: a cancelled backfill takes its runs with it."""
    with get_client(sync_client=True) as client:
        cancel_runs_of(SessionRuns(client), str(flow_run.id))


@flow(
    name="backfill",
    flow_run_name=lambda: backfill_name(this_run.parameters),
    persist_result=False,
    on_cancellation=[_cancel_children],
)
def backfill(
    year: Year,
    rounds: Rounds,
    sessions: Sessions = list(ALL_SESSIONS),  # noqa: B006 (Prefect reads the default, nobody changes it)
    force: bool = False,
    refetch: bool = False,
    source: ChosenSource = AS_SET,
) -> State[Any]:
    """Publish every chosen session of a season that has happened, newest first.

    In a run of a deployment every session is a run of publish-session in the work pool; from a command line they are
    made one after the other in its process. The tables of the season are brought up to date once, at the end. The final
    state is Failed if any session failed and says how many; its result is the list of
    :class:`~flows.session.reports.PublishReport`, one a session, in the order of the season.

    Args:
        year: Season, for example 2024.
        rounds: Type all, or for example 8, or 1-5,8, or give a list of round numbers. An empty field is refused.
        sessions: Which sessions of each weekend.
        force: Compute and publish them even if nothing has changed, and even if they are worse than what is published.
        refetch: Download everything anew instead of using what this machine keeps; published only where it differs.
        source: Where the raw data comes from. archive is the one of PARCFERME_ARCHIVE and nobody else is asked; auto is
            the archive if it has the session, else the upstream. as set: what PARCFERME_SOURCE of the worker says.

    :raises ChoiceError: nothing of that kind is in the season.
    """
    ride_out_outages(get_run_logger())
    settings = read_settings()
    wanted_from = chosen_source(source, settings)
    settings = settings_for(settings, wanted_from, year)
    try:
        selection = select(settings, year, round_numbers(rounds), session_codes(sessions))
    except ChoiceError as error:
        return refused_or_raise(error)
    store = open_destination(settings)
    has_server = bool(PREFECT_API_URL.value())
    prepare_destination(settings, store, year, selection.events, has_server=has_server)
    over, upcoming = selection.over, selection.upcoming
    table = BackfillReport(f"backfill-{year}", get_run_logger())
    if this_deployment.id is not None:
        order = Order(year, over, str(this_run.id), force=force, refetch=refetch, source=wanted_from)
        with session_runs() as runs:
            table.expect(say_how_long(runs.client, settings, over) if wanted_from == UPSTREAM else "")
            done = fan_out(runs, store, order, get_run_logger(), lambda so_far: table.show([*so_far, *upcoming]))
    else:
        done = publish_one_by_one(
            selection, lambda one: _publish_one(one, force, refetch, wanted_from, selection.now), get_run_logger()
        )
    reports = selection.in_order([*done, *upcoming])
    table.show(reports)
    follow_all(store, year)
    logger = get_run_logger()
    limits = SharedLimits(logger.info) if this_deployment.id is not None else None
    check_standings(Client.of(settings, limits=limits, logger=logger), store, year, logger)
    conclude_destination(store, has_server=has_server)
    message = summary_of(reports)
    if any(report.has_failed for report in reports):
        return Failed(message=message, data=reports)
    return Completed(message=message, data=reports)


def _publish_one(one: Wanted, force: bool, refetch: bool, source: Source, now: datetime) -> PublishReport:
    """Run one session's flow and turn whatever became of it into a report."""
    ref = one.ref
    state = publish_session(
        ref.year, str(ref.round), SessionName(ref.code), force=force, refetch=refetch, source=source, return_state=True
    )
    result = state.result(raise_on_failure=False)
    if isinstance(result, PublishReport):
        return result
    error = result if isinstance(result, BaseException) else RuntimeError(state.message or state.name)
    return failure_of(one, error, now)
