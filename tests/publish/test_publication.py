from datetime import timedelta

import pytest
from fault_store import KilledError, WatchedStore, check_copies, check_readers_view

from publish import keys
from publish.contract.verify import verify_store
from publish.publication import finish_publication, prune, publish_revision, publish_site, roll_back
from publish.revisions.latest import Summary, read_latest
from publish.revisions.manifests import read_manifest
from publish.season.index import read_season
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from publish.structs import encode_document
from transforms.errors import InputError, PublicationError
from transforms.session_types import SESSION_CODES

COPIES = {
    "v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet",
    "v1/parquet/results/2024/9472.parquet": "parquet/results.parquet",
    "telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz",
    "telemetry/2024/1/skip_2.json.gz": "rows/skip_2.json.gz",
}

SEASON_FILES = {
    *(f"v1/parquet/season/{table}/2024.parquet" for table in ("laps", "results", "events", "standings")),
    *(f"v1/parquet/all/{table}.parquet" for table in ("laps", "results", "events")),
}
CSV_FILES = {
    *(f"v1/csv/{table}/2024/9472.csv.gz" for table in ("laps", "results")),
    *(f"v1/csv/season/{table}/2024.csv.gz" for table in ("laps", "results", "events", "standings")),
    *(f"v1/csv/all/{table}.csv.gz" for table in ("results", "events")),
}


