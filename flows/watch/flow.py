"""The flow that looks after everything: writes ``v1/health.json`` and tells Prefect when the state changes."""

import socket
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_client, get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.states import Completed

from flows.destination import open_destination
from flows.engine.events import HEALTH_CHANGED, emit_health_event, emit_sign_in_ends, health_resource
from flows.engine.outages import ride_out_outages
from flows.engine.session_runs import FETCH_SESSION, PUBLISH_SESSION, session_runs
from flows.health.gather import gather_checks
from flows.health.machine import describe_ending, read_sign_in
from flows.health.metrics import gather_metrics
from flows.health.sessions import read_sessions
from flows.season.ahead import publish_plan
from flows.settings import Settings, read_settings
from flows.watch.sweep import sweep
from publish import keys
from publish.live.health import FAILING, HEALTHY, Check, Health, write_health
from publish.live.metrics import write_metrics
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.errors import InputError, PublicationError


@flow(name="check-health", flow_run_name="check", persist_result=False)
def check_health() -> State[Any]:
    """Look at everything and write what was found; the message of the final state is the state and what is wrong.

    It fails only if the document cannot be written: a system that is not well is a check that has done its work.

    :raises InputError: a setting cannot be used, or the destination does not exist.
    :raises PublicationError: the destination refuses.
    """
    logger = get_run_logger()
    ride_out_outages(logger)
    settings = read_settings()
    store = open_destination(settings)
    logger.info("Looking from %s", socket.gethostname())
    with get_client(sync_client=True) as client:
        swept = _swept(settings, store, client)
        now = datetime.now(UTC)
        checks = [*gather_checks(settings, store, client, now), swept]
        previous = _announced_state(client) or _written_state(store)
        metrics = gather_metrics(settings, store, client, checks, now)
    for check in checks:
        if check.state != HEALTHY:
            logger.warning("%s is %s: %s", check.name, check.state, check.message)
    document = write_health(store, checks, now)
    write_metrics(store, metrics)
    _tell_plan(settings, store, now)
    message = summary_of(document)
    emit_health_event(document.state, previous, message)
    if (ending := describe_ending(read_sign_in(), read_sessions(store), settings.now or now)) is not None:
        emit_sign_in_ends(ending)
    return Completed(message=message, data=document.state)


def _tell_plan(settings: Settings, store: Store, now: datetime) -> None:
    """Publish what plan-season would do; that it cannot be told is no failure of anything else."""
    try:
        with session_runs(FETCH_SESSION if settings.plan_fetches else PUBLISH_SESSION) as runs:
            publish_plan(settings, store, runs, now)
    except Exception as error:
        get_run_logger().warning("What plan-season would do cannot be told: %s", error)


def summary_of(document: Health) -> str:
    """Return the state of a health document and what is wrong, the worst first, as one text."""
    wrong = [check for check in document.checks if check.state != HEALTHY]
    if not wrong:
        return f"{document.state}: all {len(document.checks)} checks passed."
    wrong.sort(key=lambda check: check.state != FAILING)
    return f"{document.state}: " + " ".join(f"{check.name}: {check.message}" for check in wrong)


def _swept(settings: Settings, store: Store, client: SyncPrefectClient) -> Check:
    """Put right what dead runs left behind, before anything is judged; a sweep that fails is a check that says so."""
    try:
        done = str(sweep(settings, store, client))
    except InputError as error:
        return Check("sweep", HEALTHY, f"Nothing to put right: {error}")
    except Exception as error:
        return Check("sweep", FAILING, f"What dead runs left behind could not be put right: {error}")
    get_run_logger().info("Swept: %s", done)
    return Check("sweep", HEALTHY, f"{done[:1].upper()}{done[1:]}.")


def _announced_state(client: SyncPrefectClient) -> str | None:
    """Return the state of the last event, or None where none is kept.

    Not what the document says: a run may have changed it since, which nobody was told.
    """
    try:
        ours = EventFilter(
            event=EventNameFilter(name=[HEALTH_CHANGED]), resource=EventResourceFilter(id=[health_resource()])
        )
        page = client.read_events(ours, limit=1)
    except Exception as error:
        get_run_logger().warning("The last health event cannot be read: %s", error)
        return None
    return None if not page.events else str(page.events[0].payload.get("state"))


def _written_state(store: Store) -> str | None:
    """Return the state of the document as it is, or None if there is none that can be read."""
    try:
        document = read_document(store, keys.HEALTH, Health)
    except PublicationError:
        return None
    return None if document is None else document.state
