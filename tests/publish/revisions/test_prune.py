"""prune removes what nobody needs, and nothing that any document links, whenever it is stopped."""

import itertools
import os
from datetime import UTC, datetime, timedelta

import pytest
from fault_store import KilledError, WatchedStore, check_copies, check_readers_view, killed_at

from publish import keys, publication
from publish.encode.manifest import Manifest
from publish.publication import prune_revisions, publish_revision, roll_back
from publish.revisions.latest import read_latest
from publish.revisions.prune import plan_prune
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document
from transforms.errors import InputError, PublicationError

START = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)
#: The files are written by the test, so what is in no history counts from now.
LATER = datetime.now(UTC) + timedelta(days=365)
DAY = timedelta(days=1)
PATHS = ("overview.json.gz", "parquet/laps.parquet", "rows/skip_1.json.gz")
COPIES = {"v1/parquet/laps/2024/9472.parquet": PATHS[1], "telemetry/2024/1/skip_1.json.gz": PATHS[2]}


@pytest.fixture
def five(publishing):
    """Publish five revisions, ten days apart; gives them, the oldest first."""
    made = [publishing.revision(content, paths=PATHS) for content in "abcde"]

    def publish(store):
        for number, encoded in enumerate(made):
            day = START + 10 * number * DAY
            # A prune leaves the season's tables as they are.
            publish_revision(
                store, encoded, publishing.identity(), summary=publishing.summary, now=day, with_tables=False
            )
        return [encoded.revision for encoded in made]

    return publish


def prune(store, *, keep=3, older_than=30 * DAY, now=LATER, dry_run=False):
    """Return the revisions that went, or would go, and their bytes."""
    told = []
    gone = publication.prune(store, keep=keep, older_than=older_than, now=now, dry_run=dry_run, on_removed=told.append)
    assert tuple(told) == (() if dry_run else gone)
    return [removal.revision for removal in gone], sum(removal.bytes for removal in gone)


def stored_revisions(store):
    return {row.key.split("/")[3] for row in store.list("v1/sessions/9472/")} - {"latest.json"}


@pytest.mark.parametrize("kind", ["file", "moto"])
def test_the_oldest_go(request, kind, five):
    store = request.getfixturevalue(f"{kind}_store")
    made = five(store)
    size = sum(r.bytes for rev in made[:2] for r in store.list(keys.revision_folder(9472, rev)))
    expected = (sorted(made[:2]), size)
    assert size > 0
    assert prune(store, dry_run=True) == expected
    assert stored_revisions(store) == set(made)
    assert prune(store) == expected
    assert stored_revisions(store) == set(made[2:])
    assert read_latest(store, 9472).revisions == made[:1:-1]
    check_readers_view(store)
    check_copies(store, 9472, COPIES)
    assert prune(store) == ([], 0)


def test_age_counts_from_when_it_was_current_last(file_store, five):
    made = five(file_store)  # the third is superseded on day 30
    for days, expected in ((59, made[:2]), (60, made[:3])):
        plan = plan_prune(file_store, keep=1, older_than=30 * DAY, now=START + days * DAY)
        assert {removal.revision for removal in plan} == set(expected)


def test_a_plan_alone_removes_nothing(file_store, five):
    watched = WatchedStore(file_store)
    five(file_store)
    assert plan_prune(watched, keep=1, older_than=0 * DAY, now=LATER)
    assert watched.writes == []


def test_the_current_one_stays_however_old(file_store, five, publishing):
    made = five(file_store)
    roll_back(file_store, 9472, made[0], now=START + 50 * DAY)
    prune(file_store, keep=1, older_than=0 * DAY)
    assert stored_revisions(file_store) == {made[0]}
    assert [entry.revision for entry in read_latest(file_store, 9472).history] == [made[0], made[0]]
    check_readers_view(file_store)
    # What was rolled back from stays out, also when it is not there any more.
    again = publish_revision(
        file_store, publishing.revision("e", paths=PATHS), publishing.identity(), summary=publishing.summary, now=LATER
    )
    assert again.withheld


def test_what_an_index_links_stays(file_store, five):
    """A publisher was killed between latest.json and the index: readers still come by the old link."""
    made = five(file_store)
    season = file_store.read("v1/seasons/2024.json").data
    file_store.write("v1/seasons/2024.json", season.replace(made[4].encode(), made[0].encode()))
    prune(file_store, keep=1, older_than=0 * DAY)
    assert stored_revisions(file_store) == {made[0], made[4]}
    check_readers_view(file_store)


