"""How long a backfill will take, from what this machine has of it and who works on it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient

from flows.engine.database import SQLITE_WARNING, uses_sqlite
from flows.settings import Settings
from flows.upstream.client import Client
from flows.upstream.limits import LIMITS, UpstreamLimits
from flows.upstream.load import locate
from flows.upstream.selection import Wanted
from flows.upstream.topics import topic_folder
from flows.upstream.turns import HOUR_S, Limit, in_words

#: Requests that a race not in the cache takes: eleven topics, circuit, schedule; the results service's. Others take one
#: or two fewer, and a topic the upstream does not have takes two, the second at the mirror.
_REQUESTS_PER_SESSION = 13
_RESULTS_REQUESTS_PER_SESSION = 2
#: Seconds to compute and publish a session on two cores, by kind.
_COMPUTE_S = {"R": 33.0}
_COMPUTE_S_OTHERS = 15.0


def say_how_long(client: SyncPrefectClient, settings: Settings, wanted: Sequence[Wanted]) -> str:
    """Return a sentence on how long ``wanted`` takes at least: its downloads within the limits, its computation.

    What is in this machine's cache counts as there for all workers.

    :raises UpstreamError: the schedule could not be had.
    """
    to_download: list[str] = []
    in_cache: list[str] = []
    upstream = Client.of(settings)
    with upstream.at_work():
        for one in wanted:
            folder = topic_folder(settings.cache_dir, locate(upstream, one.ref))
            is_there = settings.offline or any(folder.glob("*.ff1pkl"))
            (in_cache if is_there else to_download).append(one.session.code)
    sentence = estimate(to_download, in_cache, workers=max(1, count_workers(client, settings.work_pool))).text
    return f"{sentence} {SQLITE_WARNING}" if len(wanted) > 1 and uses_sqlite() else sentence


def count_workers(client: SyncPrefectClient, work_pool: str) -> int:
    """Return how many workers poll the pool just now."""
    response = client.request(
        "POST",
        "/work_pools/{work_pool_name}/workers/filter",
        path_params={"work_pool_name": work_pool},
        json={"workers": {"status": {"any_": ["ONLINE"]}}, "limit": 200},
    )
    return len(response.json())


@dataclass(frozen=True)
class Estimate:
    """The least time a backfill can take, and why, as a sentence for people."""

    duration: timedelta
    requests: int
    text: str


def estimate(
    to_download: Iterable[str], in_cache: Iterable[str] = (), *, workers: int, limits: UpstreamLimits = LIMITS
) -> Estimate:
    """Say how long it takes at least to publish sessions, given by their codes (``R``, ``Q``, ``FP1`` ...).

    :param to_download: those of which nothing is in the cache; ``in_cache``: those that need no request.
    :param workers: how many runs go on at once.
    """
    missing, present = Counter(to_download), Counter(in_cache)
    total = missing + present
    of_results = missing.total() * _RESULTS_REQUESTS_PER_SESSION
    requests = missing.total() * _REQUESTS_PER_SESSION + of_results
    request_s = max(_request_s(limits.results, of_results), _request_s(limits.everything, requests))
    # A run computes on one worker: no number of workers makes the longest shorter.
    each_s = {code: _COMPUTE_S.get(code, _COMPUTE_S_OTHERS) for code in total}
    compute_s = max(sum(each_s[code] * count for code, count in total.items()) / max(1, workers), *each_s.values(), 0.0)
    least_s = max(request_s, compute_s)
    per_hour = round(limits.everything.decay_per_s * HOUR_S)
    parts = [_count(total.total(), "session")]
    if requests:
        parts.append(f"{_count(requests, 'request')} at {per_hour} an hour")
    computing = f"computing takes {in_words(compute_s)} with {_count(workers, 'worker')}"
    text = f"About {in_words(least_s)}: {', '.join(parts)}; {computing}." if total else "Nothing to do."
    return Estimate(timedelta(seconds=least_s), requests, text)


def _request_s(limit: Limit, requests: int) -> float:
    return max(0, requests - limit.slots) / limit.decay_per_s


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
