"""Prefect's database does not grow without end: what is delivered means that to the installed version of Prefect."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

DEPLOYMENTS = Path(__file__).parents[2] / "deployments"
_READ = """
from prefect.settings import get_current_settings
server = get_current_settings().server
vacuum = server.services.db_vacuum
print(sorted(vacuum.enabled_vacuum_types), vacuum.retention_period.total_seconds())
print(server.events.retention_period.total_seconds(), server.deployments.concurrency_slot_wait_seconds)
"""


def _of_compose() -> dict[str, str]:
    server = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())["services"]["server"]
    return {name: str(value) for name, value in server["environment"].items()}


def _of_kubernetes() -> dict[str, str]:
    parts = yaml.safe_load_all((DEPLOYMENTS / "kubernetes" / "server.yaml").read_text())
    (server,) = (part for part in parts if part and part["kind"] == "Deployment")
    variables = server["spec"]["template"]["spec"]["containers"][0]["env"]
    return {one["name"]: one["value"] for one in variables if "value" in one}


def _of_runbook() -> dict[str, str]:
    lines = [line for line in (DEPLOYMENTS / "RUNBOOK.md").read_text().splitlines() if line.startswith("export ")]
    return dict(re.findall(r"(PREFECT_\w+)=(\S+)", "\n".join(lines)))


@pytest.mark.parametrize("read", [_of_compose, _of_kubernetes, _of_runbook])
def test_runs_events_and_orphans_are_removed_in_time(read: object) -> None:
    wanted = ("DB_VACUUM", "RETENTION", "SLOT_WAIT")
    chosen = {name: value for name, value in read().items() if any(part in name for part in wanted)}  # type: ignore[operator]
    ended = subprocess.run(
        [sys.executable, "-c", _READ], env={**os.environ, **chosen}, capture_output=True, text=True, check=True
    )
    two_months, week = timedelta(days=60).total_seconds(), timedelta(days=7).total_seconds()
    assert ended.stdout.splitlines() == [f"['events', 'flow_runs', 'orphans'] {two_months}", f"{week} 60.0"]
