"""Installing: uv is told what pip is told of where packages come from, and nothing else."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "deployments/install.py"
CONFIGURED = """:env:.find-links='/wheels /more-wheels'
:env:.disable-pip-version-check='1'
global.constraint='/etc/constraints.txt'
global.extra-index-url='https://one.example.org/simple\\nhttps://two.example.org/simple'
global.index-url='https://example.org/simple'
install.index-url='https://mirror.example.org/simple'
download.index-url='https://other.example.org/simple'
global.find-links='/old-wheels'
"""


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_uv_looks_where_pip_would(script: dict[str, Any]) -> None:
    assert script["uv_settings"](CONFIGURED, {}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://mirror.example.org/simple",
        "UV_INDEX": "https://one.example.org/simple https://two.example.org/simple",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
    }


def test_what_uv_was_told_itself_stands(script: dict[str, Any]) -> None:
    assert script["uv_settings"](CONFIGURED, {"UV_INDEX": "https://mine.example.org/simple"}) == {}


@pytest.mark.parametrize(
    ("typed", "wanted", "keeps_nothing", "is_compiled"),
    [([], ".", False, False), ([], ".", True, True), (["--tools"], ".[dev]", False, True)],
)
def test_pip_does_what_uv_cannot(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: list[str],
    wanted: str,
    keeps_nothing: bool,
    is_compiled: bool,
) -> None:
    script = runpy.run_path(str(SCRIPT))
    ran: list[list[str]] = []
    names = script["main"].__globals__
    told: list[bool] = []
    monkeypatch.setitem(names, "_install_with_uv", lambda _wanted, *, compiled: told.append(compiled))
    monkeypatch.setitem(names, "_run", ran.append)
    monkeypatch.setattr(sys, "dont_write_bytecode", keeps_nothing)
    assert script["main"](typed) == 0
    assert "pip does" in capsys.readouterr().out
    installed, *compiled = ran
    assert installed[:3] == ["-m", "pip", "install"] and installed[-2:] == ["--editable", wanted]
    assert installed[-4:-2] == ["--constraint", "constraints.txt"]
    assert [command[:2] for command in compiled] == [["-m", "compileall"]] * is_compiled
    assert told == [is_compiled]


def test_what_cannot_be_understood_installs_nothing(script: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert script["main"](["--everything"]) == 2
    assert "--tools" in capsys.readouterr().err
