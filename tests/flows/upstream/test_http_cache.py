"""FastF1's cache of responses when it is damaged: named, moved aside, and gone on without."""

import logging
import sqlite3
from pathlib import Path

import pytest

from flows.upstream.client import Client
from flows.upstream.http_cache import damage_explained, read_bodies, set_aside_damaged, write_bodies
from transforms.errors import UpstreamError

URL = "https://example.org/one.json"
FILE = "fastf1_http_cache.sqlite"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    write_bodies(tmp_path, {URL: b"one" * 20_000})
    return tmp_path


@pytest.mark.parametrize("part", [0.9, 0.5, 0.1, 0.01])
def test_a_truncated_cache_is_moved_aside(cache: Path, part: float) -> None:
    path = cache / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    (cache / f"{FILE}-journal").write_bytes(b"of before")
    with pytest.raises(UpstreamError, match=rf"{FILE}\.damaged. Run it again"):
        read_bodies(cache, [URL])
    assert not (cache / f"{FILE}-journal").exists()
    assert read_bodies(cache, [URL]) == {}
    write_bodies(cache, {URL: b"two"})
    assert read_bodies(cache, [URL]) == {URL: b"two"}


def test_a_client_goes_on_without_it(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    (cache / FILE).write_bytes(b"no database at all" * 100)
    with caplog.at_level(logging.WARNING), Client(cache, offline=True).at_work():
        pass
    assert f"{FILE}.damaged" in caplog.text
    assert (cache / f"{FILE}.damaged").is_file()


def test_what_is_found_later_is_explained(cache: Path) -> None:
    with pytest.raises(UpstreamError, match="damaged"), Client(cache, offline=True).asking("a race"):
        raise sqlite3.DatabaseError("database disk image is malformed")


def test_a_good_cache_stays(cache: Path) -> None:
    assert set_aside_damaged(cache) is None
    with pytest.raises(sqlite3.OperationalError), damage_explained(cache):
        raise sqlite3.OperationalError("database is locked")
    assert read_bodies(cache, [URL]).keys() == {URL}
