"""One Prefect server for the whole test run, in a home folder of its own."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from filelock import FileLock
from hypothesis import settings
from once_in_a_run import FOLDER

#: Hypothesis tries the same examples in every run: what it finds here fails everywhere, and never only once.
settings.register_profile("parcferme", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("parcferme")

#: Read by Prefect when it is imported, so set before any test module is.
_PREFECT_ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--branch-coverage", action="store_true", help="measure transforms and publish, with a floor")


def pytest_configure(config: pytest.Config) -> None:
    import tempfile

    if config.getoption("branch_coverage"):
        from branch_coverage import BranchCoverage

        config.pluginmanager.register(BranchCoverage(config))
    # What is imported stays, and looking for garbage among it meanwhile takes a fifth of the time.
    gc.disable()
    home = tempfile.TemporaryDirectory(prefix="parcferme-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = home.name
    # Where nothing compiled is kept, each process of the run would compile all tests, and pytest rewrite them first.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Every client of Prefect's reads the certificates it would trust, a run makes ten clients, and none has a use for
    # them: reading one of them takes a fiftieth of the time.
    one = Path(home.name) / "certificate.pem"
    end = "-----END CERTIFICATE-----\n"
    one.write_text(Path(certifi.where()).read_text().partition(end)[0] + end)
    os.environ.update(
        _PREFECT_ENVIRONMENT, PREFECT_HOME=str(Path(home.name) / "prefect"), PREFECT_API_SSL_CERT_FILE=str(one)
    )
    # What the developer has set must not decide what is tested.
    for name in [name for name in os.environ if name.startswith("PARCFERME_") or name == "PREFECT_API_URL"]:
        del os.environ[name]


#: Files that take longest, longest first: begun first, so that no process is left with one of them at the end.
_LONGEST = (
    "test_work_pool",
    "test_race_weekend",
    "test_demo",
    "test_broken_topics",
    "test_interleavings",
    "test_automations",
    "test_identity",
    "test_cli",
    "test_lost_laps",
    "test_recorded",
    "test_telemetry",
    "test_health_server",
    "test_upstream_double",
    "test_upstream_limits",
    "test_lap_counts",
    "test_upstream_door",
    "test_flows",
    "test_sample_season",
    "test_archive",
    "test_incomplete",
    "test_accessibility",
    "test_store_s3",
    "test_publication_faults",
    "test_status_page",
    "test_signals",
    "test_upstream_faults",
    "test_run_sweep",
    "test_hostile_session",
    "test_broken_timing",
    "test_missing",
    "test_deploy",
    "test_structs",
    "test_page_versions",
    "test_fingerprint",
    "test_timed",
    "test_missing_parts",
    "test_security_canary",
    "test_direct",
    "test_contradictions",
    "test_prune",
    "test_server",
    "test_store_contract",
    "test_verify",
    "test_events",
    "test_outages",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest. Files stay in one process (``--dist loadfile``)."""
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_collection_finish() -> None:
    """Leave what has been imported out of every later collection of garbage: looking through it takes 0.1 s."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Prefect server, one for all processes of the run; yields its API URL.

    Other files use it at the same time: a test must know its runs, limits and events from theirs, or have a server of
    its own.
    """
    from prefect_servers import shared_server, talking_to

    with shared_server(_folder_of_the_run(tmp_path_factory) / "prefect-server") as api, talking_to(api):
        yield api


def _folder_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of the run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def sample_season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample season as it is written, in a folder that all processes of the run share: only copy it."""
    from flows.sample import write_sample_season

    made = _folder_of_the_run(tmp_path_factory) / "sample-season"
    with FileLock(f"{made}.lock"):
        write_sample_season(made)
    return made


@pytest.fixture(scope="session")
def sample_cache(sample_season: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A FastF1 cache that holds the sample season, shared by all tests: only read it, through FastF1."""
    return Path(shutil.copytree(sample_season, tmp_path_factory.mktemp("sample-cache"), dirs_exist_ok=True))


@pytest.fixture
def sample_site(sample_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings that publish the sample season into an empty folder; returns the folder."""
    from flows.sample import SAMPLE_NOW_UTC

    site = tmp_path / "site"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(sample_cache))
    monkeypatch.setenv("PARCFERME_OFFLINE", "1")
    monkeypatch.setenv("PARCFERME_NOW", SAMPLE_NOW_UTC.isoformat())
    monkeypatch.setenv("PARCFERME_DESTINATION", site.as_uri())
    return site
