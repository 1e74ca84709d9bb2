"""Runs whose process is gone are put back where any worker takes them up again: limited times, then they stay ended."""

from datetime import datetime

from prefect.client.schemas.objects import FlowRun, StateType
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
    if run.state is None or run.state_type != StateType.CRASHED:
        return False
    current = runs.client.read_flow_run(run.id)
    if current.state is None or current.state.id != run.state.id or current.run_count >= MOST_ATTEMPTS:
        return False
    runs.client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=now, message=PUT_BACK))
    return True
