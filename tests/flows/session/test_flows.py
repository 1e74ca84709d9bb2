"""The two flows on the sample season, against a real Prefect server and a folder as destination."""

import re
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prefect_servers import PATIENCE_S

from flows.engine import progress
from flows.engine.progress import STAGES, listener
from flows.sample import SAMPLE_YEAR
from flows.season.backfill import backfill
from flows.session import run as session_run
from flows.session import steps as steps
from flows.session.flow import publish_session
from flows.session.run import Box
from flows.session_ref import SessionRef
from flows.upstream.client import Client
from publish.encode.manifest import Manifest
from publish.stores.choose import open_store
from publish.stores.shared_documents import read_document
from transforms.errors import InputError, NotReadyError, UpstreamError

pytestmark = pytest.mark.usefixtures("prefect_server")


def _document(site: Path, key: str) -> dict[str, Any]:
    document = read_document(open_store(site.as_uri()), key, dict)
    assert document is not None, key
    return document


def _indexed(site: Path, round_number: int, code: str) -> dict[str, Any]:
    season = _document(site, f"v1/seasons/{SAMPLE_YEAR}.json")
    event = next(e for e in season["events"] if e["round"] == round_number)
    return next(s for s in event["sessions"] if s["code"] == code)


def _files(site: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(site)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in site.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def _publication(site: Path) -> dict[str, tuple[int, int]]:
    """The files but for what tells of runs."""
    return {key: found for key, found in _files(site).items() if "status/" not in key and key != "v1/runs.json"}


def _fail_to_load(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: str) -> None:
    load = steps.load_recording

    def _load(client: Client, session: SessionRef) -> Any:
        if session.code == code:
            raise error
        return load(client, session)

    monkeypatch.setattr(steps, "load_recording", _load)


def test_a_session_is_published_and_then_left_alone(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, float, str]] = []
    token = listener.set(lambda label, percent, message: heard.append((label, percent, message)))
    try:
        first = publish_session(SAMPLE_YEAR, "1", "FP1")
    finally:
        listener.reset(token)

    assert first.state == "published"
    assert first.unchanged is False
    entry = _indexed(sample_site, 1, "FP1")
    assert (entry["state"], entry["revision"], entry["grade"]) == ("published", first.revision, first.grade)
    manifest = _document(sample_site, entry["manifest"])
    assert first.bytes == sum(item.bytes for item in msgspec.convert(manifest, Manifest).objects)
    assert first.frames == manifest["clock"]["duration_ms"] // 40
    status = _document(sample_site, f"v1/status/{SAMPLE_YEAR}/1/FP1.json")
    assert (status["type"], status["progress"], status["error"]) == ("complete", 100, None)
    assert _document(sample_site, "v1/schemas/manifest.json")

    percents = [percent for _, percent, _ in heard]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0.0, 100.0)

    before = _files(sample_site)
    monkeypatch.setattr(steps, "load_recording", lambda *_: pytest.fail("loaded although nothing changed"))
    second = publish_session(SAMPLE_YEAR, 1, "FP1")
    assert second.unchanged is True
    assert (second.revision, second.grade, second.frames, second.bytes) == (
        first.revision,
        first.grade,
        first.frames,
        first.bytes,
    )
    assert _files(sample_site) == before


def test_a_load_says_how_much_has_come(
    sample_site: Path, sample_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(sample_cache, cache, ignore=shutil.ignore_patterns("*.ff1pkl"))
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(cache))
    monkeypatch.setattr(progress.ListenerSink, "interval_s", 0.0)
    monkeypatch.setattr(session_run, "_LOOK_S", 0.02)
    heard: list[tuple[float, str]] = []
    token = listener.set(lambda _label, percent, message: heard.append((percent, message)))
    try:
        publish_session(SAMPLE_YEAR, "1", "FP1")
    finally:
        listener.reset(token)
    loading = [percent for percent, message in heard if message.startswith("Loading")]
    # More and more of it, up to what this stage is of the whole.
    assert len(set(loading)) > 3
    assert loading == sorted(loading)
    assert loading[0] == 0.0 and loading[-1] <= STAGES["load"]


