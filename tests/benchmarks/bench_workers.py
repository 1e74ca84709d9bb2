"""The sample season through the work pool with one worker and with two: how long, how much memory, nothing twice.

    python tests/benchmarks/bench_workers.py [runs a worker makes at once: 1]

Every time an installation of its own: server, deployments, empty destination, FastF1 cache parsed before.
"""

import json
import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, installation

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

_SESSIONS = ["Race", "Sprint", "Qualifying", "Sprint Qualifying"]


def _resident_mb(pids: list[int]) -> float:
    """Memory of processes, MB."""
    pages = 0
    for pid in pids:
        with suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class _Watch:
    """The most memory each worker and its runs have had together."""

    def __init__(self, made: Installation) -> None:
        self.most_mb = {worker.name: 0.0 for worker in made.workers}
        self._made = made
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stopped.wait(0.5):
            for worker in self._made.workers:
                self.most_mb[worker.name] = max(self.most_mb[worker.name], _resident_mb(worker.processes()))

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def _measure(cache: Path, workers: int, at_once: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), cache, PARCFERME_NOW=SAMPLE_NOW_UTC.isoformat()) as made,
    ):
        made.start_worker("control", "--work-queue", "control", limit=4)
        for number in range(workers):
            made.start_worker(f"worker-{number + 1}", "--work-queue", "sessions", limit=at_once)
        watch = _Watch(made)
        begin = time.perf_counter()
        run = made.start_run("backfill", year=SAMPLE_YEAR, sessions=_SESSIONS)
        ended = made.wait_for_state(run, "Completed", "Failed", "Crashed", timeout_s=1200)
        seconds = time.perf_counter() - begin
        watch.stop()
        children = made.runs_of("publish-session")
        computing = sum(child["total_run_time"] for child in children)
        revisions = [
            len(json.loads(path.read_text())["revisions"]) for path in made.site.glob("v1/sessions/*/latest.json")
        ]
        sys.stdout.write(
            f"{workers} worker(s), {at_once} run(s) each at once: {seconds:.1f} s, of which runs {computing:.1f} s; "
            f"{ended['state_name']}: {ended['state']['message']}; {len(children)} runs, {len(revisions)} sessions, "
            f"{sum(revisions)} revisions; most memory, worker and runs: "
            + ", ".join(f"{name} {most:.0f} MB" for name, most in watch.most_mb.items())
            + "\n"
        )


def main() -> None:
    at_once = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        write_sample_season(cache)
        for number in (1, 2):
            _measure(cache, number, at_once)


if __name__ == "__main__":
    main()
