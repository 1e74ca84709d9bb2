import dataclasses
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from frames_reader import decode_channel, decode_runs, read_json_gz
from hypothesis import given, settings
from hypothesis import strategies as st
from session_data import STATUSES, TYRES, frames, with_gap

from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.chunks import TOO_QUICK, encode_chunks
from publish.encode.files import BoundedPool
from transforms.declare import Channel
from transforms.errors import PublicationError
from transforms.frames import STATES, Frames

KEY = 9472


def encode(source: Frames, spool: Path) -> tuple[dict[str, dict], frozenset[str]]:
    with BoundedPool() as pool:
        objects, channels = encode_chunks(source, KEY, spool, pool)
    for entry in objects:
        document = read_json_gz(entry.file)
        assert (entry.fps, entry.start_ms) == (document["fps"], document["start_ms"])
        assert entry.end_ms == document["start_ms"] + document["ticks"] * 1000 // document["fps"]
    return {entry.path: read_json_gz(entry.file) for entry in objects}, channels


def with_cars(source: Frames, **cars) -> Frames:
    return dataclasses.replace(source, cars={**source.cars, **cars})


def whole_session(chunks: dict[str, dict], car: str, channel: Channel) -> list:
    paths = sorted(path for path in chunks if path.startswith("frames/25/"))
    return [value for path in paths for value in decode_channel(chunks[path], car, channel.name, asdict(channel))]


def overview_of(chunks: dict[str, dict], car: str, channel: Channel) -> list:
    return decode_channel(chunks["overview.json.gz"], car, channel.name, asdict(channel))


def assert_overview(chunks: dict[str, dict], source: Frames) -> None:
    for car in source.cars:
        for channel in CONTINUOUS + HELD:
            # Every other second is a tick at which the slow channels of the full rate have a value of their own.
            full = whole_session(chunks, car, channel)[::50]
            wanted = [None] * len(full) if channel.name in TOO_QUICK else full
            assert overview_of(chunks, car, channel)[::2] == wanted, (car, channel.name)


def expected(source: Frames, car: str, channel) -> list:
    values = getattr(source.cars[car], channel.column)
    if values is None:
        return [None] * source.clock.ticks
    if channel.kind == "continuous":
        return [None if np.isnan(v) else float(v) for v in values]
    names = {"compound": TYRES, "state": STATES}.get(channel.column)
    return [None if v < 0 else names[v] if names else int(v) for v in values]


def assert_decodes(source: Frames, chunks: dict[str, dict]) -> None:
    for car in source.cars:
        for channel in CONTINUOUS + HELD:
            got = whole_session(chunks, car, channel)
            want = expected(source, car, channel)
            if every := channel.every_ms * 25 // 1000:
                want = [want[tick - tick % every] for tick in range(len(want))]
            assert [v is None for v in got] == [v is None for v in want], (car, channel.name)
            if channel.kind == "held":
                assert got == want, (car, channel.name)
                continue
            pairs = [(g * channel.scale, w) for g, w in zip(got, want, strict=True) if g is not None]
            # Half a step, and as much again of the rounding before it.
            assert all(abs(g - w) <= 0.56 * channel.scale for g, w in pairs), (car, channel.name)


def test_every_channel_comes_back(tmp_path):
    source = frames(3001, cars=3)
    cars = list(source.cars)
    source = with_cars(
        source,
        **{
            # Gaps: single ticks, the first and the last of a chunk, across a chunk, one whole chunk of one channel.
            cars[0]: with_gap(with_gap(source.cars[cars[0]], 0, 1), 1490, 1510, "x_m", "gear", "compound", "state"),
            cars[1]: with_gap(with_gap(source.cars[cars[1]], 1500, 3000, "rpm", "lap"), 3000, 3001),
        },
    )
    chunks, channels = encode(source, tmp_path)
    assert_decodes(source, chunks)
    assert channels == {channel.name for channel in CONTINUOUS + HELD}


