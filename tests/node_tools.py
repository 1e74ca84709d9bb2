"""What checks the pages from npm (see ``publish/site/javascript``), installed once into a folder git ignores."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
#: Manifest, lock file and configuration of the tools.
JAVASCRIPT = Path(__file__).parent / "publish" / "site" / "javascript"
#: Where they are installed, in a folder for each lock file.
INSTALLED = ROOT / ".node"
_INPUTS = ("package.json", "package-lock.json", ".npmrc")
_PATIENCE_S = 300


def install_tools() -> Path:
    """Return the folder that holds ``node_modules``, installed if need be.

    Skips the test where Node or the registry is missing; fails it instead where ``CI`` is set.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            _give_up(f"needs {program} (apt-get install nodejs npm)")
    digest = hashlib.sha256(b"".join((JAVASCRIPT / name).read_bytes() for name in _INPUTS)).hexdigest()[:16]
    folder = INSTALLED / digest
    INSTALLED.mkdir(exist_ok=True)
    with FileLock(INSTALLED / "lock"):
        if not folder.exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    for name in _INPUTS:
        shutil.copy(JAVASCRIPT / name, half)
    command = ["npm", "ci", "--ignore-scripts", "--no-update-notifier"]
    try:
        done = subprocess.run(command, cwd=half, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        said = done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired:
        said = f"npm was not done within {_PATIENCE_S} s"
    if said:
        _give_up(f"npm cannot install what checks the pages: {said.strip()}")
    half.rename(folder)


def _give_up(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
