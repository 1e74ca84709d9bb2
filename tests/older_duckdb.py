"""DuckDB 1.4 with its extensions, installed once into a folder git ignores: the newest has no package of them yet."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

PINS = Path(__file__).parent / "duckdb_1_4.txt"
INSTALLED = Path(__file__).parents[1] / ".duckdb"
_PATIENCE_S = 300
#: What runs first: a connection with the extension, which is in a package as nothing can be downloaded.
_CONNECT = """
import sys
from pathlib import Path
import duckdb
sql = duckdb.connect()
for extension in Path(duckdb.__file__).parents[1].glob("duckdb_extension_*/extensions/*/*.duckdb_extension"):
    if extension.stem in sys.argv[1:]:
        sql.execute(f"LOAD '{extension}'")
"""


def run_in_duckdb(program: str, *extensions: str) -> str:
    """Run Python that has a connection ``sql`` of DuckDB 1.4 with ``extensions``; returns what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(_install())}
    command = [sys.executable, "-c", _CONNECT + program, *extensions]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _install() -> Path:
    folder = INSTALLED / hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]
    INSTALLED.mkdir(exist_ok=True)
    with FileLock(INSTALLED / "lock"):
        if not folder.exists():
            half = folder.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", half, "-r", PINS]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
                said = done.stderr if done.returncode else ""
            except subprocess.TimeoutExpired:
                said = f"pip was not done within {_PATIENCE_S} s"
            if said:
                (pytest.fail if os.environ.get("CI") else pytest.skip)(f"pip cannot install DuckDB 1.4: {said.strip()}")
            half.rename(folder)
    return folder