def test_chunks_end_on_the_minute_and_the_last_has_the_rest(tmp_path):
    chunks, _ = encode(frames(3001, cars=1), tmp_path)
    assert sorted(chunks) == [*(f"frames/25/000{i}.json.gz" for i in range(3)), "overview.json.gz"]
    ticks = {path: (c["start_ms"], c["ticks"]) for path, c in chunks.items()}
    assert ticks["frames/25/0000.json.gz"] == (0, 1500)
    assert ticks["frames/25/0001.json.gz"] == (60_000, 1500)
    assert ticks["frames/25/0002.json.gz"] == (120_000, 1)
    assert ticks["overview.json.gz"] == (0, 121)


def test_exactly_one_minute_is_one_chunk(tmp_path):
    chunks, _ = encode(frames(1500, cars=1), tmp_path)
    assert sorted(chunks) == ["frames/25/0000.json.gz", "overview.json.gz"]


def test_the_overview_is_every_25th_tick_of_the_whole_session(tmp_path):
    source = frames(3001, cars=2)
    chunks, _ = encode(source, tmp_path)
    assert_overview(chunks, source)


def test_known_values_are_written_as_the_contract_says(tmp_path):
    source = frames(12, cars=1)
    car = next(iter(source.cars.values()))
    car = dataclasses.replace(
        car,
        x_m=np.array([637.47, 638.67, 639.8, np.nan, np.nan, 630.0, 630.1, -0.04, *[np.nan] * 4], np.float32),
        y_m=np.array([1, 2, 4, 7, np.nan, 5, 5.1, np.nan, *[np.nan] * 4], np.float32),
        gap_s=np.array([0.0014, 7, 7, 7, 7, 7, 7, 7, 7, 7, np.nan, 7], np.float32),
        interval_s=np.array([1, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0.5, 7], np.float32),
        gear=np.array([7, 7, 8, 8, -1, -1, 8, 8, *[8] * 4], np.int8),
        brake=np.array([1, 0, 0, 0, 0, 0, 0, 0, *[0] * 4], np.int8),
        compound=np.array([0, 0, 0, 1, 1, 1, -1, -1, *[-1] * 4], np.int8),
        state=np.array([0, 1, 1, 1, 1, 1, 1, 5, *[5] * 4], np.int8),
    )
    source = dataclasses.replace(
        source,
        cars={"44": car},
        track_status=np.array([-1, 0, 0, 0, 2, 2, 2, 2, *[2] * 4], np.int8),
        leader_lap=np.array([0, 0, 0, 1, 1, 1, 1, 1, *[1] * 4], np.int16),
    )
    chunks, _ = encode(source, tmp_path)
    chunk = chunks["frames/25/0000.json.gz"]
    assert chunk["schema"] == "parcferme/frames/2" and chunk["session_key"] == KEY
    got = chunk["cars"]["44"]
    assert got["x"] == [6375, 12, -1, None, None, 6300, 1, -6302, *[None] * 4]
    assert got["y"] == [10, 10, 10, 10, None, 50, 1, *[None] * 5]
    assert got["gap"] == [1, None]
    assert got["interval"] == [1000, -500]
    assert got["gear"] == [[0, 7], [2, 8], [4, None], [6, 8]]
    assert got["brake"] == [[0, 1], [1, 0]]
    assert got["tyre"] == [[0, "SOFT"], [3, "MEDIUM"], [6, None]]
    assert got["state"] == [[0, "grid"], [1, "running"], [7, "finished"]]
    assert chunk["track_status"] == [[0, None], [1, STATUSES[0]], [4, STATUSES[2]]]
    assert chunk["leader_lap"] == [[0, 0], [3, 1]]


