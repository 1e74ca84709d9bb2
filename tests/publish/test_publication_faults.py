"""The publisher dies at every one of its requests in turn, or loses a permission: readers never stumble, and the next
run finishes.

On S3 a spread of the requests; ``tests/benchmarks/bench_publication.py`` tries them all and prints the matrix.
"""

import copy
import dataclasses
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_matrix import COPIES, PATHS, count_requests, kill_at, make_cases
from fault_store import WatchedStore, check_copies, check_readers_view
from somebody_else import allow, folder_of_somebody_else, forbid, somebody_else
from without_threads import without_threads

from publish.publication import publish_revision
from publish.stores.base import RefusedError, Store
from publish.stores.folder import FileStore

CASES = ["first", "second", "second without rows", "unchanged", "rollback"]
#: Where the season's tables, which take most of a tiny publication's time, are made too.
WITH_SEASON_TABLES = ("second", False)
#: A spread of requests: one to moto takes longer than a publication in a folder, and all of them in every order are
#: what the interleavings are for.
_KILLS_ON_S3 = 3


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


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", CASES)
@without_threads()
def test_every_kill_point_in_a_folder(request, publishing, name, done):
    new_store, case = _file_stores(request), make_cases(publishing)[name]
    if (name, done) != WITH_SEASON_TABLES:
        request.getfixturevalue("without_season_tables")
    requests = count_requests(case, new_store())
    assert requests >= (6 if name == "unchanged" else 10)
    kills = [kill_at(case, new_store(), number, done=done) for number in range(requests)]
    assert {kill.seen for kill in kills} >= ({"after"} if done else set())
    assert kills[0].seen == {"first": "nothing", "unchanged": "after"}.get(name, "before")


@pytest.mark.usefixtures("without_season_tables")
def test_kill_points_on_s3(request, publishing):
    new_store, case = _s3_stores(request), make_cases(publishing)["second without rows"]
    requests = count_requests(case, new_store())
    for number in range(_KILLS_ON_S3):
        kill_at(case, new_store(), (2 * number + 1) * requests // (2 * _KILLS_ON_S3), done=number % 2 == 0)
    kill_at(case, new_store(), requests - 1, done=False)


@pytest.mark.parametrize("permission", ["write", "read"])
def test_a_permission_lost_in_a_folder(publishing, permission):
    with folder_of_somebody_else() as folder:
        one, two = (_readable(publishing.revision(content, paths=PATHS), folder) for content in ("one", "two"))

        def publish(store, encoded):
            publish_revision(store, encoded, publishing.identity(), summary=publishing.summary, now=publishing.now)

        for point in range(0, 20, 3):
            store = FileStore(folder / f"{point}")
            numbers = itertools.count()

            def lose(request, key, numbers=numbers, point=point, store=store):
                if next(numbers) == point:
                    forbid(store.root, permission)

            with somebody_else():
                publish(store, one)
                with pytest.raises(RefusedError, match=_told(permission, store)):
                    publish(WatchedStore(store, before=lose), two)
            check_readers_view(store)
            allow(store.root)
            with somebody_else():
                publish(store, two)
            check_readers_view(store)
            check_copies(store, 9472, COPIES)


def _told(permission: str, store: FileStore) -> str:
    return rf"^Cannot {permission} {store.root}/\S+: Permission denied\. Give this user the permission to {permission} "


def _readable(encoded, folder: Path):
    """The same revision in files that somebody else may read."""
    files = [shutil.copy(one.file, folder / f"{encoded.revision}-{one.file.name}") for one in encoded.objects]
    objects = [dataclasses.replace(one, file=file) for one, file in zip(encoded.objects, files, strict=True)]
    return dataclasses.replace(encoded, objects=tuple(objects))
