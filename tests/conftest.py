"""One Prefect server for the whole test session, in a home folder of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Read by Prefect when it is imported, so set before any test module is.
_PREFECT_ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}


def pytest_configure(config: pytest.Config) -> None:
    import tempfile

    home = tempfile.TemporaryDirectory(prefix="parcferme-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    os.environ.update(_PREFECT_ENVIRONMENT, PREFECT_HOME=str(Path(home.name) / "prefect"))
    # What the developer has set must not decide what is tested.
    for name in [name for name in os.environ if name.startswith("PARCFERME_") or name == "PREFECT_API_URL"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """A running Prefect server; yields its API URL. The first start takes some 20 s."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield str(PREFECT_API_URL.value())
