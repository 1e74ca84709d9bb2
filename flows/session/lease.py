"""One run at a time is at work on a session, whatever started it: a lease in the session's status document.

A run that lives renews its lease with every word, twice a minute, and says in the end that it is done; one that was
killed is silent, and its lease ends by itself. Who finds another's lease looks whether it is renewed. On the same
machine nobody has to wait for that: the owner holds a lock on a file for as long as its process lives.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.session.announce import Logger
from flows.session.status import StatusSink
from publish.live.status import Status
from transforms.errors import AlreadyRunningError, PublicationError

_PREFIX = "parcferme-run-"
_LOOK_S = 2.0


@contextmanager
def leased(
    status: StatusSink, label: str, logger: Logger, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lease of the session ``label`` inside the block; wait for a dead run's lease to end.

    :raises AlreadyRunningError: another run that lives has it.
    """
    with _locked_file(status.owner):
        try:
            _take(status, label, logger, sleep)
        except PublicationError as error:
            # Two runs at once cost time and spoil nothing; a status that cannot be written stops no publication.
            logger.warning("Whether another run is at work on %s cannot be known: %s", label, error)
        yield


def check_lease(status: StatusSink, label: str) -> None:
    """Do nothing if the lease is still ours: a run that stood still for minutes was taken for dead.

    :raises AlreadyRunningError: another run has taken it since.
    """
    with suppress(PublicationError):
        if (other := status.taken_by()) is not None:
            raise _already_running(other, label)


def _take(status: StatusSink, label: str, logger: Logger, sleep: Callable[[float], None]) -> None:
    first = status.claim()
    if first is None:
        return
    other: Status | None = first
    while other is not None and other.lease is not None:
        lives = _lives_here(other.lease.owner)
        if lives or (lives is None and other.updated_at != first.updated_at):
            raise _already_running(other, label)
        if lives is None:
            if other is first:
                logger.warning(
                    "The run %s was at work on %s at %s UTC. If it says nothing until %s it is dead, and this one goes "
                    "on.",
                    other.flow_run_name,
                    label,
                    f"{other.updated_at:%H:%M:%S}",
                    f"{other.lease.until:%H:%M:%S}",
                )
            sleep(_LOOK_S)
        other = status.claim(dead=other.lease.owner if lives is False else "")


def _already_running(other: Status, label: str) -> AlreadyRunningError:
    return AlreadyRunningError(
        f"{label} is being made by another run, {other.flow_run_name} ({other.progress} %, last heard of at "
        f"{other.updated_at:%H:%M:%S} UTC). Wait for it, or stop it and run this again.",
        other.flow_run_id,
    )


def _file_of(owner: str) -> Path:
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getuid()}-{owner}"


@contextmanager
def _locked_file(owner: str) -> Iterator[None]:
    path = _file_of(owner)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # The lock goes away with the process, however it ends.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lives_here(owner: str) -> bool | None:
    """Whether the process that has a lease is alive on this machine; None: it is not known here."""
    if not owner.isalnum():
        return None
    try:
        descriptor = os.open(_file_of(owner), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    _file_of(owner).unlink(missing_ok=True)
    return False
