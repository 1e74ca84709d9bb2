"""The sample season as FastF1 parses it, compared with the truth of its simulation.

Tolerances are what the upstream's formats round away: 0.1 m, 1 km/h, 1 ms.
"""

import base64
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastf1
import numpy as np
import pandas as pd
import pytest
import requests

from flows.sample import MEETINGS, SAMPLE_NOW_UTC, SAMPLE_YEAR, STATES, TYRES, sample_truth, write_sample_season
from flows.sample.meetings import meeting_of
from flows.sample.responses import sample_responses
from flows.sample.season import sample_run
from flows.sample.topics import session_topics

SESSIONS = [(meeting.round, code) for meeting in MEETINGS for code in meeting.recorded]
RACES = [(number, code) for number, code in SESSIONS if code in ("R", "S")]
TIMED = [key for key in SESSIONS if key not in RACES]
every_session = pytest.mark.parametrize(("round_number", "code"), SESSIONS)
every_race = pytest.mark.parametrize(("round_number", "code"), RACES)

#: Everything FastF1 may say about a session; all of it is meant.
MEANT = {
    (1, "FP1"): {"No lap data for driver 26", "all laps marked as inaccurate (driver 26)"},
    (1, "R"): {
        "Failed to align laps for drivers: ['52']",  # a lapped car has no gap to align by
        "all laps marked as inaccurate (driver 71)",  # never starts
        "Car data: failed to decode 1 messages",
        "Driver 28: Car data is incomplete!",
        "Driver 28: Position data is incomplete!",
        "Driver 9: Position data is incomplete!",
    },
    (2, "FP1"): {"No lap data for driver 26", "all laps marked as inaccurate (driver 26)"},
    (2, "SQ"): {"Sprint Qualifying is not supported by Ergast!"},
    (2, "S"): {"Driver 32: Car data is incomplete!", "Driver 32: Position data is incomplete!"},
    (2, "Q"): {"Driver 17: Position data is incomplete!"},
    (2, "R"): {
        "Driver 17: Position data is incomplete!",
        "Driver 41: Car data is incomplete!",
        "Driver 41: Position data is incomplete!",
    },
    (3, "Q"): {"Car data: failed to decode 1 messages"},
}


@dataclass
class Loaded:
    session: Any
    warnings: list[str]


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(" ".join(record.getMessage().split()))


