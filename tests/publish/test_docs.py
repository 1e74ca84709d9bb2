"""The published pages: what they show works as written, and what they list is what there is."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import session_data as made
from frames_reader import decode_channel, read_json_gz
from fsspec.implementations.http import HTTPFileSystem
from installed_apart import run_apart
from older_duckdb import run_in_duckdb
from sample_vectors import FILE as VECTORS
from sample_vectors import assert_read
from viewer_browser import serving

from publish.contract.dictionary import schema_documents
from publish.encode.session import encode_session
from publish.publication import publish_revision, publish_site
from publish.revisions.latest import Summary
from publish.season.catalog import update_catalog
from publish.season.index import Event, ScheduledSession, update_season
from publish.stores.base import Store
from publish.stores.folder import FileStore
from transforms.columns import OF_ALL_SEASONS, OF_SEASONS, OF_THE_SEASON, TABLES
from transforms.session_types import SESSION_CODES

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
PAGES = {key.rpartition("/")[2]: text.decode() for key, text in schema_documents().items() if key.endswith(".md")}
SESSIONS = {9472: "Bahrain Grand Prix", 9480: "Saudi Arabian Grand Prix"}
DATASET_TOOLS = Path(__file__).parents[1] / "dataset_tools.txt"
TICKS = 4000  # 160 s: three chunks
#: Of the moment that the page on formats shows.
FIRST_GAP, MOMENT_MS = (1400, 1500), 61_000


def snippets(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def first_column(page: str, heading: str) -> list[str]:
    """What stands in backquotes in the first column of the first table below a heading."""
    table = PAGES[page].partition(f"\n{heading}")[2].partition("|---")[2].partition("\n\n")[0]
    return [name for line in table.splitlines()[1:] for name in re.findall("`([^`]+)`", line.split("|")[1])]


def publish_two_races(store: Store, spool: Path) -> None:
    frames = made.frames(TICKS)
    (second, *others) = list(frames.cars)[1:]
    frames.cars[second] = made.with_gap(frames.cars[second], *FIRST_GAP, "x_m", "y_m")
    frames.cars[others[0]] = made.with_gap(frames.cars[others[0]], 0, TICKS, "x_m", "y_m", "speed_kmh")
    data = made.session_data(source=frames)
    events = [
        Event(number, name, None, None, None, "conventional", False, (ScheduledSession("R", "Race", NOW),))
        for number, name in enumerate(SESSIONS.values(), 1)
    ]
    update_season(store, 2024, events, NOW)
    for number, (session_key, event) in enumerate(SESSIONS.items(), 1):
        identity = replace(made.IDENTITY_OF_SESSION, session_key=session_key, round=number, event=event)
        revision = encode_session(identity, made.CIRCUIT, data, spool / str(session_key), made_with={"parcferme": "0"})
        summary = Summary(data.grade, data.capabilities, "inputs", "code")
        publish_revision(store, revision, identity, summary=summary, now=NOW)
    publish_site(store, schema_documents())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("docs")
    store = FileStore(folder / "site")
    publish_two_races(store, folder / "spool")
    with serving(store) as base:
        update_catalog(store, base)
        yield SimpleNamespace(store=store, folder=store.root, base=base)


def expected_values(folder: Path) -> list[dict[str, Any]]:
    """Every channel of every car at the shown moment, from the first race's chunk."""
    manifest_file = (
        folder / json.loads((folder / "v1/seasons/2024.json").read_bytes())["events"][0]["sessions"][0]["manifest"]
    )
    manifest = json.loads(manifest_file.read_bytes())
    chunk = read_json_gz(manifest_file.parent / "frames/25/0001.json.gz")
    tick = (MOMENT_MS - chunk["start_ms"]) * 25 // 1000
    cars = []
    for driver in manifest["drivers"]:
        car: dict[str, Any] = {}
        for name, channel in manifest["frames"]["channels"].items():
            value = decode_channel(chunk, driver["number"], name, channel)[tick]
            scaled = channel["kind"] == "continuous" and value is not None
            car[name] = pytest.approx(value * channel["scale"]) if scaled else value
        cars.append(car)
    return cars


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (apt-get install nodejs)")
def test_the_way_to_a_car_is_as_the_page_shows(site: SimpleNamespace) -> None:
    snippet, _ = snippets("format.md", "js")
    assert f"moment = {MOMENT_MS:_};" in snippet
    asked = """
    const names = Object.keys(manifest.frames.channels);
    const stateOf = (car) => Object.fromEntries(names.map((name) => [name, valueAt(car, name, tick)]));
    const all = manifest.drivers.map(({ number }) => stateOf(number));
    console.log(JSON.stringify({ all, cars }));
    """
    program = snippet.replace("https://f1.example.org/", site.base) + asked
    ran = subprocess.run(
        ["node", "--input-type=module"], input=program, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    expected = expected_values(site.folder)
    assert answer["all"] == expected
    assert [car["code"] for car in answer["cars"]] == ["D01", "D11", "D16"]
    assert [car["x"] is None for car in answer["cars"]] == [False, False, True]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (apt-get install nodejs)")
def test_the_reader_of_samples_that_the_page_shows_reads_the_vectors() -> None:
    given = json.loads(schema_documents()["v1/schemas/samples_vectors.json"])
    _, snippet = snippets("format.md", "js")
    asked = """
    import { readFileSync } from "node:fs";
    const { samples, minute, expected } = JSON.parse(readFileSync(process.argv[2]));
    const valueAt = readerOf(minute, samples);
    const read = expected.map(({ time_ms: t, cars }) => Object.fromEntries(Object.entries(cars).map(([car, values]) =>
      [car, Object.fromEntries(Object.keys(values).map((name) => [name, valueAt(car, name, t)]))])));
    console.log(JSON.stringify(read));
    """
    ran = subprocess.run(
        ["node", "--input-type=module", "-", str(VECTORS)],
        input=snippet + asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert_read(json.loads(ran.stdout), given)
    (shown,) = (moment["cars"]["4"] for moment in given["expected"] if moment["time_ms"] == 61_560)
    assert f"({shown['x']:.2f}, {shown['y']:.2f})".replace("-", "−") in PAGES["format.md"]


class _Http(HTTPFileSystem):
    """Lets DuckDB read over HTTP without its extension, which comes from a network there may not be."""

    def modified(self, path: str) -> datetime:
        return NOW


def test_every_query_of_the_page_for_analysts_runs(
    site: SimpleNamespace, moto_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")  # Polars: the bucket here has no TLS
    publish_two_races(moto_store, tmp_path / "spool")
    bucket = f"{moto_store.bucket}/{moto_store.prefix}".rstrip("/")

    def here(snippet: str) -> str:
        for shown, meant in (
            ("https://f1.example.org/", site.base),
            ("/srv/site", str(site.folder)),
            ("example-f1", bucket),
        ):
            snippet = snippet.replace(shown, meant)
        return snippet

    known: dict[str, Any] = {}
    duckdb.register_filesystem(_Http())
    try:
        for snippet in snippets("analysts.md", "python"):
            exec(compile(here(snippet), "analysts.md", "exec"), known)
    finally:
        duckdb.unregister_filesystem("http")
    with duckdb.connect() as database:
        database.register_filesystem(_Http())
        (attached,) = (text for text in snippets("analysts.md", "text") if text.startswith("ATTACH"))
        program = f"for one in {here(attached)!r}.split(';')[:-1]: sql.execute(one)\nprint(len(sql.fetchall()) >= 0)"
        assert run_in_duckdb(program, "httpfs") == "True\n"
        for alone in set(snippets("analysts.md", "text")) - {attached}:
            assert database.execute(here(alone)).fetchall()
    (query,) = snippets("analysts.md", "sql")
    assert {row[0] for row in duckdb.sql(here(query)).fetchall()} == set(SESSIONS.values())

    rows = 12 * len(SESSIONS)
    assert set(known["laps"]["session_key"]) == set(SESSIONS)
    sizes = {name: len(known[name]) for name in ("laps", "stints", "speeds", "results", "weather")}
    assert sizes == dict.fromkeys(sizes, rows)
    assert [url.startswith(f"{site.base}v1/sessions/") for url in known["urls"]] == [True] * len(SESSIONS)
    assert set(known["fastest"]["session_key"]) == set(SESSIONS)
    assert sorted(known["counted"]) == [(key, 12) for key in SESSIONS]
    assert set(known["one_race"]["session_key"]) == {9472}
    assert len(known["grid"]) == 12 and list(known["grid"].columns) == list(known["one_race"].columns)
    assert len(known["laps_2024"]) == rows and known["wins"]["len"].sum() == len(SESSIONS)


#: Frictionless and mlcroissant, the reference tools of the two formats, hold what is published against them.
_CHECK_DESCRIPTIONS = """
import json, sys
from frictionless import Checklist
# What the session here is made of has nulls in every column.
checklist = Checklist(skip_errors=["type-error", "constraint-error"])
report = Package(sys.argv[1] + "v1/datapackage.json").validate(checklist, limit_rows=1)
issues = dataset.metadata.issues
print(json.dumps({
    "problems": report.flatten(["name", "type", "message"]) + sorted(issues.errors | issues.warnings),
    "resources": {one.name: one.path for one in resources},
    "unit": next(one.schema.get_field("q1_ms").custom["unit"] for one in resources if one.name == "results"),
    "lap_times": lap_times,
}))
"""


def test_both_descriptions_are_what_their_own_tools_want(site: SimpleNamespace, tmp_path: Path) -> None:
    (snippet,) = snippets("analysts.md", "py")
    program = snippet.replace("https://f1.example.org/", site.base) + _CHECK_DESCRIPTIONS
    answer = json.loads(run_apart(DATASET_TOOLS, program, site.base, CROISSANT_CACHE=str(tmp_path)))
    assert answer["problems"] == []
    tables = {*OF_SEASONS, *OF_THE_SEASON}
    names = {name if name in OF_ALL_SEASONS else f"{name}-2024" for name in tables}
    assert set(answer["resources"]) == names
    assert answer["resources"]["weather-2024"] == "parquet/season/weather/2024.parquet"
    assert answer["unit"] == "ms" and len(answer["lap_times"]) == 12 * len(SESSIONS)


def test_known_faults_are_of_kinds_that_are_explained(site: SimpleNamespace) -> None:
    kinds = set(re.findall(r"`([a-z_]+)`", PAGES["known_issues.md"].partition("|---")[2].partition("\n\n")[0]))
    assert kinds and kinds <= set(first_column("quality.md", "## The report"))
    (query,) = snippets("known_issues.md", "sql")
    duckdb.sql(query.replace("/srv/site", str(site.folder))).fetchall()


def test_pages_list_what_there_is() -> None:
    assert first_column("tables.md", "Every Parquet table") == list(TABLES | OF_THE_SEASON)
    schemas = {key.rpartition("/")[2].removesuffix(".json") for key in schema_documents() if key.endswith(".json")}
    documents = PAGES["format.md"].partition("\n## Documents")[2].partition("\n\nA **session**")[0]
    second = [line.split("|")[2] for line in documents.splitlines() if line.startswith("|")]
    named = {name for cell in second for name in re.findall("`([a-z_]+)`", cell)}
    assert named == schemas - {"columns", "samples_vectors"}
    assert all(f"`{code}`" in PAGES["format.md"] for code in SESSION_CODES)
