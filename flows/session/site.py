"""The destination around a run: tidy and with the season's schedule before it, with its health judged after it."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from flows.health.sessions import document_checks
from flows.session.status import sweep_status
from flows.session_ref import SessionRef
from flows.settings import Settings, read_settings
from publish.contract.dictionary import schema_documents
from publish.live.health import update_health
from publish.publication import publish_site
from publish.readers import reader_files
from publish.season.aliases import NotFollowedError, follow_schedule
from publish.season.document import Event, has_event
from publish.season.index import read_season
from publish.site.files import site_files
from publish.stores.base import Store
from transforms.errors import ParcfermeError


def prepare_destination(settings: Settings, store: Store, year: int, events: Sequence[Event]) -> None:
    """See that the destination can be written to and bring it up to date around the sessions.

    Schemas, readers, the viewer page and the season's schedule are written where they differ, and what dead runs left
    at "running" is corrected.

    :raises InputError: the destination does not exist.
    :raises NotFollowedError: the schedule was renumbered and this role may not follow it; all else is done.
    :raises PublicationError: it refuses.
    """
    store.check()
    publish_site(store, schema_documents() | reader_files() | site_files())
    sweep_status(store, year, datetime.now(UTC))
    follow_schedule(store, year, events, settings.current_time())


def check_publishable(store: Store, session: SessionRef, refused: NotFollowedError) -> None:
    """Do nothing if a session can be published although the index still has the calendar of before.

    :raises NotFollowedError: the index has it under another number, or another event under its number.
    """
    if not has_event(read_season(store, session.year), session.event, session.round):
        raise NotFollowedError(f"{session.label} is not published under its new number. {refused}") from refused
    logging.getLogger(__name__).warning("%s keeps its number and is published all the same. %s", session.label, refused)


def conclude_destination(store: Store, *, has_server: bool) -> None:
    """Judge the health of what is published, after a run. Not worth failing the run for: a warning says so.

    ``has_server``: there is a Prefect server that lasts, and with it perhaps a watch that writes the document.
    """
    try:
        # Sessions are judged by the clock that was set, the document's age by the real one.
        checks = document_checks(store, read_settings().current_time())
        update_health(store, checks, datetime.now(UTC), may_take_over=not has_server)
    except ParcfermeError as error:
        logging.getLogger(__name__).warning("The health document cannot be written: %s", error)
