"""The page that writes queries, as a reader has it: what it shows is copied, pasted and run."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import Page, needs_chromium
from node_tools import install_tools
from older_duckdb import run_in_duckdb
from viewer_browser import serving

from publish.contract.dictionary import schema_documents
from publish.publication import publish_revision, publish_site
from publish.season.catalog import update_catalog
from publish.site.files import site_files
from publish.stores.folder import FileStore

pytestmark = needs_chromium

SHOWN = """
(() => ({ about: document.getElementById("about").innerText, file: document.getElementById("file").innerText,
  of: [...document.querySelectorAll("#scope option")].map((option) => option.innerText),
  described: document.getElementById("described").innerText,
  wide: document.documentElement.scrollWidth > innerWidth,
  snippets: Object.fromEntries([...document.querySelectorAll(".snippet")].map((one) =>
    [one.querySelector("h2").innerText, one.querySelector("code").innerText])) }))()
"""


@pytest.fixture
def data_site(tmp_path: Path, publishing: SimpleNamespace) -> Iterator[SimpleNamespace]:
    store = FileStore(tmp_path / "site")
    publish_site(store, schema_documents() | site_files())
    with serving(store) as base:
        update_catalog(store, base)
        publish_revision(
            store, publishing.revision(), publishing.identity(), summary=publishing.summary, now=publishing.now
        )
        yield SimpleNamespace(store=store, base=base)


def shown(page: Page, site: SimpleNamespace, asked: str) -> Any:
    page.forget(site.base)
    page.open(f"{site.base}data.html#{asked}")
    page.wait_for("document.body.dataset.ready || document.getElementById('problem')?.hidden === false", "the page")
    return page.evaluate(SHOWN)


def test_what_it_shows_runs(page: Page, data_site: SimpleNamespace) -> None:
    for of, path in {"9472": "laps/2024/9472", "season": "season/laps/2024", "all": "all/laps"}.items():
        seen = shown(page, data_site, f"year=2024&table=laps&of={of}")
        assert seen["file"] == f"{data_site.base}v1/parquet/{path}.parquet"
        first = {"9472": "", "season": "session_key, ", "all": "year, session_key, "}[of]
        assert seen["about"] == f"laps: a row is a lap of a car. Sorted by {first}car, lap."
        assert "datapackage.json" in seen["described"]
        assert seen["of"] == ["Bahrain Grand Prix, Race", "All of 2024", "All seasons"]
        snippets = seen["snippets"]
        for tool in ("Polars", "pandas"):
            known: dict[str, Any] = {}
            exec(snippets[tool], known)
            assert list(known["laps"]["car"]) == ["one"]
        statements = f"for one in {snippets['DuckDB']!r}.split(';')[:-1]: sql.execute(one)"
        assert "'one'" in run_in_duckdb(f"{statements}\nprint(sql.fetchall())", "httpfs")
        selected = snippets["R, duckdb"].partition('dbGetQuery(connection, "')[2].removesuffix('")')
        assert selected == f"SELECT * FROM '{seen['file']}'" and selected in snippets["JavaScript, DuckDB-WASM"]
        assert ("Spreadsheet" in snippets) == (of != "all"), "laps of all seasons are too many"
        if "Spreadsheet" in snippets:
            assert snippets["Spreadsheet"] == f'=IMPORTDATA("{data_site.base}v1/csv/{path}.csv.gz")'
            assert f'url("{data_site.base}v1/csv/{path}.csv.gz")' in snippets["R"]
            assert data_site.store.head(f"v1/csv/{path}.csv.gz")


def test_hyparquet_reads_it_in_node(page: Page, data_site: SimpleNamespace) -> None:
    tools = install_tools()
    program = shown(page, data_site, "year=2024&table=laps&of=season")["snippets"]["JavaScript, hyparquet"]
    asked = "\nconsole.log(JSON.stringify(laps.map(({ car, session_key }) => [car, session_key])));"
    script = tools / "read_laps.mjs"
    script.write_text(program + asked)
    ran = subprocess.run(["node", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [["one", 9472]]


def test_big_tables_the_season_s_own_and_what_is_not_there(page: Page, data_site: SimpleNamespace) -> None:
    seen = shown(page, data_site, "year=2024&table=telemetry&of=9472")
    assert seen["snippets"]["DuckDB"].endswith("SELECT * FROM f1.telemetry(2024, 9472);")
    assert seen["of"] == ["Bahrain Grand Prix, Race"] and "Spreadsheet" not in seen["snippets"]
    seen = shown(page, data_site, "year=2024&table=standings")
    assert seen["of"] == ["All of 2024"] and seen["file"].endswith("v1/parquet/season/standings/2024.parquet")
    page.resize(390, 844, is_phone=True)
    seen = shown(page, data_site, "year=1950&table=nothing")
    assert seen["about"].startswith("laps: ") and not seen["wide"]
    page.resize(1280, 800)


def test_the_dictionary_is_a_page_like_the_others(page: Page, data_site: SimpleNamespace) -> None:
    page.forget(data_site.base)
    page.open(f"{data_site.base}schemas.html#standings")
    page.wait_for("document.readyState === 'complete' && !!document.querySelector('.contents')", "the page")
    look = """(() => ({ styled: getComputedStyle(document.querySelector(".grid")).borderRadius,
      links: [...document.querySelectorAll("header a")].map((one) => one.getAttribute("href")),
      missing: [...document.querySelectorAll(".contents a")].filter((a) => !document.querySelector(a.hash)).length,
    }))()"""
    assert page.evaluate(look) == {"styled": "8px", "links": ["index.html", "data.html", "index.html"], "missing": 0}
