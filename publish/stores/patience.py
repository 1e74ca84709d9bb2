"""How long to wait before another attempt at what somebody else was faster with."""

import random
import time

_FIRST_S = 0.01
_GROWTH = 1.5


def pause_for_others(attempt: int, longest_s: float = 0.5) -> None:
    """Sleep a random time, which may be longer after each failed ``attempt`` (0 is the first), ``longest_s`` at most.

    Random pauses keep many publishers from meeting again at every attempt; who calls it bounds the attempts.
    """
    time.sleep(random.uniform(0, min(longest_s, _FIRST_S * _GROWTH**attempt)))
