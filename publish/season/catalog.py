"""The catalog for DuckDB beside the season's tables: ``v1/catalog.json``, ``catalog.sql`` and ``catalog.duckdb``.

It is made from a listing of the season's tables, and written only over what was there before they were listed: whoever
adds a table later also writes the catalog later. It needs the address readers use; who has not set one has no catalog.
"""

import hashlib
import logging
from typing import Annotated

from publish import keys
from publish.encode.catalog import catalog_database, catalog_sql, has_duckdb
from publish.season.index import update_root_index
from publish.stores.base import Conflict, Store, Stored
from publish.stores.patience import pause_for_others
from publish.structs import Document, Sha256, Year, about, decode_document, encode_document
from transforms.columns import OF_SEASONS, OF_THE_SEASON
from transforms.errors import PublicationError

logger = logging.getLogger(__name__)

_ATTEMPTS = 20


class Catalog(Document, tag="parcferme/catalog/1"):
    """Which season tables there are, and the catalog that DuckDB reads them by."""

    base_url: Annotated[str, about("Where readers find the site, without a slash at its end")]
    seasons: Annotated[dict[str, tuple[Year, ...]], about("Years of which there is a file, by table")]
    sql_sha256: Annotated[Sha256, about("Of v1/catalog.sql")]
    database_sha256: Annotated[Sha256 | None, about("Of v1/catalog.duckdb; null where its publisher had no DuckDB")]


LINKS = {"catalog": keys.CATALOG, "catalog_sql": keys.CATALOG_SQL}


def listed_seasons(store: Store) -> dict[str, tuple[int, ...]]:
    """Return the years of which there is a season table, by table, as the destination lists them."""
    found: dict[str, set[int]] = {}
    for row in store.list(keys.SEASON_TABLES):
        table, _, file = row.key.removeprefix(keys.SEASON_TABLES).partition("/")
        year = file.removesuffix(".parquet")
        if table in OF_SEASONS | OF_THE_SEASON and year.isdecimal():
            found.setdefault(table, set()).add(int(year))
    return {table: tuple(sorted(found[table])) for table in sorted(found)}


def update_catalog(store: Store, base_url: str | None = None, *, doubting: bool = False) -> bool:
    """Bring the catalog up to date with the tables there are; say whether anything was written.

    ``base_url`` is where readers find the site; without one it is what the catalog of before says, and where there is
    none nothing happens. Two requests where nothing is new. Without DuckDB there are the statements alone. With
    ``doubting`` both files are looked at, too.

    :raises PublicationError: the store refuses, DuckDB fails, or others keep changing the catalog.
    """
    for attempt in range(_ATTEMPTS):
        stored = store.read(keys.CATALOG)
        before = None if stored is None else decode_document(stored.data, Catalog, f"{keys.CATALOG} in {store.uri}")
        base = base_url.rstrip("/") if base_url else before.base_url if before else None
        if base is None:
            return False
        if (
            before is not None
            and _is_current(store, before, base)
            and not (doubting and catalog_problem(store, before))
        ):
            return False
        try:
            _write(store, stored, base)
            return True
        except Conflict:
            pause_for_others(attempt)
    raise PublicationError(
        f"{keys.CATALOG} in {store.uri} was changed by others each of the {_ATTEMPTS} times this run tried to. See "
        "what else publishes there, then run again."
    )


def _is_current(store: Store, catalog: Catalog, base_url: str) -> bool:
    if catalog.base_url != base_url or (catalog.database_sha256 is None and has_duckdb()):
        return False
    return catalog.sql_sha256 == _sha256(catalog_sql(base_url, listed_seasons(store)).encode())


def _write(store: Store, before: Stored | None, base_url: str) -> None:
    """Write both files and what says so; Conflict if somebody else does."""
    seen = {key: store.head(key) for key in (keys.CATALOG_DATABASE, keys.CATALOG_SQL)}
    seasons = listed_seasons(store)
    sql = catalog_sql(base_url, seasons).encode()
    database = catalog_database(base_url, seasons) if has_duckdb() else None
    if database is None:
        logger.warning("There is no catalog.duckdb, only catalog.sql: `pip install parcferme[catalog]` for DuckDB")
    catalog = Catalog(base_url, seasons, _sha256(sql), None if database is None else _sha256(database))
    for key, data in ((keys.CATALOG_DATABASE, database), (keys.CATALOG_SQL, sql)):
        if data is not None:
            known = seen[key]
            store.write(key, data, if_match=known.etag if known else None, if_none_match=known is None)
    data = encode_document(catalog)
    store.write(keys.CATALOG, data, if_match=before.etag if before else None, if_none_match=before is None)
    update_root_index(store, links=LINKS | ({"catalog_database": keys.CATALOG_DATABASE} if database else {}))


def catalog_problem(store: Store, catalog: Catalog) -> str | None:
    """Return what is wrong with the files that ``catalog`` names, or with what it says of the season's tables."""
    for key, sha256 in ((keys.CATALOG_SQL, catalog.sql_sha256), (keys.CATALOG_DATABASE, catalog.database_sha256)):
        info = store.head(key) if sha256 else None
        if sha256 and (info is None or info.sha256 != sha256):
            return f"{key} is not what it says"
    if catalog.sql_sha256 != _sha256(catalog_sql(catalog.base_url, listed_seasons(store)).encode()):
        return "it is not of the season tables that there are"
    return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
