"""A year of runs on Prefect's database: how large it is without and with cleaning up, and how fast the server stays.

    python tests/benchmarks/bench_year.py [days: 365]

On PostgreSQL. One run of check-health and one of publish-session go through the API, with states, tasks, logs, an
artifact and events; then the database copies them over the year, a check every ten minutes and five looks at each of
120 sessions, three times as many as a season has. Then the server's clean-up and the flow housekeeping do their work.
With the empty database, with a year in it, and after housekeeping a worker takes up what a schedule of a minute makes.
"""

import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, installation
from postgres import MISSING, postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.engine.housekeeping import Housekeeper

_CHECKS_A_DAY, _SESSION_RUNS_A_YEAR = 144, 1_800
_LOG_LINES = {"check-health": 6, "publish-session": 60}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "check-health": {},
    "publish-session": {"year": 2024, "event": "1", "session": "Race"},
}
_TIMES, _ON_TIME_S = 5, 240.0
_EVERY_S = 60
#: What the UI asks for its start page, after the filters it sends.
_PAGE_REQUESTS = (
    ("/flow_runs/paginate", {"limit": 20, "sort": "EXPECTED_START_TIME_DESC"}),
    ("/flow_runs/count", {}),
    ("/ui/flow_runs/history", {"sort": "EXPECTED_START_TIME_DESC", "limit": 100}),
    ("/task_runs/count", {}),
    ("/work_pools/filter", {}),
)


