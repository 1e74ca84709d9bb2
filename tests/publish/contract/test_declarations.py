"""A table, a column and a channel are declared once: what a changed declaration changes by itself."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_session
from frames_reader import read_json_gz
from jsonschema import Draft202012Validator
from whole_tables import whole_tables

from transforms.columns import FRAMES, IDENTITY, POSITIONS, TABLES, TELEMETRY
from transforms.declare import CLOCK
from transforms.frames import CHANNELS, CarFrames, Frames
from transforms.recording import Recording
from transforms.session import transform_session
from transforms.tables import COMPUTED

ROOT = Path(__file__).parents[3]

#: What somebody who adds a column and a table writes, and in front of which line.
CHANGES = {
    "transforms/columns.py": {
        '        Column("color", TEXT, "", "Team colour, #rrggbb", "the driver list has none"),': (
            '        Column("full_name", TEXT, "", "First and last name"),'
        ),
        "#: Published tables, by name.": """
FLAGS = Table(
    "flags",
    "a flag",
    recorded="track_status",
    sorted_by=("status", "time_ms"),
    document="flags",
    columns=(
        Column("status", TEXT, "", "Which flag"),
        Column("time_ms", MS, CLOCK, "When it was shown"),
    ),
)
""",
        "        FINDINGS,": "        FLAGS,",
    },
    # The code that computes the column.
    "transforms/tables.py": {
        '            "color": d.color,': '            "full_name": f"{d.first_name} {d.last_name}",',
    },
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a copy of the packages with :data:`CHANGES` publishes of a small race."""
    copy, folder = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("published")
    for package in ("transforms", "publish"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, additions in CHANGES.items():
        text = (copy / name).read_text()
        for line, added in additions.items():
            assert text.count(f"{line}\n") == 1, f"{name} has not exactly one line {line!r} any more"
            text = text.replace(f"{line}\n", f"{added}\n{line}\n")
        (copy / name).write_text(text)
    script = copy / "small_session.py"
    shutil.copy(small_session.__file__, script)
    # The script's own folder comes first, so the copy is what it imports.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, script, folder], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_an_added_column_is_in_parquet_with_its_unit_and_in_the_dictionary(changed: Path) -> None:
    drivers = pq.read_table(changed / "parquet/drivers.parquet")
    assert drivers["full_name"].to_pylist() == ["First Last 4", "First Last 16", "First Last 81"]
    field = drivers.schema.field("full_name")
    assert (field.metadata[b"unit"], field.metadata[b"description"]) == (b"", b"First and last name")
    dictionary = json.loads((changed / "v1/schemas/columns.json").read_text())
    entry = next(c for c in dictionary["tables"]["drivers"]["columns"] if c["name"] == "full_name")
    assert entry == {
        "name": "full_name",
        "type": "string",
        "unit": "",
        "description": "First and last name",
        "null": "",
        "fastf1": "",
    }
    assert "| `full_name` | string |  | First and last name |  |" in (changed / "v1/schemas/tables.md").read_text()


def test_an_added_table_is_in_parquet_sorted_and_on_the_clock(changed: Path) -> None:
    flags = pq.read_table(changed / "parquet/flags.parquet")
    clock = json.loads((changed / "manifest.json").read_text())["clock"]
    start_ms = small_session.START_MS - clock["session_time_origin_ms"]
    assert flags["time_ms"].to_pylist() == [start_ms, start_ms + 30_000]
    assert flags["status"].to_pylist() == ["1", "2"]
    assert flags.column_names == ["year", "round", "event", "session", "session_key", "status", "time_ms"]
    assert flags["session_key"].to_pylist() == [4711, 4711]
    assert flags.schema.field("time_ms").metadata[b"unit"] == CLOCK.encode()


def test_an_added_table_has_its_document_schema_and_place_in_the_docs(changed: Path) -> None:
    document = read_json_gz(changed / "flags.json.gz")
    schema = json.loads((changed / "v1/schemas/flags.json").read_text())
    assert not list(Draft202012Validator(schema).iter_errors(document))
    assert list(Draft202012Validator(schema).iter_errors({**document, "rows": [{"status": "1"}]}))
    assert document["columns"][1] == {"name": "time_ms", "unit": CLOCK, "description": "When it was shown"}
    manifest = json.loads((changed / "manifest.json").read_text())
    schema_of_manifest = json.loads((changed / "v1/schemas/manifest.json").read_text())
    assert not list(Draft202012Validator(schema_of_manifest).iter_errors(manifest))
    assert {"flags.json.gz", "parquet/flags.parquet"} <= {entry["path"] for entry in manifest["objects"]}
    dictionary = json.loads((changed / "v1/schemas/columns.json").read_text())["tables"]["flags"]
    assert (dictionary["row"], dictionary["sorted_by"]) == ("a flag", ["status", "time_ms"])
    page = (changed / "v1/schemas/tables.md").read_text()
    assert "| `flags` | a flag | `status`, `time_ms` |" in page
    assert "## flags\n\nThe same rows are in `flags.json.gz`." in page


def test_what_is_published_of_the_small_race_is_as_declared() -> None:
    data = transform_session(small_session.recording())
    tables = whole_tables(data)
    assert set(tables) == set(TABLES) - {"frames"}
    for name, table in tables.items():
        assert table.schema.equals(TABLES[name].schema, check_metadata=True), name
    # The recording has its laps in another order, and in session time.
    laps = data.tables["laps"].select(["car", "lap", "end_ms"]).to_pylist()
    assert laps == sorted(laps, key=lambda row: (row["car"], row["lap"]))
    first_ms = small_session.LAP_MS + (data.frames.clock.race_start_ms or 0)
    status = data.tables["session_status"].to_pylist()
    assert status[0] == {"time_ms": data.frames.clock.race_start_ms, "status": "Started"}
    assert next(row["end_ms"] for row in laps if row["car"] == "4") == first_ms


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_has_one_source_and_a_true_order(table) -> None:
    attributes = {attribute.name for attribute in dataclasses.fields(Recording)}
    sources = [table.recorded in attributes, table.name in COMPUTED, table in (FRAMES, TELEMETRY, POSITIONS)]
    assert sum(sources) == 1
    assert set(table.sorted_by) <= set(table.names) and len(set(table.names)) == len(table.names)
    assert table.row and not table.row.endswith(".")
    assert {column.unit for column in table.columns if column.name.endswith("_ms")} <= {"ms", CLOCK}


def test_documents_have_names_of_their_own() -> None:
    documents = [table.document for table in TABLES.values() if table.document]
    assert sorted(documents) == ["laps", "messages", "mini_sectors", "results", "weather"]


def test_every_field_of_a_car_is_a_channel_and_a_column_of_the_frames() -> None:
    assert [channel.column for channel in CHANNELS] == [declared.name for declared in dataclasses.fields(CarFrames)]
    channels = {channel.column for channel in CHANNELS}
    assert set(FRAMES.names) == {"car", "time_ms", "track_status"} | channels and len(FRAMES.names) == 3 + len(channels)
    for channel in CHANNELS:
        assert channel.kind == "continuous" or channel.per_unit == 1
        assert not channel.names or hasattr(Frames, channel.names) or channel.names in Frames.__dataclass_fields__


def test_a_column_of_one_name_is_the_same_in_every_table() -> None:
    """One name has one type and one unit, wherever it stands."""
    found: dict[str, set[tuple[str, str]]] = {}
    for table in TABLES.values():
        for column in (*IDENTITY.values(), *table.columns):
            found.setdefault(column.name, set()).add((str(column.type), column.unit))
    assert {name: facts for name, facts in found.items() if len(facts) > 1} == {}
    assert not any(pa.types.is_dictionary(column.type) for table in TABLES.values() for column in table.columns)
