"""What publication costs and survives: the fault matrix, and requests and seconds for a race cold and unchanged.

Run: ``python tests/benchmarks/bench_publication.py [matrix] [race]`` (both by default). In a folder, and on the S3
server ``S3_TEST_ENDPOINT`` names (``S3_TEST_KEY``, ``S3_TEST_SECRET``) or else on moto's in this process. The race is
made up but has about as many objects and bytes as a real one.
"""

import copy
import itertools
import logging
import os
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from publish.publication import publish_revision
from publish.stores.base import S3Options, Store
from publish.stores.folder import FileStore
from publish.stores.s3 import S3Store

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests/publish", "tests")]

from conftest import NOW, SUMMARY, make_identity, make_revision, with_files
from fault_matrix import Case, Kill, count_requests, kill_at, make_cases
from fault_store import WRITING, WatchedStore

NewStore = Callable[[], Store]
RACE = (
    ("frames/25", 99, 76_000),
    ("samples", 99, 42_000),
    ("parquet", 14, 1_500_000),
    ("rows", 10, 2_500_000),
)
DOCUMENTS = ("overview", "track", "laps", "results", "weather", "messages")


@contextmanager
def places() -> Iterator[dict[str, NewStore]]:
    """Yield what makes empty stores, by name."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()
        made: dict[str, NewStore] = {"file": lambda: FileStore(Path(folder) / str(next(numbers)))}
        if real := os.environ.get("S3_TEST_ENDPOINT"):
            key, secret = os.environ.get("S3_TEST_KEY", "test"), os.environ.get("S3_TEST_SECRET", "testsecret")
            made["real S3"] = s3_stores(real, key, secret)
            yield made
            return
        with moto_endpoint() as endpoint:
            made["moto"] = s3_stores(endpoint, "test", "test")
            yield made


@contextmanager
def moto_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_stores(endpoint: str, key: str, secret: str) -> NewStore:
    os.environ |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"bench-{uuid.uuid4().hex[:12]}"
    boto3.session.Session().client("s3").create_bucket(Bucket=bucket)
    first = S3Store(bucket, "", S3Options())

    def new_store() -> Store:
        store = copy.copy(first)  # making a client takes longer than a whole publication
        store.prefix = f"{uuid.uuid4().hex}/"
        return store

    return new_store


def matrix(name: str, new_store: NewStore, cases: dict[str, Case]) -> None:
    """Kill every case at every request, before and after it takes effect; stops at the first stumbling reader."""
    for case in cases.values():
        start = time.perf_counter()
        requests = count_requests(case, new_store())
        kills = [kill_at(case, new_store(), number, done=done) for number in range(requests) for done in (False, True)]
        seen, finished = Counter(kill.seen for kill in kills), Counter(kill.writes_to_finish for kill in kills)
        sys.stdout.write(
            f"{name:>8}  {case.name:<20} {requests:3d} requests, {len(kills):3d} kills: readers saw {dict(seen)}; the "
            f"next run finished {len(kills)} with {min(finished)}-{max(finished)} writes "
            f"({time.perf_counter() - start:.1f} s)\n"
        )
        if name == "file":
            sys.stdout.write("".join(map(_row, kills)))


def _row(kill: Kill) -> str:
    effect = "after" if kill.done else "before"
    return (
        f"{'':>10}{kill.number:3d} {effect:<6} {kill.request:<12} {kill.key:<60} seen: {kill.seen:<8}"
        f"writes to finish: {kill.writes_to_finish}\n"
    )


def race(name: str, store: Store, folder: Path) -> None:
    """Publish a race into an empty store and once more."""
    encoded = race_revision(folder)
    for what in ("cold", "unchanged"):
        watched = WatchedStore(store)
        start = time.perf_counter()
        outcome = publish_revision(watched, encoded, make_identity(), summary=SUMMARY, now=NOW)
        seconds = time.perf_counter() - start
        writes = sum(request in WRITING for request, _ in watched.requests)
        sys.stdout.write(
            f"{name:>8}  {what:<10} {len(watched.requests):4d} requests ({writes} writing) {seconds:6.2f} s, "
            f"{outcome.uploaded_bytes / 1e6:.0f} MB in {outcome.uploaded_objects} objects\n"
        )


def race_revision(folder: Path) -> Any:
    """A revision with as many objects and bytes as a real race."""
    suffixes = {"parquet": "t{}.parquet", "rows": "skip_{}.json.gz"}
    sizes = {
        f"{kind}/{suffixes.get(kind, '{:04}.json.gz').format(number)}": size
        for kind, count, size in RACE
        for number in range(count)
    } | {f"{name}.json.gz": 100_000 for name in DOCUMENTS}
    return with_files(
        make_revision(folder, "race", paths=tuple(sizes)), {path: os.urandom(size) for path, size in sizes.items()}
    )


def main(wanted: list[str]) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with places() as made, tempfile.TemporaryDirectory() as folder:
        revision = partial(make_revision, Path(folder))
        publishing = SimpleNamespace(now=NOW, summary=SUMMARY, identity=make_identity, revision=revision)
        for name, new_store in made.items():
            if "race" in wanted:
                race(name, new_store(), Path(folder))
            if "matrix" in wanted:
                matrix(name, new_store, make_cases(publishing))


if __name__ == "__main__":
    main(sys.argv[1:] or ["race", "matrix"])
