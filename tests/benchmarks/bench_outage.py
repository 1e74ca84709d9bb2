"""Prefect's server goes away, or workers die, in the middle of a backfill: is a run lost, made twice, or stuck?

    python tests/benchmarks/bench_outage.py [seconds away: 90] [times: 1] [kill]

Everything as delivered; Prefect keeps its state in PostgreSQL if there is one. With ``kill`` the worker that runs the
backfill and one that is in the middle of a session are killed with -9 instead, and others started. Says for each time
how the backfill ended and how long after the return, which states its runs were in, and how many attempts took each
session's lease. Where that is not as it should be, it prints states and logs of the runs, and ends with an error.
"""

import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, Worker, installation
from postgres import postgres_programs, running_postgres
from prefect_servers import wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

_ORDER = {"rounds": "1,2", "sessions": ["Race", "Practice 1"], "force": True}
_SESSIONS = 4
_ALL_WELL = f"{_SESSIONS} of {_SESSIONS} sessions are published"
_LOOK_S = 0.1
_STUCK_S = 1200.0
_PATIENCE_S = 600.0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _statuses(made: Installation) -> dict[str, dict[str, Any]]:
    """Return the status of every session that has one, by its key."""
    folder = made.site / "v1" / "status" / str(SAMPLE_YEAR)
    return {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in folder.glob("*/*.json")}


@dataclass
class Attempts:
    """Who has held each session's lease: every attempt of a run has a name of its own there."""

    made: Installation
    owners: dict[str, list[str]] = field(default_factory=dict)

    @contextmanager
    def watched(self) -> Iterator["Attempts"]:
        """Look at the status documents, which need no server, for as long as the block runs."""
        stopped = threading.Event()

        def look() -> None:
            while not stopped.wait(_LOOK_S):
                for key, status in _statuses(self.made).items():
                    known = self.owners.setdefault(key, [])
                    if status["lease"] and status["lease"]["owner"] not in known:
                        known.append(status["lease"]["owner"])

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stopped.set()
            thread.join()

    def counts(self) -> dict[str, int]:
        """Return how many attempts there were of each session."""
        return {key: len(owners) for key, owners in sorted(self.owners.items())}


@dataclass
class Trouble:
    """What goes wrong in each backfill, and what is right all the same."""

    made: Installation
    control: Worker
    sessions: list[Worker]
    number: int = 0

    def outage(self, away_s: float) -> float:
        """Stop the server for some time; return when it was back (monotonic, s)."""
        self.made.server.stop()
        time.sleep(away_s)
        self.made.server.start()
        return time.monotonic()

    def kill(self) -> float:
        """Kill two workers and start others; return when they were killed (monotonic, s)."""
        at_work = {status["flow_run_id"] for status in _statuses(self.made).values() if status["type"] == "progress"}
        victim = next(worker for worker in self.sessions if at_work & set(worker.runs()))
        for worker in (self.control, victim):
            worker.kill()
            self.made.workers.remove(worker)
        since_s = time.monotonic()
        self.number += 1
        self.control = start_control(self.made, self.number)
        self.sessions[self.sessions.index(victim)] = start_sessions(self.made, f"again-{self.number}")
        return since_s


def start_control(made: Installation, number: int = 0) -> Worker:
    """Start a worker for backfills and checks."""
    return made.start_worker(f"control-{number}", "--work-queue", "control", limit=3)


def start_sessions(made: Installation, name: str) -> Worker:
    """Start a worker that makes one session at a time."""
    return made.start_worker(name, "--work-queue", "sessions", limit=1)


def _runs_of(made: Installation, backfill: str) -> list[dict[str, Any]]:
    return made.flow_runs(flow_runs={"tags": {"all_": [f"backfill:{backfill}"]}})


