"""The flow that makes one session: load, transform, encode, publish."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from prefect import flow, get_client, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.runtime import deployment as this_deployment
from prefect.runtime import flow_run as this_run
from prefect.states import AwaitingRetry, Completed

from flows.destination import open_destination
from flows.engine.parameters import EventName, SessionName, Year
from flows.engine.progress import heartbeat
from flows.engine.session_runs import PLANNED_TAG, kind_tag
from flows.session.cdn import tell_cdn
from flows.session.endings import close_ended_run
from flows.session.memory import release_memory
from flows.session.refetch import adopt_fresh, fresh_cache
from flows.session.reports import NO_DATA, UP_TO_DATE, PublishReport
from flows.session.run import Box, SessionRun, made_with
from flows.session.site import conclude_destination, prepare_destination
from flows.session.status import postpone_wait
from flows.session.waiting import next_attempt_utc, recheck_utc
from flows.session_times import RECHECKS, session_end_utc
from flows.settings import Settings, read_settings
from flows.spool import working_folder
from flows.upstream.archive import UPSTREAM, SessionArchive, Source, settings_for
from flows.upstream.calendar import NotStartedError
from flows.upstream.load import load_recording
from flows.upstream.topics import topic_folder
from publish.encode.objects import EncodedRevision
from publish.encode.session import encode_session
from publish.publication import publish_revision
from publish.revisions.latest import read_latest
from transforms.errors import CorruptDataError, NotReadyError, ParcfermeError, PublicationError, UpstreamError
from transforms.recording import CircuitMarks, Recording, SessionIdentity
from transforms.session import SessionData, transform_session

#: A run that takes longer hangs: a race takes a minute, waiting for the upstream's limits rather more.
_LONGEST_RUN_S = 4 * 3600


@dataclass(frozen=True)
class Encoded:
    """A session's files on local disk and the little that is still said of their content."""

    identity: SessionIdentity
    revision: EncodedRevision
    grade: str
    capabilities: dict[str, bool]
    ticks: int


@dataclass(frozen=True)
class Transformed:
    """A computed session and what the encoders need besides; the native-rate samples are gone."""

    identity: SessionIdentity
    circuit: CircuitMarks | None
    data: SessionData


@task(name="load", cache_policy=NO_CACHE, persist_result=False)
def load_task(run: SessionRun) -> Box[Recording]:
    """Load the session through FastF1."""
    run.progress.begin("load", f"Loading {run.label}")
    try:
        with run.followed_load():
            return Box(load_recording(run.loading_client, run.session))
    except (ParcfermeError, MemoryError):
        raise
    except OSError as error:
        raise UpstreamError(
            f"The data of {run.label} could not be loaded ({error}). Check the network and the space in "
            f"{run.settings.cache_dir}, then run it again."
        ) from error
    except Exception as error:
        # FastF1 meets a truncated or corrupt stream with whatever its parser happened to stumble over.
        folder = topic_folder(run.settings.cache_dir, run.located)
        raise CorruptDataError(
            f"The data of {run.label} cannot be read ({type(error).__name__}: {error}): it is truncated or corrupt. "
            f"Delete {folder} so that it is fetched again, then run it again."
        ) from error


@task(name="transform", cache_policy=NO_CACHE, persist_result=False)
def transform_task(run: SessionRun, loaded: Box[Recording]) -> Box[Transformed]:
    """Compute frames, tables and the quality report."""
    run.progress.begin("transform", "Computing frames")
    recording = loaded.take()
    data = transform_session(recording, on_progress=run.progress.report)
    return Box(Transformed(recording.identity, recording.circuit, data))


