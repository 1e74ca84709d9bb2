"""A race whose texts are meant to do harm, through everything: documents, rows, tables, pages, Prefect's artifacts."""

import gzip
import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars
import pyarrow.parquet as pq
import pytest
from browser import Page, browser, needs_chromium
from prefect_servers import PATIENCE_S
from sample_sessions import located_sample

from flows.sample import SAMPLE_YEAR
from flows.session.flow import publish_session
from flows.session.reports import PublishReport
from flows.upstream.http_cache import read_bodies, write_bodies
from flows.upstream.services import LIVE_TIMING
from flows.upstream.topics import STREAMS
from publish.contract.verify import verify_store
from publish.server import make_server
from publish.stores.choose import open_store
from transforms.declare import NAME_LENGTH, SENTENCE_LENGTH
from transforms.texts import DAMAGED

SCHEDULE = f"https://raw.githubusercontent.com/theOehrly/f1schedule/master/schedule_{SAMPLE_YEAR}.json"
MARKUP = "<img src=x onerror=\"top.hacked='yes'\">"
EVENT = f"{MARKUP}[x](javascript:top.hacked=1) Grand Prix"
TEAM = '=HYPERLINK("http://evil.example")'
TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
TURNED, MEGABYTE = "\u202eGNP.exe", "A" * 1_000_000
LAST_NAMES = (MARKUP, TURNED, MEGABYTE, "\ud800", "\u0000zero", "@SUM(1)", "\u05e9\u05dc\u05d5\u05dd", "-1+1")


def change_stream(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A live timing stream with every document changed."""
    lines = []
    for line in body.decode("utf-8-sig").splitlines():
        document = json.loads(line[12:])
        change(document)
        lines.append(line[:12] + json.dumps(document) + "\r\n")
    return ("\ufeff" + "".join(lines)).encode()


def spoil_drivers(drivers: dict[str, Any]) -> None:
    for index, driver in enumerate(drivers.values()):
        driver["TeamName"] = TEAM if index % 2 else MARKUP
        driver["TeamColour"] = "<script>" if index == 0 else driver["TeamColour"]
        driver["LastName"] = LAST_NAMES[index % len(LAST_NAMES)]
        driver["FirstName"] = f"[{index}](javascript:alert)"


def spoil_messages(messages: dict[str, Any]) -> None:
    found = messages["Messages"]
    for entry in found if isinstance(found, list) else found.values():
        entry["Message"] += f" {MARKUP} \u0019 {MEGABYTE if 'CHEQUERED' in entry['Message'] else TEAM}"


def spoil(cache_dir: Path) -> None:
    """Put the race's texts into the cache as somebody might who wants to see what happens."""
    before = f"{LIVE_TIMING}{located_sample(cache_dir, 1, 'R').located_path}"
    streams = read_bodies(cache_dir, [SCHEDULE, *(before + name for name in STREAMS.values())])
    assert len(streams) == len(STREAMS) + 1
    schedule = json.loads(streams.pop(SCHEDULE))
    schedule["event_name"]["0"] = EVENT
    schedule["country"]["0"] = MEGABYTE
    write_bodies(cache_dir, {SCHEDULE: json.dumps(schedule).encode()}, expired=False)
    # FastF1 makes the upstream's path from the name.
    after = f"{LIVE_TIMING}{located_sample(cache_dir, 1, 'R').located_path}"
    spoiled = {"DriverList.jsonStream": spoil_drivers, "RaceControlMessages.jsonStream": spoil_messages}
    for url, body in streams.items():
        change = spoiled.get(url.removeprefix(before))
        changed = change_stream(body, change) if change else body
        write_bodies(cache_dir, {url.replace(before, after): changed}, expired=False)


@pytest.fixture
def hostile(
    sample_site: Path, sample_cache: Path, prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, PublishReport, str]:
    """Return the site, the report and the id of the flow run."""
    cache = tmp_path / "cache"
    shutil.copytree(sample_cache, cache)
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(cache))
    spoil(cache)
    state = publish_session(SAMPLE_YEAR, 1, "R", return_state=True)
    report = state.result()
    assert isinstance(report, PublishReport)
    return sample_site, report, str(state.state_details.flow_run_id)


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def read(path: Path) -> Any:
    return json.loads(unpacked(path))


