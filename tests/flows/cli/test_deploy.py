"""``parcferme deploy`` against a real server: what is there afterwards, and after it was run again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from installation import Installation, installation
from prefect_servers import wait_until

from flows.cli.deploy import PREFECT_FILE, QUEUES, deploy
from flows.upstream.limits import LIMITS
from transforms.errors import InputError

FILE: dict[str, dict[str, Any]] = {
    deployment["name"]: deployment for deployment in yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
}
NAMES = {
    "publish-session",
    "fetch-session",
    "backfill",
    "plan-season",
    "refresh-results",
    "check-health",
    "verify",
    "prune",
    "housekeeping",
    "rebuild-index",
}
ONE_AT_A_TIME = {"backfill", "refresh-results"}
LATER = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2093-05-01T12:00:00Z"}}
RACE = {"year": 2024, "event": "Bahrain", "session": "Race"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("deploy")
    with installation(folder, folder / "cache") as it:
        yield it


def _deployments(made: Installation) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in made.post("/deployments/filter", {"limit": 100})}


def _schedules(deployment: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["slug"], one["schedule"]["cron"], one["schedule"]["timezone"]) for one in deployment["schedules"]]


def _create_run(made: Installation, name: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    path = f"/deployments/{_deployments(made)[name]['id']}/create_flow_run"
    answer = made.answer("POST", path, {"parameters": parameters, "state": LATER})
    return answer.status_code, answer.json()


def _everything(made: Installation) -> dict[str, Any]:
    """Return the identity of all that deploying makes, to be compared."""
    return {
        "deployments": {name: one["id"] for name, one in _deployments(made).items()},
        "schedules": {name: [s["id"] for s in one["schedules"]] for name, one in _deployments(made).items()},
        "queues": {one["name"]: (one["id"], one["priority"]) for one in _queues(made)},
        "limits": {one["name"]: one["id"] for one in made.post("/v2/concurrency_limits/filter", {})},
        "automations": {one["name"]: one["id"] for one in _automations(made)},
    }


def _queues(made: Installation, pool: str = "parcferme") -> list[dict[str, Any]]:
    return list(made.post(f"/work_pools/{pool}/queues/filter", {}))


def _automations(made: Installation) -> list[dict[str, Any]]:
    return list(made.post("/automations/filter", {"sort": "NAME_ASC"}))


def test_every_deployment_is_as_the_file_says(made: Installation) -> None:
    found = _deployments(made)
    assert set(found) == set(FILE) == NAMES
    for name, one in found.items():
        assert one["description"] == FILE[name]["description"]
        assert len(one["description"]) > 100
        assert one["tags"] == FILE[name]["tags"]
        assert "parcferme" in one["tags"]
        assert one["version"] == version("parcferme")
        assert (one["work_pool_name"], one["work_queue_name"]) == (
            "parcferme",
            FILE[name]["work_pool"]["work_queue_name"],
        )
        assert one["enforce_parameter_schema"] is True
        assert one["paused"] is False
        assert _schedules(one) == [(s["slug"], s["cron"], s["timezone"]) for s in FILE[name].get("schedules", [])]
        assert one["pull_steps"] == []
        # It runs from wherever the workers have it installed.
        assert one["path"] is None
        limit = one["global_concurrency_limit"]
        assert (limit and limit["limit"]) == (1 if name in ONE_AT_A_TIME else None)
        assert (one["concurrency_options"] or {}).get("collision_strategy") == ("ENQUEUE" if limit else None)
        flow = made.get(f"/flows/{one['flow_id']}")
        assert flow["name"] == name


def test_only_making_and_fetching_sessions_are_behind_the_other_queue(made: Installation) -> None:
    assert {name: one["work_queue_name"] for name, one in _deployments(made).items()} == {
        name: {"publish-session": "sessions", "fetch-session": "upstream"}.get(name, "control") for name in NAMES
    }
    queues = {one["name"]: one["priority"] for one in _queues(made)}
    assert {name: queues[name] for name in QUEUES} == QUEUES
    assert queues["control"] < queues["sessions"]
    assert made.get("/work_pools/parcferme")["type"] == "process"


def test_limits_and_automations_are_there(made: Installation) -> None:
    limits = {one["name"]: one for one in made.post("/v2/concurrency_limits/filter", {})}
    for wanted in LIMITS.all():
        assert limits[wanted.name]["limit"] == wanted.slots
        assert limits[wanted.name]["slot_decay_per_second"] == pytest.approx(wanted.decay_per_s)
    automations = _automations(made)
    assert "parcferme: silent runs have crashed" in {one["name"] for one in automations}
    assert all(one["enabled"] and one["name"].startswith("parcferme: ") for one in automations)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("publish-session", {**RACE, "year": 1999}, "1999 is less than the minimum of 2018"),
        ("publish-session", {**RACE, "session": "Final"}, "'Final' is not one of"),
        ("publish-session", {**RACE, "event": ""}, "event"),
        ("publish-session", {"year": 2024}, "event"),
        ("backfill", {"year": 2024, "rounds": "first"}, "rounds"),
        ("backfill", {"year": 2024, "rounds": []}, "rounds"),
        ("backfill", {"year": 2024, "rounds": "all", "sessions": ["Final"]}, "sessions"),
    ],
)
def test_wrong_input_is_refused_with_a_message(
    made: Installation, name: str, parameters: dict[str, Any], said: str
) -> None:
    status, answer = _create_run(made, name, parameters)
    assert status in (409, 422)
    assert said in answer["detail"]


@pytest.mark.parametrize("rounds", ["all", "8", "1-5,8", [1, 8]])
def test_right_input_is_taken(made: Installation, rounds: Any) -> None:
    status, run = _create_run(made, "backfill", {"year": 2024, "rounds": rounds, "sessions": ["Race"]})
    assert status == 201
    made.ask("DELETE", f"/flow_runs/{run['id']}")


def test_schedules_make_runs(made: Installation) -> None:
    scheduled = {name for name, one in FILE.items() if "schedules" in one}

    def planned() -> bool:
        return all(any(run["auto_scheduled"] for run in made.runs_of(name)) for name in scheduled)

    wait_until(planned, "every schedule has runs")


def test_deploying_again_changes_nothing(made: Installation) -> None:
    before = _everything(made)
    _, planned = _create_run(made, "publish-session", RACE)
    verify, health = _deployments(made)["verify"], _deployments(made)["check-health"]
    made.ask("PATCH", f"/deployments/{verify['id']}", {"paused": True})
    (schedule,) = health["schedules"]
    made.ask("PATCH", f"/deployments/{health['id']}/schedules/{schedule['id']}", {"active": False})
    (automation,) = (one for one in _automations(made) if "silent" in one["name"])
    made.ask("PATCH", f"/automations/{automation['id']}", {"enabled": False})

    ended = made.run("deploy")
    assert ended.returncode == 0, ended.stdout + ended.stderr

    assert _everything(made) == before
    # What the operator has paused or switched off stays so.
    assert "Paused, as before: verify." in ended.stdout
    after = _deployments(made)
    assert {name for name, one in after.items() if one["paused"]} == {"verify"}
    assert [s["active"] for s in after["check-health"]["schedules"]] == [False]
    assert [one["name"] for one in _automations(made) if not one["enabled"]] == [automation["name"]]
    # A planned run is nobody's to remove: no schedule has made it.
    assert made.flow_run(planned["id"])["state_name"] == "Scheduled"
    assert not made.flow_run(planned["id"])["auto_scheduled"]


def test_a_schedule_of_the_operator_is_kept_and_that_is_said(made: Installation) -> None:
    verify = _deployments(made)["verify"]
    own = [{"schedule": {"cron": "0 6 * * 3", "timezone": "UTC"}, "active": False}]
    made.post(f"/deployments/{verify['id']}/schedules", own)
    ended = made.run("deploy")
    assert ended.returncode == 0, ended.stderr
    assert "Schedules that were added by hand, kept: verify." in ended.stdout
    kept = _deployments(made)["verify"]["schedules"]
    assert {(one["schedule"]["cron"], one["active"]) for one in kept} == {("0 3 * * 1", True), ("0 6 * * 3", False)}
    # Prefect's own command does the same to the deployments.
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    ended = subprocess.run(command, env=made.environment, cwd=made.folder, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [slug for slug, _, _ in _schedules(_deployments(made)["verify"])] == ["weekly"]
    assert set(_deployments(made)) == NAMES


def test_another_pool_and_another_file(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    (made.folder / "one.yaml").write_text(
        yaml.safe_dump({"name": "parcferme", "pull": [], "deployments": [FILE["check-health"]]})
    )
    monkeypatch.setitem(made.environment, "PARCFERME_WORK_POOL", "elsewhere")
    ended = made.run("deploy", "--prefect-file", "one.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Deployments: check-health." in ended.stdout
    assert "--pool elsewhere" in ended.stdout
    found = _deployments(made)
    assert found["check-health"]["work_pool_name"] == "elsewhere"
    assert found["verify"]["work_pool_name"] == "parcferme"
    assert QUEUES.items() <= {one["name"]: one["priority"] for one in _queues(made, "elsewhere")}.items()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file"),
        ("deployments: [", "cannot be used"),
        ("- a list", "cannot be used"),
        ("name: parcferme", "'deployments' is missing"),
        ("deployments: [{name: verify}]", "'work_pool' is missing"),
        ("deployments: [verify]", "cannot be used"),
        ("deployments: [{name: verify, work_pool: parcferme}]", "needs a name and a work_pool"),
        ("deployments: 8", "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "prefect.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as caught:
        deploy(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_without_a_server_it_says_what_to_set(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "flows.cli", "deploy"],
        env={name: value for name, value in environment.items() if name != "PREFECT_API_URL"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 2
    assert "set PREFECT_API_URL=" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
