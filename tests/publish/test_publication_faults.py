"""The publisher dies at every one of its requests in turn: readers never stumble, and the next run finishes.

On S3 a spread of the requests; ``tests/benchmarks/bench_publication.py`` tries them all and prints the matrix.
"""

import copy
import itertools
from collections.abc import Callable

import pytest
from fault_matrix import count_requests, kill_at, make_cases

from publish.stores.base import Store
from publish.stores.folder import FileStore

CASES = ["first", "second", "second without rows", "unchanged", "rollback"]
_KILLS_ON_S3 = 2


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
def test_every_kill_point_in_a_folder(request, publishing, name, done):
    new_store, case = _file_stores(request), make_cases(publishing)[name]
    requests = count_requests(case, new_store())
    assert requests >= (6 if name == "unchanged" else 10)
    kills = [kill_at(case, new_store(), number, done=done) for number in range(requests)]
    assert {kill.seen for kill in kills} >= ({"after"} if done else set())
    assert kills[0].seen == {"first": "nothing", "unchanged": "after"}.get(name, "before")


@pytest.mark.parametrize("name", CASES)
def test_kill_points_on_s3(request, publishing, name):
    new_store, case = _s3_stores(request), make_cases(publishing)[name]
    requests = count_requests(case, new_store())
    for number in range(_KILLS_ON_S3):
        kill_at(case, new_store(), (2 * number + 1) * requests // (2 * _KILLS_ON_S3), done=number % 2 == 0)
    kill_at(case, new_store(), requests - 1, done=False)
