"""The flow that makes one session, and its steps as tasks."""

from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from prefect import flow, get_client, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.runtime import deployment as this_deployment
from prefect.runtime import flow_run as this_run
from prefect.settings import PREFECT_API_URL
from prefect.states import AwaitingRetry, Completed, Running, Scheduled

from flows.destination import open_destination
from flows.engine.events import emit_session_event, flow_run_url
from flows.engine.outages import ride_out_outages
from flows.engine.parameters import AS_SET, ChosenSource, EventName, SessionName, Year, chosen_source
from flows.engine.progress import ArtifactSink
from flows.engine.refusal import refused_or_raise
from flows.engine.revival import HEARD_AGAIN
from flows.engine.session_runs import PLANNED_TAG, is_of_backfill, kind_tag, name_of
from flows.session.endings import close_ended_run
from flows.session.reports import ALREADY_RUNNING, NO_DATA, UP_TO_DATE, PublishReport, wait_of
from flows.session.run import Caller, SessionRun
from flows.session.source import choose_source
from flows.session.status import postpone_wait
from flows.session.steps import Request, Steps, carry_out, encode, load, publish, transform
from flows.session.waiting import next_attempt_utc, nothing_will_come, recheck_utc
from flows.session_times import RECHECKS, session_end_utc
from flows.settings import Settings, read_settings
from flows.upstream.archive import settings_for
from flows.upstream.calendar import NotStartedError
from publish.season.document import WITHOUT_DATA
from transforms.errors import AlreadyRunningError, ChoiceError, UpstreamError

#: A run that takes longer hangs: a race takes a minute, waiting for the upstream's limits rather more.
_LONGEST_RUN_S = 4 * 3600

_Step = TypeVar("_Step")


def _as_task(step: _Step) -> _Step:
    # A task is called as its function is, and what passes between tasks is neither stored nor looked into.
    made: _Step = task(step, cache_policy=NO_CACHE, persist_result=False)  # type: ignore[call-overload]
    return made


#: Named in Prefect as the functions are.
_TASKS = Steps(load=_as_task(load), transform=_as_task(transform), encode=_as_task(encode), publish=_as_task(publish))


@flow(
    name="publish-session",
    flow_run_name=lambda: name_of(this_run.parameters, this_run.tags or ()),
    timeout_seconds=_LONGEST_RUN_S,
    persist_result=False,
    on_failure=[close_ended_run],
    on_cancellation=[close_ended_run],
    on_crashed=[close_ended_run],
)
def publish_session(
    year: Year,
    event: EventName,
    session: SessionName,
    force: bool = False,
    refetch: bool = False,
    source: ChosenSource = AS_SET,
) -> PublishReport | State[Any]:
    """Publish one session.

    A session whose inputs and code are those of its current revision is left as it is. In a run of a deployment data
    that is not out yet, or an upstream that is down, fails nothing: the run ends as ``AwaitingRetry`` and goes on when
    it is time. Runs of a deployment return their state, others a :class:`~flows.session.reports.PublishReport`.

    Args:
        year: Season, for example 2024.
        event: Round number or name of the race weekend, for example 8 or Monaco.
        session: Which session of the weekend.
        force: Compute and publish it even if nothing has changed, and even if it is worse than what is published.
        refetch: Download everything anew instead of using what this machine keeps; published only if it differs.
        source: Where the raw data comes from. archive is the one of PARCFERME_ARCHIVE and nobody else is asked; auto is
            the archive if it has the session, else the upstream. as set: what PARCFERME_SOURCE of the worker says.

    :raises ParcfermeError: there is no new publication; what was published before is as it was.
    """
    ride_out_outages(get_run_logger())
    settings = read_settings()
    source = choose_source(settings, chosen_source(source, settings), year, event, session.code, get_run_logger())
    try:
        settings = settings_for(settings, source, year)
        run = SessionRun(
            settings,
            open_destination(settings),
            year,
            event,
            session.code,
            caller=_prefect(),
        )
    except UpstreamError as error:
        return _awaiting_or_raise(error, None, settings)
    except NotStartedError as error:
        return _postpone_or_refuse(error, settings, year, session.code)
    except ChoiceError as error:
        return refused_or_raise(error)
    if recheck_after() is not None and (awaited := run.awaited_by_another()) is not None:
        until = recheck_utc(awaited, settings.current_time())
        pause(AwaitingRetry(scheduled_time=until, message="There is nothing to check: another run awaits the data."))
    in_process = this_run.parent_flow_run_id is not None and not run.caller.deployed
    # One that has waited for its data may end when its backfill has long ended.
    is_one_of_many = in_process or (is_of_backfill(this_run.tags or ()) and int(this_run.run_count or 1) == 1)
    request = Request(force, refetch, source, is_one_of_many, in_process)
    try:
        report = carry_out(run, settings, request, _TASKS, lambda error: _awaiting_or_raise(error, run, settings))
    except AlreadyRunningError as error:
        return _left_or_raise(error)
    if isinstance(report, PublishReport) and run.caller.deployed:
        # Where somebody looks at the run, its state says what came of it.
        return Completed(message=UP_TO_DATE if report.unchanged else f"Published {report.revision}, {report.grade}")
    return report


