"""``v1/runs.json`` brought up to date with what Prefect says is scheduled."""

from datetime import datetime

from prefect.client.schemas.objects import FlowRun, StateType

from flows.engine.events import flow_run_url
from flows.engine.session_runs import SessionRuns, expected_utc, session_of
from publish.live.runs import MAX_LISTED, PUBLISH, RECHECK, PlannedEntry, replace_planned
from publish.season.index import read_season
from publish.stores.base import Store


def list_planned(store: Store, runs: SessionRuns, now: datetime) -> bool:
    """List the runs that Prefect has scheduled as what comes next; says whether anything was written.

    :raises PublicationError: the destination refuses.
    """
    scheduled = sorted(runs.find(types=[StateType.SCHEDULED]), key=expected_utc)
    rounds: dict[int, dict[str, int]] = {}
    planned = []
    for run in scheduled[:MAX_LISTED]:
        year = int(run.parameters.get("year", 0))
        if year not in rounds:
            season = read_season(store, year)
            events = season.events if season else ()
            rounds[year] = {event.name: event.round for event in events if event.round is not None}
        if (entry := _entry(run, year, rounds[year])) is not None:
            planned.append(entry)
    return replace_planned(store, planned, now)


def _entry(run: FlowRun, year: int, round_of: dict[str, int]) -> PlannedEntry | None:
    session = session_of(run)
    if session is None:
        return None
    event, code = session
    number = int(event) if event.isdecimal() else round_of.get(event)
    if number is None:
        return None
    name = next((name for name, found in round_of.items() if found == number), event)
    return PlannedEntry(
        year=year,
        round=number,
        event=name,
        session=code,
        flow_run_id=str(run.id),
        flow_run_name=run.name,
        flow_run_url=flow_run_url(str(run.id)),
        kind=RECHECK if run.parameters.get("refetch") else PUBLISH,
        expected_at=expected_utc(run),
    )
