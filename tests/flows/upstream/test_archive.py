"""What FastF1 fetched goes into the archive and comes back, on the sample season; the upstream is never there."""

import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from sample_sessions import load_sample, located_sample

from flows.sample import SAMPLE_YEAR
from flows.season.one_by_one import backfill_directly
from flows.session.direct import publish_directly
from flows.session.steps import Request
from flows.session_ref import SessionRef
from flows.settings import Settings, read_settings
from flows.upstream.archive import SessionArchive, settings_for
from flows.upstream.archive_format import read_archive
from flows.upstream.archive_index import OFFICIAL, read_index
from flows.upstream.http_cache import delete_bodies, read_bodies, write_bodies
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.proofs import PROOFS_FILE
from flows.upstream.raw_streams import urls_of
from flows.upstream.services import service_urls, stream_urls
from flows.upstream.topics import missing_topics, read_circuit_key, topic_folder
from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.stores.shared_documents import read_document
from transforms.errors import InputError, ParcfermeError, UpstreamError

_LOGGER = logging.getLogger("test")


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_uri(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"raw-{uuid.uuid4().hex[:12]}"
    boto3.session.Session().client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/f1"


@pytest.fixture
def cache(sample_site: Path, sample_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own that holds the sample season unparsed; settings use it and an archive in a folder."""
    folder = tmp_path / "cache"
    shutil.copytree(
        sample_cache, folder, ignore=shutil.ignore_patterns("*.ff1pkl", "parser-warnings.json", "lap-counts.json")
    )
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(folder))
    monkeypatch.setenv("PARCFERME_ARCHIVE", (tmp_path / "archive").as_uri())
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import fastf1.req

    def _refuse(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail("FastF1 asked the network")

    monkeypatch.setattr(fastf1.req._SessionWithRateLimiting, "send", _refuse)


def _archive(settings: Settings, code: str = "FP1", source: Any = "upstream") -> SessionArchive:
    return SessionArchive(settings, source, located_sample(settings.cache_dir, 1, code), _LOGGER)


@pytest.fixture
def kept(cache: Path) -> Store:
    """The archive after a load of round 1 FP1."""
    settings = read_settings()
    archive = _archive(settings)
    load_sample(cache, 1, "FP1")
    assert archive.save() is True
    assert archive.save() is False
    return open_store(str(settings.archive))


def _object(store: Store) -> str:
    (key,) = [o.key for o in store.list(f"raw/{SAMPLE_YEAR}/") if o.key.endswith(".zst") and "schedule" not in o.key]
    return key


def _tree(folder: Path) -> dict[str, str]:
    """Every file's hash; of the request cache, a database, what it answers is compared elsewhere."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".sqlite" not in path.name)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _published(site: str, key: int) -> tuple[str, dict[str, str]]:
    """The current revision and the SHA-256 of each of its objects, as stored."""
    store = open_store(site)
    revision = (read_document(store, f"v1/sessions/{key}/latest.json", dict) or {})["revision"]
    prefix = f"v1/sessions/{key}/{revision}/"
    found = {}
    for listed in store.list(prefix):
        stored = store.read(listed.key)
        assert stored is not None
        found[listed.key] = hashlib.sha256(stored.data).hexdigest()
    return revision, found


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(("kind", "code"), [("file", "Q"), ("s3", "FP1")])
def test_another_machine_computes_the_same_from_the_archive_alone(
    cache: Path, sample_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any, kind: str, code: str
) -> None:
    if kind == "s3":
        monkeypatch.setenv("PARCFERME_ARCHIVE", request.getfixturevalue("s3_uri"))
    first = publish_directly(SAMPLE_YEAR, "1", code, Request())
    shutil.rmtree(cache)

    elsewhere = tmp_path / "another-machine"
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(elsewhere / "cache"))
    monkeypatch.setenv("PARCFERME_DESTINATION", (elsewhere / "site").as_uri())
    monkeypatch.setenv("PARCFERME_OFFLINE", "0")
    second = publish_directly(SAMPLE_YEAR, "1", code, Request(source="archive"))
    assert second.unchanged is False
    assert second.revision == first.revision
    assert first.session_key is not None
    before = _published(sample_site.as_uri(), first.session_key)
    assert len(before[1]) > 20
    assert _published((elsewhere / "site").as_uri(), first.session_key) == before

    (third,) = backfill_directly(SAMPLE_YEAR, [1], [code], force=False, source="archive")
    assert third.unchanged is True
    archived = open_store(os.environ["PARCFERME_ARCHIVE"])
    for entry in archived.list("raw/"):
        info = archived.head(entry.key)
        assert info is not None and info.headers.cache_control == "private, no-store"


def test_what_is_up_to_date_is_archived_all_the_same(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARCFERME_ARCHIVE")
    publish_directly(SAMPLE_YEAR, "1", "FP1", Request())
    assert not (tmp_path / "archive").exists()
    monkeypatch.setenv("PARCFERME_ARCHIVE", (tmp_path / "archive").as_uri())
    assert publish_directly(SAMPLE_YEAR, "1", "FP1", Request()).unchanged is True
    before = _tree(tmp_path / "archive")
    assert len([name for name in before if name.endswith(".tar.zst")]) == 2
    publish_directly(SAMPLE_YEAR, "1", "FP1", Request(force=True))
    assert _tree(tmp_path / "archive") == before


def test_a_broken_archive_fails_the_run_only_where_there_is_nothing_else(
    cache: Path, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write(_object(kept), b"not zstd")
    with pytest.raises(UpstreamError, match=r"raw archive .*\.tar\.zst in file://.* cannot be used"):
        publish_directly(SAMPLE_YEAR, "1", "FP1", Request(source="archive"))
    for topic in cache.rglob("*.ff1pkl"):
        topic.unlink()
    assert publish_directly(SAMPLE_YEAR, "1", "FP1", Request()).state == "published"
    # What could not be used has been replaced.
    assert publish_directly(SAMPLE_YEAR, "1", "FP1", Request(source="archive")).unchanged is True


def test_a_load_goes_into_the_archive_without_a_trace_of_the_machine(cache: Path, kept: Store, tmp_path: Path) -> None:
    stored = kept.read(_object(kept))
    assert stored is not None
    (tmp_path / "a").write_bytes(stored.data)
    index = read_archive(tmp_path / "a", tmp_path / "out", "here")
    session = located_sample(cache, 1, "FP1")
    assert SessionRef(index["year"], index["round"], session.event, index["code"], index["api_path"]) == session
    entry = (read_index(kept, SAMPLE_YEAR) or pytest.fail("no index")).sessions[str(index["session_key"])]
    source = entry.sources[OFFICIAL]
    assert source.inputs_sha256 == inputs_fingerprint(cache, session)
    assert source.responses_sha256 == index["responses_sha256"]
    assert (source.missing_end, source.absent, entry.best) == (None, [], OFFICIAL)
    names = {m["name"].removeprefix("responses/") for m in index["members"]}
    assert {"circuit", "results", *urls_of(session)} <= names == set(source.responses)
    for member in index["members"]:
        path = tmp_path / "out" / member["name"]
        assert member["status"] == 200 and path.read_bytes() == read_bodies(cache, [member["url"]])[member["url"]]
    content = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())
    for trace in (str(tmp_path), str(cache), str(Path.home()), "ff1pkl"):
        assert trace.encode() not in content + repr(index).encode()


def test_the_cache_gets_back_what_it_lacks_and_nothing_newer_is_replaced(cache: Path, kept: Store) -> None:
    settings = read_settings()
    session = located_sample(cache, 1, "FP1")
    fingerprint = inputs_fingerprint(cache, session)
    assert _archive(settings).restore() is False
    weather = urls_of(session)["stream-weather_data"]
    body = read_bodies(cache, [weather])
    (topic_folder(cache, session) / "weather_data.ff1pkl").unlink()
    (topic_folder(cache, session) / PROOFS_FILE).unlink()
    delete_bodies(cache, [weather])
    assert _archive(settings).restore() is True
    assert read_bodies(cache, [weather]) == body
    load_sample(cache, 1, "FP1")
    assert inputs_fingerprint(cache, session) == fingerprint

    circuit = service_urls(session, read_circuit_key(cache, session))["circuit"]
    write_bodies(cache, {circuit: b'{"newer": true}'})
    (topic_folder(cache, session) / "weather_data.ff1pkl").unlink()
    (topic_folder(cache, session) / PROOFS_FILE).unlink()
    assert _archive(settings).restore() is True
    assert read_bodies(cache, [circuit]) == {circuit: b'{"newer": true}'}
    # New inputs: the archive takes them.
    load_sample(cache, 1, "FP1")
    assert _archive(settings).save() is True
    (entry,) = (read_index(kept, SAMPLE_YEAR) or pytest.fail("no index")).sessions.values()
    assert entry.sources[OFFICIAL].inputs_sha256 == inputs_fingerprint(cache, session) != fingerprint


def test_what_the_cache_holds_only_parsed_is_not_kept_and_said(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_sample(cache, 1, "FP1")
    session = located_sample(cache, 1, "FP1")
    delete_bodies(cache, [urls_of(session)["stream-car_data"]])
    assert _archive(read_settings()).save() is False
    assert "holds car_data of 2099 round 1" in caplog.text and "only as FastF1 has parsed it" in caplog.text
    assert not (tmp_path / "archive" / "raw").exists()


def test_offline_with_an_empty_cache_the_archive_serves_schedule_and_session(
    kept: Store, no_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "empty"))
    settings = settings_for(read_settings(), "upstream", SAMPLE_YEAR)
    assert _archive(settings).restore() is True
    assert load_sample(tmp_path / "empty", 1, "FP1").circuit is not None


@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "old", "gone"])
def test_a_corrupt_archive_leaves_the_cache_as_it_was(kept: Store, tmp_path: Path, damage: str) -> None:
    settings = settings_for(read_settings(), "archive", SAMPLE_YEAR)
    archive = _archive(settings, source="archive")
    key = _object(kept)
    stored = kept.read(key)
    schedule = kept.read(f"raw/{SAMPLE_YEAR}/schedule.tar.zst")
    assert stored is not None and schedule is not None
    middle = len(stored.data) // 2
    if damage == "flip":
        kept.write(key, stored.data[:middle] + bytes([stored.data[middle] ^ 1]) + stored.data[middle + 1 :])
    elif damage == "cut":
        kept.write(key, stored.data[:middle])
    elif damage == "swap":
        kept.write(key, schedule.data)
    elif damage == "gone":
        kept.delete(key)
    else:
        kept.write(f"raw/{SAMPLE_YEAR}/index.json", b'{"schema":"parcferme/raw-index/1","year":2099,"sessions":{}}')
    before = _tree(settings.cache_dir)
    session = located_sample(settings.cache_dir, 1, "FP1")
    wanted = {
        "flip": "cannot be used",
        "cut": "cannot be used",
        "swap": "of another session",
        "gone": "which raw/2099/index.json names",
        "old": "written by an older parcferme",
    }
    with pytest.raises(ParcfermeError, match=wanted[damage]):
        archive.restore()
    assert _tree(settings.cache_dir) == before
    assert not list(topic_folder(settings.cache_dir, session).glob("*"))
    assert read_bodies(settings.cache_dir, service_urls(session, None).values()) == {}


