import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from forked_python import ForkedPython, forked_python
from upstream_here import account, double, started_double

__all__ = ["account", "double", "started_double"]


@dataclass(frozen=True)
class Demo:
    """A folder in which ``parcferme demo`` has run, and what it printed."""

    folder: Path
    output: str
    environment: dict[str, str]

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``parcferme`` there, with the sample season's settings."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=400,
        )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Demo:
    """Made once, by whichever test process needs it first; nobody changes it but by running the demo again."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    environment = {
        "PREFECT_API_URL": prefect_server,
        "PARCFERME_DESTINATION": f"file://{folder / 'site'}",
        "COLUMNS": "160",
    }
    demo = Demo(folder, "", environment)
    printed = folder / "printed.txt"
    with FileLock(f"{folder}.lock"):
        if not printed.is_file():
            folder.mkdir()
            ended = demo.run("demo")
            assert ended.returncode == 0, ended.stdout + ended.stderr
            printed.write_text(ended.stdout)
    return Demo(folder, printed.read_text(), environment)


@pytest.fixture(scope="session")
def forked() -> Iterator[ForkedPython]:
    """Runs programs without their start."""
    with forked_python() as made:
        yield made
