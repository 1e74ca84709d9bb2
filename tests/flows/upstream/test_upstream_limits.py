"""The upstream's call limits, held by real processes at a real Prefect server against an upstream that counts."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from logging import getLogger
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from counting_upstream import LIVE, RESULTS, Upstream, most_in_any_window, run_workers, running_upstream, small_limits
from prefect_servers import Server, talking_to, wait_until

from flows.upstream.client import Client
from flows.upstream.limits import LIMITS, SharedLimits, UpstreamLimits, _retry_after_s, ensure_limits
from flows.upstream.slots import Slots, _wait_s
from flows.upstream.turns import Limit, Patience, in_words
from transforms.errors import UpstreamError

LOGGER = getLogger(__name__)
Limited = Callable[..., AbstractContextManager[None]]
QUICK = Patience(slot_s=60.0, api_s=1.0, poll_s=0.1)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running_upstream() as double:
        yield double


@pytest.fixture
def limited(tmp_path: Path) -> Limited:
    """Lets FastF1 work within limits while a block runs, on a cache that is empty at first."""

    def _limited(
        on_wait: Callable[[str], None] = LOGGER.info, *, limits: UpstreamLimits
    ) -> AbstractContextManager[None]:
        return Client(tmp_path / "cache", limits=SharedLimits(on_wait, limits, QUICK)).at_work()

    return _limited


def get(url: str) -> Any:
    import fastf1

    return fastf1.Cache.requests_get(url)


@contextmanager
def api_client() -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def active_slots(limit: Limit) -> int:
    with api_client() as client:
        return int(client.read_global_concurrency_limit_by_name(limit.name).active_slots)


HOLDER = """
import logging, sys
from flows.upstream.slots import Slots
from flows.upstream.turns import Limit, Patience
slots = Slots(logger=logging.getLogger(), on_wait=print, patience=Patience())
with slots.held(Limit(sys.argv[1], 1, 1 / 900), "a host"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module", autouse=True)
def server_with_a_dead_holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Limit]]:
    """A server that restarts while a killed process holds a slot; its lease expires while the other tests run."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    leases = {
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    with Server(tmp_path_factory.mktemp("server"), leases, options=("--no-ui",)) as server:
        limit = Limit("test-dead", 1, 1 / 900)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, limit.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PREFECT_API_URL": server.api},
            text=True,
        )
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        holder.kill()
        holder.wait()
        with temporary_settings({PREFECT_API_URL: server.api}):
            assert active_slots(limit) == 1
        server.stop()
        server.start()
        yield server, limit


@pytest.fixture(scope="module")
def prefect_server(server_with_a_dead_holder: tuple[Server, Limit]) -> Iterator[str]:
    """The same server: the product's own limits are changed on it, which other files use."""
    server, _ = server_with_a_dead_holder
    with talking_to(server.api):
        yield server.api


# The limits as data


@pytest.mark.parametrize(("limit", "allowed"), [(LIMITS.results, 200), (LIMITS.everything, 500)])
def test_no_hour_holds_more_than_nine_tenths(limit: Limit, allowed: int) -> None:
    assert limit.slots + 3600 * limit.decay_per_s == pytest.approx(0.9 * allowed)
    # One session at once without waiting.
    assert limit.slots >= 20


def test_which_limits_a_host_needs() -> None:
    assert LIMITS.rate_limits("api.jolpi.ca") == (LIMITS.results, LIMITS.everything)
    assert LIMITS.rate_limits("livetiming.formula1.com") == (LIMITS.everything,)
    assert LIMITS.rate_limits("notjolpi.ca") == (LIMITS.everything,)
    assert LIMITS.download_limit("api.multiviewer.app").name == "parcferme-download-api.multiviewer.app"
    assert LIMITS.download_limit("example.org").name == "parcferme-download-others"
    assert all(limit.slots == 1 for limit in (*LIMITS.downloads.values(), LIMITS.other))


def test_limits_are_created_once_and_corrected(prefect_server: str) -> None:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    with api_client() as client:
        ensure_limits(client)
        assert ensure_limits(client) == []
        found = client.read_global_concurrency_limit_by_name("parcferme-upstream-all")
        assert (found.limit, round(3600 * found.slot_decay_per_second)) == (30, 420)

        client.update_global_concurrency_limit(
            "parcferme-upstream-all", GlobalConcurrencyLimitUpdate(limit=500, active=False)
        )
        client.delete_global_concurrency_limit_by_name("parcferme-download-api.jolpi.ca")
        assert ensure_limits(client) == [
            "parcferme-upstream-all: corrected",
            "parcferme-download-api.jolpi.ca: created",
        ]
        found = client.read_global_concurrency_limit_by_name("parcferme-upstream-all")
        assert found.active and found.limit == 30


# Several workers


