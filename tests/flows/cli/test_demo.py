"""The main job as a newcomer runs it: ``parcferme demo``, once, twice, and what stands in the folder afterwards.

The first test takes over 20 s: the demo computes all ten sessions of the sample season, once in a run of all tests.
"""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from flows.sample import MEETINGS, SAMPLE_YEAR
from publish.encode.manifest import Manifest
from publish.structs import decode_document

RECORDED = {(meeting.round, code) for meeting in MEETINGS for code in meeting.recorded}


def sessions(site: Path) -> list[tuple[int, dict]]:
    season = json.loads((site / f"v1/seasons/{SAMPLE_YEAR}.json").read_bytes())
    return [(event["round"], session) for event in season["events"] for session in event["sessions"]]


def test_it_prints_one_table_and_the_next_steps(demo) -> None:
    rows = [line for line in demo.output.splitlines() if re.match(rf"{SAMPLE_YEAR}/\d .* GP \w+ +published ", line)]
    assert len(rows) == len(RECORDED)
    assert re.search(r"^session +state +grade +frames +bytes +seconds$", demo.output, re.MULTILINE)
    assert "make serve" in demo.output and "parcferme publish 2024 1 R" in demo.output


def test_every_session_of_the_schedule_has_its_state(demo) -> None:
    states = {(number, session["code"]): session["state"] for number, session in sessions(demo.site)}
    assert {key for key, state in states.items() if state == "published"} == RECORDED
    # One has been asked for in vain, the others by nobody.
    assert {key for key, state in states.items() if state == "no_data"} == {(3, "FP1")}
    assert {state for key, state in states.items() if key not in {*RECORDED, (3, "FP1")}} == {"unpublished"}


def test_every_document_fits_its_schema(demo) -> None:
    schemas = {
        path.stem: Draft202012Validator(json.loads(path.read_bytes()))
        for path in (demo.site / "v1/schemas").glob("*.json")
    }
    # The reference implementation takes its time: one race, and of its long documents the first.
    (folder,) = (
        Path(session["manifest"]).parent.name
        for number, session in sessions(demo.site)
        if (number, session["code"]) == (1, "R")
    )
    checked = set()
    for path in demo.site.rglob("*.json*"):
        other = "sessions" in path.parts and path.name != "latest.json" and folder not in path.parts
        long = ("frames" in path.parts and path.name != "0000.json.gz") or re.match(r"skip_\d\.", path.name)
        # What is in telemetry/ are the rows, once more.
        if {"schemas", "telemetry", "reader"} & set(path.parts) or path.name in ("check.json", "overview.json.gz"):
            continue
        if other or long:
            continue
        data = path.read_bytes()
        document = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
        name = "rows" if path.name.startswith("skip_") else document["schema"].split("/")[1]
        problems = [f"{e.json_path}: {e.message}" for e in schemas[name].iter_errors(document)]
        assert not problems, (path, problems[:3])
        checked.add(name)
    assert checked >= {"index", "season", "latest", "manifest", "frames", "track", "laps", "results", "rows", "status"}


def test_every_object_of_every_manifest_is_there_with_its_bytes(demo) -> None:
    for _, session in sessions(demo.site):
        if session["state"] != "published":
            continue
        manifest_path = demo.site / session["manifest"]
        manifest = decode_document(manifest_path.read_bytes(), Manifest, "it")
        assert manifest.session_key == session["session_key"]
        for item in manifest.objects:
            data = (manifest_path.parent / item.path).read_bytes()
            assert len(data) == item.bytes and item.has_hash(hashlib.sha256(data).hexdigest())


def test_nothing_of_this_machine_is_published(demo) -> None:
    folder = str(demo.folder).encode()
    for path in demo.site.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert folder not in (gzip.decompress(data) if path.suffix == ".gz" else data), path


def test_again_finds_everything_up_to_date(demo) -> None:
    def stamps() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in demo.site.rglob("*") if p.is_file() and "status" not in p.parts}

    before = stamps()
    ended = demo.run("demo")
    assert ended.returncode == 0, ended.stderr
    assert "up to date" in ended.stdout and ended.stdout.count("up to date") >= len(RECORDED)
    after = stamps()
    assert {
        p
        for p in after
        if after[p] != before.get(p) and p.name not in (".lock", "check.json", "health.json", "runs.json")
    } == set()


@pytest.mark.parametrize("path", ["", "index.json", f"v1/seasons/{SAMPLE_YEAR}.json"])
def test_serve_sends_what_s3_would(demo, path: str) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve", "--port", "0"],
        cwd=demo.folder,
        env={**os.environ, **demo.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert url, line
        with urllib.request.urlopen(url[0] + path, timeout=10) as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
    finally:
        server.terminate()
        server.wait(10)


def test_inspect_prints_the_published_verdict(demo) -> None:
    environment = {"PARCFERME_CACHE_DIR": str(demo.folder / ".parcferme/sample-cache"), "PARCFERME_OFFLINE": "1"}
    ended = demo.run("inspect", str(SAMPLE_YEAR), "1", "R", PARCFERME_NOW="2099-12-31T00:00:00+00:00", **environment)
    assert ended.returncode == 0, ended.stderr
    assert "as published" in ended.stdout and "146 of 146 line crossings agree" in ended.stdout
    assert "upstream_warning" in ended.stdout and "lap_chart" not in ended.stdout
