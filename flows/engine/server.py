"""Which Prefect server there is: one that was set, or Prefect's own temporary one.

Prefect is imported inside the functions: the import alone takes a second, and most commands find out here that they
need none of it.
"""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

#: Files in which Prefect looks for settings besides the environment, and what stands in one that may name a server.
_PROFILES = ("profiles.toml", "PREFECT_API_URL")
_OF_THIS_FOLDER = (("prefect.toml", "url"), ("pyproject.toml", "tool.prefect"))


def has_server() -> bool:
    """Whether a Prefect server was set: in the environment, a profile, or a file of this folder.

    Only where a file may name one is Prefect asked, which takes a second.
    """
    if os.environ.get("PREFECT_API_URL"):
        return True
    if not any(_says(path, text) for path, text in _setting_files()):
        return False
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def _setting_files() -> Iterator[tuple[Path, str]]:
    name, text = _PROFILES
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect")
    yield Path(os.environ.get("PREFECT_PROFILES_PATH") or home / name).expanduser(), text
    yield from ((Path(name), text) for name, text in _OF_THIS_FOLDER)


def _says(path: Path, text: str) -> bool:
    # One that cannot be read is Prefect's to complain of.
    return path.is_file() and (not os.access(path, os.R_OK) or text in path.read_text(errors="replace"))


def start_temporary_server() -> None:
    """Start Prefect's temporary server, for when no other is configured. Prefect stops it when the process ends.

    A terminal sends Ctrl-C to every process in the foreground. Were the server to go first, Prefect would try for
    minutes to tell it that the run was interrupted. A blocked signal stays blocked in the processes a thread starts.

    :raises Exception: whatever Prefect raises when its server does not start.
    """
    failures: list[BaseException] = []

    def _start() -> None:
        from prefect import get_client

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            get_client(sync_client=True)
        except BaseException as error:
            failures.append(error)

    starter = threading.Thread(target=_start, name="prefect-server", daemon=True)
    starter.start()
    starter.join()
    if failures:
        raise failures[0]
