"""Slots of Prefect's global concurrency limits: made, waited for aloud, taken, held and given back.

Prefect's own ``rate_limit`` waits as long as the server tells it, says nothing meanwhile, and each refusal costs
the limit the decay gathered so far (the server counts it from the row's last change, and a refusal changes the row).
So a limit is read first, which changes nothing, and asked for a slot only when it has one.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from math import floor, isclose
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from flows.upstream.turns import Limit, Logger, Patience, Turns, in_words, waiting_for_calls
from transforms.errors import UpstreamError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse

_T = TypeVar("_T")
#: The shortest lease the server grants. It takes back the slot of a dead holder at its next look (15 s) after that.
LEASE_S = 60
_LOCKED = 423
#: A request to the Prefect API takes this long at most, before it counts as not answered.
_API_TIMEOUT_S = 15.0
_API_PAUSE_S = (0.5, 10.0)


def ensure(client: "SyncPrefectClient", limits: Iterable[Limit]) -> list[str]:
    """Create the limits that are missing and correct those that differ; return one sentence for each change."""
    return [change for limit in limits if (change := _ensure_one(client, limit)) is not None]


def _ensure_one(client: "SyncPrefectClient", limit: Limit) -> str | None:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    try:
        found = client.read_global_concurrency_limit_by_name(limit.name)
    except ObjectNotFound:
        create = GlobalConcurrencyLimitCreate(
            name=limit.name, limit=limit.slots, slot_decay_per_second=limit.decay_per_s
        )
        try:
            client.create_global_concurrency_limit(create)
        except ObjectAlreadyExists:  # another worker was faster
            return None
        return f"{limit.name}: created"
    same_decay = isclose(found.slot_decay_per_second, limit.decay_per_s, rel_tol=1e-6)
    if found.active and found.limit == limit.slots and same_decay:
        return None
    update = GlobalConcurrencyLimitUpdate(limit=limit.slots, slot_decay_per_second=limit.decay_per_s, active=True)
    client.update_global_concurrency_limit(limit.name, update)
    return f"{limit.name}: corrected"


class Slots(Turns):
    """Takes slots for one process, one request at a time, and says what it waits for."""

    def __init__(self, *, logger: Logger, on_wait: Callable[[str], None], patience: Patience) -> None:
        super().__init__(logger=logger, on_wait=on_wait, patience=patience)
        self._client: SyncPrefectClient | None = None

    def close(self) -> None:
        """Close the connection to the Prefect API."""
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None

    def take(self, limits: tuple[Limit, ...]) -> None:
        """Take a slot of each of these rate limits, all or none, as soon as they have one.

        :raises UpstreamError: none came free, or the Prefect API did not answer, within the time allowed.
        """
        names = [limit.name for limit in limits]
        self._until_granted(
            limits,
            lambda: self._call(lambda client: client.increment_concurrency_slots(names, 1, "rate_limit")),
            waiting_for_calls,
        )

    @contextmanager
    def held(self, limit: Limit, host: str) -> Iterator[None]:
        """Hold a slot of ``limit``, leased and renewed, while the block runs.

        :raises UpstreamError: as :meth:`take`.
        """
        response = self._until_granted(
            (limit,),
            lambda: self._call(
                lambda client: client.increment_concurrency_slots_with_lease([limit.name], 1, "concurrency", LEASE_S)
            ),
            lambda _: f"Waiting for another download from {host} to end",
        )
        lease_id = UUID(response.json()["lease_id"])
        try:
            with _renewed(lease_id, self._logger):
                yield
        finally:
            self._release(lease_id, limit)

    def _until_granted(
        self, limits: tuple[Limit, ...], ask: Callable[[], _T | None], message: Callable[[float], str]
    ) -> _T:
        deadline = time.monotonic() + self._patience.slot_s
        while True:
            wait_s = max(_wait_s(self._read(limit)) for limit in limits)
            if wait_s <= 0.0 and (granted := ask()) is not None:
                return granted
            if time.monotonic() >= deadline:
                raise UpstreamError(
                    f"No slot of {' and '.join(limit.name for limit in limits)} came free within "
                    f"{in_words(self._patience.slot_s)}. Look at Concurrency in the Prefect UI: if nothing downloads "
                    "now, reset the limit there; then run it again."
                )
            self.say(message(wait_s))
            # A little apart from the others that wait for the same slot.
            time.sleep(min(wait_s, self._patience.poll_s) * random.uniform(1.0, 1.1) + 0.01)

    def _read(self, limit: Limit) -> "GlobalConcurrencyLimitResponse":
        from prefect.exceptions import ObjectNotFound

        try:
            return self._answer(lambda client: client.read_global_concurrency_limit_by_name(limit.name))
        except ObjectNotFound:
            self._answer(lambda client: ensure(client, (limit,)))
            self._logger.info("The limit %s was missing and has been created.", limit.name)
            return self._answer(lambda client: client.read_global_concurrency_limit_by_name(limit.name))

    def _answer(self, function: Callable[["SyncPrefectClient"], _T]) -> _T:
        answer = self._call(function)
        if answer is None:
            raise UpstreamError("The Prefect API gave no answer to a question about call limits. Look at its log.")
        return answer

    def _call(self, function: Callable[["SyncPrefectClient"], _T]) -> _T | None:
        """Return what the Prefect API answers, None where a limit has no slot; wait a while for a silent API."""
        import httpx

        deadline = time.monotonic() + self._patience.api_s
        pause_s, longest_s = _API_PAUSE_S
        while True:
            try:
                return function(self._connected())
            except httpx.HTTPError as error:
                status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 500
                if status == _LOCKED:
                    return None
                if status < 500:
                    raise UpstreamError(
                        f"The Prefect API refused to hand out call limits ({_text(error)}), so the upstream was not "
                        "asked. Check PREFECT_API_URL and its key, run parcferme deploy, then run it again."
                    ) from error
                self.close()
                self.say("Waiting for the Prefect API, which does not answer")
                if time.monotonic() + pause_s >= deadline:
                    raise UpstreamError(
                        f"The Prefect API did not answer for {in_words(self._patience.api_s)} ({_text(error)}), so "
                        "call limits cannot be held and the upstream was not asked. Start the server again, then "
                        "run it again."
                    ) from error
            time.sleep(pause_s)
            pause_s = min(2.0 * pause_s, longest_s)

    def _connected(self) -> "SyncPrefectClient":
        if self._client is None:
            self._client = _new_client().__enter__()
        return self._client

    def _release(self, lease_id: UUID, limit: Limit) -> None:
        import httpx

        try:
            self._connected().release_concurrency_slots_with_lease(lease_id)
        except httpx.HTTPError as error:
            self.close()
            self._logger.warning(
                "The slot of %s could not be given back (%s); it comes free by itself.", limit.name, _text(error)
            )


def _new_client() -> "SyncPrefectClient":
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True, httpx_settings={"timeout": _API_TIMEOUT_S})


@contextmanager
def _renewed(lease_id: UUID, logger: Logger) -> Iterator[None]:
    """Renew a lease while the block runs: from a thread, since the block waits for the network."""
    import httpx

    done = threading.Event()

    def _renew() -> None:
        while not done.wait(LEASE_S / 3):
            try:
                with _new_client() as client:
                    client.renew_concurrency_lease(lease_id, LEASE_S)
            except httpx.HTTPError as error:  # the lease lasts for two more tries
                logger.warning("The slot of a download could not be renewed (%s).", _text(error))

    # The settings of this context say where the API is.
    threading.Thread(target=copy_context().run, args=(_renew,), name=f"lease-{lease_id}", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _wait_s(limit: "GlobalConcurrencyLimitResponse") -> float:
    """Return the seconds until ``limit`` has a free slot, 0 if it has one now, a minute if only its holder can tell."""
    missing = limit.active_slots + 1 - limit.limit
    if not limit.active or missing <= 0:
        return 0.0
    if limit.slot_decay_per_second <= 0.0 or limit.updated is None:
        return 60.0
    # The server drops whole slots, counted from the limit's last change; its clock may differ from this one's.
    since_s = max(0.0, (datetime.now(UTC) - limit.updated).total_seconds())
    slot_s = 1.0 / limit.slot_decay_per_second
    return (floor(since_s / slot_s) + missing) * slot_s - since_s


def _text(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