def texts_of(data: bytes) -> set[str]:
    """Every text in a JSON document: to walk through the numbers of the rows would take half a minute."""
    return {json.loads(text) for text in set(TEXT.findall(data))}


@needs_chromium
def test_nothing_of_it_does_any_harm(
    hostile: tuple[Path, PublishReport, str], prefect_server: str, tmp_path: Path
) -> None:
    """Texts of a megabyte go through a whole publication and every page: 20 s and more."""
    site, report, flow_run_id = hostile
    revision = site / f"v1/sessions/{report.session_key}/{report.revision}"
    check_documents(site, revision)
    check_tables(revision)
    assert verify_store(open_store(site.as_uri()), deep=True).is_good
    check_artifacts(prefect_server, flow_run_id)
    store = open_store(site.as_uri())
    with make_server(store) as server, browser(tmp_path / "profile") as page:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        check_pages(page, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


def check_documents(site: Path, revision: Path) -> None:
    documents = [path for path in site.rglob("*.json*") if path.is_file() and "schemas" not in path.parts]
    for path in documents:
        for text in texts_of(unpacked(path)):
            assert len(text) <= SENTENCE_LENGTH, path
            assert not any(ord(letter) < 0x20 or 0x202A <= ord(letter) <= 0x202E for letter in text), (path, text)
    manifest = read(revision / "manifest.json")
    assert manifest["event"]["name"] == EVENT
    names = {driver["last_name"] for driver in manifest["drivers"]}
    assert names == {
        MARKUP,
        "\ufffdGNP.exe",
        f"{MEGABYTE[: NAME_LENGTH - 1]}…",
        "\ufffd",
        "\ufffdzero",
        *LAST_NAMES[5:],
    }
    assert sum(driver["color"] is None for driver in manifest["drivers"]) == 1
    quality = read(revision / "quality.json.gz")
    found = {row["kind"]: row["cause"] for row in quality["rows"]}
    assert {DAMAGED, "text_shortened", "color_unknown"} <= found.keys()
    assert any("characters that are none" in reason for reason in quality["reasons"])
    rows = read(revision / "rows/skip_10.json.gz")
    assert rows["driver_colors"].keys() == {driver["code"] for driver in manifest["drivers"]}


def check_tables(revision: Path) -> None:
    """Arrow, DuckDB and Polars read what the documents say."""
    said = [row["message"] for row in read(revision / "messages.json.gz")["rows"]]
    path = str(revision / "parquet/race_control_messages.parquet")
    assert pq.read_table(path)["message"].to_pylist() == said
    assert polars.read_parquet(path)["message"].to_list() == said
    with duckdb.connect() as connection:
        assert [row[0] for row in connection.execute("select message from read_parquet(?)", [path]).fetchall()] == said
        laps = str(revision / "parquet/laps.parquet")
        teams = connection.execute("select distinct team, event from read_parquet(?)", [laps]).fetchall()
    assert {team for team, _ in teams} <= {TEAM, MARKUP} and {event for _, event in teams} == {EVENT}


def check_artifacts(prefect_server: str, flow_run_id: str) -> None:
    """Of what Prefect shows as Markdown nothing is markup."""
    wanted = {"artifacts": {"key": {"any_": [f"progress-{SAMPLE_YEAR}-1-r"]}, "flow_run_id": {"any_": [flow_run_id]}}}
    found = httpx.post(f"{prefect_server}/artifacts/filter", json=wanted, timeout=PATIENCE_S).raise_for_status().json()
    assert found and all("<" not in one["description"].replace("<\u2060", "") for one in found)


def check_pages(page: Page, base: str) -> None:
    for address, shown in (("index.html", "Grand Prix"), ("status.html", "Grand Prix")):
        page.forget(base)
        page.open(base + address)
        page.see(shown)
        assert page.evaluate(
            "top.hacked === undefined && !document.querySelector('img[src=x], body script:not([src])')"
        )
        assert not page.complaints, page.complaints
    page.forget(base)
    page.open(base + "index.html")
    page.see(EVENT)
