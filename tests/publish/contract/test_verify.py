"""verify finds what is wrong, says where, and finds nothing where nothing is."""

import dataclasses
import gzip
import hashlib
import io
import json
import shutil
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from fault_store import WatchedStore
from msgspec.structs import replace
from session_data import CIRCUIT, IDENTITY_OF_SESSION, frames, session_data

from publish import keys
from publish.contract.verify import verify_store
from publish.encode.manifest import Manifest, with_objects
from publish.encode.session import encode_session
from publish.publication import publish_revision, publish_site
from publish.revisions.latest import Summary, read_latest
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document
from publish.structs import encode_document

NOW = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)
ME = IDENTITY_OF_SESSION
MADE_WITH = {"parcferme": "0.1.0", "fastf1": "3.9.0", "contract": "1"}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Two revisions of one session."""
    source = frames(1600, cars=3)
    data = session_data(source=source)
    spools = [tmp_path_factory.mktemp("spool") for _ in range(2)]
    return [
        encode_session(ME, CIRCUIT, dataclasses.replace(data, total_laps=laps), spool, made_with=MADE_WITH)
        for laps, spool in zip((57, 58), spools, strict=True)
    ]


def publish_both(store, encoded):
    for revision in encoded:
        summary = Summary("A", {"positions": True}, "inputs", revision.revision)
        publish_revision(store, revision, ME, summary=summary, now=NOW)
    publish_site(store, {"v1/schemas/manifest.json": b"{}"})
    return store


@pytest.fixture(scope="module")
def published(encoded, tmp_path_factory):
    """A folder in which both are published: only copy it."""
    folder = tmp_path_factory.mktemp("published") / "site"
    publish_both(FileStore(folder), encoded)
    return folder


@pytest.fixture
def store(published, tmp_path):
    return FileStore(shutil.copytree(published, tmp_path / "site"))


def wrong(store, deep=False):
    return {(finding.key, finding.problem) for finding in verify_store(store, deep=deep).findings}


def _check_nothing_is_wrong(store):
    for deep in (False, True):
        found = verify_store(store, deep=deep)
        assert found.findings == () and found.is_good
        assert (found.sessions, found.revisions) == (1, 2)
        assert found.objects > 2 * len(read_document(store, read_latest(store, 9472).manifest_key, Manifest).objects)


def test_nothing_is_wrong(store):
    _check_nothing_is_wrong(store)


def test_without_deep_objects_are_not_read(store):
    watched = WatchedStore(store)
    verify_store(watched)
    assert {key.rpartition("/")[2] for request, key in watched.requests if request == "read"} == {
        "latest.json", "manifest.json", "2024.json", "index.json", "changes.json", "changes.atom", "site.json",
    }  # fmt: skip


def _object(store, path, old=False):
    latest = read_latest(store, 9472)
    return keys.revision_object(9472, latest.revisions[1] if old else latest.revision, path)


def _change_document(store, key, **change):
    store.write(key, encode_document(read_document(store, key, dict) | change))


CURRENT_COPY = "v1/parquet/laps/2024/9472.parquet"
LATEST, SEASON = "v1/sessions/9472/latest.json", "v1/seasons/2024.json"
SHALLOW = {
    "a lost object": (lambda s: s.delete(_object(s, "overview.json.gz")), "overview.json.gz", "not there"),
    "a lost object of an old revision": (
        lambda s: s.delete(_object(s, "laps.json.gz", old=True)), "laps.json.gz", "not there",
    ),
    "another size": (lambda s: s.write(_object(s, "overview.json.gz"), b"{}"), "overview.json.gz", "2 bytes"),
    "a lost manifest": (lambda s: s.delete(_object(s, "manifest.json")), "manifest.json", "not there"),
    "a torn manifest": (lambda s: s.write(_object(s, "manifest.json"), b"{"), "manifest.json", "JSON"),
    "a manifest of another kind": (lambda s: s.write(_object(s, "manifest.json"), b"{}"), "manifest.json", "schema"),
    "a torn latest": (lambda s: s.write(LATEST, b"{"), LATEST, "JSON"),
    "a grade there is not": (lambda s: _change_document(s, LATEST, grade="Z"), LATEST, "grade"),
    "a lost copy": (lambda s: s.delete(CURRENT_COPY), CURRENT_COPY, "not there"),
    "a stale copy": (lambda s: s.write(CURRENT_COPY, b"old"), CURRENT_COPY, "not a copy"),
    "a copy of nothing": (
        lambda s: s.write("v1/parquet/laps/2024/1.parquet", b"x"), "2024/1.parquet", "nothing",
    ),
    "rows of nothing": (lambda s: s.write("telemetry/2024/9/skip_1.json.gz", b"x"), "9/skip_1", "nothing"),
    "a lost season": (lambda s: s.delete(SEASON), SEASON, "not there"),
    "a season without the session": (lambda s: _change_document(s, SEASON, events=[]), SEASON, "not listed"),
    "a lost root index": (lambda s: s.delete("index.json"), "index.json", "not there"),
    "a dead link": (lambda s: _change_document(s, "index.json", links={"viewer": "v.html"}), "index.json", "v.html"),
    "a season that is not linked": (lambda s: _change_document(s, "index.json", seasons=[]), "index.json", "2024"),
    "an index behind": (
        lambda s: s.write(SEASON, s.read(SEASON).data.replace(
            read_latest(s, 9472).revision.encode(), read_latest(s, 9472).revisions[1].encode())),
        SEASON, "latest.json says",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SHALLOW)
def test_found_without_reading_objects(store, case):
    spoil, where, what = SHALLOW[case]
    spoil(store)
    found = verify_store(store)
    assert not found.is_good
    assert any(where in f.key and what in f.problem for f in found.findings if not f.is_orphan), found.findings


def _spoil_bytes(store, path, change):
    """Change an object and let manifest and copies agree, so that only what is inside is wrong."""
    key = _object(store, path)
    data = change(store.read(key).data)
    store.write(key, data)
    manifest_key = _object(store, "manifest.json")
    manifest = read_document(store, manifest_key, Manifest)
    found = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    objects = [replace(item, **found) if item.path == path else item for item in manifest.objects]
    store.write(manifest_key, encode_document(with_objects(manifest, objects)))


def _json(change):
    return lambda data: gzip.compress(json.dumps(change(json.loads(gzip.decompress(data)))).encode(), mtime=0)


def _text(old, new, count=1):
    return lambda data: gzip.compress(gzip.decompress(data).replace(old, new, count), mtime=0)


def _without_first_frame(data):
    _, rest = gzip.decompress(data).split(b',{"t":', 1)
    return gzip.compress(b'{"frames":[{"t":' + rest, mtime=0)


def _shorter_parquet(data):
    out = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(data)).slice(1), out)
    return out.getvalue()


def _first_values(document, change):
    car = next(iter(document["cars"].values()))
    car["x"] = change(car["x"])
    return document


INSIDE = {
    "not gzip": ("laps.json.gz", lambda data: b"x" * len(data), "cannot be read"),
    "half a gzip": ("overview.json.gz", lambda data: data[: len(data) // 2], "cannot be read"),
    "a missing field": ("track.json.gz", _json(lambda d: {k: v for k, v in d.items() if k != "x"}), "field `x`"),
    "a text for a number": (
        "laps.json.gz", _json(lambda d: d | {"rows": [d["rows"][0] | {"lap": "one"}]}), "rows[0].lap",
    ),
    "another session": ("results.json.gz", _json(lambda d: d | {"session_key": 1}), "of session 1"),
    "samples too few": ("samples/0000.json.gz", _json(lambda d: _first_values(d, lambda x: x[:-1])), "values at"),
    "samples of another minute": ("samples/0001.json.gz", _json(lambda d: d | {"start_ms": 0}), "it has 0 to"),
    "a chunk too short": ("frames/25/0000.json.gz", _json(lambda d: _first_values(d, lambda x: x[:-1])), "values in"),
    "a float in a chunk": (
        "frames/25/0001.json.gz", _json(lambda d: _first_values(d, lambda x: [0.5, *x[1:]])), "not as its schema",
    ),
    "a frame of rows": ("rows/skip_2.json.gz", _text(b'"speed":', b'"spede":'), "frame 0"),
    "a frame too few": (
        "rows/skip_1.json.gz", _without_first_frame, "frames, the",
    ),
    "rows without an end": ("rows/skip_3.json.gz", _text(b'],"driver_colors"', b'],"colors"'), "within its frames"),
    "a table too short": ("parquet/laps.parquet", _shorter_parquet, "rows, the manifest"),
    "no table": ("parquet/laps.parquet", lambda data: data[:-4] + b"oops", "cannot be read"),
    "another table": ("parquet/laps.parquet", None, "declared"),
}  # fmt: skip


@pytest.mark.parametrize("case", INSIDE)
def test_found_inside_objects(store, case):
    path, change, what = INSIDE[case]
    other = store.read(_object(store, "parquet/weather.parquet")).data
    _spoil_bytes(store, path, change or (lambda data: other))
    found = {f.problem for f in verify_store(store, deep=True).findings if f.key == _object(store, path)}
    assert any(what in problem for problem in found), found


def test_deep_proves_every_revision(store):
    _check_deep_proves_every_revision(store)


def _check_deep_proves_every_revision(store):
    for old in (False, True):
        key = _object(store, "weather.json.gz", old=old)
        data = bytearray(store.read(key).data)
        data[-1] ^= 1
        store.write(key, bytes(data))
    found = [f for f in verify_store(store, deep=True).findings if "SHA-256" in f.problem]
    assert len(found) == 2


@pytest.mark.usefixtures("without_season_tables")
def test_on_s3(moto_store, encoded):
    store = publish_both(moto_store, encoded)
    _check_nothing_is_wrong(store)
    _check_headers(store)
    _check_deep_proves_every_revision(store)


def _check_headers(store):
    key = _object(store, "laps.json.gz")
    at = {"Bucket": store.bucket, "Key": store.prefix + key}
    store._client.copy_object(
        **at, CopySource=at, MetadataDirective="REPLACE", ContentType="text/plain",
        Metadata={"sha256": store.head(key).sha256},
    )  # fmt: skip
    problems = [f.problem for f in verify_store(store).findings if f.key == key]
    assert len(problems) == 1
    assert all(name in problems[0] for name in ("Content-Type", "Cache-Control", "Content-Encoding"))


def test_orphans_are_listed_and_harm_nobody(store):
    store.write(keys.revision_object(9472, "0" * 16, "laps.json.gz"), b"x" * 10)
    store.write(keys.revision_object(77, "1" * 16, "manifest.json"), b"{}")
    store.write(_object(store, "stray.json.gz"), b"abc")
    found = verify_store(store)
    assert found.is_good and all(f.is_orphan for f in found.findings)
    assert {f.key for f in found.findings} == {
        "v1/sessions/9472/" + "0" * 16 + "/",
        "v1/sessions/77/" + "1" * 16 + "/",
        _object(store, "stray.json.gz"),
    }


def test_a_session_published_meanwhile_is_looked_at_again(file_store, encoded):
    def publish(revision):
        summary = Summary("A", {"positions": True}, "inputs", revision.revision)
        publish_revision(file_store, revision, ME, summary=summary, now=NOW)

    publish(encoded[0])
    done = []

    def before(request, key):
        if request == "head" and key == CURRENT_COPY and not done:
            done.append(True)
            publish(encoded[1])

    assert verify_store(WatchedStore(file_store, before)).findings == ()


def test_an_empty_destination_is_good(tmp_path):
    assert verify_store(FileStore(tmp_path / "nothing")).is_good
