"""Every document the product writes fits its published JSON Schema, and the schemas notice what is wrong."""

import copy
import html
import json
import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from frames_reader import read_json_gz
from jsonschema import Draft202012Validator
from session_data import CIRCUIT, IDENTITY_OF_SESSION, frames, session_data, with_gap

from publish.contract.columns import column_dictionary
from publish.contract.dictionary import schema_documents
from publish.contract.page import dictionary_page
from publish.contract.schemas import DOCUMENTS
from publish.encode.session import encode_session
from publish.encode.verdict import Agreement, Findings, Verdict
from publish.licence import UNOFFICIAL
from publish.live.health import Check, Health
from publish.live.runs import EndedEntry, PlannedEntry, RunningEntry, Runs
from publish.live.status import Status
from publish.revisions.diff import ResultChange
from publish.revisions.latest import Changes, Summary, step_back, succeed
from publish.season.document import Event, IndexedSession, Published, ScheduledSession, season_document
from publish.season.index import RootIndex, SeasonLink
from publish.structs import encode_document
from transforms.columns import OF_THE_SEASON, TABLES
from transforms.frames import CHANNELS

ME = IDENTITY_OF_SESSION
NOW = datetime(2024, 3, 3, 12, tzinfo=UTC)
SCHEMAS = {
    key.split("/")[-1].removesuffix(".json"): json.loads(text)
    for key, text in schema_documents().items()
    if key.endswith(".json") and not key.endswith("_vectors.json")
}
VERDICT = Verdict("Fine.", Agreement(10, 9), None, {"x_m": 0.9, "speed_kmh": 1.0}, Findings(0, 1, 2))
NAMES = {"frames": "frames", "overview": "frames"}


def problems(name: str, document: object) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(SCHEMAS[name]).iter_errors(document)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    source = frames(1600, cars=3)
    for number, gap in zip(list(source.cars), ((0, 1600), (100, 1550), (1500, 1600)), strict=True):
        source.cars[number] = with_gap(source.cars[number], *gap)
    source.leader_lap[:50] = -1
    data = session_data(source=source)
    made_with = {"parcferme": "0.1.0", "fastf1": "3.9.0", "contract": "1"}
    return encode_session(ME, CIRCUIT, data, tmp_path_factory.mktemp("spool"), made_with=made_with)


def test_there_is_a_schema_for_every_document():
    names = "index season latest manifest samples frames track laps results messages weather quality status health"
    others = "runs rows mini_sectors catalog circuits changes plan files standings site dictionary columns"
    assert set(SCHEMAS) == {*names.split(), *others.split()}
    assert all(key == f"v1/schemas/{key.split('/')[-1]}" for key in schema_documents())
    assert schema_documents() == schema_documents()


def test_the_page_on_quality_names_every_grade_and_stands_beside_the_schemas():
    page = schema_documents()["v1/schemas/quality.md"].decode()
    assert all(f"| {grade} |" in page for grade in "ABCDF")


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name != "columns"])
def test_schemas_are_valid_and_have_a_relative_id(name):
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"{name}.json"


def test_everything_encoded_fits(made):
    assert problems("manifest", json.loads(made.manifest)) == []
    checked = set()
    for entry in made.objects:
        if entry.kind != "table":
            name = NAMES.get(entry.kind, entry.kind)
            assert problems(name, read_json_gz(entry.file)) == [], entry.path
            checked.add(name)
    tables = {"laps", "results", "messages", "weather", "mini_sectors"}
    assert checked == {"samples", "frames", "rows", "track", "quality", *tables}


def latest():
    summary = Summary("A", {"drs": True}, "1" * 64, "2" * 64)
    first = succeed(
        None,
        ME,
        "a" * 16,
        summary,
        now=NOW,
        forced=False,
        changes=Changes(("laps.json.gz",), (ResultChange("44", "position", 1, None),)),
    )
    second = succeed(first, ME, "b" * 16, summary, now=NOW, forced=True, changes=Changes(("frames/25/",)))
    return step_back(second, "a" * 16, "A", {"drs": True}, VERDICT, now=NOW, changes=Changes())


def season():
    events = [
        Event(
            round_number,
            name,
            "Bahrain",
            "Sakhir",
            "2024-03-02",
            "conventional",
            testing,
            (ScheduledSession("R", "Race", NOW), ScheduledSession("Q", "Qualifying", None)),
        )
        for round_number, name, testing in ((1, ME.event, False), (0, "Pre-Season Testing", True))
    ]
    manifest = f"v1/sessions/9472/{'a' * 16}/manifest.json"
    session = IndexedSession("R", "R", None, "published", 9472, "a" * 16, manifest, "A", {"drs": True})
    return season_document(2024, events, None, [Published(ME.event, 1, session)], {}, NOW)


def status():
    return Status(
        type="error",
        state="Failed",
        progress=42,
        message="Encoding",
        flow_run_id="4f1c",
        flow_run_name="quick-fox",
        started_at=NOW,
        updated_at=NOW,
        error="It went wrong.",
    )


def index():
    links = {"schemas": {"laps": "v1/schemas/laps.json"}, "viewer": "viewer/index.html"}
    return RootIndex(1, (SeasonLink(2024, "v1/seasons/2024.json"),), links)


def health():
    return Health("degraded", NOW, NOW, (Check("store", "healthy", "None."),))


