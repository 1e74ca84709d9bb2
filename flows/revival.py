"""Crashed runs are put back where any worker takes them up again: limited times, then they stay ended."""

from datetime import datetime
from typing import Any

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import AwaitingRetry

from flows.session_runs import SessionRuns

#: A session that has taken its process down so often will do so again.
MOST_ATTEMPTS = 3
#: What such a run's state says.
PUT_BACK = "Its process is gone. Any worker can take it up again."


def revive(runs: SessionRuns, run: FlowRun, now: datetime) -> bool:
    """Put a crashed run back if it has not been begun too often; says whether it was.

    ``now`` is aware and of the clock of Prefect's server. A run that has moved on meanwhile is left alone.
    """
    if resume_wait(runs, run):
        return True
    current = _still_crashed(runs, run)
    if current is None or current.run_count >= MOST_ATTEMPTS:
        return False
    runs.client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=now, message=PUT_BACK))
    return True


def resume_wait(runs: SessionRuns, run: FlowRun) -> bool:
    """Let a run that was taken for crashed while it waited for its time go on waiting; says whether it does.

    It had no process that could have died: a heartbeat that reached the server after its last word had it watched.
    """
    if _still_crashed(runs, run) is None:
        return False
    before = _state_before(runs, run)
    if before is None or before.type != StateType.SCHEDULED:
        return False
    waits: State[Any] = AwaitingRetry(scheduled_time=before.state_details.scheduled_time, message=before.message)
    runs.client.set_flow_run_state(run.id, waits)
    return True


def _still_crashed(runs: SessionRuns, run: FlowRun) -> FlowRun | None:
    """Return the run as it is now if it is in the very state that was seen, and that is a crash."""
    if run.state is None or run.state_type != StateType.CRASHED:
        return None
    current = runs.client.read_flow_run(run.id)
    return current if current.state is not None and current.state.id == run.state.id else None


def _state_before(runs: SessionRuns, run: FlowRun) -> State[Any] | None:
    history = sorted(runs.client.read_flow_run_states(run.id), key=lambda state: state.timestamp)
    return history[-2] if len(history) > 1 else None
