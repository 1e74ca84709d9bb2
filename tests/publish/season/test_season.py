import multiprocessing
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from fault_store import check_readers_view
from msgspec.structs import replace

from publish.publication import publish_revision
from publish.season.index import (
    Event,
    ScheduledSession,
    read_season,
    rebuild_season,
    update_root_index,
    update_season,
)
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document
from transforms.session_types import SESSION_TYPES

NOW = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)


def event(round_number, name, start, codes=("Q", "R"), testing=False):
    day = timedelta(days=1)
    sessions = tuple(ScheduledSession(code, f"Session {code}", start + day * n) for n, code in enumerate(codes))
    return Event(round_number, name, "Country", "Place", start.date().isoformat(), "conventional", testing, sessions)


BAHRAIN = event(1, "Bahrain Grand Prix", datetime(2024, 3, 1, 15, tzinfo=UTC))
JEDDAH = event(2, "Saudi Arabian Grand Prix", datetime(2024, 3, 8, 17, tzinfo=UTC))
MIAMI = event(3, "Miami Grand Prix", datetime(2024, 5, 4, 20, tzinfo=UTC))
TEST_1 = event(0, "Pre-Season Testing", datetime(2024, 2, 14, 7, tzinfo=UTC), ("FP1",), testing=True)
TEST_2 = event(0, "Pre-Season Testing", datetime(2024, 2, 21, 7, tzinfo=UTC), ("FP1",), testing=True)


def states(store, year=2024):
    document = read_season(store, year)
    return {(e.name, e.round, s.code): s.state for e in document.events for s in e.sessions}


def publish(store, publishing, session_key, round_number, name, code="R", content="one"):
    encoded = publishing.revision(content, session_key=session_key)
    identity = publishing.identity(session_key, round_number, code, name)
    return publish_revision(store, encoded, identity, summary=publishing.summary, now=publishing.now)


def test_document_has_exactly_the_contract(file_store):
    assert update_season(file_store, 2024, [TEST_1, BAHRAIN], NOW)
    document = read_document(file_store, "v1/seasons/2024.json", dict)
    assert list(document) == ["schema", "year", "events", "serial", "tables_since"]
    assert document["serial"] == 1
    assert document["events"][0]["testing"] and not document["events"][1]["testing"]
    bahrain = document["events"][1]
    assert {name: value for name, value in bahrain.items() if name != "sessions"} == {
        "round": 1,
        "name": "Bahrain Grand Prix",
        "country": "Country",
        "location": "Place",
        "date": "2024-03-01",
        "format": "conventional",
        "testing": False,
    }
    assert bahrain["sessions"][0] == {
        "code": "Q",
        "name": "Session Q",
        "start_utc": "2024-03-01T15:00:00.000Z",
        "state": "unpublished",
        "session_key": None,
        "revision": None,
        "manifest": None,
        "grade": None,
        "capabilities": None,
        "verdict": None,
    }
    assert read_document(file_store, "index.json", dict)["seasons"] == [{"year": 2024, "index": "v1/seasons/2024.json"}]
    assert not update_season(file_store, 2024, [TEST_1, BAHRAIN], NOW)


@pytest.mark.parametrize(
    ("after_start", "state"),
    [(-1, "scheduled"), (0, "awaiting_data"), (26 * 3600 - 1, "awaiting_data"), (26 * 3600, "unpublished")],
)
def test_states_by_time(file_store, after_start, state):
    start = BAHRAIN.sessions[1].start_utc
    update_season(file_store, 2024, [BAHRAIN], start + timedelta(seconds=after_start))
    assert states(file_store)["Bahrain Grand Prix", 1, "R"] == state


def test_unknown_start_counts_from_the_events_day(file_store):
    no_start = replace(BAHRAIN, sessions=(ScheduledSession("R", "Race", None),))
    update_season(file_store, 2024, [no_start, replace(no_start, name="No date", round=2, date=None)], NOW)
    assert states(file_store) == {("Bahrain Grand Prix", 1, "R"): "unpublished", ("No date", 2, "R"): "scheduled"}


