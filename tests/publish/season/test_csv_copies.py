"""Small tables as CSV: what is current, texts that are no formulas, one look where nothing is new."""

import gzip
import io
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fault_store import WatchedStore
from memory_store import MemoryStore

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.encode.csv import pack_csv
from publish.headers import Headers, headers_for
from publish.publication import finish_publication, publish_revision, roll_back
from publish.season.csv_copies import follow_with_csv
from publish.season.files import Files
from publish.season.rebuild import rebuild_tables
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.columns import SEASONS_AS_CSV

LAPS = "v1/csv/laps/2024/9472.csv.gz"
LAPS_2024, RESULTS_2024, ALL_RESULTS = (
    "v1/csv/season/laps/2024.csv.gz",
    "v1/csv/season/results/2024.csv.gz",
    "v1/csv/all/results.csv.gz",
)
EVENTS = {9472: "Bahrain Grand Prix", 9480: "Saudi Arabian Grand Prix", 7953: "Bahrain Grand Prix"}
#: Texts from elsewhere, and how a spreadsheet gets them.
TEXTS = {
    "=HYPERLINK(1)": "'=HYPERLINK(1)",
    "+1 Lap": "'+1 Lap",
    "-5": "'-5",
    "@me": "'@me",
    "\tx": "'\tx",
    "a=b": "a=b",
    'say "x", y': 'say "x", y',
    "São Paulo": "São Paulo",
    "two\nlines": "two\nlines",
}


pytestmark = pytest.mark.usefixtures("sessions_alone")


@pytest.fixture
def store(publishing) -> MemoryStore:
    return MemoryStore(lambda: publishing.now)


@pytest.fixture
def publish(publishing):
    def publish_one(store: Store, content: str = "one", *, session_key: int = 9472, year: int = 2024) -> str:
        encoded = publishing.revision(content, session_key=session_key, year=year)
        identity = publishing.identity(session_key, list(EVENTS).index(session_key) + 1, event=EVENTS[session_key])
        identity = replace(identity, year=year)
        return publish_revision(store, encoded, identity, summary=publishing.summary, now=publishing.now).revision

    return publish_one


def text(store: Store, key: str = LAPS) -> str:
    stored = store.read(key)
    assert stored is not None
    return gzip.decompress(stored.data).decode()


def test_texts_are_no_formulas_and_numbers_stay_numbers() -> None:
    moment = datetime(2024, 3, 2, 15, tzinfo=UTC)
    columns = {
        "text": [*TEXTS, None],
        "number": pa.array([-1.5, *[None] * len(TEXTS)], pa.float64()),
        "at": pa.array([moment] * (len(TEXTS) + 1), pa.timestamp("ms", tz="UTC")),
        "flag": [True, *[None] * len(TEXTS)],
    }
    data = pack_csv(pa.table(columns), 7)
    assert data == pack_csv(pa.table(columns), 7) != pack_csv(pa.table(columns), 8)
    read = pd.read_csv(io.BytesIO(data), compression="gzip", parse_dates=["at"])
    assert read["text"].tolist()[:-1] == list(TEXTS.values()) and pd.isna(read["text"].iloc[-1])
    assert read["number"].iloc[0] == -1.5 and read["flag"].iloc[0] and read["at"].iloc[0] == moment
    assert pl.read_csv(data)["number"].to_list() == [-1.5] + [None] * len(TEXTS)


def test_every_small_table_has_one_beside_its_parquet(store, publish, publishing) -> None:
    publish(store)
    assert text(store).splitlines() == ['"year","session_key","car"', '2024,9472,"one"']
    publish(store, "=two")
    assert text(store).splitlines()[1] == """2024,9472,"'=two\""""
    files = read_document(store, keys.table_files(2024), Files)
    assert files is not None
    assert {file.table: file.csv_sha256 for file in files.files} == {
        table: store.objects[keys.csv_copy(table, 2024, 9472)].sha256 for table in ("laps", "results")
    }
    roll_back(store, 9472, None, now=publishing.now)
    assert text(store).splitlines()[1] == '2024,9472,"one"'
    assert verify_store(store).is_good
    assert headers_for(LAPS) == Headers(
        "text/csv; charset=utf-8", "public, max-age=60, stale-while-revalidate=600", "gzip"
    )


def test_nothing_new_costs_one_request(store, publish) -> None:
    publish(store)
    watched = WatchedStore(store)
    assert not follow_with_csv(watched, 2024)
    assert watched.requests == [("read", keys.table_files(2024))]


