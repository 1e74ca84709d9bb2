"""A recording of the live feed becomes the streams that live timing's static files of the session are."""

import io
import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastf1.livetiming.data import LiveTimingData
from hypothesis import given
from hypothesis import strategies as st
from live_recordings import as_python, recorded, stamp, state
from sample_sessions import located_sample

from flows.upstream import live_messages
from flows.upstream.feeds import CAR_DATA, POSITION, read_feed
from flows.upstream.http_cache import read_bodies
from flows.upstream.live_heard import Identity
from flows.upstream.live_messages import LONGEST_LINE_BYTES, read_messages
from flows.upstream.live_recording import LiveRecording, parse_recordings, read_recordings
from flows.upstream.services import stream_urls
from flows.upstream.streams import read_stream
from flows.upstream.topics import STREAMS
from transforms.errors import InputError

DATA = Path(__file__).parents[4] / "shared" / "data"
STATIC = DATA / "upstream" / "http" / "livetiming.formula1.com" / "static"
BAHRAIN = "2024/2024-03-02_Bahrain_Grand_Prix/2024-03-02_Race"
TIMING_ONLY = (
    "2018/2018-04-29_Azerbaijan_Grand_Prix/2018-04-29_Race",
    "2024/2024-06-23_Spanish_Grand_Prix/2024-06-22_Qualifying",
)
MEXICO = DATA / "raw_messages" / "2024-mexico-fp3.txt"
ZERO = datetime(2024, 3, 2, 14, 5, 23, 61_000, tzinfo=UTC)
BOM = b"\xef\xbb\xbf"
INFO = {"Key": 9472, "Path": BAHRAIN + "/", "Type": "Race"}
#: A minute of a feed: the heart beats, a car drives.
LINES = [
    (ZERO, "SessionInfo", INFO),
    (ZERO, "TimingData", {"Lines": {"1": {"NumberOfLaps": 1, "Sectors": [{"Value": ""}, {"Value": ""}]}}}),
    *(
        (ZERO + timedelta(seconds=15 * n), "Heartbeat", {"Utc": stamp(ZERO + timedelta(seconds=15 * n)), "_kf": True})
        for n in range(5)
    ),
    *((ZERO + timedelta(seconds=1 + n), "TimingData", {"Lines": {"1": {"Speed": str(n)}}}) for n in range(60)),
]
LINES.sort(key=lambda line: line[0])


def parsed(*contents: bytes, wanted: Identity | None = None) -> LiveRecording:
    return parse_recordings([(f"{n}.txt", io.BytesIO(content)) for n, content in enumerate(contents, 1)], wanted)


def messages_of(recording: LiveRecording, topic: str) -> list[tuple[str, dict]]:
    lines = recording.streams[f"{topic}.jsonStream"].removeprefix(BOM).decode().split("\r\n")
    return [(line[:12], json.loads(line[12:])) for line in lines if line]


def streams_in(folder: Path) -> dict[str, bytes]:
    return {path.name: BOM + path.read_bytes().removeprefix(BOM) for path in sorted(folder.iterdir())}


def zero_of(streams: dict[str, bytes]) -> datetime | None:
    """FastF1's rule for the moment of a stream's zero: the latest date less session time of any sample."""
    latest = []
    for name, layout in (("CarData.z.jsonStream", CAR_DATA), ("Position.z.jsonStream", POSITION)):
        if name in streams:
            cars, _ = read_feed(read_stream(streams[name], name).records, layout)
            latest += [(car.date - car.time).max().astype("datetime64[ms]") for car in cars.values()]
    return datetime.fromisoformat(f"{max(latest)}+00:00") if latest else None


