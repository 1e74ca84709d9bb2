"""Bytes of others that are anything: parsers answer with a value or with one of our own errors."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.session_ref import SessionRef
from flows.upstream.archive_format import Response, read_archive, write_archive
from flows.upstream.lap_counts import parse_lap_counts
from flows.upstream.mini_sectors import parse_mini_sectors
from flows.upstream.results import without_round
from flows.upstream.selection import parse_rounds, parse_sessions
from flows.upstream.services import is_result
from flows.upstream.streams import read_stream
from flows.upstream.topics import read_circuit_key, read_session_info, read_session_key, topic_folder
from transforms.errors import InputError, UpstreamError

DEEP = b'{"MRData":' + b"[" * 100_000
SESSION = SessionRef(2024, 1, "Bahrain Grand Prix", "R", api_path="/static/2024/x/y/")
INFO = {"Key": 9472, "Meeting": {"Key": 1229, "Name": "Bahrain", "Circuit": {"Key": 63, "ShortName": "Sakhir"}}}
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
RACES = st.fixed_dictionaries({"MRData": JSON | st.fixed_dictionaries({"RaceTable": JSON | st.just({"Races": [1]})})})


def answers() -> st.SearchStrategy[bytes]:
    """Answers of the results service and what looks like one."""
    return st.binary(max_size=60) | (JSON | RACES).map(lambda value: json.dumps(value).encode())


@few
@given(answers())
@example(DEEP)
@example(b'{"MRData":{"RaceTable":{"Races":["x"]}}}')
@example(b'{"MRData":{"RaceTable":{"Races":{"x":1}}}}')
@example(b'{"MRData":{"RaceTable":{"Races":[{"round":"\\ud800"}]}}}')
@example(b"1" * 5000)
@example(b"\xff\xfe[")
def test_any_answer_of_the_results_service_has_a_fingerprint(body: bytes) -> None:
    assert isinstance(without_round(body), bytes)
    assert is_result(body) in (True, False)


@few
@given(st.text(max_size=12))
@example("1-99999999999999999999")
@example("\u0661-\u0663")
@example("all")
@example("R" * 10_000)
def test_any_selection_is_one_or_is_refused(text: str) -> None:
    for parse in (parse_rounds, parse_sessions):
        try:
            parse(text)
        except InputError as error:
            assert len(str(error)) < 200 + 3 * max(len(text), 20)


RECORD = (
    b'00:01:02.345{"Lines":{"1":{"NumberOfLaps":3,"Sectors":{"0":{"Segments":{"1":{"Status":2049}}}}},'
    b'"44":{"NumberOfLaps":2,"Line":1}}}\r\n'
)


@few
@given(st.data())
def test_any_stream_counts_laps_or_none(data: st.DataObject) -> None:
    check_lap_counts(data.draw(st.lists(flipped(RECORD) | st.binary(max_size=40), max_size=4).map(b"".join)))


@pytest.mark.parametrize(
    "line",
    [
        b'1:1:inf{"Lines":{"1":{"NumberOfLaps":3}}}',
        b'1:1:-1e300{"Lines":{"1":{"NumberOfLaps":3}}}',
        b'0:0:1{"Lines":{"1":{"NumberOfLaps":18446744073709551615}}}',
        b"9" * 5000 + b':0:1{"Lines":{"1":{"NumberOfLaps":3}}}',
        b'0:0:1{"NumberOfLaps":' + b"[" * 100_000,
        b'0:0:1{"Lines":[{"NumberOfLaps":1}]}',
    ],
)
def test_a_line_of_nonsense_counts_nothing(line: bytes) -> None:
    check_lap_counts(line)
    assert parse_lap_counts(line) == {}
    assert parse_lap_counts(line + b"\r\n" + RECORD) == {"1": [(62_345, 3)], "44": [(62_345, 2)]}


#: Of every kind of stream something that is nearly a message of it.
MESSAGES = {
    "TimingData": {"Lines": {"1": {"NumberOfLaps": 3, "Speeds": {"I1": {"Value": "300"}}, "BestLapTimes": {"0": {}}}}},
    "TimingAppData": {"Lines": {"1": {"Stints": [{"Compound": "SOFT"}]}}},
    "RaceControlMessages": {"Messages": [{"Utc": "2024-03-02T15:00:00", "Message": "GREEN LIGHT"}]},
    "WeatherData": {"AirTemp": "20", "Humidity": "50", "Pressure": "1000", "Rainfall": "0", "TrackTemp": "30"},
    "SessionInfo": INFO,
    "CarData.z": "7Z",
}
TIME = b"00:01:02.345"


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A stream's name, and lines that are messages, nearly messages or none."""
    name = draw(st.sampled_from(sorted(MESSAGES)))
    near = st.dictionaries(st.sampled_from(["Lines", "Messages", "Key", "AirTemp"]), JSON, max_size=2).map(
        lambda changed: MESSAGES[name] | changed if isinstance(MESSAGES[name], dict) else changed
    )
    line = (near | JSON).map(lambda value: TIME + json.dumps(value).encode())
    return name, draw(st.lists(line | flipped(TIME + json.dumps(MESSAGES[name]).encode()) | st.binary(max_size=30)))


