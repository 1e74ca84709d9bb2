"""An installation, an upstream and a clock for a simulated race weekend, and what can be seen of it from outside."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from forked_engine import ForkedEngine
from installation import Installation, installation
from prefect_servers import wait_until
from upstream_double import UpstreamDouble

from flows.sample import SAMPLE_YEAR
from flows.sample.meetings import meeting_of, session_name
from flows.upstream.limits import LIMITS
from publish.stores.base import Store
from publish.stores.choose import open_store

Run = dict[str, Any]
#: What there is one planned run of: event, session's code, kind.
Slot = tuple[str, str, str]


def at(text: str) -> datetime:
    """Return a moment of the season: month, day, hour and minute, UTC."""
    return datetime.strptime(f"{SAMPLE_YEAR}-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def utc(text: str | None) -> datetime:
    """Return a time of the API or of a document."""
    assert text is not None
    return datetime.fromisoformat(text)


@dataclass
class Weekend:
    """``now`` is the product's clock; Prefect's own is the real one, so a run's time comes when the test says so."""

    installation: Installation
    double: UpstreamDouble
    engine: ForkedEngine
    now: datetime
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def clock(self) -> dict[str, str]:
        """What lets a process believe that it is ``now``, and ``variables``."""
        return {"PARCFERME_NOW": self.now.isoformat(), **self.variables}

    @property
    def store(self) -> Store:
        """What is published."""
        return open_store(self.installation.site.as_uri())

    # Runs.

    def order(self, deployment: str, **parameters: Any) -> Run:
        """Run a deployment as an operator does; returns the run once its process has ended."""
        return self.execute(self.installation.start_run(deployment, **parameters))

    def execute(self, flow_run_id: str) -> Run:
        """Let a run's time come at ``now``; returns the run once its process has ended."""
        self.start(flow_run_id)
        return self.ended(flow_run_id)

    def start(self, flow_run_id: str) -> None:
        """Let a run's time come at ``now`` and begin it."""
        self.let_come(flow_run_id)
        self.engine.start(flow_run_id, **self.clock)

    def ended(self, flow_run_id: str) -> Run:
        """Return a run that was started once its process has ended."""
        assert self.engine.wait(flow_run_id) in (0, 1)
        return self.installation.flow_run(flow_run_id)

    def let_come(self, flow_run_id: str) -> None:
        """Schedule a run for this moment of Prefect's clock. The upstream's call limits have had time to refill."""
        for limit in (LIMITS.everything, LIMITS.results):
            self.installation.ask("PATCH", f"/v2/concurrency_limits/{limit.name}", {"active_slots": 0})
        state = self.installation.flow_run(flow_run_id)["state"]
        assert state["type"] == "SCHEDULED", state
        details = {"scheduled_time": datetime.now(UTC).isoformat()}
        wanted = {"type": "SCHEDULED", "name": state["name"], "message": state["message"], "state_details": details}
        self.installation.post(f"/flow_runs/{flow_run_id}/set_state", {"state": wanted, "force": True})

    def set_clock_of(self, flow_run_id: str) -> None:
        """Let the process that a worker starts for a run believe that it is ``now``."""
        self.installation.ask("PATCH", f"/flow_runs/{flow_run_id}", {"job_variables": {"env": self.clock}})

    def planned(self, *states: str) -> dict[Slot, list[Run]]:
        """Return the planned runs whose state has one of these names (none given: all), by what they are for."""
        codes = {session_name(code): code for code in ("FP1", "FP2", "FP3", "SQ", "S", "Q", "R")}
        found: dict[Slot, list[Run]] = defaultdict(list)
        for run in self.installation.flow_runs(flow_runs={"tags": {"all_": ["planned"]}}):
            if not states or run["state_name"] in states:
                kind = next(tag.removeprefix("plan:") for tag in run["tags"] if tag.startswith("plan:"))
                found[run["parameters"]["event"], codes[run["parameters"]["session"]], kind].append(run)
        return dict(found)

    def planned_once(self, event: str, code: str, kind: str = "publish") -> Run:
        """Return the one run that is scheduled or waits for what is named."""
        (run,) = self.planned("Scheduled", "AwaitingRetry")[event, code, kind]
        return run

    def times(self) -> dict[Slot, datetime]:
        """Return when every scheduled run is to begin; fails if anything is planned twice."""
        runs = self.planned("Scheduled")
        assert {slot: len(found) for slot, found in runs.items() if len(found) > 1} == {}
        return {slot: utc(run["next_scheduled_start_time"]) for slot, (run,) in runs.items()}

    def wait_for_event(self, kind: str, flow_run_id: str) -> dict[str, Any]:
        """Return the Prefect event that says what became of a session's run."""
        body = {"filter": {"event": {"name": [f"parcferme.session.{kind}"]}}, "limit": 50}

        def look() -> dict[str, Any] | None:
            events = self.installation.post("/events/filter", body)["events"]
            related = f"prefect.flow-run.{flow_run_id}"
            return next((e for e in events if any(one["prefect.resource.id"] == related for one in e["related"])), None)

        return wait_until(look, f"event {kind} of {flow_run_id}")

    # What is published.

    def read(self, key: str) -> Any:
        """Return a published JSON document."""
        return json.loads((self.installation.site / key).read_text())

    def status(self, round_number: int, code: str) -> Any:
        """Return the status document of a session."""
        return self.read(f"v1/status/{SAMPLE_YEAR}/{round_number}/{code}.json")

    def latest(self, sample_round: int, code: str) -> Any:
        """Return ``latest.json`` of a session, by the sample season's own round."""
        return self.read(f"v1/sessions/{meeting_of(sample_round).session_key(code)}/latest.json")

    def indexed(self, event: str, code: str) -> Any:
        """Return a session of the season index, with the round of its event."""
        document = self.read(f"v1/seasons/{SAMPLE_YEAR}.json")
        (found,) = (one for one in document["events"] if one["name"] == event)
        (session,) = (one for one in found["sessions"] if one["code"] == code)
        return {**session, "round": found["round"]}

    def table(self, sample_round: int, code: str, revision: str, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table of a published revision."""
        folder = self.installation.site / f"v1/sessions/{meeting_of(sample_round).session_key(code)}/{revision}"
        return list(pq.read_table(folder / f"parquet/{name}.parquet").to_pylist())

    def objects(self) -> dict[str, tuple[int, str]]:
        """Return every object there is but the documents of the moment: when it was written and its sha256.

        Documents of the moment are those of runs, their status and the health.
        """
        site = self.installation.site
        moment = ("v1/status/", "v1/runs.json", "v1/health.json", "v1/check.json")
        return {
            name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in site.rglob("*")
            if path.is_file() and not (name := path.relative_to(site).as_posix()).startswith(moment)
        }


@contextmanager
def race_weekend(folder: Path, now: datetime) -> Iterator[Weekend]:
    """Yield a new installation that talks to an upstream of its own and has published nothing; without a worker."""
    with UpstreamDouble(folder / "upstream") as double:
        # Prefect's and FastF1's clocks do not follow the product's: nothing may be kept for want of time going by.
        double.max_age(".*", 0)
        cache = folder / "cache"
        variables = {**double.environment(), "PARCFERME_OFFLINE": "0"}
        with (
            installation(folder, cache, **variables) as installed,
            ForkedEngine(installed.environment, folder / "engine.log") as engine,
        ):
            yield Weekend(installed, double, engine, now)


def official_results(double: UpstreamDouble, sample_round: int, code: Literal["R", "Q"]) -> dict[str, tuple[int, ...]]:
    """Return position, points and grid place of every car as the results service has them at the moment."""
    answer = json.loads(double.season.body(sample_round, code, "results"))
    (race,) = answer["MRData"]["RaceTable"]["Races"]
    rows = race["Results" if code == "R" else "QualifyingResults"]
    return {row["number"]: _numbers(row, "position", "points", "grid") for row in rows}


def published_results(rows: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Return the same of the rows of a published table."""
    return {row["car"]: _numbers(row, "position", "points", "grid") for row in rows}


def _numbers(row: dict[str, Any], *names: str) -> tuple[int, ...]:
    return tuple(round(float(row[name])) for name in names)
