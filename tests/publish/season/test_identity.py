"""The session key is the identity: a renumbered calendar moves aliases, and nothing is published twice."""

from datetime import UTC, datetime, timedelta

import pytest
from fault_store import KilledError, WatchedStore, check_copies, check_readers_view, killed_at
from memory_store import MemoryStore
from msgspec.structs import replace
from without_threads import without_threads

from publish import keys
from publish.publication import publish_revision
from publish.revisions.latest import read_latest
from publish.season.aliases import follow_schedule
from publish.season.index import Event, ScheduledSession, read_season, rebuild_season
from publish.stores.shared_documents import read_document
from publish.structs import encode_document

NOW = datetime(2024, 6, 3, 12, 0, tzinfo=UTC)
PATHS = ("parquet/laps.parquet", "rows/skip_1.json.gz")
MORE_PATHS = (*PATHS, "rows/skip_2.json.gz")


def event(round_number, name, month):
    start = datetime(2024, month, 2, 15, tzinfo=UTC)
    sessions = tuple(ScheduledSession(c, c, start - timedelta(days=d)) for c, d in (("Q", 1), ("R", 0)))
    return Event(round_number, name, "Country", "Place", start.date().isoformat(), "conventional", False, sessions)


ONE, TWO, THREE, FOUR = (event(n, name, n + 1) for n, name in enumerate(("One", "Two", "Three", "Four"), 1))
CALENDAR = [ONE, TWO, THREE, FOUR]
#: Session keys of the published races.
KEYS = {"One": 101, "Two": 102, "Three": 103}


# They follow what moves here as they follow a publication: that is for the interleavings.
pytestmark = pytest.mark.usefixtures("without_season_tables")


@pytest.fixture
def season_of(publishing):
    """Publish the races of One, Two and Three, with their status documents, under the first calendar."""
    revisions = {
        name: publishing.revision(session_key=key, paths=MORE_PATHS if name == "Two" else PATHS)
        for name, key in KEYS.items()
    }

    def prepare(store):
        follow_schedule(store, 2024, CALENDAR, NOW)
        for number, (name, encoded) in enumerate(revisions.items(), 1):
            identity = publishing.identity(encoded.session_key, number, "R", name)
            publish_revision(store, encoded, identity, summary=publishing.summary, now=NOW)
            for code in ("Q", "R"):
                store.write(keys.status(2024, number, code), encode_document({"type": "complete", "of": name + code}))
        return store

    return prepare


def aliases(store):
    """Who lies under which number: rows by session key, status documents by what they say."""
    rows = {}
    for row in store.list("telemetry/"):
        data = store.read(row.key).data.decode()
        rows[row.key.removeprefix("telemetry/2024/")] = int(data.split(" of ")[1].split()[0])
    found = [row.key for row in store.list("v1/status/")]
    status = {key.removeprefix("v1/status/2024/"): read_document(store, key, dict)["of"] for key in found}
    return rows, status


def in_index(store):
    document = read_season(store, 2024)
    return {
        (event.name, session.code): (event.round, session.state, session.session_key)
        for event in document.events
        for session in event.sessions
    }


SWAPPED = [ONE, replace(THREE, round=2), replace(TWO, round=3), FOUR]
TWO_FELL_OUT = [ONE, replace(THREE, round=2), replace(FOUR, round=3)]
THREE_ROUND = [replace(TWO, round=1), replace(THREE, round=2), replace(ONE, round=3), FOUR]


def check_swapped(store):
    rows, status = aliases(store)
    assert rows == {"1/skip_1.json.gz": 101, "2/skip_1.json.gz": 103, "3/skip_1.json.gz": 102, "3/skip_2.json.gz": 102}
    expected = (("1", "One"), ("2", "Three"), ("3", "Two"))
    assert status == {f"{n}/{code}.json": name + code for n, name in expected for code in "QR"}
    assert in_index(store)["Two", "R"] == (3, "published", 102)
    assert in_index(store)["Three", "R"] == (2, "published", 103)


def check_fell_out(store):
    rows, status = aliases(store)
    assert rows == {"1/skip_1.json.gz": 101, "2/skip_1.json.gz": 103}
    expected = (("1", "One"), ("2", "Three"))
    assert status == {f"{n}/{code}.json": name + code for n, name in expected for code in "QR"}
    found = in_index(store)
    assert found["Two", "R"] == (None, "published", 102) and found["Two", "Q"] == (None, "cancelled", None)
    assert found["Four", "R"][0] == 3 and read_latest(store, 102).round is None


