"""Two environments side by side on one server: what is one's is never the other's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import yaml
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient

from flows.cli.deploy import PREFECT_FILE, deploy
from flows.engine.housekeeping import Housekeeper
from flows.engine.session_runs import NewRun, SessionRuns
from flows.health.engine import Engine
from flows.settings import read_settings

#: What automations run, and what the tests look at.
NAMES = {"publish-session", "backfill", "plan-season", "check-health"}


class Environment:
    """One of them; every call is made with its settings."""

    def __init__(self, name: str, patch: pytest.MonkeyPatch, client: SyncPrefectClient) -> None:
        self.name, self._patch, self.client = name, patch, client
        self.automations_before: dict[str, str] = {}

    def enter(self) -> None:
        """Have its setting, and nothing else of its own, in the environment."""
        self._patch.setenv("PARCFERME_ENVIRONMENT", self.name)

    def deployed(self) -> dict[str, bool]:
        """Whether each of its deployments is paused."""
        self.enter()
        found = Engine(self.client, read_settings().work_pool, list).read_deployments()
        return {one.name: one.is_paused for one in found}

    def run(self) -> str:
        """Make a run of the same session, under the same key, as the other one does."""
        self.enter()
        runs = SessionRuns(self.client)
        return str(runs.create(NewRun(2024, "Bahrain Grand Prix", "R", datetime.now(UTC), key="one")).id)

    def automations(self) -> dict[str, str]:
        """Those that bear its name, and their ids."""
        found = self.client.request("POST", "/automations/filter", json={"limit": 200}).json()
        return {one["name"]: one["id"] for one in found if one["name"].startswith(f"parcferme-{self.name}: ")}


@pytest.fixture(scope="module")
def both(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Environment, Environment]]:
    """Both deployed on the server of all tests, under names nobody else has; of the first one something is paused.

    Registering takes its time: not all that is delivered.
    """
    folder = tmp_path_factory.mktemp("environments")
    content = yaml.safe_load(PREFECT_FILE.read_text())
    content["deployments"] = [one for one in content["deployments"] if one["name"] in NAMES]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch, get_client(sync_client=True) as client:
        patch.chdir(folder)
        patch.setenv("PARCFERME_DESTINATION", "s3://bucket/f1")
        patch.setenv("PREFECT_API_URL", prefect_server)
        made = tuple(Environment(f"{name}-{uuid4().hex[:6]}", patch, client) for name in ("dev", "staging"))
        for one in made:
            one.enter()
            assert deploy(folder / "prefect.yaml") == 0
            if one is made[0]:
                one.automations_before = one.automations()
                client.pause_deployment(client.read_deployment_by_name(f"backfill/{one.name}-backfill").id)
        yield made[0], made[1]


def test_one_setting_keeps_them_apart(both: tuple[Environment, Environment]) -> None:
    dev, staging = both
    assert set(dev.deployed()) == set(staging.deployed()) == NAMES
    places = []
    for one in both:
        one.enter()
        settings = read_settings()
        places.append((settings.work_pool, settings.destination))
        path = f"backfill/{one.name}-backfill"
        deployment = one.client.read_deployment_by_name(path)
        assert deployment.work_pool_name == settings.work_pool == f"parcferme-{one.name}"
        assert f"parcferme-{one.name}" in deployment.tags and "parcferme" not in deployment.tags
        assert settings.destination == f"s3://bucket/f1/{one.name}"
    assert len(set(places)) == 2


def test_runs_and_what_is_done_to_them_stay_in_their_own(both: tuple[Environment, Environment]) -> None:
    dev, staging = both
    first, second = dev.run(), staging.run()
    assert first != second
    assert (dev.run(), staging.run()) == (first, second), "each is made once"
    dev.enter()
    assert [str(run.id) for run in SessionRuns(dev.client).find()] == [first]
    future = datetime(2093, 1, 1, tzinfo=UTC)
    keeper = Housekeeper(dev.client, read_settings().work_pool, future, dry_run=True)
    assert keeper._cancel_untaken(future) == 1


def test_deploying_one_leaves_the_other_alone(both: tuple[Environment, Environment]) -> None:
    dev, staging = both
    assert dev.automations() == dev.automations_before != {}
    names = ({name.partition(": ")[2] for name in one.automations()} for one in both)
    assert next(names) == next(names)
    assert dev.deployed()["backfill"] and not staging.deployed()["backfill"]