@task(name="encode", cache_policy=NO_CACHE, persist_result=False)
def encode_task(run: SessionRun, transformed: Box[Transformed], spool: Path) -> Box[Encoded]:
    """Encode everything into files below ``spool``."""
    run.progress.begin("encode", "Encoding")
    computed = transformed.take()
    try:
        encoded = encode_session(
            computed.identity,
            computed.circuit,
            computed.data,
            spool,
            made_with=made_with(),
            on_progress=run.progress.report,
        )
    except OSError as error:
        raise PublicationError(
            f"The working files of {run.label} cannot be written to {spool} ({error.strerror or error}). Make "
            "room there, or set TMPDIR to another folder, then run it again."
        ) from error
    data = computed.data
    return Box(Encoded(computed.identity, encoded, data.grade, data.capabilities, data.frames.clock.ticks))


@task(name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish_task(run: SessionRun, encoded_box: Box[Encoded], force: bool) -> PublishReport:
    """Put the revision into the store, make it current, and say so in the season index."""
    run.progress.begin("publish", "Publishing")
    encoded = encoded_box.take()
    revision = encoded.revision
    outcome = publish_revision(
        run.store,
        revision,
        encoded.identity,
        summary=run.summary_of(encoded.grade, encoded.capabilities),
        now=run.settings.current_time(),
        forced=force,
        on_progress=lambda done, total: run.progress.report(done / max(total, 1), f"{done} of {total} objects"),
    )
    if outcome.withheld and (current := read_latest(run.store, revision.session_key)) is not None:
        run.logger.warning(
            "%s: %s was rolled back from, so %s stays current. To publish it all the same, run it with force.",
            run.label,
            revision.revision,
            current.revision,
        )
        return run.finish_unchanged(current)
    tell_cdn(run.settings, encoded.identity, revision.objects, run.logger)
    return run.finish_published(
        revision.session_key,
        outcome.revision,
        encoded.grade,
        frames=encoded.ticks,
        size=sum(entry.bytes for entry in revision.objects),
    )


@flow(
    name="publish-session",
    flow_run_name="{year} {event} {session}",
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
    source: Source = UPSTREAM,
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
        source: Where the raw data comes from. The archive is the one of PARCFERME_ARCHIVE and nobody else is asked.

    :raises ParcfermeError: there is no new publication; what was published before is as it was.
    """
    settings = settings_for(read_settings(), source, year)
    try:
        run = SessionRun(
            settings,
            open_destination(settings),
            year,
            event,
            session.code,
            flow_run_id=str(this_run.id),
            flow_run_name=str(this_run.name),
            deployed=this_deployment.id is not None,
            logger=get_run_logger(),
        )
    except UpstreamError as error:
        return _awaiting_or_raise(error, None, settings)
    except NotStartedError as error:
        _postpone_or_raise(error, settings, year, session.code)
    if _recheck_after() is not None and (awaited := run.awaited_by_another()) is not None:
        until = recheck_utc(awaited, settings.current_time())
        _pause(AwaitingRetry(scheduled_time=until, message="There is nothing to check: another run awaits the data."))
    return _publish_or_wait(run, settings, force=force, refetch=refetch, source=source)


def _has_waited() -> bool:
    return int(this_run.run_count or 1) > 1


def _recheck_after() -> timedelta | None:
    """Return how long after a session's first run this one was planned to look at it again; None: it was not."""
    return next((after for kind, after in RECHECKS.items() if kind_tag(kind) in (this_run.tags or ())), None)


def _postpone_or_raise(error: NotStartedError, settings: Settings, year: int, code: str) -> NoReturn:
    """Let a planned run wait for a session that is still to come; raise ``error`` where nobody planned it."""
    if PLANNED_TAG not in (this_run.tags or ()):
        raise error
    # It was postponed since this run was planned, or while it waited. Re-checks keep their distance.
    first = session_end_utc(error.start_utc, code) + settings.start_delay
    until = first + (_recheck_after() or timedelta())
    text = f"{error.what} Next attempt on {until:%Y-%m-%d at %H:%M} UTC."
    postpone_wait(open_destination(settings), year, str(this_run.id), text, until, settings.current_time())
    _pause(AwaitingRetry(scheduled_time=until, message=text))


def _publish_or_wait(
    run: SessionRun, settings: Settings, *, force: bool, refetch: bool, source: Source
) -> PublishReport | State[Any]:
    """Publish, through an empty cache with ``refetch``, and return what the flow does."""
    with fresh_cache(settings) if refetch else nullcontext(settings) as used:
        try:
            if refetch:
                run.use_cache(used)
            report = _publish(run, force=force, refetch=refetch, source=source)
        except UpstreamError as error:
            return _awaiting_or_raise(run.dated(error), run, settings)
        except BaseException as error:
            run.fail(error)
            raise
        if refetch:
            adopt_fresh(used, settings, run)
    if run.deployed:
        # Where somebody looks at the run, its state says what came of it.
        return Completed(message=UP_TO_DATE if report.unchanged else f"Published {report.revision}, {report.grade}")
    return report


def _awaiting_or_raise(error: UpstreamError, run: SessionRun | None, settings: Settings) -> State[Any]:
    """Let a run wait for its upstream; return its state or raise ``error`` where that makes no sense."""
    until = None
    if this_deployment.id is not None:
        until = next_attempt_utc(
            error,
            attempts=int(this_run.run_count or 1),
            start_utc=None if run is None else run.start_utc,
            code="R" if run is None else run.session.code,
            now=settings.current_time(),
        )
    if until is None:
        if run is not None:
            run.fail(error)
        nothing_expected = _recheck_after() is not None or not _has_waited()
        if isinstance(error, NotReadyError) and this_deployment.id is not None and nothing_expected:
            # Of a session long past there is nothing to be had, which is no failure of the run that found it out.
            return Completed(name=NO_DATA, message=str(error))
        raise error
    if run is not None:
        run.wait(error, until)
    _pause(AwaitingRetry(scheduled_time=until, message=str(error)))


def _pause(state: State[Any]) -> NoReturn:
    """End this run's process without an ending of the run, which is in ``state`` from now on.

    Returned from the flow, a state that is not final has no result: the engine's process fails, and its worker says
    that the run has crashed.
    """
    with get_client(sync_client=True) as client:
        answer = client.set_flow_run_state(UUID(this_run.id), state)
    raise Pause(state=answer.state)


def _publish(run: SessionRun, *, force: bool, refetch: bool, source: Source) -> PublishReport:
    if this_run.parent_flow_run_id is not None and not run.deployed:
        # Within a backfill of this process, which sees to the destination once for all its sessions.
        return _publish_unless_current(run, force=force, refetch=refetch, source=source)
    prepare_destination(run.settings, run.store, run.session.year, run.events)
    try:
        return _publish_unless_current(run, force=force, refetch=refetch, source=source)
    finally:
        conclude_destination(run.store)


def _publish_unless_current(run: SessionRun, *, force: bool, refetch: bool, source: Source) -> PublishReport:
    archive = SessionArchive(run.settings, source, run.located, run.logger)
    if not refetch:
        archive.restore()
    current = None if force or run.may_have_more_upstream() else run.read_current()
    if current is not None:
        run.logger.info("%s is up to date at %s", run.label, current.revision)
        report = run.finish_unchanged(current)
    else:
        run.announcer.started()
        with heartbeat(run.progress):
            report = _make(run, force)
        run.logger.info("%s is published as %s", run.label, report.revision)
    # Last: an archive that cannot be written fails the run, but what is published is published.
    archive.save()
    return report


def _make(run: SessionRun, force: bool) -> PublishReport:
    loaded = load_task(run)
    if not force and (current := run.read_current()) is not None:
        # A load that could have brought more has not.
        return run.finish_unchanged(current)
    release_memory()
    with working_folder() as spool:
        transformed = transform_task(run, loaded)
        release_memory()
        encoded = encode_task(run, transformed, spool)
        release_memory()
        return publish_task(run, encoded, force)
