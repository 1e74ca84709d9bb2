"""Runs a Prefect process worker and ends it well: what it is running is told first, so that it can say so.

On SIGTERM Prefect's worker kills its runs at once; they would count as running until their heartbeats are missed. Here
the runs get the signal first. They end as `Crashed`, the worker reports that, and Prefect has them picked up again.
Then the worker itself is stopped. Usage: worker.py [seconds] command argument ...
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_GRACE_S = 25.0
_INTERVAL_S = 0.2
#: What runs a flow is started with this module's name, whatever Python it is.
_ENGINE = b"prefect.engine"


class _Stopped(BaseException):
    """SIGTERM or SIGINT has come."""


def _stop(_number: int, _frame: object) -> None:
    raise _Stopped


def main(arguments: list[str]) -> int:
    """Run the command until it ends or this process is told to stop, and return its exit code (0: stopped)."""
    grace_s = _GRACE_S
    if arguments and arguments[0].isdigit():
        grace_s, arguments = float(arguments[0]), arguments[1:]
    if not arguments:
        sys.stderr.write("Say what to run: worker.py [seconds] command argument ...\n")
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    # A session of its own: a terminal's Ctrl-C reaches this process only.
    worker = subprocess.Popen(arguments, start_new_session=True)
    try:
        return worker.wait()
    except _Stopped:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        _stop_runs(worker, time.monotonic() + grace_s)
        worker.terminate()
        try:
            worker.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        return 0


def _stop_runs(worker: "subprocess.Popen[bytes]", deadline: float) -> None:
    """Send every run SIGTERM once and wait until none is left, or until the deadline."""
    told: set[int] = set()
    while worker.poll() is None and time.monotonic() < deadline and (runs := set(_runs_of(worker.pid))):
        for pid in runs - told:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        told |= runs
        time.sleep(_INTERVAL_S)


def _runs_of(pid: int) -> Iterator[int]:
    """Yield the processes below ``pid`` that run a flow, from what Linux says of each process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in brackets may hold spaces; the parent is the second word behind it.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            is_run = parent == pid and _ENGINE in (folder / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        if is_run:
            yield int(folder.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
