"""Installs parcferme, in the versions of constraints.txt, into the environment whose Python runs this.

    .venv/bin/python deployments/install.py            what parcferme needs
    .venv/bin/python deployments/install.py --tools    and what its tests and checks need

uv does it in a fraction of pip's time; pip brings it here as one wheel, and does all of it where uv cannot. What is
run is compiled when it is run first, a third of what there is; all of it here and now where PYTHONDONTWRITEBYTECODE is
set, since nothing would be kept later and every start take twice as long, and for tests, whose processes would all
compile the same. Standard library alone: there is nothing else yet.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PINS = ("--constraint", "constraints.txt")
_PACKAGES = ("flows", "publish", "transforms")
#: What uv is told by, for each of pip's settings of where packages come from, and what stands between several values.
_AS_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}
#: A user who has set one of these has told uv where packages come from.
_OF_UV = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX")
#: Which of pip's settings win: what comes later.
_PIP_SECTIONS = ("global", "install", ":env:")


def main(arguments: list[str]) -> int:
    """Install it and return the exit code."""
    with_tools = arguments == ["--tools"]
    if arguments and not with_tools:
        sys.stderr.write(f"{' '.join(arguments)!r} cannot be understood. Type nothing, or --tools.\n")
        return 2
    what, wanted = ("parcferme and its tools", ".[dev]") if with_tools else ("parcferme", ".")
    _say(f"Installing {what} into {Path(sys.prefix).name}. The first time this takes a minute or two:")
    compiled = with_tools or sys.dont_write_bytecode
    if not _install_with_uv(wanted, compiled=compiled):
        _say("uv cannot install from here; pip does, which takes some minutes longer and says nothing meanwhile.")
        _run(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PINS, "--editable", wanted])
    if compiled:
        _run(["-m", "compileall", "-q", *_PACKAGES])
    return 0


def _install_with_uv(wanted: str, *, compiled: bool) -> bool:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", "uv"]
    if subprocess.run([*pip, *_PINS, "uv"], cwd=_ROOT, check=False).returncode:
        return False
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, *_PINS]
    process = subprocess.Popen(
        [*command, *(["--compile-bytecode"] if compiled else []), "--editable", wanted],
        cwd=_ROOT,
        env={**uv_settings(_pip_configuration(), os.environ), **os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        # Not one line for each package.
        if not line.startswith((" + ", " - ", " ~ ")):
            _say(f"  {line.rstrip()}")
    return process.wait() == 0


def _pip_configuration() -> str:
    asked = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(asked, cwd=_ROOT, capture_output=True, text=True, check=True).stdout


def uv_settings(pip_configuration: str, environment: dict[str, str] | os._Environ[str]) -> dict[str, str]:
    """Return uv's variables for what ``pip config list`` says of where packages come from, which uv does not read.

    Nothing where ``environment`` tells uv itself.
    """
    if any(name in environment for name in _OF_UV):
        return {}
    found: dict[str, dict[str, str]] = {section: {} for section in _PIP_SECTIONS}
    for line in pip_configuration.splitlines():
        name, _, value = line.partition("=")
        section, _, setting = name.rpartition(".")
        if section in found and setting in _AS_UV:
            found[section][setting] = str(ast.literal_eval(value))
    settings = {
        _AS_UV[setting][0]: _AS_UV[setting][1].join(value.split())
        for section in found.values()
        for setting, value in section.items()
    }
    # To pip all indexes are one; uv would look no further than the first that knows a package.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **settings}


def _run(arguments: list[str]) -> None:
    ended = subprocess.run([sys.executable, *arguments], cwd=_ROOT, check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
