"""What analysts type without reading a page: every tool's defaults give the same rows and types."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
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
from fsspec.implementations.http import HTTPFileSystem
from nginx_server import needs_nginx, running
from node_tools import install_tools
from older_duckdb import run_in_duckdb
from session_data import IDENTITY_OF_SESSION, table

from publish import keys
from publish.encode.parquet import write_table

ROWS = 12
SESSIONS = (9472, 9480)
EXPECTED = (ROWS * len(SESSIONS), "int16", "int32")
HIVE = ("", ", hive_partitioning = true", ", hive_partitioning = false")
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
    types = dict(zip(found.columns, found.types, strict=True))
    return len(found.fetchall()), _KINDS[str(types[YEAR])], _KINDS[str(types[KEY])]


_KINDS = {"SMALLINT": "int16", "INTEGER": "int32"}


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


@pytest.mark.parametrize("way", WAYS)
def test_defaults_on_disk(folder: Path, way: str) -> None:
    assert WAYS[way](str(folder)) == EXPECTED


#: Prints rows and types of what each query finds.
_FACTS = """
import json
found = []
for query in json.loads({queries!r}):
    rows = sql.sql(query)
    types = dict(zip(rows.columns, map(str, rows.types)))
    found.append((len(rows.fetchall()), types["year"], types["session_key"]))
print(json.dumps(found))
"""


def with_duckdb_1_4(*sources: str, before: str = "") -> set[tuple[int, str, str]]:
    """What DuckDB 1.4 finds in each source, with hive partitioning as by default, on and off."""
    queries = json.dumps([f"FROM read_parquet({source}{hive})" for source in sources for hive in HIVE])
    found = json.loads(run_in_duckdb(before + _FACTS.format(queries=queries), "httpfs"))
    return {(rows, _KINDS[year], _KINDS[key]) for rows, year, key in found}


@pytest.fixture(scope="module")
def urls(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Both files behind nginx: it lists no folder, so over HTTP every file is named, as the list of files does."""
    work = tmp_path_factory.mktemp("nginx") / "run"
    with running(work, "folder.conf.template", FOLDER=str(folder.parents[2])) as nginx:
        yield [f"{nginx.url}/{keys.table_copy('laps', 2024, key)}" for key in SESSIONS]


@needs_nginx
def test_defaults_over_http(urls: list[str]) -> None:
    files, one = HTTPFileSystem(), (ROWS, "int16", "int32")
    assert of_pandas(pd.read_parquet(urls[0])) == one
    assert of_arrow(pq.read_table(urls, filesystem=files)) == EXPECTED
    for partitioning in (None, "hive"):
        assert of_arrow(ds.dataset(urls, filesystem=files, partitioning=partitioning).to_table()) == EXPECTED
    for hive in (None, True, False):
        assert of_polars(pl.scan_parquet(urls, **({} if hive is None else {"hive_partitioning": hive}))) == EXPECTED
    with duckdb.connect() as database:
        database.register_filesystem(_Dated())
        for hive in HIVE:
            assert of_duckdb(database.sql(f"FROM read_parquet({urls}{hive})")) == EXPECTED


class _Dated(HTTPFileSystem):
    """Lets the newest DuckDB read over HTTP without its extension, of which there is no package yet."""

    def modified(self, path: str) -> datetime:
        return datetime(2024, 3, 2, tzinfo=UTC)


@needs_nginx
def test_defaults_of_duckdb_1_4_on_disk_and_over_http(folder: Path, urls: list[str]) -> None:
    assert with_duckdb_1_4(f"'{folder}/**/*.parquet'", f"{urls}") == {EXPECTED}


@needs_nginx
def test_hyparquet_in_node_over_http(urls: list[str]) -> None:
    program = """
    import { asyncBufferFromUrl, parquetReadObjects } from "hyparquet";
    import { compressors } from "hyparquet-compressors";
    const files = JSON.parse(process.argv[2]).map(async (url) =>
      parquetReadObjects({ file: await asyncBufferFromUrl({ url }), compressors }));
    const rows = (await Promise.all(files)).flat();
    const kinds = new Set(rows.flatMap((row) => [typeof row.year, typeof row.session_key]));
    console.log(JSON.stringify([rows.length, [...kinds]]));
    """
    script = install_tools() / "read_defaults.mjs"
    script.write_text(program)
    ran = subprocess.run(["node", script, json.dumps(urls)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [EXPECTED[0], ["number"]]


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
    secret = (
        "CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', USE_SSL false, URL_STYLE 'path', "
        f"ENDPOINT '{os.environ['AWS_ENDPOINT_URL'].removeprefix('http://')}')"
    )
    assert with_duckdb_1_4(f"'s3://{where}/**/*.parquet'", before=f"sql.execute({secret!r})") == {EXPECTED}
