"""The work of a session's run: load, transform, encode, publish. It knows nothing of Prefect.

Two thin shells have it done: :mod:`flows.session.flow` as a flow whose steps are tasks, :mod:`flows.session.direct` as
it stands here.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from flows.engine.progress import heartbeat
from flows.session.cdn import tell_cdn
from flows.session.lease import check_lease, leased
from flows.session.refetch import adopt_fresh, fresh_cache
from flows.session.reports import PublishReport
from flows.session.run import Box, SessionRun, made_with
from flows.session.site import check_publishable, conclude_destination, prepare_destination
from flows.session.standings import check_standings
from flows.settings import Settings
from flows.spool import working_folder
from flows.upstream.archive import ARCHIVE, UPSTREAM, SessionArchive, Source, settings_of_session
from flows.upstream.limits import SharedLimits
from flows.upstream.load import load_recording
from flows.upstream.topics import topic_folder
from publish.contract.contents import check_documents
from publish.encode.objects import EncodedRevision
from publish.encode.session import encode_session
from publish.encode.verdict import Verdict, verdict_of
from publish.memory import prepare_memory, release_memory, return_freed
from publish.publication import publish_revision
from publish.revisions.latest import read_latest
from publish.season.aliases import NotFollowedError
from publish.season.facts import GIVE_POINTS
from transforms.completeness import Extent, extent_of
from transforms.errors import (
    AlreadyRunningError,
    CorruptDataError,
    IncompleteError,
    ParcfermeError,
    PublicationError,
    UpstreamError,
)
from transforms.recording import CircuitMarks, Recording, SessionIdentity
from transforms.session import SessionData, transform_session

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What somebody wants of a run; the fields are the parameters of ``publish-session``.

    ``is_one_of_many``: whoever makes it brings the tables of the season up to date once for all its sessions.
    ``in_process``: and sees to the destination, too. ``accepts_incomplete``: a stream that ends before its session is
    published as that, whether or not another could be had.
    """

    force: bool = False
    refetch: bool = False
    source: Source = UPSTREAM
    is_one_of_many: bool = False
    in_process: bool = False
    accepts_incomplete: bool = False


@dataclass(frozen=True)
class Encoded:
    """A session's files on local disk and the little that is still said of their content."""

    identity: SessionIdentity
    revision: EncodedRevision
    grade: str
    capabilities: dict[str, bool]
    verdict: Verdict
    ticks: int


@dataclass(frozen=True)
class Transformed:
    """A computed session and what the encoders need besides; the native-rate samples are gone."""

    identity: SessionIdentity
    circuit: CircuitMarks | None
    data: SessionData


def load(run: SessionRun) -> Box[Recording]:
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


def transform(run: SessionRun, loaded: Box[Recording]) -> Box[Transformed]:
    """Compute frames, tables and the quality report."""
    run.progress.begin("transform", "Computing frames")
    identity, circuit = loaded.look().identity, loaded.look().circuit

    def begin_part(share: float, message: str) -> None:
        return_freed()
        run.progress.report(share, message)

    # Nobody else holds the samples, so they go as soon as they have been used.
    data = transform_session(loaded.take(), on_progress=begin_part)
    return Box(Transformed(identity, circuit, data))


def encode(run: SessionRun, transformed: Box[Transformed], spool: Path) -> Box[Encoded]:
    """Encode everything into files below ``spool`` and prove them by their schemas."""
    run.progress.begin("encode", "Encoding")
    described = _described(transformed.look())
    identity, circuit = transformed.look().identity, transformed.look().circuit
    try:
        # Nobody else holds the data, so its parts go as soon as they are written.
        encoded = encode_session(
            identity,
            circuit,
            transformed.take().data,
            spool,
            made_with=made_with(),
            on_progress=run.progress.report,
        )
        check_documents(encoded, run.label)
    except OSError as error:
        raise PublicationError(
            f"The working files of {run.label} cannot be written to {spool} ({error.strerror or error}). Make "
            "room there, or set TMPDIR to another folder, then run it again."
        ) from error
    return Box(described(encoded))


def _described(computed: Transformed) -> Callable[[EncodedRevision], Encoded]:
    """Return what describes the files of ``computed`` without keeping it."""
    identity, data = computed.identity, computed.data
    facts = (data.grade, data.capabilities, verdict_of(data.quality), data.frames.clock.ticks)
    return lambda revision: Encoded(identity, revision, *facts)