@dataclass(frozen=True)
class Database:
    """The database at ``url`` as ``psql`` of ``programs`` sees it."""

    programs: Path
    url: str

    def run(self, sql: str) -> str:
        command = [self.programs / "psql", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
        ended = subprocess.run(
            [*command, self.url.replace("+asyncpg", "")], input=sql, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        return ended.stdout.strip()

    def columns(self, table: str) -> list[str]:
        asked = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' "
        return self.run(f"{asked} AND is_generated = 'NEVER'").splitlines()

    def copy(self, table: str, where: str, overrides: dict[str, str], source: str) -> None:
        """Insert the rows of ``table`` that fit ``where`` once for each row of ``source``, with other values."""
        names = self.columns(table)
        values = ", ".join(overrides.get(name, f't."{name}"') for name in names)
        listed = ", ".join(f'"{name}"' for name in names)
        self.run(f"INSERT INTO {table} ({listed}) SELECT {values} FROM {table} t CROSS JOIN {source} c WHERE {where};")

    def count(self, table: str) -> int:
        return int(self.run(f"SELECT count(*) FROM {table};"))

    def megabytes(self) -> float:
        return int(self.run("VACUUM FULL ANALYZE; SELECT pg_database_size(current_database());")) / 1e6


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _make_template(made: Installation, name: str) -> str:
    """Lead one run through its life; return its id."""
    deployment = made.get(f"/deployments/name/{name}/{name}")
    order = {"parameters": _PARAMETERS[name], "state": {"type": "SCHEDULED"}}
    run = str(made.post(f"/deployments/{deployment['id']}/create_flow_run", order)["id"])
    for state in ("PENDING", "RUNNING"):
        made.post(f"/flow_runs/{run}/set_state", {"state": {"type": state}})
    now = datetime.now(UTC).isoformat()
    lines = _LOG_LINES[name]
    made.post(
        "/logs/",
        [
            {"name": "run", "level": 20, "message": f"Line {i} of a run", "timestamp": now, "flow_run_id": run}
            for i in range(lines)
        ],
    )
    if name == "publish-session":
        made.post("/artifacts/", {"key": "progress", "type": "progress", "data": 100.0, "flow_run_id": run})
        for number, task in enumerate(("load", "transform", "encode", "publish")):
            body = {"flow_run_id": run, "task_key": task, "dynamic_key": str(number), "state": {"type": "COMPLETED"}}
            made.post("/task_runs/", body)
    made.post(f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED"}})
    return run


def _copy_over_the_year(database: Database, run: str, times: int, days: float) -> None:
    every = f"interval '{days * 86400 / times} seconds'"
    ago = f"({every} * c.n)"
    database.run(
        f"DROP TABLE IF EXISTS copies; CREATE TABLE copies AS SELECT n, gen_random_uuid() AS run, "
        f"gen_random_uuid() AS state FROM generate_series(1, {times}) n; ANALYZE copies;"
    )

    def earlier(*names: str) -> dict[str, str]:
        return {name: f't."{name}" - {ago}' for name in names}

    fresh = {"id": "gen_random_uuid()"}
    of_run = {"flow_run_id": "c.run"}
    times_of_run = earlier(
        "created", "updated", "state_timestamp", "expected_start_time", "next_scheduled_start_time", "start_time"
    ) | earlier("end_time")
    run_itself = {"id": "c.run", "state_id": "NULL", "idempotency_key": "c.run::text"}
    database.copy("flow_run", f"t.id = '{run}'", times_of_run | run_itself, "copies")
    whose = f"t.flow_run_id = '{run}'"
    database.copy("flow_run_state", whose, earlier("created", "updated", "timestamp") | fresh | of_run, "copies")
    database.copy("log", whose, earlier("created", "updated", "timestamp") | fresh | of_run, "copies")
    database.copy("artifact", whose, earlier("created", "updated") | fresh | of_run, "copies")
    tasks = earlier("created", "updated", "state_timestamp", "expected_start_time", "start_time", "end_time")
    database.copy("task_run", whose, tasks | fresh | of_run | {"state_id": "NULL"}, "copies")
    resources = earlier("occurred", "updated", "created") | fresh | {"event_id": "gen_random_uuid()"}
    which = f"t.event_id IN (SELECT e.id FROM events e WHERE e.resource_id = 'prefect.flow-run.{run}')"
    database.copy("event_resources", which, resources, "copies")
    about = f"t.resource_id = 'prefect.flow-run.{run}'"
    database.copy("events", about, earlier("occurred", "received", "recorded") | fresh, "copies")


def _page_seconds(made: Installation) -> float:
    """How long the start page's requests take, one after the other: the middle of five times, s."""

    def look() -> float:
        begin = time.perf_counter()
        for path, body in _PAGE_REQUESTS:
            made.answer("POST", path, body).raise_for_status()
        return time.perf_counter() - begin

    return median(look() for _ in range(_TIMES))


def _say(made: Installation, database: Database, when: str) -> None:
    tables = ("flow_run", "flow_run_state", "task_run", "log", "artifact", "events", "event_resources")
    counts = ", ".join(f"{table} {database.count(table):,}" for table in tables)
    _tell(f"{when}: {database.megabytes():.0f} MB; start page {_page_seconds(made) * 1000:.0f} ms; rows: {counts}")


def _clean_up(made: Installation, database: Database) -> None:
    """Let the server do what it does every hour, then housekeeping what it does every day."""
    made.server.stop()
    made.server.environment |= {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(60 * 86400),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "10",
    }
    begin = time.perf_counter()
    made.server.start()
    old = "SELECT (SELECT count(*) FROM flow_run WHERE end_time < now() - interval '60 days') + "
    old += "(SELECT count(*) FROM events WHERE occurred < now() - interval '7 days');"
    wait_until(lambda: database.run(old) == "0", "the server has removed what is old", 3600, poll_s=5)
    _tell(f"the server's own clean-up: {time.perf_counter() - begin:.0f} s")
    _say(made, database, "after the server's own clean-up")
    begin = time.perf_counter()
    with temporary_settings({PREFECT_API_URL: made.server.api}), get_client(sync_client=True) as client:
        keeper = Housekeeper(client, "parcferme", datetime.now(UTC))
        while (removed := keeper.tidy(routine=timedelta(days=7), ended=timedelta(days=60))).routine:
            _tell(f"housekeeping: removed {removed}, {time.perf_counter() - begin:.0f} s")
            begin = time.perf_counter()
    _say(made, database, "after housekeeping")


def _schedules(made: Installation) -> None:
    """Have a check every minute for a while and say how late they began."""
    deployment = made.get("/deployments/name/check-health/check-health")["id"]
    worker = made.start_worker("control", "--work-queue", "control", limit=4)
    # What was due while there was no worker does not count, and is not to be in the way.
    wait_until(lambda: not _due(made), "the worker has taken up what was due", 600)
    schedule = {"schedule": {"interval": _EVERY_S, "timezone": "UTC"}, "active": True}
    (added,) = made.post(f"/deployments/{deployment}/schedules", [schedule])
    since = datetime.now(UTC).isoformat()
    time.sleep(_ON_TIME_S)
    begun = made.flow_runs(
        deployments={"id": {"any_": [deployment]}},
        flow_runs={"start_time": {"is_null_": False}, "expected_start_time": {"after_": since}},
    )
    late = sorted(run["estimated_start_time_delta"] for run in begun if run["auto_scheduled"])
    taken = sorted(_taken_up_after(made, run) for run in begun if run["auto_scheduled"])
    _tell(
        f"  {len(late)} runs of a schedule of {_EVERY_S} s: taken up {median(taken):.1f} s after their time, at most "
        f"{taken[-1]:.1f} s; at work, their processes started, after {median(late):.1f} s, at most {late[-1]:.1f} s"
    )
    worker.stop()
    made.workers.remove(worker)
    made.ask("DELETE", f"/deployments/{deployment}/schedules/{added['id']}")


def _due(made: Installation) -> list[dict[str, Any]]:
    """Return the runs whose time has come and that nobody has taken up."""
    now = datetime.now(UTC).isoformat()
    states = {"type": {"any_": ["SCHEDULED"]}}
    return made.flow_runs(flow_runs={"state": states, "expected_start_time": {"before_": now}})


def _taken_up_after(made: Installation, run: dict[str, Any]) -> float:
    """How long after its time a worker took a run up, s."""
    states = made.get(f"/flow_run_states/?flow_run_id={run['id']}")
    taken = min(datetime.fromisoformat(one["timestamp"]) for one in states if one["type"] == "PENDING")
    return (taken - datetime.fromisoformat(run["expected_start_time"])).total_seconds()


def main(arguments: list[str]) -> None:
    days = int(arguments[0]) if arguments else 365
    programs = postgres_programs()
    if programs is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (
            running_postgres(programs) as url,
            installation(folder, folder / "cache", database_url=url) as made,
        ):
            database = Database(programs, url)
            _say(made, database, "empty")
            _schedules(made)
            templates = {name: _make_template(made, name) for name in _PARAMETERS}
            wait_until(lambda: database.count("events") >= 4 * len(templates), "the events are kept")
            _copy_over_the_year(database, templates["check-health"], days * _CHECKS_A_DAY, days)
            _copy_over_the_year(database, templates["publish-session"], days * _SESSION_RUNS_A_YEAR // 365, days)
            _say(made, database, f"{days} days without cleaning up")
            _schedules(made)
            _clean_up(made, database)
            _schedules(made)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        main(sys.argv[1:])
    except httpx.HTTPError as error:
        raise SystemExit(f"The server does not answer: {error}") from error
