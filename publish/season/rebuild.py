"""Everything of a season that follows from what is current, one after the other; and made anew."""

from publish.season.catalog import update_catalog
from publish.season.circuits import follow_circuits
from publish.season.csv_copies import follow_with_csv
from publish.season.files import list_files
from publish.season.index import all_latest
from publish.season.own_tables import follow_season
from publish.season.tables import follow_files
from publish.stores.base import Store


def follow_all(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Bring up to date what follows a season's list of files and index; say whether there was anything to do.

    Ten requests where there is nothing to do. With ``doubting`` the list is not believed.
    """
    followers = (follow_files, follow_season, follow_with_csv, follow_circuits)
    done = [follow(store, year, doubting=doubting) for follow in followers]
    return update_catalog(store, doubting=doubting) or any(done)


def rebuild_tables(store: Store, year: int) -> bool:
    """Make the list of a season's files anew from every ``latest.json``, and what follows it from the list."""
    session_keys = [latest.session_key for latest in all_latest(store) if latest.year == year]
    listed = list_files(store, year, session_keys)
    return follow_all(store, year, doubting=True) or listed
