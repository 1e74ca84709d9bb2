"""What Prefect does by itself when runs fall silent, end badly, are late, or the health changes.

A run is ours if it or its deployment carries the tag ``parcferme``, or that of its environment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.engine import events
from flows.engine.environment import tag
from flows.engine.notify import HEALTH, RUN, Notice
from flows.engine.revival import DOUBT, NOT_HEARD_OF

SESSION_FLOW = "publish-session"
BACKFILL_FLOW = "backfill"
HEALTH_FLOW = "check-health"
PLAN_FLOW = "plan-season"
_OTHER_FLOWS = [
    BACKFILL_FLOW,
    PLAN_FLOW,
    "fetch-session",
    "refresh-results",
    HEALTH_FLOW,
    "verify",
    "prune",
    "housekeeping",
    "rebuild-index",
]


def prefix() -> str:
    """Return how the name of every automation of this project begins, which tells it from the operator's own."""
    return f"{tag()}: "


_EACH_RUN = "prefect.resource.id"
_EACH_FLOW = "related:flow:prefect.resource.id"
_HEARTBEAT = "prefect.flow-run.heartbeat"


def _states(*names: str) -> set[str]:
    return {f"prefect.flow-run.{name}" for name in names}


_BAD_ENDS = _states("Crashed", "Failed", "TimedOut")
_ENDS = _BAD_ENDS | _states("Completed", "Cancelled", "RolledBack")
#: A run in one of these has no process, or one that is meant to be quiet. "Running" is not among them: it can arrive
#: after the first heartbeat, and would end the watch that heartbeat began.
_AT_REST = _states(
    "Scheduled",
    "AwaitingRetry",
    "AwaitingAccess",
    "AwaitingSignIn",
    "AwaitingConcurrencySlot",
    "Late",
    "Paused",
    "Suspended",
    "Resuming",
    "Cancelling",
)
#: After one of these a run is not dead, or known to be.
_SIGNS_OF_LIFE = {_HEARTBEAT} | _ENDS | _AT_REST

Related = list[ResourceSpecification | dict[str, str | list[str]]]
Notify = Callable[[Notice], list[ActionTypes]]


@dataclass(frozen=True)
class Windows:
    """How long what may last.

    ``silence``: without a heartbeat. Workers send one every 30 s, and a server that stands still for a minute, as on
    SQLite it may, must not make live runs dead; a killed run must be known for dead and told of within three minutes.
    ``start``: from a worker's taking a run to its beginning, which takes half a minute where much is done at once; one
    that meets no server then is gone, and its worker cannot say so. ``cancel``: from the request to the end.
    ``health``: between two checks of the health because runs end badly. ``waiting``: sessions are due and none is
    begun. ``repeat``: until the same kind of trouble is told of again; ``sign_in``: until that somebody has to sign in
    is.
    """

    silence: timedelta = timedelta(seconds=120)
    start: timedelta = timedelta(minutes=5)
    cancel: timedelta = timedelta(minutes=3)
    health: timedelta = timedelta(seconds=20)
    waiting: timedelta = timedelta(minutes=15)
    repeat: timedelta = timedelta(hours=1)
    sign_in: timedelta = timedelta(days=1)


def wanted_automations(
    health_deployment: UUID, plan_deployment: UUID, notify: Notify | None, windows: Windows
) -> list[AutomationCore]:
    """Return every automation there should be.

    ``health_deployment`` is the deployment that checks the health, ``plan_deployment`` the one that plans the season;
    ``notify`` makes the actions that tell the operator (None: nobody is to be told).
    """
    automations = [
        *_caretakers(windows),
        _health_check(health_deployment, windows),
        _archive_watch(plan_deployment),
    ]
    if notify is not None:
        automations += [*_run_notices(notify, windows), *_health_notices(notify, windows)]
    return automations


def _caretakers(windows: Windows) -> list[AutomationCore]:
    silence = f"{NOT_HEARD_OF} for {windows.silence.total_seconds():.0f} s"
    silent = _mark(StateType.CRASHED, f"{silence}: it was killed, or its machine is gone or out of reach.")
    return [
        _automation(
            "silent runs have crashed",
            "A run whose heartbeats stop was killed, or its machine is gone.",
            _absence(after={_HEARTBEAT}, expect=_SIGNS_OF_LIFE, within=windows.silence),
            [silent],
        ),
        _automation(
            "runs that are never heard of have crashed",
            "A run was killed before its first heartbeat got out.",
            _absence(after=_states("Running"), expect=_SIGNS_OF_LIFE, within=windows.silence),
            [silent],
        ),
        _automation(
            "runs that never begin have crashed",
            "A worker took the run and then went away.",
            _absence(after=_states("Pending"), expect=_SIGNS_OF_LIFE | _states("Running"), within=windows.start),
            [_mark(StateType.CRASHED, "A worker took the run, but it never began.")],
        ),
        _automation(
            "runs being cancelled are cancelled",
            "There is no worker left to stop the run.",
            _absence(after=_states("Cancelling"), expect=_ENDS, within=windows.cancel),
            [_mark(StateType.CANCELLED, "No worker was there to stop the run.")],
        ),
    ]


