"""Starts PostgreSQL for Prefect where Debian's package is installed: one folder, one account, this machine only.

For a first installation on one machine; an operator who has a server of PostgreSQL gives Prefect a database there.
The first time it makes the folder with an account and a password of its own; then it runs until it is stopped, and
prints the address Prefect takes. What PostgreSQL says is in FOLDER/log. Usage: postgres.py FOLDER [PORT]
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_PORT = 5433
_ACCOUNT = "prefect"


def main(arguments: list[str]) -> int:
    """Start it, print its address and wait for its end; return the exit code."""
    if not 1 <= len(arguments) <= 2 or not (arguments[1:] or ["0"])[0].isdigit():
        sys.stderr.write("Say where to keep it: postgres.py FOLDER [PORT]\n")
        return 2
    programs = find_programs()
    if programs is None:
        sys.stderr.write("PostgreSQL is not installed. Run: apt-get install postgresql\n")
        return 2
    folder, port = Path(arguments[0]).absolute(), int((arguments[1:] or [str(_PORT)])[0])
    # PostgreSQL refuses to run as root.
    account: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    password = make_cluster(programs, folder, account)
    command = [programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", folder]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True, **account)
    for number in (signal.SIGTERM, signal.SIGINT):
        # Its own fast shutdown: whoever is connected is told.
        signal.signal(number, lambda _number, _frame: process.send_signal(signal.SIGINT))
    sys.stdout.write(f"export PREFECT_API_DATABASE_CONNECTION_URL={address(password, port)}\n")
    sys.stdout.flush()
    code = process.wait()
    if code:
        sys.stderr.write(f"PostgreSQL has ended with {code}. Why stands in {folder / 'log'}\n")
    return code


def address(password: str, port: int) -> str:
    """Return what Prefect is told."""
    return f"postgresql+asyncpg://{_ACCOUNT}:{password}@127.0.0.1:{port}/postgres"


def find_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None if there is none."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(found, key=lambda path: int(path.parent.parent.name), default=None)
    return None if newest is None else newest.parent


def make_cluster(programs: Path, folder: Path, account: dict[str, Any]) -> str:
    """Make the folder and its cluster where there is none yet; return the password of its account."""
    kept = folder / "password"
    if kept.is_file():
        return kept.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    if account:
        shutil.chown(folder, **account)
    password = secrets.token_urlsafe(24)
    with tempfile.NamedTemporaryFile("w", suffix=".password") as file:
        file.write(password)
        file.flush()
        if account:
            shutil.chown(file.name, **account)
        command = [programs / "initdb", "--pgdata", folder / "data", "--username", _ACCOUNT, "--auth", "scram-sha-256"]
        command += ["--pwfile", file.name, "--encoding", "UTF8", "--locale", "C.UTF-8"]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **account)
    kept.touch(0o600)
    kept.write_text(password)
    return password


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
