"""What each role of the AWS template may do, held against every key that code writes, reads or deletes."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memory_store import MemoryStore
from policies import Document, documents_of, may
from scenarios import (
    CALENDAR,
    ONE,
    RENUMBERED,
    SAUDI,
    THREE,
    TWO,
    back_to,
    follow,
    heal,
    prune,
    publish,
    published_before,
    reindex,
)
from tiny_sessions import YEAR, Wanted, identity_of

from publish import keys
from publish.contract.dictionary import schema_documents
from publish.live.health import HEALTHY, Check, update_health
from publish.live.runs import RunEntry, run_ended, run_started
from publish.live.status import PROGRESS, Status, write_status
from publish.publication import publish_site
from publish.readers import reader_files
from publish.season.aliases import NotFollowedError
from publish.season.catalog import update_catalog
from publish.season.index import read_season
from publish.site.files import site_files
from publish.site.prune import prune_pages
from publish.stores.base import Listed, ObjectInfo, RefusedError, Store, Stored

BUCKET = "arn:aws:s3:::site"
NAMES = {
    "SiteBucket.Arn": BUCKET,
    "RawBucket.Arn": "arn:aws:s3:::site-raw",
    "AWS::Partition": "aws",
    "AWS::AccountId": "123456789012",
    "Distribution": "E2PARCFERME",
}
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class RoleStore(Store):
    """A store that refuses what the policies of a role do not allow, and remembers what was done."""

    uri = "role:"

    def __init__(self, inner: Store, documents: Sequence[Document]) -> None:
        self._inner = inner
        self._documents = documents
        self.deleted: set[str] = set()

    def _ask(self, action: str, key: str) -> None:
        if not may(self._documents, f"s3:{action}", f"{BUCKET}/{key}" if key else BUCKET):
            raise RefusedError(f"{action} {key}")

    def read(self, key: str) -> Stored | None:
        self._ask("GetObject", key)
        return self._inner.read(key)

    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        self._ask("GetObject", key)
        return self._inner.read_range(key, first, last, if_match)

    def head(self, key: str) -> ObjectInfo | None:
        self._ask("GetObject", key)
        return self._inner.head(key)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        self._ask("PutObject", key)
        return self._inner.write(key, data, if_match=if_match, if_none_match=if_none_match)

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        self._ask("PutObject", key)
        self._inner.upload_file(key, path, sha256)

    def copy(self, source: str, target: str, sha256: str) -> None:
        self._ask("GetObject", source)
        self._ask("PutObject", target)
        self._inner.copy(source, target, sha256)

    def list(self, prefix: str) -> Iterator[Listed]:
        self._ask("ListBucket", "")
        return self._inner.list(prefix)

    def list_folders(self, prefix: str) -> Iterator[str]:
        self._ask("ListBucket", "")
        return self._inner.list_folders(prefix)

    def delete(self, key: str) -> None:
        self._ask("DeleteObject", key)
        self.deleted.add(key)
        self._inner.delete(key)

    def check(self) -> None:
        """As on S3."""
        self.write(keys.CHECK, b"")


def say_status(store: Store, wanted: Wanted, number: int) -> None:
    status = Status(
        type=PROGRESS,
        state="Running",
        progress=5,
        message=identity_of(wanted).event,
        flow_run_id="1",
        flow_run_name="a run",
        started_at=NOW,
        updated_at=NOW,
        error=None,
    )
    write_status(store, YEAR, number, "R", status)


@pytest.fixture
def moment() -> list[datetime]:
    return [NOW - timedelta(days=100)]


@pytest.fixture
def inner(moment: list[datetime]) -> MemoryStore:
    return MemoryStore(lambda: moment[0])


def in_role(inner: Store, role: str) -> RoleStore:
    return RoleStore(inner, documents_of(role, NAMES))


def publish_season(store: Store, moment: list[datetime]) -> None:
    """Everything that a publisher does while the calendar stays as it is."""
    store.check()
    publish_site(store, schema_documents() | reader_files() | site_files())
    update_catalog(store, "https://f1.example.org")
    follow(CALENDAR)(store, lambda: moment[0])
    for wanted in (ONE, TWO, THREE, SAUDI):
        say_status(store, wanted, identity_of(wanted).round)
        publish(wanted)(store, lambda: moment[0])
        moment[0] += timedelta(days=1)
    entry = RunEntry(YEAR, 1, "Bahrain Grand Prix", "R", "1", "a run", None, moment[0])
    run_started(store, entry, moment[0])
    ended = {"state": "published", "message": "Published", "grade": "A", "revision": None}
    run_ended(store, entry, ended_at=moment[0], now=moment[0], **ended)
    update_health(store, (Check("worker", HEALTHY, "well"),), moment[0], may_take_over=True)


def test_a_publisher_needs_no_right_to_delete(inner: MemoryStore, moment: list[datetime]) -> None:
    store = in_role(inner, "PublisherRole")
    publish_season(store, moment)
    reindex(CALENDAR)(store, lambda: moment[0])
    back_to(TWO)(store, lambda: moment[0])
    assert store.deleted == set()


def test_a_publisher_leaves_a_renumbered_calendar_as_it_is(inner: MemoryStore, moment: list[datetime]) -> None:
    store = in_role(inner, "PublisherRole")
    publish_season(store, moment)
    before = dict(inner.objects)
    with pytest.raises(NotFollowedError, match=rf"parcferme index {YEAR}` once with a role .* prune role"):
        follow(RENUMBERED)(store, lambda: moment[0])
    assert inner.objects == before


def test_the_prune_role_follows_a_calendar_and_takes_every_name_back(
    inner: MemoryStore, moment: list[datetime]
) -> None:
    inner.write(f"{keys.PAGE_PARTS}{'0' * 16}/app.js", b"")
    moment[0] += timedelta(days=50)
    publish_season(in_role(inner, "PublisherRole"), moment)
    store = in_role(inner, "PruneRole")
    follow(RENUMBERED)(store, lambda: moment[0])
    season = read_season(store, YEAR)
    assert season is not None and season.events[0].name == "Saudi Arabian Grand Prix"
    moved = inner.read(keys.status(YEAR, 1, "R"))
    assert moved is not None and b"Saudi" in moved.data
    assert inner.read(keys.status(YEAR, 2, "R")) is None
    moment[0] += timedelta(days=50)
    prune()(store, lambda: moment[0])
    prune_pages(store, older_than=timedelta(days=1), now=moment[0], dry_run=False)
    gone = {key.split("/")[0] if not key.startswith("v1/") else key.split("/")[1] for key in store.deleted}
    assert gone == {"sessions", "status", "telemetry", "viewer"}


def test_the_prune_role_takes_back_tables_that_went(inner: MemoryStore, moment: list[datetime]) -> None:
    store = in_role(inner, "PruneRole")
    publish(Wanted("one", tables=("laps", "results")))(store, lambda: moment[0])
    publish(TWO)(store, lambda: moment[0])
    assert {"v1/parquet/results/2024/9472.parquet", "v1/csv/results/2024/9472.csv.gz"} <= store.deleted


def test_the_prune_role_heals(inner: MemoryStore, moment: list[datetime]) -> None:
    published_before(ONE, Wanted("one", level=6))(inner, lambda: moment[0])
    heal(in_role(inner, "PruneRole"), lambda: moment[0])
