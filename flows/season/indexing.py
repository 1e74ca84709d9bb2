"""A season's index, list of files and tables, written anew from what is published."""

from flows.session.site import conclude_destination, prepare_destination
from flows.settings import Settings
from flows.upstream.calendar import read_schedule
from flows.upstream.client import Client
from publish.season import index as season
from publish.season.aliases import follow_schedule
from publish.season.catalog import update_catalog
from publish.season.rebuild import rebuild_tables
from publish.stores.base import Store


def rebuild(settings: Settings, store: Store, year: int, *, has_server: bool) -> bool:
    """Write the index of ``year`` and move what hangs on round numbers; says whether anything has changed.

    The list of the season's files, its tables and the catalog are made anew too.

    ``has_server`` as in :func:`~flows.session.site.conclude_destination`.

    :raises InputError: there is no such season.
    :raises UpstreamError: its schedule could not be had.
    :raises PublicationError: the destination refuses.
    """
    now = settings.current_time()
    events = read_schedule(Client.of(settings), year, now)
    prepare_destination(settings, store, year, events, has_server=has_server)
    follow_schedule(store, year, events, now, all_sessions=True)
    changed = season.rebuild_season(store, year, events, now)
    changed = rebuild_tables(store, year) or changed
    changed = update_catalog(store, settings.public_url, doubting=True) or changed
    conclude_destination(store, has_server=has_server)
    return changed
