"""The telemetry feeds are decoded as FastF1 does it, to the cell: FastF1's own parsers say what is right."""

import ast
import base64
import inspect
import json
import logging
import pickle
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastf1 import _api
from fastf1.core import Session
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sample_sessions import located_sample

from flows.upstream.client import Client
from flows.upstream.http_cache import read_bodies
from flows.upstream.patches import telemetry_decoded
from flows.upstream.services import LIVE_TIMING, stream_urls
from flows.upstream.streams import read_stream
from flows.upstream.telemetry import (
    Frames,
    Parsed,
    car_samples,
    latest_origin,
    parse_car_data,
    parse_position_data,
    position_samples,
)
from flows.upstream.topics import STREAMS

SHARED = Path(__file__).parents[4] / "shared"
PARSERS = {"car_data": parse_car_data, "position_data": parse_position_data}
START = datetime(2024, 3, 2, 14, 5, 23, 61_979)


@contextmanager
def warnings_of_parsers() -> Iterator[list[str]]:
    """What FastF1's parsers warn of in the block."""
    said: list[str] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    collector = _Collector(logging.WARNING)
    _api._logger.addHandler(collector)
    try:
        yield said
    finally:
        _api._logger.removeHandler(collector)


def parse_as_fastf1(topic: str, records: list[str]) -> tuple[Frames | None, list[str]]:
    """What FastF1's parser makes of a feed and warns of; None for the frames: it gives up."""
    with warnings_of_parsers() as said:
        try:
            return inspect.unwrap(getattr(_api, topic))("nowhere", response=list(records)), said
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            return None, said


def cells_equal(topic: str, records: list[str]) -> int:
    """Assert that a feed is decoded here, and that frames and warnings are FastF1's; the number of cells."""
    parsed = PARSERS[topic](records)
    assert parsed is not None
    return compare(parsed, *parse_as_fastf1(topic, records))


def compare(parsed: Parsed, frames: Frames | None, said: list[str]) -> int:
    assert frames is not None and list(parsed.frames) == list(frames)
    for number, frame in frames.items():
        pd.testing.assert_frame_equal(parsed.frames[number], frame, check_exact=True)
    assert parsed.warnings == said
    return sum(frame.size for frame in frames.values())


# Feeds that are made up.


def packed(message: Any) -> str:
    return packed_bytes(json.dumps(message).encode())


def packed_bytes(content: bytes) -> str:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return '"' + base64.b64encode(packer.compress(content) + packer.flush()).decode() + '"'


