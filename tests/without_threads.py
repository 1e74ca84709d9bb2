"""What takes the place of the threads of ``in_parallel``, and of the pauses between two attempts, in a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from publish.stores import parallel, patience


class _Row:
    """Stands in for a pool of threads: what is submitted is done there and then; what fails ends the row."""

    def submit(self, work: Callable[..., Any], item: Any) -> SimpleNamespace:
        value = work(item)
        return SimpleNamespace(result=lambda: value)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing is left."""

    def __enter__(self) -> "_Row":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left."""


@contextmanager
def without_threads() -> Iterator[None]:
    """Let ``in_parallel`` do one thing after the other: in memory a thread costs more than all that it does."""
    with threads_replaced(lambda workers: _Row(), iter):
        yield


@contextmanager
def threads_replaced(pool: Callable[[int], Any], as_completed: Callable[[Any], Iterator[Any]]) -> Iterator[None]:
    """Let ``in_parallel`` use these, and nobody wait between two attempts."""
    before = parallel.ThreadPoolExecutor, parallel.as_completed, patience.time
    parallel.ThreadPoolExecutor = pool  # type: ignore[assignment, misc]
    parallel.as_completed = as_completed  # type: ignore[assignment]
    patience.time = SimpleNamespace(sleep=lambda seconds: None)  # type: ignore[assignment]
    try:
        yield
    finally:
        parallel.ThreadPoolExecutor, parallel.as_completed, patience.time = before  # type: ignore[misc]
