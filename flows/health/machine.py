"""Disk and Formula 1 account of the machine that looks: of several workers' machines, the one that runs the check.

The document is public: which machine that is stands in the log of the run alone.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flows.health.sessions import SessionFact, moment
from flows.session_times import publication_due_utc
from flows.settings import Settings
from flows.upstream.account import Account
from flows.upstream.client import signed_in_until
from publish.live.health import DEGRADED, FAILING, HEALTHY, Check, worst_state

GB = 1_000_000_000
#: A season's cache takes some 10 GB, a race's working files less than 1 GB.
LITTLE_DISK_BYTES = 5 * GB
NO_DISK_BYTES = 1 * GB
#: How long before its end a sign-in that does not renew itself is a sign of trouble, and how long before a session that
#: it does not outlast.
SIGN_IN_MARGIN = timedelta(days=2)
WEEKEND_MARGIN = timedelta(days=3)
_HERE = "on the worker that checks"


@dataclass(frozen=True)
class SignIn:
    """What is known of the F1 account here; ``expires_at`` (aware) is None while nobody has signed in."""

    has_username: bool
    has_password: bool
    expires_at: datetime | None


def check_disk(free_bytes: Mapping[str, int]) -> Check:
    """Room left, by what it is for: degraded below ``LITTLE_DISK_BYTES``, failing below ``NO_DISK_BYTES``."""
    state = worst_state(_disk_state(free) for free in free_bytes.values())
    rooms = ", ".join(f"{free / GB:.1f} GB ({name})" for name, free in free_bytes.items())
    message = f"Free {_HERE}: {rooms}."
    if state != HEALTHY:
        message += " Make room, for example with `parcferme prune` or by removing old years from the cache."
    return Check("disk", state, message)


def _disk_state(free_bytes: int) -> str:
    if free_bytes < NO_DISK_BYTES:
        return FAILING
    return DEGRADED if free_bytes < LITTLE_DISK_BYTES else HEALTHY


def check_f1_account(sign_in: SignIn, sessions: Iterable[SessionFact], now: datetime) -> Check:
    """Until when the sign-in holds.

    With user name and password it renews itself at the next download; one that has run out is degraded only if a
    session came due since and nothing renewed it. One made in a browser does not: degraded ``SIGN_IN_MARGIN`` before.
    """
    if sign_in.has_username != sign_in.has_password:
        there, missing = ("F1_USERNAME", "F1_PASSWORD")[:: 1 if sign_in.has_username else -1]
        return _account(DEGRADED, f"{there} is set and {missing} is not, {_HERE}. Set both.")
    if sign_in.expires_at is None:
        return _never_signed_in(sign_in)
    until = moment(sign_in.expires_at)
    if not sign_in.has_username:
        if (ending := describe_ending(sign_in, sessions, now)) is not None:
            return _account(DEGRADED, ending)
        return _account(HEALTHY, f"Signed in {_HERE} until {until}.")
    if sign_in.expires_at > now:
        return _account(HEALTHY, f"Signed in {_HERE} until {until}; it renews itself.")
    due = [session for session in sessions if _came_due(session, sign_in.expires_at, now)]
    if due:
        return _account(
            DEGRADED,
            f"The sign-in {_HERE} ended {until} and was not renewed, though {due[0].label} came due since. See in "
            "the runs' logs why, and whether user name, password and subscription still hold.",
        )
    return _account(HEALTHY, f"The sign-in {_HERE} ended {until}; the next download renews it.")


def describe_ending(sign_in: SignIn, sessions: Iterable[SessionFact], now: datetime) -> str | None:
    """Return why somebody has to sign in again before long, and how; None: nobody has to.

    A sign-in made in a browser ends after some days: it is told ``SIGN_IN_MARGIN`` before, and ``WEEKEND_MARGIN``
    before a session whose data it will not live to see.
    """
    ends = sign_in.expires_at
    if ends is None or sign_in.has_username:
        return None
    missed = [
        session
        for session in sessions
        if session.start_utc is not None
        and now < session.start_utc < now + WEEKEND_MARGIN
        and publication_due_utc(session.start_utc, session.code) > ends
    ]
    if ends - now > SIGN_IN_MARGIN and not missed:
        return None
    first = min(missed, key=lambda session: session.start_utc or now, default=None)
    before = "" if first is None else f", before the data of {first.label} is out"
    ended = "ended" if ends <= now else "ends"
    return (
        f"The sign-in {_HERE} {ended} {moment(ends)}{before}. Sign in again in a browser (RUNBOOK, Signing in), or set "
        "F1_USERNAME and F1_PASSWORD."
    )


def _never_signed_in(sign_in: SignIn) -> Check:
    if sign_in.has_username:
        return _account(HEALTHY, f"Not signed in {_HERE} yet; the first download that needs it does.")
    return _account(
        HEALTHY,
        f"No account is set {_HERE}: what needs one, live timing of recent sessions, is not downloaded. To have it, "
        "set F1_USERNAME and F1_PASSWORD.",
    )


def _account(state: str, message: str) -> Check:
    return Check("f1_account", state, message)


def _came_due(session: SessionFact, since: datetime, now: datetime) -> bool:
    return (
        session.start_utc is not None
        and since < session.start_utc < publication_due_utc(session.start_utc, session.code) < now
    )


def read_free_bytes(settings: Settings) -> dict[str, int]:
    """Return the free bytes of the cache's, the working files' and a destination folder's disk.

    :raises OSError: one of them cannot be asked.
    """
    folders = {"cache": settings.cache_dir, "working files": Path(tempfile.gettempdir())}
    parts = urlsplit(settings.destination)
    if parts.scheme == "file":
        folders["destination"] = Path(unquote(parts.path))
    return {name: shutil.disk_usage(_existing(folder)).free for name, folder in folders.items()}


def _existing(folder: Path) -> Path:
    """Return ``folder`` or, before it is made, the nearest one above it that is there."""
    return next((place for place in (folder, *folder.absolute().parents) if place.exists()), Path("/"))


def read_sign_in(environment: Mapping[str, str] = os.environ) -> SignIn:
    """Return what FastF1 has stored of the F1 account and what is set for it. Asks nobody."""
    account = Account.from_environment(environment)
    return SignIn(
        has_username=account.username is not None,
        has_password=account.password is not None,
        expires_at=signed_in_until(),
    )
