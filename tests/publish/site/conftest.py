"""Tools from npm, and sites with the viewer on them, for the tests of the pages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import Page
from node_tools import install_tools
from replay_sites import board_site, race_site
from viewer_browser import run_scenario

Drive = Callable[..., Any]


@pytest.fixture(scope="session")
def npm_tools() -> Path:
    """The folder whose ``node_modules`` holds ESLint, TypeScript and axe-core."""
    return install_tools()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A race and a qualifying, served; whoever changes it puts it back."""
    with race_site(tmp_path_factory.mktemp("viewer")) as made:
        yield made


@pytest.fixture(scope="session")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Qualifyings, a practice and races of yesterday and of years ago, served."""
    with board_site(tmp_path_factory.mktemp("boards")) as made:
        yield made


def _driver(of: SimpleNamespace, page: Page) -> Drive:
    def run(scenario: str, width: int = 1280, height: int = 800, of: SimpleNamespace = of) -> Any:
        return run_scenario(page, of.store, of.base, scenario, width, height)

    return run


@pytest.fixture
def drive(site: SimpleNamespace, page: Page) -> Drive:
    """Run a scenario on :func:`site` and return what it returns."""
    return _driver(site, page)


@pytest.fixture
def drive_boards(boards: SimpleNamespace, page: Page) -> Drive:
    """Run a scenario on :func:`boards` and return what it returns."""
    return _driver(boards, page)