@pytest.mark.parametrize("key", ["v1/sessions/9472/latest.json", "v1/sessions/5/latest.json", "v1/seasons/2024.json"])
@pytest.mark.parametrize("content", [b"{torn", b'{"events": [{}]}'])
@pytest.mark.parametrize("when", ["planning", "removing"])
def test_nothing_goes_if_a_document_is_unreadable(file_store, five, key, content, when):
    made = five(file_store)
    plan = plan_prune(file_store, keep=1, older_than=0 * DAY, now=LATER) if when == "removing" else []
    file_store.write(key, content)
    with pytest.raises(PublicationError):
        if when == "planning":
            plan_prune(file_store, keep=1, older_than=0 * DAY, now=LATER)
        else:
            prune_revisions(file_store, plan, keep=1, now=LATER)
    assert stored_revisions(file_store) == set(made)


def test_what_becomes_current_after_the_plan_stays(file_store, five):
    made = five(file_store)
    plan = plan_prune(file_store, keep=1, older_than=0 * DAY, now=LATER)
    roll_back(file_store, 9472, made[1], now=LATER)
    prune_revisions(file_store, plan, keep=1, now=LATER)
    assert stored_revisions(file_store) == {made[1], made[4]}
    check_readers_view(file_store)


@pytest.mark.parametrize("moment", ["latest.json", "2024.json", "manifest.json", "overview.json.gz"])
def test_what_is_published_again_while_it_goes_gets_another_name(file_store, five, publishing, moment):
    made = five(file_store)
    plan = [r for r in plan_prune(file_store, keep=1, older_than=0 * DAY, now=LATER) if r.revision == made[0]]
    done = []

    def after(request, at):
        if not done and request in ("write", "delete") and at.endswith(moment):
            done.append("begun")
            encoded = publishing.revision("a", paths=PATHS)
            identity, summary = publishing.identity(), publishing.summary
            done.append(publish_revision(file_store, encoded, identity, summary=summary, now=LATER))

    assert prune_revisions(WatchedStore(file_store, after=after), plan, keep=1, now=LATER) != ()
    latest = read_latest(file_store, 9472)
    assert latest.revision == done[1].revision != made[0]
    assert keys.content_of(latest.revision) == keys.content_of(made[0])
    assert latest.removed == (made[0],) and made[0] not in stored_revisions(file_store)
    check_readers_view(file_store)
    check_copies(file_store, 9472, COPIES)


def test_what_nobody_finished_goes_when_it_is_old(file_store, five):
    five(file_store)
    torn = keys.revision_object(9472, "0" * 16, "overview.json.gz")
    file_store.write(torn, b"half")
    assert "0" * 16 not in {r.revision for r in plan_prune(file_store, keep=9, older_than=DAY, now=datetime.now(UTC))}
    plan = plan_prune(file_store, keep=9, older_than=DAY, now=LATER)
    assert [(r.session_key, r.revision, r.reason) for r in plan] == [(9472, "0" * 16, "in no history")]
    assert prune(file_store, keep=9, older_than=DAY) == (["0" * 16], 4)
    assert file_store.read(torn) is None


def test_what_lies_below_a_session_that_was_never_published_stays(file_store, five):
    """Its first publisher may be at work, and there is no document yet in which it would see the removal."""
    five(file_store)
    file_store.write(keys.revision_object(5, "1" * 16, "manifest.json"), b"{}")
    assert prune(file_store, keep=9, older_than=DAY) == ([], 0)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_at_every_request(file_store, five, done):
    numbers = itertools.count()

    def new_store():
        store = FileStore(file_store.root / f"try-{next(numbers)}")
        return store, five(store)

    whole = WatchedStore(new_store()[0])
    prune(whole, keep=2)
    for number in range(len(whole.requests)):
        store, made = new_store()
        with pytest.raises(KilledError):
            prune(killed_at(store, number, done=done), keep=2)
        check_readers_view(store)
        for revision in read_latest(store, 9472).revisions:
            manifest = read_document(store, keys.manifest(9472, revision), Manifest)
            assert manifest is not None, "the history names what is gone"
            assert all(store.head(keys.revision_object(9472, revision, o.path)) for o in manifest.objects)
        prune(store, keep=2)
        assert stored_revisions(store) == set(made[3:])
        check_readers_view(store)
        check_copies(store, 9472, COPIES)


@pytest.mark.parametrize(("keep", "age"), [(0, DAY), (-1, DAY), (1, -DAY)])
def test_refuses_nonsense(file_store, keep, age):
    with pytest.raises(InputError):
        plan_prune(file_store, keep=keep, older_than=age, now=LATER)


def test_files_of_killed_writers_go_once_they_are_old(file_store, publishing):
    file_store.write("index.json", b"{}")
    old = file_store.root / f".laps.json.gz.{'a' * 32}"
    young = file_store.root / f".laps.json.gz.{'b' * 32}"
    other = file_store.root / ".lock"
    for path in (old, young, other):
        path.touch()
    os.utime(old, (publishing.now.timestamp() - 60,) * 2)
    os.utime(young, (publishing.now.timestamp() + 60,) * 2)
    assert file_store.remove_unfinished(publishing.now) == 1
    assert not old.exists() and young.exists() and other.exists()
    assert file_store.read("index.json") is not None
