"""What plan-season would do, printed and not done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from flows.destination import open_destination
from flows.engine.server import has_server
from flows.season.plan import CATCH_UP, Step, make_plan, steps_of
from flows.settings import Settings
from flows.upstream.calendar import read_schedule
from flows.upstream.client import Client
from publish.season.document import Event, published_in
from publish.season.index import read_season
from publish.stores.base import Store
from transforms.errors import InputError


def parse_until(text: str | None) -> datetime | None:
    """Return the end of the day that ``text`` (ISO 8601) names, in UTC; None for None.

    :raises InputError: it names none.
    """
    if text is None:
        return None
    try:
        day = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"--until {text} is no day. Type for example 2026-12-31.") from error
    return day + timedelta(days=1)


def planned_steps(settings: Settings, year: int, until: datetime | None) -> list[Step]:
    """Return what plan-season would do for ``year``, soonest first, without what is for after ``until`` (None: all).

    Without a Prefect server there are no runs yet, and all of it would be made.

    :raises InputError: there is no such season, or the deployments are not registered with the server.
    :raises UpstreamError: its schedule could not be had.
    """
    store = open_destination(settings)
    events = read_schedule(Client.of(settings), year, settings.current_time())
    steps = sorted(_steps(settings, store, year, events), key=lambda step: step.at)
    return [step for step in steps if until is None or step.at < until]


def _steps(settings: Settings, store: Store, year: int, events: tuple[Event, ...]) -> Iterator[Step]:
    if has_server():
        from flows.engine.session_runs import FETCH_SESSION, PUBLISH_SESSION, session_runs
        from flows.season.plan_season import plan_of

        with session_runs(FETCH_SESSION if settings.plan_fetches else PUBLISH_SESSION) as runs:
            return steps_of(plan_of(settings, store, runs, year, events, CATCH_UP))
    published = {(entry.event, entry.session.code) for entry in published_in(read_season(store, year))}
    now = settings.current_time()
    return steps_of(make_plan(events, (), published, now=now, delay=settings.start_delay, catch_up=CATCH_UP))


def print_steps(console: Console, year: int, steps: list[Step]) -> None:
    """Print them as a table and how many there are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("session", overflow="fold")
    for name in ("kind", "at (UTC)", "what"):
        table.add_column(name, no_wrap=True)
    for step in steps:
        table.add_row(f"{year} {step.one.event} {step.one.code}", step.one.kind, f"{step.at:%Y-%m-%d %H:%M}", step.what)
    if steps:
        console.print(table)
    said = f"{len(steps)} runs" if len(steps) != 1 else "1 run"
    console.print(f"{said} would be planned, moved or taken back. Nothing was done.", markup=False)
