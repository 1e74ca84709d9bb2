"""The progress of the run that makes a session, for a browser to poll.

The document is public, what went wrong is often told with a local path or in the words of others: paths are taken out
of its texts, which are bounded and cleaned. The whole message stays in the run's log.
"""

import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from publish import keys
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document, Part, Utc, about, one_of
from transforms.declare import SENTENCE_LENGTH
from transforms.texts import clean_text

PROGRESS = "progress"
AWAITING_DATA = "awaiting_data"
COMPLETE = "complete"
NO_DATA = "no_data"
CANCELLED = "cancelled"
ERROR = "error"

#: Why a run has not published: the data is not out yet, there is none, the upstream refuses this machine, or gives it
#: only to an account, the stream ends before its session, the upstream could not be reached, or cannot be read.
LATE, ABSENT, BLOCKED, NO_ACCOUNT = "late", "absent", "blocked", "account"
INCOMPLETE, UNREACHABLE, BROKEN = "incomplete", "unreachable", "broken"

_LOCAL_PATH = "(local path)"
_QUOTED_PATH = re.compile(r"""(['"])(?:file://)?(?:~|[A-Za-z]:)?[/\\][^'"]*\1""")
# Not behind a letter, a digit or a slash: "km/h" and the path of a web address are none of the machine's.
_BARE_PATH = re.compile(r"""(?:file://|(?<![\w:/.\-\])}>]))~?/[^\s'",;()]*[^\s'",;().:]""")


class Lease(Part):
    """Who is at work on a session: while it holds, no other run says anything of it or begins."""

    owner: Annotated[str, about("A random name; another one at every attempt of a run")]
    until: Annotated[Utc, about("Renewed while the run lives; after it the run is taken for dead")]


class Status(Document, tag="parcferme/status/1", kw_only=True):
    """How far the run is that makes a session."""

    type: Annotated[str, one_of(PROGRESS, AWAITING_DATA, COMPLETE, NO_DATA, CANCELLED, ERROR)]
    state: Annotated[str, about("The run's state in the orchestrator's words")]
    progress: Annotated[int, Meta(ge=0, le=100), about("Percent")]
    message: str
    flow_run_id: str
    flow_run_name: str
    flow_run_url: Annotated[str | None, about("Its page in the orchestrator")] = None
    started_at: Utc
    updated_at: Utc
    next_attempt_at: Annotated[Utc | None, about("When a run that waits for data tries again")] = None
    error: Annotated[str | None, about("One sentence for the person who looks")]
    cause: Annotated[
        Annotated[str, one_of(LATE, ABSENT, BLOCKED, NO_ACCOUNT, INCOMPLETE, UNREACHABLE, BROKEN)] | None,
        about("What the upstream has to do with it that there is no (new) publication; null: nothing"),
    ] = None
    lease: Annotated[Lease | None, about("Of a run that is at work")] = None


def holder_of(status: Status | None, now: datetime) -> str | None:
    """Return the owner of a lease that holds at ``now`` (aware); None: the session is nobody's."""
    if status is None or status.type != PROGRESS or status.lease is None or status.lease.until <= now:
        return None
    return status.lease.owner


def public_text(text: str) -> str:
    """Return ``text`` in one line, bounded, and without the paths of this machine."""
    text = clean_text(text, SENTENCE_LENGTH)
    for folder in {str(Path.home()), str(Path.cwd()), tempfile.gettempdir()} - {"/"}:
        # Known folders first: they may have spaces in them.
        text = re.sub(re.escape(folder) + r"(?![\w.-])", "/-", text)
    return _BARE_PATH.sub(_LOCAL_PATH, _QUOTED_PATH.sub(_LOCAL_PATH, text))


def read_status(store: Store, year: int, round_number: int, code: str) -> Status | None:
    """Return the status of a session's last run, None where there is none.

    :raises PublicationError: ``code`` is no session's, or the document cannot be used.
    """
    return read_document(store, keys.status(year, round_number, code), Status)


def status_keys(store: Store, year: int) -> list[str]:
    """Return the keys of the season's status documents."""
    return [row.key for row in store.list(f"{keys.STATUS}{year}/") if keys.is_status(row.key)]


def write_status(
    store: Store, year: int, round_number: int, code: str, status: Status, *, owner: str = "", dead: str = ""
) -> bool:
    """Write the status of a session's run and say whether it was taken over.

    Within a run progress never goes back, and nothing but an error follows ``complete``. A later run replaces an
    earlier one's status; a straggler of an earlier run changes nothing, and neither does anybody but ``owner`` while
    its lease holds, unless the lease is that of ``dead``. How often to call is the caller's business.
    """

    def change(before: Status | None) -> Status | None:
        holder = holder_of(before, status.updated_at)
        return None if holder not in (None, owner, dead) else _merged(before, status)

    return update_document(store, keys.status(year, round_number, code), Status, change)


def _merged(before: Status | None, status: Status) -> Status | None:
    progress = max(0, min(100, status.progress))
    started_at = status.started_at
    if before is not None and before.flow_run_id == status.flow_run_id:
        if before.type == COMPLETE and status.type == PROGRESS:
            return None
        progress = max(progress, before.progress)
        started_at = min(started_at, before.started_at)
    elif before is not None and before.started_at > started_at:
        return None
    error = None if status.error is None else public_text(status.error)
    return replace(status, progress=progress, started_at=started_at, message=public_text(status.message), error=error)
