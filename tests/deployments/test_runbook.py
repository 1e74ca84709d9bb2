"""The commands in the operator's documents are commands there are."""

import re
import shlex

import pytest
from delivered import DELIVERED

from flows.cli.main import parse


@pytest.mark.parametrize("name", ["RUNBOOK.md", "README.md"])
def test_commands_in_the_documents_exist(name: str):
    text = (DELIVERED / name).read_text()
    commands = re.findall(r"^(?:docker compose \S+ \S+ run --rm worker )?parcferme ([^\n#|]+)", text, re.MULTILINE)
    commands += re.findall(r"`parcferme ([^`]+)`", text)
    for command in commands:
        words = shlex.split(command.replace("<key>", "9472").replace("<revision>", "0123456789abcdef"))
        assert parse(words) is not None, command
    if name == "RUNBOOK.md":
        assert len(commands) > 10
