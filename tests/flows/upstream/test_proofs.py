"""Parsed topics that a disk has changed: made again from what else there is, or said to be lost; never published."""

import logging
import pickle
import shutil
from pathlib import Path

import orjson
import pytest
from sample_sessions import load_sample, located_sample

from flows.upstream.http_cache import delete_bodies
from flows.upstream.proofs import PROOFS_FILE, keep_proofs, set_aside_damaged, write_proofs
from flows.upstream.services import stream_urls
from flows.upstream.topics import topic_folder
from transforms.errors import CorruptDataError

LOGGER = logging.getLogger("test")


def topic(folder: Path, name: str, data: bytes) -> Path:
    path = folder / f"{name}.ff1pkl"
    path.write_bytes(data)
    return path


def test_what_is_as_it_was_written_stays(tmp_path: Path) -> None:
    path = topic(tmp_path, "car_data", b"one")
    for _ in range(2):
        set_aside_damaged(tmp_path, "a race", LOGGER)
        keep_proofs(tmp_path, "a race")
    assert path.read_bytes() == b"one"
    assert orjson.loads((tmp_path / PROOFS_FILE).read_bytes()).keys() == {"car_data.ff1pkl"}


def test_a_damaged_topic_is_set_aside_and_missed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = topic(tmp_path, "car_data", b"one")
    keep_proofs(tmp_path, "a race")
    path.write_bytes(b"two")
    with caplog.at_level(logging.WARNING):
        set_aside_damaged(tmp_path, "a race", LOGGER)
    assert not path.exists() and "car_data of a race was damaged" in caplog.text
    with pytest.raises(CorruptDataError, match=r"car_data of a race was damaged .*--source archive"):
        keep_proofs(tmp_path, "a race")
    topic(tmp_path, "car_data", b"three")
    keep_proofs(tmp_path, "a race")
    set_aside_damaged(tmp_path, "a race", LOGGER)
    assert path.read_bytes() == b"three"
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / PROOFS_FILE]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"car_data.ff1pkl":'])
def test_unreadable_hashes_are_none(tmp_path: Path, content: bytes) -> None:
    path = topic(tmp_path, "car_data", b"one")
    (tmp_path / PROOFS_FILE).write_bytes(content)
    set_aside_damaged(tmp_path, "a race", LOGGER)
    keep_proofs(tmp_path, "a race")
    assert path.read_bytes() == b"one"


def test_a_flipped_byte_is_no_text_of_race_control(sample_cache: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(sample_cache, cache)
    before = load_sample(cache, 1, "FP1")
    folder = topic_folder(cache, located_sample(cache, 1, "FP1"))
    path = folder / "race_control_messages.ff1pkl"
    text = str(before.messages["message"][0].as_py()).encode()
    whole = path.read_bytes()
    damaged = whole.replace(text, b"\x19" + text[1:])
    assert damaged != whole
    pickle.loads(damaged)  # FastF1 would take it
    path.write_bytes(damaged)
    assert load_sample(cache, 1, "FP1").messages == before.messages
    assert path.read_bytes() == whole


def test_what_nobody_has_again_is_an_error(sample_cache: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(sample_cache, cache)
    load_sample(cache, 1, "FP1")
    session = located_sample(cache, 1, "FP1")
    for name in ("weather_data", "session_info"):
        delete_bodies(cache, stream_urls(session, [name]).values())
        path = topic_folder(cache, session) / f"{name}.ff1pkl"
        path.write_bytes(path.read_bytes()[:-2] + b"..")
        for _ in range(2):
            with pytest.raises(CorruptDataError, match=f"{name}.* of .* was damaged"):
                load_sample(cache, 1, "FP1")


def test_proofs_can_be_given(tmp_path: Path) -> None:
    path = topic(tmp_path, "car_data", b"one")
    write_proofs(tmp_path, {"car_data.ff1pkl": "0" * 64})
    set_aside_damaged(tmp_path, "a race", LOGGER)
    assert not path.exists()