def test_four_processes_keep_the_limits(prefect_server: str, upstream: Upstream, tmp_path: Path) -> None:
    # In any 6 s at most 2 + 0.7 * 6 = 6 calls to the results service and 4 + 2 * 6 = 16 to everything, nine tenths of
    # what the upstream allows, as in the product.
    window_s = 6.0
    limits = small_limits(results=(2, 0.7), everything=(4, 2.0))
    upstream.allowed = {RESULTS: (7, window_s), "all": (18, window_s)}
    upstream.download_s = 0.4

    urls = [[upstream.url(f"{number}/{i}", LIVE if i % 4 else RESULTS) for i in range(8)] for number in range(4)]
    answers = run_workers(prefect_server, limits, [each + each for each in urls], tmp_path)

    assert all(answer["statuses"] == [200] * 16 for answer in answers)
    # Every address once: the second time it came from the cache.
    assert Counter(path for _, _, path in upstream.arrivals).most_common(1)[0][1] == 1
    assert len(upstream.arrivals) == 32
    assert upstream.refused == 0
    assert upstream.most_at_once == {LIVE: 1, RESULTS: 1}
    assert most_in_any_window(upstream.times(RESULTS), window_s) <= 7
    assert most_in_any_window(upstream.times(), window_s) <= 18
    said = [message for answer in answers for message in answer["said"]]
    assert any(message.startswith("Waiting for") for message in said)


