import dataclasses
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_data import frames, row_frames, rows_of, with_gap

import publish.encode.rows
from publish.encode.files import BoundedPool
from publish.encode.rows import encode_rows
from transforms.errors import PublicationError
from transforms.frames import RowFrames, Rows


def reference(rows: Rows, skip: int) -> dict:
    """The format as DESIGN describes it, one value at a time."""

    def number(value: float, decimals: int = 1) -> float | None:
        return round(float(value), decimals) if math.isfinite(value) else None

    whole = rows.block(0, rows.count)
    made = []
    for i in range(0, rows.count, skip):
        drivers = {}
        for k, code in enumerate(rows.codes):
            if not math.isnan(whole.x_m[i, k]):
                drivers[code] = {
                    "x": number(10.0 * float(whole.x_m[i, k])),
                    "y": number(10.0 * float(whole.y_m[i, k])),
                    "dist": number(whole.distance_m[i, k]),
                    "lap": int(whole.lap[i, k]),
                    "rel_dist": number(whole.rel_dist[i, k]),
                    "tyre": int(whole.tyre[i, k]),
                    "position": int(whole.position[i, k]),
                    "speed": known(whole.speed_kmh[i, k]),
                    "gear": known(whole.gear[i, k]),
                    "drs": known(whole.drs[i, k]),
                }
        made.append({"t": number(whole.t_s[i], 2), "lap": int(whole.leader_lap[i]), "drivers": drivers})
    return {
        "frames": made,
        "driver_colors": {code: list(color) for code, color in zip(rows.codes, rows.colors, strict=True)},
        "track_statuses": [{"status": s, "start_time": a, "end_time": b} for s, a, b in rows.statuses],
    }


def known(value) -> int | None:
    return int(value) if value >= 0 else None


def encode(rows: Rows, spool: Path) -> dict[str, bytes]:
    with BoundedPool() as pool:
        objects = encode_rows(rows, spool, pool)
    assert [entry.path for entry in objects] == [f"rows/skip_{n}.json.gz" for n in range(1, 11)]
    assert all(entry.rows == len(range(0, rows.count, n)) for n, entry in enumerate(objects, 1))
    return {entry.path: gzip.decompress(entry.file.read_bytes()) for entry in objects}


@pytest.fixture
def rows() -> Rows:
    source = frames(173, cars=4)
    cars = list(source.cars)
    with_gaps = {
        cars[0]: with_gap(source.cars[cars[0]], 30, 90),
        cars[1]: with_gap(source.cars[cars[1]], 0, 173, "x_m"),
        cars[2]: with_gap(source.cars[cars[2]], 60, 70, "y_m"),
        cars[3]: with_gap(source.cars[cars[3]], 30, 40),
    }
    made = row_frames(dataclasses.replace(source, cars=with_gaps))
    # A frame without any car, values that round to zero from below, and text that needs escaping.
    made.x_m[35, :] = np.nan
    made.x_m[50:52, 3] = (-0.004, 0.004)
    return rows_of(made, ('A"B', "NOR", "Ö", "SAI"))


@pytest.mark.parametrize("block", [2000, 7, 64])
def test_the_same_as_the_slow_reference(tmp_path, monkeypatch, rows, block):
    monkeypatch.setattr(publish.encode.rows, "_BLOCK", block)
    files = encode(rows, tmp_path)
    for skip in range(1, 11):
        assert json.loads(files[f"rows/skip_{skip}.json.gz"]) == reference(rows, skip), skip


def test_fields_keep_their_order_and_numbers_are_json(tmp_path, rows):
    text = encode(rows, tmp_path)["rows/skip_1.json.gz"]
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(document) == ["frames", "driver_colors", "track_statuses"]
    assert list(document["frames"][0]) == ["t", "lap", "drivers"]
    car = document["frames"][0]["drivers"]["SAI"]
    fields = ["x", "y", "dist", "lap", "rel_dist", "tyre", "position", "speed", "gear", "drs"]
    assert list(car) == fields
    assert b"-0," not in text and b"-0.0" not in text and b"e+" not in text
    assert document["frames"][35]["drivers"] == {}