def _problems(
    made: Installation, ended: dict[str, Any], runs: list[dict[str, Any]], counts: dict[str, int]
) -> list[str]:
    """Return what is lost, made twice or stuck."""
    found = []
    if (ended["state_name"], ended["state"]["message"]) != ("Completed", _ALL_WELL):
        found.append("the backfill did not do all")
    if (states := Counter(run["state_name"] for run in runs)) != {"Completed": _SESSIONS}:
        found.append(f"its runs ended as {dict(states)}")
    if len(counts) != _SESSIONS or max(counts.values()) > max(run["run_count"] for run in runs):
        found.append("a session was begun by more than it has attempts")
    if any(status["type"] != "complete" for status in _statuses(made).values()):
        found.append("a status does not say that its session is complete")
    documents = [json.loads(path.read_text()) for path in made.site.glob("v1/sessions/*/latest.json")]
    if [len(one["revisions"]) for one in documents] != [1] * _SESSIONS:
        found.append("a session has not one revision")
    # The watch is at work every now and then.
    at_work = made.flow_runs(
        flow_runs={"state": {"type": {"any_": ["RUNNING", "PENDING"]}}, "tags": {"any_": ["session"]}}
    )
    return found + [f"{run['name']} is still at work" for run in at_work]


def _history(made: Installation, run: dict[str, Any]) -> Iterator[str]:
    yield f"  {run['name']} {run['id']}, begun {run['run_count']} times"
    for state in made.get(f"/flow_run_states/?flow_run_id={run['id']}"):
        yield f"    {state['timestamp'][11:23]} {state['name']}: {state['message']}"
    wanted = {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
    for line in made.post("/logs/filter", wanted):
        yield f"      {line['timestamp'][11:23]} {line['message'][:300]}"


def _once(trouble: Trouble, away_s: float | None) -> list[str]:
    """Run a backfill with the trouble in it; return what was wrong."""
    made = trouble.made
    with Attempts(made).watched() as attempts:
        backfill = made.start_run("backfill", year=SAMPLE_YEAR, **_ORDER)
        made.wait_for_state(backfill, "Running")
        wait_until(
            lambda: any(one["type"] == "progress" for one in _statuses(made).values()),
            "a session is under way",
            _PATIENCE_S,
            poll_s=_LOOK_S,
        )
        since_s = trouble.kill() if away_s is None else trouble.outage(away_s)
        try:
            ended = made.wait_for_state(backfill, "Completed", "Failed", "Cancelled", timeout_s=_STUCK_S)
        except AssertionError:
            ended = made.flow_run(backfill)
    took_s = time.monotonic() - since_s
    runs = _runs_of(made, backfill)
    problems = _problems(made, ended, runs, attempts.counts())
    _tell(
        f"{ended['state_name']}: {ended['state']['message']}, {took_s:.0f} s after; attempts {attempts.counts()}; "
        f"states {_states(made, [ended, *runs])}; {'; '.join(problems) or 'well'}"
    )
    if problems:
        for run in (ended, *runs):
            _tell("\n".join(_history(made, run)))
    return problems


def _states(made: Installation, runs: list[dict[str, Any]]) -> dict[str, int]:
    names = (state["name"] for run in runs for state in made.get(f"/flow_run_states/?flow_run_id={run['id']}"))
    return dict(Counter(name for name in names if name in ("Running", "Crashed", "AwaitingRetry", "AlreadyRunning")))


def main(arguments: list[str]) -> None:
    numbers = [int(one) for one in arguments if one.isdigit()]
    away_s, times = (numbers + [90, 1][len(numbers) :])[:2]
    programs = postgres_programs()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "made").mkdir()
        write_sample_season(folder / "cache")
        with (
            nullcontext() if programs is None else running_postgres(programs) as url,
            installation(
                folder / "made",
                folder / "cache",
                database_url=url,
                PARCFERME_NOW=SAMPLE_NOW_UTC.isoformat(),
                PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE="prefect.server.concurrency.lease_storage.filesystem",
            ) as made,
        ):
            sessions = [start_sessions(made, name) for name in ("one", "two")]
            trouble = Trouble(made, start_control(made), sessions)
            wrong = 0
            for number in range(1, times + 1):
                problems = _once(trouble, None if "kill" in arguments else away_s)
                wrong += bool(problems)
                _tell(f"{number - wrong} of {number} well")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(sys.argv[1:])
