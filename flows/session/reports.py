"""What a run hands back: small, plain, and enough for a table."""

from dataclasses import dataclass
from datetime import datetime

from flows.session_ref import SessionRef
from publish.live import status
from publish.season.document import AWAITING_DATA, FAILED, PATIENCE, PUBLISHED, WITHOUT_DATA
from transforms.errors import (
    AccountError,
    BlockedError,
    CorruptDataError,
    IncompleteError,
    NotReadyError,
    ParcfermeError,
    UpstreamError,
)

#: What is said of a session whose current revision is left as it is.
UP_TO_DATE = "Up to date"
#: Prefect's name of the state of a run that found nothing, and never will, on a session long past.
NO_DATA = "NoData"
#: Prefect's names of the states of runs that wait for their upstream: for its data, for an address that it does not
#: refuse, for somebody to sign in.
AWAITING_RETRY, AWAITING_ACCESS, AWAITING_SIGN_IN = "AwaitingRetry", "AwaitingAccess", "AwaitingSignIn"
WAITS = (AWAITING_RETRY, AWAITING_ACCESS, AWAITING_SIGN_IN)
#: Prefect's name of the state of a run that has left its session to another one.
ALREADY_RUNNING = "AlreadyRunning"
#: State of a report on such a session, besides those of the season index.
LEFT = "already_running"


@dataclass(frozen=True)
class PublishReport:
    """What became of ``session``.

    ``state`` is the season index's, or :data:`LEFT`; ``frames`` the ticks of the common clock; ``bytes`` the size of
    the whole revision, ``seconds`` the time this run took. ``unchanged`` means that nothing had to be computed.
    ``message`` says why there is no publication, where there is none; ``percent`` how far a run is that goes on.
    """

    session: SessionRef
    state: str
    grade: str | None = None
    frames: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    revision: str | None = None
    session_key: int | None = None
    unchanged: bool = False
    message: str | None = None
    percent: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state == FAILED


def summary_of(reports: list[PublishReport]) -> str:
    """Return one sentence on ``reports``: how many failed and which, or that all went well."""
    failed = [report for report in reports if report.has_failed]
    if failed:
        named = ", ".join(f"round {report.session.round} {report.session.code}" for report in failed)
        return f"{len(failed)} of {len(reports)} sessions failed: {named}"
    published = [report for report in reports if report.state == PUBLISHED]
    left = sum(report.state == LEFT for report in reports)
    rest = len(reports) - len(published) - left
    without = (f", {rest} without data" if rest else "") + (f", {left} left to other runs" if left else "")
    if published and all(report.unchanged for report in published):
        return f"Everything is up to date: {len(published)} sessions published{without}"
    return f"{len(published)} of {len(reports)} sessions are published{without}"


def state_after(error: BaseException, start_utc: datetime | None, now: datetime) -> str:
    """Return the state of a session whose run ended in ``error``: data that is not out is no failure."""
    if not isinstance(error, NotReadyError):
        return FAILED
    return AWAITING_DATA if start_utc is not None and now < start_utc + PATIENCE else WITHOUT_DATA


def cause_of(error: BaseException, start_utc: datetime | None, now: datetime) -> str | None:
    """Return what the upstream has to do with ``error``, in the words of status documents; None: nothing."""
    if isinstance(error, BlockedError):
        return status.BLOCKED
    if isinstance(error, AccountError):
        return status.NO_ACCOUNT
    if isinstance(error, IncompleteError):
        return status.INCOMPLETE
    if isinstance(error, NotReadyError):
        return status.LATE if state_after(error, start_utc, now) == AWAITING_DATA else status.ABSENT
    if isinstance(error, CorruptDataError):
        return status.BROKEN
    return status.UNREACHABLE if isinstance(error, UpstreamError) else None


def wait_of(error: UpstreamError) -> str:
    """Return Prefect's name of the state of a run that waits because of ``error``."""
    if isinstance(error, BlockedError):
        return AWAITING_ACCESS
    return AWAITING_SIGN_IN if isinstance(error, AccountError) else AWAITING_RETRY


def sentence_of(error: BaseException) -> str:
    """Return what a person reads of ``error``: its own words if it is one of ours, else what kind it is."""
    if isinstance(error, ParcfermeError):
        return str(error)
    return f"Unexpected {type(error).__name__}: {error}. This is a fault of the program; please report it."
