import errno
import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from publish.encode.content import content_sha256
from publish.encode.files import (
    BoundedPool,
    GzipSpool,
    SpoolFile,
    canonical_json,
    dump_json,
    spool_errors,
    write_json_gz,
)
from publish.encode.rows import FOLDER
from transforms.errors import PublicationError


def test_json_has_numbers_for_arrays_and_null_for_nan():
    text = dump_json({"b": np.arange(3, dtype=np.int32), "a": [float("nan"), 1.5]})
    assert text == b'{"b":[0,1,2],"a":[null,1.5]}'
    assert canonical_json({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'


def test_gzip_says_nothing_about_time_or_name_and_hashes_both_sides(tmp_path):
    made = write_json_gz(tmp_path, "deep/down/a.json.gz", "laps", b'{"x":1}', rows=3)
    raw = made.file.read_bytes()
    assert made.file == tmp_path / "deep/down/a.json.gz"
    assert raw[3] == 0 and raw[4:8] == b"\0\0\0\0"
    assert gzip.decompress(raw) == b'{"x":1}'
    assert (made.bytes, made.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert made.content_sha256 == hashlib.sha256(b'{"x":1}').hexdigest()
    assert (made.content_type, made.content_encoding, made.rows) == ("application/json", "gzip", 3)


def test_the_level_changes_the_file_but_not_its_content(tmp_path):
    json_text = json.dumps(list(range(20000))).encode()
    fast = write_json_gz(tmp_path, "fast.json.gz", "laps", json_text, level=1)
    small = write_json_gz(tmp_path, "small.json.gz", "laps", json_text, level=9)
    assert fast.sha256 != small.sha256 and fast.bytes > small.bytes
    assert fast.content_sha256 == small.content_sha256


def test_pieces_give_the_same_file_as_the_whole(tmp_path):
    pieces = GzipSpool(tmp_path / "pieces.json.gz", 5)
    for part in (b'{"x":', b"[1,2,", b"3]}"):
        pieces.write(part)
    made = pieces.finish("pieces.json.gz", "rows")
    whole = write_json_gz(tmp_path, "whole.json.gz", "rows", b'{"x":[1,2,3]}', level=5)
    assert made.sha256 == whole.sha256


def test_bulky_text_is_told_apart_by_gzips_own_checksum(tmp_path):
    def encode(name, text, level=6):
        bulky = GzipSpool(tmp_path / name, level, is_bulk=True)
        bulky.write(text)
        return bulky.finish(f"{FOLDER}{name}", "rows")

    one, again, other = encode("a", b"[1,2]" * 99), encode("b", b"[1,2]" * 99, level=1), encode("c", b"[2,1]" * 99)
    assert one.content_sha256 == again.content_sha256 != other.content_sha256
    assert [content_sha256(made.path, made.file.read_bytes()) for made in (one, other)] == [
        one.content_sha256,
        other.content_sha256,
    ]


def test_a_full_disk_is_explained(tmp_path):
    (tmp_path / "a.json.gz").symlink_to("/dev/full")
    with pytest.raises(PublicationError, match=r"refused a.json.gz: No space left on device.*TMPDIR") as caught:
        write_json_gz(tmp_path, "a.json.gz", "laps", b"{}")
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PublicationError, match=r"refused b\.json"):
        SpoolFile(tmp_path / "file" / "b.json")


def test_what_could_not_be_opened_is_thrown_away_without_a_word():
    # As Python does with an object whose making has failed.
    SpoolFile.__new__(SpoolFile).close()


def test_other_errors_pass():
    with pytest.raises(KeyError), spool_errors(Path("a")):
        raise KeyError("no disk involved")


def fail(message: str) -> None:
    raise PublicationError(message)


def test_the_pool_raises_what_a_job_raised():
    with pytest.raises(PublicationError, match="first"), BoundedPool(pending=1) as pool:
        pool.submit(fail, "first")
        pool.submit(str, "second")
    with pytest.raises(PublicationError, match="on leaving"), BoundedPool() as pool:
        pool.submit(fail, "on leaving")
    with pytest.raises(PublicationError, match="on waiting"), BoundedPool() as pool:
        pool.submit(fail, "on waiting")
        pool.wait()


def test_the_pool_keeps_the_error_of_its_block():
    with pytest.raises(KeyError), BoundedPool() as pool:
        pool.submit(fail, "hidden by the block's own")
        raise KeyError
