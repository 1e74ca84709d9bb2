"""Packages that tests need and the product's pins have no room for, installed once into a folder git ignores."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

INSTALLED = Path(__file__).parents[1] / ".apart"
_PATIENCE_S = 300


def run_apart(pins: Path, program: str, *arguments: str, **environment: str) -> str:
    """Run Python that sees what ``pins`` lists before what the tests have; returns what it prints."""
    command = [sys.executable, "-c", program, *arguments]
    seen = {**os.environ, "PYTHONPATH": str(installed(pins)), **environment}
    done = subprocess.run(command, env=seen, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed(pins: Path) -> Path:
    """Return the folder into which ``pins`` are installed; skips, or fails in CI, where pip cannot."""
    folder = INSTALLED / f"{pins.stem}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}"
    INSTALLED.mkdir(exist_ok=True)
    with FileLock(INSTALLED / f"{pins.stem}.lock"):
        if not folder.exists():
            half = folder.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", half, "-r", pins]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
                said = done.stderr if done.returncode else ""
            except subprocess.TimeoutExpired:
                said = f"pip was not done within {_PATIENCE_S} s"
            if said:
                give_up = pytest.fail if os.environ.get("CI") else pytest.skip
                give_up(f"pip cannot install what {pins.name} lists: {said.strip()}")
            half.rename(folder)
    return folder
