"""``v1/health.json``: is the system well, in one state and the checks it is the worst of.

The document carries its own age limit: one that is past ``valid_until`` is itself a sign that nobody looks. Two kinds
of writers share it. The watch looks at everything every ten minutes and replaces the document. A run knows only what
the published documents tell it; it brings its own checks up to date and leaves the watch's checks and age limit alone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from msgspec.structs import replace

from publish import keys
from publish.live.status import public_text
from publish.season.index import update_root_index
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document, Part, Utc, about, encode_document, one_of

HEALTHY, DEGRADED, FAILING = "healthy", "degraded", "failing"
#: Every state, the best first.
STATES = (HEALTHY, DEGRADED, FAILING)
#: How long the watch's verdict holds: three of its rounds.
WATCHED = timedelta(minutes=30)
#: How long a run's verdict holds where no watch runs.
UNWATCHED = timedelta(days=1)
#: A watch that has been silent for this long past its age limit was given up; a run may then take its place.
GIVEN_UP = timedelta(days=1)


_State = Annotated[str, one_of(*STATES)]


class Check(Part):
    """One thing that was looked at."""

    name: str
    state: _State
    message: Annotated[str, about("What was seen and what to do")]


class Health(Document, tag="parcferme/health/1"):
    """Is the system well: the worst state of its checks."""

    state: _State
    checked_at: Utc
    valid_until: Annotated[Utc, about("A document that is past it says that nobody looks")]
    checks: tuple[Check, ...]


def worst_state(states: Iterable[str]) -> str:
    """Return the worst of ``states``; nothing looked at is healthy."""
    return max(states, key=STATES.index, default=HEALTHY)


def health_document(checks: Sequence[Check], now: datetime, valid_for: timedelta = WATCHED) -> Health:
    """Return the document for ``checks``, made at ``now`` (aware)."""
    public = tuple(replace(check, message=public_text(check.message)) for check in checks)
    return Health(worst_state(check.state for check in checks), now, now + valid_for, public)


def merged_document(
    before: Health | None, checks: Sequence[Check], now: datetime, *, may_take_over: bool
) -> Health | None:
    """Return the document after a run has brought its ``checks`` up to date; None: leave it as it is.

    Checks of the watch that hold stay, and with them its age limit: a run must not make a dead watch look alive. For
    the same reason one that has run out stays out of date, unless it ``may_take_over`` and the watch was given up.
    A run's own document is renewed after half of its age limit, and whenever it says something new.
    """
    fresh = health_document(checks, now, UNWATCHED)
    if before is None:
        return fresh
    ours = {check.name: check for check in fresh.checks}
    is_watched = any(check.name not in ours for check in before.checks)
    if is_watched and before.valid_until > now:
        merged = (*(ours.pop(check.name, check) for check in before.checks), *ours.values())
        return replace(before, state=worst_state(check.state for check in merged), checks=merged)
    if is_watched:
        return fresh if may_take_over and now - before.valid_until > GIVEN_UP else None
    same = (before.state, before.checks) == (fresh.state, fresh.checks)
    return None if same and before.valid_until > now + UNWATCHED / 2 else fresh


def write_health(store: Store, checks: Sequence[Check], now: datetime) -> Health:
    """Write and return the watch's document, whatever was there before.

    :raises PublicationError: the destination refuses.
    """
    document = health_document(checks, now)
    # Unconditional: it says all there is to say, and a document that cannot be read must not be the end of it.
    store.write(keys.HEALTH, encode_document(document))
    _link(store)
    return document


def update_health(store: Store, checks: Sequence[Check], now: datetime, *, may_take_over: bool) -> bool:
    """Bring a run's own ``checks`` in the document up to date and say whether anything was written.

    See :func:`merged_document`.

    :raises PublicationError: the destination refuses, or the document there cannot be read.
    """
    written = update_document(
        store, keys.HEALTH, Health, lambda before: merged_document(before, checks, now, may_take_over=may_take_over)
    )
    _link(store)
    return written


def holds(store: Store, now: datetime) -> bool:
    """Whether the document holds so long yet that a run which has changed nothing need not renew it.

    :raises PublicationError: it cannot be read.
    """
    document = read_document(store, keys.HEALTH, Health)
    if document is None or document.valid_until <= now:
        return False
    is_watched = document.valid_until - document.checked_at <= WATCHED
    return is_watched or document.valid_until > now + UNWATCHED / 2


def _link(store: Store) -> None:
    update_root_index(store, links={"health": keys.HEALTH})
