"""How much of the allowance four workers use, and that they stay within it.

Run: ``python tests/benchmarks/bench_upstream_limits.py [workers] [requests each]``. The limit is a
scaled one: 5 at once, 1 more a second. One of the same numbers taken through Prefect's ``rate_limit`` is shown beside.
"""

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from counting_upstream import LIVE, RESULTS, most_in_any_window, run_workers, running_upstream, small_limits

_AT_ONCE, _A_SECOND, _WINDOW_S = 5, 1.0, 22.0


def main() -> None:
    """Run both and print their figures."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    workers, each = (int(a) for a in (sys.argv[1:] + ["4", "20"][len(sys.argv) - 1 :]))
    allowed = _AT_ONCE + _A_SECOND * _WINDOW_S
    with prefect_test_harness(server_startup_timeout=180), running_upstream() as upstream:
        api = str(PREFECT_API_URL.value())
        upstream.allowed = {"all": (round(allowed / 0.9), _WINDOW_S)}
        limits = small_limits(everything=(_AT_ONCE, _A_SECOND))
        urls = [
            [upstream.url(f"{number}/{i}", RESULTS if i % 8 == 0 else LIVE) for i in range(each)]
            for number in range(workers)
        ]
        with tempfile.TemporaryDirectory() as folder:
            run_workers(api, limits, urls, Path(folder))
        _report("SharedLimits", upstream.times(), allowed)
        sys.stdout.write(f"{'':18}refused (429): {upstream.refused}, at once per host: {dict(upstream.most_at_once)}\n")
        _report("rate_limit", _prefects_own(api, workers, each), allowed)


def _report(name: str, times: list[float], allowed: float) -> None:
    last_s = times[-1] - times[0]
    possible = _AT_ONCE + _A_SECOND * last_s
    sys.stdout.write(
        f"{name:18}{len(times)} calls in {last_s:.1f} s, {len(times) / possible:.0%} of what the limit allows; "
        f"at most {most_in_any_window(times, _WINDOW_S)} of {allowed:.0f} in any {_WINDOW_S:.0f} s\n"
    )


def _prefects_own(api: str, workers: int, each: int) -> list[float]:
    from prefect.client.orchestration import get_client

    from flows.upstream.slots import ensure
    from flows.upstream.turns import Limit

    limit = Limit("bench-rate-limit", _AT_ONCE, _A_SECOND)
    with get_client(sync_client=True) as client:
        ensure(client, (limit,))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=_take, args=(api, limit.name, each, queue)) for _ in range(workers)]
    for process in processes:
        process.start()
    times = [queue.get() for _ in range(workers * each)]
    for process in processes:
        process.join()
    return sorted(times)


def _take(api: str, name: str, count: int, queue: "multiprocessing.Queue[float]") -> None:
    from prefect.concurrency.sync import rate_limit
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}):
        for _ in range(count):
            rate_limit(name, strict=True)
            queue.put(time.monotonic())


if __name__ == "__main__":
    main()
