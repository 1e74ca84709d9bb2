"""One car and one lap over HTTP: each engine skips the other cars."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counting_server import ENGINES, counting
from session_data import IDENTITY_OF_SESSION, NUMBERS, native_table

import publish.encode.parquet
from publish.encode.parquet import write_table
from transforms.columns import FRAMES, TABLES

EACH = 40_000
LAP_MS = (1_000_000, 1_090_000)
BIG = [name for name, declared in TABLES.items() if declared.is_by_car]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty cars' telemetry, each its own values; two row groups a car."""
    spool = tmp_path_factory.mktemp("partial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish.encode.parquet, "_GROUP_ROWS", EACH // 2)
        tables = []
        for seed, car in enumerate(sorted(NUMBERS)):
            one = native_table("telemetry", EACH, seed)
            rpm = pa.array(np.random.default_rng(seed).integers(4000, 12000, EACH), pa.int32())
            for name, values in (("car", pa.repeat(car, EACH)), ("rpm", rpm)):
                one = one.set_column(one.column_names.index(name), one.schema.field(name), values)
            tables.append(one)
        write_table("telemetry", pa.concat_tables(tables), IDENTITY_OF_SESSION, spool)
    return spool / "parquet"


def test_a_row_group_is_of_one_car_and_says_so(folder: Path) -> None:
    file = pq.ParquetFile(folder / "telemetry.parquet")
    names = file.schema_arrow.names
    seen = []
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        car, time_ms = (group.column(names.index(name)) for name in ("car", "time_ms"))
        assert car.statistics.min == car.statistics.max
        assert car.has_column_index and car.has_offset_index
        seen.append((car.statistics.min, time_ms.statistics.min))
        assert [names[one.column_index] for one in group.sorting_columns] == ["car", "time_ms"]
    assert seen == sorted(seen) and len(seen) == 2 * len(NUMBERS)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lap_costs_less_than_a_twentieth_of_the_file(folder: Path, engine: str) -> None:
    path = folder / "telemetry.parquet"
    columns = ["time_ms", "speed_kmh", "rpm", "throttle_percent", "gear"]
    with counting(folder) as counted:
        rows = ENGINES[engine](f"{counted.base}telemetry.parquet", columns, "44", *LAP_MS)
        assert rows > 300
        assert 0 < counted.data_bytes(path.stat().st_size) < path.stat().st_size / 20


def test_what_is_long_and_asked_for_least_comes_last_in_the_frames() -> None:
    """Polars fetches all that lies between the columns it is asked for: of Monaco 5.6 % of the file, and 4.6 % so."""
    assert FRAMES.names[:2] == ["car", "time_ms"] and FRAMES.names[-2:] == ["rpm", "interval_s"]


def test_all_big_tables_are_sorted_by_car_and_time() -> None:
    assert BIG == ["frames", "telemetry", "positions"]
    assert {TABLES[name].sorted_by for name in BIG} == {("car", "time_ms")}
