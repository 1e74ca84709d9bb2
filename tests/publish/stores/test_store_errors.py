"""What a user sees when the destination is wrong, full, forbidden or away: it is named, and no credential is."""

import errno
import hashlib
import os
import stat
import threading
import traceback
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config
from somebody_else import folder_of_somebody_else, forbid, somebody_else

from publish.stores import s3 as s3_store
from publish.stores.base import RefusedError, S3Options
from publish.stores.choose import open_store
from publish.stores.folder import FileStore
from publish.stores.s3 import S3Store
from transforms.errors import InputError, PublicationError


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "site",
        "/abs/site",
        "file://site",
        "file://",
        "file:///",
        "file://host/abs",
        "http://x/y",
        "gs://bucket",
        "s3://",
        "s3:///prefix",
        "s3://key:secret@bucket/prefix",
        "s3://bucket/prefix?x=1",
        "file:///a#b",
    ],
)
def test_destinations_that_are_none(uri):
    with pytest.raises(InputError, match=r"file:///absolute/path or s3://bucket/prefix") as caught:
        open_store(uri)
    assert "secret" not in str(caught.value)


def test_destinations(moto_environment, tmp_path):
    store = open_store(f"file://{tmp_path}/a%20b")
    assert isinstance(store, FileStore) and store.root == tmp_path / "a b"
    assert open_store("s3://bucket").uri == "s3://bucket"
    assert open_store("s3://bucket/a/b/").uri == "s3://bucket/a/b"
    with pytest.raises(PublicationError):
        open_store("s3://bucket/a/../b")


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "Free some space"), (errno.EACCES, "permission"), (errno.EROFS, "read-only"), (errno.EIO, "disk")],
)
def test_disk_that_fails_half_way_leaves_the_old_object(file_store, local_file, monkeypatch, code, advice):
    file_store.write("v1/a.json", b"old")

    def fail(descriptor):
        raise OSError(code, os.strerror(code))

    path, sha256 = local_file(b"new")
    monkeypatch.setattr(os, "fsync", fail)
    for attempt in (
        lambda: file_store.write("v1/a.json", b"new"),
        lambda: file_store.upload_file("v1/a.json", path, sha256),
    ):
        with pytest.raises(PublicationError, match=advice) as caught:
            attempt()
        assert str(file_store.root / "v1/a.json") in str(caught.value)
    assert file_store.read("v1/a.json").data == b"old"
    assert sorted(p.name for p in (file_store.root / "v1").iterdir()) == ["a.json"]


def test_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "site").write_text("a file")
    store = FileStore(tmp_path / "site")
    for attempt in (store.check, lambda: store.write("a.json", b"x")):
        with pytest.raises(PublicationError, match="another destination"):
            attempt()


@pytest.mark.parametrize(
    ("what", "request_", "words"),
    [
        ("write", lambda store: store.check(), "Cannot write .*permission to write"),
        ("write", lambda store: store.write("v1/a.json", b"y"), r"Cannot write .*/v1/a\.json: .*permission to write"),
        ("write", lambda store: store.delete("v1/a.json"), r"Cannot delete .*/v1/a\.json: .*permission to write"),
        ("read", lambda store: store.read("v1/a.json"), r"Cannot read .*/v1/a\.json: .*permission to read"),
        ("read", lambda store: store.head("v1/a.json"), r"Cannot read .*/v1/a\.json: .*permission to read"),
        ("list", lambda store: list(store.list("v1/")), "Cannot list .*/v1: .*permission to read"),
        ("list", lambda store: list(store.list("")), "Cannot list .*permission to read"),
        ("list", lambda store: list(store.list_folders("v1/")), "Cannot list .*/v1: .*permission to read"),
    ],
)
def test_what_may_not_be_done_in_a_folder_is_said(what, request_, words):
    with folder_of_somebody_else() as folder, somebody_else():
        store = FileStore(folder)
        store.write("v1/a.json", b"x")
        assert list(store.list("v2/")) == []
        forbid(folder, what)
        with pytest.raises(RefusedError, match=words):
            request_(store)


def test_files_are_as_readable_as_the_umask_says(tmp_path, local_file):
    store, (path, sha256) = FileStore(tmp_path / "site"), local_file(b"x")
    before = os.umask(0o027)
    try:
        store.write("a.json", b"x")
        store.upload_file("b.json", path, sha256)
    finally:
        os.umask(before)
    assert {stat.S_IMODE((store.root / name).stat().st_mode) for name in ("a.json", "b.json")} == {0o640}


def test_unfinished_write_of_a_killed_process_is_no_object(file_store):
    file_store.write("v1/a.json", b"x")
    (file_store.root / "v1/.b.json.0123").write_bytes(b"half")
    assert [row.key for row in file_store.list("")] == ["v1/a.json"]
    assert file_store.read("v1/b.json") is None


def test_copy_without_hard_links(file_store, monkeypatch):
    file_store.write("a.txt", b"one")
    info = file_store.head("a.txt")

    def refuse(source, target):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    file_store.copy("a.txt", "b.txt", info.sha256)
    assert file_store.read("b.txt").data == b"one"


