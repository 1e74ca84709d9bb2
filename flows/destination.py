"""The store the settings name: usable, tidy and with this season's schedule before anything is computed for it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from flows.run_status import sweep_status
from flows.settings import Settings
from publish import season
from publish.dictionary import schema_documents
from publish.publication import publish_site
from publish.season_document import Event
from publish.site_files import site_files
from publish.store import Store, open_store


def open_destination(settings: Settings) -> Store:
    """Open the destination without touching it.

    :raises InputError: it is no destination.
    """
    return open_store(settings.destination)


def prepare_destination(settings: Settings, store: Store, year: int, events: Sequence[Event]) -> None:
    """See that the destination can be written to and bring it up to date around the sessions.

    Schemas, the viewer page and the season's schedule are written where they differ, and what dead runs left at
    "running" is corrected.

    :raises InputError: the destination does not exist.
    :raises PublicationError: it refuses.
    """
    store.check()
    publish_site(store, schema_documents() | site_files())
    sweep_status(store, year, datetime.now(UTC))
    season.update_season(store, year, events, settings.current_time())
