"""Tools from npm, for the tests of the pages."""

from pathlib import Path

import pytest
from node_tools import install_tools


@pytest.fixture(scope="session")
def npm_tools() -> Path:
    """The folder whose ``node_modules`` holds ESLint, TypeScript and axe-core."""
    return install_tools()
