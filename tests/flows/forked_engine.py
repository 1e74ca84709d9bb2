"""Runs flow runs of deployments as a worker's processes do, without their start: each in a fork of one process.

That process has imported what a run imports; a fork sets its environment and becomes Prefect's engine.
"""

import gc
import json
import os
import runpy
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

_TIMEOUT_S = 300.0


@dataclass
class ForkedEngine:
    """A context manager. ``environment`` is what its runs run with, what they print goes into ``log``."""

    environment: dict[str, str]
    log: Path
    _ended: dict[str, "Queue[int]"] = field(default_factory=dict)

    def __enter__(self) -> "ForkedEngine":
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                env=self.environment,
                cwd=self.log.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=_TIMEOUT_S)
        self._listener.join(timeout=_TIMEOUT_S)
        self._process.stdout.close()

    def start(self, flow_run_id: str, **environment: str) -> None:
        """Start to run a flow run that is scheduled for now; ``environment`` is added to its own."""
        assert self._process.stdin is not None
        self._ended[flow_run_id] = Queue()
        self._process.stdin.write(json.dumps({"id": flow_run_id, "environment": environment}) + "\n")
        self._process.stdin.flush()

    def wait(self, flow_run_id: str) -> int:
        """Return the exit code of a run's process once it has ended."""
        return self._ended[flow_run_id].get(timeout=_TIMEOUT_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            self._ended[said["id"]].put(said["code"])


def _serve() -> None:
    import fastf1  # noqa: F401
    import prefect.flow_engine
    import prefect.flow_runs  # noqa: F401

    import flows.season.backfill
    import flows.season.operations
    import flows.season.plan_season
    import flows.season.refresh_results
    import flows.session.flow
    import flows.upstream.load  # noqa: F401
    from flows.session.fingerprint import code_fingerprint

    # Each session asks for it, and a process computes it once.
    code_fingerprint()
    # Forks take none but the forking thread along, and need not look through what all of them have for garbage.
    assert threading.active_count() == 1
    gc.freeze()
    answers, lock = os.dup(1), threading.Lock()
    os.dup2(2, 1)
    children: list[threading.Thread] = []
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.close(0)
            _become_engine(order)

        def tell(pid: int = pid, id_: str = order["id"]) -> None:
            _, status = os.waitpid(pid, 0)
            with lock:
                os.write(answers, (json.dumps({"id": id_, "code": os.waitstatus_to_exitcode(status)}) + "\n").encode())

        children.append(threading.Thread(target=tell))
        children[-1].start()
    for child in children:
        child.join()


def _become_engine(order: dict[str, object]) -> None:
    os.environ.update(order["environment"], PREFECT__FLOW_RUN_ID=str(order["id"]))  # type: ignore[call-overload]
    sys.argv = ["prefect.engine", str(order["id"])]
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    _serve()
