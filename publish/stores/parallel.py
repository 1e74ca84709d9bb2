"""Many requests at once, with every one's outcome looked at."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

#: Requests in flight. Each streams its file, so memory does not grow with the number of objects.
WORKERS = 8

OnProgress = Callable[[int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], on_progress: OnProgress | None = None, workers: int = WORKERS
) -> list[Result]:
    """Return ``work`` of every item, in the items' order, done by a few threads.

    The first error is raised, once those already running have ended; those still waiting are not started.
    ``on_progress`` is called in this thread with the number done and the number of all.
    """
    with ThreadPoolExecutor(workers) as pool:
        futures: list[Future[Result]] = [pool.submit(work, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if on_progress:
                    on_progress(done, len(items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]
