"""One command that starts PostgreSQL for Prefect."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from postgres import MISSING, postgres_programs
from prefect_servers import free_port, wait_until

SCRIPT = Path(__file__).parents[2] / "deployments" / "postgres.py"


def test_it_says_what_it_wants() -> None:
    ended = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, "Say where to keep it: postgres.py FOLDER [PORT]\n")


def test_it_starts_what_its_address_reaches_and_keeps_the_password() -> None:
    programs = postgres_programs()
    if programs is None:
        pytest.skip(MISSING)
    # Below /tmp itself: PostgreSQL's account may not look into pytest's folders.
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        folder, port = Path(name) / "database", free_port()
        urls = []
        for _ in range(2):
            command = [sys.executable, SCRIPT, folder, str(port)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None and process.stderr is not None
                said = process.stdout.readline().strip()
                urls.append(said.removeprefix("export PREFECT_API_DATABASE_CONNECTION_URL="))
                psql = [programs / "psql", urls[-1].replace("+asyncpg", ""), "-Atc", "SELECT 1"]
                wait_until(lambda psql=psql: subprocess.run(psql, capture_output=True).stdout == b"1\n", "it answers")
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 0
                # The line to paste is not to be looked for.
                assert (process.stdout.read(), process.stderr.read()) == ("", "")
        assert "ready to accept connections" in (folder / "log").read_text()
        assert urls[0] == urls[1]
        assert urls[0].startswith("postgresql+asyncpg://prefect:")