def _prefect() -> Caller:
    """Return what Prefect is to the run it is at."""
    return Caller(
        flow_run_id=str(this_run.id),
        flow_run_name=str(this_run.name),
        flow_run_url=flow_run_url(str(this_run.id)),
        logger=get_run_logger(),
        deployed=this_deployment.id is not None,
        has_server=bool(PREFECT_API_URL.value()),
        emit=emit_session_event,
        make_sink=ArtifactSink,
    )


def recheck_after() -> timedelta | None:
    """Return how long after a session's first run this one was planned to look at it again; None: it was not."""
    return next((after for kind, after in RECHECKS.items() if kind_tag(kind) in (this_run.tags or ())), None)


def _postpone_or_refuse(error: NotStartedError, settings: Settings, year: int, code: str) -> State[Any]:
    """Let a planned run wait for a session that is still to come; refuse it where nobody planned it."""
    if PLANNED_TAG not in (this_run.tags or ()):
        return refused_or_raise(error)
    # It was postponed since this run was planned, or while it waited. Re-checks keep their distance.
    first = session_end_utc(error.start_utc, code) + settings.start_delay
    until = first + (recheck_after() or timedelta())
    text = f"{error.what} Next attempt on {until:%Y-%m-%d at %H:%M} UTC."
    postpone_wait(open_destination(settings), year, str(this_run.id), text, until, settings.current_time())
    pause(AwaitingRetry(scheduled_time=until, message=text))


def _awaiting_or_raise(error: UpstreamError, run: SessionRun | None, settings: Settings) -> State[Any]:
    """Let a run wait for its upstream; return its state or raise ``error`` where that makes no sense."""
    start_utc, code = (None, "R") if run is None else (run.start_utc, run.session.code)
    until = next_try(error, start_utc, code, settings.current_time())
    if until is None:
        if run is not None and was_expected():
            run.fail(error)
        elif run is not None:
            run.give_up(error)
        return no_data_or_raise(error, start_utc, code, settings.current_time(), _without_data(run, error))
    if run is not None:
        run.wait(error, until)
    pause(Scheduled(scheduled_time=until, name=wait_of(error), message=str(error)))


def next_try(error: UpstreamError, start_utc: datetime | None, code: str, now: datetime) -> datetime | None:
    """Return when this run tries again after ``error``; None: it does not, or no deployment has made it."""
    if this_deployment.id is None:
        return None
    return next_attempt_utc(error, attempts=int(this_run.run_count or 1), start_utc=start_utc, code=code, now=now)


def was_expected() -> bool:
    """Whether this run has waited for data that ought to have come: that it has not is a failure."""
    return recheck_after() is None and int(this_run.run_count or 1) > 1


def no_data_or_raise(
    error: UpstreamError, start_utc: datetime | None, code: str, now: datetime, result: PublishReport | None = None
) -> State[Any]:
    """Return the state of a run that found out that there is nothing of a session long past; else raise ``error``."""
    if was_expected() or not nothing_will_come(error, start_utc, code, now):
        raise error
    return Completed(name=NO_DATA, message=str(error), data=result)


def _without_data(run: SessionRun | None, error: UpstreamError) -> PublishReport | None:
    """Return what a run reports to its caller, where no deployment has made it."""
    if run is None or run.caller.deployed:
        return None
    return PublishReport(run.session, WITHOUT_DATA, message=str(error))


def _left_or_raise(error: AlreadyRunningError) -> State[Any]:
    """Leave the session to the run that has it; raise ``error`` for who sits at a command line."""
    if this_deployment.id is None:
        raise error
    if error.flow_run_id == str(this_run.id):
        # This run was taken for dead and is not: its first process goes on, and has the last word.
        get_run_logger().warning("This run is still at work in another process. %s", error)
        raise Pause(state=Running(message=HEARD_AGAIN))
    return Completed(name=ALREADY_RUNNING, message=str(error))


def pause(state: State[Any]) -> NoReturn:
    """End this run's process without an ending of the run, which is in ``state`` from now on.

    Returned from the flow, a state that is not final has no result: the engine's process fails, and its worker says
    that the run has crashed.
    """
    with get_client(sync_client=True) as client:
        answer = client.set_flow_run_state(UUID(this_run.id), state)
    raise Pause(state=answer.state)
