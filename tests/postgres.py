"""PostgreSQL for tests: a server of its own, from Debian's package, with nothing in it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect_servers import free_port, wait_until

#: Why tests that want one skip.
MISSING = "needs PostgreSQL (apt-get install postgresql)"


def postgres_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parent.parent.name))
    return found[-1].parent if found else None


@contextmanager
def running_postgres(programs: Path) -> Iterator[str]:
    """Yield the URL Prefect takes of an empty database; everything is gone afterwards."""
    # PostgreSQL refuses to run as root, and others may not look into pytest's folders.
    account: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if account:
        shutil.chown(folder, **account)
    data, port = folder / "data", free_port()
    how: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **account}
    initdb = [programs / "initdb", "--pgdata", data, "--username", "prefect", "--auth", "trust", "--no-sync"]
    subprocess.run([*initdb, "--encoding", "UTF8", "--locale", "C"], check=True, timeout=120, **how)
    # Without fsync: nobody pulls the plug on a test.
    command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, **how)
    ready = [programs / "pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    try:
        wait_until(lambda: subprocess.run(ready, timeout=30).returncode == 0, "PostgreSQL answers")
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        shutil.rmtree(folder)
