"""The same work for many cars, two at a time: numpy and Arrow leave the interpreter's lock alone in long steps.

What comes out is the same in any order of execution: work for one car sees nothing of that for another.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

#: More bring nothing: between its long steps each of them needs the lock. Each also needs memory for its car.
_THREADS = 2

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def for_each(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Return what ``work`` makes of each item, in their order; the first error in that order is raised."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="cars") as pool:
        return list(pool.map(work, items))
