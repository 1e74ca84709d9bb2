import dataclasses

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from session_data import IDENTITY_OF_SESSION, STATUSES, TYRES, frames, table, with_gap

import publish.encode.parquet
from publish.encode.channels import CONTINUOUS
from publish.encode.chunks import encode_chunks
from publish.encode.files import BoundedPool
from publish.encode.parquet import ContentHash, write_frames_table, write_table
from transforms.columns import FRAMES, IDENTITY, TABLES, published_schema
from transforms.declare import GAP
from transforms.errors import PublicationError
from transforms.frames import STATES

ME = IDENTITY_OF_SESSION
TICKS = 15_100


@pytest.fixture(scope="module")
def source():
    made = frames(TICKS, cars=3)
    first, second = list(made.cars)[:2]
    cars = {
        **made.cars,
        first: with_gap(made.cars[first], 100, 200, "x_m", "gear", "brake", "compound", "state"),
        second: dataclasses.replace(made.cars[second], drs=None),
    }
    return dataclasses.replace(made, cars=cars)


@pytest.fixture(scope="module")
def written(source, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish.encode.parquet, "GROUP_TICKS", 15_000)
        return write_frames_table(source, ME, tmp_path_factory.mktemp("spool"))


def test_the_object_is_described(written):
    assert written.path == "parquet/frames.parquet"
    assert written.kind == "table"
    assert written.rows == 3 * TICKS
    assert written.bytes == written.file.stat().st_size
    assert (written.content_type, written.content_encoding) == ("application/vnd.apache.parquet", None)


def test_the_declared_schema_with_units_comes_back(written):
    schema = pq.read_schema(written.file)
    assert schema.equals(published_schema(FRAMES), check_metadata=False)
    assert schema.field("speed_kmh").metadata == {
        b"unit": b"km/h",
        b"description": b"Speed",
        b"null": GAP.encode(),
    } | {k: v for k, v in schema.field("speed_kmh").metadata.items() if k.startswith(b"PARQUET")}


def test_duckdb_reads_what_went_in(written, source):
    car = source.cars["11"]
    found = duckdb.sql(
        f"""select count(*), min(time_ms), max(time_ms), avg(speed_kmh), count(drs), any_value(event), any_value(round)
        from '{written.file}' where car = '11' and session_key = 9472"""
    ).fetchall()[0]
    assert found[:3] == (TICKS, 0, (TICKS - 1) * 40)
    assert found[3] == pytest.approx(float(np.mean(np.rint(car.speed_kmh), dtype=np.float64)), abs=1e-6)
    assert found[4:] == (0, "Bahrain Grand Prix", 1)
    tick = 9000
    row = duckdb.sql(
        f"select x_m, gear, brake, compound, state, track_status, lap from '{written.file}' "
        f"where car = '16' and time_ms = {tick * 40}"
    ).fetchall()[0]
    third = source.cars["16"]
    assert row[0] == pytest.approx(float(third.x_m[tick]), abs=1 / 32)
    assert row[1:] == (
        third.gear[tick],
        bool(third.brake[tick]),
        TYRES[third.compound[tick]],
        STATES[third.state[tick]],
        STATUSES[source.track_status[tick]],
        third.lap[tick],
    )


def test_polars_reads_every_value_and_null(written, source):
    frame = pl.read_parquet(written.file).filter(pl.col("car") == "1")
    car = source.cars["1"]
    assert frame["x_m"].null_count() == 100 and frame["x_m"].is_nan().sum() == 0
    assert np.allclose(frame["x_m"].to_numpy(), car.x_m, atol=1 / 32, equal_nan=True)
    assert np.allclose(frame["rpm"].to_numpy(), car.rpm, atol=0.51)
    assert np.allclose(frame["gap_s"].to_numpy(), car.gap_s, atol=1 / 256 + 1e-6)
    for name in ("gear", "lap", "position", "stint", "drs"):
        assert frame[name].fill_null(-1).to_list() == getattr(car, name).tolist(), name
    assert frame["brake"][99:201].null_count() == 100
    assert frame["compound"].cast(str).to_list() == [None if c < 0 else TYRES[c] for c in car.compound]
    assert frame["state"].cast(str).to_list() == [None if c < 0 else STATES[c] for c in car.state]
    assert frame["track_status"].null_count() == 10


