"""What tests compute once for all processes of a run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

T = TypeVar("T")
#: Names the folder that all processes of the run share; the first of them makes it.
FOLDER = "PROCESSES_OF_THE_TEST_RUN_SHARE"


def once_in_a_run(name: str, compute: Callable[[], T]) -> T:
    """Return what ``compute`` returns, a copy for every caller; only the first one in the run computes it.

    Outside of a run everybody does.
    """
    if FOLDER not in os.environ:
        return compute()
    kept = Path(os.environ[FOLDER]) / f"{name}.pickle"
    with FileLock(f"{kept}.lock"):
        if not kept.is_file():
            unfinished = kept.with_suffix(".part")
            unfinished.write_bytes(pickle.dumps(compute(), pickle.HIGHEST_PROTOCOL))
            unfinished.replace(kept)
    return pickle.loads(kept.read_bytes())
