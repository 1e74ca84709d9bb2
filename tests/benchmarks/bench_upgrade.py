"""From the version before to this one and back, while a backfill is at work: is anything lost, doubled or let loose?

    python tests/benchmarks/bench_upgrade.py COMMIT [folder]

Installs COMMIT beside this version (into the folder, where a later call finds it), starts PostgreSQL and all of an
installation with it, and does what the runbook says under Upgrading: to this version in the middle of a backfill, and
back in the middle of another. Prints every step with the time it took, and fails where something is not as it was.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation
from postgres import MISSING, postgres_programs, running_postgres
from prefect_servers import PATIENCE_S, Server, wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

_HERE = Path(__file__).parents[2]
_LATER = "2093-05-01T12:00:00Z"
_SESSIONS = ["Practice 1", "Qualifying", "Sprint Qualifying"]


@dataclass(frozen=True)
class Version:
    """An installed version of the project: its ``folder`` and its ``python``."""

    name: str
    folder: Path
    python: str

    def run(self, environment: dict[str, str], *arguments: str) -> str:
        """Run a module of it, which must end well; return what it printed."""
        command = [self.python, "-m", *arguments]
        # Not from here: this folder holds a version, too.
        home = environment["PREFECT_HOME"]
        ended = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=600)
        if ended.returncode:
            raise RuntimeError(f"{self.name}: {arguments}: {ended.stdout}{ended.stderr}"[-2000:])
        return ended.stdout


def install(commit: str, folder: Path) -> Version:
    """Write the files of ``commit`` into ``folder`` and install it there, where that is not done yet."""
    python = folder / ".venv" / "bin" / "python"
    if not folder.exists():
        folder.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=_HERE, capture_output=True, check=True)
        subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
        subprocess.run([python, "deployments/install.py"], cwd=folder, check=True)
    return Version("the version before", folder, str(python))


@dataclass
class Running:
    """The server and the workers of one version."""

    version: Version
    made: Installation
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start(self) -> None:
        """As the runbook says: the server, what is registered, the workers."""
        made = self.made
        made.server.python = self.version.python
        made.server.start()
        self.version.run(made.environment, "flows.cli", "deploy")
        for queue, limit in (("control", "4"), ("sessions", "1")):
            command = [self.version.python, str(self.version.folder / "deployments" / "worker.py")]
            command += [self.version.python, "-m", "prefect", "worker", "start", "--pool", "parcferme"]
            command += ["--type", "process", "--work-queue", queue, "--limit", limit]
            with (made.folder / f"{queue}.log").open("ab") as log:
                worker = subprocess.Popen(command, env=made.environment, cwd=made.folder, stdout=log, stderr=log)
            self.workers.append(worker)

    def stop(self) -> None:
        """As the runbook says: the workers, which tell their runs, then the server."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(timeout=90)
        self.workers.clear()
        self.made.server.stop()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done and how long it took."""
    begin = time.perf_counter()
    yield
    _tell(f"{what}: {time.perf_counter() - begin:.0f} s")


def what_is_kept(made: Installation) -> dict[str, Any]:
    """Return what an operator has set and what waits: schedules, what is paused or off, planned runs."""
    deployments = made.post("/deployments/filter", {"limit": 100})
    known = {one["name"]: one for one in deployments if one["name"] != "housekeeping"}
    waiting = made.flow_runs(flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": ["by-hand"]}})
    return {
        "deployments": {name: (one["id"], one["paused"]) for name, one in known.items()},
        "schedules": {
            name: sorted(
                (str(schedule["slug"]), json.dumps(schedule["schedule"], sort_keys=True), schedule["active"])
                for schedule in one["schedules"]
            )
            for name, one in known.items()
        },
        "automations": {one["name"]: one["enabled"] for one in made.post("/automations/filter", {"limit": 100})},
        "runs by hand": sorted(run["id"] for run in waiting),
    }


def published(site: Path) -> dict[str, str]:
    """Return the hash of every object of every revision."""
    files = (path for path in site.glob("v1/sessions/*/*/**/*") if path.is_file())
    return {path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def set_by_hand(made: Installation) -> None:
    """Pause a deployment and a schedule, add a schedule, switch an automation off, plan a run."""
    by_name = {one["name"]: one for one in made.post("/deployments/filter", {"limit": 100})}
    made.post(f"/deployments/{by_name['refresh-results']['id']}/pause_deployment", {})
    verify = by_name["verify"]
    made.ask("PATCH", f"/deployments/{verify['id']}/schedules/{verify['schedules'][0]['id']}", {"active": False})
    own = {"schedule": {"cron": "15 7 1 * *", "timezone": "UTC"}, "active": True}
    made.post(f"/deployments/{by_name['plan-season']['id']}/schedules", [own])
    off = made.post("/automations/filter", {"sort": "NAME_ASC"})[-1]
    made.ask("PATCH", f"/automations/{off['id']}", {"enabled": False})
    order = {
        "parameters": {"year": SAMPLE_YEAR, "event": "1", "session": "Race"},
        "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": _LATER}},
        "tags": ["by-hand"],
    }
    made.post(f"/deployments/{by_name['publish-session']['id']}/create_flow_run", order)


def begin_backfill(made: Installation) -> str:
    """Start a backfill of a part of the season, and return its id once two of its sessions are done."""
    backfill = made.start_run("backfill", year=SAMPLE_YEAR, rounds="all", sessions=_SESSIONS, force=True)

    def under_way() -> bool:
        ended = [run for run in children(made, backfill) if run["state_type"] == "COMPLETED"]
        return len(ended) >= 2

    wait_until(under_way, "two sessions are done", 900)
    return backfill


def children(made: Installation, backfill: str) -> list[dict[str, Any]]:
    """Return the runs a backfill has made."""
    return made.flow_runs(flow_runs={"tags": {"all_": [f"backfill:{backfill}"]}})


def check(made: Installation, version: Version, backfill: str, before: dict[str, Any], old: dict[str, str]) -> None:
    """Wait for the backfill and hold everything against what was there before."""
    # It looks every ten minutes, too: what was told to stop is put back by it.
    made.start_run("check-health")
    ended = made.wait_for_state(backfill, "Completed", "Failed", "Cancelled", timeout_s=1800)
    runs = children(made, backfill)
    states = Counter(run["state_name"] for run in runs)
    _tell(f"  the backfill is {ended['state_name']}: {ended['state']['message']}; its runs: {dict(states)}")
    sessions = Counter(str(run["parameters"]) for run in runs)
    problems = [f"{name} changed" for name, value in what_is_kept(made).items() if value != before[name]]
    if ended["state_name"] != "Completed" or {run["state_type"] for run in runs} != {"COMPLETED"}:
        problems.append("a run was lost")
    if max(sessions.values()) > 1:
        problems.append("a session has two runs")
    now = published(made.site)
    problems += [f"{key} is not what it was" for key, value in old.items() if now.get(key) != value]
    verdict = version.run(made.environment, "flows.cli", "verify").strip().splitlines()[-1]
    _tell(f"  {version.name} verifies: {verdict}")
    if problems:
        raise SystemExit("; ".join(problems[:5]))


def main(arguments: list[str]) -> None:
    programs = postgres_programs()
    if not arguments or programs is None:
        raise SystemExit("Say which commit is the version before." if programs else MISSING)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, running_postgres(programs) as url:
        place = Path(name)
        before = install(arguments[0], Path(arguments[1]) if arguments[1:] else place / "before")
        after = Version("this version", _HERE, sys.executable)
        write_sample_season(place / "cache")
        server = Server(place)
        server.home.mkdir()
        server.environment = environment = {
            **os.environ,
            "PREFECT_HOME": str(server.home),
            "PREFECT_API_URL": server.api,
            "PREFECT_API_DATABASE_CONNECTION_URL": url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PARCFERME_DESTINATION": (place / "site").as_uri(),
            "PARCFERME_CACHE_DIR": str(place / "cache"),
            "PARCFERME_OFFLINE": "1",
            "PARCFERME_NOW": SAMPLE_NOW_UTC.isoformat(),
        }
        with httpx.Client(base_url=server.api, timeout=PATIENCE_S) as api:
            made = Installation(place, environment, api, server)
            _walk(made, Running(before, made), Running(after, made), programs, url.replace("+asyncpg", ""))


def _walk(made: Installation, old: Running, new: Running, programs: Path, url: str) -> None:
    running = old
    try:
        with step("the version before is started"):
            old.start()
        set_by_hand(made)
        with step("its backfill is under way"):
            backfill = begin_backfill(made)
        kept, bytes_before = what_is_kept(made), published(made.site)
        with step("its workers and its server are stopped"):
            old.stop()
        schema = subprocess.run(
            [
                programs / "psql",
                "--tuples-only",
                "--no-align",
                url,
                "--command",
                "SELECT version_num FROM alembic_version",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        running = new
        with step("this version is started, with its migrations"):
            new.start()
        with step("the backfill ends in this version"):
            check(made, new.version, backfill, kept, bytes_before)
        _tell(f"  the version before verifies: {old.version.run(made.environment, 'flows.cli', 'verify').strip()}")

        with step("another backfill is under way"):
            backfill = begin_backfill(made)
        bytes_before = published(made.site)
        with step("this version is stopped"):
            deployment = made.get("/deployments/name/housekeeping/housekeeping")
            made.ask("DELETE", f"/deployments/{deployment['id']}")
            new.stop()
        with step(f"the database goes back to {schema}"):
            new.version.run(made.environment, "prefect", "server", "database", "downgrade", "--yes", "-r", schema)
        running = old
        with step("the version before is started again"):
            old.start()
        with step("the backfill ends in the version before"):
            check(made, old.version, backfill, kept, bytes_before)
    finally:
        running.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(sys.argv[1:])
