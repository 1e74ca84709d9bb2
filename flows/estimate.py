"""How long a backfill will take, from what this machine has of it and who works on it."""

from collections.abc import Sequence

from prefect.client.orchestration import SyncPrefectClient

from flows.fingerprint import topic_folder
from flows.selection import Wanted
from flows.settings import Settings
from flows.upstream import session_path
from flows.upstream_limits import estimate


def say_how_long(client: SyncPrefectClient, settings: Settings, year: int, wanted: Sequence[Wanted]) -> str:
    """Return a sentence on how long ``wanted`` takes at least: its downloads within the limits, its computation.

    What is in this machine's cache counts as there for all workers.

    :raises UpstreamError: the schedule could not be had.
    """
    to_download: list[str] = []
    in_cache: list[str] = []
    for one in wanted:
        api_path = session_path(year, int(one.event.round or 0), one.session.code)
        is_there = settings.offline or any(topic_folder(settings.cache_dir, api_path).glob("*.ff1pkl"))
        (in_cache if is_there else to_download).append(one.session.code)
    return estimate(to_download, in_cache, workers=max(1, count_workers(client, settings.work_pool))).text


def count_workers(client: SyncPrefectClient, work_pool: str) -> int:
    """Return how many workers poll the pool just now."""
    response = client.request(
        "POST",
        "/work_pools/{work_pool_name}/workers/filter",
        path_params={"work_pool_name": work_pool},
        json={"workers": {"status": {"any_": ["ONLINE"]}}, "limit": 200},
    )
    return len(response.json())