def in_pieces(lines: list, seed: int) -> list[bytes]:
    """The same lines as five files that overlap, one of them twice, in no order; telemetry late by some lines."""
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(len(lines)), 4))
    pieces = [lines[max(start - 300, 0) : stop] for start, stop in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    pieces.append(pieces[2])
    chance.shuffle(pieces)
    return [as_python(piece) for piece in pieces]


@pytest.fixture(scope="module")
def sample_streams(sample_cache: Path) -> dict[str, bytes]:
    session = located_sample(sample_cache, 1, "R")
    urls = {url.rpartition("/")[2]: url for url in stream_urls(session, STREAMS).values()}
    bodies = read_bodies(sample_cache, urls.values())
    return {name: BOM + bodies[url].removeprefix(BOM) for name, url in urls.items() if url in bodies}


def test_a_recorded_session_is_its_static_files_again(sample_streams):
    zero = zero_of(sample_streams)
    lines = recorded(sample_streams, zero)
    recording = parsed(*in_pieces(lines, 1))
    assert recording.streams == sample_streams
    assert recording.messages == len(lines)
    assert recording.zero_utc == recording.first_utc == zero
    assert recording.unreadable == 0 and recording.duplicates > 300


@pytest.mark.recorded
@pytest.mark.skipif(not STATIC.is_dir(), reason="needs the recorded sessions")
@pytest.mark.parametrize("folder", [BAHRAIN, *TIMING_ONLY])
def test_real_static_files_come_back(folder):
    streams = streams_in(STATIC / folder)
    if "SessionInfo.jsonStream" not in streams:
        streams["SessionInfo.jsonStream"] = BOM + b'00:00:00.000{"Key":9472}\r\n'
    zero = zero_of(streams) or datetime(2024, 6, 22, 13, 46, 33, 829_000, tzinfo=UTC)
    recording = parsed(*in_pieces(recorded(streams, zero), 2))
    assert recording.streams == streams
    assert recording.zero_utc == zero


@pytest.mark.recorded
@pytest.mark.skipif(not MEXICO.is_file(), reason="needs the recorded messages")
def test_sixteen_real_minutes_are_read_whole():
    recording = read_recordings([MEXICO])
    assert (recording.messages, recording.unreadable, recording.duplicates, recording.breaks) == (2116, 0, 0, ())
    assert recording.identity is None
    zero = np.datetime64(recording.zero_utc.replace(tzinfo=None))
    for name, layout, samples in (("CarData.z", CAR_DATA, 3617), ("Position.z", POSITION, 3693)):
        stream = f"{name}.jsonStream"
        cars, warnings = read_feed(read_stream(recording.streams[stream], stream).records, layout)
        racing = {number: car for number, car in cars.items() if not number.startswith("24") or len(number) < 3}
        assert len(racing) == 20 and {len(car.time) for car in racing.values()} == {samples} and not warnings
        for car in racing.values():
            assert np.timedelta64(950, "s") < car.time[-1] < np.timedelta64(955, "s")
            # The zero that FastF1 finds is the recording's, to the millisecond.
            assert zero <= (car.date - car.time).max() < zero + np.timedelta64(1, "ms")
    fastf1 = LiveTimingData(str(MEXICO))
    for topic in fastf1.list_categories():
        ours = messages_of(recording, topic) if not topic.endswith(".z") else None
        theirs = sorted(at for at, _ in fastf1.get(topic))
        if ours is not None:
            first = datetime.strptime(ours[0][0], "%H:%M:%S.%f")
            apart = [
                abs((datetime.strptime(at, "%H:%M:%S.%f") - first) - (their - theirs[0]))
                for (at, _), their in zip(ours, theirs, strict=True)
            ]
            assert max(apart) <= timedelta(milliseconds=1)


FORMS = {
    "python": lambda topic, data, at: f"{[topic, data, at]}",
    "json": lambda topic, data, at: json.dumps([topic, data, at]),
    "fixed": lambda topic, data, at: f"{[topic, data, at]}".replace("'", '"').replace("True", "true"),
    "old protocol": lambda topic, data, at: json.dumps(
        {"C": "d-1", "M": [{"H": "Streaming", "M": "feed", "A": [topic, data, at]}]}
    ),
    "new protocol": lambda topic, data, at: (
        json.dumps({"type": 1, "target": "feed", "arguments": [topic, data, at]}) + '\x1e{"type":6}\x1e'
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_say_the_same(form):
    written = "".join(FORMS[form](topic, data, stamp(at)) + "\n" for at, topic, data in LINES).encode()
    assert parsed(written) == parsed(as_python(LINES))


def test_texts_of_python_are_read_as_they_are_meant():
    said = {"a": 'CAR 1\'S "LAP"', "b": "é\n\\ \x00 True None", "c": [True, False, None, 1.5, -3], "d": "\U0001f3c1"}
    (message,) = read_messages(io.BytesIO(f"{['RaceControlMessages', said, '2024-03-02T14:05:23Z']}\n".encode()))
    assert json.loads(message.data) == said


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"'" + b"\\'" * 500_000,
        b"[" * 100_000,
        b"['TimingData', {'a': '\\ud800'}, '2024-03-02T14:05:23Z']",
        b"['../../etc/passwd', {}, '2024-03-02T14:05:23Z']",
        b"['TimingData', {}, '2024-13-02T14:05:23Z']",
        b"['TimingData', __import__('os'), '2024-03-02T14:05:23Z']",
        b"['CarData.z', {}, '2024-03-02T14:05:23Z']",
        b"['TimingData', " + b"{'a':" * 300 + b"1" + b"}" * 300 + b", '2024-03-02T14:05:23Z']",
        b"['TimingData', '" + b"x" * LONGEST_LINE_BYTES + b"', '2024-03-02T14:05:23Z']",
    ],
)
def test_a_line_that_is_none_costs_itself_alone(line):
    content = as_python(LINES)
    recording = parsed(line + b"\n" + content)
    assert recording.streams == parsed(content).streams
    assert recording.unreadable == bool(line)


def test_what_is_told_on_connecting_comes_before_what_is_sent():
    told = state({"SessionInfo": INFO, "DriverList": {"1": {"Tla": "VER"}}, "CarData.z": "7dY"})
    recording = parsed(told + as_python(LINES[2:]))
    assert messages_of(recording, "DriverList") == [("00:00:00.000", {"1": {"Tla": "VER"}})]
    assert recording.identity == Identity(9472, BAHRAIN)
    assert "CarData.z.jsonStream" not in recording.streams


def test_after_a_break_only_what_was_missed_is_new():
    before, after = LINES[:20], LINES[50:]
    told = state(
        {
            "SessionInfo": INFO,
            "TimingData": {
                "Lines": {"1": {"NumberOfLaps": 2, "Sectors": [{"Value": ""}, {"Value": "31.2"}], "Speed": "99"}}
            },
        }
    )
    recording = parsed(as_python(before) + told + as_python(after))
    (at, missed) = next(
        (at, said) for at, said in messages_of(recording, "TimingData")[1:] if "NumberOfLaps" in said["Lines"]["1"]
    )
    assert missed == {"Lines": {"1": {"NumberOfLaps": 2, "Sectors": {"1": {"Value": "31.2"}}, "Speed": "99"}}}
    assert at == f"00:00:{(after[0][0] - ZERO).seconds:02d}.000"
    assert recording.breaks == ((before[-1][0], after[0][0]),)


def test_a_recording_beside_another_adds_only_what_that_never_heard_of():
    old = {"1": {"NumberOfLaps": 0, "Tyre": "SOFT"}}
    second = state({"TimingData": {"Lines": old}}) + as_python(LINES[30:])
    recording = parsed(as_python(LINES), second)
    alone = parsed(as_python(LINES))
    assert recording.duplicates == len(LINES[30:])
    added = [one for one in messages_of(recording, "TimingData") if one not in messages_of(alone, "TimingData")]
    assert [said for _, said in added] == [{"Lines": {"1": {"Tyre": "SOFT"}}}]


def test_the_history_of_the_session_tells_what_was_not_heard():
    series = [
        {"Utc": stamp(ZERO - timedelta(minutes=10)), "SessionStatus": "Started"},
        {"Utc": stamp(ZERO - timedelta(minutes=5)), "TrackStatus": "SCDeployed"},
        {"Utc": stamp(ZERO + timedelta(seconds=10)), "TrackStatus": "AllClear"},
        {"Utc": "2001-01-01T00:00:00Z", "TrackStatus": "Red"},
        {"Utc": None, "TrackStatus": "Red"},
    ]
    told = state(
        {
            "SessionData": {"StatusSeries": series},
            "SessionStatus": {"Status": "Started"},
            "TrackStatus": {"Status": "4"},
        }
    )
    sent = [*LINES, (ZERO + timedelta(seconds=10), "TrackStatus", {"Status": "1", "Message": "AllClear"})]
    recording = parsed(told + as_python(sent))
    assert messages_of(recording, "SessionStatus") == [("00:00:00.000", {"Status": "Started"})]
    assert messages_of(recording, "TrackStatus") == [
        ("00:05:00.000", {"Status": "4", "Message": "SCDeployed"}),
        ("00:10:10.000", {"Status": "1", "Message": "AllClear"}),
    ]
    assert recording.zero_utc == ZERO - timedelta(minutes=10) and recording.first_utc == ZERO


def test_of_a_recorded_day_only_the_session_asked_for_is_taken():
    other = [
        (ZERO + timedelta(hours=2), "SessionInfo", {"Key": 9473, "Path": "2024/x/y/"}),
        (ZERO + timedelta(hours=2, seconds=1), "TimingData", {"Lines": {"1": {"NumberOfLaps": 9}}}),
    ]
    day = as_python([*LINES, *other])
    assert parsed(day, wanted=Identity(9472, None)).streams == parsed(as_python(LINES)).streams
    late = parsed(day, wanted=Identity(None, "2024/x/y"))
    assert late.identity == Identity(9473, "2024/x/y")
    assert messages_of(late, "TimingData") == [("00:00:01.000", {"Lines": {"1": {"NumberOfLaps": 9}}})]
    with pytest.raises(InputError, match=r"more than one session: 9472 .*, 9473 .*Say which"):
        parsed(day)


LATER = [(at + timedelta(hours=1), topic, data) for at, topic, data in LINES[30:]]
JUMPED = [
    (at - timedelta(seconds=100 if n > 150 else 0), topic, data)
    for n, (at, topic, data) in enumerate(
        (ZERO + timedelta(seconds=n), "TimingData", {"Lines": {"1": {"Speed": str(n)}}}) for n in range(300)
    )
]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([], "No recording was given"),
        ([b""], r"1\.txt is empty"),
        ([as_python(LINES), b""], r"2\.txt is empty"),
        ([bytes(range(256)) * 50], r"1\.txt is no recording of live timing"),
        ([state({"SessionInfo": INFO})], r"1\.txt is no recording of live timing"),
        ([as_python(LINES[:30] + LATER)], r"1\.txt cannot be right: .* up to 3600 s"),
        ([as_python(JUMPED)], r"says two different things of the time from 14:06:14 to 14:07:53 UTC"),
        (
            [as_python([(ZERO + timedelta(days=n), "TimingData", {}) for n in range(3)])],
            r"from 2024-03-02 14:05 to 2024-03-04 14:05, longer than a session",
        ),
        ([as_python(reversed([(ZERO + timedelta(hours=n / 12), "TimingData", {}) for n in range(250)]))], "250 pieces"),
    ],
)
def test_what_is_no_recording_of_a_session_is_refused(contents, message):
    with pytest.raises(InputError, match=message):
        parsed(*contents)


