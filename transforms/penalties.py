"""Penalties that race control announced, and what they add to a race time.

Wording: the "FIA STEWARDS: 5 SECOND TIME PENALTY FOR CAR 20 (MAG) - SPEEDING IN THE PIT LANE" of Formula 1's race
control messages, since 2018 in the same words with and without the prefix. What a penalty adds after the race when it
was not served: FIA Formula One Sporting Regulations 2024, Article 54.3: 20 s for a drive-through, 30 s for a stop and
go.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

_FOR_CAR = re.compile(
    r"(?P<served>PENALTY SERVED\s*-\s*)?"
    r"(?:(?P<seconds>\d{1,3}) SECONDS? (?P<kind>TIME|STOP(?:\s*(?:/|AND|&)\s*GO)?) PENALTY"
    r"|(?P<drive>DRIVE[ -]THROUGH PENALTY))"
    r".*?\bFOR CAR (?P<car>\d{1,3})\b",
    re.IGNORECASE,
)
_DRIVE_THROUGH_S = 20
_STOP_AND_GO_S = 30
#: Time penalties come in steps of this, s (5, 10, 15, 20, ... in the regulations and in the stewards' decisions).
STEP_S = 5
#: The most that all penalties of one car in one race have come to, with margin, s.
MOST_S = 60


@dataclass(frozen=True)
class Penalty:
    """One announced penalty: ``kind`` is ``time``, ``drive-through`` or ``stop-and-go``.

    ``added_s`` is what it adds to the race time if it is not served, ``served`` whether race control said that it was.
    """

    car: str
    kind: str
    added_s: int
    served: bool

    def __str__(self) -> str:
        """How a report calls it."""
        return f"{self.added_s} s" if self.kind == "time" else f"{self.kind} ({self.added_s} s)"


def announced_penalties(messages: pa.Table) -> dict[str, tuple[Penalty, ...]]:
    """Return what race control announced in ``messages`` (:data:`transforms.columns.MESSAGES`), by car, in order.

    A message that a penalty was served takes the earliest equal one that was not.
    """
    found: dict[str, list[Penalty]] = {}
    for text in messages["message"].to_pylist():
        match = _FOR_CAR.search(text or "")
        if match is None:
            continue
        penalty = _penalty_of(match)
        own = found.setdefault(penalty.car, [])
        if not penalty.served:
            own.append(penalty)
            continue
        open_ones = [i for i, one in enumerate(own) if (one.kind, one.added_s, one.served) == _open(penalty)]
        if open_ones:
            own[open_ones[0]] = penalty
        else:
            own.append(penalty)
    return {car: tuple(own) for car, own in found.items()}


def _open(penalty: Penalty) -> tuple[str, int, bool]:
    return penalty.kind, penalty.added_s, False


def _penalty_of(match: re.Match[str]) -> Penalty:
    car, served = match["car"], match["served"] is not None
    if match["drive"]:
        return Penalty(car, "drive-through", _DRIVE_THROUGH_S, served)
    if match["kind"].upper().startswith("STOP"):
        return Penalty(car, "stop-and-go", _STOP_AND_GO_S, served)
    return Penalty(car, "time", int(match["seconds"]), served)


def explaining(added_ms: float, penalties: Iterable[Penalty], tolerance_ms: float) -> tuple[Penalty, ...] | None:
    """Return which of a car's penalties add up to ``added_ms``, none of them included; None if no choice of them does.

    Not served ones are tried first: one that was served has cost its time on track already.
    """
    ordered = sorted(penalties, key=lambda one: one.served)
    sums: dict[int, tuple[Penalty, ...]] = {0: ()}
    for penalty in ordered:
        for total, chosen in list(sums.items()):
            sums.setdefault(total + penalty.added_s, (*chosen, penalty))
    fitting = [total for total in sums if abs(total * 1000 - added_ms) <= tolerance_ms]
    return sums[min(fitting, key=lambda total: abs(total * 1000 - added_ms))] if fitting else None


def unannounced_s(added_ms: float, tolerance_ms: float) -> int | None:
    """Return the whole penalty (s) that ``added_ms`` can only be: decided after the race, it is in no message.

    None where it is none: less than one step, more than :data:`MOST_S`, or no multiple of :data:`STEP_S`.
    """
    steps = round(added_ms / (STEP_S * 1000))
    fits = abs(added_ms - steps * STEP_S * 1000) <= tolerance_ms
    return steps * STEP_S if fits and 0 < steps <= MOST_S // STEP_S else None