@few
@given(streams())
@example(("TimingData", [TIME + b"[" * 100_000, TIME + b'{"Lines":' * 100_000]))
@example(("TimingData", [TIME + b'{"Lines":{"1":{"Speeds":{"I1":{"Value":' + b"9" * 400 + b"}}}}}"]))
@example(("TimingData", [TIME + b'{"Lines":{"1":{"NumberOfLaps":' + b"9" * 5000 + b"}}}"]))
@example(("RaceControlMessages", [TIME + b'{"Messages":{"1":{"Utc":1}}}', TIME + b'{"Messages":"x"}']))
def test_any_stream_is_messages_and_lines_that_are_none(made: tuple[str, list[bytes]]) -> None:
    name, lines = made
    read = read_stream(b"\r\n".join(lines), f"{name}.jsonStream")
    assert 0 <= read.unreadable <= read.lines
    if name != "CarData.z":
        assert all(isinstance(time, str) and isinstance(message, dict) for time, message in read.records)


def check_lap_counts(stream: bytes) -> None:
    for car, counts in parse_lap_counts(stream).items():
        assert isinstance(car, str)
        np.array(counts, np.int64)
    for rows in parse_mini_sectors(stream).values():
        assert rows and np.array(rows, np.int64).shape[1] == 4


def flipped(data: bytes) -> st.SearchStrategy[bytes]:
    """``data`` with one byte changed, or cut off."""
    places = st.integers(0, len(data) - 1)
    changed = st.tuples(places, st.integers(0, 255)).map(lambda p: data[: p[0]] + bytes([p[1]]) + data[p[0] + 1 :])
    return changed | places.map(lambda place: data[:place])


@few
@given(flipped(pickle.dumps({"version": 16, "data": INFO})) | JSON.map(lambda value: pickle.dumps({"data": value})))
@example(pickle.dumps({"data": {"Key": "none", "Meeting": []}}))
@example(pickle.dumps({"data": {"Key": [], "Meeting": {"Circuit": "x"}}}))
@example(b"\x80\x04.")
@example(b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f")
def test_any_topic_of_a_session_tells_its_number_or_nothing(tmp_path: Path, data: bytes) -> None:
    folder = topic_folder(tmp_path, SESSION)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "session_info.ff1pkl").write_bytes(data)
    known: list[Any] = [read_session_key(tmp_path, SESSION), read_circuit_key(tmp_path, SESSION)]
    assert all(key is None or isinstance(key, int) for key in known)
    info = read_session_info(tmp_path, SESSION)
    assert info is None or isinstance(info, dict)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("packed") / "a"
    answers = {"stream-a": b"one" * 99, "results": b"{}"}
    write_archive(path, {"year": 2024}, {name: Response(body, "u", 200, None) for name, body in answers.items()})
    return path.read_bytes()


@few
@given(st.data())
def test_any_archive_is_what_was_packed_or_is_refused(tmp_path: Path, packed: bytes, data: st.DataObject) -> None:
    path = tmp_path / "a"
    path.write_bytes(data.draw(flipped(packed) | st.binary(max_size=99)))
    try:
        index = read_archive(path, None, "here")
    except UpstreamError:
        return
    assert [member["name"] for member in index["members"]] == ["responses/results", "responses/stream-a"]
