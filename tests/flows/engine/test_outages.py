"""A server that is away: what is asked of it is asked again, and said, until it is back or too long away."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import get_client
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import Flow
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect_servers import RECORDING_ONLY, Server, talking_to

from flows.engine.outages import PATIENCE, Outage, go_on_without_slot, is_outage, let_clients_wait, without_waiting

AWAY = httpx.ConnectError("All connection attempts failed")


def answer(status: int) -> PrefectHTTPStatusError:
    request = httpx.Request("GET", "http://127.0.0.1/api")
    return PrefectHTTPStatusError(str(status), request=request, response=httpx.Response(status, request=request))


class Clock:
    """A clock that only waiting moves."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def logger(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.INFO, logger="tests.outages")
    return logging.getLogger("tests.outages")


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (AWAY, True),
        (httpx.ReadTimeout("slow"), True),
        (answer(500), True),
        (answer(503), True),
        (answer(404), False),
        (answer(409), False),
        (ValueError("ours"), False),
    ],
)
def test_what_is_an_outage(error: Exception, is_one: bool) -> None:
    assert is_outage(error) is is_one


def test_it_is_asked_later_each_time_for_a_quarter_of_an_hour(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    outage = Outage(logger, clock=clock)
    pauses = []
    with pytest.raises(httpx.ConnectError):
        while True:
            pauses.append(outage.pause_s(AWAY))
            clock.now_s += pauses[-1]
    assert pauses[:6] == [1, 2, 4, 8, 16, 20] and max(pauses) == 20
    assert sum(pauses) == PATIENCE.total_seconds()
    assert [record.message for record in caplog.records] == [
        "Prefect's server does not answer (All connection attempts failed). This run asks again for 15 minutes."
    ]


def test_that_it_is_over_is_said_if_it_ever_was(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    Outage(logger, clock=clock).is_over()
    assert not caplog.records
    outage = Outage(logger, clock=clock)
    clock.now_s += outage.pause_s(AWAY)
    clock.now_s += outage.pause_s(AWAY)
    outage.is_over()
    assert caplog.records[-1].message == "Prefect's server answers again, after 3 s."


def test_what_is_refused_or_only_shown_is_not_waited_for(logger: logging.Logger) -> None:
    outage = Outage(logger)
    with pytest.raises(PrefectHTTPStatusError):
        outage.pause_s(answer(404))
    usual = PREFECT_CLIENT_MAX_RETRIES.value()
    with without_waiting():
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 0 != usual
        with pytest.raises(httpx.ConnectError):
            outage.pause_s(AWAY)
    assert PREFECT_CLIENT_MAX_RETRIES.value() == usual
    assert outage.pause_s(AWAY) == 1


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, logger: logging.Logger) -> Iterator[None]:
    """Clients of this process wait as those of a run do, a minute at most."""
    for client in (PrefectHttpxSyncClient, PrefectHttpxAsyncClient):
        monkeypatch.setattr(client, "send", client.send)
    monkeypatch.setattr(SyncPrefectClient, "renew_concurrency_lease", SyncPrefectClient.renew_concurrency_lease)
    let_clients_wait(logger, timedelta(minutes=1))
    go_on_without_slot(logger)
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield


def test_a_server_that_is_stopped_and_started_again_is_waited_for(
    tmp_path: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Server(tmp_path, RECORDING_ONLY, options=("--no-ui",)) as server,
        talking_to(server.api),
        get_client(sync_client=True) as known,
        ThreadPoolExecutor(2) as others,
    ):
        made = known.create_flow_from_name("backfill")
        server.stop()
        # By the client that knows the server, and by one that has never reached it.
        asked = [
            others.submit(copy_context().run, known.read_flow, made),
            others.submit(copy_context().run, _asked_anew, made),
        ]
        server.start()
        assert [one.result().name for one in asked] == ["backfill"] * 2
        # The slot is another one's by now: Prefect would end the run.
        slot = uuid4()
        for _ in range(2):
            known.renew_concurrency_lease(slot, 300)
        with pytest.raises(PrefectHTTPStatusError):
            known.renew_concurrency_lease(uuid4(), 1)
    said = [record.message for record in caplog.records]
    assert sum("does not answer" in one for one in said) >= 2
    assert sum("answers again" in one for one in said) >= 2
    assert sum("has lost its slot of its deployment, and goes on" in one for one in said) == 1


def _asked_anew(flow_id: UUID) -> Flow:
    with get_client(sync_client=True) as client:
        return client.read_flow(flow_id)