@pytest.fixture(params=["file", "moto"])
def store(request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue(f"{request.param}_store")


def publish(store, publishing, content="one", *, identity=None, summary=None, forced=False, **more):
    identity = identity or publishing.identity()
    encoded = publishing.revision(content, session_key=identity.session_key, **more)
    return publish_revision(
        store, encoded, identity, summary=summary or publishing.summary, now=publishing.now, forced=forced
    )


def all_keys(store):
    return {row.key for row in store.list("")}


def test_first_publication_is_complete(store, publishing):
    outcome = publish(store, publishing)
    folder = keys.revision_folder(9472, outcome.revision)
    assert all_keys(store) == {
        "index.json",
        "v1/changes.json",
        "v1/changes.atom",
        "v1/files/2024.json",
        "v1/seasons/2024.json",
        "v1/sessions/9472/latest.json",
        folder + "manifest.json",
        *(folder + path for path in publishing.paths),
        *COPIES,
        *SEASON_FILES,
        *CSV_FILES,
    }
    assert (outcome.uploaded_objects, outcome.unchanged) == (len(publishing.paths), False)
    assert outcome.uploaded_bytes == sum(store.head(folder + path).bytes for path in publishing.paths)
    check_readers_view(store)
    check_copies(store, 9472, COPIES)
    assert read_document(store, "v1/sessions/9472/latest.json", dict) == {
        "schema": "parcferme/latest/1",
        "session_key": 9472,
        "year": 2024,
        "round": 1,
        "event": "Bahrain Grand Prix",
        "session": "R",
        "revision": outcome.revision,
        "manifest": f"{outcome.revision}/manifest.json",
        "grade": "A",
        "capabilities": {"telemetry": True},
        "verdict": None,
        "inputs_sha256": "inputs-1",
        "code_sha256": "code-1",
        "revisions": [
            {
                "revision": outcome.revision,
                "published_at": "2024-03-03T12:00:00.000Z",
                "reason": "first",
                "grade": "A",
                "changed_objects": [],
                "results": [],
                "results_left_out": 0,
            }
        ],
        "withheld": [],
        "removed": [],
        "settled_at": None,
    }
    entry = read_season(store, 2024).events[0].sessions[0]
    assert entry.state == "published"
    assert entry.manifest == f"v1/sessions/9472/{outcome.revision}/manifest.json"
    assert read_document(store, "index.json", dict)["seasons"] == [{"year": 2024, "index": "v1/seasons/2024.json"}]


def test_order_of_requests(file_store, publishing):
    watched = WatchedStore(file_store)
    outcome = publish(watched, publishing)
    order = [_kind(key, outcome.revision) for _, key in watched.writes]
    expected = (
        ["object"] * 7
        + ["manifest", "latest"]
        + ["copy"] * 4
        + ["season", "root", "files", "root"]
        + ["season table"] * 4
        + ["files", *["season table"] * 3, "files", *["csv"] * 8, "files", "feed", "feed", "root"]
    )
    assert order == expected


def _kind(key, revision):
    if key.endswith("manifest.json"):
        return "manifest"
    if f"/{revision}/" in key:
        return "object"
    if key in (keys.CHANGES, keys.CHANGES_ATOM):
        return "feed"
    if key in SEASON_FILES | CSV_FILES:
        return "season table" if key in SEASON_FILES else "csv"
    return {
        "v1/sessions/9472/latest.json": "latest",
        "v1/seasons/2024.json": "season",
        "v1/files/2024.json": "files",
        "index.json": "root",
    }.get(key, "copy")


def test_the_same_again_writes_nothing(store, publishing):
    first = publish(store, publishing)
    watched = WatchedStore(store)
    again = publish(watched, publishing, forced=True)
    assert watched.writes == []
    assert again.unchanged and again.uploaded_objects == 0 and again.uploaded_bytes == 0
    assert again.revision == first.revision


def test_another_compressor_uploads_nothing(store, publishing):
    publish(store, publishing)
    watched = WatchedStore(store)
    assert publish(watched, publishing, compressor=" packed otherwise").unchanged
    assert watched.writes == []
    check_readers_view(store)


def test_what_a_killed_run_left_is_finished_by_one_with_another_compressor(store, publishing):
    def die(request, key):
        if key.endswith("parquet/laps.parquet"):
            raise KilledError

    with pytest.raises(KilledError):
        publish(WatchedStore(store, die), publishing)
    outcome = publish(store, publishing, compressor=" packed otherwise")
    assert outcome.uploaded_objects == len(publishing.paths) and not outcome.unchanged
    assert read_latest(store, 9472).revision == outcome.revision
    check_readers_view(store)
    check_copies(store, 9472, COPIES)


def test_of_two_compressors_at_once_one_is_published(store, publishing):
    others = []

    def before(request, key):
        if not others and (request, key) == ("write", "v1/sessions/9472/latest.json"):
            others.append("begun")
            others.append(publish(store, publishing, compressor=" packed otherwise"))

    ours = publish(WatchedStore(store, before), publishing)
    assert ours.revision == others[1].revision and len(read_latest(store, 9472).history) == 1
    check_readers_view(store)
    check_copies(store, 9472, COPIES)


def test_a_forced_run_repairs_what_has_other_bytes(file_store, publishing):
    first = publish(file_store, publishing)
    key = keys.revision_object(9472, first.revision, "overview.json.gz")
    whole = file_store.read(key).data
    file_store.write(key, whole[::-1])
    assert publish(file_store, publishing).unchanged
    again = publish(file_store, publishing, forced=True)
    assert (again.revision, again.uploaded_objects, again.unchanged) == (first.revision, 1, False)
    assert file_store.read(key).data == whole
    file_store.write(key, whole[::-1])
    other = publish(file_store, publishing, compressor=" packed otherwise", forced=True)
    assert other.revision != first.revision
    assert [entry.reason for entry in read_latest(file_store, 9472).history] == ["forced", "first"]
    check_copies(file_store, 9472, COPIES)


def test_what_was_rolled_back_from_stays_out_however_it_is_compressed(file_store, publishing):
    first = publish(file_store, publishing)
    publish(file_store, publishing, "two")
    roll_back(file_store, 9472, None, now=publishing.now)
    again = publish(file_store, publishing, "two", compressor=" packed otherwise")
    assert again.withheld and again.revision == first.revision
    forced = publish(file_store, publishing, "two", compressor=" packed otherwise", forced=True)
    assert not forced.withheld and forced.uploaded_objects == 0
    assert read_latest(file_store, 9472).withheld == ()


def test_a_rollback_while_a_run_uploads_keeps_it_out(file_store, publishing):
    first = publish(file_store, publishing)
    publish(file_store, publishing, "two")
    done = []

    def before(request, key):
        if not done and request == "upload_file":
            done.append(publish(file_store, publishing, "three"))
            done.append(roll_back(file_store, 9472, first.revision, now=publishing.now))

    outcome = publish(WatchedStore(file_store, before), publishing, "three", compressor=" packed otherwise")
    assert outcome.withheld and read_latest(file_store, 9472).revision == first.revision


def test_new_code_with_the_same_content_is_remembered_without_a_new_revision(store, publishing):
    publish(store, publishing)
    watched = WatchedStore(store)
    publish(watched, publishing, summary=Summary("A", {"telemetry": True}, "inputs-1", "code-2"))
    assert [key for _, key in watched.writes] == ["v1/sessions/9472/latest.json"]
    latest = read_latest(store, 9472)
    assert latest.code_sha256 == "code-2" and len(latest.history) == 1


@pytest.mark.parametrize(
    ("inputs", "code", "forced", "reason"),
    [
        ("inputs-2", "code-1", False, "upstream changed"),
        ("inputs-2", "code-2", True, "upstream changed"),
        ("inputs-1", "code-2", True, "code changed"),
        ("inputs-1", "code-1", True, "forced"),
    ],
)
def test_history_says_why(file_store, publishing, inputs, code, forced, reason):
    first = publish(file_store, publishing)
    second = publish(file_store, publishing, "two", summary=Summary("B", None, inputs, code), forced=forced)
    latest = read_latest(file_store, 9472)
    assert [entry.revision for entry in latest.history] == [second.revision, first.revision]
    assert (latest.history[0].reason, latest.history[0].grade) == (reason, "B")
    assert latest.history[0].changed_objects == (
        "frames/25/",
        "overview.json.gz",
        "parquet/laps.parquet",
        "parquet/results.parquet",
        "rows/skip_1.json.gz",
        "rows/skip_2.json.gz",
    )
    entry = read_season(file_store, 2024).events[0].sessions[0]
    assert (entry.revision, entry.grade) == (second.revision, "B")
    check_readers_view(file_store)
    check_copies(file_store, 9472, COPIES)


def test_a_lost_object_is_uploaded_again(store, publishing):
    outcome = publish(store, publishing)
    store.delete(keys.revision_object(9472, outcome.revision, "overview.json.gz"))
    assert publish(store, publishing).uploaded_objects == 1
    check_readers_view(store)


def test_a_copy_whose_table_is_gone_goes_too(store, publishing):
    publish(store, publishing)
    publish(store, publishing, "two", paths=("overview.json.gz", "parquet/laps.parquet"))
    copies = {key for key in all_keys(store) if key.startswith(("telemetry/", "v1/parquet/"))}
    assert copies - {*SEASON_FILES} == {"v1/parquet/laps/2024/9472.parquet"}


def test_only_races_have_rows_under_the_older_name(file_store, publishing):
    publish(file_store, publishing, identity=publishing.identity(9470, 1, "S"))
    assert not any(key.startswith("telemetry/") for key in all_keys(file_store))


def test_renumbered_round_takes_its_rows_along(file_store, publishing):
    publish(file_store, publishing, identity=publishing.identity(9472, 6))
    watched = WatchedStore(file_store)
    publish(watched, publishing, identity=publishing.identity(9472, 4))
    assert {request for request, _ in watched.writes} == {"copy", "delete", "write"}
    rows = {key for key in all_keys(file_store) if key.startswith("telemetry/")}
    assert rows == {"telemetry/2024/4/skip_1.json.gz", "telemetry/2024/4/skip_2.json.gz"}
    events = read_season(file_store, 2024).events
    assert [s.session_key for event in events for s in event.sessions] == [9472]


def test_rows_of_another_race_under_the_old_number_stay(file_store, publishing):
    publish(file_store, publishing, identity=publishing.identity(9472, 6))
    publish(file_store, publishing, identity=publishing.identity(9500, 6, event="Other Grand Prix"))
    publish(file_store, publishing, identity=publishing.identity(9472, 4))
    other = read_latest(file_store, 9500)
    source = keys.revision_object(9500, other.revision, "rows/skip_1.json.gz")
    assert file_store.read("telemetry/2024/6/skip_1.json.gz").data == file_store.read(source).data


@pytest.mark.parametrize(
    ("moment", "last"), [("upload_file", "ours"), ("write v1/sessions/9472/latest.json", "ours"), ("copy", "theirs")]
)
def test_two_publishers_of_one_session_both_end_well(file_store, publishing, moment, last):
    publish(file_store, publishing, "zero")
    others = []

    def before(request, key):
        if not others and moment in (request, f"{request} {key}"):
            others.append("begun")
            others.append(publish(file_store, publishing, "theirs", paths=(*publishing.paths, "rows/skip_3.json.gz")))

    ours = publish(WatchedStore(file_store, before), publishing, "ours")
    latest = read_latest(file_store, 9472)
    both = [others[1].revision, ours.revision] if last == "theirs" else [ours.revision, others[1].revision]
    assert [entry.revision for entry in latest.history][:2] == both
    check_readers_view(file_store)
    check_copies(file_store, 9472, COPIES)
    assert (file_store.read("telemetry/2024/1/skip_3.json.gz") is None) == (last == "ours")
    assert read_season(file_store, 2024).events[0].sessions[0].revision == both[0]


def test_index_follows_whoever_was_last(file_store, publishing):
    """We make ours current, another run makes theirs current and indexes it, then we write the index."""
    others = []

    def before(request, key):
        if not others and (request, key) == ("write", "v1/seasons/2024.json"):
            others.append("begun")
            others.append(publish(file_store, publishing, "theirs"))

    publish(WatchedStore(file_store, before), publishing, "ours")
    assert read_latest(file_store, 9472).revision == others[1].revision
    assert read_season(file_store, 2024).events[0].sessions[0].revision == others[1].revision


def test_failed_upload_fails_the_publication(file_store, publishing):
    first = publish(file_store, publishing)
    before = {key: file_store.read(key).data for key in all_keys(file_store)}

    def refuse(request, key):
        if request == "upload_file" and key.endswith("frames/25/0001.json.gz"):
            raise PublicationError("disk full")

    with pytest.raises(PublicationError, match="disk full"):
        publish(WatchedStore(file_store, refuse), publishing, "two")
    assert read_latest(file_store, 9472).revision == first.revision
    assert all(file_store.read(key).data == data for key, data in before.items())


def test_finish_publication(file_store, publishing):
    publish(file_store, publishing)
    file_store.delete("v1/seasons/2024.json")
    file_store.delete("index.json")
    assert finish_publication(file_store, 9472, publishing.now)
    assert read_season(file_store, 2024).events[0].sessions[0].state == "published"
    watched = WatchedStore(file_store)
    assert not finish_publication(watched, 9472, publishing.now)
    assert watched.writes == []
    with pytest.raises(PublicationError, match="1234"):
        finish_publication(file_store, 1234, publishing.now)


def test_roll_back_and_forth(store, publishing):
    first = publish(store, publishing)
    second = publish(store, publishing, "two", paths=("parquet/laps.parquet", "rows/skip_3.json.gz"))
    latest = roll_back(store, 9472, None, now=publishing.now)
    assert latest.revision == first.revision
    assert [entry.reason for entry in latest.history] == ["rolled back", "code changed", "first"]
    check_readers_view(store)
    check_copies(store, 9472, COPIES)
    assert store.read("telemetry/2024/1/skip_3.json.gz") is None
    assert read_season(store, 2024).events[0].sessions[0].revision == first.revision
    assert roll_back(store, 9472, second.revision, now=publishing.now).revision == second.revision
    assert store.read("telemetry/2024/1/skip_1.json.gz") is None
    with pytest.raises(InputError, match=first.revision):
        roll_back(store, 9472, "0" * 16, now=publishing.now)
    with pytest.raises(InputError):
        roll_back(store, 1, None, now=publishing.now)


def test_a_session_with_a_manifest_of_an_older_format_is_published_anew(store, publishing, caplog):
    old = publish(store, publishing).revision
    key = keys.manifest(9472, old)
    manifest = read_document(store, key, dict)
    listed = [{"path": path, "kind": "laps", "bytes": 1, "sha256": "0" * 64} for path in publishing.paths]
    del manifest["chunks"]
    store.write(key, encode_document({**manifest, "schema": "parcferme/manifest/1", "objects": listed}))
    with pytest.raises(PublicationError, match=r"is a parcferme/manifest/1, written by an older parcferme"):
        read_manifest(store, 9472, old)
    outcome = publish(store, publishing, "two")
    assert (outcome.uploaded_objects, outcome.unchanged) == (len(publishing.paths), False)
    assert read_latest(store, 9472).revisions == [outcome.revision, old]
    assert "the revision before is of another format" in caplog.text
    check_copies(store, 9472, COPIES)
    with pytest.raises(PublicationError, match=r"of an older format, manifest\.json for one.*What is current stays"):
        roll_back(store, 9472, old, now=publishing.now)
    assert [(f.key, f.is_orphan) for f in verify_store(store).findings] == [(key, False)]
    prune(store, keep=1, older_than=timedelta(0), now=publishing.now + timedelta(days=1), dry_run=False)
    assert verify_store(store).findings == ()
    check_readers_view(store)


def test_refuses_what_its_name_contradicts(file_store, publishing):
    with pytest.raises(PublicationError, match="9472"):
        publish_revision(
            file_store,
            publishing.revision(session_key=1),
            publishing.identity(),
            summary=publishing.summary,
            now=publishing.now,
        )
    assert all_keys(file_store) == set()


def test_progress_counts_every_object(file_store, publishing):
    calls = []
    for _ in range(2):
        publish_revision(
            file_store,
            publishing.revision(),
            publishing.identity(),
            summary=publishing.summary,
            now=publishing.now,
            on_progress=lambda done, total: calls.append((done, total)),
        )
    assert calls == [*((n, 7) for n in range(1, 8)), (7, 7)]


def test_site_writes_what_changed_and_links_what_is_there(store):
    files = {"v1/schemas/manifest.json": b"{}", "v1/schemas/columns.json": b"{}", "index.html": b"<html>"}
    assert publish_site(store, files) == 3
    assert publish_site(store, files) == 0
    assert publish_site(store, files | {"index.html": b"<html lang=en>"}) == 1
    index = read_document(store, "index.json", dict)
    assert [each["code"] for each in index.pop("session_types")] == list(SESSION_CODES)
    assert index.pop("licence")["sources"].keys() == {"timing", "results", "circuits"}
    assert index == {
        "schema": "parcferme/index/1",
        "contract": 1,
        "seasons": [],
        "links": {
            "schemas": {"columns": "v1/schemas/columns.json", "manifest": "v1/schemas/manifest.json"},
            "viewer": "index.html",
        },
    }
    store.write("v1/health.json", b"{}")
    publish_site(store, files)
    assert read_document(store, "index.json", dict)["links"]["health"] == "v1/health.json"
