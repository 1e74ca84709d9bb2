"""What a user sees: exit code, one message, and nothing of the inside unless asked."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from forked_python import ForkedPython
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect_servers import copy_database
from rich.console import Console

from flows.cli.main import main, parse
from flows.cli.parser import cli
from flows.cli.runs import prefect_started
from flows.sample import SAMPLE_YEAR
from flows.session.reports import PublishReport
from flows.session_ref import SessionRef
from flows.upstream.archive import Source
from transforms.errors import UpstreamError

ROOT = Path(__file__).parents[3]
YEAR = str(SAMPLE_YEAR)
REF = SessionRef(SAMPLE_YEAR, 1, "Larkmoor Grand Prix", "FP1")


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """The command line sets defaults for Prefect in the environment: put back what was there."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one message on standard error."""
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("parcferme: ")]
    assert len(errors) == 1, errors
    return errors[0].removeprefix("parcferme: ")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (("publish", "1999", "1", "R"), "no season 1999"),
        (("publish", YEAR, "99", "R"), f"{YEAR} has no round 99"),
        (("publish", YEAR, "Atlantis", "R"), "no event 'Atlantis'"),
        (("publish", YEAR, "1", "S"), "no session 'S'. Type one of: FP1"),
        (("backfill", YEAR, "--rounds", "one"), "'one' cannot be understood"),
        (("publish", YEAR, "1", "R", "--refetch"), "--refetch asks the upstream"),
        (("backfill", YEAR, "--rounds", "1,9"), "no round 9"),
        (("backfill", YEAR, "--sessions", "R,X"), "'X'"),
        (("index", "1999"), "no season 1999"),
        (("serve", "--port", "1"), "Nothing is published"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(
    sample_site: Path, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...], hint: str
) -> None:
    assert main(typed) == 2
    assert hint in _said(capsys)
    assert not (sample_site / "v1").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Missing command. See `parcferme --help`."),
        ("pblish", "No such command 'pblish'. Did you mean 'publish'? See `parcferme --help`."),
        ("publish", "Missing argument 'YEAR'. See `parcferme publish --help`."),
        ("publish x 1 R", "Invalid value for 'YEAR': 'x' is not a valid integer. See `parcferme publish --help`."),
        (
            "prune --dry-ru",
            "No such option '--dry-ru'. Did you mean '--dry-run'? See `parcferme prune --help`.",
        ),
        (
            "backfill 2024 --source x",
            "Invalid value for '--source': 'x' is not one of 'upstream', 'archive', 'auto'. "
            "See `parcferme backfill --help`.",
        ),
        ("health --live --ready", "--ready and --live exclude each other. See `parcferme health --help`."),
        ("health --ready --live", "--live and --ready exclude each other. See `parcferme health --help`."),
        ("verify all", "Got unexpected extra argument (all). See `parcferme verify --help`."),
        ("diff", "Missing argument 'REVISIONS...'. See `parcferme diff --help`."),
        (
            "prune --older-than soon",
            "--older-than 'soon' is not an age. Type a number of hours, days or weeks: 12h, 30d, 2w.",
        ),
    ],
)
def test_what_is_no_command_ends_with_2_and_a_sentence(
    capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    assert main(typed.split()) == 2
    assert capsys.readouterr() == ("", f"parcferme: {said}\n")


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"parcferme {version('parcferme')}\n"
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name, command in cli.commands.items():
        assert f"\n  {name} " in listed and command.help and command.help in listed
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: parcferme {name} ")


def test_every_function_takes_what_its_command_declares() -> None:
    """Click passes values by name, which no type checker sees."""
    for name, command in cli.commands.items():
        assert command.callback is not None
        takes = inspect.get_annotations(command.callback)
        assert takes.pop("return") is int, name
        assert takes.keys() == {option.name for option in command.params if option.expose_value}, name
    source = next(option for option in cli.commands["publish"].params if option.name == "source")
    assert isinstance(source.type, click.Choice)
    assert tuple(source.type.choices) == get_args(Source)


def test_what_is_typed_is_read_without_running_anything() -> None:
    typed = parse(["--verbose", "prune", "--keep", "2", "--older-than", "12h"])
    assert typed is not None and typed.verbose
    assert (typed.name, typed.values) == ("prune", {"keep": 2, "older_than": timedelta(hours=12), "dry_run": False})
    for words in (["index", "2024", "--verbose"], ["--verbose", "index", "2024"]):
        typed = parse(words)
        assert typed is not None and typed.values == {"year": 2024, "verbose": True}
    typed = parse(["diff", "9472", "a", "b"])
    assert typed is not None and typed.values == {"revisions": ("9472", "a", "b")} and not typed.verbose
    assert parse(["publish", "--help"]) is None


def test_a_session_of_the_future_says_when_it_starts(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCFERME_NOW", f"{YEAR}-01-01")
    assert main(["publish", YEAR, "1", "R"]) == 2
    said = _said(capsys)
    assert "has not happened yet" in said
    assert f"{YEAR}-" in said


def test_a_setting_that_cannot_be_used_ends_with_2(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCFERME_OFFLINE", "perhaps")
    assert main(["publish", YEAR, "1", "R"]) == 2
    assert "PARCFERME_OFFLINE=perhaps" in _said(capsys)


def test_offline_without_the_data_ends_with_1(
    sample_site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "empty"))
    assert main(["publish", YEAR, "1", "R"]) == 1
    assert "PARCFERME_OFFLINE=0" in _said(capsys)


def test_a_destination_that_cannot_be_written_ends_with_1(
    sample_site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PARCFERME_DESTINATION", (tmp_path / "file" / "site").as_uri())
    assert main(["publish", YEAR, "1", "R"]) == 1
    assert str(tmp_path / "file") in _said(capsys)
    assert (tmp_path / "file").read_text() == "in the way"


def test_no_credentials_are_named(
    sample_site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PARCFERME_DESTINATION", "s3://somebody-elses/bucket")
    assert main(["publish", YEAR, "1", "R"]) == 2
    assert "AWS_ACCESS_KEY_ID" in _said(capsys)


def test_tracebacks_are_for_those_who_ask(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def _broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("flows.season.indexing.read_schedule", _broken)
    assert main(["index", YEAR]) == 1
    quiet = capsys.readouterr().err
    assert "Unexpected ZeroDivisionError: by zero" in quiet
    assert "Traceback" not in quiet
    assert main(["index", YEAR, "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main(["--verbose", "index", YEAR]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_ends_with_130(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def _interrupted(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.season.indexing.read_schedule", _interrupted)
    assert main(["index", YEAR]) == 130
    assert "Interrupted" in _said(capsys)


def test_a_backfill_ends_with_a_table_and_1_if_any_failed(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backfill", YEAR, "--rounds", "1", "--sessions", "FP1"]) == 0
    out = capsys.readouterr().out
    header = next(line.split() for line in out.splitlines() if line.startswith("session"))
    assert header == ["session", "state", "grade", "frames", "bytes", "seconds"]
    assert "published" in out

    def _gone(*_: object) -> None:
        raise UpstreamError("The feed is gone. Try later.")

    monkeypatch.setattr("flows.session.steps.load_recording", _gone)
    assert main(["backfill", YEAR, "--rounds", "1", "--sessions", "FP1"]) == 0
    assert "Everything is up to date" in capsys.readouterr().out
    assert main(["backfill", YEAR, "--rounds", "1", "--sessions", "FP1", "--force"]) == 1
    out = capsys.readouterr().out
    assert "1 of 1 sessions failed: round 1 FP1" in out
    assert "The feed is gone. Try later." in out


def test_publish_without_data_ends_with_1_and_calls_it_no_data_everywhere(
    sample_site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", YEAR, "3", "FP1"]) == 1
    assert "nothing on" in _said(capsys)
    season, status, runs = (
        json.loads((sample_site / f"v1/{name}.json").read_bytes())
        for name in (f"seasons/{YEAR}", f"status/{YEAR}/3/FP1", "runs")
    )
    states = {(event["round"], one["code"]): one["state"] for event in season["events"] for one in event["sessions"]}
    assert (status["type"], status["state"], status["error"]) == ("no_data", "NoData", None)
    assert {states[3, "FP1"], runs["recent"][0]["state"], status["type"]} == {"no_data"}


def test_the_index_is_written_without_prefect(sample_site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", YEAR]) == 0
    assert (sample_site / "v1" / "seasons" / f"{YEAR}.json").is_file()
    assert main(["index", YEAR]) == 0
    assert "up to date" in capsys.readouterr().out


def test_help_and_typing_errors_do_not_wait_for_prefect(tmp_path: Path) -> None:
    code = "import sys; from flows.cli.main import main; print(main(sys.argv[1:]))\n"
    code += "slow = {'prefect', 'fastf1', 'pyarrow', 'pandas', 'numpy', 'pydantic', 'rich', 'boto3', 'httpx'}\n"
    code += "print(sorted({m.partition('.')[0] for m in sys.modules} & slow))"
    for typed, expected in (
        (["--help"], "0"),
        (["--version"], "0"),
        (["prune", "--help"], "0"),
        (["publish"], "2"),
        (["publish", "x", "1", "R"], "2"),
        (["prune", "--older-than", "x"], "2"),
    ):
        done = subprocess.run([sys.executable, "-c", code, *typed], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-2:] == [expected, "[]"]


_OF_RUNS = ("v1/status/", "v1/runs.json")


def _documents(site: Path) -> dict[str, Any]:
    """Everything below a site; of its documents what one publication has in common with the next."""
    found: dict[str, Any] = {}
    for path in site.rglob("*"):
        name = path.relative_to(site).as_posix()
        if path.is_file() and path.name not in (".lock", "health.json"):
            data = path.read_bytes()
            found[name] = _without_times(json.loads(data)) if name.startswith(_OF_RUNS) else data
    return found


def _without_times(document: Any) -> Any:
    if isinstance(document, list):
        return [_without_times(part) for part in document]
    if not isinstance(document, dict):
        return document
    of_one_run = ("flow_run_id", "started_at", "updated_at", "ended_at")
    return {name: _without_times(value) for name, value in document.items() if name not in of_one_run}


def test_prefect_and_the_command_line_on_its_own_do_the_same(
    sample_site: Path, forked: ForkedPython, tmp_path: Path
) -> None:
    """In one process each; with --prefect it starts a server in a home of its own and leaves nothing else behind.

    It may take over 20 s: of the two processes one starts a server.
    """
    home = tmp_path / "home"
    home.mkdir()
    sites: list[dict[str, Any]] = []
    for options in ([], ["--prefect"]):
        site = tmp_path / f"site-{len(sites)}"
        environment = {
            "HOME": str(home),
            "PREFECT_HOME": str(home / ".prefect"),
            "PARCFERME_DESTINATION": site.as_uri(),
        }
        if options:
            copy_database(home / ".prefect")
        commands = [" ".join(("publish", YEAR, number, "FP1", *options)) for number in ("1", "3")]
        done = forked.run("-c", _ALL, *commands, env={**os.environ, **environment})
        ended = [end.partition(",")[0] for end in _ends(done)]
        assert ended == [f"{commands[0]}: 0", f"{commands[1]}: 1"]
        (said,) = done.stderr.splitlines()
        assert said.startswith("parcferme: ") and "nothing on" in said
        assert "published" in done.stdout
        assert ("temporary Prefect server" in done.stdout) == bool(options)
        assert (home / ".prefect").exists() == bool(options)
        sites.append(_documents(site))
    assert sites[0] == sites[1]
    assert {path.name for path in home.iterdir()} <= {".prefect", ".cache"}


def test_neither_prefect_nor_stores_nobody_uses_are_imported(sample_site: Path) -> None:
    commands = (
        f"publish {YEAR} 1 FP1",
        f"publish {YEAR} 1 FP1",
        f"backfill {YEAR} --rounds 1 --sessions FP1",
        f"index {YEAR}",
        f"inspect {YEAR} 1 FP1",
        "verify",
    )
    done = subprocess.run(
        [sys.executable, "-c", _ALL, *commands],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _ends(done) == [f"{typed}: 0, imported: []" for typed in commands]


#: Commands one after the other in one process: which of the modules that not all need were imported until then.
_ALL = """
import sys
from flows.cli.main import main
for typed in sys.argv[1:]:
    code = main(typed.split())
    print(f"\\nended: {typed}: {code}, imported: {sorted({'prefect', 'redis'} & sys.modules.keys())}")
from importlib.util import find_spec
assert find_spec("prefect") and find_spec("redis")
"""


def _ends(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("ended: ") for line in done.stdout.splitlines() if line.startswith("ended: ")]


def test_an_interrupted_session_says_so_and_ends_with_130(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def _interrupted(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.session.steps.load_recording", _interrupted)
    assert main(["publish", YEAR, "1", "FP1"]) == 130
    assert "Interrupted" in _said(capsys)
    status = json.loads((sample_site / f"v1/status/{YEAR}/1/FP1.json").read_bytes())
    assert (status["type"], status["state"]) == ("cancelled", "Cancelled")
    runs = json.loads((sample_site / "v1/runs.json").read_bytes())
    assert runs["running"] == [] and [run["state"] for run in runs["recent"]] == ["cancelled"]


@pytest.mark.parametrize(
    ("file", "text", "is_set"),
    [
        ("profiles.toml", 'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:1/api"\n', True),
        ("profiles.toml", 'active = "mine"\n[profiles.mine]\nPREFECT_LOGGING_LEVEL = "INFO"\n', False),
        (
            "profiles.toml",
            'active = "a"\n[profiles.a]\n[profiles.b]\nPREFECT_API_URL = "http://127.0.0.1:1/api"\n',
            False,
        ),
        ("prefect.toml", '[api]\nurl = "http://127.0.0.1:1/api"\n', True),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "http://127.0.0.1:1/api"\n', True),
        ("pyproject.toml", '[project]\nname = "mine"\n', False),
    ],
)
def test_a_server_is_found_where_prefect_finds_it(
    forked: ForkedPython, tmp_path: Path, file: str, text: str, is_set: bool
) -> None:
    (tmp_path / file).write_text(text)
    code = "import sys; from flows.engine.server import has_server; print(has_server())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = forked.run("-c", code, env={**environment, "PREFECT_HOME": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(is_set)]


def test_a_server_that_was_set_is_the_one_that_is_used(
    sample_site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr("flows.cli.runs.has_server", lambda: True)
    monkeypatch.setattr("flows.cli.runs.prefect_started", lambda _console: nullcontext(calls.append("prefect")))
    monkeypatch.setattr("flows.session.flow.publish_session", lambda *_, **__: PublishReport(REF, "published"))
    assert main(["publish", YEAR, "1", "FP1"]) == 0
    assert calls == ["prefect"]


@pytest.mark.parametrize("server", [None, "http://127.0.0.1:1/api"])
def test_only_a_server_that_was_set_hears_heartbeats(server: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr("flows.cli.runs.start_temporary_server", lambda: started.append("temporary"))
    with temporary_settings({PREFECT_API_URL: server, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}):
        with prefect_started(Console(quiet=True)):
            assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() == (30 if server else None)
        assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() == 30
    assert started == ([] if server else ["temporary"])