def _health_check(deployment: UUID, windows: Windows) -> AutomationCore:
    """Sessions and backfills only: a failing check of the health must not lead to another one."""
    # The first bad end is looked at now; those that follow while the trigger rests, together, when it is over; and once
    # more when it is certain of all of them whether they are dead.
    rested = windows.health + timedelta(seconds=5)
    return _automation(
        "check the health when a session ends badly",
        "The check closes the status documents of runs that could not do it themselves, and puts back what has died.",
        _presence(
            _BAD_ENDS | _states("Cancelled"),
            related=_flow_runs(SESSION_FLOW, BACKFILL_FLOW),
            within=windows.health,
        ),
        [
            RunDeployment(
                source="selected",
                deployment_id=deployment,
                parameters=None,
                job_variables=None,
                schedule_after=after,
            )
            for after in (timedelta(0), rested, rested + DOUBT)
        ],
    )


def _archive_watch(deployment: UUID) -> AutomationCore:
    return _automation(
        "publish what comes into the archive",
        "plan-season makes a run for each session that has come into the raw archive or has changed there.",
        EventTrigger(
            posture=Posture.Reactive,
            expect={events.ARCHIVE_CHANGED},
            match=ResourceSpecification({"prefect.resource.id": events.ARCHIVE_RESOURCE}),
            threshold=1,
            within=timedelta(0),
        ),
        [
            RunDeployment(
                source="selected",
                deployment_id=deployment,
                parameters=None,
                job_variables=None,
                schedule_after=timedelta(0),
            )
        ],
    )


def _run_notices(notify: Notify, windows: Windows) -> list[AutomationCore]:
    sessions, others = _flow_runs(SESSION_FLOW), _flow_runs(*_OTHER_FLOWS)

    def tell(of: str, description: str, trigger: EventTrigger, notice: str) -> AutomationCore:
        return _automation(f"tell of {of}", description, trigger, notify(Notice(notice, RUN)))

    def now_and_then(states: set[str]) -> EventTrigger:
        return _presence(states, related=others, for_each={_EACH_FLOW}, within=windows.repeat)

    waiting = _absence(
        after=_states("Late"),
        expect=_states("Pending", "Running") | _ENDS,
        within=windows.waiting,
        related=sessions,
        for_each={_EACH_FLOW},
    )
    return [
        tell(
            "failed sessions",
            "Each session's run that failed, crashed or timed out.",
            _presence(_BAD_ENDS, related=sessions),
            "failed session",
        ),
        tell(
            "other failed runs",
            "For each flow at most once in a while: some run every few minutes.",
            now_and_then(_BAD_ENDS),
            "failed run",
        ),
        tell(
            "late runs",
            "Runs nobody takes: there is no worker, or all are busy. For each flow at most once in a while.",
            now_and_then(_states("Late")),
            "late run",
        ),
        tell(
            "waiting sessions",
            "Sessions are due and none is begun. In a backfill most wait for a while; that is no trouble.",
            waiting,
            "late session",
        ),
    ]


def _health_notices(notify: Notify, windows: Windows) -> list[AutomationCore]:
    def tell(of: str, description: str, event: str, within: timedelta = timedelta(0)) -> AutomationCore:
        return _automation(f"tell of {of}", description, _on_health(event, within), notify(Notice(of, HEALTH)))

    return [
        tell("failing health", "The health document has become failing.", events.HEALTH_FAILING),
        tell("recovered health", "The health document is no longer failing.", events.HEALTH_RECOVERED),
        tell(
            "a sign-in that ends",
            "Two days before a sign-in made in a browser ends, and before a weekend it does not outlast; once a day.",
            events.SIGN_IN_ENDS,
            windows.sign_in,
        ),
    ]


def _automation(name: str, description: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    return AutomationCore(
        name=prefix() + name, description=description, tags=[tag()], trigger=trigger, actions=[*actions], enabled=True
    )


def _mark(state: StateType, message: str) -> ActionTypes:
    """Set the run's state; the server refuses it for a run that has ended."""
    return ChangeFlowRunState(state=state, name=None, message=message, force=False)


def _our_tag() -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{tag()}"})


def _flow_runs(*flows: str) -> Related:
    """Say which runs: ours, of these flows."""
    return [
        _our_tag(),
        ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": list(flows)}),
    ]


def _absence(
    *,
    after: set[str],
    expect: set[str],
    within: timedelta,
    related: Related | None = None,
    for_each: set[str] | None = None,
) -> EventTrigger:
    return EventTrigger(
        posture=Posture.Proactive,
        after=after,
        expect=expect,
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=related or [_our_tag()],
        for_each=for_each or {_EACH_RUN},
        threshold=1,
        within=within,
    )


def _presence(
    expect: set[str],
    *,
    related: Related,
    for_each: set[str] | None = None,
    within: timedelta = timedelta(0),
) -> EventTrigger:
    """Fire at the first event, then not again before ``within`` is over."""
    return EventTrigger(
        posture=Posture.Reactive,
        expect=expect,
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=related,
        for_each=for_each or set(),
        threshold=1,
        within=within,
    )


def _on_health(event: str, within: timedelta) -> EventTrigger:
    return EventTrigger(
        posture=Posture.Reactive,
        expect={event},
        match=ResourceSpecification({"prefect.resource.id": events.health_resource()}),
        threshold=1,
        within=within,
    )