def test_the_progress_is_an_artifact_of_the_run(sample_site: Path, prefect_server: str) -> None:
    run_id = publish_session(SAMPLE_YEAR, 2, "FP1", return_state=True).state_details.flow_run_id
    wanted = {"artifacts": {"key": {"any_": [f"progress-{SAMPLE_YEAR}-2-fp1"]}, "flow_run_id": {"any_": [str(run_id)]}}}
    answer = httpx.post(f"{prefect_server}/artifacts/filter", json=wanted, timeout=PATIENCE_S)
    (artifact,) = answer.raise_for_status().json()
    assert artifact["type"] == "progress"
    assert float(artifact["data"]) == 100.0
    assert artifact["description"].startswith("Published ")


def test_force_computes_again_and_finds_the_same(sample_site: Path) -> None:
    first = publish_session(SAMPLE_YEAR, 1, "FP1")
    again = publish_session(SAMPLE_YEAR, 1, "FP1", force=True)
    assert again.unchanged is False
    assert again.revision == first.revision


def test_a_bad_session_stops_none_of_the_others(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_to_load(monkeypatch, ValueError("incomplete deflate stream"), "SQ")
    state = backfill(SAMPLE_YEAR, [2], ["SQ", "FP1"], return_state=True)
    assert state.is_failed()
    assert state.message == "1 of 2 sessions failed: round 2 SQ"
    reports = {report.session.code: report for report in state.result(raise_on_failure=False)}
    assert reports["FP1"].state == "published"
    assert reports["SQ"].state == "failed"
    assert "truncated or corrupt" in str(reports["SQ"].message)
    assert _indexed(sample_site, 2, "FP1")["state"] == "published"
    assert _indexed(sample_site, 2, "SQ")["state"] == "failed"
    status = _document(sample_site, f"v1/status/{SAMPLE_YEAR}/2/SQ.json")
    assert (status["type"], status["state"]) == ("error", "Failed")
    assert "incomplete deflate stream" in status["error"]


def test_missing_data_and_the_future_are_no_failures(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = backfill(SAMPLE_YEAR, [3], ["FP1"], return_state=True)
    assert state.is_completed()
    (report,) = state.result()
    assert report.state == "no_data"
    assert _indexed(sample_site, 3, "FP1")["state"] == "no_data"

    monkeypatch.setenv("PARCFERME_NOW", f"{SAMPLE_YEAR}-01-01")
    (report,) = backfill(SAMPLE_YEAR, [1], ["R"])
    assert report.state == "scheduled"
    with pytest.raises(InputError, match="has not happened yet"):
        publish_session(SAMPLE_YEAR, 1, "R")


def test_a_session_long_over_without_data_is_told_when_it_ended(sample_site: Path) -> None:
    state = publish_session(SAMPLE_YEAR, 3, "FP1", return_state=True)
    assert (state.name, state.is_completed()) == ("NoData", True)
    said = state.result().message
    assert re.search(r"FP1, not even its SessionInfo\. This session ended on 2099-", said)
    assert "nothing of it is here" in said and "half an hour" not in said
    start = datetime.fromisoformat(_indexed(sample_site, 3, "FP1")["start_utc"])
    ended = re.search(r"ended on (\S+);", said)
    assert ended is not None and ended[1] == start.date().isoformat()


def test_data_that_is_late_is_awaited(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_session(SAMPLE_YEAR, 1, "FP1")
    start = _indexed(sample_site, 1, "Q")["start_utc"]
    monkeypatch.setenv("PARCFERME_NOW", start)
    _fail_to_load(monkeypatch, NotReadyError("nothing yet"), "Q")
    with pytest.raises(NotReadyError, match="try again in half an hour"):
        publish_session(SAMPLE_YEAR, 1, "Q")
    assert _indexed(sample_site, 1, "Q")["state"] == "awaiting_data"


def test_a_failure_leaves_the_publication_as_it_was(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish_session(SAMPLE_YEAR, 1, "FP1")
    before = _publication(sample_site)
    _fail_to_load(monkeypatch, UpstreamError("gone"), "FP1")
    with pytest.raises(UpstreamError, match="gone"):
        publish_session(SAMPLE_YEAR, 1, "FP1", force=True)
    assert _publication(sample_site) == before
    assert _indexed(sample_site, 1, "FP1")["revision"] == first.revision


def test_an_interrupted_run_says_so_and_nothing_of_the_session(
    sample_site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_to_load(monkeypatch, KeyboardInterrupt(), "FP1")
    with pytest.raises(KeyboardInterrupt):
        publish_session(SAMPLE_YEAR, 1, "FP1")
    status = _document(sample_site, f"v1/status/{SAMPLE_YEAR}/1/FP1.json")
    assert (status["type"], status["state"], status["error"]) == ("cancelled", "Cancelled", None)
    assert _indexed(sample_site, 1, "FP1")["state"] != "failed"


def test_working_files_are_always_removed(sample_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spools))
    seen: list[list[str]] = []

    def _full_disk(*_args: Any, **_kwargs: Any) -> None:
        seen.append([path.name for path in spools.glob("parcferme-spool-*")])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(steps, "encode_session", _full_disk)
    with pytest.raises(Exception, match=r"No space left on device.*TMPDIR"):
        publish_session(SAMPLE_YEAR, 1, "FP1")
    assert len(seen[0]) == 1
    assert list(spools.iterdir()) == []


def test_a_box_gives_its_content_once() -> None:
    box = Box([1, 2])
    assert box.take() == [1, 2]
    with pytest.raises(IndexError):
        box.take()


def test_the_hook_closes_what_a_dead_run_left_open(sample_site: Path) -> None:
    from types import SimpleNamespace

    from flows.session.status import StatusSink
    from publish.live.runs import RunEntry

    store = open_store(sample_site.as_uri())
    started = datetime(SAMPLE_YEAR, 3, 1, tzinfo=UTC)
    run = RunEntry(SAMPLE_YEAR, 1, "Larkmoor Grand Prix", "R", "1234", "bold-fox", None, started)
    StatusSink(store, run).write(30.0, "Computing frames")
    flow_run = SimpleNamespace(id="1234", parameters={"year": SAMPLE_YEAR, "event": 1, "session": "R"})
    (hook,) = publish_session.on_cancellation_hooks
    hook(publish_session, flow_run, SimpleNamespace(name="Cancelling"))
    status = _document(sample_site, f"v1/status/{SAMPLE_YEAR}/1/R.json")
    assert (status["type"], status["state"], status["progress"]) == ("cancelled", "Cancelled", 30)


def test_a_worse_revision_fails_at_the_gate_unless_forced(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish_session(SAMPLE_YEAR, "1", "FP1")
    load = steps.load_recording

    def _load_less(client: Client, session: SessionRef) -> Any:
        recording = load(client, session)
        lost = set(list(recording.positions)[:15])
        return replace(recording, positions={n: p for n, p in recording.positions.items() if n not in lost})

    monkeypatch.setattr(steps, "load_recording", _load_less)
    monkeypatch.setattr("flows.session.run.code_fingerprint", lambda: "other code")
    state = publish_session(SAMPLE_YEAR, "1", "FP1", return_state=True)
    assert state.is_failed()
    assert "is worse than the current one: the grade falls from A to C; coordinates cover 0.0%" in str(state.message)
    assert "--force" in str(state.message)
    status = _document(sample_site, f"v1/status/{SAMPLE_YEAR}/1/FP1.json")
    assert status["type"] == "error" and "worse than the current one" in status["error"]
    assert _indexed(sample_site, 1, "FP1")["revision"] == first.revision

    forced = publish_session(SAMPLE_YEAR, "1", "FP1", force=True)
    assert _indexed(sample_site, 1, "FP1")["revision"] == forced.revision != first.revision
