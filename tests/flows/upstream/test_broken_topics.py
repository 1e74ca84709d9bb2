"""Topics of live timing that are absent, empty or partly garbage: the rest is read, and what is lost is named."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from sample_sessions import located_sample, sample_session

from flows.session_ref import SessionRef
from flows.upstream.client import Client
from flows.upstream.http_cache import delete_bodies, read_bodies, write_bodies
from flows.upstream.load import load_recording
from flows.upstream.services import LIVE_TIMING, stream_urls
from flows.upstream.streams import read_stream
from flows.upstream.topics import STREAMS, key_of, read_circuit_key, read_session_key, topic_folder
from transforms.errors import CorruptDataError, NotReadyError
from transforms.recording import Recording
from transforms.session import transform_session

GARBAGE = b"<html>502</html>"
TOPICS = {stream: topic for topic, stream in STREAMS.items()}
TIMING, INFO = "TimingData.jsonStream", "SessionInfo.jsonStream"
TELEMETRY = ("CarData.z.jsonStream", "Position.z.jsonStream")
#: What such a recording lacks.
WITHOUT_TELEMETRY = ("car_data", "position_data")


class Upstream:
    """The race of round 1 in a cache of its own, whose streams can be changed; FastF1 has parsed none of them."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.session: SessionRef = located_sample(cache, 1, "R")

    def url(self, stream: str) -> str:
        (url,) = stream_urls(self.session, [TOPICS[stream]]).values()
        return url

    def lines(self, stream: str) -> list[bytes]:
        return read_bodies(self.cache, [self.url(stream)])[self.url(stream)].removesuffix(b"\r\n").split(b"\r\n")

    def send(self, stream: str, *lines: bytes) -> None:
        write_bodies(self.cache, {self.url(stream): b"".join(line + b"\r\n" for line in lines)})

    def hide(self, stream: str) -> None:
        delete_bodies(self.cache, [self.url(stream)])

    def insert(self, stream: str, *garbage: bytes) -> None:
        lines = self.lines(stream)
        self.send(stream, *lines[: len(lines) // 2], *garbage, *lines[len(lines) // 2 :])

    def send_info(self, **changed: object) -> None:
        info = json.loads(self.lines(INFO)[0].decode("utf-8-sig")[12:]) | changed
        kept = {name: value for name, value in info.items() if value is not ...}
        self.send(INFO, b"00:00:00.000" + json.dumps(kept).encode())

    def send_index(self) -> None:
        """What live timing has at the address of the season's index."""
        path = self.session.located_path.removeprefix("/static/")
        circuit = {"Key": 990, "ShortName": "Larkmoor Park"}
        meeting = {"Key": 9901, "OfficialName": "THE GRAND PRIX", "Circuit": circuit}
        listed = [{"Key": -1}, {"Key": 99011, "Path": "2099/other/"}, {"Key": 99015, "Path": path}]
        answer = json.dumps({"Year": 2099, "Meetings": [meeting | {"Sessions": listed}]}).encode()
        write_bodies(self.cache, {f"{LIVE_TIMING}/static/2099/Index.json": answer})

    def load(self) -> Recording:
        return load_recording(Client(self.cache, offline=True), sample_session(1, "R"))


def raw_upstream(sample_cache: Path, cache: Path, *, telemetry: bool) -> Upstream:
    shutil.copytree(sample_cache, cache, ignore=shutil.ignore_patterns("*.ff1pkl", "*.json"))
    made = Upstream(cache)
    for stream in () if telemetry else TELEMETRY:
        made.hide(stream)
    return made


@pytest.fixture
def upstream(sample_cache: Path, tmp_path: Path) -> Upstream:
    return raw_upstream(sample_cache, tmp_path / "cache", telemetry=True)


@pytest.fixture
def timing(sample_cache: Path, tmp_path: Path) -> Upstream:
    """Without telemetry, which takes most of the time of a load."""
    return raw_upstream(sample_cache, tmp_path / "cache", telemetry=False)


def warnings_of(recording: Recording, topic: str) -> list[str]:
    return [text for text in recording.warnings if text.startswith(f"{topic}:")]


@pytest.fixture(scope="module")
def whole(sample_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return raw_upstream(sample_cache, tmp_path_factory.mktemp("whole") / "cache", telemetry=True).load()


@pytest.mark.parametrize(
    "garbage",
    [
        [GARBAGE],
        [b"", b"   "],
        [b"00:05:00.000", b'00:05:01.000{"Lines":{"7":{"NumberOfLa'],
        [b'garbage-time{"Lines":{}}', b'99:xx:00.000{"Lines":{}}'],
        [b'00:05:01.000{"Lines":5}', b'00:05:01.000{"Lines":{"7":"x"}}', b"00:05:01.000[1,2]"],
        [b'00:05:02.000{"Lines":{"7":{"NumberOfLaps":"x"}}}', b'00:05:02.000{"Lines":{"7":{"LastLapTime":"x"}}}'],
        [b'00:05:02.000{"Lines":{"7":{"Speeds":{"FL":{"Value":"fast"}}}}}'],
        [b'00:05:03.000{"x":"\xff\xfe\x00'],
        [
            b'00:05:04.000{"Lines":{"7":{"Sectors":{"0":{"Value":"STOP"}}}}}',
            b'00:05:04.000{"Lines":{"7":{"Sectors":""}}}',
        ],
        [b'00:05:04.000{"Lines":{"7":{"Position":"first"}}}', b'00:05:04.000{"Lines":{"7":{"GapToLeader":7}}}'],
        [
            b'00:05:04.000{"Lines":{"7":{"IntervalToPositionAhead":"LAP"}}}',
            b'00:05:04.000{"Lines":{"7":{"InPit":"no"}}}',
        ],
        [
            b'00:05:04.000{"Lines":{"7":{"BestLapTime":{"Value":true}}}}',
            b'00:05:04.000{"Lines":{"7":{"BestLapTime":[]}}}',
            b'00:05:04.000{"Lines":{"7":{"BestLapTimes":{"":1}}}}',
        ],
    ],
    ids=["html", "blank", "cut", "times", "shapes", "fields", "speeds", "bytes", "sectors", "places", "flags", "bests"],
)
def test_garbage_in_timing_costs_no_lap(timing: Upstream, whole: Recording, garbage: list[bytes]) -> None:
    timing.insert(TIMING, *garbage)
    recording = timing.load()
    assert recording.laps == whole.laps and recording.missing == WITHOUT_TELEMETRY
    counted = sum(bool(line.strip()) for line in garbage)
    assert len(warnings_of(recording, "TimingData")) == bool(counted)
    if counted:
        (warning,) = warnings_of(recording, "TimingData")
        assert re.match(rf"TimingData: {counted} of \d+ lines cannot be read", warning)


@pytest.mark.parametrize(
    ("stream", "named", "lost"),
    [
        ("SessionStatus.jsonStream", "session_status", "SessionStatus"),
        ("TrackStatus.jsonStream", "track_status", "TrackStatus"),
        ("TimingAppData.jsonStream", "tyres", "TimingAppData"),
        ("RaceControlMessages.jsonStream", "messages", "RaceControlMessages"),
        ("WeatherData.jsonStream", "weather", "WeatherData"),
    ],
)
@pytest.mark.parametrize("how", ["absent", "empty", "garbage"])
def test_a_topic_that_is_lost_is_named_and_costs_no_lap(
    sample_cache: Path, tmp_path: Path, whole: Recording, stream: str, named: str, lost: str, how: str
) -> None:
    # Without telemetry the lap chart stands on timing alone, and a load takes a third of the time.
    has_telemetry = how == "absent"
    upstream = raw_upstream(sample_cache, tmp_path / "cache", telemetry=has_telemetry)
    if how == "absent":
        upstream.hide(stream)
    else:
        upstream.send(stream, *([GARBAGE, b"00:00:01.000"] if how == "garbage" else []))
    recording = upstream.load()
    assert recording.missing == ((named,) if has_telemetry else (named, *WITHOUT_TELEMETRY))
    real = [row for row in recording.laps.to_pylist() if not row["generated"]]
    assert {(r["car"], r["lap"], r["end_ms"]) for r in real} == {
        (r["car"], r["lap"], r["end_ms"]) for r in whole.laps.to_pylist() if not r["generated"]
    }
    data = transform_session(recording)
    assert f"{named} missing" in data.quality["reasons"]
    (row,) = [r for r in data.quality["rows"] if r["kind"] == "missing" and r["channel"] == named]
    assert lost in row["cause"]
    assert data.quality["lap_chart"]["agreement"] == 1.0
    assert not [r for r in data.quality["rows"] if r["kind"] == "laps_lost"]
    # What is lost is asked for again by the next load.
    assert not (topic_folder(upstream.cache, upstream.session) / f"{TOPICS[stream]}.ff1pkl").exists()


def test_without_session_status_the_start_is_that_of_the_first_laps(upstream: Upstream, whole: Recording) -> None:
    upstream.hide("SessionStatus.jsonStream")
    clocks = [transform_session(r).frames.clock for r in (upstream.load(), whole)]
    begins = [clock.session_time_origin_ms + (clock.race_start_ms or 0) for clock in clocks]
    assert abs(begins[0] - begins[1]) < 2_000


@pytest.mark.parametrize("key", [None, "", "none", 0, -1, 1.5, True, [7]])
def test_what_is_no_number_of_a_session(key: object) -> None:
    assert key_of({"Key": key}) is None and key_of({"Key": 9472}) == 9472


@pytest.mark.parametrize("key", [..., "none"])
def test_a_number_that_is_missing_is_refused_by_name_or_taken_from_the_index(timing: Upstream, key: object) -> None:
    timing.send_info(Key=key)
    with pytest.raises(CorruptDataError, match=r"SessionInfo of 2099 round 1 .* has no Key.*147 laps") as refused:
        timing.load()
    assert "yet" not in str(refused.value) and "Car data" not in str(refused.value)
    timing.send_index()
    recording = timing.load()
    assert (recording.identity.session_key, recording.identity.meeting_key) == (99015, 9901)
    assert recording.missing == ("session_info", *WITHOUT_TELEMETRY)
    assert read_session_key(timing.cache, timing.session) == 99015
    # Mended upstream, it is its own again.
    timing.send_info(Key=99015)
    assert timing.load().missing == WITHOUT_TELEMETRY


@pytest.mark.parametrize("how", ["absent", "empty", "garbage"])
def test_without_a_readable_session_info_a_session_is_what_the_index_says(timing: Upstream, how: str) -> None:
    if how == "absent":
        timing.hide(INFO)
    else:
        timing.send(INFO, *([GARBAGE] if how == "garbage" else []))
    with pytest.raises(CorruptDataError, match=r"SessionInfo of 2099 round 1 .* cannot be read.*147 laps"):
        timing.load()
    timing.send_index()
    identity = timing.load().identity
    assert (identity.session_key, identity.official_event, identity.circuit) == (
        99015,
        "THE GRAND PRIX",
        "Larkmoor Park",
    )
    assert read_circuit_key(timing.cache, timing.session) == 990


def test_a_later_session_info_has_what_the_first_lacks(timing: Upstream) -> None:
    (first,) = timing.lines(INFO)
    timing.send(
        INFO, b'00:00:00.000{"Type":"Race"}', GARBAGE, b"00:00:01.000" + first.decode("utf-8-sig")[12:].encode()
    )
    recording = timing.load()
    assert recording.identity.session_key == 99015 and recording.missing == WITHOUT_TELEMETRY


def test_a_session_of_which_there_is_nothing_is_not_ready(upstream: Upstream) -> None:
    upstream.hide(INFO)
    upstream.hide(TIMING)
    with pytest.raises(NotReadyError, match=r"nothing on 2099 round 1 .*, not even its SessionInfo"):
        upstream.load()


def test_topics_without_anything_in_them_are_named(upstream: Upstream) -> None:
    for stream in (TIMING, "CarData.z.jsonStream", "Position.z.jsonStream"):
        upstream.send(stream, GARBAGE)
    with pytest.raises(NotReadyError, match="TimingData, CarData and Position are not there, are empty") as refused:
        upstream.load()
    assert "FastF1" not in str(refused.value)


def test_every_stream_of_the_sample_is_read_whole(upstream: Upstream) -> None:
    for stream in STREAMS.values():
        body = read_bodies(upstream.cache, [upstream.url(stream)])[upstream.url(stream)]
        read = read_stream(body, stream)
        assert read.lines == len(read.records) == len(upstream.lines(stream)) and read.unreadable == 0


def messages_of(name: str, *messages: str) -> tuple[list[dict[str, Any]], int]:
    """Return what is left of a stream of these messages, and how many of them are not whole."""
    lines = (f"00:00:0{number}.000{text}" for number, text in enumerate(messages))
    stream = read_stream("\r\n".join(lines).encode(), f"{name}.jsonStream")
    return [message for _, message in stream.records], stream.unreadable


def test_weather_that_fastf1_would_take_for_zero_is_left_out() -> None:
    whole = {"AirTemp": "21.5", "Humidity": "40", "Pressure": "1009", "Rainfall": "0", "TrackTemp": "30"}
    wind = {"WindDirection": "209.6", "WindSpeed": "1.1"}
    bad: list[Any] = ["", "wet", "nan", "1e999", None, [], {}]
    said = [{**whole, **wind}, *({**whole, **wind, "AirTemp": value} for value in bad), whole]
    kept, unreadable = messages_of("WeatherData", *map(json.dumps, said))
    assert kept == [{**whole, **wind, "WindDirection": "210"}] and unreadable == len(bad) + 1


def test_a_lap_or_sector_that_is_none_costs_no_other_message() -> None:
    said = {"Utc": "2099-01-01T12:00:00", "Message": "RAIN", "Lap": None, "Sector": 3}
    kept, unreadable = messages_of("RaceControlMessages", json.dumps({"Messages": [said, {"Message": "no time"}]}))
    assert kept == [{"Messages": [{key: value for key, value in said.items() if key != "Lap"}]}] and unreadable == 1
    kept, unreadable = messages_of("LapCount", '{"CurrentLap":[],"TotalLaps":57}', '{"CurrentLap":2}')
    assert kept == [{"TotalLaps": 57}, {"CurrentLap": 2}] and unreadable == 1


def test_of_a_line_that_is_not_whole_the_rest_is_kept() -> None:
    line = {"NumberOfLaps": 4, "Sectors": {"2": {"Value": "STOP"}}, "InPit": True, "Anything": [1]}
    kept, unreadable = messages_of("TimingData", json.dumps({"Lines": {"7": line, "8": {"Position": "3"}}}))
    rest = {name: value for name, value in line.items() if name != "Sectors"}
    assert kept == [{"Lines": {"7": rest, "8": {"Position": "3"}}}] and unreadable == 1


@pytest.mark.parametrize(
    "stint", [{"TotalLaps": "many"}, {"StartLaps": {}}, {"Compound": []}, {"LapTime": 91.2}, "HARD"]
)
def test_a_set_of_tyres_that_cannot_be_read_is_left_out(stint: Any) -> None:
    stints = {"0": {"Compound": "HARD", "TotalLaps": 3}, "1": stint}
    said = [json.dumps({"Lines": {"7": {"Stints": one}}}) for one in ({"0": stints["0"]}, stints)]
    kept, unreadable = messages_of("TimingAppData", *said)
    assert kept == [json.loads(said[0]), {"Lines": {"7": {}}}] and unreadable == 1
