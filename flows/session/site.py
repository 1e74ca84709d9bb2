"""The destination around a run: tidy and with the season's schedule before it, with its health judged after it."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from flows.health.sessions import document_checks
from flows.session.status import is_silent, sweep_status
from flows.session_ref import SessionRef
from flows.settings import Settings, read_settings
from publish.contract.dictionary import schema_documents
from publish.live import status
from publish.live.health import holds, update_health
from publish.live.runs import RunningEntry, has_long_runs, read_running, reconcile
from publish.publication import publish_site
from publish.readers import reader_files
from publish.season.aliases import NotFollowedError, follow_schedule, is_followed
from publish.season.catalog import update_catalog
from publish.season.document import Event, has_event
from publish.season.index import read_season
from publish.season.static_files import is_site_current
from publish.site.files import site_files
from publish.stores.base import Store
from transforms.errors import ParcfermeError


def prepare_destination(
    settings: Settings, store: Store, year: int, events: Sequence[Event], *, has_server: bool
) -> None:
    """Bring the destination up to date around the sessions; see that it can be written to if there is anything to do.

    Schemas, readers, the viewer page and the season's schedule are written where they differ, and what dead runs left
    at "running" is corrected. Five requests where nothing is to be done. ``has_server``: there is a Prefect server that
    lasts, whose watch knows which of the listed runs are alive.

    :raises InputError: the destination does not exist.
    :raises NotFollowedError: the schedule was renumbered and this role may not follow it; all else is done.
    :raises PublicationError: it refuses.
    """
    now = settings.current_time()
    files = _static_files()
    is_current = is_site_current(store, files, year) and is_followed(store, year, events, now)
    if not is_current:
        store.check()
        publish_site(store, files)
        update_catalog(store, settings.public_url)
    real_now = datetime.now(UTC)
    if has_long_runs(store, real_now):
        sweep_status(store, year, real_now)
        if not has_server:
            reconcile(store, _living(store, year, real_now), {}, real_now)
    if not is_current:
        follow_schedule(store, year, events, now)


def _static_files() -> dict[str, bytes]:
    return schema_documents() | reader_files() | site_files()


def _living(store: Store, year: int, now: datetime) -> set[str]:
    """Return the ids of the listed runs that are not known to be dead; those of other years are nobody's business."""
    running = read_running(store)
    return {run.flow_run_id for run in running if run.year != year or _is_heard_of(store, run, now)}


def _is_heard_of(store: Store, run: RunningEntry, now: datetime) -> bool:
    said = status.read_status(store, run.year, run.round, run.session)
    if said is None or said.flow_run_id != run.flow_run_id:
        return False
    return said.type == status.PROGRESS and not is_silent(said, now)


def check_publishable(store: Store, session: SessionRef, refused: NotFollowedError) -> None:
    """Do nothing if a session can be published although the index still has the calendar of before.

    :raises NotFollowedError: the index has it under another number, or another event under its number.
    """
    if not has_event(read_season(store, session.year), session.event, session.round):
        raise NotFollowedError(f"{session.label} is not published under its new number. {refused}") from refused
    logging.getLogger(__name__).warning("%s keeps its number and is published all the same. %s", session.label, refused)


def restore_site(store: Store) -> int:
    """Write the pages, what they load and the schemas where they are not as they should be; returns how many."""
    return publish_site(store, _static_files(), anew=True)


def conclude_destination(store: Store, *, has_server: bool, changed: bool = True) -> None:
    """Judge the health of what is published, after a run. Not worth failing the run for: a warning says so.

    ``has_server``: there is a Prefect server that lasts, and with it perhaps a watch that writes the document.
    Where nothing was ``changed`` the document is left as it is while it holds.
    """
    try:
        if not changed and holds(store, datetime.now(UTC)):
            return
        # Sessions are judged by the clock that was set, the document's age by the real one.
        checks = document_checks(store, read_settings().current_time())
        update_health(store, checks, datetime.now(UTC), may_take_over=not has_server)
    except ParcfermeError as error:
        logging.getLogger(__name__).warning("The health document cannot be written: %s", error)
