"""worker.py, which stands before Prefect's worker: runs are told before it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from delivered import DELIVERED

#: Stands in for Prefect's worker: has two children, of which one runs a flow; says how each of them ended.
_WORKER = """
import signal, subprocess, sys
sleep = "import sys, time; print('up', flush=True); time.sleep(600)"
run = subprocess.Popen([sys.executable, "-c", sleep, "prefect.engine"], stdout=subprocess.PIPE)
other = subprocess.Popen([sys.executable, "-c", sleep, "something"], stdout=subprocess.PIPE)
run.stdout.read(2), other.stdout.read(2)
def stop(*_):
    print("worker told; run", run.poll(), "other", other.poll(), flush=True)
    other.kill()
    other.wait()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
print("run ended", run.wait(), flush=True)
while True:
    signal.pause()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_runs_end_before_their_worker(number: signal.Signals):
    with subprocess.Popen(
        [sys.executable, str(DELIVERED / "worker.py"), "20", sys.executable, "-u", "-c", _WORKER],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        said = process.stdout.read().splitlines()
        assert process.wait(timeout=30) == 0
    assert said == [f"run ended {-signal.SIGTERM}", f"worker told; run {-signal.SIGTERM} other None"]


@pytest.mark.parametrize("code", [0, 3])
def test_a_worker_that_ends_by_itself_says_how(code: int):
    command = [sys.executable, str(DELIVERED / "worker.py"), sys.executable, "-c", f"raise SystemExit({code})"]
    assert subprocess.run(command, timeout=30).returncode == code


def test_without_a_command_there_is_nothing_to_run():
    done = subprocess.run([sys.executable, str(DELIVERED / "worker.py")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "Say what to run" in done.stderr
