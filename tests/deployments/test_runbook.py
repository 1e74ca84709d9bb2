"""The commands in the documents are commands there are."""

import re
import shlex

import pytest
from delivered import DELIVERED

from flows.cli.main import parse


@pytest.mark.parametrize("name", ["RUNBOOK.md", "README.md", "docs/commands.md", "../README.md"])
def test_commands_in_the_documents_exist(name: str):
    text = (DELIVERED / name).read_text()
    shown = "".join(re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    before = r"docker compose \S+ \S+ run --rm worker |\.venv/bin/"
    commands = re.findall(rf"^(?:{before})?parcferme ([^\n#|]+)", shown, re.MULTILINE)
    commands += re.findall(r"`parcferme ([^`]+)`", text)
    for command in commands:
        words = shlex.split(command.replace("<key>", "9472").replace("<revision>", "0123456789abcdef"))
        assert parse(words) is not None, command
    assert len(commands) >= {"RUNBOOK.md": 10, "docs/commands.md": 15}.get(name, 1)
