"""``v1/plan.json``: which runs the next look at the calendar would make, move and take back.

Told ahead, and nothing is done by telling it. By the calendar as the seasons have it; what has changed upstream since
is seen when the calendar is read again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from publish import keys
from publish.stores.base import Store
from publish.structs import Count, Document, Name, Part, SessionCode, Utc, Year, about, encode_document, one_of

PLANNED, MOVED, TAKEN_BACK = "planned", "moved", "taken_back"
MAX_STEPS = 500


class PlanStep(Part):
    """One run that would be made, moved or taken back."""

    year: Year
    round: Annotated[Count | None, about("Null where the season has no such event any more")]
    event: Name
    session: SessionCode
    kind: Annotated[str, about("publish, or which look again at a published session it is")]
    at: Annotated[Utc, about("When it would start, or was to start if it is taken back")]
    what: Annotated[str, one_of(PLANNED, MOVED, TAKEN_BACK)]
    moved_from: Annotated[Utc | None, about("When it was to start before")] = None


class PlanDocument(Document, tag="parcferme/plan/1"):
    """What the next look at the calendar would do."""

    updated_at: Utc
    steps: Annotated[tuple[PlanStep, ...], Meta(max_length=MAX_STEPS), about("Soonest first")]


def write_plan(store: Store, steps: Sequence[PlanStep], now: datetime) -> None:
    """Write the document, whatever was there before: it says all there is to say.

    :raises PublicationError: the destination refuses.
    """
    soonest = sorted(steps, key=lambda step: (step.at, step.event, step.session, step.kind))
    store.write(keys.PLAN, encode_document(PlanDocument(now, tuple(soonest[:MAX_STEPS]))))
