"""What tools know all season tables by: the catalog for DuckDB, a Frictionless Data Package, JSON-LD of Croissant.

``v1/catalog.json`` says what there is, ``catalog.sql`` and ``catalog.duckdb`` are views of it, ``datapackage.json`` and
``croissant.json`` describe it. They are made from a listing of the season's tables, and written only over what was
there before they were listed: whoever adds a table later also writes these later. They need the address readers use;
who has not set one has none of them.
"""

import hashlib
import logging
from dataclasses import dataclass
from typing import Annotated

from publish import keys
from publish.encode.catalog import catalog_database, catalog_sql, has_duckdb
from publish.encode.dataset import croissant, data_package
from publish.season.index import update_root_index
from publish.stores.base import Conflict, Store, Stored
from publish.stores.patience import pause_for_others
from publish.structs import Date, Document, Sha256, Year, about, decode_document, encode_document
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
    published_on: Annotated[Date | None, about("When the first season table was; null while there is none")] = None
    data_package_sha256: Annotated[Sha256 | None, about("Of v1/datapackage.json")] = None
    croissant_sha256: Annotated[Sha256 | None, about("Of v1/croissant.json")] = None

    @property
    def hashes(self) -> dict[str, str | None]:
        """SHA-256 of the files beside it, by key."""
        return {
            keys.CATALOG_DATABASE: self.database_sha256,
            keys.CATALOG_SQL: self.sql_sha256,
            keys.DATA_PACKAGE: self.data_package_sha256,
            keys.CROISSANT: self.croissant_sha256,
        }


#: How ``index.json`` calls them.
LINKS = {
    "catalog": keys.CATALOG,
    "catalog_sql": keys.CATALOG_SQL,
    "data_package": keys.DATA_PACKAGE,
    "croissant": keys.CROISSANT,
}


@dataclass(frozen=True)
class _Listed:
    """Years of which there is a season table, by table, and the day on which the oldest of the files was written."""

    seasons: dict[str, tuple[int, ...]]
    oldest: str | None


def _listed(store: Store) -> _Listed:
    """Return the season tables that the destination lists."""
    found: dict[str, set[int]] = {}
    written = []
    for row in store.list(keys.SEASON_TABLES):
        table, _, file = row.key.removeprefix(keys.SEASON_TABLES).partition("/")
        year = file.removesuffix(".parquet")
        if table in OF_SEASONS | OF_THE_SEASON and year.isdecimal():
            found.setdefault(table, set()).add(int(year))
            written.append(row.modified)
    oldest = min(written).date().isoformat() if written else None
    return _Listed({table: tuple(sorted(found[table])) for table in sorted(found)}, oldest)


def _texts(base_url: str, listed: _Listed, published_on: str | None) -> dict[str, bytes]:
    """Return the files that follow from nothing but the listing and the declarations, by key."""
    return {
        keys.CATALOG_SQL: catalog_sql(base_url, listed.seasons).encode(),
        keys.DATA_PACKAGE: data_package(listed.seasons),
        keys.CROISSANT: croissant(base_url, listed.seasons, published_on),
    }


def update_catalog(store: Store, base_url: str | None = None, *, doubting: bool = False) -> bool:
    """Bring the catalog up to date with the tables there are; say whether anything was written.

    ``base_url`` is where readers find the site; without one it is what the catalog of before says, and where there is
    none nothing happens. Two requests where nothing is new. Without DuckDB there is no database. With ``doubting`` all
    files are looked at, too.

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
            _write(store, stored, base, before.published_on if before else None)
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
    return _is_of_what_is_listed(store, catalog)


def _is_of_what_is_listed(store: Store, catalog: Catalog) -> bool:
    texts = _texts(catalog.base_url, _listed(store), catalog.published_on)
    return all(catalog.hashes[key] == _sha256(data) for key, data in texts.items())


def _write(store: Store, before: Stored | None, base_url: str, published_on: str | None) -> None:
    """Write the files and what says so; Conflict if somebody else does."""
    seen = {key: store.head(key) for key in (keys.CATALOG_DATABASE, *LINKS.values()) if key != keys.CATALOG}
    listed = _listed(store)
    published_on = published_on or listed.oldest
    files = _texts(base_url, listed, published_on)
    if has_duckdb():
        files = {keys.CATALOG_DATABASE: catalog_database(base_url, listed.seasons), **files}
    else:
        logger.warning("There is no catalog.duckdb, only catalog.sql: `pip install parcferme[catalog]` for DuckDB")
    for key, data in files.items():
        known = seen[key]
        store.write(key, data, if_match=known.etag if known else None, if_none_match=known is None)
    hashes = {key: _sha256(data) for key, data in files.items()}
    catalog = Catalog(
        base_url,
        listed.seasons,
        hashes[keys.CATALOG_SQL],
        hashes.get(keys.CATALOG_DATABASE),
        published_on,
        hashes[keys.DATA_PACKAGE],
        hashes[keys.CROISSANT],
    )
    data = encode_document(catalog)
    store.write(keys.CATALOG, data, if_match=before.etag if before else None, if_none_match=before is None)
    has_database = keys.CATALOG_DATABASE in files
    update_root_index(store, links=LINKS | ({"catalog_database": keys.CATALOG_DATABASE} if has_database else {}))


def catalog_problem(store: Store, catalog: Catalog) -> str | None:
    """Return what is wrong with the files that ``catalog`` names, or with what it says of the season's tables."""
    for key, sha256 in catalog.hashes.items():
        info = store.head(key) if sha256 else None
        if sha256 and (info is None or info.sha256 != sha256):
            return f"{key} is not what it says"
    if not _is_of_what_is_listed(store, catalog):
        return "it is not of the season tables that there are"
    return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