def test_a_rewritten_file_of_the_same_size_has_another_etag(file_store):
    etags = set()
    for letter in "abcdefgh":
        file_store.write("a.txt", letter.encode())
        etags.add(file_store.head("a.txt").etag)
    assert len(etags) == 8


def test_bucket_that_does_not_exist(moto_environment, local_file):
    store = open_store("s3://no-such-bucket-here/prefix")
    path, sha256 = local_file(b"x")
    for attempt in (
        store.check,
        lambda: store.write("a.json", b"x"),
        lambda: store.upload_file("a.json", path, sha256),
        lambda: list(store.list("")),
    ):
        with pytest.raises(InputError, match=r"no-such-bucket-here.*does not exist"):
            attempt()


def test_no_credentials(moto_environment, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID"):
        open_store("s3://bucket").check()


def test_unknown_profile(moto_environment, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InputError, match="AWS_PROFILE"):
        open_store("s3://bucket")


@pytest.fixture
def few_attempts(monkeypatch):
    monkeypatch.setattr(s3_store, "_CONFIG", s3_store._CONFIG.merge(Config(retries={"total_max_attempts": 1})))


def test_endpoint_that_is_away(moto_environment, few_attempts, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:canary-password@127.0.0.1:9")
    with pytest.raises(PublicationError, match="cannot be reached") as caught:
        open_store("s3://bucket").check()
    assert "127.0.0.1:9" in shown(caught.value)
    assert "canary" not in shown(caught.value)


def shown(error):
    """What a traceback shows, as --verbose and Prefect's log do."""
    return "".join(traceback.format_exception(error))


@contextmanager
def answering(status, code):
    """Yield the address of a server on loopback that answers every request with one S3 error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<Error><Code>{code}</Code><Message>canary-secret {code}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self):
            self.send_response(status)
            self.end_headers()

        def do_PUT(self):
            self.do_GET()

        def do_DELETE(self):
            self.do_GET()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (403, "InvalidAccessKeyId", InputError, "does not accept"),
        (403, "SignatureDoesNotMatch", InputError, "does not accept"),
        (400, "ExpiredToken", InputError, "does not accept"),
        (503, "SlowDown", PublicationError, "too busy"),
        (400, "BadDigest", PublicationError, "other bytes"),
        (400, "IllegalLocationConstraintException", InputError, "another region"),
        (500, "InternalError", PublicationError, r"InternalError \(500\)"),
    ],
)
def test_what_a_server_answers_is_explained(moto_environment, few_attempts, monkeypatch, status, code, error, words):
    with answering(status, code) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        store = open_store("s3://some-bucket/prefix")
        for attempt in (lambda: store.write("v1/a.json", b"x"), lambda: store.read("v1/a.json")):
            with pytest.raises(error, match=words) as caught:
                attempt()
            assert "s3://some-bucket/prefix" in str(caught.value)
            assert f"{code} ({status})" in shown(caught.value)
            assert "canary" not in shown(caught.value)


def test_the_permission_that_is_missing_is_named(moto_environment, few_attempts, monkeypatch, local_file):
    path, sha = local_file(b"x")
    requests = {
        r"look at v1/a\.json .* needs s3:GetObject \(and s3:ListBucket": lambda: store.head("v1/a.json"),
        r"read v1/a\.json .* needs s3:GetObject \(and s3:ListBucket": lambda: store.read("v1/a.json"),
        r"write v1/a\.json .* needs s3:PutObject there": lambda: store.write("v1/a.json", b"x"),
        r"write v1/b\.json .* needs s3:PutObject there": lambda: store.upload_file("v1/b.json", path, sha),
        r"write v1/c\.json .* needs s3:PutObject \(and s3:GetObject": lambda: store.copy("v1/a.json", "v1/c.json", sha),
        r"list v1/ in .* needs s3:ListBucket there": lambda: list(store.list("v1/")),
        r"delete v1/a\.json .* needs s3:DeleteObject there": lambda: store.delete("v1/a.json"),
    }
    with answering(403, "AccessDenied") as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        store = open_store("s3://some-bucket/prefix")
        for words, request in requests.items():
            with pytest.raises(RefusedError, match=rf"{words}.*grant it, then run again"):
                request()


def test_server_that_ignores_conditions_is_refused(moto_store, monkeypatch):
    write = S3Store.write
    monkeypatch.setattr(S3Store, "write", lambda self, key, data, **_: write(self, key, data))
    with pytest.raises(PublicationError, match="conditional writes"):
        moto_store.check()


def test_encryption_and_storage_class_can_be_set(moto_environment, monkeypatch, local_file):
    client = boto3.session.Session().client("s3")
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    store = open_store(f"s3://{bucket}", S3Options(encryption="AES256", storage_class="STANDARD_IA"))
    store.write("a.json", b"x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    store.copy("a.json", "b.json", sha256)
    with pytest.raises(PublicationError, match="other bytes than its manifest says"):
        store.copy("a.json", "c.json", "0" * 64)
    monkeypatch.setattr(s3_store, "MULTIPART_BYTES", 0)
    store.upload_file("d.json", *local_file(b"x"))
    for key in ("a.json", "b.json", "d.json"):
        answer = client.head_object(Bucket=bucket, Key=key)
        assert (answer["ServerSideEncryption"], answer["StorageClass"]) == ("AES256", "STANDARD_IA")
