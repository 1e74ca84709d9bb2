import dataclasses
import functools
import hashlib
import io
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from browser import Page, browser
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import make_server

from publish.encode.chunks import CHUNK_MS, RATES
from publish.encode.manifest import (
    CHUNKED,
    Manifest,
    ManifestClock,
    ManifestEvent,
    ManifestFrames,
    ManifestObject,
    ManifestSamples,
    ManifestSession,
    named,
    with_objects,
)
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.headers import headers_for
from publish.revisions.latest import Summary
from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.stores.folder import FileStore
from publish.structs import decode_document
from transforms.columns import OF_SEASONS, OF_THE_SEASON
from transforms.recording import SessionIdentity

NOW = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)
SUMMARY = Summary("A", {"telemetry": True}, "inputs-1", "code-1")

PATHS = (
    "frames/25/0000.json.gz",
    "frames/25/0001.json.gz",
    "overview.json.gz",
    "parquet/laps.parquet",
    "parquet/results.parquet",
    "rows/skip_1.json.gz",
    "rows/skip_2.json.gz",
)


_IDENTITY_AND_CAR = pa.schema([("year", pa.int16()), ("session_key", pa.int32()), ("car", pa.string())])


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser for all tests; who uses it lets it forget first."""
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        opened.allow_motion()
        yield opened


def make_identity(session_key: int = 9472, round_number: int = 1, code: str = "R", event: str = "Bahrain Grand Prix"):
    return SessionIdentity(
        session_key=session_key,
        meeting_key=1229,
        year=2024,
        round=round_number,
        event=event,
        official_event=event,
        country="Bahrain",
        location="Sakhir",
        code=code,
        name="Race",
        date="2024-03-02",
        start_utc="2024-03-02T15:00:00Z",
    )


def make_revision(
    folder: Path,
    content: str = "one",
    *,
    session_key: int = 9472,
    paths: tuple[str, ...] = PATHS,
    compressor: str = "",
    year: int = 2024,
) -> EncodedRevision:
    """A tiny encoded session; ``content`` decides what is in it, ``compressor`` only its bytes."""
    source = folder / uuid.uuid4().hex
    source.mkdir()
    objects = []
    for path in paths:
        data = _bytes_of(path, year, session_key, content, compressor)
        file = source / path.replace("/", "_")
        file.write_bytes(data)
        headers = headers_for(path)
        objects.append(
            EncodedObject(
                path=path,
                kind=path.partition("/")[0].removesuffix(".json.gz").replace("parquet", "table"),
                file=file,
                bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                content_sha256=hashlib.sha256(f"{path} {content}".encode()).hexdigest(),
                content_type=headers.content_type,
                content_encoding=headers.content_encoding,
            )
        )
    manifest = Manifest(
        session_key=session_key,
        meeting_key=1229,
        year=year,
        round=1,
        event=ManifestEvent("Bahrain Grand Prix", "Bahrain Grand Prix", "Bahrain", "Sakhir", None),
        session=ManifestSession("R", "Race", "2024-03-02", None),
        revision="0" * 16,
        clock=ManifestClock(None, 100 * CHUNK_MS, 0, None),
        drivers=(),
        total_laps=None,
        grade="A",
        capabilities={"telemetry": True} | ({"track": True} if "track.json.gz" in paths else {}),
        frames=ManifestFrames(RATES, CHUNK_MS, {}),
        samples=ManifestSamples(CHUNK_MS, None, {}),
        chunks={},
        files=(),
        made_with={},
    )
    return _encoded(session_key, manifest, objects)


@functools.cache
def _bytes_of(path: str, year: int, session_key: int, content: str, compressor: str) -> bytes:
    if not path.endswith(".parquet"):
        return f"{path} of {session_key} {content}{compressor}\n".encode()
    row = {"year": year, "session_key": session_key, "car": content}
    table = pa.Table.from_pylist([row], schema=_IDENTITY_AND_CAR)
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"path": path, "compressor": compressor}), out)
    return out.getvalue()


def _encoded(session_key: int, manifest: Manifest, objects: list[EncodedObject]) -> EncodedRevision:
    contents = {item.path: item.content_sha256 for item in objects}
    listed = with_objects(manifest, map(_listed, objects))
    revision, data = named(listed, [contents[item.path] for item in listed.objects])
    return EncodedRevision(session_key, revision, data, tuple(objects))


def _listed(item: EncodedObject) -> ManifestObject:
    made = ManifestObject(item.path, item.kind, item.bytes, item.sha256, item.content_encoding)
    if item.kind not in CHUNKED:
        return made
    start_ms = int(item.path[-len("0000.json.gz") :][:4]) * CHUNK_MS
    return msgspec.structs.replace(made, start_ms=start_ms, end_ms=start_ms + CHUNK_MS)


def with_files(encoded: EncodedRevision, files: dict[str, bytes]) -> EncodedRevision:
    """The same content with other bytes in some of its objects."""
    objects = []
    for item in encoded.objects:
        if item.path in files:
            item.file.write_bytes(files[item.path])
            sha256 = hashlib.sha256(files[item.path]).hexdigest()
            item = dataclasses.replace(item, bytes=len(files[item.path]), sha256=sha256)
        objects.append(item)
    return _encoded(encoded.session_key, decode_document(encoded.manifest, Manifest, "manifest"), objects)


@pytest.fixture
def publishing(tmp_path: Path) -> SimpleNamespace:
    """Everything a test of the publication needs to make tiny sessions, and a clock that stands still."""
    work = tmp_path / "encoded"
    work.mkdir()

    def revision(content: str = "one", **more: object) -> EncodedRevision:
        return make_revision(work, content, **more)  # type: ignore[arg-type]

    return SimpleNamespace(
        now=NOW, summary=SUMMARY, identity=make_identity, revision=revision, with_files=with_files, paths=PATHS
    )


@pytest.fixture
def without_season_tables() -> Iterator[None]:
    """Tables of seasons and CSV are made of nothing: with them a publication makes four times the requests."""
    with patch.dict(OF_SEASONS, clear=True), patch.dict(OF_THE_SEASON, clear=True):
        yield


@pytest.fixture
def file_store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "site")


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    application = create_backend_app("s3")
    one_at_a_time = threading.Lock()

    def serve(environ: dict, start_response: Callable) -> list[bytes]:
        # moto checks a condition and then writes, without a lock between; real servers do both at once.
        with one_at_a_time:
            return list(application(environ, start_response))

    server = make_server("127.0.0.1", 0, serve, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def _use_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str, key: str, secret: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def moto_environment(monkeypatch: pytest.MonkeyPatch, moto_endpoint: str) -> None:
    _use_endpoint(monkeypatch, moto_endpoint, "test", "canary-secret")


@pytest.fixture(scope="session")
def moto_client(moto_endpoint: str) -> Any:
    """A client of moto's server: making one takes longer than what most tests do with it."""
    session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return session.client("s3", endpoint_url=moto_endpoint)


@pytest.fixture
def moto_store(moto_environment: None, moto_client: Any) -> Store:
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    moto_client.create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/some/prefix")


@pytest.fixture
def real_s3_store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store on the S3 server that S3_TEST_ENDPOINT names (S3_TEST_KEY, S3_TEST_SECRET: its credentials)."""
    endpoint = os.environ.get("S3_TEST_ENDPOINT")
    if not endpoint:
        pytest.skip("S3_TEST_ENDPOINT names no S3 server to test against")
    key, secret = os.environ.get("S3_TEST_KEY", "test"), os.environ.get("S3_TEST_SECRET", "testsecret")
    _use_endpoint(monkeypatch, endpoint, key, secret)
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    boto3.session.Session().client("s3").create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/some/prefix")


@pytest.fixture
def local_file(tmp_path: Path) -> Callable[[bytes], tuple[Path, str]]:
    """Make a local file of some bytes; gives its path and SHA-256."""

    def make(data: bytes) -> tuple[Path, str]:
        path = tmp_path / uuid.uuid4().hex
        path.write_bytes(data)
        return path, hashlib.sha256(data).hexdigest()

    return make
