"""Many sessions at once: one run of publish-session each through the work pool, watched until all have ended."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Running

from flows.engine.revival import CANCELLED_AFTER_ALL, HEARD_AGAIN, PUT_BACK, Fate, revive, was_silent
from flows.engine.session_runs import NewRun, SessionRuns, backfill_tag, expected_utc, season_tag, session_of
from flows.session.reports import ALREADY_RUNNING, LEFT, NO_DATA, UP_TO_DATE, WAITS, PublishReport
from flows.session.status import last_words
from flows.upstream.selection import Wanted
from publish.live.status import PROGRESS, read_status
from publish.season.document import AWAITING_DATA, FAILED, PUBLISHED, WITHOUT_DATA, IndexedSession
from publish.season.index import read_season
from publish.stores.base import Store

Logger = logging.Logger | logging.LoggerAdapter[Any]

_POLL_S = 3.0
#: How often it is asked how far runs are.
_LOOK_AFTER = timedelta(seconds=15)
#: A run that is to begin later than this is somebody else's plan.
_SOON = timedelta(minutes=1)
#: A run that was taken for dead longer ago was looked at by others.
_LATELY = timedelta(minutes=15)
#: After so long without a run being taken up somebody should know.
_NOBODY_WORKS = timedelta(minutes=5)
_OPEN_STATES = {"Scheduled": "waiting", "Late": "waiting", "Pending": "starting", "Running": "running"}
_WHAT_IT_DOES = {
    Fate.PUT_BACK: "is put back, for any worker to take up again",
    Fate.WAITS_ON: "goes on waiting",
    Fate.LIVES: "has been heard of again and goes on",
}
#: State of a session's report while its run has not ended.
QUEUED = "queued"


@dataclass(frozen=True)
class Order:
    """What is to be made and how. ``run_id`` is the flow run that orders it."""

    year: int
    wanted: Sequence[Wanted]
    run_id: str
    force: bool = False
    refetch: bool = False
    source: str = "upstream"


@dataclass(frozen=True)
class _Watched:
    """A session's run as it was just now (None: it was deleted), and what became of it if it had crashed.

    ``percent``: how far it said it was.
    """

    run: FlowRun | None
    fate: Fate | None
    percent: int = 0


def fan_out(
    runs: SessionRuns, store: Store, order: Order, logger: Logger, on_change: Callable[[list[PublishReport]], None]
) -> list[PublishReport]:
    """Make a run for each session, newest first, and wait until each has ended or waits for its upstream.

    A run that is there already and does the same is waited for instead. A run whose process is gone is put back.
    ``on_change`` gets the reports so far, in the order of the season, whenever one has changed.
    """
    found = _adopt(runs, order)
    begin = datetime.now(UTC)
    for index, one in enumerate(reversed(order.wanted)):
        key = (one.event.name, one.session.code)
        if key not in found:
            found[key] = runs.create(_new_run(order, one, begin + timedelta(milliseconds=index)))
    logger.info("%d runs of publish-session are in the work pool", len(found))
    return _watch(runs, store, order, {key: run.id for key, run in found.items()}, logger, on_change)


def _new_run(order: Order, one: Wanted, at: datetime) -> NewRun:
    return NewRun(
        order.year,
        one.event.name,
        one.session.code,
        at,
        key=f"backfill/{order.run_id}/{one.event.name}/{one.session.code}",
        tags=(backfill_tag(order.run_id),),
        force=order.force,
        refetch=order.refetch,
        source=order.source,
        is_child=True,
    )


def _adopt(runs: SessionRuns, order: Order) -> dict[tuple[str, str], FlowRun]:
    """Return open runs that do what is ordered: those of a backfill that was killed, or the schedule's.

    One that was taken for dead just now may be alive: what becomes of it is seen while it is watched.
    """
    soon = datetime.now(UTC) + _SOON
    wanted = {(one.event.name, one.session.code) for one in order.wanted}
    how = {"force": order.force, "refetch": order.refetch, "source": order.source}
    found = {}
    doubtful = [run for run in runs.find(tags=[season_tag(order.year)], types=[StateType.CRASHED]) if _is_fresh(run)]
    for run in [*doubtful, *runs.find_open(tags=[season_tag(order.year)])]:
        session = session_of(run)
        planned_later = run.state_type == StateType.SCHEDULED and expected_utc(run) > soon
        same = all(run.parameters.get(name) == value for name, value in how.items())
        if session in wanted and same and not planned_later and run.state_type != StateType.CANCELLING:
            found[session] = run
    return found


def _is_fresh(run: FlowRun) -> bool:
    state = run.state
    return state is not None and was_silent(run) and datetime.now(UTC) - state.timestamp < _LATELY


def _watch(
    runs: SessionRuns,
    store: Store,
    order: Order,
    ids: dict[tuple[str, str], UUID],
    logger: Logger,
    on_change: Callable[[list[PublishReport]], None],
) -> list[PublishReport]:
    reports: list[PublishReport] = []
    warned_at = datetime.now(UTC)
    percents: dict[str, int] = {}
    looked_at = warned_at
    own_id = UUID(order.run_id)
    while True:
        now = datetime.now(UTC)
        states = {run.id: run for run in runs.read([*ids.values(), own_id])}
        _stay_alive(runs, states.pop(own_id, None))
        words = last_words(store, order.year) if any(map(_is_fresh, states.values())) else {}
        fates = {run.id: revive(runs, run, now, words.get(str(run.id))) for run in states.values()}
        for id_, fate in fates.items():
            if fate.goes_on:
                logger.warning("%s was taken for crashed: it %s", states[id_].name, _WHAT_IT_DOES[fate])
        if now - looked_at >= _LOOK_AFTER:
            percents, looked_at = _percents(store, order, states, ids), now
        watched = {
            key: _Watched(states.get(id_), fates.get(id_), percents.get(str(id_), 0)) for key, id_ in ids.items()
        }
        fresh = _reports(store, order, watched)
        if fresh != reports:
            reports = fresh
            on_change(reports)
        open_reports = [report for report in reports if report.state == QUEUED]
        if not open_reports and not any(fate.goes_on for fate in fates.values()):
            return reports
        if any(run.state_type in (StateType.RUNNING, StateType.PENDING) for run in states.values()):
            warned_at = now
        elif now - warned_at > _NOBODY_WORKS:
            logger.warning("No worker takes these runs up. See that one polls the work pool (RUNBOOK: no worker).")
            warned_at = now
        time.sleep(_POLL_S)


def _percents(
    store: Store, order: Order, states: Mapping[UUID, FlowRun], ids: Mapping[tuple[str, str], UUID]
) -> dict[str, int]:
    """Return how far the runs are that are at work, by their ids."""
    found = {}
    for one in order.wanted:
        run = states.get(ids[one.event.name, one.session.code])
        if run is not None and run.state_type == StateType.RUNNING:
            said = read_status(store, one.ref.year, one.ref.round, one.ref.code)
            if said is not None and said.type == PROGRESS:
                found[said.flow_run_id] = said.progress
    return found


def _stay_alive(runs: SessionRuns, own: FlowRun | None) -> None:
    """Contradict a server that takes the run that watches for dead: it was the server that was away."""
    if own is not None and was_silent(own):
        runs.client.set_flow_run_state(own.id, Running(message=HEARD_AGAIN), force=True)


def _reports(store: Store, order: Order, runs: dict[tuple[str, str], _Watched]) -> list[PublishReport]:
    season = read_season(store, order.year)
    events = season.events if season else ()
    indexed = {(event.name, session.code): session for event in events for session in event.sessions}
    reports = []
    for one in order.wanted:
        key = (one.event.name, one.session.code)
        reports.append(_report(one, runs[key], indexed.get(key)))
    return reports


def _report(one: Wanted, watched: _Watched, indexed: IndexedSession | None) -> PublishReport:
    run = watched.run
    state, message = _outcome(run, watched.fate)
    done = indexed if state == PUBLISHED else None
    return PublishReport(
        one.ref,
        state,
        grade=done.grade if done else None,
        seconds=None if run is None or run.total_run_time is None else round(run.total_run_time.total_seconds(), 1),
        revision=done.revision if done else None,
        session_key=done.session_key if done else None,
        unchanged=state == PUBLISHED and message == UP_TO_DATE,
        message=message,
        percent=watched.percent if state == QUEUED else 0,
    )


def _outcome(run: FlowRun | None, fate: Fate | None) -> tuple[str, str]:
    """Return the session's state and what is said of it."""
    state = None if run is None else run.state
    if run is None or state is None:
        return FAILED, "Its run was deleted. Run the backfill again."
    message = state.message or ""
    if fate is Fate.IN_DOUBT:
        return QUEUED, "not heard of"
    if fate is Fate.CANCELLED:
        return FAILED, CANCELLED_AFTER_ALL
    if state.name in WAITS and message != PUT_BACK:
        return AWAITING_DATA, message
    if not state.is_final():
        return QUEUED, _OPEN_STATES.get(state.name or "", "waiting")
    if state.name == NO_DATA:
        return WITHOUT_DATA, message
    if state.name == ALREADY_RUNNING:
        return LEFT, message
    if state.type == StateType.COMPLETED:
        return PUBLISHED, message
    return FAILED, message or str(state.name)