def test_grants_in_any_window_are_bounded_exactly(prefect_server: str) -> None:
    limit = Limit(f"test-{uuid4().hex[:8]}", 3, 6.0)
    spans: list[tuple[float, float]] = []

    def take() -> None:
        slots = Slots(logger=LOGGER, on_wait=lambda _: None, patience=QUICK)
        for _ in range(8):
            before = time.monotonic()
            slots.take((limit,))
            spans.append((before, time.monotonic()))
        slots.close()

    threads = [threading.Thread(target=copy_context().run, args=(take,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spans) == 24
    for begin, _ in spans:
        for _, end in spans:
            inside = sum(begin <= before and after <= end for before, after in spans)
            # The server keeps time in milliseconds.
            assert inside <= limit.slots + limit.decay_per_s * max(0.0, end - begin + 0.002)


def test_two_limits_are_taken_both_or_none(prefect_server: str) -> None:
    full, free = Limit(f"test-{uuid4().hex[:8]}", 1, 0.001), Limit(f"test-{uuid4().hex[:8]}", 5, 0.001)
    slots = Slots(logger=LOGGER, on_wait=lambda _: None, patience=Patience(slot_s=0.0, poll_s=0.01))
    slots.take((full, free))
    with pytest.raises(UpstreamError, match="came free within"):
        slots.take((full, free))
    slots.close()
    assert (active_slots(full), active_slots(free)) == (1, 1)


# One worker


def test_waiting_is_said_and_that_it_is_over(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    said: list[str] = []
    limits = small_limits(everything=(1, 2.0))
    with limited(said.append, limits=limits):
        get(upstream.url("a"))
        get(upstream.url("b"))
    assert said == [
        "Waiting for the upstream's call limit (next call in about 1 s)",
        "Downloading from 127.0.0.1",
    ]


def test_cached_answers_need_no_slot(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    limits = small_limits()
    with limited(limits=limits):
        get(upstream.url("a"))
    with unreachable_api(), limited(limits=limits):
        assert get(upstream.url("a")).json() == {"path": "/a"}
    assert len(upstream.arrivals) == 1


def test_redirections_take_their_own_slots(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    upstream.answers = {
        "a": [(302, {"Location": upstream.url("b", RESULTS)})],
        "b": [(302, {"Location": upstream.url("c", RESULTS)})],
    }
    limits = small_limits(results=(50, 0.001), everything=(50, 0.001))
    with limited(limits=limits):
        assert get(upstream.url("a")).json() == {"path": "/c"}
    assert (active_slots(limits.everything), active_slots(limits.results)) == (3, 2)
    assert [active_slots(limit) for limit in limits.downloads.values()] == [0, 0]


def test_limits_hold_only_inside_the_block(prefect_server: str, upstream: Upstream, tmp_path: Path) -> None:
    limits = small_limits(everything=(50, 0.001))
    one, two = (Client(tmp_path / name, limits=SharedLimits(LOGGER.info, limits, QUICK)) for name in ("one", "two"))
    with one.at_work():
        get(upstream.url("a"))
        with one.at_work():
            get(upstream.url("b"))
        get(upstream.url("c"))
    with two.at_work():
        get(upstream.url("a"))
    assert active_slots(limits.everything) == 4
    with Client(tmp_path / "two").at_work():
        get(upstream.url("d"))
    assert active_slots(limits.everything) == 4 and len(upstream.arrivals) == 5


def test_slots_come_back_when_a_download_fails(prefect_server: str, limited: Limited) -> None:
    import requests

    limits = small_limits()
    with (
        pytest.raises(requests.ConnectionError),
        limited(limits=limits),
    ):
        get("http://127.0.0.1:1/nobody")
    assert active_slots(limits.downloads[LIVE]) == 0


# The upstream refuses all the same


def test_a_refusal_is_waited_out_once(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    upstream.answers = {"a": [(429, {"Retry-After": "1"})]}
    said: list[str] = []
    with limited(said.append, limits=small_limits()):
        assert get(upstream.url("a")).json() == {"path": "/a"}
    first, second = upstream.times()
    assert second - first >= 1.0
    assert said == ["127.0.0.1 refused a call (HTTP 429); asking again in 1 s", "Downloading from 127.0.0.1"]


def test_a_second_refusal_ends_the_run(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    upstream.answers = {"a": [(429, {"Retry-After": "0"})] * 2}
    limits = small_limits()
    with (
        pytest.raises(UpstreamError, match=r"127\.0\.0\.1 refused a call \(HTTP 429\), and again 1 s later"),
        limited(limits=limits),
    ):
        get(upstream.url("a"))
    assert len(upstream.arrivals) == 2 and active_slots(limits.downloads[LIVE]) == 0


def test_a_long_pause_is_not_sat_out(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    upstream.answers = {"a": [(429, {"Retry-After": "7200"})]}
    with (
        pytest.raises(UpstreamError, match="asks to wait 2 h"),
        limited(limits=small_limits()),
    ):
        get(upstream.url("a"))
    assert len(upstream.arrivals) == 1


def test_retry_after_in_all_its_forms() -> None:
    now = datetime(2024, 3, 2, 18, 0, tzinfo=UTC)
    assert _retry_after_s("90", now) == 90.0
    assert _retry_after_s("Sat, 02 Mar 2024 18:02:00 GMT", now) == 120.0
    assert _retry_after_s("Sat, 02 Mar 2024 17:00:00 GMT", now) == 0.0
    assert _retry_after_s(None, now) == _retry_after_s("soon", now) == 60.0


# The Prefect API does not answer


@contextmanager
def unreachable_api() -> Iterator[None]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        yield


def test_without_the_api_the_upstream_is_not_asked(upstream: Upstream, limited: Limited) -> None:
    from fastf1.exceptions import FastF1CriticalError

    said: list[str] = []
    with (
        unreachable_api(),
        pytest.raises(UpstreamError, match="The Prefect API did not answer for 1 s"),
        limited(said.append, limits=small_limits()),
    ):
        # Whoever goes on after an error is stopped at the end of the block, and waits only once.
        with pytest.raises(FastF1CriticalError):
            get(upstream.url("a"))
        said.append("second")
        with pytest.raises(FastF1CriticalError):
            get(upstream.url("b"))
    assert upstream.arrivals == []
    assert said == ["Waiting for the Prefect API, which does not answer", "second"]


def test_fastf1_cannot_go_on_without_the_data(limited: Limited) -> None:
    import fastf1

    with (
        unreachable_api(),
        pytest.raises(UpstreamError, match="The Prefect API did not answer"),
        limited(limits=small_limits()),
    ):
        fastf1.get_event_schedule(2024)


def test_a_request_the_api_refuses_is_not_repeated(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    limits = small_limits(everything=(5, 0.0))  # not a rate limit: the server answers 422
    with (
        pytest.raises(UpstreamError, match="run parcferme deploy"),
        limited(limits=limits),
    ):
        get(upstream.url("a"))
    assert upstream.arrivals == []


# Left-over slots


def test_a_slot_without_a_lease_comes_back_by_decay(prefect_server: str, upstream: Upstream, limited: Limited) -> None:
    limits = small_limits(left_over_s=2.0)
    with api_client() as client:
        ensure_limits(client, limits)
        # As a server that restarted leaves it: taken, and its lease forgotten.
        client.increment_concurrency_slots([limits.downloads[LIVE].name], 1, "concurrency")
    said: list[str] = []
    with limited(said.append, limits=limits):
        assert get(upstream.url("a")).status_code == 200
    assert said[0] == "Waiting for another download from 127.0.0.1 to end"


def test_wait_is_computed_from_the_limits_last_change() -> None:
    from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse as Response

    def state(**values: Any) -> Response:
        defaults = {"name": "x", "limit": 3, "active_slots": 3, "slot_decay_per_second": 0.1}
        return Response(updated=datetime.now(UTC) - timedelta(seconds=14), **(defaults | values))

    assert _wait_s(state(active_slots=2)) == 0.0
    assert _wait_s(state(active=False)) == 0.0
    assert _wait_s(state()) == pytest.approx(6.0, abs=0.5)
    assert _wait_s(state(active_slots=5)) == pytest.approx(26.0, abs=0.5)


def test_durations_in_words() -> None:
    assert [in_words(s) for s in (0.1, 40, 600, 3600, 20400)] == ["1 s", "40 s", "10 min", "1 h", "5 h 40 min"]


# Last, since it takes the lease of a minute


def test_the_slot_of_a_dead_holder_comes_free(server_with_a_dead_holder: tuple[Server, Limit]) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    server, limit = server_with_a_dead_holder
    with temporary_settings({PREFECT_API_URL: server.api}):
        wait_until(lambda: active_slots(limit) == 0, "the slot comes free", 150.0)
        slots = Slots(logger=LOGGER, on_wait=LOGGER.info, patience=QUICK)
        with slots.held(limit, "a host"):
            assert active_slots(limit) == 1
        slots.close()
        assert active_slots(limit) == 0
