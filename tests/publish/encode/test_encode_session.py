import dataclasses
import json
import shutil

import pytest
from frames_reader import read_json_gz
from msgspec import UNSET
from session_data import CIRCUIT, IDENTITY_OF_SESSION, frames, session_data, with_gap

from publish import keys
from publish.encode.documents import TABLE_DOCUMENTS
from publish.encode.manifest import Manifest
from publish.encode.session import encode_session
from publish.structs import decode_document
from transforms.columns import TABLES
from transforms.errors import PublicationError

ME = IDENTITY_OF_SESSION
MADE_WITH = {"parcferme": "0.1.0", "fastf1": "3.9.0", "contract": "1"}


def make_data():
    source = frames(1600, cars=3, drs=False)
    number = next(iter(source.cars))
    gap = with_gap(source.cars[number], 100, 300)
    return session_data(source=dataclasses.replace(source, cars={**source.cars, number: gap}))


@pytest.fixture(scope="module")
def data():
    return make_data()


def encode(data, spool, made_with=MADE_WITH, **more):
    return encode_session(ME, CIRCUIT, data, spool, made_with=made_with, **more)


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    return encode(data, tmp_path_factory.mktemp("spool"))


def test_everything_the_contract_names_is_there(made):
    assert [entry.path for entry in made.objects] == sorted(
        [
            *(f"{kind}/000{i}.json.gz" for kind in ("frames/25", "samples") for i in range(2)),
            "overview.json.gz",
            *(f"{name}.json.gz" for name in ("track", "quality", *TABLE_DOCUMENTS)),
            *(f"rows/skip_{n}.json.gz" for n in range(1, 11)),
            *(f"parquet/{name}.parquet" for name in TABLES),
        ]
    )


def test_files_lie_where_the_objects_say(made):
    manifest = json.loads(made.manifest)
    assert manifest["revision"] == made.revision and made.session_key == ME.session_key
    listed = {item.path: item for item in decode_document(made.manifest, Manifest, "it").objects}
    assert set(listed) == {entry.path for entry in made.objects}
    for entry in made.objects:
        assert entry.file.as_posix().endswith(entry.path)
        item = listed[entry.path]
        assert entry.file.stat().st_size == entry.bytes == item.bytes and item.has_hash(entry.sha256)
        for name in ("kind", "content_encoding", "fps", "start_ms", "end_ms", "rows"):
            said = getattr(item, name)
            assert (None if said is UNSET else said) == getattr(entry, name)
    assert listed["laps.json.gz"].rows == 12 and listed["quality.json.gz"].rows is UNSET
    assert "drs" not in manifest["frames"]["channels"] and "gear" in manifest["frames"]["channels"]


def test_the_same_session_gives_the_same_bytes(made, tmp_path):
    again = encode(make_data(), tmp_path)
    assert again.manifest == made.manifest
    assert [(e.path, e.sha256) for e in again.objects] == [(e.path, e.sha256) for e in made.objects]


def test_another_version_gives_the_same_content_under_another_name(made, data, tmp_path):
    other = encode(data, tmp_path, {**MADE_WITH, "parcferme": "9.9"})
    assert other.revision != made.revision and other.manifest != made.manifest
    assert keys.content_of(other.revision) == keys.content_of(made.revision)


def test_another_value_gives_another_revision(made, data, tmp_path):
    assert encode(dataclasses.replace(data, grade="B"), tmp_path).revision != made.revision


def test_timing_without_frames_rows_and_track_is_published_as_that(data, tmp_path):
    bare = dataclasses.replace(data, frames=dataclasses.replace(data.frames, cars={}), rows=None, track=None)
    made = encode(bare, tmp_path)
    kinds = {entry.kind for entry in made.objects}
    assert kinds == {*TABLE_DOCUMENTS, "quality", "table"}
    assert "parquet/frames.parquet" not in {entry.path for entry in made.objects}
    assert json.loads(made.manifest)["frames"]["channels"] == {}


def test_an_old_file_in_the_way_is_overwritten(made, data, tmp_path):
    shutil.copytree(made.objects[0].file.parents[2], tmp_path / "spool")
    old = tmp_path / "spool" / "laps.json.gz"
    old.write_bytes(b"old and longer than it will be" * 1000)
    assert encode(data, tmp_path / "spool").manifest == made.manifest
    assert read_json_gz(old)["schema"] == "parcferme/laps/1"


def test_progress_never_goes_back_and_ends_at_one(data, tmp_path):
    heard: list[float] = []
    encode(data, tmp_path, on_progress=lambda part, message: heard.append(part))
    assert heard == sorted(heard) and heard[0] == 0.0 and heard[-1] == 1.0 and len(heard) > 4


@pytest.mark.parametrize("path", ["rows/skip_2.json.gz", "parquet/laps.parquet", "track.json.gz"])
def test_a_full_disk_is_one_clear_error(data, tmp_path, path):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).symlink_to("/dev/full")
    with pytest.raises(PublicationError, match=r"No space left on device\. Nothing was published"):
        encode(data, tmp_path)
