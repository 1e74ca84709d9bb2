"""The command ended by signals at its stages: what is there stays whole, and running it again finishes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from flows.sample import SAMPLE_YEAR
from publish.contract.verify import verify_store
from publish.stores.choose import open_store

_PATIENCE_S = 240
#: After which key is written the signal comes, which one it is, and what the command ends with.
STAGES = {
    "while it loads": ("v1/status/*.json", signal.SIGTERM, 143),
    "while it uploads": ("v1/sessions/*/parquet/*.parquet", signal.SIGKILL, -signal.SIGKILL),
    "while it makes it current": ("v1/sessions/*/manifest.json", signal.SIGINT, 130),
}
#: The command, which sends itself the signal once the first key of a stage is written.
_COMMAND = """
import os, runpy, sys, threading
from fnmatch import fnmatch
from publish.stores.folder import FileStore

pattern, number = sys.argv[1], int(sys.argv[2])
del sys.argv[1:3]
first = threading.Lock()

def signalled(method):
    def call(self, key, *args, **options):
        result = method(self, key, *args, **options)
        if fnmatch(key, pattern) and first.acquire(blocking=False):
            os.kill(os.getpid(), number)
        return result
    return call

FileStore.write, FileStore.upload_file = signalled(FileStore.write), signalled(FileStore.upload_file)
runpy.run_module("flows.cli", run_name="__main__")
"""


def publish(*before: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *(before or ("-m", "flows.cli")), "publish", str(SAMPLE_YEAR), "1", "FP1"]
    return subprocess.run(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_PATIENCE_S
    )


def test_ended_by_a_signal_at_each_stage_in_turn(sample_site: Path) -> None:
    """Each time it begins with what the last one left behind. It may take over 20 s: four runs of the command."""
    for stage, (pattern, number, code) in STAGES.items():
        ended = publish("-c", _COMMAND, pattern, str(int(number)))
        assert ended.returncode == code, (stage, ended.stdout)
        # Copies and indexes may be behind what is current, never ahead; whatever is linked is whole.
        found = verify_store(open_store(sample_site.as_uri())).findings
        assert [one for one in found if not one.is_orphan and one.key.startswith("v1/sessions/")] == [], stage
    again = publish()
    assert again.returncode == 0, again.stdout
    assert verify_store(open_store(sample_site.as_uri()), deep=True).is_good
