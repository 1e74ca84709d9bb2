"""Crashed runs are put back where any worker takes them up again: limited times, then they stay ended."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import AwaitingRetry, Cancelled, Running, Scheduled

from flows.engine.session_runs import SessionRuns

#: A session that has taken its process down so often will do so again.
MOST_ATTEMPTS = 3
#: What such a run's state says.
PUT_BACK = "Its process is gone. Any worker can take it up again."
#: How the message begins of a run that was taken for dead because nothing was heard of it; nobody saw it die.
NOT_HEARD_OF = "Nothing was heard of the run"
HEARD_AGAIN = "It is heard of again."
#: What the state says of a run that crashed while it was being cancelled.
CANCELLED_AFTER_ALL = "It was being cancelled when its process ended."
_HEARTBEAT = "prefect.flow-run.heartbeat"
#: A run that lives is heard of within this time: it sends a heartbeat every 30 s.
DOUBT = timedelta(seconds=40)
#: A run that wrote its status so shortly before it was taken for dead was not silent: the server was.
_NOT_SILENT = timedelta(seconds=30)


class Fate(Enum):
    """What becomes of a run: it stays as it is; is cancelled; will be known to be dead or not in a moment; goes on."""

    STAYS = "stays"
    CANCELLED = "cancelled"
    IN_DOUBT = "in doubt"
    PUT_BACK = "put back"
    WAITS_ON = "waits on"
    LIVES = "lives"

    @property
    def goes_on(self) -> bool:
        """Whether the run is no longer crashed."""
        return self in (Fate.PUT_BACK, Fate.WAITS_ON, Fate.LIVES)


def revive(runs: SessionRuns, run: FlowRun, now: datetime, last_word: datetime | None = None) -> Fate:
    """Put a crashed run back if it has not been begun too often, unless it is heard of after all.

    One that was being cancelled when it crashed is cancelled, one that has moved on meanwhile is left alone. ``now`` is
    aware and of the clock of Prefect's server, ``last_word`` when the run last wrote its status document.
    """
    if resume_wait(runs, run):
        return Fate.WAITS_ON
    if cancel_after_all(runs.client, run):
        return Fate.CANCELLED
    fate = welcome_back(runs.client, run, now, last_word)
    if fate is not Fate.STAYS:
        return fate
    current = _still_crashed(runs.client, run)
    if current is None or current.run_count >= MOST_ATTEMPTS:
        return Fate.STAYS
    runs.client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=now, message=PUT_BACK))
    return Fate.PUT_BACK


def was_silent(run: FlowRun) -> bool:
    """Whether a run was taken for dead because nothing was heard of it, which need not be so."""
    state = run.state
    return state is not None and state.type == StateType.CRASHED and (state.message or "").startswith(NOT_HEARD_OF)


def welcome_back(client: SyncPrefectClient, run: FlowRun, now: datetime, last_word: datetime | None = None) -> Fate:
    """Let a run of any flow that was taken for dead run on if it has been heard of since, or wrote its status.

    That happens when the server was down, or workers could not reach it for a while. ``last_word`` as in
    :func:`revive`.
    """
    state = run.state
    if state is None or not was_silent(run):
        return Fate.STAYS
    wrote = last_word is not None and last_word > state.timestamp - _NOT_SILENT
    if wrote or is_heard_of(client, run, since=state.timestamp):
        if _still_crashed(client, run) is None:
            return Fate.STAYS
        client.set_flow_run_state(run.id, Running(message=HEARD_AGAIN), force=True)
        before = _state_before(client, run)
        if before is not None and before.id != state.id:
            # It said how it ended since it was looked at.
            said: State[Any] = State(type=before.type, name=before.name, message=before.message)
            client.set_flow_run_state(run.id, said, force=True)
            return Fate.STAYS
        return Fate.LIVES
    return Fate.IN_DOUBT if now - state.timestamp < DOUBT else Fate.STAYS


def is_heard_of(client: SyncPrefectClient, run: FlowRun, *, since: datetime) -> bool:
    """Whether the run's process has sent a heartbeat after ``since`` (aware)."""
    wanted = EventFilter(
        occurred=EventOccurredFilter.model_validate({"since": since}),
        event=EventNameFilter(name=[_HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
    )
    return bool(client.read_events(wanted, limit=1).events)


def resume_wait(runs: SessionRuns, run: FlowRun) -> bool:
    """Let a run that was taken for crashed while it waited for its time go on waiting; says whether it does.

    It had no process that could have died: a heartbeat that reached the server after its last word had it watched.
    """
    if _still_crashed(runs.client, run) is None:
        return False
    before = _state_before(runs.client, run)
    if before is None or before.type != StateType.SCHEDULED:
        return False
    until = before.state_details.scheduled_time
    waits: State[Any] = Scheduled(scheduled_time=until, name=before.name, message=before.message)
    runs.client.set_flow_run_state(run.id, waits)
    return True


def cancel_after_all(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Cancel a run of any flow that crashed while it was being cancelled; says whether it was.

    A process that does not hear in time why its worker ends it calls that a crash, whatever the server knew.
    """
    if _still_crashed(client, run) is None:
        return False
    before = [state for state in _history(client, run) if state.type != StateType.CRASHED]
    if not before or before[-1].type != StateType.CANCELLING:
        return False
    client.set_flow_run_state(run.id, Cancelled(message=CANCELLED_AFTER_ALL), force=True)
    return True


def _still_crashed(client: SyncPrefectClient, run: FlowRun) -> FlowRun | None:
    """Return the run as it is now if it is in the very state that was seen, and that is a crash."""
    if run.state is None or run.state_type != StateType.CRASHED:
        return None
    current = client.read_flow_run(run.id)
    return current if current.state is not None and current.state.id == run.state.id else None


def _state_before(client: SyncPrefectClient, run: FlowRun) -> State[Any] | None:
    history = _history(client, run)
    return history[-2] if len(history) > 1 else None


def _history(client: SyncPrefectClient, run: FlowRun) -> list[State[Any]]:
    return sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
