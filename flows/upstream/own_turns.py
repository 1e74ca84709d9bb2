"""The call limits of a process on its own, which shares them with nobody: it counts its calls and waits, too.

FastF1 counts them by itself and raises at 200 and 500 an hour, which a backfill of a season reaches. This process may
call as often in any hour as all workers of an installation together, the first of it without waiting.
"""

import time
from collections import deque

from flows.upstream.turns import HOUR_S, Limit, Turns, waiting_for_calls

#: When the calls of this process went out that each limit counts, by its name: s of the monotonic clock.
_calls: dict[str, deque[float]] = {}


class OwnTurns(Turns):
    """Counts the calls of this process in any hour."""

    def take(self, limits: tuple[Limit, ...]) -> None:
        """Wait until none of these rate limits has let out its calls of an hour, and count one more in each."""
        while (wait_s := max(map(_wait_s, limits))) > 0.0:
            self.say(waiting_for_calls(wait_s))
            time.sleep(min(wait_s, self._patience.poll_s))
        for limit in limits:
            _calls_of(limit).append(time.monotonic())


def _calls_of(limit: Limit) -> deque[float]:
    """Return when the latest calls were, as many as the limit grants in an hour."""
    return _calls.setdefault(limit.name, deque(maxlen=limit.per_hour))


def _wait_s(limit: Limit) -> float:
    """Return the seconds until one more call makes no more than are granted in an hour, 0 if it does not now."""
    calls = _calls_of(limit)
    if len(calls) < limit.per_hour:
        return 0.0
    return max(0.0, calls[0] + HOUR_S - time.monotonic())
