"""The season's own tables: events as scheduled, standings from what is published, as far as that goes."""

import gzip
import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fault_store import WatchedStore
from memory_store import MemoryStore
from msgspec.structs import replace

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.publication import publish_revision
from publish.season.aliases import follow_schedule
from publish.season.document import Event, ScheduledSession
from publish.season.index import RootIndex
from publish.season.own_tables import follow_season
from publish.season.rebuild import follow_all, rebuild_tables
from publish.season.standings import Unchecked, read_official, record_official, unchecked_rounds
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.columns import EVENTS, RESULTS, STANDINGS, published_schema
from transforms.standings import Official, OfficialRound

START = datetime(2024, 3, 2, 15, tzinfo=UTC)
NAMES = {9472: "Bahrain Grand Prix", 9480: "Saudi Arabian Grand Prix"}
CALENDAR = [
    Event(0, "Pre-Season Testing", "Bahrain", "Sakhir", "2024-02-23", "testing", True, ()),
    *(
        Event(
            n, name, "Country", "Place", f"2024-03-0{n}", "conventional", False, (ScheduledSession("R", "Race", START),)
        )
        for n, name in enumerate(NAMES.values(), 1)
    ),
]
EVENTS_2024, STANDINGS_2024 = keys.season_table("events", 2024), keys.season_table("standings", 2024)


@pytest.fixture
def store(publishing) -> MemoryStore:
    made = MemoryStore(lambda: publishing.now)
    follow_schedule(made, 2024, CALENDAR, publishing.now)
    return made


@pytest.fixture
def publish(publishing):
    def publish_one(store: Store, session_key: int, winner: str) -> None:
        rows = [
            {"year": 2024, "session_key": session_key, "driver_id": name, "position": place, "points": points}
            for place, (name, points) in enumerate({winner: 25, "other": 18}.items(), 1)
        ]
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=published_schema(RESULTS)), out)
        encoded = publishing.revision(winner, session_key=session_key)
        encoded = publishing.with_files(encoded, {"parquet/results.parquet": out.getvalue()})
        identity = publishing.identity(session_key, list(NAMES).index(session_key) + 1, event=NAMES[session_key])
        publish_revision(store, encoded, identity, summary=publishing.summary, now=publishing.now)

    return publish_one


def rows(store: Store, key: str) -> list[dict]:
    stored = store.read(key)
    assert stored is not None, key
    return pq.read_table(io.BytesIO(stored.data)).to_pylist()


def leaders(store: Store) -> dict[int, str]:
    return {
        row["round"]: row["id"]
        for row in rows(store, STANDINGS_2024)
        if (row["championship"], row["position"]) == ("driver", 1)
    }


def test_they_follow_publications_and_the_calendar(store, publish, publishing) -> None:
    publish(store, 9480, "second")
    assert rows(store, STANDINGS_2024) == [], "nobody knows what came before round 2"
    assert pq.read_schema(io.BytesIO(store.read(STANDINGS_2024).data)).names == STANDINGS.names
    publish(store, 9472, "first")
    assert leaders(store) == {1: "first", 2: "other"}
    found = rows(store, EVENTS_2024)
    assert [(row["round"], row["event"], row["is_test"], row["published"]) for row in found] == [
        (1, NAMES[9472], False, 1),
        (2, NAMES[9480], False, 1),
        (None, "Pre-Season Testing", True, 0),
    ]
    assert found[0]["first_start_utc"] == START and list(found[0]) == EVENTS.names
    assert rows(store, keys.all_seasons_table("events")) == found and verify_store(store).is_good
    publish(store, 9472, "corrected")
    assert leaders(store) == {1: "corrected", 2: "other"}
    watched = WatchedStore(store)
    assert not follow_season(watched, 2024)
    assert [request for request, _ in watched.requests] == ["read", "read", "read"]
    follow_schedule(store, 2024, [replace(event, location="Elsewhere") for event in CALENDAR], publishing.now)
    assert {row["location"] for row in rows(store, EVENTS_2024)} == {"Elsewhere"} and verify_store(store).is_good
    for key in (keys.season_csv("events", 2024), keys.all_seasons_csv("events")):
        assert gzip.decompress(store.read(key).data).count(b"Elsewhere") == len(CALENDAR)


