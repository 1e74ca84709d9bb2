"""The publisher dies at every one of its requests in turn: readers never stumble, and the next run finishes."""

import copy
import itertools
from collections.abc import Callable

import pytest
from fault_store import KilledError, WatchedStore, check_copies, check_readers_view, killed_at

from publish.file_store import FileStore
from publish.publication import publish_revision, roll_back
from publish.season import read_season
from publish.store import Store

PATHS = ("frames/25/0000.json.gz", "parquet/laps.parquet", "rows/skip_1.json.gz")
PATHS_LESS = ("frames/25/0000.json.gz", "parquet/laps.parquet")
COPIES = {
    "v1/parquet/laps/year=2024/session_key=9472.parquet": "parquet/laps.parquet",
    "telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz",
}
COPIES_LESS = {"v1/parquet/laps/year=2024/session_key=9472.parquet": "parquet/laps.parquet"}


def _try_every_request(new_store: Callable[[], Store], prepare, work, verify, *, done: bool) -> int:
    """Return at how many requests ``work`` was killed."""
    store = new_store()
    prepare(store)
    whole = WatchedStore(store)
    work(whole)
    verify(store)
    for number in range(len(whole.requests)):
        store = new_store()
        prepare(store)
        before = check_readers_view(store)
        with pytest.raises(KilledError):
            work(killed_at(store, number, done=done))
        assert check_readers_view(store) >= {key for key in before if "/seasons/" in key or key == "index.json"}
        work(store)
        verify(store)
        again = WatchedStore(store)
        work(again)
        assert again.writes == [], f"not finished after a kill at request {number}"
    return len(whole.requests)


def _file_stores(request: pytest.FixtureRequest) -> Callable[[], Store]:
    first, numbers = request.getfixturevalue("file_store"), itertools.count()
    return lambda: FileStore(first.root / f"try-{next(numbers)}")


def _s3_stores(request: pytest.FixtureRequest) -> Callable[[], Store]:
    first, numbers = request.getfixturevalue("moto_store"), itertools.count()

    def new_store() -> Store:
        store = copy.copy(first)  # making a client takes longer than a whole publication
        store.prefix = f"{first.prefix}try-{next(numbers)}/"
        return store

    return new_store


CASES = ["first", "second", "second without rows", "rollback"]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("stores", "case"), [*((_file_stores, case) for case in CASES), (_s3_stores, "second without rows")]
)
def test_every_kill_point(request, publishing, stores, case, done):
    new_store = stores(request)
    one, two = publishing.revision("one", paths=PATHS), publishing.revision("two", paths=PATHS)
    less = publishing.revision("less", paths=PATHS_LESS)

    def publish(store, encoded):
        publish_revision(store, encoded, publishing.identity(), summary=publishing.summary, now=publishing.now)

    def expect(encoded, copies):
        def verify(store):
            check_readers_view(store)
            check_copies(store, 9472, copies)
            assert {r.key for r in store.list("v1/parquet/")} | {r.key for r in store.list("telemetry/")} == set(copies)
            entry = read_season(store, 2024)["events"][0]["sessions"][0]
            assert entry["revision"] == encoded.revision

        return verify

    def both(store):
        publish(store, one)
        publish(store, less)

    prepare, work, verify = {
        "first": (lambda store: None, lambda store: publish(store, one), expect(one, COPIES)),
        "second": (lambda store: publish(store, one), lambda store: publish(store, two), expect(two, COPIES)),
        "second without rows": (
            lambda store: publish(store, one),
            lambda store: publish(store, less),
            expect(less, COPIES_LESS),
        ),
        "rollback": (
            both,
            lambda store: roll_back(store, 9472, one.revision, now=publishing.now),
            expect(one, COPIES),
        ),
    }[case]
    assert _try_every_request(new_store, prepare, work, verify, done=done) >= 10
