"""What a season's calendar asks for: which runs there should be, and how to get there from those there are. Pure.

Every session is published at its end plus a delay and checked again an hour, a day and a week later. A run is made for
the name of an event and the code of a session: renumbered rounds change nothing, a moved session moves its runs, a
renamed or cancelled one loses them (under its new name it gets new ones).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.session_times import RECHECKS, session_end_utc
from publish.season.document import Event

PUBLISH = "publish"
#: What a plan does to runs.
PLANNED, MOVED, TAKEN_BACK = "planned", "moved", "taken back"
#: Re-checks are planned for sessions this near: the list of what comes next stays one to be read.
_RECHECK_HORIZON = timedelta(days=3)
_SAME_TIME = timedelta(seconds=1)
#: How long ago a session may have ended that is caught up, unless a form says otherwise.
CATCH_UP = timedelta(days=14)

Slot = tuple[str, str, str]


@dataclass(frozen=True)
class Wanted:
    """A run the calendar asks for: event name, session code, kind, when; ``end_utc`` is the end of the session."""

    event: str
    round: int
    code: str
    kind: str
    at: datetime
    end_utc: datetime

    @property
    def slot(self) -> Slot:
        """What there is one run of."""
        return self.event, self.code, self.kind


@dataclass(frozen=True)
class Known:
    """A planned run that Prefect has. ``waiting``: it has not begun; ``open``: it has not ended."""

    id: str
    event: str
    code: str
    kind: str
    at: datetime
    waiting: bool
    open: bool
    taken_back: bool = False

    @property
    def slot(self) -> Slot:
        """What there is one run of."""
        return self.event, self.code, self.kind


@dataclass(frozen=True)
class Plan:
    """What to do: runs to make with the number of earlier ones of the same slot, runs to move, runs to take back."""

    create: tuple[tuple[Wanted, int], ...]
    move: tuple[tuple[Known, datetime], ...]
    cancel: tuple[Known, ...]


@dataclass(frozen=True)
class Step:
    """One thing a plan does, as it is shown: to which run, for when (aware), and what."""

    one: Known | Wanted
    at: datetime
    what: str


def steps_of(plan: Plan) -> Iterator[Step]:
    """Yield what a plan does, in the order in which it is done."""
    yield from (Step(known, known.at, TAKEN_BACK) for known in plan.cancel)
    yield from (Step(known, at, f"{MOVED} from {known.at:%Y-%m-%d %H:%M}") for known, at in plan.move)
    yield from (Step(wanted, wanted.at, PLANNED) for wanted, _ in plan.create)


def make_plan(
    events: Sequence[Event],
    known: Sequence[Known],
    published: Collection[tuple[str, str]],
    *,
    now: datetime,
    delay: timedelta,
    catch_up: timedelta,
) -> Plan:
    """Return what is to be done.

    ``published`` are (event name, session code) that need no first run; ``delay`` is the time between a session's end
    and its first run; sessions that ended up to ``catch_up`` ago without being published are run now.
    """
    wanted = {one.slot: one for one in _wanted(events, published, now=now, delay=delay, catch_up=catch_up)}
    of_slot: Mapping[Slot, list[Known]] = _by_slot(known)
    create, move = [], []
    for slot, one in wanted.items():
        earlier = of_slot.get(slot, [])
        waiting = [run for run in earlier if run.waiting]
        if waiting:
            move += [(run, one.at) for run in waiting if one.at > now and abs(run.at - one.at) > _SAME_TIME]
        elif not any(_serves(run, one) for run in earlier):
            create.append((one, len(earlier)))
    ends = _ends(events)
    cancel = [
        run
        for run in known
        if run.waiting and run.slot not in wanted and ((end := ends.get(run.slot[:2])) is None or run.at < end)
    ]
    return Plan(tuple(create), tuple(move), tuple(cancel))


def _serves(run: Known, wanted: Wanted) -> bool:
    """Whether a run has done, or does, what is wanted: it began after the session's end as it is known now."""
    return run.open or (not run.taken_back and run.at >= wanted.end_utc)


def _by_slot(known: Sequence[Known]) -> dict[Slot, list[Known]]:
    found: dict[Slot, list[Known]] = defaultdict(list)
    for run in known:
        found[run.slot].append(run)
    return found


def _ends(events: Sequence[Event]) -> dict[tuple[str, str], datetime]:
    """When every session that has a time ends, by event name and code."""
    return {
        (event.name, session.code): session_end_utc(session.start_utc, session.code)
        for event in _races(events)
        for session in event.sessions
        if session.start_utc is not None
    }


def _races(events: Sequence[Event]) -> Iterator[Event]:
    return (event for event in events if not event.testing and event.round is not None)


def _wanted(
    events: Sequence[Event],
    published: Collection[tuple[str, str]],
    *,
    now: datetime,
    delay: timedelta,
    catch_up: timedelta,
) -> Iterator[Wanted]:
    for event in _races(events):
        for session in event.sessions:
            if session.start_utc is None:
                continue
            end = session_end_utc(session.start_utc, session.code)
            first = end + delay

            is_published = (event.name, session.code) in published
            times = list(_rechecks(first, now, is_published))
            if first >= now or (not is_published and now - first <= catch_up):
                times.append((PUBLISH, first))
            for kind, at in times:
                yield Wanted(event.name, int(event.round or 0), session.code, kind, max(at, now), end)


def _rechecks(first: datetime, now: datetime, is_published: bool) -> Iterator[tuple[str, datetime]]:
    """Yield the re-checks to come, and of those missed the last, if there is anything to check."""
    if first - now > _RECHECK_HORIZON:
        return
    times = [(kind, first + after) for kind, after in RECHECKS.items()]
    missed = [one for one in times if one[1] < now]
    if missed and is_published and len(missed) < len(times):
        yield missed[-1]
    yield from (one for one in times if one[1] >= now)
