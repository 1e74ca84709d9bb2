"""The image: its Dockerfile asked for facts, its commands run in a shell."""

import json
import os
import re
import shlex
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from delivered import DELIVERED, PINNED, ROOT

from flows.cli.main import parse
from flows.settings import Settings


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    lines = [line for line in (DELIVERED / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in found]


def final_stage() -> list[tuple[str, str]]:
    every = instructions()
    last = max(index for index, (name, _) in enumerate(every) if name == "FROM")
    return every[last:]


def environment_of(stage: list[tuple[str, str]]) -> dict[str, str]:
    words = [word for name, rest in stage if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def is_ignored(path: str) -> bool:
    """Whether .dockerignore leaves a path out: the last rule that fits it or a folder above it decides."""
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        patterns = {pattern, pattern.removeprefix("**/")}
        if any(
            fnmatchcase(name, one) and ("*" not in one or one == "*" or pattern.startswith("**/") or "/" in one)
            for name in above
            for one in patterns
        ):
            ignored = not rule.startswith("!")
    return ignored


def test_bases_are_pinned_and_alike():
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert all(PINNED.fullmatch(base) and base.startswith("python:3.11.") for base in bases)


def test_what_is_copied_is_there_and_reaches_the_builder():
    copied = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = [source for words in copied for source in words[:-1]]
    assert {"flows", "publish", "transforms", "deployments", "constraints.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert not is_ignored(source)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "deployments/.env",
        "site/index.json",
        "tests/conftest.py",
        "flows/__pycache__/cli.cpython-311.pyc",
    ],
)
def test_nothing_else_reaches_the_builder(path: str):
    assert is_ignored(path)


@pytest.mark.parametrize("path", ["flows/cli/main.py", "publish/site/index.html", "deployments/prefect.yaml"])
def test_the_code_reaches_the_builder(path: str):
    assert not is_ignored(path)


def test_installation_is_pinned_and_without_development_tools():
    commands = [one.strip() for name, rest in instructions() if name == "RUN" for one in rest.split(" && ")]
    uv, dependencies, code = [command for command in commands if " pip install " in command]
    assert uv.startswith("python -m pip ") and uv.endswith("--constraint constraints.txt uv")
    assert dependencies.startswith("python -m uv ") and "--constraint constraints.txt" in dependencies
    assert code.startswith("python -m uv ") and "--no-deps" in code
    # uv itself goes where the final stage copies nothing from.
    target = "--python /opt/parcferme/bin/python"
    assert target in dependencies and target in code and target not in uv
    assert not any(".[dev]" in command for command in commands)
    assert "apt-get" not in (DELIVERED / "Dockerfile").read_text()


def test_it_runs_as_a_fixed_user_that_is_not_root():
    users = [rest for name, rest in final_stage() if name == "USER"]
    assert users == ["10001:10001"]
    assert "pip uninstall --yes" in dict(final_stage())["RUN"]


def test_its_health_check_is_a_command_that_exists():
    command = json.loads(dict(final_stage())["HEALTHCHECK"].partition("CMD ")[2])
    assert command[0] == "parcferme"
    typed = parse(command[1:])
    assert typed is not None and (typed.name, typed.values["live"]) == ("health", True)


def test_its_settings_exist():
    environment = environment_of(final_stage())
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
    assert int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) >= 30
    assert environment["PARCFERME_CACHE_DIR"].startswith(dict(final_stage())["VOLUME"])
    # Only the volume and /tmp can be written.
    assert {environment[name].split("/")[1] for name in ("MPLCONFIGDIR", "PREFECT_HOME")} == {"tmp"}
    assert environment["HOME"] == dict(final_stage())["VOLUME"]
    ours = {name for name in environment if name.startswith("PARCFERME_")}
    assert ours <= {f"PARCFERME_{field.upper()}" for field in Settings.model_fields}


def test_the_worker_gets_the_signals():
    shell, option, script = json.loads(dict(final_stage())["CMD"])
    assert (shell, option) == ("/bin/sh", "-c")
    words = shlex.split(script)
    assert words[:3] == ["exec", "python", "deployments/worker.py"]
    assert words[3:6] == ["prefect", "worker", "start"]
    assert words[words.index("--pool") + 1] == "$PARCFERME_WORK_POOL"


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, ["--limit", "3"]),
        ({"PARCFERME_WORK_QUEUE": "", "PARCFERME_WORKER_LIMIT": ""}, ["--limit", "3"]),
        (
            {"PARCFERME_WORK_QUEUE": "control", "PARCFERME_WORKER_LIMIT": "4"},
            ["--work-queue", "control", "--limit", "4"],
        ),
        ({"PARCFERME_WORK_QUEUE": "sessions"}, ["--work-queue", "sessions", "--limit", "3"]),
    ],
)
def test_the_worker_serves_the_queue_that_is_set(settings: dict[str, str], options: list[str], tmp_path: Path):
    shell, option, script = json.loads(dict(final_stage())["CMD"])
    says = tmp_path / "python"
    says.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    says.chmod(0o755)
    environment = {**environment_of(final_stage()), **settings, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([shell, option, script], env=environment, capture_output=True, text=True, check=True)
    words = ran.stdout.splitlines()[1:]
    expected = ["prefect", "worker", "start", "--pool", "parcferme", "--type", "process", "--with-healthcheck"]
    assert [word for word in words if word not in options] == expected
    assert [word for word in words if word in options] == options
