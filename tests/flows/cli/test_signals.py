"""The command ended by signals at its stages: what is there stays whole, and running it again finishes."""

import os
import signal
import subprocess
from pathlib import Path

from forked_python import ForkedPython

from flows.sample import SAMPLE_YEAR
from publish.contract.verify import verify_store
from publish.stores.choose import open_store

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


def publish(forked: ForkedPython, *before: str) -> "subprocess.CompletedProcess[str]":
    return forked.run(*(before or ("-m", "flows.cli")), "publish", str(SAMPLE_YEAR), "1", "FP1", env=os.environ)


def test_ended_by_a_signal_at_each_stage_in_turn(sample_site: Path, forked: ForkedPython) -> None:
    """Each time it begins with what the last one left behind."""
    for stage, (pattern, number, code) in STAGES.items():
        ended = publish(forked, "-c", _COMMAND, pattern, str(int(number)))
        assert ended.returncode == code, (stage, ended.stderr)
        # Copies and indexes may be behind what is current, never ahead; whatever is linked is whole.
        found = verify_store(open_store(sample_site.as_uri())).findings
        assert [one for one in found if not one.is_orphan and one.key.startswith("v1/sessions/")] == [], stage
    again = publish(forked)
    assert again.returncode == 0, again.stderr
    assert verify_store(open_store(sample_site.as_uri()), deep=True).is_good
