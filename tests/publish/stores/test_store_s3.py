"""S3 over a network that loses, delays and alters: what recovers, what is refused, what it costs in memory."""

import base64
import copy
import hashlib
import itertools
import os
import random
import re
import threading
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.config import Config
from fault_proxy import FaultProxy, fault_proxy
from fault_store import check_copies, check_readers_view

from publish import keys
from publish.publication import prune, publish_revision
from publish.stores import s3 as s3_store
from publish.stores.base import Conflict, RefusedError, S3Options
from publish.stores.choose import open_store
from publish.stores.parallel import in_parallel
from publish.stores.s3 import S3Store
from publish.stores.shared_documents import read_document, update_document
from transforms.errors import PublicationError

#: What a request can meet with on a bad network, and how often a publication is tried again there.
OUTCOMES = ("busy", "error", "reset", "lost", "cut", "slow", "corrupt")
_RUNS = 20
OBJECT = "v1/sessions/9472/0123456789abcdef/overview.json.gz"


#: Other servers look at the signature of a request and at the bytes that arrive, and refuse what was altered.
only_moto = pytest.mark.skipif("S3_TEST_ENDPOINT" in os.environ, reason="needs a server that believes anything")


@dataclass
class Served:
    """moto, or the S3 server S3_TEST_ENDPOINT names, reached directly and through the proxy.

    Clients take long to make, so there are two for all tests.
    """

    proxy: FaultProxy
    direct: S3Store
    proxied: S3Store


@pytest.fixture(scope="module")
def served(moto_endpoint: str) -> Iterator[Served]:
    endpoint = os.environ.get("S3_TEST_ENDPOINT", moto_endpoint)
    with pytest.MonkeyPatch.context() as patch, fault_proxy(endpoint) as proxy:
        patch.setattr(s3_store, "_CONFIG", s3_store._CONFIG.merge(Config(read_timeout=1)))
        patch.setenv("AWS_ACCESS_KEY_ID", os.environ.get("S3_TEST_KEY", "test"))
        patch.setenv("AWS_SECRET_ACCESS_KEY", os.environ.get("S3_TEST_SECRET", "testsecret"))
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        bucket = f"b-{uuid.uuid4().hex[:12]}"
        direct = S3Store(bucket, "", S3Options())
        direct._client.create_bucket(Bucket=bucket)
        patch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield Served(proxy, direct, S3Store(bucket, "", S3Options()))


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4().hex}/"


@pytest.fixture
def proxy(served: Served) -> FaultProxy:
    served.proxy.heal()
    served.proxy.dropped_headers = frozenset()
    return served.proxy


@pytest.fixture
def direct(served: Served, prefix: str) -> S3Store:
    store = copy.copy(served.direct)
    store.prefix = prefix
    return store


@pytest.fixture
def store(served: Served, proxy: FaultProxy, prefix: str, pauses_s: list[float]) -> S3Store:
    """A store that reaches moto through the proxy."""
    store = copy.copy(served.proxied)
    store.prefix = prefix
    return store


