"""Folders in which this process may do no more than others may: root may do anything, so it becomes somebody else."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_NOBODY = 65534
#: Modes of folders and of files.
_ALL = (0o755, 0o644)
_LEFT = {"write": (0o555, 0o644), "read": (0o755, 0), "list": (0o300, 0o644)}


@contextmanager
def folder_of_somebody_else() -> Iterator[Path]:
    """Yield an empty folder of whoever :func:`somebody_else` becomes."""
    with tempfile.TemporaryDirectory(prefix="parcferme-") as name:
        if os.geteuid() == 0:
            os.chown(name, _NOBODY, -1)
        try:
            yield Path(name)
        finally:
            allow(Path(name))


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be nobody for a while, if this is root; all threads are."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        if not os.access(tempfile.gettempdir(), os.X_OK, effective_ids=True):
            pytest.skip("the folder for temporary files is root's alone")
        yield
    finally:
        os.seteuid(0)


def forbid(folder: Path, what: str) -> None:
    """Take a permission away from the owner of ``folder``, for all below it: ``write``, ``read`` or ``list``.

    Files may come and go meanwhile: other threads write there.
    """
    for_folders, for_files = _LEFT[what]
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.name != ".lock":
            with suppress(FileNotFoundError):
                path.chmod(for_folders if path.is_dir() else for_files)
    folder.chmod(for_folders)


def allow(folder: Path) -> None:
    """Give every permission back."""
    folder.chmod(_ALL[0])
    for path in folder.iterdir():
        if path.is_dir():
            allow(path)
        else:
            path.chmod(_ALL[1])
