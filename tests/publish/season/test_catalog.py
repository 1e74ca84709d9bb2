"""The catalog for DuckDB: every season table is a view of it, from any DuckDB, over HTTP, made without a network."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from memory_store import MemoryStore
from older_duckdb import run_in_duckdb
from viewer_browser import serving

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.encode import catalog as encoding
from publish.encode.catalog import catalog_database, catalog_sql
from publish.publication import publish_revision
from publish.season.catalog import Catalog, update_catalog
from publish.season.index import RootIndex
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.columns import OF_SEASONS, TABLES, published_schema
from transforms.declare import TEXT, Column

BASE = "https://f1.example.org/data"


pytestmark = pytest.mark.usefixtures("sessions_alone")


@pytest.fixture
def publish(publishing):
    def publish_one(store: Store, session_key: int = 9472, number: int = 1, **more) -> None:
        event = {1: "Bahrain Grand Prix", 2: "Saudi Arabian Grand Prix"}[number]
        identity = publishing.identity(session_key, number, event=event)
        encoded = publishing.revision(session_key=session_key, **more)
        publish_revision(store, encoded, identity, summary=publishing.summary, now=publishing.now)

    return publish_one


@pytest.fixture
def store(publishing) -> MemoryStore:
    return MemoryStore(lambda: publishing.now)


def test_every_table_is_a_view_or_a_macro_of_the_database(tmp_path: Path) -> None:
    seasons = dict.fromkeys(OF_SEASONS, (2023, 2024))
    (tmp_path / "catalog.duckdb").write_bytes(catalog_database(BASE, seasons))
    with duckdb.connect(config={"autoload_known_extensions": "false"}) as sql:
        sql.register_filesystem(encoding._Declared())
        sql.execute(f"ATTACH '{tmp_path / 'catalog.duckdb'}' AS f1 (READ_ONLY)")
        views = dict(sql.execute("SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'f1'").fetchall())
        assert views == {name: table.row for name, table in OF_SEASONS.items()}
        for name in views:
            described = sql.execute(f"DESCRIBE f1.{name}").fetchall()
            assert [row[0] for row in described] == published_schema(TABLES[name]).names
        macros = sql.execute("SELECT function_name, parameters FROM duckdb_functions() WHERE database_name = 'f1'")
        assert dict(macros.fetchall()) == {name: ["season", "session"] for name in set(TABLES) - set(OF_SEASONS)}


def test_the_statements_name_every_file_by_its_address() -> None:
    sql = catalog_sql(BASE, {"laps": (2023, 2024), "weather": (2023, 2024)})
    assert set(re.findall(r"'(https:[^']+parquet)'", sql)) == {
        f"{BASE}/v1/parquet/all/laps.parquet",
        f"{BASE}/v1/parquet/season/weather/2023.parquet",
        f"{BASE}/v1/parquet/season/weather/2024.parquet",
    }
    assert "VIEW results" not in sql and "https://o''neill.example/" in catalog_sql("https://o'neill.example", {})


def test_any_duckdb_attaches_it_where_it_is_published(file_store, publish) -> None:
    with serving(file_store) as base:
        update_catalog(file_store, base)
        publish(file_store)
        publish(file_store, 9480, 2)
        telemetry = pa.table({"car": ["1", "16"], "session_key": pa.array([9472] * 2, pa.int32())})
        out = io.BytesIO()
        pq.write_table(telemetry, out)
        file_store.write(keys.table_copy("telemetry", 2024, 9472), out.getvalue())
        answer = run_in_duckdb(
            f"""
