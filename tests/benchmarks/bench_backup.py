"""Backup and restore, walked through and timed: Prefect's database from a dump, the site from the raw archive.

    python tests/benchmarks/bench_backup.py

On PostgreSQL, by the commands of the runbook. Two sessions are published, the database is dumped, both are taken away;
then a server on the restored database has to know everything, tell a webhook that a run has failed, and have the site
made again with the same revisions.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, installation
from postgres import MISSING, postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

_ORDER: dict[str, Any] = {"year": SAMPLE_YEAR, "rounds": "all", "sessions": ["Practice 1"]}


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what was done and how long it took."""
    begin = time.perf_counter()
    yield
    sys.stdout.write(f"{what}: {time.perf_counter() - begin:.1f} s\n")
    sys.stdout.flush()


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a webhook on loopback and what it has been sent."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()


def backfill(made: Installation, source: str) -> None:
    """Publish the sessions."""
    ended = made.wait_for_state(made.start_run("backfill", **_ORDER, source=source), "Completed", "Failed")
    if ended["state_name"] != "Completed":
        raise SystemExit(ended["state"]["message"])


def revisions(site: Path) -> dict[str, str]:
    """Return the current revision of each session."""
    documents = (json.loads(path.read_bytes()) for path in site.glob("v1/sessions/*/latest.json"))
    return {str(document["session_key"]): document["revision"] for document in documents}


def what_prefect_knows(made: Installation) -> dict[str, Any]:
    """Return deployments, automations, what is paused, and the runs there are."""
    deployments = made.post("/deployments/filter", {"limit": 100})
    ended = {"state": {"type": {"any_": ["COMPLETED"]}}, "tags": {"all_": ["parcferme"]}}
    runs = made.flow_runs(flow_runs=ended)
    return {
        "deployments": {one["name"]: (one["id"], one["paused"]) for one in deployments},
        "automations": {one["name"]: one["id"] for one in made.post("/automations/filter", {"limit": 100})},
        "runs": sorted(run["id"] for run in runs if run["name"] != "check"),
    }


def _fail_a_run(made: Installation) -> None:
    deployment = made.get("/deployments/name/publish-session/publish-session")["id"]
    order = {"year": SAMPLE_YEAR, "event": "1", "session": "Race"}
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2093-05-01T12:00:00Z"}}
    run = made.post(f"/deployments/{deployment}/create_flow_run", {"parameters": order, "state": later})["id"]
    for type_ in ("RUNNING", "FAILED"):
        made.post(f"/flow_runs/{run}/set_state", {"state": {"type": type_, "message": "By hand."}, "force": True})
        # Prefect may hold back what follows before it has told of this.
        event = f"prefect.flow-run.{type_.capitalize()}"
        wait_until(partial(_events, made, event, run), f"{event} is told of")


def _events(made: Installation, event: str, run: str) -> list[dict[str, Any]]:
    about = {"event": {"name": [event]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    return list(made.post("/events/filter", {"filter": about})["events"])


def main() -> None:
    programs = postgres_programs()
    if programs is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, receiver() as (webhook, got):
        folder = Path(name)
        (folder / "made").mkdir()
        write_sample_season(folder / "cache")
        settings = {
            "PARCFERME_NOW": SAMPLE_NOW_UTC.isoformat(),
            "PARCFERME_ARCHIVE": (folder / "raw").as_uri(),
            "PARCFERME_NOTIFY_WEBHOOK": webhook,
        }
        with (
            running_postgres(programs) as url,
            installation(folder / "made", folder / "cache", database_url=url, **settings) as made,
        ):
            _walk(made, programs, url, folder, got)


def _walk(made: Installation, programs: Path, url: str, folder: Path, got: list[dict[str, Any]]) -> None:
    made.start_worker("worker", limit=3)
    with timed("two sessions are published and kept in the archive"):
        backfill(made, "upstream")
    verify = made.get("/deployments/name/verify/verify")["id"]
    made.post(f"/deployments/{verify}/pause_deployment", {})
    before, published = what_prefect_knows(made), revisions(made.site)
    address, dump = url.replace("+asyncpg", ""), folder / "prefect.dump"
    with timed("pg_dump"):
        subprocess.run([programs / "pg_dump", "--format=custom", f"--file={dump}", address], check=True)
    sys.stdout.write(f"the dump has {dump.stat().st_size / 1e6:.1f} MB\n")
    made.workers.pop().stop()
    made.server.stop()
    shutil.rmtree(made.site)
    restored = address.rpartition("/")[0] + "/restored"
    with timed("createdb and pg_restore"):
        subprocess.run([programs / "createdb", f"--maintenance-db={address}", "restored"], check=True)
        subprocess.run([programs / "pg_restore", "--no-owner", f"--dbname={restored}", dump], check=True)
    made.environment["PREFECT_API_DATABASE_CONNECTION_URL"] = restored.replace("postgresql", "postgresql+asyncpg")
    with timed("the server starts on it"):
        made.server.start()
    if what_prefect_knows(made) != before:
        raise SystemExit("Prefect does not know what it knew.")
    with timed("a notice is received after the restart"):
        _fail_a_run(made)
        failed = wait_until(lambda: [one for one in got if one["state"] == "Failed"], "the webhook is told")
    sys.stdout.write(f"  {failed[0]}\n")
    made.start_worker("worker", limit=3)
    with timed("the site is made again from the archive"):
        backfill(made, "archive")
    if revisions(made.site) != published:
        raise SystemExit("The site is not what it was.")
    ended = made.run("verify", "--deep")
    sys.stdout.write(ended.stdout.splitlines()[-1] + "\n")


if __name__ == "__main__":
    main()
