"""A Prefect server that does not answer for a while costs a run time and nothing else.

Prefect's client gives up after a minute, or at once where it is a new client, and a run fails of it. In the process of
a run that a deployment has made every client goes on asking, later each time, until the server is back. The run goes on
then, too, where its slot among the runs of its deployment was given away meanwhile: Prefect would end it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client.orchestration import SyncPrefectClient
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import deployment as this_deployment

Logger = logging.Logger | logging.LoggerAdapter[Any]

_background = logging.getLogger(__name__)
_background.setLevel(logging.ERROR)

#: How long a server may be away before a run fails of it.
PATIENCE = timedelta(minutes=15)
_FIRST_PAUSE_S = 1.0
#: Between two questions while it is away: so long after its return at most everything goes on.
_LONGEST_PAUSE_S = 20.0
#: For what is only shown: it is not waited for.
_in_a_hurry: ContextVar[bool] = ContextVar("in_a_hurry", default=False)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Let what is asked inside the block fail at once: the run goes on without it."""
    token = _in_a_hurry.set(True)
    try:
        # As ``temporary_settings`` does it, which validates all settings anew: 26 ms of processor time.
        context = get_settings_context()
        client = context.settings.client.model_copy(update={"max_retries": 0})
        settings = context.settings.model_copy(update={"client": client})
        with SettingsContext(profile=context.profile, settings=settings):
            yield
    finally:
        _in_a_hurry.reset(token)


def is_outage(error: BaseException) -> bool:
    """Whether ``error`` says that a server, or what it stands on, is away, rather than that it refuses."""
    if isinstance(error, PrefectHTTPStatusError):
        return bool(error.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR)
    return isinstance(error, httpx.TransportError)


@dataclass
class Outage:
    """One question that is asked until it is answered. ``clock`` counts seconds."""

    logger: Logger
    patience: timedelta = PATIENCE
    clock: Callable[[], float] = time.monotonic
    _began_s: float | None = field(default=None, init=False)
    _pause_s: float = field(default=_FIRST_PAUSE_S, init=False)

    def pause_s(self, error: Exception) -> float:
        """Return how long to wait after ``error`` before asking again, s.

        :raises Exception: ``error``, where it is no outage, has lasted too long, or nobody wants to wait.
        """
        if _in_a_hurry.get() or not is_outage(error):
            raise error
        now_s = self.clock()
        if self._began_s is None:
            self._began_s = now_s
            self.logger.warning(
                "Prefect's server does not answer (%s). This run asks again for %.0f minutes.",
                str(error).splitlines()[0] if str(error) else type(error).__name__,
                self.patience.total_seconds() / 60,
            )
        left_s = self._began_s + self.patience.total_seconds() - now_s
        if left_s <= 0:
            raise error
        pause_s = min(self._pause_s, left_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return pause_s

    def is_over(self) -> None:
        """Say that the server answers again, if it ever did not."""
        if self._began_s is not None:
            self.logger.info("Prefect's server answers again, after %.0f s.", self.clock() - self._began_s)


def ride_out_outages(logger: Logger) -> None:
    """Let a run that a deployment has made wait for a server that is away; says so to ``logger``.

    Its process is its own: this holds for as long as it lives. A command line is told at once instead.
    """
    if this_deployment.id is not None:
        let_clients_wait(logger)
        go_on_without_slot(logger)


def let_clients_wait(logger: Logger, patience: timedelta = PATIENCE) -> None:
    """Let every client of Prefect's API in this process wait for a server that is away. Repeating it changes nothing.

    Clients that send logs and events in the background say nothing of it: others do.
    """
    if getattr(PrefectHttpxSyncClient.send, "rides_out", False):
        return
    sync_send, async_send = PrefectHttpxSyncClient.send, PrefectHttpxAsyncClient.send

    def send(self: PrefectHttpxSyncClient, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        outage = Outage(logger, patience)
        while True:
            try:
                response = sync_send(self, request, *args, **kwargs)
            except Exception as error:
                time.sleep(outage.pause_s(error))
            else:
                outage.is_over()
                return response

    async def send_async(
        self: PrefectHttpxAsyncClient, request: httpx.Request, *args: Any, **kwargs: Any
    ) -> httpx.Response:
        outage = Outage(_background, patience)
        while True:
            try:
                response = await async_send(self, request, *args, **kwargs)
            except Exception as error:
                await asyncio.sleep(outage.pause_s(error))
            else:
                outage.is_over()
                return response

    send.rides_out = True  # type: ignore[attr-defined]
    PrefectHttpxSyncClient.send = send  # type: ignore[method-assign]
    PrefectHttpxAsyncClient.send = send_async  # type: ignore[method-assign]


def go_on_without_slot(logger: Logger) -> None:
    """Let this process work on where the server no longer knows its slot. Repeating it changes nothing.

    A lease is renewed every few minutes: it runs out while the server is away, and is taken from a run that was taken
    for dead. What may begin in its place does no harm: sessions have leases of their own.
    """
    if getattr(SyncPrefectClient.renew_concurrency_lease, "goes_on", False):
        return
    renew = SyncPrefectClient.renew_concurrency_lease
    said: set[UUID] = set()

    def renew_or_go_on(self: SyncPrefectClient, lease_id: UUID, lease_duration: float) -> httpx.Response:
        try:
            return renew(self, lease_id, lease_duration)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != httpx.codes.GONE:
                raise
            if lease_id not in said:
                said.add(lease_id)
                logger.info("This run has lost its slot of its deployment, and goes on: another may begin beside it.")
            return error.response

    renew_or_go_on.goes_on = True  # type: ignore[attr-defined]
    SyncPrefectClient.renew_concurrency_lease = renew_or_go_on  # type: ignore[method-assign, assignment]
