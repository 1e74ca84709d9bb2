import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from flows.upstream.calendar import read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.load import load_recording
from transforms.recording import Recording
from transforms.session import SessionData, transform_session

SHARED = Path(__file__).parents[3] / "shared"
RESTORE = SHARED / "tools" / "restore_fastf1_cache.py"


@pytest.fixture(scope="module")
def offline_client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """FastF1 with a cache of the recorded sessions; skips where they are not there."""
    if not RESTORE.is_file():
        pytest.skip("the recorded sessions are not here: ../shared is missing")
    folder = tmp_path_factory.mktemp("recorded-cache")
    subprocess.run([sys.executable, str(RESTORE), str(folder)], check=True, capture_output=True)
    return Client(folder, offline=True)


@pytest.fixture(scope="module")
def recorded(offline_client: Client) -> Callable[[int, int, str], Recording]:
    """Load a recorded session by year, round and code."""

    @cache
    def load(year: int, round_number: int, code: str) -> Recording:
        events = read_schedule(offline_client, year, datetime.now(UTC))
        return load_recording(offline_client, resolve(events, year, round_number, code).ref)

    return load


@pytest.fixture(scope="module")
def transformed(recorded: Callable[[int, int, str], Recording]) -> Callable[[int, int, str], SessionData]:
    """The same, through the transforms."""

    @cache
    def load(year: int, round_number: int, code: str) -> SessionData:
        return transform_session(recorded(year, round_number, code))

    return load
