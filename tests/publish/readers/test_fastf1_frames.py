"""The reader that gives FastF1's frames: the same from a folder, over HTTP and from a bucket, and as its page says."""

import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import session_data as made
from viewer_browser import serving

from publish import keys
from publish.contract.dictionary import schema_documents
from publish.encode.session import encode_session
from publish.publication import publish_revision, publish_site
from publish.readers import reader_files
from publish.readers.fastf1_frames import SessionFrames, load
from publish.revisions.latest import Summary
from publish.season.index import Event, ScheduledSession, update_season
from publish.stores.base import Store
from publish.stores.folder import FileStore
from transforms.columns import TABLES
from transforms.fastf1_names import FASTF1

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
EVENT = "Bahrain Grand Prix"


def publish_race(store: Store, spool: Path) -> None:
    data = made.session_data(native=50)
    data = replace(data, tables={**data.tables, "results": _numbered(data.tables["results"])})
    identity = replace(made.IDENTITY_OF_SESSION, event=EVENT)
    session = ScheduledSession("R", "Race", NOW)
    update_season(store, 2024, [Event(1, EVENT, None, None, None, "conventional", False, (session,))], NOW)
    revision = encode_session(identity, made.CIRCUIT, data, spool, made_with={"parcferme": "0"})
    publish_revision(store, revision, identity, summary=Summary(data.grade, data.capabilities, "i", "c"), now=NOW)
    publish_site(store, reader_files())


def _numbered(table: Any) -> Any:
    """Give each of the made results a car of its own, as real ones have."""
    cars = [f"{row + 1}" for row in range(table.num_rows)]
    index = table.column_names.index("car")
    return table.set_column(index, table.schema.field("car"), [cars])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    root = tmp_path_factory.mktemp("frames")
    store = FileStore(root / "site")
    publish_race(store, root / "spool")
    return store


def assert_same(one: SessionFrames, other: SessionFrames) -> None:
    for field in fields(SessionFrames):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, dict):
            assert left.keys() == right.keys()
            for name, frame in left.items():
                pd.testing.assert_frame_equal(frame, right[name])
        elif isinstance(left, pd.DataFrame):
            pd.testing.assert_frame_equal(left, right)
        else:
            assert left == right


def test_the_same_from_a_folder_over_http_and_from_a_bucket(folder: FileStore, moto_store: Any, tmp_path: Path) -> None:
    here = load(str(folder.root), 2024, EVENT, "R")
    assert len(here.laps) == 12 and here.car_data and here.pos_data
    with serving(folder) as base:
        assert_same(here, load(base, 2024, EVENT, "R"))
    publish_race(moto_store, tmp_path / "spool")
    assert_same(here, load(f"s3://{moto_store.bucket}/{moto_store.prefix}", 2024, 1, "R"))


def test_times_are_session_times(folder: FileStore) -> None:
    frames = load(str(folder.root), 2024, 1, "R")
    tables = made.session_data(native=50).tables
    origin_ms = tables["sessions"]["session_time_origin_ms"][0].as_py()
    laps = tables["laps"].sort_by([("car", "ascending"), ("lap", "ascending")]).to_pylist()
    first = next(row for row in laps if row["end_ms"] is not None and row["lap_time_ms"] is not None)
    read = frames.laps[(frames.laps.DriverNumber == first["car"]) & (frames.laps.LapNumber == first["lap"])].iloc[0]
    assert read.LapTime == pd.Timedelta(milliseconds=first["lap_time_ms"])
    assert read.Time == pd.Timedelta(milliseconds=first["end_ms"] + origin_ms)
    assert read.LapStartDate == frames.t0_date + read.LapStartTime
    samples = frames.car_data[next(iter(frames.car_data))]
    assert (samples.Date == frames.t0_date + samples.SessionTime).all()


def test_what_is_not_published_is_said(folder: FileStore) -> None:
    with pytest.raises(LookupError, match=r"no published session Q of 1 in 2024; v1/seasons/2024\.json lists"):
        load(str(folder.root), 2024, 1, "Q")


def test_the_file_is_published_and_stands_alone(folder: FileStore) -> None:
    stored = folder.read(keys.READER_OF_FRAMES)
    assert stored is not None
    text = stored.data.decode()
    assert not re.search(r"^(from|import) (publish|transforms|flows)", text, re.MULTILINE)
    known: dict[str, Any] = {"__name__": "fastf1_frames"}
    exec(compile(text, "fastf1_frames.py", "exec"), known)
    assert_same(load(str(folder.root), 2024, 1, "R"), known["load"](str(folder.root), 2024, 1, "R"))


@pytest.mark.parametrize("table", sorted(set(FASTF1) - {"drivers"}))
def test_the_page_and_the_dictionary_list_the_columns_with_their_units(table: str) -> None:
    assert set(FASTF1[table]) <= set(TABLES[table].names)
    documents = schema_documents()
    columns = json.loads(documents["v1/schemas/columns.json"])["tables"][table]["columns"]
    assert {c["name"]: c["fastf1"] for c in columns if c["fastf1"]} == FASTF1[table]
    section = documents["v1/schemas/from_fastf1.md"].decode().partition(f"→ `{table}`\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \|", section, re.MULTILINE))
    assert listed == {(c["fastf1"], c["name"], c["unit"]) for c in columns if c["fastf1"]}