def test_published_wins_over_everything(file_store, publishing):
    update_season(file_store, 2024, [BAHRAIN, JEDDAH], NOW)
    outcome = publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    for state in ("failed", "no_data", "awaiting_data", "cancelled"):
        update_season(file_store, 2024, [BAHRAIN, JEDDAH], NOW, {(1, "R"): state})
        assert states(file_store)["Bahrain Grand Prix", 1, "R"] == "published"
    rebuild_season(file_store, 2024, [BAHRAIN, JEDDAH], NOW)
    race = read_document(file_store, "v1/seasons/2024.json", dict)["events"][0]["sessions"][1]
    assert race == {
        "code": "R",
        "name": "Session R",
        "start_utc": "2024-03-02T15:00:00.000Z",
        "state": "published",
        "session_key": 9472,
        "revision": outcome.revision,
        "manifest": f"v1/sessions/9472/{outcome.revision}/manifest.json",
        "grade": "A",
        "capabilities": {"telemetry": True},
        "verdict": None,
    }
    check_readers_view(file_store)


def test_nobody_can_claim_to_be_published(file_store):
    update_season(file_store, 2024, [BAHRAIN], NOW, {(1, "R"): "published"})
    assert states(file_store)["Bahrain Grand Prix", 1, "R"] == "awaiting_data"


@pytest.mark.parametrize("found", ["failed", "no_data"])
def test_what_a_run_has_found_stays_until_published(file_store, publishing, found):
    update_season(file_store, 2024, [BAHRAIN], NOW, {(1, "R"): found})
    update_season(file_store, 2024, [BAHRAIN], NOW + timedelta(days=9))
    assert states(file_store)["Bahrain Grand Prix", 1, "R"] == found
    rebuild_season(file_store, 2024, None, NOW)
    assert states(file_store)["Bahrain Grand Prix", 1, "R"] == found
    publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    assert states(file_store)["Bahrain Grand Prix", 1, "R"] == "published"


def test_publication_before_any_schedule(file_store, publishing):
    publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    publish(file_store, publishing, 9468, 1, "Bahrain Grand Prix", "Q")
    assert states(file_store) == {
        ("Bahrain Grand Prix", 1, "R"): "published",
        ("Bahrain Grand Prix", 1, "Q"): "published",
    }
    update_season(file_store, 2024, [BAHRAIN, JEDDAH], NOW)
    document = read_season(file_store, 2024)
    assert document.events[0].country == "Country"
    assert [s.session_key for s in document.events[0].sessions] == [9468, 9472]


@pytest.mark.parametrize("anew", [False, True])
def test_renumbered_and_cancelled(file_store, publishing, anew):
    """As in 2026: a round falls out, the later ones move up; nothing is lost, nothing appears twice."""
    schedule = [TEST_1, TEST_2, BAHRAIN, JEDDAH, MIAMI]
    update_season(file_store, 2024, schedule, NOW, {(2, "R"): "failed"})
    publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    publish(file_store, publishing, 9507, 3, "Miami Grand Prix")
    moved = [TEST_1, TEST_2, BAHRAIN, replace(MIAMI, round=2)]
    assert (rebuild_season if anew else update_season)(file_store, 2024, moved, NOW)
    expected = {
        ("Pre-Season Testing", 0, "FP1"): "unpublished",
        ("Bahrain Grand Prix", 1, "Q"): "unpublished",
        ("Bahrain Grand Prix", 1, "R"): "published",
        ("Miami Grand Prix", 2, "Q"): "scheduled",
        ("Miami Grand Prix", 2, "R"): "published",
        ("Saudi Arabian Grand Prix", None, "Q"): "cancelled",
        ("Saudi Arabian Grand Prix", None, "R"): "cancelled",
    }
    assert states(file_store) == expected
    assert len(read_season(file_store, 2024).events) == 5
    keys = [s.session_key for e in read_season(file_store, 2024).events for s in e.sessions]
    assert sorted(key for key in keys if key) == [9472, 9507]
    update_season(file_store, 2024, schedule, NOW)
    assert states(file_store)["Saudi Arabian Grand Prix", 2, "R"] == "scheduled"