def check_rotated(store):
    rows, status = aliases(store)
    assert rows == {"1/skip_1.json.gz": 102, "1/skip_2.json.gz": 102, "2/skip_1.json.gz": 103, "3/skip_1.json.gz": 101}
    assert {status[f"{n}/R.json"] for n in (1, 2, 3)} == {"TwoR", "ThreeR", "OneR"}
    assert status["1/Q.json"] == "TwoQ"


CASES = {
    "swap": (SWAPPED, check_swapped),
    "fell out": (TWO_FELL_OUT, check_fell_out),
    "rotated": (THREE_ROUND, check_rotated),
}


def check_always(store):
    check_readers_view(store)
    listed = [found[2] for found in in_index(store).values() if found[2]]
    assert sorted(listed) == sorted(KEYS.values()), "a session is lost or listed twice"
    assert {row.key for row in store.list("v1/parquet/laps/")} == {
        keys.table_copy("laps", 2024, session_key) for session_key in KEYS.values()
    }


@pytest.mark.parametrize(("kind", "case"), [*(("file", case) for case in CASES), ("moto", "rotated")])
def test_aliases_follow_the_calendar(request, kind, season_of, case):
    store = season_of(request.getfixturevalue(f"{kind}_store"))
    before = {read_latest(store, key).revision for key in KEYS.values()}
    calendar, check = CASES[case]
    watched = WatchedStore(store)
    assert follow_schedule(watched, 2024, calendar, NOW)
    check(store)
    check_always(store)
    assert not any(request_ == "upload_file" for request_, _ in watched.requests)
    assert {read_latest(store, key).revision for key in KEYS.values()} == before
    again = WatchedStore(store)
    assert not follow_schedule(again, 2024, calendar, NOW)
    assert again.writes == []
    assert not follow_schedule(again, 2024, calendar, NOW, all_sessions=True)
    rebuild_season(again, 2024, calendar, NOW)
    assert again.writes == []
    # And back, as if nothing had happened.
    follow_schedule(store, 2024, CALENDAR, NOW)
    rows, _ = aliases(store)
    assert rows == {f"{n}/skip_1.json.gz": 100 + n for n in (1, 2, 3)} | {"2/skip_2.json.gz": 102}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@without_threads()
def test_killed_at_every_request(season_of, case, done):
    calendar, check = CASES[case]
    prepared = season_of(MemoryStore(lambda: NOW))

    def new_store():
        return MemoryStore(prepared.clock, dict(prepared.objects))

    whole = WatchedStore(new_store())
    follow_schedule(whole, 2024, calendar, NOW)
    assert len(whole.requests) > 20
    for number in range(len(whole.requests)):
        store = new_store()
        with pytest.raises(KilledError):
            follow_schedule(killed_at(store, number, done=done), 2024, calendar, NOW)
        check_always(store)
        for key in KEYS.values():
            if (latest := read_latest(store, key)).round is not None:
                check_copies(store, key, {keys.table_copy("laps", 2024, latest.session_key): PATHS[0]})
        follow_schedule(store, 2024, calendar, NOW)
        check(store)
        check_always(store)
        again = WatchedStore(store)
        follow_schedule(again, 2024, calendar, NOW)
        assert again.writes == [], f"not finished after a kill at request {number}"


def test_a_published_event_keeps_its_rows_until_its_number_is_taken(file_store, season_of):
    store = season_of(file_store)
    follow_schedule(store, 2024, [ONE, TWO, FOUR], NOW)
    assert aliases(store)[0]["3/skip_1.json.gz"] == 103
    assert read_latest(store, 103).round == 3
    assert in_index(store)["Three", "R"] == (None, "published", 103)
    follow_schedule(store, 2024, [ONE, TWO, replace(FOUR, round=3)], NOW)
    assert "3/skip_1.json.gz" not in aliases(store)[0]
    assert read_latest(store, 103).round is None
    follow_schedule(store, 2024, CALENDAR, NOW)
    assert aliases(store)[0]["3/skip_1.json.gz"] == 103


def test_renamed_and_renumbered(file_store, season_of):
    """A day that had another event says nothing of an event that is still there under its own name."""
    store = season_of(file_store)
    renamed = [replace(TWO, name="Second", round=1), replace(ONE, round=2), THREE, FOUR]
    follow_schedule(store, 2024, renamed, NOW)
    assert in_index(store)["Second", "R"] == (1, "published", 102)
    assert read_latest(store, 102).event == "Second"
    assert aliases(store)[0]["1/skip_2.json.gz"] == 102
    taken_day = [replace(THREE, date=TWO.date, round=2), ONE]
    follow_schedule(file_store, 2024, taken_day, NOW)
    assert in_index(store)["Three", "R"][0] == 2
    check_always(store)
