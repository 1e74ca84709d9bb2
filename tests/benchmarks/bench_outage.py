"""Prefect's server is stopped in the middle of a backfill: what it costs, and whether anything is lost or made twice.

    python tests/benchmarks/bench_outage.py [seconds away: 90] [times: 1] [kill]

Everything as delivered; Prefect keeps its state in PostgreSQL if there is one. With ``kill`` the worker that runs the
backfill is killed with -9 instead, and another one started. Prints, for each time, how the backfill ended, how long
after the server's return, every state its runs were in, and how many processes said that they began a session.
"""

import json
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, Worker, installation
from postgres import postgres_programs, running_postgres
from prefect_servers import Server, wait_until

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

_ORDER = {"rounds": "1,2", "sessions": ["Race", "Practice 1"], "force": True}
_SESSIONS = 4


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _statuses(made: Installation) -> list[dict[str, Any]]:
    folder = made.site / "v1" / "status" / str(SAMPLE_YEAR)
    return [json.loads(path.read_text()) for path in folder.glob("*/*.json")]


def _say(made: Installation, backfill: str, seen: set[str], since_s: float) -> None:
    ended = made.wait_for_state(backfill, "Completed", "Failed", timeout_s=1200)
    took_s = time.monotonic() - since_s
    children = [run for run in made.runs_of("publish-session") if run["id"] not in seen]
    states = Counter(
        state["name"]
        for run in children
        for state in made.get(f"/flow_run_states/?flow_run_id={run['id']}")
        if state["name"] in ("Running", "Crashed", "AwaitingRetry", "AlreadyRunning", "Failed", "Completed")
    )
    _tell(f"{ended['state_name']}: {ended['state']['message']}; {took_s:.0f} s after the return")
    _tell(f"  {len(children)} runs for {_SESSIONS} sessions; states {dict(states)}")
    seen.update(run["id"] for run in children)


def _outage(server: Server, made: Installation, away_s: float) -> float:
    wait_until(lambda: any(one["type"] == "progress" for one in _statuses(made)), "a session is under way", 600)
    server.stop()
    _tell(f"The server is away for {away_s:.0f} s")
    time.sleep(away_s)
    server.start()
    return time.monotonic()


def _kill(made: Installation, control: Worker, number: int) -> tuple[Worker, float]:
    wait_until(lambda: any(one["type"] == "progress" for one in _statuses(made)), "a session is under way", 600)
    control.kill()
    since_s = time.monotonic()
    return made.start_worker(f"control-{number}", "--work-queue", "control", limit=3), since_s


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
            ) as made,
        ):
            control = made.start_worker("control", "--work-queue", "control", limit=3)
            made.start_worker("sessions", "--work-queue", "sessions", limit=2)
            seen: set[str] = set()
            for number in range(times):
                backfill = made.start_run("backfill", year=SAMPLE_YEAR, **_ORDER)
                made.wait_for_state(backfill, "Running")
                if "kill" in arguments:
                    control, since_s = _kill(made, control, number)
                else:
                    since_s = _outage(made.server, made, away_s)
                _say(made, backfill, seen, since_s)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(sys.argv[1:])