def test_parquet_and_chunks_agree_to_their_steps(written, source, tmp_path):
    from frames_reader import decode_channel, read_json_gz

    with BoundedPool() as pool:
        chunks, _ = encode_chunks(source, ME.session_key, tmp_path, pool)
    chunk = read_json_gz(next(entry.file for entry in chunks if entry.path == "frames/25/0001.json.gz"))
    rows = pl.read_parquet(written.file).filter(pl.col("time_ms").is_between(60_000, 119_960))
    for car in source.cars:
        stored = rows.filter(pl.col("car") == car)
        for channel in CONTINUOUS:
            values = stored[channel.column].to_numpy().astype(float) / channel.scale
            half = 0.501 + 0.5 / channel.per_unit / channel.scale
            every = max(1, channel.every_ms * 25 // 1000)
            got = decode_channel(chunk, car, channel.name, dataclasses.asdict(channel))
            shown = np.array([np.nan if v is None else v for v in got[::every]])
            np.testing.assert_allclose(shown, values[::every], atol=half, rtol=0, err_msg=f"{car} {channel.name}")


def test_rows_are_sorted_and_groups_let_a_reader_skip(written):
    file = pq.ParquetFile(written.file)
    index = file.schema_arrow.names.index
    groups = []
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        assert [c.column_index for c in group.sorting_columns] == [index("car"), index("time_ms")]
        car, time = (group.column(index(name)).statistics for name in ("car", "time_ms"))
        assert car.min == car.max
        groups.append((car.min, time.min, time.max))
    assert groups == sorted(groups)
    minute = [g for g in groups if g[0] == "16" and g[1] <= 600_000 and g[2] >= 540_000]
    assert len(groups) == 6 and len(minute) == 2


def test_the_file_is_the_same_every_time(written, source, tmp_path, monkeypatch):
    monkeypatch.setattr(publish.encode.parquet, "GROUP_TICKS", 15_000)
    assert write_frames_table(source, ME, tmp_path).sha256 == written.sha256


def test_content_does_not_depend_on_row_groups_or_compression(written, source, tmp_path, monkeypatch):
    monkeypatch.setattr(publish.encode.parquet, "GROUP_TICKS", 777)
    monkeypatch.setattr(publish.encode.parquet, "ZSTD_LEVEL", 1)
    other = write_frames_table(source, ME, tmp_path)
    assert other.sha256 != written.sha256
    assert other.content_sha256 == written.content_sha256


def changed_value(source):
    car = source.cars["1"]
    x = car.x_m.copy()
    x[50] += 0.02
    return dataclasses.replace(source, cars={**source.cars, "1": dataclasses.replace(car, x_m=x)})


def test_content_depends_on_every_value(written, source, tmp_path):
    assert write_frames_table(changed_value(source), ME, tmp_path).content_sha256 != written.content_sha256


def hash_of(column: pa.Array, **metadata: str) -> str:
    schema = pa.schema([pa.field("a", column.type, metadata=metadata)])
    content = ContentHash(schema)
    content.update(pa.Table.from_arrays([column], schema=schema))
    return content.hexdigest()


def test_content_hash_tells_apart_what_differs_and_nothing_else():
    numbers = [pa.array([0, 1], pa.int8()), pa.array([None, 1], pa.int8()), pa.array([0, None], pa.int8())]
    texts = [pa.array(t) for t in (["ab", "c"], ["a", "bc"], ["", "abc"], [None, "abc"], ["abc", None])]
    hashes = [hash_of(column) for column in numbers + texts] + [hash_of(numbers[0].cast(pa.int16()))]
    hashes.append(hash_of(numbers[0], unit="m"))
    assert len(set(hashes)) == len(hashes)
    assert hash_of(pa.array([9, 9, 0, 1, 9], pa.int8())[2:4]) == hash_of(numbers[0])
    assert hash_of(pa.array(["z", "ab", "c"])[1:]) == hash_of(texts[0])


@pytest.mark.parametrize("name", [name for name in TABLES if name != "frames"])
@pytest.mark.parametrize("rows", [0, 23])
def test_every_other_table_comes_back_as_given(tmp_path, name, rows):
    given = table(name, rows)
    entry = write_table(name, given, ME, tmp_path)
    assert entry.path == f"parquet/{name}.parquet" and entry.rows == rows
    stored = pq.read_table(entry.file)
    assert stored.schema.remove_metadata().equals(published_schema(TABLES[name]), check_metadata=True)
    assert stored.select(given.column_names).equals(given)
    for attribute, column in IDENTITY.items():
        assert stored[column.name].to_pylist() == [getattr(ME, attribute)] * rows
    assert duckdb.sql(f"select count(*) from '{entry.file}'").fetchall()[0] == (rows,)
    polars = pl.read_parquet(entry.file)
    assert polars.height == rows and polars.columns == stored.column_names


@pytest.mark.parametrize("name", ["laps", "weather", "drivers"])
def test_a_table_says_how_it_is_sorted(tmp_path, name):
    file = pq.ParquetFile(write_table(name, table(name, 5), ME, tmp_path).file)
    columns = file.schema_arrow.names
    sorting = file.metadata.row_group(0).sorting_columns
    assert [columns[one.column_index] for one in sorting] == list(TABLES[name].sorted_by)
    assert not any(one.descending or one.nulls_first for one in sorting)


def test_nan_is_never_stored(tmp_path):
    given = table("weather", 3)
    at = given.column_names.index("air_temp_c")
    given = given.set_column(at, given.schema.field(at), pa.array([20.5, float("nan"), None], pa.float64()))
    entry = write_table("weather", given, ME, tmp_path)
    assert pq.read_table(entry.file)["air_temp_c"].to_pylist() == [20.5, None, None]


def test_a_table_without_a_declared_column_is_refused(tmp_path):
    with pytest.raises(PublicationError, match=r"laps of 2024 round 1 .*lap_time_ms"):
        write_table("laps", table("laps", 2).drop_columns(["lap_time_ms"]), ME, tmp_path)


def test_a_table_with_values_that_do_not_fit_is_refused(tmp_path):
    given = table("laps", 2)
    at = given.column_names.index("lap")
    given = given.set_column(at, "lap", pa.array(["one", "two"]))
    with pytest.raises(PublicationError, match="laps of 2024 round 1"):
        write_table("laps", given, ME, tmp_path)


def test_a_full_disk_stops_it(tmp_path, source):
    (tmp_path / "parquet").mkdir()
    (tmp_path / "parquet/frames.parquet").symlink_to("/dev/full")
    with pytest.raises(PublicationError, match="No space left"):
        write_frames_table(source, ME, tmp_path)
