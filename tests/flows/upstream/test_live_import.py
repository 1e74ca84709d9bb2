"""A recording of the live feed is kept in the archive and published where it is the better source of its session."""

import json
import logging
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from live_recordings import Line, as_python, recorded
from sample_sessions import load_sample, located_sample

from flows.cli.main import main
from flows.sample import SAMPLE_YEAR
from flows.session.direct import publish_directly
from flows.session.steps import Request
from flows.session_ref import SessionRef
from flows.settings import Settings, read_settings
from flows.upstream.archive import SessionArchive, open_archive, save_schedule
from flows.upstream.archive_format import Response
from flows.upstream.archive_index import OFFICIAL, RECORDING, RawSession, RawSource, read_index
from flows.upstream.archive_keep import Raw, keep
from flows.upstream.client import Client
from flows.upstream.http_cache import read_bodies, write_bodies
from flows.upstream.live_import import cars_in, import_recording
from flows.upstream.raw_streams import urls_of
from publish.revisions.latest import Latest, read_latest
from publish.revisions.quality import Quality, read_quality
from publish.stores.choose import open_store
from transforms.errors import InputError

HTTP = Path(__file__).parents[4] / "shared" / "data" / "upstream" / "http"
MEXICO = HTTP.parents[1] / "raw_messages" / "2024-mexico-fp3.txt"
SCHEDULE = HTTP / "raw.githubusercontent.com/theOehrly/f1schedule/master/schedule_2024.json"
_LOGGER = logging.getLogger("test")
ZERO = datetime(SAMPLE_YEAR, 3, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def settings(sample_site: Path, sample_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with the sample season unparsed in a cache of its own, and an empty archive."""
    folder = tmp_path / "cache"
    shutil.copytree(sample_cache, folder, ignore=shutil.ignore_patterns("*.ff1pkl", "*.json"))
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(folder))
    monkeypatch.setenv("PARCFERME_ARCHIVE", (tmp_path / "archive").as_uri())
    return read_settings()


@pytest.fixture
def session(settings: Settings) -> SessionRef:
    return located_sample(settings.cache_dir, 1, "FP1")


@pytest.fixture
def lines(settings: Settings, session: SessionRef) -> list[Line]:
    """What the live feed said of the session."""
    return recorded(streams_of(settings, session), zero_of(streams_of(settings, session)))


def streams_of(settings: Settings, session: SessionRef) -> dict[str, bytes]:
    urls = urls_of(session)
    bodies = read_bodies(settings.cache_dir, urls.values())
    return {url.rpartition("/")[2]: bodies[url] for url in urls.values() if url in bodies}


def zero_of(streams: dict[str, bytes]) -> datetime:
    from test_live_recording import zero_of as found

    return found(streams) or ZERO


def take(settings: Settings, session: SessionRef, tmp_path: Path, *pieces: list[Line], **more: Any) -> Any:
    paths = []
    for number, piece in enumerate(pieces):
        path = tmp_path / f"recording-{number}.txt"
        path.write_bytes(as_python(piece))
        paths.append(path)
    return import_recording(settings, Client.of(settings), session, paths, _LOGGER, **more)


def publish(settings: Settings) -> tuple[Latest, Quality]:
    """Publish the session from the archive alone; what is current then, and its report."""
    report = publish_directly(SAMPLE_YEAR, "1", "FP1", Request(source="archive"))
    store = open_store(settings.destination)
    assert report.session_key is not None
    latest, quality = read_latest(store, report.session_key), read_quality(store, report.session_key)
    assert latest is not None and quality is not None
    return latest, quality


def test_a_recording_is_published_until_the_official_files_come(
    settings: Settings, session: SessionRef, lines: list[Line], tmp_path: Path
) -> None:
    half = len(lines) // 2
    done = take(settings, session, tmp_path, lines[half:], lines[: half + 500])
    assert done.kept and done.entry.is_complete and not done.entry.absent
    assert "is kept in the archive" in done.sentence and "0 breaks" in done.sentence
    again = take(settings, session, tmp_path, lines)
    assert not again.kept and "in the archive already" in again.sentence

    first, report = publish(settings)
    assert first.capabilities is not None and first.capabilities["recorded_live"] is True
    assert report.reasons == ("from a recording of the live feed, not from the official files",)
    assert first.grade == report.grade == "B"
    (said,) = (row for row in report.rows if row.kind == "recorded_live")
    assert "recorded from the live feed" in said.cause

    load_sample(settings.cache_dir, 1, "FP1")
    assert SessionArchive(settings, "upstream", session, _LOGGER).save() is True
    index = read_index(open_archive(settings), SAMPLE_YEAR)
    assert index is not None
    (entry,) = index.sessions.values()
    assert set(entry.sources) == {OFFICIAL, RECORDING} and entry.best == OFFICIAL

    second, report = publish(settings)
    assert second.history[0].reason == "official files in place of a recording"
    assert second.history[1].reason == "first"
    assert "recorded_live" not in (second.capabilities or {})
    assert second.grade == "A" and not report.reasons
    # All that was computed is the same.
    assert set(second.history[0].changed_objects) == {
        "parquet/findings.parquet",
        "parquet/sessions.parquet",
        "quality.json.gz",
    }
    assert publish(settings)[0] == second


def test_a_recording_takes_the_place_of_official_files_that_were_cut(
    settings: Settings, session: SessionRef, lines: list[Line], tmp_path: Path
) -> None:
    key = int(next(data["Key"] for _, topic, data in lines if topic == "SessionInfo"))  # type: ignore[index]
    store = open_archive(settings)
    last = (datetime(1, 1, 1) + (lines[len(lines) // 2][0] - lines[0][0])).time().isoformat("milliseconds").encode()
    responses = {}
    for name, url in urls_of(session).items():
        if (body := streams_of(settings, session).get(url.rpartition("/")[2])) is not None:
            path = tmp_path / name
            every = body.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
            path.write_bytes(b"".join(line for line in every if line[:12] <= last))
            responses[name] = Response(path, url, 200, None)
    save_schedule(settings, store, SAMPLE_YEAR)
    assert keep(store, Raw(session, key, None, OFFICIAL, responses), _LOGGER)
    first, _ = publish(settings)
    assert first.capabilities is not None and first.capabilities["complete"] is False
    assert "recorded_live" not in first.capabilities

    take(settings, session, tmp_path, lines)
    second, _ = publish(settings)
    assert second.history[0].reason == "a recording in place of official files"
    assert second.capabilities is not None and second.capabilities["complete"] is True


def test_a_recording_that_began_late_and_broke_off_says_what_it_lacks(
    settings: Settings, session: SessionRef, lines: list[Line], tmp_path: Path
) -> None:
    begin, end = lines[len(lines) // 2][0], lines[len(lines) // 2][0] + timedelta(minutes=2)
    late = [line for line in lines if line[1] not in ("SessionInfo", "DriverList") and not begin < line[0] < end]
    with pytest.raises(InputError, match=r"Nothing tells the number of .* Type it: --session-key N"):
        take(settings, session, tmp_path, late)
    done = take(settings, session, tmp_path, late, session_key=4242)
    assert {"stream-session_info", "stream-driver_info"} <= set(done.entry.absent)
    assert "without driver_info, session_info" in done.sentence and "1 breaks" in done.sentence
    latest, report = publish(settings)
    assert latest.session_key == 4242 and report.cars > 5
    (said,) = (row for row in report.rows if row.kind == "recorded_live")
    assert "without driver_info, session_info" in said.cause
    (row,) = (row for row in report.rows if row.kind == "recording_break")
    assert row.value == pytest.approx(120_000, abs=2000)
    assert row.start_ms is not None and row.end_ms == pytest.approx(row.start_ms + row.value, abs=1)
    assert "the recording has breaks" in report.reasons
    assert latest.verdict is not None and "breaks" in latest.verdict.sentence


@pytest.mark.recorded
@pytest.mark.skipif(not MEXICO.is_file(), reason="needs the recorded messages")
def test_sixteen_real_minutes_are_published_with_their_verdict(settings: Settings) -> None:
    write_bodies(settings.cache_dir, {f"https://{SCHEDULE.relative_to(HTTP)}": SCHEDULE.read_bytes()})
    named = ["--session", "2024", "Mexico", "FP3", "--session-key", "4242"]
    assert main(["import", str(MEXICO), *named]) == 0
    publish_directly(2024, "Mexico", "FP3", Request(source="archive"))
    store = open_store(settings.destination)
    latest, quality = read_latest(store, 4242), read_quality(store, 4242)
    assert latest is not None and latest.verdict is not None and quality is not None
    assert (latest.event, latest.round, latest.grade, quality.cars) == ("Mexico City Grand Prix", 20, "D", 20)
    assert latest.verdict.sentence == (
        "The stream ends before the session: its last session status is Started; telemetry without timing; circuit "
        "missing; from a recording of the live feed, not from the official files."
    )


def source(*streams: str, missing_end: str | None = None, absent: Sequence[str] = (), services: int = 0) -> RawSource:
    names = [f"stream-{name}" for name in streams] + [f"service-{n}" for n in range(services)]
    return RawSource(
        bytes=1,
        responses_sha256="0" * 64,
        inputs_sha256=None,
        responses=names,
        absent=[f"stream-{name}" for name in absent],
        missing_end=missing_end,
        fetched_at=None,
    )


_TIMING, _CARS = "extended_timing_data", "car_data"


@pytest.mark.parametrize(
    ("official", "recording", "best"),
    [
        (source(_TIMING, _CARS), source(_TIMING, _CARS), OFFICIAL),
        (source(_TIMING, services=3), source(_TIMING, _CARS), RECORDING),
        (source(_TIMING, _CARS, missing_end="cut"), source(_TIMING, _CARS), RECORDING),
        (source(_TIMING), source(_TIMING, _CARS, missing_end="cut"), OFFICIAL),
        (source(_CARS), source(_TIMING, missing_end="cut"), RECORDING),
        (source(_TIMING), source(_TIMING, "driver_info", absent=["driver_info"]), OFFICIAL),
    ],
)
def test_the_better_source_is_the_one_to_compute_from(official: RawSource, recording: RawSource, best: str) -> None:
    both = {OFFICIAL: official, RECORDING: recording}
    assert RawSession(api_path="/static/x/", round=1, event="X", code="R", sources=both).best == best


def test_cars_are_those_of_the_first_messages(settings: Settings, session: SessionRef) -> None:
    streams = streams_of(settings, session)
    cars = cars_in(streams)
    assert len(cars) > 5 and cars == sorted(cars, key=int)
    # Some are in timing alone.
    driven = cars_in({"CarData.z.jsonStream": streams["CarData.z.jsonStream"]})
    assert 5 < len(driven) < len(cars) and set(driven) <= set(cars)
    assert cars_in({"CarData.z.jsonStream": b'00:00:00.000"AAAA"\r\nx\r\n00:00:00.000{"Entries":[1]}\r\n'}) == []


def test_bad_input_is_said_in_one_line_and_changes_nothing(
    settings: Settings, lines: list[Line], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, other = tmp_path / "good.txt", tmp_path / "other.txt"
    good.write_bytes(as_python(lines))
    other.write_bytes(
        as_python(
            (at, topic, {"Key": 1, "Path": "2001/x"} if topic == "SessionInfo" else data) for at, topic, data in lines
        )
    )
    empty, binary, weather = tmp_path / "empty.txt", tmp_path / "binary.txt", tmp_path / "weather.txt"
    empty.touch()
    binary.write_bytes(bytes(range(256)))
    weather.write_bytes(as_python(line for line in lines if line[1] == "WeatherData"))
    named = ["--session", str(SAMPLE_YEAR), "1", "FP1"]
    for words, said in (
        ([str(empty), *named], "is empty"),
        ([str(binary), *named], "is no recording of live timing"),
        ([str(other), *named], "is of another session: its SessionInfo says 1 2001/x"),
        ([str(tmp_path / "none.txt"), *named], "cannot be read"),
        ([str(good), *named, "--session-key", "7"], "is of another session"),
        ([str(weather), *named], "neither TimingData nor CarData.z nor Position.z"),
        ([str(good), "--session", str(SAMPLE_YEAR), "1", "FP9"], "FP9"),
        ([str(good)], "--session"),
        (named, "FILES"),
    ):
        assert main(["import", *words]) == 2, words
        message = capsys.readouterr().err
        assert said in message and "Traceback" not in message, message
    assert read_index(open_archive(settings), SAMPLE_YEAR) is None
    assert main(["import", str(good), *named]) == 0
    assert "is kept in the archive" in " ".join(capsys.readouterr().out.split())
    assert json.loads((tmp_path / "archive" / "raw" / str(SAMPLE_YEAR) / "index.json").read_bytes())["sessions"]
