"""Folders for working files: removed when the run ends, and by the next run if it was killed."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "parcferme-spool-"
#: A folder this young may belong to a run that has made it but not locked it yet, s.
_GRACE_S = 60.0


@contextmanager
def working_folder() -> Iterator[Path]:
    """Yield an empty folder below ``TMPDIR`` and remove it with all its content, whatever happens inside.

    A race's files take some 200 MB; what killed runs have left is removed first.

    :raises OSError: it cannot be made.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        # The lock goes away with the process, however it ends.
        descriptor = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        # Not ours, already gone or still in use: none of this run's business.
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _GRACE_S and _is_unlocked(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_unlocked(folder: Path) -> bool:
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
