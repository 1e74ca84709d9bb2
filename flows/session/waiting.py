"""When a run whose upstream is not ready tries again, and when it has waited long enough.

It does not sleep: it ends as Prefect's ``AwaitingRetry``, and any worker takes it up again when its time has come.
"""

from datetime import datetime, timedelta

from flows.session_times import session_end_utc
from transforms.errors import CorruptDataError, NotReadyError, UpstreamError

FIRST_DELAY = timedelta(minutes=10)
LONGEST_DELAY = timedelta(hours=1)
#: How long data that is not out yet, or an upstream that is down, is waited for.
PATIENCE = timedelta(hours=24)
#: How long after the data a re-check comes that was put off because it was not out.
_AFTER_THE_DATA = timedelta(hours=1)


def is_waited_for(start_utc: datetime | None, code: str, now: datetime) -> bool:
    """Whether data of a session that starts at ``start_utc`` is still waited for: until a day after its end."""
    return start_utc is not None and now < session_end_utc(start_utc, code) + PATIENCE


def nothing_will_come(error: UpstreamError, start_utc: datetime | None, code: str, now: datetime) -> bool:
    """Whether ``error`` says that there is nothing of a session long past, which is no failure of who found it out."""
    return isinstance(error, NotReadyError) and not is_waited_for(start_utc, code, now)


def delay_after(attempts: int) -> timedelta:
    """Return the time between attempt number ``attempts`` (from 1) and the next: 10, 20, 40, then 60 minutes."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def next_attempt_utc(
    error: UpstreamError, *, attempts: int, start_utc: datetime | None, code: str, now: datetime
) -> datetime | None:
    """Return when to try again after ``attempts`` attempts that ended in ``error``; None: not at all.

    Data that is not out yet is waited for until a day after the session's end; of an older session there will be
    none. An upstream that fails is asked for a day from the first attempt on. Corrupt data stays what it is.
    """
    if isinstance(error, CorruptDataError):
        return None
    at = now + delay_after(attempts)
    if isinstance(error, NotReadyError):
        if start_utc is None or not is_waited_for(start_utc, code, now):
            return None
        return min(at, session_end_utc(start_utc, code) + PATIENCE)
    waited = sum((delay_after(number) for number in range(1, attempts)), timedelta())
    return at if waited + delay_after(attempts) <= PATIENCE else None


def recheck_utc(next_attempt: datetime, now: datetime) -> datetime:
    """Return when a re-check looks again whose session is still awaited, by a run that tries at ``next_attempt``."""
    return max(next_attempt, now) + _AFTER_THE_DATA
