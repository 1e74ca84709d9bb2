"""What Prefect's server keeps its runs in, as far as it can be seen from here: the server itself does not tell."""

import time
from pathlib import Path
from urllib.parse import urlsplit

from prefect.settings import PREFECT_API_URL, get_current_settings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: A server that runs writes its database at least so often, s: its services look around every few seconds.
_WRITTEN_WITHIN_S = 600.0

SQLITE_WARNING = (
    "Prefect's server keeps its runs in SQLite, which is locked for seconds at a time once two runs are at work: runs "
    "fail of it. Use PostgreSQL (RUNBOOK: A machine without containers)."
)


def uses_sqlite() -> bool:
    """Whether the server is on this machine and writes a SQLite file; False also where that cannot be known."""
    if urlsplit(PREFECT_API_URL.value() or "").hostname not in _LOOPBACK:
        return False
    secret = get_current_settings().server.database.connection_url
    url = "" if secret is None else secret.get_secret_value()
    if not url.startswith("sqlite"):
        return False
    path = url.partition("///")[2].partition("?")[0]
    files = [file for file in (Path(path), Path(f"{path}-wal")) if path and file.is_file()]
    return any(time.time() - file.stat().st_mtime < _WRITTEN_WITHIN_S for file in files)