def time_of(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def stamp_of(ms: int, digits: int = 7) -> str:
    date = START + timedelta(milliseconds=ms)
    fraction = f"{date.microsecond:06}0"[:digits]
    return f"{date:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"


def channels(rpm: int = 9000, speed: int = 200, gear: int = 5, throttle: int = 60, brake: int = 0) -> dict[str, Any]:
    return {"Channels": {"0": rpm, "2": speed, "3": gear, "4": throttle, "5": brake, "45": 8}}


def place(x: int = 1, y: int = -2, z: int = 3, status: str = "OnTrack") -> dict[str, Any]:
    return {"Status": status, "X": x, "Y": y, "Z": z}


def message_of(topic: str, entries: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    if topic == "car_data":
        return {"Entries": [{"Utc": stamp, "Cars": cars} for stamp, cars in entries]}
    return {"Position": [{"Timestamp": stamp, "Entries": cars} for stamp, cars in entries]}


def one_line(topic: str, cars: dict[str, Any], ms: int = 1000, stamp: str | None = None) -> str:
    return time_of(ms) + packed(message_of(topic, [(stamp or stamp_of(ms), cars)]))


WHOLE = st.integers(-(2**40), 2**40) | st.sampled_from([0, 1, 50, 99, 100, 104, -1, True, 2**53 + 1, 2**62])


@st.composite
def cars_of(draw: st.DrawFn, topic: str, odd: bool) -> dict[str, Any]:
    """What an entry has of any cars: all their channels, or some."""
    cars = {}
    for number in draw(st.lists(st.sampled_from(["1", "44", "16", "4", "63"]), unique=True, max_size=5)):
        fields = channels() if topic == "car_data" else place()
        values = fields["Channels"] if topic == "car_data" else fields
        for name in values:
            if name == "Status":
                values[name] = draw(st.sampled_from(["OnTrack", "OffTrack"]))
            else:
                values[name] = draw(WHOLE)
        droppable = [name for name in values if name != "Status" or odd]
        for name in draw(st.lists(st.sampled_from(droppable), max_size=draw(st.sampled_from([0, 0, 0, 1])))):
            values.pop(name, None)
        if odd and values:
            name = draw(st.sampled_from(sorted(values)))
            values[name] = draw(ODD)
        cars[number] = fields if not odd else draw(st.sampled_from([fields, fields, {}, None, [], "x"]))
    return cars


ODD = st.sampled_from([1, 1.0, 1.5, None, "12", "x", "", "0", "1", [], {}, False, 2**63, -(2**63), 2**80, "OffTrack"])
GARBAGE = (
    "",
    '"',
    '""',
    '"!!!"',
    "{}",
    '{"Entries":[]}',
    '{"Position":[]}',
    packed_bytes(b""),
    packed_bytes(b"[]"),
    packed_bytes(b'"x"'),
    packed_bytes(b"{"),
    packed_bytes(b"\xff"),
    packed_bytes(b'{"\xff":1}'),
    packed_bytes(b" {}"),
    packed_bytes(b"\xef\xbb\xbf{}"),
    packed_bytes(b'{"Entries":[],"Position":[],"x":"\\ud800"}'),
    packed_bytes(b'{"Entries":[],"Position":[],"x":NaN}'),
    packed_bytes(b'{"Entries":[],"Position":[],"x":01}'),
    packed_bytes(b'{"Entries":[],"Position":[],"Entries":[],"Position":[]}'),
    packed_bytes(b'{"Entries":[],"Position":[],"x":' + b"[" * 5000),
    packed({"Entries": [], "Position": []})[:-8],
    packed({"Entries": [], "Position": []}) + "trailing",
    packed({"Entries": [], "Position": []}).strip('"'),
    packed({"Entries": [], "Position": []}).replace('"', ' "'),
    "\u0661\u0662\u0663",
)
#: What FastF1 fails at in its very own way, so that it has to do it itself.
OTHER_MESSAGES = st.sampled_from(
    [{}, *({"Entries": entries, "Position": entries} for entries in ({}, None, [{}], [None], "ab"))]
)
STAMPS = st.sampled_from(
    ["2024-03-02T14:05:23Z", "2024-03-02T14:05:23", "2024-03-02T14:05:23.1", "2024-03-02T14:05:23.1234567890Z"]
)
ODD_STAMPS = st.sampled_from(
    [
        "",
        "now",
        "NaT",
        "2024-02-30T00:00:00Z",
        "2024-03-02T24:00:00Z",
        "2024-03-02T23:59:60Z",
        "2024-3-2T1:2:3Z",
        "2024-03-02",
        "1600-01-01T00:00:00Z",
        "2024-03-02T14:05:23.Z",
        "2024-03-02T14:05:23123Z",
        "Z2024-03-02T14:05:23",
        "2024-03-02 14:05:23",
        "2024-03-02T14:05:23+00:00",
        "\u0662\u0660\u0662\u0664-03-02T14:05:23Z",
        None,
        5,
    ]
)


@st.composite
def feeds(draw: st.DrawFn, topic: str, *, odd: bool) -> list[str]:
    """Lines of a feed with everything that happens to one; ``odd``: and what never did."""
    records = []
    for _ in range(draw(st.integers(1, 6))):
        time = time_of(draw(st.integers(0, 20_000)))
        kind = draw(st.sampled_from(["whole"] * 8 + ["garbage"] + ["other"] * odd))
        if kind == "garbage":
            records.append(time + draw(st.sampled_from(GARBAGE)))
            continue
        if kind == "other":
            records.append(time + packed(draw(OTHER_MESSAGES)))
            continue
        entries = []
        for _ in range(draw(st.integers(0, 5))):
            digits = st.integers(0, 7)
            # Few moments, so that some come twice, and not in order.
            stamps = st.builds(stamp_of, st.integers(0, 8).map(lambda n: n * 120), digits) | STAMPS
            rare = odd and draw(st.integers(0, 9)) == 0
            entries.append((draw(ODD_STAMPS if rare else stamps), draw(cars_of(topic, odd and draw(st.booleans())))))
        records.append(time + packed(message_of(topic, entries)))
    return records


made_up = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("topic", PARSERS)
@made_up
@given(st.data())
def test_a_feed_is_what_fastf1_makes_of_it_or_is_left_to_it(topic: str, data: st.DataObject) -> None:
    records = data.draw(feeds(topic, odd=data.draw(st.booleans())))
    parsed = PARSERS[topic](records)
    if parsed is not None:
        compare(parsed, *parse_as_fastf1(topic, records))


@st.composite
def common_feeds(draw: st.DrawFn, topic: str) -> list[str]:
    """Feeds whose first line has every car, so that none is without samples."""
    whole = {number: channels() if topic == "car_data" else place() for number in ("44", "1", "63", "16", "4")}
    records = [one_line(topic, whole), *draw(feeds(topic, odd=False))]
    return [record for record in records if not is_left_to_fastf1(record[12:])]


def is_left_to_fastf1(payload: str) -> bool:
    """Whether it is a payload of :data:`GARBAGE` that is nothing like a packed message."""
    left = (packed_bytes(b"[]"), packed_bytes(b'"x"'), packed_bytes(b" {}"), packed_bytes(b"\xef\xbb\xbf{}"))
    return payload.startswith("{") or payload in (*left, packed_bytes(b""), packed_bytes(b"\xff"))


@pytest.mark.parametrize("topic", PARSERS)
@made_up
@given(st.data())
def test_what_happens_to_feeds_is_decoded_here(topic: str, data: st.DataObject) -> None:
    assert cells_equal(topic, data.draw(common_feeds(topic))) > 0


@pytest.mark.parametrize("topic", PARSERS)
@pytest.mark.parametrize("payload", GARBAGE)
def test_each_kind_of_garbage_costs_what_it_costs_fastf1(topic: str, payload: str) -> None:
    car = channels() if topic == "car_data" else place()
    records = [one_line(topic, {"1": car}), f"00:00:01.500{payload}", one_line(topic, {"1": car}, 2000)]
    if is_left_to_fastf1(payload):
        assert PARSERS[topic](records) is None
    else:
        assert cells_equal(topic, records) > 0


@pytest.mark.parametrize("topic", PARSERS)
@pytest.mark.parametrize(
    "odd",
    [
        lambda topic: one_line(topic, {"1": channels(speed=1.5) if topic == "car_data" else place(x=1.5)}),
        lambda topic: one_line(topic, {"1": channels(speed="200") if topic == "car_data" else place(status="1")}),
        lambda topic: one_line(topic, {"1": channels(speed=2**70) if topic == "car_data" else place(status=None)}),
        lambda topic: one_line(topic, {"1": {}}),
        lambda topic: one_line(topic, {"1": channels() if topic == "car_data" else place()}, stamp="today"),
        lambda topic: "00:00:01.000" + packed({"Other": []}),
        lambda topic: "0:00:01.0000" + packed(message_of(topic, [])),
    ],
)
def test_what_is_not_certain_is_left_to_fastf1(topic: str, odd: Any) -> None:
    assert PARSERS[topic]([odd(topic)]) is None


def test_no_line_is_no_car() -> None:
    assert parse_car_data([]) == Parsed({}, []) == parse_position_data([])


def test_a_season_without_drs_has_zeros() -> None:
    fields = channels()
    del fields["Channels"]["45"]
    records = [one_line("car_data", {"1": fields})]
    assert cells_equal("car_data", records) == 9
    parsed = parse_car_data(records)
    assert parsed is not None and parsed.frames["1"]["DRS"].tolist() == [0]


# FastF1 asks, decodes and keeps by way of these.


@pytest.mark.parametrize("topic", PARSERS)
@pytest.mark.parametrize("odd", [False, True])
def test_fastf1_keeps_what_is_decoded_here_or_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str, odd: bool
) -> None:
    speed: Any = "200" if odd else 200
    car = channels(speed=speed) if topic == "car_data" else place(status="1" if odd else "OffTrack")
    late = channels() if topic == "car_data" else place()
    lines = [one_line(topic, {"44": car, "1": car}), one_line(topic, {"1": late}, 1200), "00:00:02.000nonsense"]
    assert (PARSERS[topic](lines) is None) == odd
    frames, said = parse_as_fastf1(topic, lines)
    assert frames is not None and len(said) == 2
    asked: list[tuple[str, str]] = []

    def fetch_page(path: str, name: str) -> list[str] | None:
        asked.append((path, _api.pages[name]))
        return lines if len(asked) == 1 else None

    monkeypatch.setattr(_api, "fetch_page", fetch_page)
    client = Client(tmp_path, offline=True)
    with client.at_work(), telemetry_decoded(), warnings_of_parsers() as heard:
        for _ in range(2):
            read = getattr(_api, topic)("/static/2024/somewhere/")
            assert list(read) == list(frames)
            for number, frame in frames.items():
                pd.testing.assert_frame_equal(read[number], frame, check_exact=True)
        with pytest.raises(_api.SessionNotAvailableError):
            getattr(_api, topic)("/static/2024/elsewhere/")
    assert heard == said
    assert asked == [(f"/static/2024/{where}/", STREAMS[topic]) for where in ("somewhere", "elsewhere")]
    kept = pickle.loads((tmp_path / "2024" / "somewhere" / f"{topic}.ff1pkl").read_bytes())["data"]
    pd.testing.assert_frame_equal(kept["44"], frames["44"], check_exact=True)


def test_afterwards_fastf1_is_as_it_was() -> None:
    before = [getattr(_api, topic) for topic in PARSERS], Session._load_telemetry
    with telemetry_decoded():
        inside = [getattr(_api, topic) for topic in PARSERS], Session._load_telemetry
    assert ([getattr(_api, topic) for topic in PARSERS], Session._load_telemetry) == before != inside


# A session as FastF1 loads it, and as it is loaded here.


def load_both(cars: Frames, positions: Frames, drivers: list[str]) -> tuple[Any, Any]:
    """What ``Session._load_telemetry`` makes of topics: FastF1's own, and the one of :func:`telemetry_decoded`."""
    loaded = []
    for load in (Session._load_telemetry, None):
        with pytest.MonkeyPatch.context() as patch:
            with telemetry_decoded():
                ours = Session._load_telemetry
            patch.setattr(_api, "car_data", lambda _path, **_: dict(cars))
            patch.setattr(_api, "position_data", lambda _path, **_: dict(positions))
            session = object.__new__(Session)
            session.__dict__.update(api_path="/static/x/", event=SimpleNamespace(year=2024), name="Race")
            session._results = pd.DataFrame({"DriverNumber": drivers})
            (load or ours)(session)
        loaded.append(session)
    return loaded[0], loaded[1]


def assert_same_samples(cars: Frames, positions: Frames, drivers: list[str]) -> int:
    """Assert that samples and origin are those of FastF1's session; how many values they have."""
    theirs, ours = load_both(cars, positions, drivers)
    same_origin = theirs._t0_date == ours._t0_date or (theirs._t0_date is ours._t0_date)
    assert same_origin
    values = 0
    for name, read in (
        ("_car_data", lambda frame, t0: car_samples(frame, t0, has_drs=True)),
        ("_pos_data", position_samples),
    ):
        known, read_here = getattr(theirs, name), getattr(ours, name)
        assert list(known) == list(read_here)
        for number, frame in known.items():
            samples = read(read_here[number], ours._t0_date)
            time_ns = frame["SessionTime"].to_numpy("timedelta64[ns]").astype(np.int64)
            expected = {"time_ms": (time_ns + 500_000) // 1_000_000}
            if name == "_car_data":
                columns = {"speed_kmh": "Speed", "rpm": "RPM", "throttle_percent": "Throttle"}
                expected |= {ours: frame[column].to_numpy(np.float64) for ours, column in columns.items()}
                expected |= {"gear": frame["nGear"].to_numpy(np.int16), "drs": frame["DRS"].to_numpy(np.int16)}
                expected |= {"brake": frame["Brake"].to_numpy(np.bool_)}
            else:
                expected |= {f"{axis.lower()}_m": frame[axis].to_numpy(np.float64) * 0.1 for axis in "XYZ"}
                expected |= {"on_track": (frame["Status"] == "OnTrack").to_numpy(np.bool_)}
            for field, array in expected.items():
                assert getattr(samples, field).dtype == array.dtype
                np.testing.assert_array_equal(getattr(samples, field), array)
                values += array.size
    return values


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(common_feeds("car_data"), common_feeds("position_data"), st.permutations(["1", "44", "16", "99"]))
@example([], [], ["1"])
def test_samples_and_origin_are_those_of_fastf1s_session(
    cars: list[str], positions: list[str], drivers: list[str]
) -> None:
    parsed = [parse_car_data(cars), parse_position_data(positions)]
    frames = [one.frames if one else {} for one in parsed]
    assert_same_samples(frames[0], frames[1], drivers)


def test_a_first_car_that_begins_without_a_time_leaves_no_origin() -> None:
    late = [one_line("car_data", {"44": channels()}, 2000), one_line("car_data", {"1": channels()}, 1000)]
    late.append(one_line("car_data", {"1": channels()}, 3000))
    parsed = parse_car_data(late)
    assert parsed is not None and list(parsed.frames) == ["44", "1"]
    assert latest_origin(parsed.frames, {}) is pd.NaT
    assert_same_samples(parsed.frames, {}, ["1", "44"])


# Feeds that were sent, and those of the sample season.


def stream_of(body: bytes, topic: str) -> list[str]:
    return read_stream(body, STREAMS[topic]).records


@pytest.fixture(scope="module")
def recorded_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (SHARED / "tools").is_dir():
        pytest.skip("the recorded sessions are not here: ../shared is missing")
    folder = tmp_path_factory.mktemp("recorded-cache")
    restore = [sys.executable, str(SHARED / "tools" / "restore_fastf1_cache.py"), str(folder)]
    subprocess.run(restore, check=True, capture_output=True)
    return folder


@pytest.mark.recorded
@pytest.mark.parametrize("topic", PARSERS)
def test_every_recorded_feed_is_decoded_as_fastf1_does_it(recorded_cache: Path, topic: str) -> None:
    sessions = [topics.parent.relative_to(recorded_cache) for topics in recorded_cache.rglob("session_info.ff1pkl")]
    urls = [f"{LIVE_TIMING}/static/{session}/{STREAMS[topic]}" for session in sessions]
    bodies = read_bodies(recorded_cache, urls)
    cells = sum(cells_equal(topic, stream_of(body, topic)) for body in bodies.values())
    # Bahrain and Monaco 2024.
    assert len(bodies) == 2 and cells > 11_000_000


@pytest.mark.recorded
@pytest.mark.parametrize("topic", PARSERS)
def test_messages_as_the_live_feed_sent_them_are_decoded_as_fastf1_does_it(topic: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("the recorded messages are not here: ../shared is missing")
    lines = (SHARED / "data" / "raw_messages" / "2024-mexico-fp3.txt").read_text().splitlines()
    messages = [ast.literal_eval(line) for line in lines]
    feed = STREAMS[topic].removesuffix(".jsonStream")
    records = [f'{date[11:23]}"{payload}"' for name, payload, date in messages if name == feed]
    assert cells_equal(topic, records) > 100_000


@pytest.mark.recorded
@pytest.mark.parametrize("topic", PARSERS)
def test_a_topic_that_fastf1_parsed_is_read_as_it_reads_it(recorded_cache: Path, topic: str) -> None:
    folders = [path.parent for path in recorded_cache.rglob(f"{topic}.ff1pkl")]
    # Only what FastF1 parsed is left of Australia 2025.
    assert len(folders) == 1
    parsed = [pickle.loads((folders[0] / f"{name}.ff1pkl").read_bytes())["data"] for name in PARSERS]
    assert assert_same_samples(parsed[0], parsed[1], list(parsed[0])) > 1_000_000


@pytest.mark.parametrize("topic", PARSERS)
@pytest.mark.parametrize("round_code", [(1, "R"), (1, "Q"), (3, "R")])
def test_the_sample_season_is_decoded_as_fastf1_does_it(sample_cache: Path, round_code: tuple, topic: str) -> None:
    located = located_sample(sample_cache, *round_code)
    (body,) = read_bodies(sample_cache, stream_urls(located, [topic]).values()).values()
    assert cells_equal(topic, stream_of(body, topic)) > 10_000
