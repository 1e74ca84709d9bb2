"""The pages' modules as ESLint and TypeScript's checker (over JSDoc) see them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from node_tools import JAVASCRIPT, ROOT

PAGES = ROOT / "publish" / "site"
BAD = """
export function half(value) {
  var unused = value / 2;
  document.body.innerHTML = value;
}
"""


@pytest.fixture
def workspace(npm_tools: Path, tmp_path: Path) -> Path:
    """A folder with the configurations, from where they find the tools."""
    (tmp_path / "node_modules").symlink_to(npm_tools / "node_modules")
    for path in JAVASCRIPT.glob("*.js*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def run_tool(workspace: Path, name: str, *arguments: str, given: str | None = None) -> tuple[int, str]:
    command = [str(workspace / "node_modules" / ".bin" / name), *arguments]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def run_eslint(workspace: Path, *arguments: str, given: str | None = None) -> tuple[int, str]:
    configuration = str(workspace / "eslint.config.js")
    return run_tool(workspace, "eslint", "--config", configuration, "--max-warnings", "0", *arguments, given=given)


def run_checker(workspace: Path, *sources: Path) -> tuple[int, str]:
    configuration = workspace / "checked.json"
    configuration.write_text(json.dumps({"extends": "./tsconfig.json", "include": [str(source) for source in sources]}))
    return run_tool(workspace, "tsc", "--project", str(configuration))


def test_eslint_finds_nothing(workspace):
    code, said = run_eslint(workspace, str(PAGES))
    assert code == 0, said


def test_the_types_hold(workspace):
    code, said = run_checker(workspace, PAGES / "*")
    assert code == 0, said


def test_both_would_find_something(workspace):
    code, said = run_eslint(workspace, "--stdin", "--stdin-filename", str(PAGES / "bad.js"), given=BAD)
    assert code == 1
    for rule in ("no-unused-vars", "no-var", "no-restricted-properties", "jsdoc/require-jsdoc"):
        assert rule in said
    source = workspace / "bad.js"
    source.write_text(BAD)
    code, said = run_checker(workspace, source)
    assert code != 0
    assert "Parameter 'value' implicitly has an 'any' type" in said and "'unused' is declared" in said


def test_the_tools_are_pinned_and_come_from_no_named_registry():
    wanted = json.loads((JAVASCRIPT / "package.json").read_text())["devDependencies"]
    lock = json.loads((JAVASCRIPT / "package-lock.json").read_text())
    assert lock["packages"][""]["devDependencies"] == wanted
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
    installed = {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted}
    assert installed == wanted
