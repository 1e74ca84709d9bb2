"""What a season's backfill asks of Prefect's server, without its computing: does its database stand that?

    python tests/benchmarks/bench_database.py [runs: 120] [at once: 8] [postgresql]

Everything is registered as delivered, automations too. So many runs of publish-session go through their states, tell
their logs, four tasks, progress and heartbeats, as fast as the server takes them; meanwhile somebody looks at the UI's
start page. Prints how long it took, how long answers took, and what the server complained of.
"""

import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/flows")]

from installation import Installation, installation
from postgres import postgres_programs, running_postgres

from flows.sample import SAMPLE_YEAR

_LOG_LINES, _PROGRESS, _BEATS = 40, 8, 4
_LOOK_S = 1.0
#: Before asking again.
_PAUSE_S = 1.0
_PATIENCE_S = 120.0


@dataclass
class Answers:
    """How long (s) each answer took, asking again included, and how often the server refused one."""

    seconds: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def ask(self, client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
        """Ask until it is answered, as runs do; give up after two minutes and return None."""
        begin = time.perf_counter()
        while time.perf_counter() < begin + _PATIENCE_S:
            try:
                answer = client.request(method, path, json=body)
            except httpx.TransportError as error:
                self.refused[type(error).__name__] += 1
            else:
                if answer.is_success:
                    self.seconds.append(time.perf_counter() - begin)
                    return answer.json() if answer.content else {}
                self.refused[str(answer.status_code)] += 1
            time.sleep(_PAUSE_S)
        return None

    def __str__(self) -> str:
        half, most, longest = np.percentile(self.seconds, (50, 99, 100))
        said = f"{len(self.seconds)} answers, half within {half * 1000:.0f} ms, 99 % within {most:.2f} s"
        return f"{said}, the longest {longest:.2f} s; asked again for: {dict(self.refused) or 'none'}"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _event(name: str, resource: str, run: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred": _now(),
        "event": name,
        "resource": {"prefect.resource.id": resource, "prefect.resource.name": "a run"},
        "related": [
            {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"},
            {"prefect.resource.id": "prefect.tag.parcferme", "prefect.resource.role": "tag"},
        ],
    }


def _make(client: httpx.Client, deployment: str, number: int, answers: Answers) -> bool:
    """Go through one run as its process and its worker would; False: it was lost on the way."""
    order = {"year": SAMPLE_YEAR, "event": str(number % 24 + 1), "session": "Race"}
    made = answers.ask(client, "POST", f"/deployments/{deployment}/create_flow_run", {"parameters": order})
    if made is None:
        return False
    run = made["id"]

    def state(type_: str) -> bool:
        body = {"state": {"type": type_}}
        return answers.ask(client, "POST", f"/flow_runs/{run}/set_state", body) is not None

    went_on = state("PENDING") and state("RUNNING")
    key = f"progress-{number}"
    artifact = answers.ask(
        client, "POST", "/artifacts/", {"key": key, "type": "progress", "data": 0.0, "flow_run_id": run}
    )
    for beat in range(_PROGRESS):
        lines = [
            {"name": "run", "level": 20, "message": f"Line {line}", "timestamp": _now(), "flow_run_id": run}
            for line in range(_LOG_LINES // _PROGRESS)
        ]
        answers.ask(client, "POST", "/logs/", lines)
        if artifact is not None:
            answers.ask(client, "PATCH", f"/artifacts/{artifact['id']}", {"data": 100.0 * beat / _PROGRESS})
        if beat % (_PROGRESS // _BEATS) == 0:
            events = [_event("prefect.flow-run.heartbeat", f"prefect.flow-run.{run}", run)]
            answers.ask(client, "POST", "/events", events)
    return state("COMPLETED") and went_on


@contextmanager
def _looking(made: Installation, answers: Answers) -> Iterator[None]:
    """Look at the start page every second."""
    stopped = threading.Event()

    def look() -> None:
        with httpx.Client(base_url=made.server.api, timeout=_PATIENCE_S) as client:
            while not stopped.wait(_LOOK_S):
                answers.ask(client, "POST", "/flow_runs/filter", {"limit": 50, "sort": "EXPECTED_START_TIME_DESC"})

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def measure(made: Installation, runs: int, at_once: int) -> None:
    """Make the runs and print what came of them."""
    deployment = str(made.get("/deployments/name/publish-session/publish-session")["id"])
    answers, looks = Answers(), Answers()
    begin = time.perf_counter()
    with (
        httpx.Client(base_url=made.server.api, timeout=_PATIENCE_S) as client,
        ThreadPoolExecutor(at_once) as workers,
        _looking(made, looks),
    ):
        done = sum(workers.map(lambda number: _make(client, deployment, number, answers), range(runs)))
    seconds = time.perf_counter() - begin
    log = (made.folder / "server.log").read_text()
    locked = len(re.findall(r"^sqlite3\.OperationalError: database is locked", log, re.MULTILINE))
    sys.stdout.write(
        f"{done} of {runs} runs, {at_once} at once, in {seconds:.0f} s\nruns: {answers}\nstart page: {looks}\n"
        f"server: {locked} times 'database is locked', {log.count('Traceback')} tracebacks\n"
    )


def main(arguments: list[str]) -> None:
    numbers = [int(one) for one in arguments if one.isdigit()]
    runs, at_once = numbers + [120, 8][len(numbers) :]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "made").mkdir()
        programs = postgres_programs() if "postgresql" in arguments else None
        with (
            nullcontext() if programs is None else running_postgres(programs) as url,
            installation(folder / "made", folder / "cache", database_url=url) as made,
        ):
            measure(made, runs, at_once)


if __name__ == "__main__":
    main(sys.argv[1:])
