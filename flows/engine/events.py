"""Prefect events: what became of a session, and how well the system is. Automations act on them."""

import logging
from typing import Any, Literal

from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL
from prefect.utilities.urls import url_for

from flows.engine.environment import tag
from publish.live.runs import RunEntry

_logger = logging.getLogger(__name__)

Kind = Literal["started", "published", "unchanged", "awaiting_data", "no_data", "failed", "cancelled", "crashed"]
#: What Prefect calls the state of a run of which that is said.
_STATES: dict[Kind, str] = {
    "started": "Running",
    "published": "Completed",
    "unchanged": "Completed",
    "awaiting_data": "AwaitingRetry",
    "no_data": "NoData",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "crashed": "Crashed",
}

HEALTH_CHANGED = "parcferme.health.changed"
HEALTH_FAILING = "parcferme.health.failing"
HEALTH_RECOVERED = "parcferme.health.recovered"
SIGN_IN_ENDS = "parcferme.sign-in.ends"
ARCHIVE_CHANGED = "parcferme.archive.changed"
ARCHIVE_RESOURCE = "parcferme.archive"

_FAILING = "failing"
#: Characters; a message is for reading, and Prefect refuses events that are too large.
_LONGEST_MESSAGE = 2000


def health_resource() -> str:
    """Return what events on the health are about: that of this environment."""
    return f"{tag()}.health"


def emit_session_event(
    kind: Kind, run: RunEntry, message: str, *, revision: str | None = None, grade: str | None = None
) -> None:
    """Tell Prefect what a run has made of its session; an event that cannot be sent is a warning, never an error.

    Sent in the background; what is left is sent before the process ends.
    """
    resource = {
        "prefect.resource.id": f"{tag()}.session.{run.year}.{run.round}.{run.session}",
        "prefect.resource.name": f"{run.year} {run.event} {run.session}",
    }
    related = [
        {
            "prefect.resource.id": f"prefect.flow-run.{run.flow_run_id}",
            "prefect.resource.role": "flow-run",
            "prefect.resource.name": run.flow_run_name,
        }
    ]
    state = _STATES[kind]
    payload = {
        "state": state,
        "progress": 100 if state == "Completed" else 0,
        "message": message[:_LONGEST_MESSAGE],
        "year": run.year,
        "round": run.round,
        "event": run.event,
        "session": run.session,
        "flow_run_name": run.flow_run_name,
        "flow_run_url": flow_run_url(run.flow_run_id),
        "revision": revision,
        "grade": grade,
    }
    _emit(f"parcferme.session.{kind}", resource, related, payload)


def emit_health_event(state: str, previous: str | None, message: str) -> None:
    """Tell Prefect that the health went from ``previous`` (None: unknown) to ``state``; nothing if they are the same.

    ``state`` is one of healthy, degraded, failing. Always ``parcferme.health.changed``; besides it
    ``parcferme.health.failing`` on the way into failing, ``parcferme.health.recovered`` on the way out of it.
    """
    if state == previous:
        return
    resource = {
        "prefect.resource.id": health_resource(),
        "prefect.resource.name": "parcferme health",
        "parcferme.health.state": state,
    }
    payload = {"state": state, "previous": previous, "message": message[:_LONGEST_MESSAGE]}
    names = [HEALTH_CHANGED]
    if state == _FAILING:
        names.append(HEALTH_FAILING)
    if previous == _FAILING:
        names.append(HEALTH_RECOVERED)
    for name in names:
        _emit(name, resource, [], payload)


def emit_sign_in_ends(message: str) -> None:
    """Tell Prefect that somebody has to sign in again before long; said anew as long as it is so."""
    resource = {"prefect.resource.id": health_resource(), "prefect.resource.name": "parcferme health"}
    _emit(SIGN_IN_ENDS, resource, [], {"state": "degraded", "message": message[:_LONGEST_MESSAGE]})


def emit_archive_changed(message: str) -> None:
    """Tell Prefect that the raw archive holds something new."""
    resource = {"prefect.resource.id": ARCHIVE_RESOURCE, "prefect.resource.name": "parcferme archive"}
    _emit(ARCHIVE_CHANGED, resource, [], {"message": message[:_LONGEST_MESSAGE]})


def flow_run_url(flow_run_id: str) -> str | None:
    """Return where the Prefect UI shows a flow run, or None where there is no UI (the temporary server has none).

    It is PREFECT_UI_URL, or else taken from PREFECT_API_URL.
    """
    return url_for("flow-run", obj_id=flow_run_id) or None


def _emit(name: str, resource: dict[str, str], related: list[dict[str, str]], payload: dict[str, Any]) -> None:
    if not PREFECT_API_URL.value():
        # Nobody listens at a temporary server, and sending would start another one.
        return
    try:
        emit_event(name, resource=resource, related=related, payload=payload)
    except Exception as error:
        _logger.warning("The event %s of %s could not be sent: %s", name, resource["prefect.resource.name"], error)