@pytest.fixture(scope="module")
def sample_cache(sample_season: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of which nothing has been parsed."""
    return Path(shutil.copytree(sample_season, tmp_path_factory.mktemp("sample"), dirs_exist_ok=True))


@pytest.fixture(scope="module")
def load(sample_cache: Path):
    fastf1.Cache.configure(cache_dir=str(sample_cache))
    fastf1.Cache.offline_mode(True)

    @cache
    def loaded(round_number: int, code: str) -> Loaded:
        collector = _Collector()
        logger = logging.getLogger("fastf1")
        logger.addHandler(collector)
        try:
            session = fastf1.get_session(SAMPLE_YEAR, round_number, code)
            session.load()
        finally:
            logger.removeHandler(collector)
        return Loaded(session, collector.texts)

    yield loaded
    fastf1.Cache.offline_mode(False)


def milliseconds(value: pd.Timedelta | None) -> int | None:
    return None if pd.isna(value) else round(value.total_seconds() * 1000)


def own_laps(session: Any, number: str) -> pd.DataFrame:
    laps = session.laps[session.laps["DriverNumber"] == number]
    return laps[~laps["FastF1Generated"].astype(bool)]


def inside(gaps: tuple, time_ms: np.ndarray) -> np.ndarray:
    found = np.zeros(len(time_ms), dtype=bool)
    for gap in gaps:
        found |= (time_ms > gap.start_ms) & (time_ms < gap.end_ms)
    return found


@every_session
def test_fastf1_says_nothing_but_what_is_meant(load, round_number: int, code: str) -> None:
    said = load(round_number, code).warnings
    meant = MEANT.get((round_number, code), set())
    assert [text for text in said if not any(part in text for part in meant)] == []
    assert [part for part in meant if not any(part in text for text in said)] == []


def test_the_season_is_the_same_in_every_process() -> None:
    """Strings hash differently in each, so that whoever walks through a set of car numbers makes another season."""
    script = """if True:
        import hashlib
        from flows.sample.meetings import meeting_of
        from flows.sample.season import sample_run
        from flows.sample.topics import session_topics
        topics = session_topics(sample_run(2, "Q"), meeting_of(2))
        print(hashlib.sha256(repr(topics).encode()).hexdigest())
    """
    made = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


@every_session
def test_stream_begins_where_the_simulation_does(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    assert session.t0_date == pd.Timestamp(truth.utc_origin_ms, unit="ms")
    assert milliseconds(session.session_start_time) == truth.start_ms
    assert session.session_info["Key"] == truth.session_key
    assert session.total_laps == truth.total_laps
    start = pd.Timestamp(truth.utc_origin_ms + truth.start_ms, unit="ms")
    assert pd.Timedelta(0) <= start - session.date < pd.Timedelta(minutes=1)
    assert start < pd.Timestamp(SAMPLE_NOW_UTC).tz_localize(None)


@every_session
def test_every_lap_is_the_true_one_to_the_millisecond(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    compared = 0
    for number in truth.numbers:
        laps = own_laps(session, number)
        expected = [lap for lap in truth.laps[number] if lap.end_ms is not None]
        assert list(laps["LapNumber"]) == [lap.number for lap in expected]
        for (_, lap), true in zip(laps.iterrows(), expected, strict=True):
            assert milliseconds(lap["Time"]) == true.end_ms
            assert milliseconds(lap["PitInTime"]) == true.pit_in_ms
            if true.number > 1:
                assert milliseconds(lap["LapStartTime"]) == true.start_ms
                assert milliseconds(lap["LapTime"]) == true.time_ms
                assert milliseconds(lap["PitOutTime"]) == true.pit_out_ms
                assert milliseconds(lap["Sector1Time"]) == true.sector1_ms - true.start_ms
            assert milliseconds(lap["Sector2Time"]) == true.sector2_ms - true.sector1_ms
            assert milliseconds(lap["Sector3Time"]) == true.end_ms - true.sector2_ms
            if code == "R":  # FastF1 takes the first lap of a race from the results service
                assert milliseconds(lap["LapTime"]) == true.time_ms
            compared += 1
    assert compared >= 70


@every_race
def test_places_at_the_line_are_the_true_order(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    leader: dict[int, int] = {}
    for number in truth.numbers:
        for lap in truth.laps[number]:
            if lap.end_ms is not None:
                leader[lap.number] = min(leader.get(lap.number, lap.end_ms), lap.end_ms)
    assert set(leader) == set(range(1, truth.total_laps + 1))
    for number in truth.numbers:
        for _, lap in own_laps(session, number).iterrows():
            crossed = [
                other.end_ms
                for laps in truth.laps.values()
                for other in laps
                if other.number == lap["LapNumber"] and other.end_ms is not None
            ]
            assert lap["Position"] == 1 + sum(moment < milliseconds(lap["Time"]) for moment in crossed)
    # and the order at the last tick is the one across the line
    last = truth.order[:, -1]
    assert tuple(sorted(truth.across_line, key=lambda number: last[truth.row(number)])) == truth.across_line


@every_race
def test_no_two_cars_cross_a_line_too_close_to_tell(round_number: int, code: str) -> None:
    moments: dict[tuple[int, int], list[int]] = {}
    for laps in sample_truth(round_number, code).laps.values():
        for lap in laps:
            for sector, moment in enumerate((lap.sector1_ms, lap.sector2_ms, lap.end_ms)):
                if moment is not None:
                    moments.setdefault((lap.number, sector), []).append(moment)
    assert min(np.diff(sorted(times)).min() for times in moments.values() if len(times) > 1) >= 4


@every_session
def test_tyres_are_the_true_ones(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    seen = set()
    for number in truth.numbers:
        for _, lap in own_laps(session, number).iterrows():
            tick = int(np.searchsorted(truth.time_ms, milliseconds(lap["Time"]))) - 1
            assert TYRES[lap["Compound"]] == truth.tyre[truth.row(number), tick]
            seen.add(lap["Compound"])
    assert seen


@every_session
def test_positions_are_where_the_cars_were(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    for number in truth.numbers:
        samples = session.pos_data[number]
        time_ms = (samples["SessionTime"].dt.total_seconds() * 1000).round().astype("int64").to_numpy()
        assert (np.diff(time_ms) > 0).all()
        assert np.diff(time_ms).max() <= 400
        silent = inside(truth.position_gaps[number], time_ms)
        zeros = ((samples["X"] == 0) & (samples["Y"] == 0) & (samples["Z"] == 0)).to_numpy()
        assert (zeros == silent).all()
        assert (samples["Status"].to_numpy()[silent] == "OffTrack").all()
        motion = truth.motion(number, time_ms)
        assert np.abs(samples["X"].to_numpy() / 10 - motion.x_m)[~silent].max(initial=0) <= 0.0501
        assert np.abs(samples["Y"].to_numpy() / 10 - motion.y_m)[~silent].max(initial=0) <= 0.0501


@every_session
def test_speeds_are_the_true_ones(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    for number in truth.numbers:
        if not any(lap.end_ms is not None for lap in truth.laps[number]) and number not in session.car_data:
            continue
        samples = session.car_data[number]
        time_ms = (samples["SessionTime"].dt.total_seconds() * 1000).round().astype("int64").to_numpy()
        alive = ~inside([gap for gap in truth.position_gaps[number] if gap.kind == "ended"], time_ms)
        motion = truth.motion(number, time_ms[alive])
        assert np.abs(samples["Speed"].to_numpy()[alive] - motion.speed_kmh).max() <= 0.5001
        hole = truth.car_data_gap_ms
        if hole is None:
            assert np.diff(time_ms).max() <= 400
        else:
            assert not ((time_ms > hole[0]) & (time_ms < hole[1])).any()
            assert hole[1] - hole[0] > 400


@every_session
def test_truth_moves_as_a_car_can(round_number: int, code: str) -> None:
    truth = sample_truth(round_number, code)
    seconds = np.diff(truth.time_ms) / 1000
    driven = np.diff(truth.distance_m, axis=1)
    mean_speed = (truth.speed_kmh[:, 1:] + truth.speed_kmh[:, :-1]) / 2 / 3.6
    assert (driven >= -1e-9).all()
    assert np.abs(driven - mean_speed * seconds).max() < 0.35  # the speed is the rate of the distance
    moved = np.hypot(np.diff(truth.x_m, axis=1), np.diff(truth.y_m, axis=1))
    assert (moved <= driven * 1.75 + 0.5).all()  # no jumps; a car beside the line in a hairpin has further to go
    assert np.abs(np.diff(truth.speed_kmh / 3.6, axis=1) / seconds).max() < 35  # m/s2
    assert truth.speed_kmh.max() < 330


@every_race
def test_race_results_are_the_classification(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    assert len(session.results) == 20
    for line in truth.classification:
        row = session.results.loc[line.number]
        assert row["Position"] == line.position
        assert row["ClassifiedPosition"] == line.text
        assert row["GridPosition"] == line.grid
        assert row["Status"] == line.status
        assert row["Points"] == line.points
        expected = line.time_ms if line.position == 1 else line.gap_ms
        assert milliseconds(row["Time"]) == expected


@pytest.mark.parametrize(("round_number", "code"), TIMED)
def test_best_times_are_the_true_ones(load, round_number: int, code: str) -> None:
    session, truth = load(round_number, code).session, sample_truth(round_number, code)
    best = truth.part_times_ms
    if code == "FP1":
        for number in truth.numbers:
            assert milliseconds(session.results.loc[number, "Time"]) == best[number].get(0)
        return
    assert [len([n for n in best if part in best[n]]) for part in (1, 2)] == [15, 10]
    for position, number in enumerate(truth.qualifying, start=1):
        row = session.results.loc[number]
        assert row["Position"] == position
        assert [milliseconds(row[f"Q{part + 1}"]) for part in range(3)] == [best[number].get(part) for part in range(3)]
    for part, laps in enumerate(session.laps.split_qualifying_sessions()):
        fastest = laps.pick_not_deleted().pick_accurate()["LapTime"].min()
        assert milliseconds(fastest) == min(times[part] for times in best.values() if part in times)


def test_first_race_has_all_it_is_to_have(load) -> None:
    session, truth = load(1, "R").session, sample_truth(1, "R")
    assert [status for _, status in truth.track_status] == ["1", "2", "4", "1"]
    assert list(session.track_status["Status"]) == ["1", "2", "4", "1"]
    by_status = {line.status: line for line in truth.classification}
    assert set(by_status) == {"Finished", "Lapped", "Retired", "Did not start"}
    assert by_status["Lapped"].laps == 7
    # the penalty moves a car behind others that crossed the line later
    finished = tuple(line.number for line in truth.classification if line.number in truth.across_line)
    assert finished != truth.across_line
    assert sorted(finished) == sorted(truth.across_line)
    # a car in front on the grid is passed on track, not only in the pits
    assert any(truth.order[row, -1] < truth.order[row, 0] for row in range(20))
    # behind the safety car the cars at the end of its period are close together
    end = {status: moment for moment, status in truth.track_status}["1"]
    tick = int(np.searchsorted(truth.time_ms, end))
    running = truth.state[:, tick] == STATES.index("running")
    front = np.sort(truth.distance_m[running, tick])[::-1]
    assert front[0] - front[9] < 1200
    gap_kinds = [gap.kind for gap in truth.position_gaps["9"]]
    assert gap_kinds == ["missing", "zeros"]
    deleted = session.laps[session.laps["Deleted"]]
    assert list(zip(deleted["DriverNumber"], deleted["LapNumber"], strict=True)) == [("12", 5)]


def test_red_flag_makes_the_cars_wait_in_the_pit_lane(load) -> None:
    session, truth = load(2, "R").session, sample_truth(2, "R")
    assert list(session.track_status["Status"]) == ["1", "2", "5", "1"]
    assert list(session.session_status["Status"])[:5] == ["Inactive", "Started", "Aborted", "Started", "Finished"]
    red, green = (moment for moment, _ in truth.track_status[-2:])
    tick = int(np.searchsorted(truth.time_ms, green)) - 1
    for number in truth.across_line:
        row = truth.row(number)
        waiting = (truth.state[row] == STATES.index("pit")) & (truth.speed_kmh[row] == 0)
        during = (truth.time_ms > red) & (truth.time_ms < green)
        assert (waiting & during).sum() * 100 > 120_000
        assert truth.state[row, tick] == STATES.index("pit")
    assert {"MEDIUM", "INTERMEDIATE"} == set(session.laps["Compound"])
    rain = session.weather_data.set_index("Time")["Rainfall"]
    assert not rain.iloc[0]
    assert rain.iloc[-1]
    assert truth.state[truth.row("41"), -1] == STATES.index("out")


def test_states_follow_the_course_of_a_race() -> None:
    truth = sample_truth(1, "R")

    def course(number: str) -> list[str]:
        state = truth.state[truth.row(number)]
        return [STATES[value] for value in state[np.insert(np.diff(state) != 0, 0, True)]]

    assert course("3") == ["pit", "running", "grid", "running", "grid", "running", "finished"]
    assert course("12") == ["pit", "running", "grid", "running", "grid", "running", "pit", "running", "finished"]
    assert course("28") == ["pit", "running", "grid", "running", "grid", "running", "stopped", "out"]
    assert course("71") == ["out"]
    assert truth.lap[truth.row("3"), -1] == 8
    assert truth.lap[truth.row("28"), -1] == 4
    assert truth.order[truth.row("71")].max() == 0
    assert (np.sort(truth.order, axis=0)[1:, :] == np.arange(1, 20)[:, None]).all()


def test_drs_is_there_until_the_last_round(load) -> None:
    assert set(load(1, "R").session.car_data["3"]["DRS"]) == {0, 12}
    body = session_topics(sample_run(3, "Q"), meeting_of(3))["CarData.z.jsonStream"]
    line = body.removeprefix("\ufeff").split("\r\n")[0]
    document = json.loads(zlib.decompress(base64.b64decode(json.loads(line[12:])), -zlib.MAX_WBITS))
    assert set(document["Entries"][0]["Cars"]["3"]["Channels"]) == {"0", "2", "3", "4", "5"}


def test_schedule_and_circuits_are_known(load) -> None:
    load(1, "R")
    schedule = fastf1.get_event_schedule(SAMPLE_YEAR)
    assert list(schedule["RoundNumber"]) == [1, 2, 3]
    assert list(schedule["EventFormat"]) == ["conventional", "sprint_qualifying", "conventional"]
    info = load(1, "R").session.get_circuit_info()
    assert list(info.corners["Number"]) == list(range(1, 9))
    assert info.rotation == 41.0
    assert info.corners["Distance"].is_monotonic_increasing


def test_same_bytes_on_every_run(load) -> None:
    load(1, "R")
    stored = fastf1.Cache._requests_session_cached.cache
    sample_run.cache_clear()
    addresses = []
    for address, body in sample_responses():
        key = stored.create_key(requests.Request("GET", address).prepare())
        assert stored.get_response(key).content == body, address
        addresses.append(address)
    assert len(addresses) == len(set(addresses)) == 1 + 3 + (3 + 4 + 3) + len(SESSIONS) * 11 + len(RACES)


def test_streams_look_like_the_upstream() -> None:
    for name, body in session_topics(sample_run(2, "S"), meeting_of(2)).items():
        assert body.startswith("\ufeff"), name
        lines = body.removeprefix("\ufeff").split("\r\n")
        assert lines.pop() == ""
        assert all(re.match(r'\d\d:\d\d:\d\d\.\d\d\d[{"]', line) for line in lines), name
        stamps = [line[:12] for line in lines]
        assert stamps == sorted(stamps), name


def test_complete_folder_is_left_alone_and_incomplete_one_completed(sample_cache: Path, load) -> None:
    database = sample_cache / "fastf1_http_cache.sqlite"
    marker = sample_cache / "sample-season.txt"
    before = database.stat().st_mtime_ns
    write_sample_season(sample_cache)
    assert database.stat().st_mtime_ns == before
    marker.write_text("another season")
    write_sample_season(sample_cache)
    assert marker.read_text() != "another season"
    assert fastf1.get_event_schedule(SAMPLE_YEAR).shape[0] == 3
