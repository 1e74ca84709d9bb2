"""The catalog for DuckDB: a view for every season table, a macro for every table that is too big to be one.

As statements (``catalog.sql``) and as a database to attach (``catalog.duckdb``), made from the declarations of the
tables. Nothing is asked for over the network: DuckDB is given empty tables of the declared columns under every address.
"""

import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from publish import keys
from transforms.columns import OF_ALL_SEASONS, OF_THE_SEASON, TABLES, published_schema
from transforms.errors import PublicationError

#: The oldest storage that DuckDB promises to read: every DuckDB from 1.0 on opens the file.
_STORAGE = "v1.0.0"
_ALL = TABLES | OF_THE_SEASON


def has_duckdb() -> bool:
    """Whether DuckDB, which makes the database, is installed: ``pip install parcferme[catalog]``."""
    return importlib.util.find_spec("duckdb") is not None


def catalog_sql(base_url: str, seasons: Mapping[str, Sequence[int]]) -> str:
    """Return the statements that make the catalog of a site at ``base_url``, without a slash at its end.

    ``seasons`` are the years of which there is a file, by table; of what has none there is no view.
    """
    head = f"-- The tables of {base_url}/: views of what is small, macros (year, session key) for the rest."
    return "\n".join([head, *_statements(base_url, seasons, ""), ""])


def _statements(base_url: str, seasons: Mapping[str, Sequence[int]], schema: str) -> Iterator[str]:
    base_url = base_url.replace("'", "''")
    for name, table in _ALL.items():
        if table.is_by_car:
            where = f"'{base_url}/{keys.TABLE_COPIES}{name}/' || season || '/' || session || '.parquet'"
            yield (
                f"CREATE OR REPLACE MACRO {schema}{name}(season, session) AS TABLE SELECT * FROM read_parquet({where});"
            )
        elif seasons.get(name):
            urls = ", ".join(f"'{base_url}/{key}'" for key in files_of(name, seasons[name]))
            rows = f"SELECT * FROM read_parquet([{urls}], union_by_name = true)"
            yield f"CREATE OR REPLACE VIEW {schema}{name} AS {rows};"
            yield f"COMMENT ON VIEW {schema}{name} IS '{table.row.replace(chr(39), chr(39) * 2)}';"


def files_of(name: str, years: Sequence[int]) -> list[str]:
    """Return the keys of the files that hold a table of all of ``years``: one where there is one of all seasons."""
    if name in OF_ALL_SEASONS:
        return [keys.all_seasons_table(name)]
    return [keys.season_table(name, year) for year in sorted(years)]


def catalog_database(base_url: str, seasons: Mapping[str, Sequence[int]]) -> bytes:
    """Return the same as a database that DuckDB attaches from where it is published.

    :raises PublicationError: DuckDB cannot make it.
    """
    import duckdb

    with TemporaryDirectory(prefix="parcferme-catalog-") as folder:
        file = Path(folder) / "catalog.duckdb"
        try:
            with duckdb.connect(config={"autoload_known_extensions": "false"}) as connection:
                connection.register_filesystem(_Declared())
                connection.execute(f"ATTACH '{file}' AS f1 (STORAGE_VERSION '{_STORAGE}')")
                for statement in _statements(base_url, seasons, "f1."):
                    connection.execute(statement)
                connection.execute("DETACH f1")
        except duckdb.Error as error:
            raise PublicationError(
                f"DuckDB {duckdb.__version__} cannot make catalog.duckdb: {error}. All else is published. Update it "
                "with `pip install --upgrade parcferme[catalog]`, or uninstall it to publish catalog.sql alone."
            ) from error
        return file.read_bytes()


class _Declared(AbstractFileSystem):  # type: ignore[misc]
    """Every address of a table is an empty file of its declared columns: a view is bound when it is made."""

    protocol = ("http", "https")

    def _open(self, path: str, mode: str = "rb", **more: Any) -> io.BytesIO:
        return io.BytesIO(_empty_file(path))

    def info(self, path: str, **more: Any) -> dict[str, Any]:
        return {"name": path, "size": len(_empty_file(path)), "type": "file"}

    def exists(self, path: str, **more: Any) -> bool:
        return True

    def glob(self, path: str, **more: Any) -> list[str]:
        return [path]

    def modified(self, path: str) -> datetime:
        return datetime(1950, 5, 13, tzinfo=UTC)


def _empty_file(path: str) -> bytes:
    (name,) = (part for part in path.removesuffix(".parquet").split("/")[-2:] if part in _ALL)
    out = io.BytesIO()
    pq.write_table(published_schema(_ALL[name]).empty_table(), out)
    return out.getvalue()
