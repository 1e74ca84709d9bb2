"""A season's tables and those of all seasons: what is current, whoever publishes beside whom, for few bytes."""

import gzip
import io
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from fault_store import WatchedStore
from memory_store import MemoryStore

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.encode.joined import read_parts, read_rows
from publish.publication import finish_publication, publish_revision, roll_back
from publish.revisions.latest import read_latest
from publish.season import tables as season_tables
from publish.season.files import Files, list_files
from publish.season.rebuild import follow_all, rebuild_tables
from publish.season.tables import follow_files
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.columns import OF_ALL_SEASONS, OF_SEASONS, TABLES, published_schema

LAPS_2024, LAPS_2023, ALL_LAPS = (
    keys.season_table("laps", 2024),
    keys.season_table("laps", 2023),
    "v1/parquet/all/laps.parquet",
)
EVENTS = {9472: "Bahrain Grand Prix", 9480: "Saudi Arabian Grand Prix", 7953: "Bahrain Grand Prix"}


pytestmark = pytest.mark.usefixtures("sessions_alone")


@pytest.fixture
def store(publishing) -> MemoryStore:
    return MemoryStore(lambda: publishing.now)


@pytest.fixture
def publish(publishing):
    """Publish a session whose laps are one row, of the car ``content``."""

    def publish_one(
        store: Store,
        content: str = "one",
        session_key: int = 9472,
        year: int = 2024,
        *,
        with_tables: bool = True,
        **more: object,
    ) -> str:
        identity = publishing.identity(session_key, list(EVENTS).index(session_key) + 1, event=EVENTS[session_key])
        encoded = publishing.revision(content, session_key=session_key, year=year, **more)
        identity = replace(identity, year=year)
        summary, now = publishing.summary, publishing.now
        return publish_revision(store, encoded, identity, summary=summary, now=now, with_tables=with_tables).revision

    return publish_one


def rows(store: Store, key: str) -> list[tuple[int, int, str]]:
    stored = store.read(key)
    assert stored is not None, key
    table = pq.read_table(io.BytesIO(stored.data))
    assert table.schema.equals(published_schema(TABLES["laps"]).with_metadata(table.schema.metadata))
    return list(zip(*(table[name].to_pylist() for name in ("year", "session_key", "car")), strict=True))


def test_every_session_of_a_season_is_in_one_file_and_all_seasons_in_another(store, publish) -> None:
    for content, session_key, year in (("b", 9480, 2024), ("a", 9472, 2024), ("c", 7953, 2023)):
        publish(store, content, session_key, year)
    assert rows(store, LAPS_2024) == [(2024, 9472, "a"), (2024, 9480, "b")]
    assert rows(store, LAPS_2023) == [(2023, 7953, "c")]
    assert rows(store, ALL_LAPS) == [(2023, 7953, "c"), (2024, 9472, "a"), (2024, 9480, "b")]
    assert verify_store(store, deep=False).is_good
    files = read_document(store, keys.table_files(2024), Files)
    assert files is not None
    (laps, results) = files.season_tables
    assert (laps.table, laps.url, laps.sessions) == ("laps", LAPS_2024, 2) and results.table == "results"
    assert laps.sha256 == store.objects[LAPS_2024].sha256 and laps.bytes == len(store.objects[LAPS_2024].data)


def test_they_follow_a_new_revision_and_a_rollback_with_other_bytes(store, publish, publishing) -> None:
    publish(store), publish(store, "saudi", 9480)
    first = store.objects[LAPS_2024].sha256
    publish(store, "two")
    assert rows(store, LAPS_2024) == [(2024, 9472, "two"), (2024, 9480, "saudi")]
    roll_back(store, 9472, None, now=publishing.now)
    assert rows(store, LAPS_2024) == rows(store, ALL_LAPS) == [(2024, 9472, "one"), (2024, 9480, "saudi")]
    # Who still holds the file of before is too late with what it would write over it.
    assert store.objects[LAPS_2024].sha256 != first
    assert verify_store(store).is_good


def test_a_publication_reads_its_own_tables_alone_and_nothing_new_costs_one_request(store, publish) -> None:
    publish(store)
    watched = WatchedStore(store)
    publish(watched, "saudi", 9480)
    read = [key for request, key in watched.requests if request == "read" and key.endswith(".parquet")]
    tables = ("laps", "results")
    own = [key for key in read if key.startswith("v1/sessions/9480/")]
    assert sorted(set(read) - set(own)) == sorted(
        key for table in tables for key in (keys.season_table(table, 2024), keys.all_seasons_table(table))
    )
    # Once for the season, once for the CSV; of the season's own once more for theirs, laps of all seasons have none.
    assert len(own) == 4 and len(read) == 4 + 4 + 3
    assert sum(request == "write" and key.startswith("v1/parquet/") for request, key in watched.requests) == 4
    watched.requests.clear()
    assert not follow_files(watched, 2024)
    assert watched.requests == [("read", keys.table_files(2024))]


def test_of_many_sessions_at_once_they_are_made_at_the_end(store, publish, publishing) -> None:
    publish(store, "one", with_tables=False)
    much_later = publishing.now + timedelta(days=1)
    finish_publication(store, 9472, much_later, with_tables=False)
    publish(store, "saudi", 9480, with_tables=False)
    assert LAPS_2024 not in store.objects and not verify_store(store).is_good
    # Nobody believes that nothing is left to do, and whoever comes next does it.
    assert read_latest(store, 9472).settled_at is None
    assert follow_all(store, 2024)
    assert rows(store, LAPS_2024) == rows(store, ALL_LAPS) == [(2024, 9472, "one"), (2024, 9480, "saudi")]
    assert verify_store(store).is_good and not follow_all(store, 2024)


