"""What every store promises, run against a folder, moto's server over HTTP and any S3 server S3_TEST_ENDPOINT names."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from publish.headers import IMMUTABLE, NONE, SHORT
from publish.stores.base import Conflict, Store
from publish.stores.parallel import in_parallel
from publish.stores.shared_documents import read_document, update_document
from transforms.errors import PublicationError

LocalFile = Callable[[bytes], tuple[Path, str]]
OBJECT = "v1/sessions/9472/0123456789abcdef/overview.json.gz"


class StoreContract:
    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    #: Above what goes up in one request, for a store that distinguishes.
    large_bytes = 1 << 20

    def test_reads_back_what_was_written(self, store: Store) -> None:
        etag = store.write("v1/seasons/2024.json", b'{"a":1}')
        stored = store.read("v1/seasons/2024.json")
        assert stored is not None
        assert (stored.data, stored.etag) == (b'{"a":1}', etag)

    def test_nothing_there_is_none(self, store: Store) -> None:
        assert store.read("v1/none.json") is None
        assert store.head("v1/none.json") is None
        assert list(store.list("v1/")) == []
        assert list(store.list_folders("v1/sessions/")) == []
        store.delete("v1/none.json")

    def test_empty_object(self, store: Store) -> None:
        store.write("v1/empty.txt", b"")
        stored = store.read("v1/empty.txt")
        assert stored is not None and stored.data == b""

    def test_create_only(self, store: Store) -> None:
        store.write("index.json", b"1", if_none_match=True)
        with pytest.raises(Conflict):
            store.write("index.json", b"2", if_none_match=True)
        assert store.read("index.json").data == b"1"  # type: ignore[union-attr]

    def test_replace_only_what_was_read(self, store: Store) -> None:
        first = store.write("index.json", b"1")
        second = store.write("index.json", b"2", if_match=first)
        with pytest.raises(Conflict):
            store.write("index.json", b"3", if_match=first)
        store.write("index.json", b"4", if_match=second)
        assert store.read("index.json").data == b"4"  # type: ignore[union-attr]

    def test_replace_of_nothing_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(Conflict):
            store.write("index.json", b"1", if_match="d41d8cd98f00b204e9800998ecf8427e")
        assert store.read("index.json") is None

    def test_head_tells_size_hash_and_headers(self, store: Store, local_file: LocalFile) -> None:
        path, sha256 = local_file(b"x" * 1000)
        store.upload_file(OBJECT, path, sha256)
        info = store.head(OBJECT)
        assert info is not None
        assert (info.bytes, info.sha256, info.etag) == (1000, sha256, store.read(OBJECT).etag)  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("key", "content_type", "encoding", "cache"),
        [
            (OBJECT, "application/json", "gzip", IMMUTABLE),
            ("v1/sessions/9472/0123456789abcdef/manifest.json", "application/json", None, IMMUTABLE),
            (
                "v1/sessions/9472/0123456789abcdef/parquet/laps.parquet",
                "application/vnd.apache.parquet",
                None,
                IMMUTABLE,
            ),
            ("v1/sessions/9472/latest.json", "application/json", None, SHORT),
            ("v1/parquet/laps/2024/9472.parquet", "application/vnd.apache.parquet", None, SHORT),
            ("telemetry/2024/1/skip_1.json.gz", "application/json", "gzip", SHORT),
            ("v1/status/2024/1/R.json", "application/json", None, NONE),
            ("v1/health.json", "application/json", None, NONE),
            ("v1/runs.json", "application/json", None, NONE),
            ("v1/metrics.prom", "text/plain; charset=utf-8", None, NONE),
            ("v1/changes.atom", "application/atom+xml", None, SHORT),
            ("v1/files/2024.json", "application/json", None, SHORT),
            ("v1/site.json", "application/json", None, SHORT),
            ("index.html", "text/html; charset=utf-8", None, SHORT),
        ],
    )
    def test_headers_follow_from_the_key(
        self, store: Store, local_file: LocalFile, key: str, content_type: str, encoding: str | None, cache: str
    ) -> None:
        path, sha256 = local_file(b"abc")
        store.upload_file("v1/source.json", path, sha256)
        for put in (
            lambda: store.write(key, b"abc"),
            lambda: store.upload_file(key, path, sha256),
            lambda: store.copy("v1/source.json", key, sha256),
        ):
            put()
            info = store.head(key)
            assert info is not None and info.sha256 == sha256
            assert info.headers.content_type == content_type
            assert info.headers.content_encoding == encoding
            assert info.headers.cache_control == cache

    def test_uploads_a_large_file(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "large"
        block = os.urandom(1 << 20)
        with path.open("wb") as file:
            for _ in range(self.large_bytes >> 20):
                file.write(block)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        store.upload_file(OBJECT, path, sha256)
        info = store.head(OBJECT)
        assert info is not None and (info.bytes, info.sha256) == (self.large_bytes, sha256)
        assert store.read_range(OBJECT, self.large_bytes - 5, self.large_bytes - 1, info.etag) == block[-5:]
        store.copy(OBJECT, "v1/copy.json.gz", sha256)
        copied = store.head("v1/copy.json.gz")
        assert copied is not None and (copied.bytes, copied.sha256) == (self.large_bytes, sha256)

    def test_refuses_a_file_that_is_not_what_was_announced(self, store: Store, local_file: LocalFile) -> None:
        path, _ = local_file(b"changed meanwhile")
        with pytest.raises(PublicationError, match=r"other bytes|another one"):
            store.upload_file(OBJECT, path, hashlib.sha256(b"as encoded").hexdigest())
        assert store.head(OBJECT) is None

    def test_missing_local_file(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(PublicationError, match=r"Cannot read .*gone"):
            store.upload_file(OBJECT, tmp_path / "gone", "0" * 64)
        assert store.head(OBJECT) is None

    def test_ranges(self, store: Store) -> None:
        etag = store.write("v1/digits.txt", b"0123456789")
        assert store.read_range("v1/digits.txt", 2, 4, etag) == b"234"
        assert store.read_range("v1/digits.txt", 9, 9, etag) == b"9"
        store.write("v1/digits.txt", b"9876543210")
        with pytest.raises(Conflict):
            store.read_range("v1/digits.txt", 2, 4, etag)
        store.delete("v1/digits.txt")
        with pytest.raises(Conflict):
            store.read_range("v1/digits.txt", 2, 4, etag)

    def test_a_copy_stays_when_its_source_is_replaced_or_deleted(self, store: Store, local_file: LocalFile) -> None:
        path, sha256 = local_file(b"one")
        store.upload_file("a.txt", path, sha256)
        store.copy("a.txt", "b.txt", sha256)
        store.copy("a.txt", "b.txt", sha256)
        store.write("a.txt", b"two")
        assert store.read("b.txt").data == b"one"  # type: ignore[union-attr]
        store.delete("a.txt")
        assert store.read("b.txt").data == b"one"  # type: ignore[union-attr]
        assert {row.key for row in store.list("")} == {"b.txt"}

    def test_lists_a_folder_and_nothing_beside_it(self, store: Store) -> None:
        for key in ("v1/a/1.json", "v1/a/b/2.json", "v1/ab/3.json", "v1/a.json"):
            store.write(key, key.encode())
        assert {(row.key, row.bytes) for row in store.list("v1/a/")} == {("v1/a/1.json", 11), ("v1/a/b/2.json", 13)}
        assert {row.key for row in store.list("")} == {"v1/a/1.json", "v1/a/b/2.json", "v1/ab/3.json", "v1/a.json"}
        assert set(store.list_folders("v1/")) == {"a", "ab"}
        assert all(row.modified.tzinfo is not None for row in store.list(""))

    @pytest.mark.parametrize(
        "key",
        ["../up.json", "/etc/passwd", "a/../b", "a//b", "", "a/", ".hidden", "a/.b", "a\nb", "a b", "é", "a\\b", "a\0"],
    )
    def test_refuses_names_that_lead_elsewhere(self, store: Store, key: str) -> None:
        with pytest.raises(PublicationError):
            store.write(key, b"x")
        with pytest.raises(PublicationError):
            store.read(key)
        assert list(store.list("")) == []

    def test_check_passes_and_leaves_nothing_that_is_in_the_way(self, store: Store) -> None:
        store.check()
        store.check()
        assert {row.key for row in store.list("")} <= {"v1/check.json"}

    def test_writers_at_once_lose_no_entry(self, store: Store) -> None:
        def add(name: str) -> None:
            def change(document: dict | None) -> dict:
                return {"names": sorted({*(document or {"names": []})["names"], name})}

            update_document(store, "v1/names.json", dict, change)

        in_parallel(add, [f"n{n}" for n in range(8)], workers=8)
        document = read_document(store, "v1/names.json", dict)
        assert document is not None and document["names"] == [f"n{n}" for n in range(8)]

    def test_update_writes_only_changes(self, store: Store) -> None:
        assert update_document(store, "v1/a.json", dict, lambda _: {"a": 1})
        assert not update_document(store, "v1/a.json", dict, lambda _: {"a": 1})
        assert not update_document(store, "v1/a.json", dict, lambda _: None)
        assert update_document(store, "v1/a.json", dict, lambda before: {**(before or {}), "b": 2})
        assert read_document(store, "v1/a.json", dict) == {"a": 1, "b": 2}

    def test_a_document_that_is_no_json_is_named(self, store: Store) -> None:
        store.write("v1/a.json", b'{"a":')
        with pytest.raises(PublicationError, match=r"v1/a\.json"):
            update_document(store, "v1/a.json", dict, lambda _: {"a": 1})
        assert store.read("v1/a.json").data == b'{"a":'  # type: ignore[union-attr]


class TestFileStore(StoreContract):
    @pytest.fixture
    def store(self, file_store: Store) -> Store:
        return file_store


class TestMotoStore(StoreContract):
    large_bytes = 65 << 20

    @pytest.fixture
    def store(self, moto_store: Store) -> Store:
        return moto_store


class TestRealS3Store(StoreContract):
    large_bytes = 65 << 20

    @pytest.fixture
    def store(self, real_s3_store: Store) -> Store:
        return real_s3_store
