"""Are the sessions published: checks that need nothing but the published documents and the time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.session_times import PUBLICATION_TARGET, publication_due_utc, session_end_utc
from publish.live.health import DEGRADED, FAILING, HEALTHY, Check
from publish.live.status import AWAITING_DATA as AWAITING_DATA_STATUS
from publish.live.status import BLOCKED, ERROR, NO_ACCOUNT, PROGRESS, Status, read_status
from publish.season.document import AWAITING_DATA, CANCELLED, FAILED, PUBLISHED, WITHOUT_DATA, Season
from publish.season.index import read_season, read_years
from publish.stores.base import Store

#: How far back sessions are looked at.
WINDOW = timedelta(days=14)
#: A session this long past its target is no delay any more.
FAR_OVERDUE = timedelta(hours=24)
_NAMED = 5


@dataclass(frozen=True)
class SessionFact:
    """A session of a race weekend as the season index has it; ``start_utc`` is aware, None where unknown."""

    year: int
    round: int | None
    event: str
    code: str
    state: str
    start_utc: datetime | None

    @property
    def label(self) -> str:
        """How a message calls it."""
        return f"{self.year} {self.event} {self.code}"

    def ended_before(self, now: datetime) -> bool:
        """Whether it has a known start and typically is over at ``now``."""
        return self.start_utc is not None and session_end_utc(self.start_utc, self.code) < now

    def overdue(self, now: datetime) -> timedelta | None:
        """How long it ought to have been published at ``now``; None if it need not be yet."""
        if self.start_utc is None:
            return None
        late = now - publication_due_utc(self.start_utc, self.code)
        return late if late > timedelta() else None


Statuses = Mapping[SessionFact, Status]


def read_sessions(store: Store) -> list[SessionFact]:
    """Return every session of every published season index, tests left out: they are not published.

    :raises PublicationError: the destination does not answer, or a document cannot be read.
    """
    seasons = (read_season(store, year) for year in read_years(store))
    return sessions_in([season for season in seasons if season is not None])


def sessions_in(seasons: Iterable[Season]) -> list[SessionFact]:
    """Return the sessions of race weekends in season documents."""
    return [
        SessionFact(
            year=season.year,
            round=event.round,
            event=event.name,
            code=session.code,
            state=session.state,
            start_utc=session.start_utc,
        )
        for season in seasons
        for event in season.events
        if not event.testing
        for session in event.sessions
    ]


def read_statuses(store: Store, sessions: Iterable[SessionFact], now: datetime) -> dict[SessionFact, Status]:
    """Return the status documents, where there are any, of sessions that are over and recent."""
    found = {}
    for session in sessions:
        if session.round is None or session.state == CANCELLED or not _is_recent(session, now):
            continue
        said = read_status(store, session.year, session.round, session.code)
        if said is not None:
            found[session] = said
    return found


def _is_recent(session: SessionFact, now: datetime) -> bool:
    """Whether it is over, and came due so lately that it is asked whether it was published in time."""
    overdue = session.overdue(now)
    return session.ended_before(now) and (overdue is None or overdue <= WINDOW)


def check_failed_sessions(sessions: Iterable[SessionFact]) -> Check:
    """Sessions whose last run failed and that were not published since: degraded."""
    failed = [session.label for session in sessions if session.state == FAILED]
    if not failed:
        return Check("failed_sessions", HEALTHY, "None.")
    advice = "Run them again; their status documents say what happened."
    return Check("failed_sessions", DEGRADED, f"{named(failed)}. {advice}")


def check_awaiting(sessions: Iterable[SessionFact], statuses: Statuses, now: datetime) -> Check:
    """Sessions that are over and whose data is not out yet: degraded once the oldest is past its target."""
    awaited = [session for session in sessions if session.state == AWAITING_DATA and session.ended_before(now)]
    if not awaited:
        return Check("awaiting", HEALTHY, "No session's data is awaited.")
    oldest = min(awaited, key=lambda session: session.start_utc or now)
    ended = session_end_utc(oldest.start_utc or now, oldest.code)
    more = f" {len(awaited) - 1} more {'are' if len(awaited) > 2 else 'is'} awaited." if len(awaited) > 1 else ""
    message = f"{oldest.label} is awaited since {moment(ended)}; {_next_attempt(statuses.get(oldest))}.{more}"
    return Check("awaiting", HEALTHY if oldest.overdue(now) is None else DEGRADED, message)


def check_upstream(statuses: Statuses) -> Check:
    """Failing while the last run of a session, published or not, was refused by the upstream or wanted a sign-in."""
    told = {
        session: said.error or said.message
        for session, said in statuses.items()
        if said.cause in (BLOCKED, NO_ACCOUNT) and said.type in (AWAITING_DATA_STATUS, ERROR)
    }
    if not told:
        return Check("upstream", HEALTHY, "It refuses nothing to this system.")
    labels = [session.label for session in told]
    return Check("upstream", FAILING, f"Nothing comes of {named(labels)}. {next(iter(told.values()))}")


def _next_attempt(said: Status | None) -> str:
    if said is None:
        return "nothing has asked for it yet"
    if said.type == PROGRESS:
        return "a run is at it"
    if said.next_attempt_at is not None:
        return f"the next attempt is at {moment(said.next_attempt_at)}"
    return f"the last attempt was at {moment(said.updated_at)} and none is planned"


def check_published_in_time(sessions: Iterable[SessionFact], now: datetime, *, deployed_at: datetime | None) -> Check:
    """Every session that came due lately, and after ``deployed_at``, is published or known to have no data.

    Degraded when one is overdue, failing when one is by more than ``FAR_OVERDUE``. ``deployed_at`` None: all
    lately.
    """
    since = now - WINDOW if deployed_at is None else max(now - WINDOW, deployed_at)
    late = {session: overdue for session in sessions if (overdue := _lateness(session, since, now))}
    hours = f"{PUBLICATION_TARGET.total_seconds() / 3600:.0f} h"
    if not late:
        return Check("published_in_time", HEALTHY, f"No session is overdue (target: {hours} after its end).")
    ordered = sorted(late, key=lambda session: late[session], reverse=True)
    texts = [f"{session.label} ({duration(late[session])} past its target)" for session in ordered]
    state = FAILING if late[ordered[0]] > FAR_OVERDUE else DEGRADED
    return Check(
        "published_in_time",
        state,
        f"{named(texts)}. The target is {hours} after the end. See their runs and status documents.",
    )


def _lateness(session: SessionFact, since: datetime, now: datetime) -> timedelta | None:
    overdue = session.overdue(now)
    if overdue is None or now - overdue < since or session.state in (PUBLISHED, WITHOUT_DATA, CANCELLED):
        return None
    return overdue


def document_checks(store: Store, now: datetime) -> list[Check]:
    """Return the checks that need nothing but the published documents, for a run to bring up to date.

    :raises PublicationError: the destination does not answer, or a document cannot be read.
    """
    sessions = read_sessions(store)
    statuses = read_statuses(store, sessions, now)
    return [
        Check("destination", HEALTHY, "It could be read and written."),
        check_awaiting(sessions, statuses, now),
        check_failed_sessions(sessions),
        check_upstream(statuses),
    ]


def named(names: Sequence[str]) -> str:
    """Return the first few names and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def moment(when: datetime) -> str:
    """Return a time as a message says it."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def duration(length: timedelta) -> str:
    """Return a length of time as a message says it: minutes, hours or days."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
