"""A request's turn: the limits it has to keep, who grants it, and what is said while it waits."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Logger = logging.Logger | logging.LoggerAdapter[Any]
HOUR_S = 3600.0
_BETWEEN_MESSAGES_S = 5.0
_BETWEEN_LOG_LINES_S = 60.0


@dataclass(frozen=True)
class Limit:
    """``slots`` at once, of which ``decay_per_s`` come back a second by themselves.

    In any time of T seconds it grants at most ``slots + decay_per_s * T``.
    """

    name: str
    slots: int
    decay_per_s: float

    @property
    def per_hour(self) -> int:
        """The most it grants in any hour."""
        return int(self.slots + self.decay_per_s * HOUR_S)


@dataclass(frozen=True)
class Patience:
    """How long one request waits for a slot and for a silent Prefect API, and how often it looks, in seconds."""

    slot_s: float = 3600.0
    api_s: float = 300.0
    poll_s: float = 2.0


class Turns(ABC):
    """Lets the requests of one process out, one at a time, and says what they wait for.

    ``on_wait`` is told at once and every few seconds (None: nobody is), ``logger`` every minute, as a warning where
    there is nobody else to tell.
    """

    def __init__(self, *, logger: Logger, on_wait: Callable[[str], None] | None, patience: Patience) -> None:
        self._logger = logger
        self._on_wait = on_wait
        self._patience = patience
        self._told_at = self._logged_at = float("-inf")
        #: Whether the message shown last is about waiting.
        self.is_waiting = False

    @abstractmethod
    def take(self, limits: tuple[Limit, ...]) -> None:
        """Take a slot of each of these rate limits, all or none, as soon as they have one.

        :raises UpstreamError: none came free within the time allowed.
        """

    def send(self, limits: tuple[Limit, ...], send: Callable[[], T], host: str) -> T:
        """Return what ``send`` returns, called as soon as it is its turn by these rate limits.

        :raises UpstreamError: as :meth:`take`.
        """
        self.take(limits)
        if self.is_waiting:
            self.say(f"Downloading from {host}", is_waiting=False)
        return send()

    def say(self, message: str, *, is_waiting: bool = True) -> None:
        """Show ``message`` unless one about the same wait was shown a moment ago."""
        now = time.monotonic()
        if is_waiting == self.is_waiting and now - self._told_at < _BETWEEN_MESSAGES_S:
            return
        self._told_at, self.is_waiting = now, is_waiting
        if self._on_wait is not None:
            self._on_wait(message)
        if is_waiting and now - self._logged_at >= _BETWEEN_LOG_LINES_S:
            self._logged_at = now
            self._logger.log(logging.WARNING if self._on_wait is None else logging.INFO, "%s.", message)


def waiting_for_calls(wait_s: float) -> str:
    """Return what is said while a rate limit has no slot for ``wait_s`` more seconds."""
    return f"Waiting for the upstream's call limit (next call in about {in_words(wait_s)})"


def in_words(seconds: float) -> str:
    """Return a duration as a person says it: ``40 s``, ``12 min``, ``5 h 40 min``."""
    if seconds < 100.0:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60.0)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"