def runs():
    of = (2024, 1, "Bahrain Grand Prix", "R")
    run = (*of, "4f1c", "quick-fox", "https://prefect.example/4f1c", NOW, "v1/status/2024/1/R.json")
    ended = EndedEntry(*run, NOW, "published", "All done.", "A", "a" * 16)
    planned = PlannedEntry(*of, None, None, None, "recheck", NOW)
    return Runs(NOW, (RunningEntry(*run),), (ended,), (planned,))


SHARED = {
    "latest": latest,
    "season": season,
    "status": status,
    "index": index,
    "health": health,
    "runs": runs,
}


@pytest.mark.parametrize("name", SHARED)
def test_shared_documents_fit(name):
    document = json.loads(encode_document(SHARED[name]()))
    assert problems(name, document) == []
    for field in SCHEMAS[name]["required"]:
        broken = copy.deepcopy(document)
        del broken[field]
        assert problems(name, broken), field
    assert problems(name, {**document, "surprise": 1})


def broken_manifests(manifest: dict):
    yield {**manifest, "revision": "not a hash"}
    yield {**manifest, "grade": "Z"}
    yield {**manifest, "host": "machine"}
    yield {**manifest, "objects": [{**manifest["objects"][0], "sha256": "short"}]}
    yield {**manifest, "objects": [{**manifest["objects"][0], "path": "/absolute"}]}
    yield {**manifest, "objects": [{**manifest["objects"][0], "kind": "thing"}]}
    samples = manifest["chunks"]["samples"]
    yield {**manifest, "chunks": {"things": samples}}
    yield {**manifest, "chunks": {"samples": {**samples, "folder": "/absolute"}}}
    yield {**manifest, "chunks": {"samples": {**samples, "files": [[1, "a" * 64]]}}}
    yield {**manifest, "chunks": {"samples": {**samples, "files": [["a" * 32]]}}}
    yield {**manifest, "clock": {**manifest["clock"], "utc_origin": "yesterday"}}


def test_broken_manifests_are_noticed(made):
    for broken in broken_manifests(json.loads(made.manifest)):
        assert problems("manifest", broken)


def test_broken_chunks_are_noticed(made):
    chunk = read_json_gz(next(entry.file for entry in made.objects if entry.path == "frames/25/0000.json.gz"))
    car = next(iter(chunk["cars"]))
    for channel, value in (
        ("x", [1.5]),
        ("x", "none"),
        ("gear", [[0, "7"]]),
        ("gear", [[0, 7, 1]]),
        ("gear", []),
        ("state", [[0, "flying"]]),
        ("wings", [[0, 1]]),
    ):
        broken = copy.deepcopy(chunk)
        broken["cars"][car][channel] = value
        assert problems("frames", broken), (channel, value)


def test_broken_samples_are_noticed(made):
    minute = read_json_gz(next(entry.file for entry in made.objects if entry.path == "samples/0000.json.gz"))
    car = next(iter(minute["cars"]))
    for channel, value in (("x", [1.5]), ("gap", [0, 1]), ("gear", [[0, "7"]]), ("breaks", [-1]), ("wings", [1])):
        broken = copy.deepcopy(minute)
        broken["cars"][car][channel] = value
        assert problems("samples", broken), (channel, value)


def test_broken_rows_are_noticed(made):
    document = read_json_gz(next(entry.file for entry in made.objects if entry.path == "rows/skip_10.json.gz"))
    car = document["frames"][50]["drivers"]
    del next(iter(car.values()))["dist"]
    assert problems("rows", document)


def test_the_dictionary_has_every_column_and_channel():
    made = SCHEMAS["columns"]
    assert problems("dictionary", made) == []
    assert made == json.loads(encode_document(column_dictionary()))
    assert list(made["tables"]) == list(TABLES | OF_THE_SEASON)
    identity = ["year", "round", "event", "session", "session_key"]
    for name, table in (TABLES | OF_THE_SEASON).items():
        entries = made["tables"][name]["columns"]
        assert [c["name"] for c in entries] == [*([] if name in OF_THE_SEASON else identity), *table.names]
        assert all(c["description"] and c["type"] for c in entries) and made["tables"][name]["row"]
    assert set(made["channels"]) == {channel.name for channel in CHANNELS}
    start = next(c for c in made["tables"]["sessions"]["columns"] if c["name"] == "start_utc")
    assert start["type"] == "timestamp[ms, UTC]"


def test_the_dictionary_is_a_page_for_a_browser_that_runs_nothing() -> None:
    (page,) = dictionary_page().values()
    text = page.decode()
    ElementTree.fromstring(re.sub(r"<((?:meta|link)[^>]*)>", r"<\1/>", text.removeprefix("<!doctype html>\n")))
    for name, table in (TABLES | OF_THE_SEASON).items():
        section = text.partition(f'<section id="{name}">')[2].partition("</section>")[0]
        rows = re.findall("<tr><td><code>([^<]+)</code></td>", section)
        assert rows == table.names, name
        assert "Formula 1 live timing" in section
    assert "a gap of the source: it sent nothing or zeros" in text and html.escape(UNOFFICIAL) in text
    linked = set(re.findall('<a [^>]*href="([^"#]+)"', text))
    pages = {"index.html", "data.html"}
    assert {f"v1/schemas/{name}.json" for name in DOCUMENTS} < linked <= schema_documents().keys() | pages
    assert not re.search("src=|<script|<style", text)
