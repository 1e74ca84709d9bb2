"""From the version before to this one and back, while a backfill is at work: is anything lost, doubled or let loose?

    python tests/benchmarks/bench_upgrade.py COMMIT [folder] [--downgrade]

Installs COMMIT beside this version (into the folder, where a later call finds it), starts PostgreSQL and all of an
installation with it, and does what the runbook says under Upgrading: to this version in the middle of a backfill, and
back in the middle of another. The way back is the dump made before, or with ``--downgrade`` Prefect's own. Meanwhile a
reader of the site looks whether every current revision is whole. Prints every step with the time it took, and fails
where something is not as it was.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
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
_SESSIONS = ["Practice 1", "Qualifying"]
_LOOK_S = 1.0


@dataclass(frozen=True)
class Version:
    """An installed version of the project: its ``folder`` and its ``python``."""

    name: str
    folder: Path
    python: str

    def run(self, environment: dict[str, str], *arguments: str, exit_codes: tuple[int, ...] = (0,)) -> str:
        """Run a module of it, which must end with one of ``exit_codes``; return what it printed."""
        command = [self.python, "-m", *arguments]
        # Not from here: this folder holds a version, too. Wide enough for tables whose rows are one line each.
        how: dict[str, Any] = {"cwd": environment["PREFECT_HOME"], "env": {**environment, "COLUMNS": "1000"}}
        ended = subprocess.run(command, capture_output=True, text=True, timeout=600, **how)
        if ended.returncode not in exit_codes:
            raise RuntimeError(f"{self.name}: {arguments}: {ended.stdout}{ended.stderr}"[-2000:])
        return ended.stdout

    def verify(self, environment: dict[str, str]) -> list[str]:
        """Have it check the site, say its verdict, and return the keys that are wrong to it."""
        lines = self.run(environment, "flows.cli", "verify", exit_codes=(0, 1)).strip().splitlines()
        _tell(f"  {self.name} verifies: {lines[-1]}")
        return [words[1] for words in map(str.split, lines) if words and words[0] == "wrong"]


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
    problems += [f"{key} is wrong" for key in version.verify(made.environment)]
    if problems:
        raise SystemExit("; ".join(problems[:5]))


@dataclass
class Reader:
    """Whoever reads the contract: every session's current revision, by its manifest."""

    site: Path
    looks: int = 0
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read again and again for as long as the block runs; then say how often, and fail if anything was missing."""
        stopped = threading.Event()

        def read() -> None:
            while not stopped.wait(_LOOK_S):
                self.look()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
        _tell(f"a reader has looked {self.looks} times at all that was current: {self.problems[:3] or 'always whole'}")
        if self.problems:
            raise SystemExit(1)

    def look(self) -> None:
        """Read everything that is current once."""
        self.looks += 1
        for path in self.site.glob("v1/sessions/*/latest.json"):
            try:
                revision = path.parent / json.loads(path.read_bytes())["revision"]
                objects = json.loads((revision / "manifest.json").read_bytes())["objects"]
                sizes = {one["path"]: (revision / one["path"]).stat().st_size for one in objects}
            except (OSError, ValueError, KeyError) as error:
                self.problems.append(f"{path.parent.name}: {error}")
            else:
                self.problems += [f"{revision}: {one['path']}" for one in objects if sizes[one["path"]] != one["bytes"]]


@dataclass
class Database:
    """Prefect's database at ``url`` (as psql takes it), before and after."""

    programs: Path
    url: str
    dump: Path
    revision: str = ""

    def _run(self, program: str, *arguments: str) -> str:
        command = [self.programs / program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def keep(self) -> None:
        """Write the dump, and note which migration it is at."""
        self._run("pg_dump", "--format=custom", f"--file={self.dump}", self.url)
        asked = "SELECT version_num FROM alembic_version"
        self.revision = self._run("psql", "--tuples-only", "--no-align", self.url, "--command", asked)

    def restore(self) -> str:
        """Write the dump back into a new database; return what Prefect calls that."""
        restored = self.url.rpartition("/")[0] + "/restored"
        self._run("createdb", f"--maintenance-db={self.url}", "restored")
        self._run("pg_restore", "--no-owner", f"--dbname={restored}", str(self.dump))
        return restored.replace("postgresql", "postgresql+asyncpg")


def main(arguments: list[str]) -> None:
    programs = postgres_programs()
    words = [one for one in arguments if not one.startswith("-")]
    if not words or programs is None:
        raise SystemExit("Say which commit is the version before." if programs else MISSING)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, running_postgres(programs) as url:
        place = Path(name)
        before = install(words[0], Path(words[1]) if words[1:] else place / "before")
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
        database = Database(programs, url.replace("+asyncpg", ""), place / "prefect.dump")
        with httpx.Client(base_url=server.api, timeout=PATIENCE_S) as api:
            made = Installation(place, environment, api, server)
            with Reader(made.site).reading():
                _walk(Running(before, made), Running(after, made), database, downgrade="--downgrade" in arguments)


def _walk(old: Running, new: Running, database: Database, *, downgrade: bool) -> None:
    made, running = old.made, old
    try:
        with step("the version before is started"):
            old.start()
        set_by_hand(made)
        with step("its backfill is under way"):
            backfill = begin_backfill(made)
        kept, bytes_before = what_is_kept(made), published(made.site)
        with step("its workers and its server are stopped, the database is dumped"):
            old.stop()
            database.keep()
        running = new
        with step("this version is started, with its migrations"):
            new.start()
        with step("the backfill ends in this version"):
            check(made, new.version, backfill, kept, bytes_before)
        with step("another backfill is under way"):
            later = begin_backfill(made)
        bytes_before = published(made.site)
        with step("this version is stopped"):
            new.stop()
        if downgrade:
            with step(f"Prefect takes the database back to {database.revision}"):
                back_to = ("downgrade", "--yes", "-r", database.revision)
                new.version.run(made.environment, "prefect", "server", "database", *back_to)
        else:
            with step("the dump is restored"):
                made.environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database.restore()
        with step("what only this version knows is removed from the site"):
            _forget_what_is_newer(made, old.version)
        running = old
        with step("the version before is started again"):
            old.start()
        with step("the backfill ends in the version before"):
            # The dump knows nothing of what came after it; the runs it knows end as if nothing had been.
            check(made, old.version, later if downgrade else backfill, kept, bytes_before)
    finally:
        running.stop()


def _forget_what_is_newer(made: Installation, old: Version) -> None:
    """Delete what the version before does not know or cannot read, and have it write what it misses again."""
    wrong = old.verify(made.environment)
    for key in wrong:
        (made.site / key).unlink(missing_ok=True)
    _tell(f"  removed: {', '.join(sorted({key.rpartition('/')[0] for key in wrong}))}")
    old.run(made.environment, "flows.cli", "verify", "--heal")
    if wrong := old.verify(made.environment):
        raise SystemExit(f"{wrong[:5]} are still wrong to {old.name}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(sys.argv[1:])
