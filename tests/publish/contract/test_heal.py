"""heal mends what was written over, stale copies and indexes; what it cannot prove it leaves, and says so."""

from datetime import UTC, datetime

import pytest
from fault_store import WatchedStore, check_readers_view
from msgspec.structs import replace
from session_data import CIRCUIT, IDENTITY_OF_SESSION, frames, session_data
from zlib_ng import zlib_ng

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.encode import parquet
from publish.encode.content import content_sha256
from publish.encode.manifest import Manifest
from publish.encode.session import encode_session
from publish.publication import publish_revision
from publish.revisions.latest import Changes, Summary, read_latest, succeed
from publish.season.index import update_season
from publish.structs import decode_document, encode_document
from transforms.errors import PublicationError

NOW = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)
ME = IDENTITY_OF_SESSION
SUMMARY = Summary("A", {"positions": True}, "inputs", "code")
LAPS_COPY = "v1/parquet/laps/2024/9472.parquet"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """One session, as two versions of the compressors encode it."""
    data, compress = session_data(source=frames(1600, cars=3)), zlib_ng.compressobj

    def encode(name):
        return encode_session(ME, CIRCUIT, data, tmp_path_factory.mktemp(name), made_with={"parcferme": "0.1.0"})

    ours = encode("ours")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zlib_ng, "compressobj", lambda level, *more: compress(1, *more))
        patch.setattr(parquet, "ZSTD_LEVEL", 9)
        theirs = encode("theirs")
    # The smallest come out the same at every level.
    assert {one.sha256 for one in ours.objects} != {one.sha256 for one in theirs.objects}
    assert keys.content_of(ours.revision) == keys.content_of(theirs.revision) != ours.revision
    return ours, theirs


def publish_as_before(store, encoded, written_over):
    """Publish as it was done when names did not tell bytes apart; ``written_over`` are another publisher's objects."""
    old = keys.content_of(encoded.revision)
    for item in (*encoded.objects, *written_over):
        store.upload_file(keys.revision_object(9472, old, item.path), item.file, item.sha256)
    manifest = decode_document(encoded.manifest, Manifest, "manifest")
    store.write(keys.manifest(9472, old), encode_document(replace(manifest, revision=old)))
    latest = succeed(None, ME, old, SUMMARY, now=NOW, forced=False, changes=Changes())
    store.write(keys.latest(9472), encode_document(latest))
    update_season(store, 2024, None, NOW, session_keys=(9472,))
    return old


def wrong(store):
    return {finding.key for finding in verify_store(store, deep=True).findings if not finding.is_orphan}


def test_what_is_in_an_object_can_be_proved_from_its_bytes(encoded):
    for one in encoded:
        assert {item.path: content_sha256(item.path, item.file.read_bytes()) for item in one.objects} == {
            item.path: item.content_sha256 for item in one.objects
        }
    for path in ("laps.json.gz", "parquet/laps.parquet"):
        with pytest.raises(PublicationError, match="decoded"):
            content_sha256(path, b"PAR1 torn")


@pytest.mark.parametrize("kind", ["file", "moto"])
def test_what_was_written_over_is_described_anew(request, kind, encoded):
    if kind == "moto":
        request.getfixturevalue("without_season_tables")
    store = request.getfixturevalue(f"{kind}_store")
    old = publish_as_before(store, encoded[0], encoded[1].objects[::2])
    bytes_before = {item.path: item.sha256 for item in encoded[0].objects}
    # A small object can have the same bytes whoever compresses it.
    differ = [item.path for item in encoded[1].objects[::2] if item.sha256 != bytes_before[item.path]]
    assert len(differ) > 10
    assert {key for key in wrong(store) if f"/{old}/" in key} == {
        keys.revision_object(9472, old, path) for path in differ
    }
    assert heal_store(store, NOW) == 1
    assert wrong(store) == set()
    latest = read_latest(store, 9472)
    assert keys.content_of(latest.revision) == old != latest.revision and latest.revisions == [latest.revision]
    assert latest.revision not in {one.revision for one in encoded}
    check_readers_view(store)
    again = WatchedStore(store)
    assert heal_store(again, NOW) == 0 and again.writes == []
    # And the same content is known: nothing is uploaded.
    assert publish_revision(store, encoded[1], ME, summary=SUMMARY, now=NOW).unchanged


@pytest.mark.parametrize("data", [b"", b"PAR1 torn", None])
def test_what_cannot_be_proved_stays_until_it_is_published_again(file_store, encoded, data, caplog):
    old = publish_as_before(file_store, encoded[0], ())
    heal_store(file_store, NOW)
    key = keys.revision_object(9472, old, "parquet/laps.parquet")
    if data is None:
        file_store.delete(key)
    else:
        file_store.write(key, data)
    assert heal_store(file_store, NOW) == 0
    assert "Publish" in caplog.text and key in wrong(file_store)
    assert not publish_revision(file_store, encoded[1], ME, summary=SUMMARY, now=NOW, forced=True).unchanged
    assert heal_store(file_store, NOW) == 1
    assert wrong(file_store) == set()
    assert read_latest(file_store, 9472).revisions == [encoded[1].revision]


def test_other_content_is_never_taken_for_what_the_name_promises(file_store, encoded, caplog):
    old = publish_as_before(file_store, encoded[0], ())
    heal_store(file_store, NOW)
    other = file_store.read(keys.revision_object(9472, old, "weather.json.gz")).data
    file_store.write(keys.revision_object(9472, old, "laps.json.gz"), other)
    assert heal_store(file_store, NOW) == 0 and "not what was published" in caplog.text


def test_copies_and_indexes_are_mended(file_store, encoded):
    publish_revision(file_store, encoded[0], ME, summary=SUMMARY, now=NOW)
    file_store.write(LAPS_COPY, b"stale")
    file_store.delete("v1/parquet/results/2024/9472.parquet")
    for key in (
        "v1/parquet/laps/2024/1.parquet",
        "v1/parquet/ghosts/2024/9472.parquet",
        "telemetry/2024/1/skip_99.json.gz",
        "telemetry/2024/9/skip_1.json.gz",
    ):
        file_store.write(key, b"ghost")
    file_store.delete("v1/seasons/2024.json")
    assert len(wrong(file_store)) == 7
    assert heal_store(file_store, NOW) == 0
    assert wrong(file_store) == set()
