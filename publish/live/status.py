"""The progress of the run that makes a session, for a browser to poll.

The document is public, what went wrong is often told with a local path: paths are taken out of its texts. The whole
message stays in the run's log.
"""

import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from publish import keys
from publish.stores.base import Store
from publish.stores.shared_documents import Document, parse_utc, update_document, utc_text

SCHEMA = "parcferme/status/1"
PROGRESS = "progress"
AWAITING_DATA = "awaiting_data"
COMPLETE = "complete"
ERROR = "error"

_LOCAL_PATH = "(local path)"
_QUOTED_PATH = re.compile(r"""(['"])(?:file://)?(?:~|[A-Za-z]:)?[/\\][^'"]*\1""")
# Not behind a letter, a digit or a slash: "km/h" and the path of a web address are none of the machine's.
_BARE_PATH = re.compile(r"""(?:file://|(?<![\w:/.\-\])}>]))~?/[^\s'",;()]*[^\s'",;().:]""")


@dataclass(frozen=True)
class StatusDocument:
    """How far a run is. ``type`` is ``progress``, ``awaiting_data``, ``complete`` or ``error``; times are aware.

    ``progress`` is 0-100, ``state`` the run's state in the orchestrator's words, ``flow_run_url`` its page there,
    ``next_attempt_at`` when a run that awaits its data goes on, ``error`` one sentence for the person who looks.
    """

    type: str
    state: str
    progress: int
    message: str
    flow_run_id: str
    flow_run_name: str
    started_at: datetime
    updated_at: datetime
    error: str | None = None
    flow_run_url: str | None = None
    next_attempt_at: datetime | None = None


def public_text(text: str) -> str:
    """Return ``text`` without the paths of this machine."""
    for folder in {str(Path.home()), str(Path.cwd()), tempfile.gettempdir()} - {"/"}:
        # Known folders first: they may have spaces in them.
        text = re.sub(re.escape(folder) + r"(?![\w.-])", "/-", text)
    return _BARE_PATH.sub(_LOCAL_PATH, _QUOTED_PATH.sub(_LOCAL_PATH, text))


def write_status(store: Store, year: int, round_number: int, code: str, status: StatusDocument) -> bool:
    """Write the status of a session's run and say whether it was taken over.

    Within a run progress never goes back, and nothing but an error follows ``complete``. A later run replaces an
    earlier one's status; a straggler of an earlier run changes nothing. How often to call is the caller's business.
    """
    return update_document(store, keys.status(year, round_number, code), lambda before: _merged(before, status))


def _merged(before: Document | None, status: StatusDocument) -> Document | None:
    progress = max(0, min(100, status.progress))
    started_at = status.started_at
    if before is not None and before.get("flow_run_id") == status.flow_run_id:
        if before.get("type") == COMPLETE and status.type == PROGRESS:
            return None
        progress = max(progress, int(before.get("progress", 0)))
        started_at = min(started_at, parse_utc(before["started_at"]))
    elif before is not None and parse_utc(before["started_at"]) > started_at:
        return None
    return {
        "schema": SCHEMA,
        "type": status.type,
        "state": status.state,
        "progress": progress,
        "message": public_text(status.message),
        "flow_run_id": status.flow_run_id,
        "flow_run_name": status.flow_run_name,
        "flow_run_url": status.flow_run_url,
        "started_at": utc_text(started_at),
        "updated_at": utc_text(status.updated_at),
        "next_attempt_at": None if status.next_attempt_at is None else utc_text(status.next_attempt_at),
        "error": None if status.error is None else public_text(status.error),
    }
