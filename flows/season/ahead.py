"""What plan-season would do next, told and not done: for whoever wants to see ahead."""

from collections.abc import Iterator
from datetime import datetime

from flows.engine.session_runs import SessionRuns
from flows.season.plan import CATCH_UP, MOVED, PLANNED, Known, Step, steps_of
from flows.season.plan_season import plan_of, years_planned
from flows.settings import Settings
from publish.live import plan as published
from publish.live.plan import PlanStep, write_plan
from publish.season.document import Event
from publish.season.index import read_season
from publish.stores.base import Store


def publish_plan(settings: Settings, store: Store, runs: SessionRuns, now: datetime) -> int:
    """Write ``v1/plan.json`` at ``now`` (aware) by the published calendars, asking no upstream; return its length.

    :raises PublicationError: the destination refuses.
    """
    steps = [step for year in years_planned(settings.current_time()) for step in _ahead(settings, store, runs, year)]
    write_plan(store, steps, now)
    return len(steps)


def _ahead(settings: Settings, store: Store, runs: SessionRuns, year: int) -> Iterator[PlanStep]:
    season = read_season(store, year)
    events: tuple[Event, ...] = season.events if season else ()
    rounds = {event.name: event.round for event in events}
    for step in steps_of(plan_of(settings, store, runs, year, events, CATCH_UP)) if events else ():
        yield _public(step, year, rounds.get(step.one.event))


def _public(step: Step, year: int, round_number: int | None) -> PlanStep:
    one = step.one
    what = next(
        (word for said, word in ((PLANNED, published.PLANNED), (MOVED, published.MOVED)) if step.what.startswith(said)),
        published.TAKEN_BACK,
    )
    before = one.at if what == published.MOVED and isinstance(one, Known) else None
    return PlanStep(year, round_number, one.event, one.code, one.kind, step.at, what, before)
