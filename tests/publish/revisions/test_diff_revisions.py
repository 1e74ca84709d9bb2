"""What history and diff say of two revisions, and what becomes of one that was rolled back from."""

import gzip
import json

import pytest
from fault_store import KilledError, WatchedStore, check_readers_view, killed_at

from publish import keys
from publish.publication import publish_revision, roll_back
from publish.revisions.diff import MAX_LISTED_RESULTS, ResultChange, read_diff, result_changes
from publish.revisions.latest import Summary, read_latest
from publish.season.index import read_season
from transforms.errors import InputError, PublicationError

PATHS = ("laps.json.gz", "overview.json.gz", "results.json.gz", "rows/skip_1.json.gz")
RESULTS = [{"car": "44", "position": 1, "points": 25.0}, {"car": "1", "position": 2, "points": 18.0}]
LAPS = [{"car": "44", "lap": 1, "lap_time_ms": 90000}, {"car": "44", "lap": 2, "lap_time_ms": 91000}]


def make(publishing, content, results=RESULTS, laps=LAPS, session_key=9472):
    encoded = publishing.revision(content, session_key=session_key, paths=PATHS)
    documents = {"results.json.gz": results, "laps.json.gz": laps}
    return publishing.with_files(
        encoded,
        {path: gzip.compress(json.dumps({"rows": rows}).encode(), mtime=0) for path, rows in documents.items()},
    )


def publish(store, publishing, encoded, *, code="code-1", forced=False):
    identity = publishing.identity(encoded.session_key)
    summary = Summary("A", {"telemetry": True}, "inputs-1", code)
    return publish_revision(store, encoded, identity, summary=summary, now=publishing.now, forced=forced)


PENALTY = [{"car": "1", "position": 1, "points": 25.0}, {"car": "44", "position": 2, "points": 18.0}]


def test_history_says_which_results_changed(file_store, publishing):
    publish(file_store, publishing, make(publishing, "one"))
    publish(file_store, publishing, make(publishing, "two", PENALTY))
    entry, first = read_latest(file_store, 9472).history
    assert first.results == ()
    assert entry.results == (
        ResultChange("1", "position", 2, 1),
        ResultChange("1", "points", 18.0, 25.0),
        ResultChange("44", "position", 1, 2),
        ResultChange("44", "points", 25.0, 18.0),
    )
    assert "results.json.gz" in entry.changed_objects and entry.results_left_out == 0


def test_history_stays_bounded(file_store, publishing):
    many = [{"car": str(n), "position": n} for n in range(MAX_LISTED_RESULTS + 7)]
    publish(file_store, publishing, make(publishing, "one", []))
    publish(file_store, publishing, make(publishing, "two", many))
    entry = read_latest(file_store, 9472).history[0]
    assert (len(entry.results), entry.results_left_out) == (MAX_LISTED_RESULTS, 7)


def test_unreadable_old_results_do_not_stop_a_publication(file_store, publishing):
    first = publish(file_store, publishing, make(publishing, "one"))
    file_store.write(keys.revision_object(9472, first.revision, "results.json.gz"), b"torn")
    publish(file_store, publishing, make(publishing, "two", PENALTY))
    assert read_latest(file_store, 9472).history[0].results == ()


def test_cars_that_come_and_go():
    assert result_changes([{"car": "1"}, {"car": "2"}], [{"car": "2"}, {"car": "3"}]) == [
        ResultChange("3", "car", None, "3"),
        ResultChange("1", "car", "1", None),
    ]


def test_what_timing_measured_is_no_result():
    row = {"car": "1", "time_ms": 1000, "gap_crossing_ms": 1000}
    assert result_changes([row], [{**row, "gap_crossing_ms": 1250}]) == []


def test_diff(file_store, publishing):
    one = make(publishing, "one")
    two = make(publishing, "two", PENALTY, [LAPS[0], {**LAPS[1], "lap_time_ms": 1}, {"car": "1", "lap": 1}])
    for encoded in (one, two):
        publish(file_store, publishing, encoded)
    publish(file_store, publishing, make(publishing, "other", session_key=9500))
    diff = read_diff(file_store, one.revision, two.revision)
    assert (diff.session_key, diff.laps, len(diff.results)) == (9472, 2, 4)
    assert [change.path for change in diff.objects] == list(PATHS)
    assert {change.what for change in diff.objects} == {"changed"}
    same = read_diff(file_store, one.revision, one.revision, 9472)
    assert (same.objects, same.results, same.laps) == ((), (), 0)
    for before, key in (("f" * 16, None), ("f" * 16, 9472), ("../x", None)):
        with pytest.raises(InputError):
            read_diff(file_store, before, two.revision, key)


def test_the_schedule_does_not_undo_a_rollback(file_store, publishing):
    one, two = make(publishing, "one"), make(publishing, "two", PENALTY)
    publish(file_store, publishing, one)
    publish(file_store, publishing, two)
    back = roll_back(file_store, 9472, None, now=publishing.now)
    # What the next run compares with: the inputs and code are those that lead to the revision left.
    assert (back.inputs_sha256, back.code_sha256) == ("inputs-1", "code-1")
    assert (back.revision, back.withheld) == (one.revision, (two.revision,))
    outcome = publish(file_store, publishing, two, code="code-2")
    assert outcome.withheld and outcome.unchanged and outcome.revision == one.revision
    latest = read_latest(file_store, 9472)
    assert (latest.revision, latest.code_sha256) == (one.revision, "code-2")
    assert not publish(file_store, publishing, make(publishing, "three"), code="code-3").withheld
    assert read_latest(file_store, 9472).withheld == (two.revision,)
    assert publish(file_store, publishing, two, code="code-3", forced=True).revision == two.revision
    assert read_latest(file_store, 9472).withheld == ()


def test_rolling_back_again_goes_further_back(file_store, publishing):
    made = [make(publishing, content) for content in ("one", "two", "three")]
    for encoded in made:
        publish(file_store, publishing, encoded)
    for expected in (made[1], made[0]):
        assert roll_back(file_store, 9472, None, now=publishing.now).revision == expected.revision
    with pytest.raises(InputError, match=made[2].revision):
        roll_back(file_store, 9472, None, now=publishing.now)


def test_an_interrupted_rollback_is_finished_not_repeated(file_store, publishing):
    made = [make(publishing, content) for content in ("one", "two", "three")]
    for encoded in made:
        publish(file_store, publishing, encoded)
    whole = WatchedStore(file_store)
    roll_back(whole, 9472, made[2].revision, now=publishing.now)
    latest_written = False
    number = 0
    while not latest_written:
        with pytest.raises(KilledError):
            roll_back(killed_at(file_store, number, done=False), 9472, None, now=publishing.now)
        latest_written = read_latest(file_store, 9472).revision != made[2].revision
        number += 1
    assert roll_back(file_store, 9472, None, now=publishing.now).revision == made[1].revision
    assert read_season(file_store, 2024).events[0].sessions[0].revision == made[1].revision
    check_readers_view(file_store)


def test_no_rollback_to_what_is_not_whole(file_store, publishing):
    one, two = make(publishing, "one"), make(publishing, "two", PENALTY)
    for encoded in (one, two):
        publish(file_store, publishing, encoded)
    file_store.delete(keys.revision_object(9472, one.revision, "overview.json.gz"))
    with pytest.raises(PublicationError, match=r"overview\.json\.gz"):
        roll_back(file_store, 9472, None, now=publishing.now)
    assert read_latest(file_store, 9472).revision == two.revision
    with pytest.raises(InputError, match="9472"):
        roll_back(file_store, 1, None, now=publishing.now)
