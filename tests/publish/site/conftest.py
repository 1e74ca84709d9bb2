"""Tools from npm, and sites with the viewer on them, for the tests of the pages."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import Page
from node_tools import ROOT, install_tools
from replay_sites import board_site, race_site
from viewer_browser import run_scenario

Drive = Callable[..., Any]


@pytest.fixture(scope="session")
def npm_tools() -> Path:
    """The folder whose ``node_modules`` holds ESLint, TypeScript and axe-core."""
    return install_tools()


@pytest.fixture(scope="session")
def run_node(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Any], Any]:
    """Run a program that imports the page's modules, gets ``given`` and prints JSON."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js (apt-get install nodejs)")
    folder = tmp_path_factory.mktemp("modules")
    (folder / "package.json").write_text('{"type": "module"}')
    for module in (ROOT / "publish" / "site").glob("*.js"):
        shutil.copy(module, folder)

    def run(program: str, given: Any) -> Any:
        (folder / "given.json").write_text(json.dumps(given))
        read = 'import { readFileSync } from "node:fs"; const given = JSON.parse(readFileSync("given.json"));'
        (folder / "program.js").write_text(read + program)
        ran = subprocess.run(
            ["node", "program.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


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