def test_renamed_event_keeps_its_sessions(file_store, publishing):
    update_season(file_store, 2024, [BAHRAIN, JEDDAH], NOW)
    publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    update_season(file_store, 2024, [replace(BAHRAIN, name="Sakhir Grand Prix"), JEDDAH], NOW)
    assert states(file_store)["Sakhir Grand Prix", 1, "R"] == "published"
    assert len(read_season(file_store, 2024).events) == 2


def test_published_event_that_left_the_schedule_stays_reachable(file_store, publishing):
    update_season(file_store, 2024, [BAHRAIN, JEDDAH], NOW)
    publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    update_season(file_store, 2024, [replace(JEDDAH, round=1)], NOW)
    assert states(file_store)["Bahrain Grand Prix", None, "R"] == "published"
    assert states(file_store)["Bahrain Grand Prix", None, "Q"] == "cancelled"
    assert states(file_store)["Saudi Arabian Grand Prix", 1, "R"] == "scheduled"


def test_rebuild_from_nothing_but_the_sessions(file_store, publishing):
    publish(file_store, publishing, 9472, 1, "Bahrain Grand Prix")
    publish(file_store, publishing, 9507, 3, "Miami Grand Prix")
    file_store.delete("v1/seasons/2024.json")
    rebuild_season(file_store, 2024, [BAHRAIN, JEDDAH, MIAMI], NOW)
    assert states(file_store)["Miami Grand Prix", 3, "R"] == "published"
    assert states(file_store)["Saudi Arabian Grand Prix", 2, "R"] == "scheduled"
    rebuild_season(file_store, 2023, [replace(BAHRAIN, date="2023-03-04")], NOW)
    assert "published" not in states(file_store, 2023).values()


def test_root_index_keeps_links_and_years(file_store):
    update_root_index(file_store, links={"health": "v1/health.json"})
    update_root_index(file_store, years=(2023,))
    update_root_index(file_store, years=(2024,), links={"viewer": "index.html"})
    made = read_document(file_store, "index.json", dict)
    assert made.pop("licence")["notice"].startswith("Unofficial")
    assert made == {
        "schema": "parcferme/index/1",
        "contract": 1,
        "seasons": [
            {"year": 2024, "index": "v1/seasons/2024.json"},
            {"year": 2023, "index": "v1/seasons/2023.json"},
        ],
        "links": {"health": "v1/health.json", "viewer": "index.html"},
        "session_types": [
            {"code": code, "name": known.name, "is_race_like": code in ("S", "R")}
            for code, known in SESSION_TYPES.items()
        ],
    }


def test_a_root_index_of_before_session_types_is_brought_up_to_date(file_store):
    before = {"schema": "parcferme/index/1", "contract": 1, "seasons": [], "links": {"viewer": "index.html"}}
    file_store.write("index.json", orjson.dumps(before), if_none_match=True)
    assert update_root_index(file_store)
    made = read_document(file_store, "index.json", dict)
    assert made["links"] == before["links"] and len(made["session_types"]) == len(SESSION_TYPES)
    assert not update_root_index(file_store)


def _publish_some(root, encoded, identities, summary, begin):
    store = FileStore(root)
    begin.wait()
    for revision, identity in zip(encoded, identities, strict=True):
        publish_revision(store, revision, identity, summary=summary, now=NOW)


def test_processes_publish_into_one_season(file_store, publishing):
    """8 processes, 3 sessions each, at once: no entry is lost and every link holds."""
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(8)
    processes, expected = [], set()
    for number in range(8):
        sessions = [(1000 + 10 * number + n, code) for n, code in enumerate(("FP1", "Q", "R"))]
        expected |= {session_key for session_key, _ in sessions}
        encoded = [publishing.revision(session_key=session_key) for session_key, _ in sessions]
        identities = [publishing.identity(key, number + 1, code, f"Event {number}") for key, code in sessions]
        arguments = (file_store.root, encoded, identities, publishing.summary, begin)
        processes.append(context.Process(target=_publish_some, args=arguments))
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8
    found = {s.session_key: s.state for e in read_season(file_store, 2024).events for s in e.sessions}
    assert found == dict.fromkeys(expected, "published")
    check_readers_view(file_store)
