"""The publisher killed at one request after the other, in every situation a publication can be in.

For each kill: the reader's view is checked (every link of every document leads to whole objects of one revision, the
one before or the one after), then the work is run again and must finish, then once more and must write nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace

from fault_store import KilledError, WatchedStore, check_copies, check_readers_view, killed_at

from publish import keys
from publish.publication import publish_revision, roll_back
from publish.season.index import read_season
from publish.stores.base import Store
from publish.stores.shared_documents import read_document

PATHS = ("frames/25/0000.json.gz", "parquet/laps.parquet", "rows/skip_1.json.gz")
PATHS_LESS = ("frames/25/0000.json.gz", "parquet/laps.parquet")
COPIES = {
    "v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet",
    "telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz",
}
COPIES_LESS = {"v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet"}

Work = Callable[[Store], None]


@dataclass(frozen=True)
class Case:
    """What is there before, what is done, and which revision and stable copies are current before and after."""

    name: str
    prepare: Work
    work: Work
    revision_before: str | None
    revision_after: str
    copies_after: dict[str, str]


@dataclass(frozen=True)
class Kill:
    """One kill: the request (``done``: it took effect), the revision readers saw then, what the next run wrote."""

    number: int
    request: str
    key: str
    done: bool
    seen: str
    writes_to_finish: int


def make_cases(publishing: SimpleNamespace) -> dict[str, Case]:
    """``publishing`` as the fixture of that name."""
    one, two = publishing.revision("one", paths=PATHS), publishing.revision("two", paths=PATHS)
    less = publishing.revision("less", paths=PATHS_LESS)

    def publish(*revisions: object) -> Work:
        def work(store: Store) -> None:
            for encoded in revisions:
                publish_revision(store, encoded, publishing.identity(), summary=publishing.summary, now=publishing.now)

        return work

    def back(store: Store) -> None:
        roll_back(store, 9472, one.revision, now=publishing.now)

    cases = (
        Case("first", publish(), publish(one), None, one.revision, COPIES),
        Case("second", publish(one), publish(two), one.revision, two.revision, COPIES),
        Case("second without rows", publish(one), publish(less), one.revision, less.revision, COPIES_LESS),
        Case("unchanged", publish(one), publish(one), one.revision, one.revision, COPIES),
        Case("rollback", publish(one, less), back, less.revision, one.revision, COPIES),
    )
    return {case.name: case for case in cases}


def count_requests(case: Case, store: Store) -> int:
    """Do the work undisturbed in an empty store, check its end, and return how many requests it took."""
    case.prepare(store)
    watched = WatchedStore(store)
    case.work(watched)
    _check_finished(case, store)
    return len(watched.requests)


def kill_at(case: Case, store: Store, number: int, *, done: bool) -> Kill:
    """Kill the work at request ``number`` in an empty store; fails where a reader stumbles or nothing finishes it."""
    case.prepare(store)
    before = check_readers_view(store)
    killed = killed_at(store, number, done=done)
    try:
        case.work(killed)
    except KilledError:
        request, key = killed.requests[number]
    else:
        raise AssertionError(f"{case.name} was not killed at request {number}")
    seen = _seen_by_readers(case, store, before)
    finishing = WatchedStore(store)
    case.work(finishing)
    _check_finished(case, store)
    again = WatchedStore(store)
    case.work(again)
    assert again.writes == [], f"{case.name} was not finished by the run after a kill at request {number}"
    return Kill(number, request, key, done, seen, len(finishing.writes))


def _seen_by_readers(case: Case, store: Store, before: set[str]) -> str:
    reached = check_readers_view(store)
    assert reached >= {key for key in before if "/seasons/" in key or key == keys.INDEX}, "a document is gone"
    latest = read_document(store, keys.latest(9472), dict)
    revision = latest["revision"] if latest else None
    names = {case.revision_before: "before", case.revision_after: "after"}
    assert revision in names, f"{revision} is current, which is neither what was nor what comes"
    return names[revision] if revision else "nothing"


def _check_finished(case: Case, store: Store) -> None:
    check_readers_view(store)
    check_copies(store, 9472, case.copies_after)
    there: Iterable[str] = {row.key for prefix in ("v1/parquet/", "telemetry/") for row in store.list(prefix)}
    assert {key for key in there if not key.startswith((keys.SEASON_TABLES, keys.ALL_SEASONS_TABLES))} == set(
        case.copies_after
    )
    season = read_season(store, 2024)
    assert season is not None
    assert season.events[0].sessions[0].revision == case.revision_after