def test_a_table_that_no_session_has_any_more_is_empty(store, publish) -> None:
    publish(store)
    publish(store, "two", paths=("overview.json.gz", "parquet/results.parquet"))
    assert rows(store, LAPS_2024) == rows(store, ALL_LAPS) == []
    files = read_document(store, keys.table_files(2024), Files)
    assert files is not None
    assert [(made.table, made.sessions) for made in files.season_tables] == [("laps", 0), ("results", 1)]
    assert gzip.decompress(store.read(keys.season_csv("laps", 2024)).data).count(b"\n") == 1
    assert verify_store(store).is_good


@pytest.mark.parametrize("mend", ["heal", "rebuild"])
@pytest.mark.parametrize("key", [LAPS_2024, ALL_LAPS])
def test_what_is_lost_torn_or_of_another_session_is_found_and_made_anew(store, publish, publishing, mend, key) -> None:
    publish(store), publish(store, "saudi", 9480), publish(store, "old", 7953, 2023)
    older = store.read(key).data
    publish(store, "two")
    right = rows(store, key)
    for damage in (
        lambda: store.delete(key),
        lambda: store.write(key, b"PAR1 torn PAR1"),
        lambda: store.write(key, older),
    ):
        damage()
        found = {finding.key for finding in verify_store(store).findings}
        assert LAPS_2024 in found <= {LAPS_2024, LAPS_2023}
        if mend == "heal":
            heal_store(store, publishing.now)
        else:
            assert rebuild_tables(store, 2024)
        assert rows(store, key) == right and verify_store(store).is_good


def test_a_lost_table_of_one_session_keeps_no_other_from_being_published(store, publish, publishing, caplog) -> None:
    first = publish(store)
    store.delete(LAPS_2024), store.delete(ALL_LAPS)
    lost = keys.revision_object(9472, first, "parquet/laps.parquet")
    data = store.read(lost).data
    store.delete(lost)
    publish(store, "saudi", 9480)
    assert rows(store, LAPS_2024) == [(2024, 9480, "saudi")]
    assert f"{lost} in memory: is left out of the season's table: it is not there" in caplog.text
    before = store.objects[LAPS_2024]
    finish_publication(store, 9480, publishing.now)
    assert store.objects[LAPS_2024] == before
    store.write(lost, data)
    finish_publication(store, 9480, publishing.now)
    assert rows(store, LAPS_2024) == [(2024, 9472, "one"), (2024, 9480, "saudi")]
    assert verify_store(store).is_good


def test_who_lists_later_also_writes_later(store, publish, publishing) -> None:
    """A publisher stands still before its write; another one publishes and goes back: the first begins anew."""
    publish(store)
    done = []

    def meanwhile(request: str, key: str) -> None:
        if (request, key) == ("write", LAPS_2024) and not done:
            done.append(True)
            publish(store, "three")
            roll_back(store, 9472, None, now=publishing.now)

    publish(WatchedStore(store, meanwhile), "two")
    files = read_document(store, keys.table_files(2024), Files)
    current = next(file for file in files.files if file.table == "laps")
    assert rows(store, LAPS_2024) == [
        (2024, 9472, car) for car in read_rows(store.read(current.url).data, TABLES["laps"])["car"].to_pylist()
    ]
    assert verify_store(store).is_good


def test_columns_of_before_and_columns_of_now(store, publish, monkeypatch) -> None:
    """Once a column is declared, every season's file has it, from the sessions that have it."""
    publish(store)
    table = TABLES["laps"]
    fewer = replace(table, columns=table.columns[1:])
    monkeypatch.setitem(OF_SEASONS, "laps", fewer)
    assert follow_files(store, 2024)
    assert "car" not in pq.read_schema(io.BytesIO(store.read(LAPS_2024).data)).names
    monkeypatch.setitem(OF_SEASONS, "laps", table)
    assert follow_files(store, 2024)
    assert rows(store, LAPS_2024) == [(2024, 9472, "one")]
    # The file of all seasons has the columns of whoever brings the season up to date.
    assert rows(store, ALL_LAPS) == [(2024, 9472, "one")]


def test_a_session_without_rows_costs_nothing(store, publish) -> None:
    publish(store)
    before = store.objects[LAPS_2024]
    files = read_document(store, keys.table_files(2024), Files)
    parts = read_parts(before.data)
    assert parts is not None and set(parts.hashes) == {9472} and parts.since == files.changed["laps"] <= files.serial
    assert not list_files(store, 2024, [9472]) and store.objects[LAPS_2024] == before


def test_what_nobody_can_write_over_ends_in_words(store, publish, monkeypatch) -> None:
    publish(store)
    monkeypatch.setattr(season_tables, "pause_for_others", lambda attempt: None)

    def touch(request: str, key: str) -> None:
        if (request, key) == ("write", LAPS_2024):
            store.write(LAPS_2024, str(store.version).encode())

    with pytest.raises(season_tables.PublicationError, match="tables of 2024 in memory: were changed by others"):
        publish(WatchedStore(store, touch), "two")


def test_no_table_is_called_as_the_folders_of_seasons() -> None:
    assert not [name for name in TABLES if keys.is_of_seasons(name)]
    assert set(OF_ALL_SEASONS) - {"events"} <= set(OF_SEASONS) == set(TABLES) - {"frames", "telemetry", "positions"}