def test_what_is_absent_is_left_out(tmp_path):
    source = frames(1600, cars=3, drs=False)
    cars = list(source.cars)
    source = with_cars(
        source,
        **{
            cars[0]: with_gap(source.cars[cars[0]], 0, 1500, "x_m"),
            cars[1]: with_gap(source.cars[cars[1]], 0, 1600),
            cars[2]: with_gap(source.cars[cars[2]], 1500, 1600),
        },
    )
    source = dataclasses.replace(source, leader_lap=np.full(1600, -1, np.int16))
    chunks, channels = encode(source, tmp_path)
    first, second = (chunks[f"frames/25/000{i}.json.gz"] for i in range(2))
    assert "x" not in first["cars"][cars[0]] and "x" in second["cars"][cars[0]]
    assert list(first["cars"]) == [cars[0], cars[2]] and list(second["cars"]) == [cars[0]]
    assert all("drs" not in c for chunk in chunks.values() for c in chunk["cars"].values())
    assert "drs" not in channels and "x" in channels
    assert decode_runs(first["leader_lap"], 1500) == [None] * 1500


def test_no_cars_no_chunks(tmp_path):
    source = dataclasses.replace(frames(100, cars=1), cars={})
    assert encode(source, tmp_path) == ({}, frozenset())


def test_progress_goes_up_to_one(tmp_path):
    heard: list[float] = []
    with BoundedPool() as pool:
        encode_chunks(frames(3001, cars=1), KEY, tmp_path, pool, heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0


def test_a_full_disk_stops_it(tmp_path):
    (tmp_path / "frames/25").mkdir(parents=True)
    (tmp_path / "frames/25/0000.json.gz").symlink_to("/dev/full")
    with pytest.raises(PublicationError, match="No space left"):
        encode(frames(200, cars=1), tmp_path)


@st.composite
def any_frames(draw: st.DrawFn) -> Frames:
    """A session about as long as a second or a chunk, whose channels come, go and jump where they like."""
    ticks = draw(st.sampled_from((1, 2, 24, 25, 26, 60, 1499, 1500, 1501, 1526)))
    source = frames(ticks, draw(st.integers(1, 3)), draw(st.integers(0, 99)), drs=draw(st.booleans()))
    cars = {
        number: {c.column: getattr(car, c.column) for c in CONTINUOUS + HELD} for number, car in source.cars.items()
    }
    tick = st.integers(0, ticks) | st.sampled_from((0, 1, ticks - 1, ticks))
    highest = {"compound": len(TYRES) - 1, "state": len(STATES) - 1}
    for _ in range(draw(st.integers(0, 8))):
        values, channel = cars[draw(st.sampled_from(sorted(cars)))], draw(st.sampled_from(CONTINUOUS + HELD))
        any_value = (
            st.sampled_from((np.nan, np.inf, -0.0)) | st.floats(-1000, 1000, width=32)
            if channel.kind == "continuous"
            else st.integers(-1, highest.get(channel.column, 127))
        )
        start, stop, value = draw(tick), draw(tick), draw(any_value)
        if values[channel.column] is not None:
            values[channel.column] = values[channel.column].copy()
            values[channel.column][start:stop] = value
    made = {number: dataclasses.replace(source.cars[number], **values) for number, values in cars.items()}
    return dataclasses.replace(source, cars=made)


@settings(max_examples=40)
@given(any_frames())
def test_whatever_the_channels_do_they_come_back(tmp_path_factory, source):
    chunks, channels = encode(source, tmp_path_factory.mktemp("chunks"))
    # What is not finite is published as a gap.
    finite = {
        number: dataclasses.replace(
            car, **{c.column: np.where(np.isfinite(v := getattr(car, c.column)), v, np.nan) for c in CONTINUOUS}
        )
        for number, car in source.cars.items()
    }
    source = dataclasses.replace(source, cars=finite)
    assert_decodes(source, chunks)
    assert_overview(chunks, source)
    for car in source.cars:
        for channel in CONTINUOUS + HELD:
            assert (channel.name in channels) or set(whole_session(chunks, car, channel)) == {None}
    statuses = [runs for path in sorted(chunks) if "/25/" in path for runs in chunk_statuses(chunks[path])]
    assert statuses == [None if code < 0 else STATUSES[code] for code in source.track_status]


def chunk_statuses(chunk: dict) -> list:
    return decode_runs(chunk["track_status"], chunk["ticks"])