def test_what_is_not_known_is_null_and_never_a_number(tmp_path, rows):
    whole = rows.block(0, rows.count)
    whole.drs[:, 0] = -1
    document = json.loads(encode(rows_of(whole, rows.codes), tmp_path)["rows/skip_1.json.gz"])
    first = rows.codes[0]
    assert {frame["drivers"][first]["drs"] for frame in document["frames"] if first in frame["drivers"]} == {None}


def test_every_nth_frame_starts_at_the_first(tmp_path, rows):
    files = encode(rows, tmp_path)
    times = [frame["t"] for frame in json.loads(files["rows/skip_7.json.gz"])["frames"]]
    assert times[:3] == [0.0, 0.28, 0.56] and len(times) == 25


def test_no_frames_is_a_valid_file(tmp_path, rows):
    assert json.loads(encode(dataclasses.replace(rows, count=0), tmp_path)["rows/skip_3.json.gz"])["frames"] == []


def test_a_full_disk_stops_it(tmp_path, rows):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/skip_4.json.gz").symlink_to("/dev/full")
    with pytest.raises(PublicationError, match="skip_4"):
        encode(rows, tmp_path)


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    """A few frames of any numbers that have a row's decimals or one more, but never lie in the middle of two."""
    count, cars = draw(st.integers(0, 25)), draw(st.integers(1, 4))

    def column(shape: tuple[int, ...], low: int, high: int, dtype: type) -> np.ndarray:
        values = st.lists(st.integers(low, high), min_size=(size := math.prod(shape)), max_size=size)
        return np.array(draw(values), np.int64).reshape(shape).astype(dtype)

    def decimals(shape: tuple[int, ...], low: float, high: float, digits: int, dtype: type) -> np.ndarray:
        whole = column(shape, int(low * 10**digits), int(high * 10**digits), np.int64)
        fine = whole * 10 + column(shape, -4, 4, np.int64)
        return (fine / 10 ** (digits + 1)).astype(dtype)

    both = (count, cars)
    x_m = decimals(both, -2_000, 2_000, 2, np.float32)
    x_m[column(both, 0, 3, np.int64) == 0] = np.nan
    y_m = decimals(both, -2_000, 2_000, 2, np.float32)
    y_m[column(both, 0, 9, np.int64) == 0] = np.nan
    whole = RowFrames(
        t_s=decimals((count,), 0, 9_000, 2, np.float64),
        leader_lap=column((count,), 1, 78, np.int16),
        x_m=x_m,
        y_m=y_m,
        distance_m=decimals(both, -10, 9_000, 1, np.float32),
        lap=column(both, 0, 78, np.int16),
        rel_dist=decimals(both, 0, 1, 1, np.float32),
        tyre=column(both, 0, 5, np.int8),
        position=column(both, 1, 22, np.int8),
        speed_kmh=column(both, -1, 380, np.int16),
        gear=column(both, -1, 8, np.int8),
        drs=column(both, -1, 14, np.int8),
    )
    codes = tuple(draw(st.lists(st.text(max_size=4), min_size=cars, max_size=cars, unique=True)))
    colors = tuple(draw(st.tuples(*[st.integers(0, 255)] * 3)) for _ in range(cars))
    return dataclasses.replace(rows_of(whole, codes), colors=colors)


@settings(max_examples=30)
@given(any_rows(), st.sampled_from((1, 3, 10, 2000)))
def test_any_rows_are_the_same_as_the_slow_reference(tmp_path_factory, rows, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish.encode.rows, "_BLOCK", block)
        files = encode(rows, tmp_path_factory.mktemp("rows"))
    for skip in range(1, 11):
        assert json.loads(files[f"rows/skip_{skip}.json.gz"]) == reference(rows, skip), skip
