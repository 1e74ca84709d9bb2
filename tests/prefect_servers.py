"""Prefect servers for tests, each with a home folder and a port of its own, on databases that are migrated already."""

import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
from filelock import FileLock

T = TypeVar("T")
#: First start of a server on a busy machine, or one answer: on SQLite a request waits up to 60 s for its turn.
PATIENCE_S = 180.0
#: What records runs, logs and events and does nothing of its own accord, as the server of Prefect's own test harness:
#: every service that looks around takes processor time for as long as the tests last.
RECORDING_ONLY = {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false"}


def free_port() -> int:
    """Return a port of loopback that nobody listens at.

    Below those that the system gives to whoever connects somewhere: who is started again finds it free still.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def wait_until(
    condition: Callable[[], T | None],
    what: str | Callable[[], str],
    timeout_s: float = PATIENCE_S,
    *,
    poll_s: float = 0.5,
) -> T:
    """Return what ``condition`` returns once it is true; fail after ``timeout_s``, saying ``what`` did not happen."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(poll_s)
    raise AssertionError(f"Within {timeout_s:.0f} s this did not happen: {what() if callable(what) else what}")


@dataclass
class Server:
    """``prefect server start`` as in production, in ``folder``; ``environment`` is added to this process's own.

    It can be stopped and started again. Its database and leases are in ``folder/prefect``, its log beside it.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    python: str = sys.executable
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def api(self) -> str:
        """The URL of its API."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def home(self) -> Path:
        """Its ``PREFECT_HOME``."""
        return self.folder / "prefect"

    def __enter__(self) -> "Server":
        if not self.home.exists():
            copy_database(self.home)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self.python, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options],
                env={**os.environ, "PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.api, **self.environment},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process = self.process
        with httpx.Client(timeout=5.0, trust_env=False, verify=False) as client:
            wait_until(lambda: process.poll() is not None or self.answers(client), "the Prefect server answers")
        assert process.poll() is None, f"the Prefect server did not start: {self.folder / 'server.log'}"

    def answers(self, client: httpx.Client) -> bool:
        """Whether it is up."""
        try:
            return client.get(f"{self.api}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End it, with everything it has started."""
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


@contextmanager
def talking_to(api: str) -> Iterator[None]:
    """Let this process's client, logs and events go to the server at ``api`` while the block runs."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    def send_what_is_left() -> None:
        """Each goes to the server that was known when the first was sent, until all are sent."""
        APILogWorker.drain_all()
        EventsWorker.drain_all()

    send_what_is_left()
    # At its end each run waits up to a second for the thread that sends heartbeats.
    with temporary_settings({PREFECT_API_URL: api, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
        send_what_is_left()


@contextmanager
def shared_server(folder: Path) -> Iterator[str]:
    """Yield the API URL of the server that all who name ``folder`` share.

    Whoever comes first starts it, and ends it once all others have gone; it only records.
    """
    folder.mkdir(exist_ok=True)
    said = folder / "api-url"
    with (folder / "users").open("w") as users, ExitStack() as at_end:
        # Held by every process that uses the server; whoever comes while it is being ended waits, and starts it again.
        fcntl.flock(users, fcntl.LOCK_SH)
        at_end.callback(fcntl.flock, users, fcntl.LOCK_UN)
        with FileLock(folder / "start.lock"):
            if not said.is_file():
                server = at_end.enter_context(Server(folder, RECORDING_ONLY, options=("--no-ui",)))
                said.write_text(server.api)
                at_end.callback(said.unlink)
                at_end.callback(fcntl.flock, users, fcntl.LOCK_EX)
        yield said.read_text()


def copy_database(home: Path) -> None:
    """Make a ``PREFECT_HOME`` whose database is migrated already: that takes some seconds."""
    copy_prepared(home, "prefect-migrated", _migrate)


def copy_prepared(home: Path, name: str, prepare: Callable[[Path], None]) -> None:
    """Make a ``PREFECT_HOME`` that is a copy of what ``prepare`` makes, once in a test run, at the path it is given."""
    shared = next((one for one in home.parents if re.fullmatch(r"pytest-\d+", one.name)), home.parent)
    made = shared / name
    with FileLock(f"{made}.lock"):
        if not made.is_dir():
            unfinished = shared / f"{name}.part" / "prefect"
            unfinished.parent.mkdir()
            prepare(unfinished)
            unfinished.rename(made)
    shutil.copytree(made, home)


def _migrate(home: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
