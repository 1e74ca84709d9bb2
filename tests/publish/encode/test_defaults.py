"""What analysts type without reading a page: every tool's defaults give the same rows and types."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import s3fs
from session_data import IDENTITY_OF_SESSION, table

from publish import keys
from publish.encode.parquet import write_table

ROWS = 12
SESSIONS = (9472, 9480)
YEAR, KEY = "year", "session_key"


def put_two_sessions(store: Any, spool: Path) -> None:
    encoded = write_table("laps", table("laps", ROWS), IDENTITY_OF_SESSION, spool)
    data = encoded.file.read_bytes()
    for key in SESSIONS:
        store.upload_file(keys.table_copy("laps", 2024, key), encoded.file, hashlib.sha256(data).hexdigest())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from publish.stores.folder import FileStore

    root = tmp_path_factory.mktemp("defaults")
    put_two_sessions(FileStore(root / "site"), root / "spool")
    return root / "site/v1/parquet/laps"


def of_arrow(found: pa.Table) -> tuple[int, str, str]:
    return found.num_rows, str(found.schema.field(YEAR).type), str(found.schema.field(KEY).type)


def of_pandas(found: pd.DataFrame) -> tuple[int, str, str]:
    return len(found), str(found[YEAR].dtype), str(found[KEY].dtype)


def of_polars(found: pl.LazyFrame) -> tuple[int, str, str]:
    rows = found.collect()
    return rows.height, str(rows.schema[YEAR]).lower(), str(rows.schema[KEY]).lower()


def of_duckdb(found: duckdb.DuckDBPyRelation) -> tuple[int, str, str]:
    kinds = {"SMALLINT": "int16", "INTEGER": "int32"}
    types = dict(zip(found.columns, found.types, strict=True))
    return len(found.fetchall()), kinds[str(types[YEAR])], kinds[str(types[KEY])]


WAYS: dict[str, Callable[[str], tuple[int, str, str]]] = {
    "pandas": lambda folder: of_pandas(pd.read_parquet(folder)),
    "pyarrow": lambda folder: of_arrow(pq.read_table(folder)),
    "pyarrow dataset": lambda folder: of_arrow(ds.dataset(folder).to_table()),
    "pyarrow hive": lambda folder: of_arrow(ds.dataset(folder, partitioning="hive").to_table()),
    "polars folder": lambda folder: of_polars(pl.scan_parquet(folder)),
    "polars glob": lambda folder: of_polars(pl.scan_parquet(f"{folder}/**/*.parquet")),
    "polars hive": lambda folder: of_polars(pl.scan_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)),
    "polars no hive": lambda folder: of_polars(pl.scan_parquet(f"{folder}/**/*.parquet", hive_partitioning=False)),
    "duckdb": lambda folder: of_duckdb(duckdb.sql(f"FROM '{folder}/**/*.parquet'")),
    "duckdb hive": lambda folder: of_duckdb(
        duckdb.sql(f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)")
    ),
    "duckdb no hive": lambda folder: of_duckdb(
        duckdb.sql(f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = false)")
    ),
}
EXPECTED = (ROWS * len(SESSIONS), "int16", "int32")


@pytest.mark.parametrize("way", WAYS)
def test_defaults_on_disk(folder: Path, way: str) -> None:
    assert WAYS[way](str(folder)) == EXPECTED


def test_defaults_in_a_bucket(moto_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")  # Polars: the bucket here has no TLS
    put_two_sessions(moto_store, tmp_path)
    where = f"{moto_store.bucket}/{moto_store.prefix}v1/parquet/laps"
    files = s3fs.S3FileSystem()
    assert of_arrow(pq.read_table(where, filesystem=files)) == EXPECTED
    assert of_arrow(ds.dataset(where, filesystem=files, partitioning="hive").to_table()) == EXPECTED
    assert of_pandas(pd.read_parquet(f"s3://{where}")) == EXPECTED
    assert of_polars(pl.scan_parquet(f"s3://{where}/**/*.parquet")) == EXPECTED
    assert of_polars(pl.scan_parquet(f"s3://{where}/**/*.parquet", hive_partitioning=True)) == EXPECTED
    with duckdb.connect() as database:
        database.register_filesystem(files)
        for hive in ("true", "false"):
            query = f"FROM read_parquet('s3://{where}/*/*.parquet', hive_partitioning = {hive})"
            assert of_duckdb(database.sql(query)) == EXPECTED
