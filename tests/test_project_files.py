"""What surrounds the code: the workflow, the hooks, the licence and the guide call and name what there is."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from publish.licence import notice_text

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = {
    re.sub(r"[-_.]+", "-", name).lower()
    for name, _, _ in (line.partition("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
}


def _workflow() -> dict[Any, Any]:
    return dict(yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text()))


def _hooks() -> list[dict[str, Any]]:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    return list(repository["hooks"])


def test_the_workflow_is_the_check_that_anybody_can_run():
    (job,) = _workflow()["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    oldest, newest = job["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={oldest}" and newest == "3.x"


def test_the_check_calls_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"^\s*make ([a-z]+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    assert called == {"test", "audit"} <= targets


@pytest.mark.parametrize("hook", _hooks(), ids=lambda hook: hook["id"])
def test_a_hook_runs_a_pinned_tool_as_make_test_does(hook: dict[str, Any]):
    program, *arguments = hook["entry"].split()
    tool = Path(program).name
    assert program == f".venv/bin/{tool}"
    assert tool in PINNED and tool in PROJECT["optional-dependencies"]["dev"]
    command = " ".join(["$(BIN)/" + tool, *[word for word in arguments if not word.startswith("-")]])
    assert command in (ROOT / "Makefile").read_text()
    ran = subprocess.run(
        [Path(sys.executable).parent / tool, *arguments, "--help"], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


def test_what_is_needed_to_develop_is_pinned():
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    assert {re.split(r"[\[<>=,;]", one)[0].lower() for one in wanted} <= PINNED


def test_one_version_everywhere():
    deployed = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())["deployments"]
    said = {str(one["version"]) for one in deployed}
    for name in ("Dockerfile", "compose.yaml"):
        said |= set(re.findall(r"parcferme:(\d[\w.]*)", (ROOT / "deployments" / name).read_text()))
    (image,) = yaml.safe_load((ROOT / "deployments/kubernetes/kustomization.yaml").read_text())["images"]
    assert said | {str(image["newTag"])} == {PROJECT["version"]}


def test_the_licence_goes_along():
    assert PROJECT["license"] == "MIT" and PROJECT["license-files"] == ["LICENSE", "NOTICE"]
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n\nCopyright (c) 2026 parcferme contributors\n")


def test_the_notice_is_what_is_published():
    """``python -c 'from publish.licence import notice_text; print(notice_text(), end="")' > NOTICE`` writes it anew."""
    assert (ROOT / "NOTICE").read_text() == notice_text()


def test_the_guide_names_files_that_are_there():
    named = re.findall(r"`([\w./-]+(?:\.\w+|/))`", (ROOT / "CONTRIBUTING.md").read_text())
    assert {"transforms/columns.py", "constraints.txt"} <= set(named)
    assert [name for name in named if not (ROOT / name).exists()] == []