def test_what_is_not_in_the_archive_is_said(cache: Path, kept: Store, tmp_path: Path) -> None:
    settings = settings_for(read_settings(), "archive", SAMPLE_YEAR)
    with pytest.raises(UpstreamError, match=f"has nothing of {SAMPLE_YEAR} round 1 .* R.*PARCFERME_ARCHIVE"):
        _archive(settings, "R", source="archive").restore()
    with pytest.raises(UpstreamError, match="has no schedule of 2019"):
        settings_for(read_settings(), "archive", 2019)


def test_the_source_archive_needs_an_archive(sample_site: Path) -> None:
    with pytest.raises(InputError, match="Set PARCFERME_ARCHIVE"):
        settings_for(read_settings(), "archive", SAMPLE_YEAR)


def test_every_topic_has_a_stream() -> None:
    session = SessionRef(2024, 1, "Somewhere", "R", "/static/2024/a/b/")
    topics = missing_topics(Path("nowhere"), session)
    urls = stream_urls(session, topics)
    assert len(set(urls.values())) == len(topics) == 11
    assert urls["stream-extended_timing_data"].endswith("/static/2024/a/b/TimingData.jsonStream")


@pytest.mark.parametrize(
    ("destination", "archive"),
    [
        ("file:///srv/site", "file:///srv/site"),
        ("file:///srv/site", "file:///srv/site/raw"),
        ("file:///srv/site/public", "file:///srv/site"),
        ("file:///srv/site", "file:///srv/other/../site/raw"),
        ("file:///srv/a%20b", "file:///srv/a b/raw"),
        ("s3://bucket/site", "s3://bucket/site/raw"),
        ("s3://bucket/site/", "s3://bucket//site"),
        ("s3://bucket", "s3://bucket/raw"),
        ("s3://bucket/site", "s3://bucket"),
    ],
)
def test_the_archive_is_never_public(monkeypatch: pytest.MonkeyPatch, destination: str, archive: str) -> None:
    monkeypatch.setenv("PARCFERME_DESTINATION", destination)
    monkeypatch.setenv("PARCFERME_ARCHIVE", archive)
    with pytest.raises(InputError, match=r"PARCFERME_ARCHIVE=.* cannot be used"):
        read_settings()


def test_the_archive_may_lie_beside_the_destination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for destination, archive in (
        ("s3://bucket/site", "s3://bucket/site-raw"),
        ("s3://bucket/site", "s3://other/site"),
        ("file:///srv/site", "s3://bucket/site"),
        ("file:///srv/site", "file:///srv/site-raw"),
    ):
        monkeypatch.setenv("PARCFERME_DESTINATION", destination)
        monkeypatch.setenv("PARCFERME_ARCHIVE", archive)
        assert read_settings().archive == archive
    (tmp_path / "link").symlink_to(tmp_path / "site")
    monkeypatch.setenv("PARCFERME_DESTINATION", (tmp_path / "site").as_uri())
    monkeypatch.setenv("PARCFERME_ARCHIVE", f"file://{tmp_path}/link/raw")
    with pytest.raises(InputError, match="never published"):
        read_settings()