def publish(run: SessionRun, encoded_box: Box[Encoded], force: bool) -> PublishReport:
    """Put the revision into the store, make it current, and say so in the season index."""
    run.progress.begin("publish", "Publishing")
    encoded = encoded_box.take()
    check_lease(run.status, run.label)
    revision = encoded.revision
    outcome = publish_revision(
        run.store,
        revision,
        encoded.identity,
        summary=run.summary_of(encoded.grade, encoded.capabilities, encoded.verdict),
        now=run.settings.current_time(),
        forced=force,
        with_tables=not run.is_one_of_many,
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


@dataclass(frozen=True)
class Steps:
    """The four steps as a shell has them run."""

    load: Callable[[SessionRun], Box[Recording]] = load
    transform: Callable[[SessionRun, Box[Recording]], Box[Transformed]] = transform
    encode: Callable[[SessionRun, Box[Transformed], Path], Box[Encoded]] = encode
    publish: Callable[[SessionRun, Box[Encoded], bool], PublishReport] = publish


def carry_out(
    run: SessionRun, settings: Settings, request: Request, steps: Steps, on_upstream_error: Callable[[UpstreamError], T]
) -> PublishReport | T:
    """Publish the session of ``run``, through an empty cache to refetch it; return what became of it.

    ``on_upstream_error`` decides what an upstream that is not ready or down means: it returns what is returned then, or
    raises. Any other error is written to the session's status and raised.

    :raises AlreadyRunningError: another run is at work on the session, which says what becomes of it.
    :raises ParcfermeError: there is no new publication; what was published before is as it was.
    """
    prepare_memory()
    run.takes_its_word = request.force
    run.is_one_of_many = request.is_one_of_many
    try:
        try:
            return _publish_through_cache(run, settings, request, steps)
        except IncompleteError as error:
            if request.refetch or settings.offline:
                raise
            run.logger.warning("%s It is fetched again.", error)
            return _publish_fetched_again(run, settings, request, steps, error)
    except UpstreamError as error:
        return on_upstream_error(run.dated(error))
    except AlreadyRunningError:
        # Nothing has become of the session in this run; the other one says what does.
        raise
    except BaseException as error:
        run.fail(error)
        raise


def _publish_fetched_again(
    run: SessionRun, settings: Settings, request: Request, steps: Steps, incomplete: IncompleteError
) -> PublishReport:
    """Publish what a second look at the upstream has, or what was there before where nothing can be had any more."""
    try:
        return _publish_through_cache(run, settings, replace(request, refetch=True), steps)
    except IncompleteError:
        raise
    except UpstreamError as error:
        run.use_cache(settings)
        if run.can_wait:
            raise
        run.logger.warning("%s So it is published as far as it goes. %s", error, incomplete)
        return _publish_through_cache(run, settings, replace(request, accepts_incomplete=True), steps)


def _publish_through_cache(run: SessionRun, settings: Settings, request: Request, steps: Steps) -> PublishReport:
    with fresh_cache(settings) if request.refetch else nullcontext(settings) as used:
        if request.refetch:
            run.use_cache(used)
        report = _publish(run, request, steps)
        if request.refetch:
            adopt_fresh(used, settings, run)
    return report


def _publish(run: SessionRun, request: Request, steps: Steps) -> PublishReport:
    if request.in_process:
        return _publish_unless_current(run, request, steps)
    try:
        prepare_destination(run.settings, run.store, run.session.year, run.events, has_server=run.caller.has_server)
    except NotFollowedError as refused:
        check_publishable(run.store, run.session, refused)
    changed = True
    try:
        report = _publish_unless_current(run, request, steps)
        changed = not report.unchanged
        if changed and not run.is_one_of_many and run.session.code in GIVE_POINTS:
            limits = SharedLimits(run.logger.info) if run.caller.deployed else run.client.limits
            check_standings(replace(run.client, limits=limits), run.store, run.session.year, run.logger)
    finally:
        conclude_destination(run.store, has_server=run.caller.has_server, changed=changed)
    return report


def _publish_unless_current(run: SessionRun, request: Request, steps: Steps) -> PublishReport:
    if request.source == ARCHIVE:
        run.use_cache(settings_of_session(run.settings, run.located))
    archive = SessionArchive(run.settings, request.source, run.located, run.logger)
    if not request.refetch:
        archive.restore()
    current = None if request.force or run.may_have_more_upstream() else run.read_current()
    if current is not None:
        run.logger.info("%s is up to date at %s", run.label, current.revision)
        report = run.finish_unchanged(current)
    else:
        run.store.check()
        with leased(run.status, run.label, run.logger), heartbeat(run.progress):
            run.announcer.started()
            report = _make(run, request, steps)
        run.logger.info("%s is published as %s", run.label, report.revision)
    # Last: an archive that cannot be written fails the run, but what is published is published.
    archive.save()
    return report


def _make(run: SessionRun, request: Request, steps: Steps) -> PublishReport:
    was_cached = run.has_cached_topics
    loaded = steps.load(run)
    _check_extent(run, request, extent_of(loaded.look()), was_cached=was_cached)
    if not request.force and (current := run.read_current()) is not None:
        # A load that could have brought more has not.
        return run.finish_unchanged(current)
    release_memory()
    with working_folder() as spool:
        transformed = steps.transform(run, loaded)
        release_memory()
        encoded = steps.encode(run, transformed, spool)
        release_memory()
        return steps.publish(run, encoded, request.force)


def _check_extent(run: SessionRun, request: Request, extent: Extent, *, was_cached: bool) -> None:
    """Do nothing if what was loaded is to be published.

    :raises IncompleteError: it ends before its session, and more of it may be had: later, or now if it ``was_cached``.
    """
    if extent.is_complete or request.force or request.accepts_incomplete:
        return
    may_be_behind = was_cached and not request.refetch and not run.settings.offline
    if run.can_wait or may_be_behind:
        minutes = extent.until_ms / 60_000
        raise IncompleteError(
            f"The stream of {run.label} ends before the session does: {extent.missing_end}. Nothing is known after "
            f"minute {minutes:.0f} of the recording."
        )
