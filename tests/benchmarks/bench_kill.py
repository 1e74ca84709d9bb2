"""How long it takes until runs whose worker was killed with -9 are known for dead, and until their statuses say so.

    python tests/benchmarks/bench_kill.py [times: 2]

Two runs of one worker, begun some seconds apart, so that their heartbeats are. Everything as delivered: heartbeats,
automations, and workers' questions as often as Prefect has it. Prefect keeps its state in PostgreSQL if there is one.
"""

import json
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, Worker, installation
from postgres import postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

#: Prefect's own.
_QUERY_S = "10"
_APART_S = 13.0


class _Run:
    """A session's run, stopped as soon as its status says that it is under way."""

    def __init__(self, made: Installation, worker: Worker, session: str, code: str) -> None:
        self._made = made
        self._status = made.site / "v1" / "status" / str(SAMPLE_YEAR) / "3" / f"{code}.json"
        self.code = code
        self.id = made.start_run("publish-session", year=SAMPLE_YEAR, event="3", session=session, force=True)
        wait_until(self._is_under_way, f"{session} is under way", 600)
        worker.signal_run(self.id, signal.SIGSTOP)

    def _is_under_way(self) -> bool:
        if not self._status.is_file():
            return False
        document = json.loads(self._status.read_text())
        return (document["type"], document["flow_run_id"]) == ("progress", self.id)

    def is_known_for_dead(self) -> bool:
        return bool(self._made.flow_run(self.id)["state_name"] != "Running")

    def is_told(self) -> bool:
        return not self._is_under_way()

    def is_put_back(self) -> bool:
        return bool(self._made.flow_run(self.id)["state_name"] == "AwaitingRetry")

    def forget(self) -> None:
        cancelled = {"state": {"type": "CANCELLED", "name": "Cancelled"}, "force": True}
        self._made.post(f"/flow_runs/{self.id}/set_state", cancelled)


def _measure(made: Installation) -> None:
    victim = made.start_worker("victim", "--work-queue", "sessions", limit=2, PREFECT_WORKER_QUERY_SECONDS=_QUERY_S)
    first = _Run(made, victim, "Race", "R")
    time.sleep(_APART_S)
    runs = [first, _Run(made, victim, "Qualifying", "Q")]
    victim.kill()
    begin = time.perf_counter()
    after_s: dict[tuple[str, str], float] = {}

    def look() -> bool:
        for run in runs:
            for what, is_so in (
                ("known for dead", run.is_known_for_dead),
                ("told of", run.is_told),
                ("put back", run.is_put_back),
            ):
                if (run.code, what) not in after_s and is_so():
                    after_s[run.code, what] = time.perf_counter() - begin
        return len(after_s) == 3 * len(runs)

    wait_until(look, "both are known for dead, told of and put back", 900)
    sys.stdout.write("; ".join(f"{code} {what} after {s:.0f} s" for (code, what), s in sorted(after_s.items())) + "\n")
    sys.stdout.flush()
    for run in runs:
        run.forget()


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 2
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