def test_a_season_and_all_seasons_have_one_unless_it_is_too_long(store, publish, publishing) -> None:
    publish(store), publish(store, "=two", session_key=9480)
    found = pl.read_csv(store.read(LAPS_2024).data).select("year", "session_key", "car").rows()
    assert found == [(2024, 9472, "one"), (2024, 9480, "'=two")]
    files = read_document(store, keys.table_files(2024), Files)
    assert files is not None
    assert {made.table: made.csv_sha256 for made in files.season_tables} == {
        table: store.objects[keys.season_csv(table, 2024)].sha256 for table in ("laps", "results")
    }
    assert text(store, ALL_RESULTS) == text(store, RESULTS_2024)
    assert "intervals" not in SEASONS_AS_CSV and keys.all_seasons_csv("laps") not in store.objects
    before = {key: store.objects[key].sha256 for key in (LAPS_2024, ALL_RESULTS)}
    publish(store, "three"), roll_back(store, 9472, None, now=publishing.now)
    # Who still holds what was there before is too late, though the rows are the same again.
    assert not {key for key, sha256 in before.items() if store.objects[key].sha256 == sha256}
    assert "three" not in text(store, LAPS_2024) and verify_store(store).is_good
    # A CSV that is of an older file of all seasons, whole as it is, is found.
    older = store.read(ALL_RESULTS).data
    publish(store, "four"), store.write(ALL_RESULTS, older)
    assert [finding.key for finding in verify_store(store).findings] == [RESULTS_2024]


@pytest.mark.parametrize("mend", ["heal", "rebuild"])
def test_what_is_lost_torn_or_of_nothing_is_found_and_mended(store, publish, publishing, mend) -> None:
    publish(store)
    foreign = ("v1/csv/laps/2024/1.csv.gz", "v1/csv/season/intervals/2024.csv.gz", "v1/csv/all/laps.csv.gz")
    damages = [(key, lambda key=key: store.write(key, b"of nothing")) for key in foreign]
    for key, found in ((LAPS, LAPS), (LAPS_2024, LAPS_2024), (ALL_RESULTS, RESULTS_2024)):
        damages += [
            (found, lambda key=key: store.delete(key)),
            (found, lambda key=key: store.write(key, b"torn")),
            (found, lambda key=key: store.write(key, b"torn, and longer")),
        ]
    right = {key: store.read(key).data for key in (LAPS, LAPS_2024, ALL_RESULTS)}
    for key, damage in damages:
        damage()
        assert {finding.key for finding in verify_store(store).findings} == {key}
        if mend == "heal":
            heal_store(store, publishing.now)
        else:
            rebuild_tables(store, 2024)
        assert {key: store.read(key).data for key in right} == right and verify_store(store).is_good


@pytest.mark.parametrize("key", [LAPS, LAPS_2024, ALL_RESULTS])
def test_a_publisher_that_stands_still_does_not_write_over_what_came_since(store, publish, publishing, key) -> None:
    publish(store)
    done = []

    def meanwhile(request: str, at: str) -> None:
        if (request, at) == ("write", key) and not done:
            done.append(True)
            publish(store, "three"), publish(store, "before", session_key=7953, year=2023)
            roll_back(store, 9472, None, now=publishing.now)

    publish(WatchedStore(store, meanwhile), "two")
    finish_publication(store, 9472, publishing.now)
    assert pl.read_csv(store.read(ALL_RESULTS).data)["year"].to_list() == [2023, 2024]
    files = read_document(store, keys.table_files(2024), Files)
    assert files is not None and files.files[0].csv_sha256 == store.objects[LAPS].sha256
    assert "three" not in text(store) + text(store, LAPS_2024) + text(store, ALL_RESULTS)
    assert verify_store(store).is_good


def test_a_lost_table_has_none_and_keeps_nobody(store, publish, publishing, caplog) -> None:
    first = publish(store)
    lost = keys.revision_object(9472, first, "parquet/laps.parquet")
    data = store.read(lost).data
    store.delete(lost), store.delete(LAPS)
    heal_store(store, publishing.now)
    assert f"{lost} in memory: has no CSV: it is not there" in caplog.text and store.read(LAPS) is None
    store.write(lost, data)
    finish_publication(store, 9472, publishing.now)
    assert '"one"' in text(store) and verify_store(store).is_good