def test_another_session_is_refused():
    for wanted in (Identity(9999, None), Identity(None, "2024/other"), Identity(9472, "2024/other")):
        with pytest.raises(
            InputError, match=r"1\.txt is of another session: its SessionInfo says 9472 2024/2024-03-02"
        ):
            parsed(as_python(LINES), wanted=wanted)
    assert parsed(as_python(LINES), wanted=Identity(9472, BAHRAIN)).identity == Identity(9472, BAHRAIN)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read: .*none\.txt"):
        read_recordings([tmp_path / "none.txt"])
    with pytest.raises(InputError, match="cannot be read"):
        read_recordings([tmp_path])


def test_no_file_is_read_without_an_end(monkeypatch):
    monkeypatch.setattr("flows.upstream.live_heard._MOST_BYTES", 1000)
    with pytest.raises(InputError, match=r"1\.txt is larger than"):
        parsed(as_python(LINES))
    monkeypatch.undo()
    monkeypatch.setattr("flows.upstream.live_heard._MOST_MESSAGES", 20)
    with pytest.raises(InputError, match=r"1\.txt has more messages than a session can have"):
        parsed(as_python(LINES))


PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(as_python(LINES).splitlines(keepends=True)),
    st.sampled_from([state({"TimingData": {"Lines": {"1": [{"a": 1}]}}}), state({"SessionInfo": INFO}), b"{}\x1e"]),
    st.builds(
        lambda topic, data, second: as_python([(ZERO + timedelta(seconds=second), topic, data)]),
        st.sampled_from(["TimingData", "SessionInfo", "SessionData", "TrackStatus", "Heartbeat", "CarData.z"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("2024-03-02T14:05:23Z"),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["Key", "Path", "StatusSeries", "Utc", "SessionStatus", "Lines", "1"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
        st.integers(-100, 100),
    ),
)


@given(st.lists(st.lists(PIECES, max_size=12).map(b"".join), min_size=1, max_size=3))
def test_whatever_is_given_is_read_or_refused(contents):
    try:
        recording = parsed(*contents)
    except InputError:
        return
    assert recording.zero_utc <= recording.first_utc <= recording.last_utc
    for name, body in recording.streams.items():
        stream = read_stream(body, name)
        # Lines without an object are none that FastF1 could read.
        assert stream.lines == body.count(b"\r\n")
        times = [line[:12] for line in body.removeprefix(BOM).split(b"\r\n") if line]
        assert times == sorted(times)


def test_it_is_read_without_fastf1():
    code = f"import sys, {live_messages.__name__}, flows.upstream.live_recording; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"fastf1", "pandas", "prefect"} & set(done.stdout.split())
