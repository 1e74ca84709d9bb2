"""A whole installation for tests: Prefect server, deployments, process workers, a folder as destination."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prefect_servers import PATIENCE_S, Server, copy_prepared, wait_until


def _children() -> dict[int, list[int]]:
    """Return the children of every process."""
    found: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
        found.setdefault(parent, []).append(int(stat.parent.name))
    return found


@dataclass
class Worker:
    """A process worker and everything it has started."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def processes(self) -> list[int]:
        """Return its process and all that descend from it; runs are in sessions of their own."""
        found = [self.process.pid]
        children = _children()
        for pid in found:
            found += children.get(pid, [])
        return found

    def runs(self) -> dict[str, list[int]]:
        """Return the processes of each flow run it has in its hands, by the run's id."""
        marker = b"PREFECT__FLOW_RUN_ID="
        found: dict[str, list[int]] = {}
        for pid in self.processes()[1:]:
            try:
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended
            for variable in variables:
                if variable.startswith(marker):
                    found.setdefault(variable.removeprefix(marker).decode(), []).append(pid)
        return found

    def kill_run(self, flow_run_id: str) -> None:
        """Kill a run without a word, as the kernel does when memory is short; the worker lives on."""
        self.signal_run(flow_run_id, signal.SIGKILL)

    def signal_run(self, flow_run_id: str, number: signal.Signals) -> None:
        """Send a signal to the processes of a run."""
        for pid in self.runs().get(flow_run_id, ()):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Kill it and its runs without a word, as if the machine had gone."""
        # The worker first: it would tell of a run that dies.
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as an operator does."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Installation:
    """``environment`` is what its processes run with, ``site`` the destination, ``api`` a client of its ``server``."""

    folder: Path
    environment: dict[str, str]
    api: httpx.Client
    server: Server
    workers: list[Worker] = field(default_factory=list)

    @property
    def site(self) -> Path:
        """The folder everything is published in."""
        return self.folder / "site"

    @property
    def ui_url(self) -> str:
        """Where the Prefect UI is."""
        return self.environment["PREFECT_API_URL"].removesuffix("/api")

    def run(self, *arguments: str, timeout_s: float = 300.0) -> "subprocess.CompletedProcess[str]":
        """Run ``parcferme`` with its settings."""
        command = [sys.executable, "-m", "flows.cli", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout_s
        )

    def start_worker(self, name: str, *options: str, limit: int = 2, **environment: str) -> Worker:
        """Start a process worker; it is stopped with the installation."""
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "parcferme", "--type", "process"]
        command += ["--name", name, "--limit", str(limit), *options]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env={**self.environment, **environment},
                cwd=self.folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        worker = Worker(name, process, log)
        self.workers.append(worker)
        return worker

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment, as the form does, and return its id."""
        found = self.get(f"/deployments/name/{deployment}/{deployment}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.post(f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def flow_run(self, flow_run_id: str) -> dict[str, Any]:
        """Return a flow run as the API has it."""
        return dict(self.get(f"/flow_runs/{flow_run_id}"))

    def flow_runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Return the flow runs that fit the API's filters."""
        return list(self.post("/flow_runs/filter", {**filters, "limit": 200}))

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        """Return every flow run of a deployment."""
        return self.flow_runs(deployments={"name": {"any_": [deployment]}})

    def wait_for_state(self, flow_run_id: str, *names: str, timeout_s: float = 300.0) -> dict[str, Any]:
        """Return a flow run once its state has one of these names."""

        def look() -> dict[str, Any] | None:
            run = self.flow_run(flow_run_id)
            return run if run["state_name"] in names else None

        return wait_until(look, f"flow run {flow_run_id} is {' or '.join(names)}", timeout_s, poll_s=1.0)

    def get(self, path: str) -> Any:
        """Ask the API."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """Ask or tell the API."""
        return self.ask("POST", path, body)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the API answers, which must not refuse it."""
        response = self.answer(method, path, body).raise_for_status()
        return response.json() if response.content else None

    def answer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask again while the server's database is busy, as Prefect's own client does, and whatever its fault if asking
        changes nothing.
        """
        only_asks = method == "GET" or path.endswith("/filter")

        def answered() -> httpx.Response | None:
            response = self.api.request(method, path, json=body)
            is_busy = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
            return None if is_busy or (only_asks and response.is_server_error) else response

        return wait_until(answered, f"the server has time for {path}")


@contextmanager
def installation(
    folder: Path, cache: Path, *, database_url: str | None = None, **environment: str
) -> Iterator[Installation]:
    """Start a server on which everything is registered and yield the installation; without a worker.

    ``cache`` is FastF1's cache, ``database_url`` an empty database (None: SQLite, prepared), ``environment`` what its
    processes run with besides. The services of the server look after runs and automations every few seconds.
    """
    server = Server(folder)
    variables = {
        **os.environ,
        "PREFECT_HOME": str(server.home),
        "PREFECT_API_URL": server.api,
        "PREFECT_UI_URL": f"http://127.0.0.1:{server.port}/v2",
        "PREFECT_SERVER_UI_API_URL": server.api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "PARCFERME_DESTINATION": (folder / "site").as_uri(),
        "PARCFERME_CACHE_DIR": str(cache),
        "PARCFERME_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        **environment,
    }
    if database_url is None:
        copy_prepared(server.home, "prefect-deployed", _deploy)
        # The server that it was made with has done so, and that takes a second.
        variables["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"
    else:
        server.home.mkdir()
        variables["PREFECT_API_DATABASE_CONNECTION_URL"] = database_url
    server.environment = variables
    with server, httpx.Client(base_url=server.api, timeout=PATIENCE_S) as api:
        if database_url is not None:
            _register(server, variables)
        made = Installation(folder, variables, api, server)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.stop()


def _deploy(home: Path) -> None:
    """Register everything with a server of an empty database."""
    with Server(home.parent, options=("--no-ui",)) as server:
        _register(server, {**os.environ, "PREFECT_HOME": str(server.home), "PREFECT_API_URL": server.api})


def _register(server: Server, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "flows.cli", "deploy"],
        env=environment,
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
