"""The flow that makes one session: load, transform, encode, publish."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run as this_run

from flows.archive import UPSTREAM, SessionArchive, Source, settings_for
from flows.cdn import tell_cdn
from flows.destination import conclude_destination, open_destination, prepare_destination
from flows.memory import release_memory
from flows.progress import heartbeat
from flows.reports import PublishReport
from flows.run_status import close_status
from flows.session_run import Box, SessionRun, made_with
from flows.settings import read_settings
from flows.spool import working_folder
from flows.upstream import load_recording
from publish.encode import encode_session
from publish.latest import read_latest
from publish.objects import EncodedRevision
from publish.publication import publish_revision
from transforms.errors import ParcfermeError, PublicationError, UpstreamError
from transforms.frames import SessionData
from transforms.recording import CircuitMarks, Recording, SessionIdentity
from transforms.session import transform_session


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
        return Box(load_recording(run.year, run.round, run.code))
    except (ParcfermeError, MemoryError):
        raise
    except OSError as error:
        raise UpstreamError(
            f"The data of {run.label} could not be loaded ({error}). Check the network and the space in "
            f"{run.settings.cache_dir}, then run it again."
        ) from error
    except Exception as error:
        # FastF1 meets a truncated or corrupt stream with whatever its parser happened to stumble over.
        folder = run.settings.cache_dir / run.api_path.removeprefix("/static/")
        raise UpstreamError(
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
            "%s: %s was rolled back from, so %s stays current. To publish it all the same, use --force.",
            run.label,
            revision.revision,
            current.revision,
        )
        return run.finish_unchanged(current)
    tell_cdn(run.settings, encoded.identity, revision.objects, run.logger)
    return run.finish_published(
        revision.session_key,
        revision.revision,
        encoded.grade,
        frames=encoded.ticks,
        size=sum(entry.bytes for entry in revision.objects),
    )


def _end_status(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook: whatever ended the run, its status document does not stay at "running"."""
    settings = read_settings()
    year = int(flow_run.parameters["year"])
    error = f"The run ended as {state.name}. Run it again."
    close_status(open_destination(settings), year, str(flow_run.id), state=state.name, error=error)


@flow(
    name="publish_session",
    flow_run_name="{year} {event} {session}",
    persist_result=False,
    on_failure=[_end_status],
    on_cancellation=[_end_status],
    on_crashed=[_end_status],
)
def publish_session(
    year: int, event: str | int, session: str, force: bool = False, source: Source = UPSTREAM
) -> PublishReport:
    """Publish one session: ``event`` is a round or a name, ``session`` one of R, S, Q, SQ, FP1, FP2, FP3.

    Without ``force`` a session whose inputs and code are those of its current revision is left as it is. With the
    archive as ``source`` its raw data comes from there and from nowhere else.

    :raises ParcfermeError: there is no new publication; what was published before is as it was.
    """
    settings = settings_for(read_settings(), source, year)
    run = SessionRun(
        settings,
        open_destination(settings),
        year,
        event,
        session,
        flow_run_id=str(this_run.id),
        flow_run_name=str(this_run.name),
        logger=get_run_logger(),
    )
    if this_run.parent_flow_run_id is not None:
        return _publish(run, force, source)
    prepare_destination(settings, run.store, year, run.events)
    try:
        return _publish(run, force, source)
    finally:
        conclude_destination(run.store)


def _publish(run: SessionRun, force: bool, source: Source) -> PublishReport:
    archive = _restored_archive(run, source)
    report = _publish_unless_current(run, force)
    # Last: an archive that cannot be written fails the run, but what is published is published.
    archive.save()
    return report


def _restored_archive(run: SessionRun, source: Source) -> SessionArchive:
    """Return the session's archive after bringing into the cache what the cache lacks."""
    try:
        archive = SessionArchive(run.settings, source, run.year, run.round, run.code, run.api_path, run.logger)
        archive.restore()
    except BaseException as error:
        run.fail(error)
        raise
    return archive


def _publish_unless_current(run: SessionRun, force: bool) -> PublishReport:
    current = None if force or run.may_have_more_upstream() else run.read_current()
    if current is not None:
        run.logger.info("%s is up to date at %s", run.label, current.revision)
        return run.finish_unchanged(current)
    try:
        with heartbeat(run.progress):
            report = _make(run, force)
    except BaseException as error:
        run.fail(error)
        raise
    run.logger.info("%s is published as %s", run.label, report.revision)
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
