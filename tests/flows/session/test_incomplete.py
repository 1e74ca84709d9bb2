"""A stream that ends before its session: waited for while it may still come, published as what it is, healed later."""

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from forked_python import ForkedPython
from sample_sessions import cut, middle
from upstream_double import UpstreamDouble
from upstream_season import RESULTS_HOST, standings_answer

from flows.destination import open_destination
from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR
from flows.sample.meetings import meeting_of
from flows.session import steps
from flows.session.reports import PublishReport
from flows.session.run import Caller, SessionRun
from flows.session.steps import Request, Steps, carry_out
from flows.session_ref import SessionRef
from flows.settings import read_settings
from flows.upstream.client import Client
from flows.upstream.services import standings_url
from publish import keys
from publish.revisions.latest import Latest, read_latest
from publish.stores.choose import open_store
from transforms.errors import IncompleteError, UpstreamError

KEY = meeting_of(1).session_key("R")
LOG = logging.getLogger(__name__)


@pytest.fixture
def cut_race(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample season, in which the first race's stream ends in its middle."""
    load = steps.load_recording

    def load_cut(client: Client, session: SessionRef) -> Any:
        whole = load(client, session)
        return cut(whole, middle(whole))

    monkeypatch.setattr(steps, "load_recording", load_cut)
    return sample_site


def publish(*, deployed: bool, **wishes: bool) -> PublishReport | UpstreamError:
    """Publish the first race as a worker or a command line does; an upstream's error is returned."""
    settings = read_settings()
    caller = Caller("run-1", "a run", LOG, deployed=deployed)
    run = SessionRun(settings, open_destination(settings), SAMPLE_YEAR, 1, "R", caller=caller)

    def told(error: UpstreamError) -> UpstreamError:
        return error

    return carry_out(run, settings, Request(**wishes), Steps(), told)


def latest(site: Path) -> Latest:
    found = read_latest(open_store(site.as_uri()), KEY)
    assert found is not None
    return found


def race_end() -> datetime:
    settings = read_settings()
    run = SessionRun(settings, open_destination(settings), SAMPLE_YEAR, 1, "R", caller=Caller("run-1", "a run", LOG))
    assert run.start_utc is not None
    return run.start_utc + timedelta(hours=2)


def test_a_worker_waits_for_the_rest_while_it_may_come(cut_race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCFERME_NOW", (race_end() + timedelta(hours=23)).isoformat())
    error = publish(deployed=True)
    assert isinstance(error, IncompleteError)
    assert "ends before the session does" in str(error) and "Nothing is known after minute" in str(error)
    assert read_latest(open_store(cut_race.as_uri()), KEY) is None


@pytest.mark.parametrize("deployed", [True, False])
def test_later_it_is_published_as_what_it_is(
    cut_race: Path, monkeypatch: pytest.MonkeyPatch, *, deployed: bool
) -> None:
    monkeypatch.setenv("PARCFERME_NOW", (race_end() + timedelta(hours=24)).isoformat())
    report = publish(deployed=deployed)
    assert isinstance(report, PublishReport) and report.grade == "D"
    current = latest(cut_race)
    assert current.capabilities is not None and current.capabilities["complete"] is False
    assert current.verdict is not None and "ends before the session" in current.verdict.sentence


def test_an_operator_can_have_it_published_at_once(cut_race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCFERME_NOW", (race_end() + timedelta(hours=1)).isoformat())
    report = publish(deployed=True, force=True)
    assert isinstance(report, PublishReport) and report.grade == "D"


def standings(site: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(site / keys.season_table("standings", SAMPLE_YEAR)).to_pylist()
    assert rows
    return rows


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpstreamDouble]:
    with UpstreamDouble(tmp_path_factory.mktemp("double")) as started:
        yield started


def test_the_next_fetch_heals_it_and_an_upstream_that_is_gone_breaks_nothing(
    double: UpstreamDouble, forked: ForkedPython, tmp_path: Path
) -> None:
    """It takes over 20 s: a race is loaded and published twice, by six commands."""

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            **double.environment(),
            "PARCFERME_DESTINATION": (tmp_path / "site").as_uri(),
            "PARCFERME_CACHE_DIR": str(tmp_path / "cache"),
            "PARCFERME_NOW": SAMPLE_NOW_UTC.isoformat(),
        }
        typed = command or ("publish", str(SAMPLE_YEAR), "1", "R")
        return forked.run("-m", "flows.cli", *typed, env=environment, cwd=tmp_path)

    def asked_standings() -> list[str]:
        return [request.url for request in double.requests(RESULTS_HOST) if "Standings" in request.path]

    of_drivers, of_constructors = (standings_url(SAMPLE_YEAR, 1, one) for one in ("driver", "constructor"))
    double.season.cut(1, "R", "00:10:00.000")
    ended = run()
    assert ended.returncode == 0, ended.stderr
    cut_off = latest(tmp_path / "site")
    assert cut_off.grade == "D" and cut_off.capabilities is not None and not cut_off.capabilities["complete"]
    assert asked_standings() == [of_drivers], "the results service has no standings yet"

    double.down("livetiming.*")
    ended = run()
    assert ended.returncode == 0, ended.stderr
    assert latest(tmp_path / "site") == cut_off

    double.up()
    double.season.mend(1, "R")
    ended = run()
    assert ended.returncode == 0, ended.stderr
    healed = latest(tmp_path / "site")
    assert healed.capabilities is not None and healed.capabilities["complete"] and healed.grade != "D"
    double.forget()
    ended = run()
    assert ended.returncode == 0 and latest(tmp_path / "site") == healed
    assert not [request for request in double.requests("livetiming.*") if "TimingData" in request.path]
    assert asked_standings() == []

    for championship, url in (("driver", of_drivers), ("constructor", of_constructors)):
        points = {
            row["id"]: row["points"] for row in standings(tmp_path / "site") if row["championship"] == championship
        }
        double.season.replace(url, json.dumps(standings_answer(championship, 1, points)).encode())
    for asked in ([of_drivers, of_constructors], []):
        ended = run("backfill", str(SAMPLE_YEAR), "--rounds", "1", "--sessions", "R")
        assert ended.returncode == 0, ended.stderr
        assert asked_standings() == asked
        double.forget()
    assert all(row["official_points"] == row["points"] for row in standings(tmp_path / "site"))
