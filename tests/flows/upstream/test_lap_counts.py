"""The upstream's own lap counts: read, kept, and used where FastF1 moved crossings over laps that were not sent."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_sessions import load_sample, located_sample, sample_recording

from flows.upstream.client import Client
from flows.upstream.http_cache import delete_bodies, read_bodies, write_bodies
from flows.upstream.lap_counts import parse_lap_counts, read_lap_counts
from flows.upstream.mini_sectors import parse_mini_sectors, read_mini_sectors
from flows.upstream.services import stream_urls
from flows.upstream.topics import LAP_COUNTS_FILE, topic_folder
from transforms.recording import Recording
from transforms.session import SessionData, transform_session

_TOPIC = "_extended_timing_data"


@pytest.fixture
def cache(sample_cache: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    shutil.copytree(sample_cache, folder, ignore=shutil.ignore_patterns("*.ff1pkl", "*.json"))
    return folder


def stream_url(cache: Path) -> str:
    return next(iter(stream_urls(located_sample(cache, 1, "R"), [_TOPIC]).values()))


def forget_laps(cache: Path, race: Recording, cars: Iterable[str], lost: Iterable[int]) -> None:
    """Take everything of these laps of these cars out of the stream, as an upstream that was silent for so long."""
    url = stream_url(cache)
    ends = {(r["car"], r["lap"]): r["end_ms"] for r in race.laps.to_pylist()}
    spans = {
        car: (ends.get((car, min(lost) - 1), race.start_ms), ends[car, max(lost)])
        for car in cars
        if (car, max(lost)) in ends
    }
    kept = []
    for line in read_bodies(cache, [url])[url].decode("utf-8-sig").split("\r\n"):
        if not line:
            continue
        hours, minutes, seconds = line[:12].split(":")
        at = (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)
        document = json.loads(line[12:])
        gone = [car for car, (begin, end) in spans.items() if begin < at <= end]
        document["Lines"] = {car: fields for car, fields in document["Lines"].items() if car not in gone}
        kept.append(line[:12] + json.dumps(document))
    write_bodies(cache, {url: "".join(line + "\r\n" for line in kept).encode()})


def lap_rows(data: SessionData) -> dict[tuple[str, int], dict[str, Any]]:
    return {(r["car"], r["lap"]): r for r in data.tables["laps"].to_pylist()}


def found(data: SessionData, check: str) -> list[dict[str, Any]]:
    rows = data.quality["rows"]
    assert isinstance(rows, list)
    return [r for r in rows if r["kind"] == check]


@pytest.mark.parametrize(
    ("cars", "lost"),
    [(["7"], (4, 5)), (["7"], (1, 2)), (["7"], (6, 7)), (["9"], (2, 3)), (["7", "3"], (3,))],
    ids=["in the middle", "from the start", "to the last lap", "around a pit stop", "the two leaders"],
)
def test_crossings_after_lost_laps_are_where_the_upstream_had_them(
    sample_cache: Path, cache: Path, cars: list[str], lost: tuple[int, ...]
) -> None:
    race = sample_recording(sample_cache, 1, "R")
    true = lap_rows(transform_session(race))
    forget_laps(cache, race, cars, lost)
    data = transform_session(load_sample(cache, 1, "R"))
    rows = lap_rows(data)
    assert {key for key in true if key not in rows} == {(car, lap) for car in cars for lap in lost}
    columns = ("start_ms", "end_ms", "lap_time_ms", "compound", "stint", "tyre_age_laps", "track_statuses", "pit_in_ms")
    for car in cars:
        for lap in range(1, 9):
            if lap not in lost:
                assert {n: rows[car, lap][n] for n in columns} == {n: true[car, lap][n] for n in columns}
    assert data.quality["lap_chart"]["agreement"] == 1.0
    assert {r["car"] for r in found(data, "laps_lost")} == set(cars)
    assert not found(data, "position_off_track")


def test_laps_that_nobody_was_heard_of(sample_cache: Path, cache: Path) -> None:
    race = sample_recording(sample_cache, 1, "R")
    forget_laps(cache, race, dict.fromkeys(race.laps["car"].to_pylist()), (4, 5))
    data = transform_session(load_sample(cache, 1, "R"))
    assert sorted(lap for car, lap in lap_rows(data) if car == "7") == [1, 2, 3, 6, 7, 8]
    assert data.quality["lap_chart"]["agreement"] == 1.0
    assert data.quality["median_coverage"]["x_m"] == 1.0
    assert {r["kind"] for r in data.quality["rows"] if r["car"] == "7"} >= {"laps_lost", "crossings_moved"}


def test_without_the_stream_coordinates_are_kept_and_the_loss_is_said(sample_cache: Path, cache: Path) -> None:
    race = sample_recording(sample_cache, 1, "R")
    forget_laps(cache, race, ["7"], (4, 5))
    load_sample(cache, 1, "R")
    delete_bodies(cache, [stream_url(cache)])
    (topic_folder(cache, located_sample(cache, 1, "R")) / LAP_COUNTS_FILE).unlink()
    data = transform_session(load_sample(cache, 1, "R"))
    assert data.quality["coverage"]["7"]["x_m"] == 1.0 and found(data, "progress_wrong")
    (row,) = found(data, "laps_lost")
    assert (row["car"], row["value"], row["severity"]) == ("7", 2, "error")


def test_counts_are_kept_beside_the_topic_they_were_parsed_with(cache: Path) -> None:
    race = load_sample(cache, 1, "R")
    assert race.lap_counts["7"].laps.tolist() == list(range(1, 9))
    ends = [r["end_ms"] for r in race.laps.to_pylist() if r["car"] == "7"]
    np.testing.assert_array_equal(race.lap_counts["7"].time_ms, ends)
    session = located_sample(cache, 1, "R")
    delete_bodies(cache, [stream_url(cache)])
    kept = read_lap_counts(Client(cache, offline=True), session)
    assert {car: c.laps.tolist() for car, c in kept.items()} == {
        car: c.laps.tolist() for car, c in race.lap_counts.items()
    }
    path = topic_folder(cache, session) / f"{_TOPIC}.ff1pkl"
    path.write_bytes(path.read_bytes() + b"another")
    assert read_lap_counts(Client(cache, offline=True), session) == {}


def test_a_file_a_writer_was_killed_at_is_made_anew(cache: Path) -> None:
    load_sample(cache, 1, "R")
    path = topic_folder(cache, located_sample(cache, 1, "R")) / LAP_COUNTS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    load_sample(cache, 1, "R")
    assert path.read_bytes() == whole


def test_other_sessions_have_none_but_mini_sectors_which_are_kept_too(cache: Path) -> None:
    loaded, session = load_sample(cache, 1, "Q"), located_sample(cache, 1, "Q")
    assert loaded.lap_counts == {} and len(loaded.mini_sectors) > 10
    assert not (topic_folder(cache, session) / LAP_COUNTS_FILE).exists()
    delete_bodies(cache, list(stream_urls(session, [_TOPIC]).values()))
    kept = read_mini_sectors(Client(cache, offline=True), session)
    every = ({car: astuple(own) for car, own in said.items()} for said in (kept, loaded.mini_sectors))
    np.testing.assert_equal(*every)


def test_what_is_no_mini_sector_is_skipped() -> None:
    lines = {
        "7": {"Sectors": [{"Segments": [{"Status": 2051}, {"Status": "2049"}, 5, {}]}, "?", {"Segments": {"x": 1}}]},
        "9": {"Sectors": {"1": {"Segments": {"0": {"Status": 0}, "1": {"Status": 2048}}}, "3": {"Segments": {}}}},
        "3": {"Sectors": {"0": {"Segments": {"1" * 5000: {"Status": 2048}, "100": {"Status": 1}}}}},
    }
    stream = f"00:00:10.500{json.dumps({'Lines': lines})}\r\n"
    assert parse_mini_sectors(stream.encode()) == {
        "7": [(10_500, 1, 1, 2051)],
        "9": [(10_500, 0, 0, 0), (10_500, 2, 2, 2048)],
    }


def test_lines_that_cannot_be_read_are_skipped() -> None:
    good = '00:00:10.500{"Lines": {"7": {"NumberOfLaps": 3}, "9": {"NumberOfLaps": "4"}, "3": "NumberOfLaps"}}'
    bad = ['garbage {"NumberOfLaps": 1}', '00:00:11.000{"NumberOfLaps": ', '00:00:12.000{"NumberOfLaps": 5}', "{}"]
    stream = "\ufeff" + "\r\n".join([good, *bad, '01:00:00.001{"Lines": ["NumberOfLaps"]}', ""])
    assert parse_lap_counts(stream.encode()) == {"7": [(10_500, 3)]}
