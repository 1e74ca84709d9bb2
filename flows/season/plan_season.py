"""The flow that lets Prefect know what there is to do: one scheduled run for every session to come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Completed
from pydantic import Field

from flows.destination import open_destination
from flows.engine.artifact_texts import plain_rows, plain_text
from flows.engine.listing import list_planned
from flows.engine.outages import ride_out_outages
from flows.engine.session_runs import (
    FETCH_SESSION,
    PLANNED_TAG,
    PUBLISH_SESSION,
    NewRun,
    SessionRuns,
    expected_utc,
    kind_tag,
    season_tag,
    session_of,
    session_runs,
)
from flows.season.from_archive import publish_what_came
from flows.season.plan import MOVED, PLANNED, PUBLISH, TAKEN_BACK, Known, Plan, Wanted, make_plan, steps_of
from flows.session.site import prepare_destination
from flows.session.standings import check_standings
from flows.session_times import RECHECKS
from flows.settings import Settings, read_settings
from flows.upstream.archive import ARCHIVE, UPSTREAM, Source, settings_for
from flows.upstream.calendar import read_schedule
from flows.upstream.client import Client
from flows.upstream.limits import SharedLimits
from publish.season.aliases import NotFollowedError
from publish.season.document import Event, published_in
from publish.season.index import read_season
from publish.season.rebuild import follow_all
from publish.stores.base import Store
from transforms.errors import InputError, UpstreamError

#: Says in Prefect why a run was cancelled, and tells plan-season later that nobody else did.
WHY_TAKEN_BACK = "Taken back by plan-season: the session is no longer on the calendar at that time."
#: Sessions that ended up to so many days ago and were never published are run now.
CATCH_UP_DAYS = 14
#: From this month on the next season's calendar is planned as well.
_NEXT_SEASON_FROM_MONTH = 12


@flow(name="plan-season", flow_run_name="plan", persist_result=False)
def plan_season(catch_up_days: Annotated[int, Field(ge=0, le=60)] = CATCH_UP_DAYS) -> State[Any]:
    """Make one scheduled run of publish-session for every session to come, and runs for its re-checks.

    Where sessions are computed from the raw archive, what has come into it is published; with PARCFERME_PLAN_FETCHES
    the runs that are planned are those of fetch-session.

    Run it as often as you like: what is planned stays planned once. The message of the final state says what was done.

    Args:
        catch_up_days: Sessions that ended up to so many days ago and were never published are run now.
    """
    logger = get_run_logger()
    ride_out_outages(logger)
    settings = read_settings()
    store = open_destination(settings)
    now = settings.current_time()
    rows: list[dict[str, Any]] = []
    with session_runs(FETCH_SESSION if settings.plan_fetches else PUBLISH_SESSION) as runs:
        for year in years_planned(now):
            try:
                events = read_events(settings, year, now)
            except (InputError, UpstreamError):
                if year == now.year:
                    raise
                logger.info("The calendar of %s is not out yet", year)
                continue
            try:
                prepare_destination(settings, store, year, events, has_server=True)
            except NotFollowedError as refused:
                # What is planned can be published where its number has stayed.
                logger.warning("%s", refused)
            # What a backfill that was killed or cancelled has left to do.
            follow_all(store, year)
            plan = plan_of(settings, store, runs, year, events, timedelta(days=catch_up_days))
            rows += _carry_out(runs, year, plan, settings.source)
            rows += _take_back_others(settings, year)
        list_planned(store, runs, now)
    if settings.source != UPSTREAM:
        rows += publish_what_came(settings, years_planned(now))
    if settings.source != ARCHIVE:
        # Last: what is planned does not wait for a call limit.
        client = Client.of(settings, limits=SharedLimits(logger.info), logger=logger)
        for year in years_planned(now):
            check_standings(client, store, year, logger)
    summary = _summary(rows)
    shown = plain_rows(rows) or [{"session": "-", "what": "nothing to change"}]
    create_table_artifact(shown, key="plan", description=plain_text(summary))
    logger.info(summary)
    return Completed(message=summary)


def read_events(settings: Settings, year: int, now: datetime) -> tuple[Event, ...]:
    """Return the calendar of a season; where sessions are computed from the archive, its own if no other can be had.

    :raises InputError: FastF1 has none of that season.
    :raises UpstreamError: it could not be had.
    """
    try:
        return read_schedule(Client.of(settings), year, now)
    except UpstreamError:
        if settings.source == UPSTREAM:
            raise
        return read_schedule(Client.of(settings_for(settings, ARCHIVE, year)), year, now)


def years_planned(now: datetime) -> tuple[int, ...]:
    """Return the seasons whose calendars are planned at ``now`` (aware)."""
    return (now.year, now.year + 1) if now.month >= _NEXT_SEASON_FROM_MONTH else (now.year,)


def plan_of(
    settings: Settings, store: Store, runs: SessionRuns, year: int, events: Sequence[Event], catch_up: timedelta
) -> Plan:
    """Return what is to be done for a season; nothing is done yet."""
    found = runs.find(tags=[PLANNED_TAG, season_tag(year)])
    known = [one for run in found if (one := _known(run)) is not None]
    published = {(entry.event, entry.session.code) for entry in published_in(read_season(store, year))}
    return make_plan(
        events,
        known,
        published,
        now=settings.current_time(),
        delay=settings.start_delay,
        catch_up=catch_up,
    )


def _known(run: FlowRun) -> Known | None:
    session = session_of(run)
    kind = next((kind for kind in (PUBLISH, *RECHECKS) if kind_tag(kind) in run.tags), None)
    state = run.state
    if session is None or kind is None or state is None:
        return None
    # A run that waits for its upstream keeps its time.
    waiting = state.type == StateType.SCHEDULED and state.name in ("Scheduled", "Late")
    return Known(
        str(run.id),
        *session,
        kind,
        # A run that was moved may have begun later than it was to at first.
        max(expected_utc(run), run.start_time or expected_utc(run)),
        waiting=waiting,
        open=not state.is_final(),
        taken_back=state.type == StateType.CANCELLED and state.message == WHY_TAKEN_BACK,
    )


def _take_back_others(settings: Settings, year: int) -> list[dict[str, Any]]:
    """Cancel what was planned while the setting that says which flow is planned was another one."""
    if not settings.plan_fetches:
        return []
    rows = []
    with session_runs() as runs:
        for run in runs.find_open(tags=[PLANNED_TAG, season_tag(year)]):
            known = _known(run)
            if known is not None and known.waiting:
                runs.cancel(run, WHY_TAKEN_BACK)
                rows.append(_row(year, known, known.at, TAKEN_BACK))
    return rows


def _carry_out(runs: SessionRuns, year: int, plan: Plan, source: Source) -> list[dict[str, Any]]:
    by_id = {str(run.id): run for run in runs.find_open(tags=[PLANNED_TAG, season_tag(year)])}
    earlier = {wanted.slot: number for wanted, number in plan.create}
    rows = []
    for step in steps_of(plan):
        one = step.one
        if isinstance(one, Wanted):
            runs.create(_new_run(year, one, earlier[one.slot], source))
        elif (run := by_id.get(one.id)) is None:
            continue  # it has begun meanwhile
        elif step.what == TAKEN_BACK:
            runs.cancel(run, WHY_TAKEN_BACK)
        else:
            runs.move(run, step.at)
        rows.append(_row(year, one, step.at, step.what))
    return rows


def _row(year: int, one: Known | Wanted, at: datetime, what: str) -> dict[str, Any]:
    return {
        "session": f"{year} {one.event} {one.code}",
        "kind": one.kind,
        "at (UTC)": f"{at:%Y-%m-%d %H:%M}",
        "what": what,
    }


def _new_run(year: int, wanted: Wanted, earlier: int, source: Source) -> NewRun:
    return NewRun(
        year,
        wanted.event,
        wanted.code,
        wanted.at,
        key=f"plan/{year}/{wanted.event}/{wanted.code}/{wanted.kind}/{earlier}",
        tags=(PLANNED_TAG, kind_tag(wanted.kind)),
        # What is computed from the archive is downloaded anew where it is fetched.
        refetch=wanted.kind != PUBLISH and source == UPSTREAM,
        source=source,
    )


def _summary(rows: list[dict[str, Any]]) -> str:
    counts = {name: sum(row["what"].startswith(name) for row in rows) for name in (PLANNED, MOVED, TAKEN_BACK)}
    if not rows:
        return "Everything is planned already."
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) + "."
