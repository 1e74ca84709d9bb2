"""How long it takes until a run whose worker was killed with -9 is known for dead, and until its status says so.

    python tests/benchmarks/bench_kill.py [times: 3]

Everything as delivered: heartbeats, automations and workers' questions as often as in compose.yaml. Prefect keeps its
state in PostgreSQL if there is one.
"""

import json
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))

from installation import Installation, installation
from postgres import postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

#: Prefect's own.
_QUERY_S = "10"


def _is_told(made: Installation, run: str) -> bool:
    """Whether the status document no longer says that the run is under way."""
    document = json.loads((made.site / "v1" / "status" / str(SAMPLE_YEAR) / "3" / "R.json").read_text())
    return (document["type"], document["flow_run_id"]) != ("progress", run)


def _measure(made: Installation) -> None:
    victim = made.start_worker("victim", "--work-queue", "sessions", limit=1, PREFECT_WORKER_QUERY_SECONDS=_QUERY_S)
    run = made.start_run("publish-session", year=SAMPLE_YEAR, event="3", session="Race", force=True)
    status = made.site / "v1" / "status" / str(SAMPLE_YEAR) / "3" / "R.json"
    wait_until(lambda: status.is_file() and not _is_told(made, run), "the run is under way")
    victim.kill()
    begin = time.perf_counter()
    wait_until(lambda: made.flow_run(run)["state_name"] != "Running", "it is known for dead", 600)
    known_s = time.perf_counter() - begin
    wait_until(lambda: _is_told(made, run), "its status says so", 600)
    told_s = time.perf_counter() - begin
    state = made.flow_run(run)["state"]
    sys.stdout.write(f"known for dead after {known_s:.0f} s, status after {told_s:.0f} s; {state['name']}\n")
    # What was put back is not for the next one.
    made.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLED", "name": "Cancelled"}, "force": True})


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    programs = postgres_programs()
    with tempfile.TemporaryDirectory() as folder:
        cache, place = Path(folder) / "cache", Path(folder) / "installation"
        place.mkdir()
        write_sample_season(cache)
        with (
            nullcontext() if programs is None else running_postgres(programs) as database_url,
            installation(place, cache, database_url=database_url, PARCFERME_NOW=SAMPLE_NOW_UTC.isoformat()) as made,
        ):
            made.start_worker("control", "--work-queue", "control", limit=4, PREFECT_WORKER_QUERY_SECONDS=_QUERY_S)
            for _ in range(times):
                _measure(made)


if __name__ == "__main__":
    main()
