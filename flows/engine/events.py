"""Prefect events: what became of a session, and how well the system is. Automations act on them."""

import logging
from typing import Any, Literal

from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL
from prefect.utilities.urls import url_for

_logger = logging.getLogger(__name__)

Kind = Literal["started", "published", "unchanged", "awaiting_data", "failed", "cancelled", "crashed"]

HEALTH_CHANGED = "parcferme.health.changed"
HEALTH_FAILING = "parcferme.health.failing"
HEALTH_RECOVERED = "parcferme.health.recovered"
HEALTH_RESOURCE = "parcferme.health"

_FAILING = "failing"
#: Characters; a message is for reading, and Prefect refuses events that are too large.
_LONGEST_MESSAGE = 2000


def emit_session_event(
    kind: Kind,
    *,
    year: int,
    round: int,
    code: str,
    event: str,
    flow_run_id: str,
    flow_run_name: str,
    state: str,
    progress: int,
    message: str,
    revision: str | None = None,
    grade: str | None = None,
) -> None:
    """Tell Prefect what has become of a session; an event that cannot be sent is a warning, never an error.

    ``code`` is one of R, S, Q, SQ, FP1, FP2, FP3, ``event`` the race weekend, ``state`` Prefect's name of the
    run's state, ``progress`` 0 to 100. Sent in the background; what is left is sent before the process ends.
    """
    resource = {
        "prefect.resource.id": f"parcferme.session.{year}.{round}.{code}",
        "prefect.resource.name": f"{year} {event} {code}",
    }
    related = [
        {
            "prefect.resource.id": f"prefect.flow-run.{flow_run_id}",
            "prefect.resource.role": "flow-run",
            "prefect.resource.name": flow_run_name,
        }
    ]
    payload = {
        "state": state,
        "progress": progress,
        "message": message[:_LONGEST_MESSAGE],
        "year": year,
        "round": round,
        "event": event,
        "session": code,
        "flow_run_name": flow_run_name,
        "flow_run_url": flow_run_url(flow_run_id),
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
        "prefect.resource.id": HEALTH_RESOURCE,
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
