"""What Prefect's hooks do when a run has ended: its public documents do not stay at "running"."""

import logging
from typing import Any

from flows.destination import open_destination
from flows.engine.events import emit_session_event, flow_run_url
from flows.session.announce import Announcer
from flows.session.status import Ended, close_status
from flows.settings import read_settings
from publish.live.runs import RunEntry
from publish.season.index import read_season
from publish.stores.base import Store

_logger = logging.getLogger(__name__)


def close_ended_run(flow: Any, flow_run: Any, state: Any) -> None:
    """Hook: close whatever the run has left open, where it could not do so itself."""
    store = open_destination(read_settings())
    # A worker calls this while it still has to say that the run is cancelled.
    name = "Cancelled" if state.name == "Cancelling" else str(state.name)
    message = f"The run ended as {name}. {getattr(state, 'message', None) or ''}".strip()
    closed = close_status(
        store, int(flow_run.parameters["year"]), str(flow_run.id), state=name, error=f"{message} Run it again."
    )
    for ended in closed:
        announce_ended(store, ended, name, message)


def announce_ended(store: Store, ended: Ended, state: str, message: str) -> None:
    """Say what became of a run that could not say so itself; ``state`` is Prefect's name of it."""
    season = read_season(store, ended.year)
    name = next((event.name for event in season.events if event.round == ended.round), "") if season else ""
    entry = RunEntry(
        ended.year,
        ended.round,
        name,
        ended.code,
        ended.flow_run_id,
        ended.flow_run_name,
        flow_run_url(ended.flow_run_id),
        ended.started_at,
    )
    announcer = Announcer(store, entry, _logger, emit_session_event)
    if state == "Crashed":
        announcer.crashed(message)
    else:
        announcer.failed(message, cancelled=state == "Cancelled")