@pytest.fixture
def pauses_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not waited for."""
    paused: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=paused.append))
    return paused


def _every_request(store: S3Store, path: Path, sha256: str) -> dict[str, Callable[[], object]]:
    store.write("a.json", b"{}")
    return {
        "read": lambda: store.read("a.json"),
        "head": lambda: store.head("a.json"),
        "write": lambda: store.write("b.json", b"{}"),
        "upload": lambda: store.upload_file(OBJECT, path, sha256),
        "copy": lambda: store.copy("a.json", "c.json", hashlib.sha256(b"{}").hexdigest()),
        "list": lambda: list(store.list("")),
        "delete": lambda: store.delete("b.json"),
    }


@pytest.mark.parametrize("fault", ["busy", "error", "reset", "lost", "hang"])
def test_every_request_is_tried_again(store, proxy, pauses_s, local_file, fault):
    requests = _every_request(store, *local_file(b"data"))
    if fault == "hang":  # each costs a timeout
        requests = {name: requests[name] for name in ("read", "write", "upload", "copy")}
    for name, request in requests.items():
        pauses_s.clear()
        proxy.heal()
        proxy.fail([fault] if fault == "hang" else [fault, fault])
        request()
        assert len(pauses_s) == (1 if fault == "hang" else 2), name
        assert all(0 <= pause <= 2**number for number, pause in enumerate(pauses_s)), name
    assert store.read(OBJECT).data == b"data"
    assert {row.key for row in store.list("")} - {"b.json"} == {"a.json", "c.json", OBJECT}


@pytest.mark.parametrize(("fault", "words"), [("busy", "too busy"), ("error", "500"), ("reset", "cannot be reached")])
def test_it_gives_up_after_five_attempts_and_says_so(store, proxy, pauses_s, fault, words):
    proxy.fail(itertools.repeat(fault), "PUT")
    with pytest.raises(PublicationError, match=words) as caught:
        store.write("v1/a.json", b"{}")
    assert "v1/a.json" in str(caught.value)
    assert proxy.count("PUT") == 5
    assert len(pauses_s) == 4


def test_a_body_that_breaks_off_is_read_again(store, proxy):
    store.write("a.json", b"0123456789")
    proxy.fail(["cut", "cut"], "GET")
    assert store.read("a.json").data == b"0123456789"
    proxy.fail(itertools.repeat("cut"), "GET")
    with pytest.raises(PublicationError, match="cannot be reached or stopped answering"):
        store.read("a.json")


def test_an_update_whose_answer_is_lost_is_neither_lost_nor_done_twice(store, proxy):
    update_document(store, "v1/names.json", dict, lambda _: {"names": ["first"]})
    proxy.fail(["lost"], "PUT")
    update_document(store, "v1/names.json", dict, lambda before: {"names": sorted({*before["names"], "second"})})
    assert read_document(store, "v1/names.json", dict) == {"names": ["first", "second"]}
    proxy.heal()
    proxy.fail(["lost"], "PUT", "new")
    update_document(store, "v1/new.json", dict, lambda _: {"names": ["first"]})
    assert read_document(store, "v1/new.json", dict) == {"names": ["first"]}


@only_moto
@pytest.mark.parametrize(
    ("fault", "parts"),
    [("corrupt", False), ("corrupt+mute", False), ("lie", False), ("corrupt", True), ("lie", True)],
)
def test_other_bytes_in_the_store_are_noticed_and_taken_back(
    store, direct, proxy, local_file, monkeypatch, fault, parts
):
    if parts:
        monkeypatch.setattr(s3_store, "MULTIPART_BYTES", 0)
    path, sha256 = local_file(b"as encoded")
    proxy.fail([fault], "PUT")
    with pytest.raises(PublicationError, match=r"stored other bytes .*overview\.json\.gz"):
        store.upload_file(OBJECT, path, sha256)
    assert direct.head(OBJECT) is None
    assert _unfinished(direct) == []
    store.upload_file(OBJECT, path, sha256)
    assert direct.read(OBJECT).data == b"as encoded"


def test_an_answer_that_proves_nothing_is_followed_by_reading_back(store, proxy, local_file):
    proxy.fail(["mute"], "PUT")
    store.upload_file(OBJECT, *local_file(b"as encoded"))
    assert proxy.count("GET", "overview") == 1


def test_a_composite_checksum_of_other_parts_is_noticed(store, proxy, local_file, monkeypatch):
    monkeypatch.setattr(s3_store, "MULTIPART_BYTES", 0)
    path, sha256 = local_file(b"as encoded")
    complete = store._client.complete_multipart_upload
    store._client = _with(store._client, complete_multipart_upload=lambda **r: {**complete(**r), **answer})
    part = hashlib.sha256(hashlib.sha256(b"as encoded").digest()).digest()
    answer = {"ChecksumSHA256": base64.b64encode(part).decode() + "-1"}
    store.upload_file(OBJECT, path, sha256)
    answer = {"ChecksumSHA256": base64.b64encode(bytes(32)).decode() + "-1"}
    with pytest.raises(PublicationError, match="stored other bytes"):
        store.upload_file(OBJECT, path, sha256)
    assert store.head(OBJECT) is None


def _with(client: object, **replaced: object) -> SimpleNamespace:
    names = [name for name in dir(client) if not name.startswith("_")]
    return SimpleNamespace(**{name: getattr(client, name) for name in names} | replaced)


def _unfinished(store: S3Store) -> list[object]:
    return store._client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix).get("Uploads", [])


def test_large_files_go_up_in_parts_that_appear_at_once(store, direct, proxy, local_file, monkeypatch):
    monkeypatch.setattr(s3_store, "MULTIPART_BYTES", 6 << 20)
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 << 20)
    data = b"0123456789abcdef" * (11 << 16)
    path, sha256 = local_file(data)
    proxy.fail(itertools.repeat("busy"), "PUT", "partNumber=3")
    with pytest.raises(PublicationError, match=r"too busy"):
        store.upload_file(OBJECT, path, sha256)
    assert direct.head(OBJECT) is None and _unfinished(direct) == []
    proxy.heal()
    proxy.fail(["busy", "reset"], "PUT", "partNumber=2")
    store.upload_file(OBJECT, path, sha256)
    assert proxy.count("PUT", "partNumber=") == 5
    info = store.head(OBJECT)
    assert info.etag.endswith("-3")
    assert (info.bytes, info.sha256, info.headers.content_encoding) == (len(data), sha256, "gzip")
    assert store.read(OBJECT).data == data


def test_what_is_left_of_an_upload_that_cannot_be_aborted_is_said(store, proxy, local_file, monkeypatch, caplog):
    monkeypatch.setattr(s3_store, "MULTIPART_BYTES", 0)
    proxy.fail(itertools.repeat("busy"), "PUT")
    proxy.fail(itertools.repeat("error"), "DELETE")
    with pytest.raises(PublicationError, match="too busy"):
        store.upload_file(OBJECT, *local_file(b"x"))
    assert "lifecycle rule" in caplog.text


def test_one_upload_of_many_that_fails_fails_the_publication_and_is_named(store, direct, proxy, publishing):
    paths = (*(f"frames/25/{n:04}.json.gz" for n in range(60)), "parquet/laps.parquet")
    encoded = publishing.revision("one", paths=paths)

    def publish():
        return publish_revision(store, encoded, publishing.identity(), summary=publishing.summary, now=publishing.now)

    proxy.fail(itertools.repeat("error"), "PUT", "0037")
    with pytest.raises(PublicationError, match=r"frames/25/0037\.json\.gz"):
        publish()
    assert direct.read(keys.manifest(9472, encoded.revision)) is None
    assert direct.read(keys.latest(9472)) is None
    there = len(list(direct.list("")))
    assert 0 < there < len(paths)
    proxy.heal()
    assert publish().uploaded_objects == len(paths) - there
    assert direct.read(keys.latest(9472)) is not None


def outcomes_by(seed: int) -> Iterator[str]:
    """What becomes of one request after the other on a network on which every sixth meets with something."""
    draw = random.Random(seed)
    while True:
        yield draw.choice(OUTCOMES) if draw.random() < 1 / 6 else ""


@contextmanager
def watched(direct: S3Store, proxy: FaultProxy) -> Iterator[list[str]]:
    """A reader who opens everything whenever something has changed while the block runs; yields why it stumbled."""
    stumbled: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while proxy.changed.wait() and not ended.is_set():
            proxy.changed.clear()
            try:
                check_readers_view(direct)
            except Exception as error:
                stumbled.append(repr(error))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield stumbled
    finally:
        ended.set()
        proxy.changed.set()
        reader.join()


@pytest.mark.usefixtures("without_season_tables")
@pytest.mark.parametrize("seed", range(1))
def test_a_network_that_fails_at_random_costs_attempts_and_nothing_else(store, direct, proxy, publishing, seed):
    paths = (*(f"frames/25/{n:04}.json.gz" for n in range(6)), "parquet/laps.parquet", "rows/skip_1.json.gz")
    proxy.fail(outcomes_by(seed))
    with watched(direct, proxy) as stumbled:
        for name in ("one", "two", "three"):
            encoded = publishing.revision(name, paths=paths)
            # An hour apart, forwards and backwards, as the clocks of two machines may be.
            now = publishing.now + timedelta(hours={"one": 0, "two": 1, "three": 0}[name])
            for _ in range(_RUNS):
                try:
                    publish_revision(store, encoded, publishing.identity(), summary=publishing.summary, now=now)
                    break
                except PublicationError:
                    continue
            latest = read_document(direct, keys.latest(9472), dict)
            assert latest is not None and latest["revision"] == encoded.revision
    assert stumbled == []
    assert len(latest["revisions"]) == 3
    laps = {"v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet"}
    check_copies(direct, 9472, laps | {"telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz"})


#: Which requests need which permission, and after how many of them it is lost.
LOST_PERMISSIONS = (
    ("s3:PutObject", "PUT", "", 1),
    ("s3:PutObject", "PUT", "", 5),
    ("s3:GetObject", "GET", r"\.json$", 4),
    ("s3:ListBucket", "GET", "list-type", 1),
    ("s3:DeleteObject", "DELETE", "", 1),
)


@pytest.mark.usefixtures("without_season_tables")
def test_a_permission_lost_in_the_middle_is_named_and_the_next_run_finishes(store, direct, proxy, publishing):
    paths = ("parquet/laps.parquet", "rows/skip_1.json.gz")
    laps = {"v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet"}

    def work(encoded):
        now = datetime.now(UTC)  # what is to be pruned is as old as moto says
        publish_revision(store, encoded, publishing.identity(), summary=publishing.summary, now=now)
        prune(store, keep=1, older_than=timedelta(0), now=now, dry_run=False)

    work(publishing.revision("before", paths=paths))
    with watched(direct, proxy) as stumbled:
        for permission, method, pattern, point in LOST_PERMISSIONS:
            encoded = publishing.revision(f"{permission} {point}", paths=paths)
            proxy.fail(chain(repeat("", point), repeat("deny")), method, pattern)
            with pytest.raises(RefusedError, match=rf"^Cannot .* {re.escape(store.uri)}: access denied.*{permission}"):
                work(encoded)
            check_readers_view(direct)
            proxy.heal()
            work(encoded)
            latest = read_document(direct, keys.latest(9472), dict)
            assert latest is not None and latest["revision"] == encoded.revision
            check_copies(direct, 9472, laps)
    assert stumbled == []


@only_moto
@pytest.mark.parametrize("ignored", [{"if-match"}, {"if-none-match"}, {"if-match", "if-none-match"}])
def test_a_server_that_ignores_conditions_is_refused(store, proxy, ignored):
    store.check()
    proxy.dropped_headers = frozenset(ignored)
    with pytest.raises(PublicationError, match="does not honour conditional writes"):
        store.check()


def test_checks_at_once_do_not_take_each_other_for_a_server_that_refuses(direct, monkeypatch):
    write, conflicts = S3Store.write, iter([True, True, True, False])

    def write_beside_others(self, key, data, **condition):
        if condition.get("if_match") not in (None, s3_store._NO_ETAG) and next(conflicts):
            raise Conflict(key)
        return write(self, key, data, **condition)

    monkeypatch.setattr(S3Store, "write", write_beside_others)
    direct.check()
    assert next(conflicts, None) is None


class _Discarding(BaseHTTPRequestHandler):
    """As much of S3 as an upload needs; it keeps nothing."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 14)))
        checksum = self.headers["x-amz-checksum-sha256"]
        self._answer(b"", [("ETag", '"e"'), ("x-amz-checksum-sha256", checksum)])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(b"<R><UploadId>1</UploadId><ETag>e</ETag></R>", [])

    def _answer(self, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(200)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_memory_does_not_grow_with_what_is_uploaded(moto_environment, tmp_path, monkeypatch):
    monkeypatch.setattr(s3_store, "PART_BYTES", 1 << 20)
    monkeypatch.setattr(s3_store, "MULTIPART_BYTES", 6 << 20)
    digests = {}
    for megabytes in (4, 12):  # in one request, in parts
        path = tmp_path / f"{megabytes}"
        path.write_bytes(bytes(megabytes << 20))
        digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Discarding)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        store = open_store("s3://bucket")
        store.write("a.json", b"{}")
        tracemalloc.start()
        in_parallel(
            lambda item: store.upload_file(f"v1/{item[0]}.bin", *item[1]),
            list(enumerate(itertools.islice(itertools.cycle(digests.items()), 16))),
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        server.shutdown()
        server.server_close()
        thread.join()
    # 128 MB went up: eight requests at a time, each with a part or a few blocks in memory.
    assert peak < 24 << 20