@pytest.mark.parametrize("key", [EVENTS_2024, STANDINGS_2024, keys.season_csv("standings", 2024)])
def test_what_is_lost_or_torn_is_found_and_mended(store, publish, publishing, key) -> None:
    publish(store, 9472, "first")
    right = store.read(key).data
    for damage in (lambda: store.delete(key), lambda: store.write(key, b"torn")):
        damage()
        assert key in {finding.key for finding in verify_store(store).findings}
        heal_store(store, publishing.now)
        assert store.read(key).data == right and verify_store(store).is_good


def official_as(one: Unchecked, **taken: float) -> OfficialRound:
    """What the results service says of a round: what was computed, less the points that are ``taken``."""
    return {
        (row["championship"], row["id"]): Official(row["position"], row["points"] - taken.get(row["id"], 0))
        for row in one.rows
    }


def said(store: Store) -> list[tuple]:
    names = ("round", "id", "points", "official_position", "official_points")
    return [
        tuple(row[name] for name in names) for row in rows(store, STANDINGS_2024) if row["championship"] == "driver"
    ]


def test_official_standings_stand_beside_those_by_results_they_were_asked_for(store, publish, publishing) -> None:
    assert unchecked_rounds(store, 2024) == []
    publish(store, 9472, "first")
    publish(store, 9480, "second")
    one, two = unchecked_rounds(store, 2024)
    assert (one.round, two.round) == (1, 2)
    before = store.read(STANDINGS_2024).data
    assert record_official(store, 2024, [(one, official_as(one))]) and follow_all(store, 2024)
    assert unchecked_rounds(store, 2024) == [two] and verify_store(store).is_good
    assert record_official(store, 2024, [(two, official_as(two, other=6.5))])
    assert not verify_store(store).is_good, "the table does not have them yet"
    assert follow_all(store, 2024) and verify_store(store).is_good
    full = [
        (1, "first", 25, 1, 25),
        (1, "other", 18, 2, 18),
        (2, "other", 36, 1, 29.5),
        (2, "first", 25, 2, 25),
        (2, "second", 25, 2, 25),
    ]
    assert said(store) == full
    assert gzip.decompress(store.read(keys.season_csv("standings", 2024)).data).count(b"29.5") == 1
    # The same again changes nothing, made anew it is the same.
    held = store.read(STANDINGS_2024).data
    assert held != before
    assert not record_official(store, 2024, [(two, official_as(two, other=6.5))]) and not follow_all(store, 2024)
    store.delete(STANDINGS_2024)
    rebuild_tables(store, 2024)
    assert store.read(STANDINGS_2024).data == held and verify_store(store).is_good
    index = read_document(store, keys.INDEX, RootIndex)
    assert index.links["standings_2024"] == keys.official_standings(2024)
    # Other results of the second race leave the first round as it is.
    publish(store, 9480, "third")
    assert said(store)[:2] == full[:2] and {row[3:] for row in said(store)[2:]} == {(None, None)}
    (anew,) = unchecked_rounds(store, 2024)
    assert anew.round == 2 and verify_store(store).is_good
    publish(store, 9480, "second")
    assert said(store) == full and unchecked_rounds(store, 2024) == []
    assert read_official(store, 2024).serial == 2


def test_whoever_is_late_with_standings_that_were_taken_back_meanwhile_begins_again(
    store, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, 9472, "first")
    (one,) = unchecked_rounds(store, 2024)
    first, second = [(one, official_as(one))], [(one, official_as(one, other=6.5))]
    assert record_official(store, 2024, first) and follow_all(store, 2024)
    assert record_official(store, 2024, second)
    write, meanwhile = store.write, [lambda: record_official(store, 2024, first) and follow_all(store, 2024)]

    def write_late(key: str, data: bytes, **conditions) -> None:
        if key == STANDINGS_2024 and meanwhile:
            meanwhile.pop()()
        write(key, data, **conditions)

    monkeypatch.setattr(store, "write", write_late)
    follow_all(store, 2024)
    assert not meanwhile
    assert said(store) == [(1, "first", 25, 1, 25), (1, "other", 18, 2, 18)] and verify_store(store).is_good
