"""Runs Python programs in processes of their own that need not begin: each is a fork of one that has imported what
most of them import.

For tests of what a process does, prints and ends with, where it does not matter how it starts. Prefect is not imported
before: it reads its settings from the environment then.
"""

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_IMPORTS = ("fastf1", "flows.cli.main", "flows.cli.runs", "flows.season.one_by_one", "flows.session.direct")


class ForkedPython:
    """Runs one program at a time; :func:`forked_python` makes it."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(
        self, *arguments: str, env: Mapping[str, str], cwd: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Return how ``python -m MODULE ...`` or ``python -c CODE ...`` ended, given ``arguments`` after ``python``."""
        assert self._process.stdin is not None and self._process.stdout is not None
        outputs = [self._folder / name for name in ("stdout", "stderr")]
        for path in outputs:
            path.write_text("")
        order = {
            "arguments": arguments,
            "environment": dict(env),
            "folder": str(cwd or Path.cwd()),
            "outputs": [str(path) for path in outputs],
        }
        print(json.dumps(order), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        stdout, stderr = (path.read_text() for path in outputs)
        return subprocess.CompletedProcess(arguments, code, stdout, stderr)


@contextmanager
def forked_python() -> Iterator[ForkedPython]:
    """Start the process whose forks the programs are; it ends with the block."""
    # A pytest run's own settings are not for what was imported by somebody else's program.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PARCFERME_"))}
    with (
        TemporaryDirectory(prefix="forked-python-") as folder,
        subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process,
    ):
        yield ForkedPython(process, Path(folder))
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    # As with ``python -m``: this file's folder is not where programs look for modules.
    sys.path[0] = ""
    for name in _IMPORTS:
        importlib.import_module(name)
    from flows.session.fingerprint import code_fingerprint

    # Each session asks for it, and a process computes it once.
    code_fingerprint()
    assert "prefect" not in sys.modules
    # Forks take none but the forking thread along, and need not look through what all of them have for garbage.
    assert threading.active_count() == 1
    gc.freeze()
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            _become(json.loads(line))
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(order: dict[str, object]) -> None:
    arguments, environment, outputs = order["arguments"], order["environment"], order["outputs"]
    assert isinstance(arguments, list) and isinstance(environment, dict) and isinstance(outputs, list)
    for number, path in enumerate([os.devnull, *outputs]):
        opened = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(str(order["folder"]))
    os.environ.clear()
    os.environ.update(environment)
    how, what, *others = arguments
    sys.argv = [how, *others]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    sys.exit(0)


if __name__ == "__main__":
    _serve()
