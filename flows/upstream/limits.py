"""The upstream's call limits, held across all workers and machines.

FastF1 counts its calls in each process by itself. Runs that share the work pool share these limits instead, through
Prefect's global concurrency limits: every request that really goes out waits for its turn at its host (one download
at a time), then for a slot of the rate limits. Answers from FastF1's cache take neither.

**Rates.** A limit of B slots of which r come back a second grants at most B + r T in any time of T seconds. r is chosen
so that B + 3600 r is nine tenths of what is allowed in an hour; the tenth left over is for what is not counted here
(FastF1's second try after a rejected token, a person with a notebook). B is a session's worth, so that the session of
a race weekend does not wait at all. The slot is taken while the host's is held, directly before the request, so that
slots cannot be saved up by workers that wait.

**A worker that dies** while it holds a host's slot keeps it until its lease expires (60 s, found within 15 s more).
A server that keeps its leases in memory (PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE says where) forgets them when it
restarts; a slot left over from that comes back by decay within a quarter of an hour, longer than any holder keeps one.

**A command line on its own** counts the calls of its process alone (:class:`OwnLimits`): 180 and 450 in any hour, the
first of them without waiting.

**FastF1's own limits** stay as they are. They raise at 200 and 500 calls an hour in one process, which a process that
keeps one or the other, 180 and 450, does not reach.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from flows.upstream.own_turns import OwnTurns
from flows.upstream.patches import requests_through
from flows.upstream.slots import Slots, ensure
from flows.upstream.turns import HOUR_S, Limit, Logger, Patience, in_words
from transforms.errors import UpstreamError

if TYPE_CHECKING:
    import requests
    from prefect.client.orchestration import SyncPrefectClient

#: The part of an allowance that is used.
_SHARE = 0.9
#: Longer than a download, its wait for a rate slot and a refusal's pause together.
_LEFT_OVER_S = 900.0
_TOO_MANY_REQUESTS = 429
#: How long to wait after a refusal that does not say, and at most.
_PAUSE_S = 60.0
_LONGEST_PAUSE_S = 300.0

#: Where FastF1's sessions go: F1's live timing and its mirror, results, circuits, schedules.
HOSTS = (
    "livetiming.formula1.com",
    "livetiming-mirror.fastf1.dev",
    "api.jolpi.ca",
    "api.multiviewer.app",
    "raw.githubusercontent.com",
)


@dataclass(frozen=True)
class UpstreamLimits:
    """Which limits a request to a host needs: of its host (or ``other``), of ``everything``, perhaps of ``results``."""

    results: Limit
    everything: Limit
    downloads: Mapping[str, Limit]
    other: Limit
    results_domain: str

    def all(self) -> tuple[Limit, ...]:
        """Return every limit."""
        return (self.results, self.everything, *self.downloads.values(), self.other)

    def download_limit(self, host: str) -> Limit:
        """Return the limit that lets one download at a time through to ``host``."""
        return self.downloads.get(host, self.other)

    def rate_limits(self, host: str) -> tuple[Limit, ...]:
        """Return the rate limits that a call to ``host`` counts in."""
        if host == self.results_domain or host.endswith("." + self.results_domain):
            return (self.results, self.everything)
        return (self.everything,)


def _rate_limit(name: str, *, allowed_per_hour: int, at_once: int) -> Limit:
    return Limit(name, at_once, (_SHARE * allowed_per_hour - at_once) / HOUR_S)


def _download_limit(host: str) -> Limit:
    return Limit(f"parcferme-download-{host}", 1, 1.0 / _LEFT_OVER_S)


LIMITS = UpstreamLimits(
    results=_rate_limit("parcferme-upstream-results", allowed_per_hour=200, at_once=20),
    everything=_rate_limit("parcferme-upstream-all", allowed_per_hour=500, at_once=30),
    downloads={host: _download_limit(host) for host in HOSTS},
    other=_download_limit("others"),
    results_domain="jolpi.ca",
)


def ensure_limits(client: "SyncPrefectClient", limits: UpstreamLimits = LIMITS) -> list[str]:
    """Create or correct the limits on the Prefect server; return one sentence for each change, none if all is well."""
    return ensure(client, limits.all())


@dataclass(frozen=True)
class SharedLimits:
    """The call limits that all workers share, for one client of the upstream.

    ``on_wait`` is called with what is waited for, at most every few seconds, and when the download goes on.
    """

    on_wait: Callable[[str], None]
    limits: UpstreamLimits = LIMITS
    patience: Patience = field(default_factory=Patience)

    @contextmanager
    def kept(self, logger: Logger) -> Iterator[None]:
        """Let every request that FastF1 sends while the block runs wait for its turn.

        :raises UpstreamError: a request could not be let out or was refused twice, even where FastF1 went on without
            it.
        """
        gate = _Gate(Slots(logger=logger, on_wait=self.on_wait, patience=self.patience), self.limits)
        try:
            with requests_through(gate.let_through):
                yield
        except (Exception, SystemExit) as error:
            if gate.failure is not None and gate.failure is not error:
                raise gate.failure from error
            raise
        finally:
            gate.slots.close()
        if gate.failure is not None:
            raise gate.failure


@dataclass(frozen=True)
class OwnLimits:
    """The call limits of a process that shares them with nobody.

    ``on_wait`` is called as that of :class:`SharedLimits`; without it, whoever reads the log is warned.
    """

    on_wait: Callable[[str], None] | None = None
    limits: UpstreamLimits = LIMITS
    patience: Patience = field(default_factory=Patience)

    @contextmanager
    def kept(self, logger: Logger) -> Iterator[None]:
        """Let every request that FastF1 sends while the block runs wait for its turn; what is refused stays refused."""
        turns = OwnTurns(logger=logger, on_wait=self.on_wait, patience=self.patience)
        with requests_through(lambda send, host: turns.send(self.limits.rate_limits(host), send, host)):
            yield


class _Gate:
    """Lets one request at a time through, and none any more after the first that failed for want of a slot."""

    def __init__(self, slots: Slots, limits: UpstreamLimits) -> None:
        self.slots = slots
        self._limits = limits
        self.failure: UpstreamError | None = None

    def let_through(self, send: "Callable[[], requests.Response]", host: str) -> "requests.Response":
        if self.failure is not None:
            raise self.failure
        try:
            with self.slots.held(self._limits.download_limit(host), host):
                return self._send_twice_at_most(send, host)
        except UpstreamError as error:
            self.failure = error
            raise

    def _send_twice_at_most(self, send: "Callable[[], requests.Response]", host: str) -> "requests.Response":
        response = self.slots.send(self._limits.rate_limits(host), send, host)
        if response.status_code != _TOO_MANY_REQUESTS:
            return response
        pause_s = _retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
        response.close()
        if pause_s > _LONGEST_PAUSE_S:
            raise UpstreamError(
                f"{host} refuses calls (HTTP 429) and asks to wait {in_words(pause_s)}. Run it again after that."
            )
        # The host's slot stays held: nobody else should ask it either.
        self.slots.say(f"{host} refused a call (HTTP 429); asking again in {in_words(pause_s)}")
        time.sleep(pause_s)
        response = self.slots.send(self._limits.rate_limits(host), send, host)
        if response.status_code == _TOO_MANY_REQUESTS:
            again_s = _retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
            response.close()
            raise UpstreamError(
                f"{host} refused a call (HTTP 429), and again {in_words(pause_s)} later, though the call limits were "
                f"kept. Something else uses them from the same address. Run it again in {in_words(max(again_s, 600))}."
            )
        return response


def _retry_after_s(value: str | None, now: datetime) -> float:
    """Return the seconds a ``Retry-After`` header asks for, as a number or a date."""
    try:
        return max(0.0, float(value or ""))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value or "")
    except ValueError:
        return _PAUSE_S
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
