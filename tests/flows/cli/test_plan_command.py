"""What plan-season would do, at a shell and without a server."""

from pathlib import Path

import pytest

from flows.cli.main import main
from flows.sample import SAMPLE_YEAR
from publish.stores.choose import open_store

THURSDAY = f"{SAMPLE_YEAR}-03-26T18:00:00Z"


def test_it_prints_what_would_be_planned_and_does_nothing(
    sample_site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARCFERME_NOW", THURSDAY)
    assert main(["plan", "--year", str(SAMPLE_YEAR), "--until", f"{SAMPLE_YEAR}-03-29"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["session", "kind", "at", "(UTC)", "what"]
    race = [str(SAMPLE_YEAR), "Seliga", "Grand", "Prix", "R", "publish", f"{SAMPLE_YEAR}-03-29", "14:30", "planned"]
    assert race in lines
    # A look again of a day later is for later.
    assert not any("recheck-24h" in line and "R" in line for line in lines)
    assert " ".join(lines[-1]).endswith("runs would be planned, moved or taken back. Nothing was done.")
    assert not list(open_store(sample_site.as_uri()).list(""))


def test_a_day_that_is_none_is_refused(sample_site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--until", "tomorrow"]) == 2
    assert "--until tomorrow is no day" in capsys.readouterr().err