import json
sql.execute("ATTACH '{base}v1/catalog.duckdb' AS f1 (READ_ONLY)")
ask = lambda query: sql.execute(query).fetchall()
print(json.dumps([
    duckdb.__version__,
    ask("SELECT session_key, car FROM f1.laps WHERE year = 2024 ORDER BY ALL"),
    ask("SELECT count(*) FROM f1.results"),
    ask("SELECT car FROM f1.telemetry(2024, 9472) ORDER BY ALL"),
]))
""",
            "httpfs",
        )
        assert json.loads(answer) == ["1.4.4", [[9472, "one"], [9480, "one"]], [[2]], [["1"], ["16"]]]
        sql = read_text(file_store, keys.CATALOG_SQL)
        script = f'sql.execute({sql!r})\nprint(sql.execute("SELECT count(*) FROM laps").fetchall())'
        assert run_in_duckdb(script, "httpfs").strip() == "[(2,)]"


def read_text(store: Store, key: str) -> str:
    stored = store.read(key)
    assert stored is not None
    return stored.data.decode()


def test_it_follows_the_tables_there_are_and_is_mended(store, publish, publishing) -> None:
    assert not update_catalog(store), "nobody knows where readers find the site"
    assert update_catalog(store, BASE) and not update_catalog(store, f"{BASE}/")
    publish(store, paths=("overview.json.gz", "parquet/laps.parquet"))
    assert read_document(store, keys.CATALOG, Catalog).seasons == {"laps": (2024,)}
    publish(store, 9480, 2)
    assert read_document(store, keys.CATALOG, Catalog).seasons == {"laps": (2024,), "results": (2024,)}
    root = read_document(store, keys.INDEX, RootIndex)
    assert root is not None and root.links["catalog_database"] == "v1/catalog.duckdb"
    assert (root.links["data_package"], root.links["croissant"]) == (keys.DATA_PACKAGE, keys.CROISSANT)
    assert verify_store(store).is_good
    for damage in (
        lambda: store.delete(keys.CATALOG_SQL),
        lambda: store.write(keys.CATALOG_DATABASE, b"torn"),
        lambda: store.delete(keys.DATA_PACKAGE),
        lambda: store.write(keys.CROISSANT, b"{}"),
        lambda: store.delete("v1/parquet/season/laps/2024.parquet"),
    ):
        damage()
        assert keys.CATALOG in {finding.key for finding in verify_store(store).findings}
        heal_store(store, publishing.now)
        assert verify_store(store).is_good
    assert update_catalog(store, "https://elsewhere.example")
    assert "https://elsewhere.example/v1/" in read_text(store, keys.CATALOG_SQL)
    assert "https://elsewhere.example/v1/" in read_text(store, keys.CROISSANT)


def test_a_declaration_that_changes_makes_all_of_it_anew(store, publish, monkeypatch) -> None:
    update_catalog(store, BASE)
    publish(store)
    before = read_document(store, keys.CATALOG, Catalog)
    assert before is not None and before.published_on == "2024-03-03" and not update_catalog(store)
    laps = TABLES["laps"]
    more = replace(laps, columns=(*laps.columns, Column("fuel_kg", TEXT, "kg", "Fuel left", "nobody says")))
    for tables in (TABLES, OF_SEASONS):
        monkeypatch.setitem(tables, "laps", more)
    assert update_catalog(store)
    after = read_document(store, keys.CATALOG, Catalog)
    assert after is not None
    assert all(before.hashes[key] != after.hashes[key] for key in (keys.DATA_PACKAGE, keys.CROISSANT))
    assert before.sql_sha256 == after.sql_sha256 and before.published_on == after.published_on


def test_without_duckdb_there_are_the_statements_alone(store, publish, monkeypatch, caplog) -> None:
    monkeypatch.setattr("publish.season.catalog.has_duckdb", lambda: False)
    update_catalog(store, BASE)
    publish(store)
    assert "pip install parcferme[catalog]" in caplog.text
    assert read_document(store, keys.CATALOG, Catalog).database_sha256 is None
    assert store.read(keys.CATALOG_DATABASE) is None and "VIEW laps" in read_text(store, keys.CATALOG_SQL)
    monkeypatch.undo()
    assert update_catalog(store) and store.read(keys.CATALOG_DATABASE) is not None
    assert verify_store(store).is_good
