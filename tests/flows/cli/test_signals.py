"""The command ended by signals at its stages: what is there stays whole, and running it again finishes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.sample import SAMPLE_YEAR
from publish.contract.verify import verify_store
from publish.stores.choose import open_store

_PATIENCE_S = 240
_LOOK_S = 0.01
#: What there is of the site at a stage, and the signal that comes then.
STAGES = {
    "while it loads": ("v1/status/**/*.json", signal.SIGTERM, 143),
    "while it uploads": ("v1/sessions/*/*/parquet/*.parquet", signal.SIGKILL, -signal.SIGKILL),
    "while it makes it current": ("v1/sessions/*/*/manifest.json", signal.SIGINT, 130),
}


def begin() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "flows.cli", "publish", str(SAMPLE_YEAR), "1", "FP1"]
    return subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("stage", STAGES)
def test_ended_by_a_signal(sample_site: Path, stage: str) -> None:
    sign, number, code = STAGES[stage]
    run = begin()
    deadline = time.monotonic() + _PATIENCE_S
    while not any(sample_site.glob(sign)):
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()[0]
        time.sleep(_LOOK_S)
    run.send_signal(number)
    said, _ = run.communicate(timeout=_PATIENCE_S)
    assert run.returncode == code, said
    # Copies and indexes may be behind what is current, never ahead; whatever is linked is whole.
    found = verify_store(open_store(sample_site.as_uri())).findings
    assert [one for one in found if not one.is_orphan and one.key.startswith("v1/sessions/")] == []
    again = begin()
    said, _ = again.communicate(timeout=_PATIENCE_S)
    assert again.returncode == 0, said
    assert verify_store(open_store(sample_site.as_uri()), deep=True).is_good
