"""The text format of Prometheus, and what promtool says of the figures, the rules and the dashboard."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from memory_store import MemoryStore

from flows.health.metrics import health_metrics, published_metrics, session_metrics
from flows.health.sessions import SessionFact
from publish import keys
from publish.live.health import DEGRADED, HEALTHY, Check
from publish.live.metrics import Metric, one, render, write_metrics

MONITORING = Path(__file__).parents[3] / "deployments" / "monitoring"
NOW = datetime(2024, 3, 2, 18, 0, tzinfo=UTC)
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (apt-get install prometheus)")


def figures(store: MemoryStore) -> list[Metric]:
    checks = [Check("api", HEALTHY, "It answers."), Check("disk", DEGRADED, "Little.")]
    session = SessionFact(2024, 1, "Bahrain Grand Prix", "R", "published", NOW)
    return [*health_metrics(checks, NOW), *session_metrics([session, session]), *published_metrics(store)]


def test_the_format(tmp_path: Path) -> None:
    hostile = Metric("said", "What was said.", [({"text": 'a "b"\\\n'}, 0.5)])
    assert render([hostile, Metric("none", "Nothing.", []), Metric("all", "All.", one(3.0))]).decode() == (
        "# HELP parcferme_said What was said.\n"
        "# TYPE parcferme_said gauge\n"
        'parcferme_said{text="a \\"b\\"\\\\\\n"} 0.5\n'
        "# HELP parcferme_all All.\n"
        "# TYPE parcferme_all gauge\n"
        "parcferme_all 3\n"
    )


def test_what_is_told() -> None:
    store = MemoryStore(lambda: NOW)
    write_metrics(store, figures(store))
    stored = store.read(keys.METRICS)
    assert stored is not None
    lines = set(stored.data.decode().splitlines())
    assert {
        "parcferme_health 1",
        'parcferme_check{check="disk"} 1',
        'parcferme_sessions{year="2024",state="published"} 2',
        "parcferme_checked_timestamp_seconds 1709402400",
    } <= lines


def _made() -> set[str]:
    sources = (Path(__file__).parents[3] / "flows" / "health" / "metrics.py").read_text()
    return {f"parcferme_{name}" for name in re.findall(r'Metric\(\s*"([a-z_]+)"', sources)}


@pytest.mark.parametrize("name", ["alerts.yml", "dashboard.json"])
def test_rules_and_dashboard_ask_for_what_is_written(name: str) -> None:
    text = (MONITORING / name).read_text()
    asked = set(re.findall(r"parcferme_[a-z_]+", text))
    assert asked and asked <= _made()


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 8
    for panel in panels:
        assert panel["title"] and all(target["expr"] for target in panel["targets"])


@needs_promtool
def test_promtool_finds_nothing(tmp_path: Path) -> None:
    store = MemoryStore(lambda: NOW)
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=render(figures(store)), capture_output=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    rules = subprocess.run([PROMTOOL, "check", "rules", MONITORING / "alerts.yml"], capture_output=True, text=True)
    assert rules.returncode == 0, rules.stdout + rules.stderr
    tested = subprocess.run(
        [PROMTOOL, "test", "rules", MONITORING / "alerts_test.yml"], capture_output=True, text=True, cwd=MONITORING
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
