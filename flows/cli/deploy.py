"""Registers everything with a Prefect server: work pool, queues, limits, deployments, automations. Safe to repeat."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from rich.console import Console

from flows.cli.console import make_console
from flows.engine.automations import apply_automations
from flows.engine.automations_rules import prefix
from flows.engine.database import SQLITE_WARNING, uses_sqlite
from flows.engine.environment import own_name, tag
from flows.health.probe import PrefectServer, ServerError, configured_server
from flows.settings import Settings, read_settings
from flows.upstream.limits import ensure_limits
from transforms.errors import InputError, ParcfermeError

#: The file in this project, beside the rooms.
PREFECT_FILE = Path(__file__).parents[2] / "deployments" / "prefect.yaml"
#: The pool's queues and their priorities: what looks after the sessions is never behind them.
#: No two have the same: Prefect moves the one that was there to the next.
QUEUES = {"control": 1, "upstream": 2, "sessions": 3}
_TIMEOUT_S = 300
#: In the file, where no environment has a name.
_TAG = "parcferme"
#: A server that is just being started makes its database first.
_SERVER_PATIENCE_S = 180.0
_SERVER_PAUSE_S = 1.0


def deploy(prefect_file: Path | None) -> int:
    """Register everything and say what was done."""
    settings = read_settings()
    path = (prefect_file or PREFECT_FILE).resolve()
    content = _read(path)
    if not PREFECT_API_URL.value():
        raise InputError(
            "No Prefect server is set, and a temporary one keeps nothing. Start one with `prefect server start` and "
            "set PREFECT_API_URL=http://127.0.0.1:4200/api."
        )
    console = make_console()
    done = []
    _wait_for_server(console)
    with get_client(sync_client=True) as client:
        done += _ensure_pool(client, settings.work_pool)
        done += ensure_limits(client)
        paused = _read_paused(client)
        added = _read_added_schedules(client, content)
    with _adapted(path, content, settings.work_pool, paused) as file:
        _register(file)
    with get_client(sync_client=True) as client:
        done += _restore_schedules(client, added)
    names = ", ".join(own_name(one["name"]) for one in content["deployments"])
    done.append(f"Deployments: {names}.")
    if paused:
        done.append(f"Paused, as before: {', '.join(sorted(paused))}.")
    automations = (name.removeprefix(prefix()) for name in apply_automations(settings))
    done.append(f"Automations: {'; '.join(automations)}.")
    if uses_sqlite():
        done.append(SQLITE_WARNING)
    for sentence in done:
        console.print(sentence, markup=False, soft_wrap=True)
    console.print(_next_steps(settings), markup=False, soft_wrap=True)
    return 0


def _wait_for_server(console: Console) -> None:
    """Wait until the server answers: one that has just been started takes its time.

    :raises ServerError: it does not, for minutes.
    """
    server = configured_server() or PrefectServer(PREFECT_API_URL.value() or "", {})
    deadline = time.monotonic() + _SERVER_PATIENCE_S
    said = False
    while True:
        try:
            server.check(ready=False)
            return
        except ServerError as error:
            if time.monotonic() > deadline:
                raise
            if not said:
                console.print(f"Waiting for Prefect's server. {error}", markup=False, soft_wrap=True)
                said = True
        time.sleep(_SERVER_PAUSE_S)


def _read_added_schedules(client: SyncPrefectClient, content: dict[str, Any]) -> list[tuple[str, UUID, Any, bool]]:
    """Return the schedules of our deployments that are not in the file: name, deployment, schedule, whether active."""
    slugs = {
        own_name(one["name"]): {schedule.get("slug") for schedule in one.get("schedules", ())}
        for one in content["deployments"]
    }
    return [
        (deployment.name, deployment.id, schedule.schedule, bool(schedule.active))
        for deployment in client.read_deployments(deployment_filter=_ours())
        if deployment.name in slugs
        for schedule in deployment.schedules
        if schedule.slug not in slugs[deployment.name]
    ]


def _restore_schedules(client: SyncPrefectClient, added: list[tuple[str, UUID, Any, bool]]) -> list[str]:
    """Make schedules again that registration has removed; return what is to be said of it."""
    kept = []
    for name, deployment_id, schedule, active in added:
        there = [one.schedule for one in client.read_deployment_schedules(deployment_id)]
        if schedule not in there:
            client.create_deployment_schedules(deployment_id, [(schedule, active)])
        kept.append(name)
    return [f"Schedules that were added by hand, kept: {', '.join(sorted(kept))}."] if kept else []


def _ours() -> DeploymentFilter:
    return DeploymentFilter(tags=DeploymentFilterTags(all_=[tag()]))


def _ensure_pool(client: SyncPrefectClient, name: str) -> list[str]:
    done = []
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(name=name, type="process", description="Makes and looks after sessions.")
        )
        done.append(f"Work pool {name}: created, for process workers.")
    for queue, priority in QUEUES.items():
        _ensure_queue(client, name, queue, priority)
    return done


def _ensure_queue(client: SyncPrefectClient, pool: str, name: str, priority: int) -> None:
    response = client.request(
        "POST",
        "/work_pools/{work_pool_name}/queues/filter",
        path_params={"work_pool_name": pool},
        json={"work_queues": {"name": {"any_": [name]}}},
    )
    path = {"work_pool_name": pool}
    if not response.json():
        client.request(
            "POST", "/work_pools/{work_pool_name}/queues", path_params=path, json={"name": name, "priority": priority}
        )
    elif response.json()[0]["priority"] != priority:
        client.request(
            "PATCH",
            "/work_pools/{work_pool_name}/queues/{name}",
            path_params={**path, "name": name},
            json={"priority": priority},
        )


def _read_paused(client: SyncPrefectClient) -> set[str]:
    """Return the names of our deployments that an operator has paused; registering them would start them again."""
    return {deployment.name for deployment in client.read_deployments(deployment_filter=_ours()) if deployment.paused}


@contextmanager
def _adapted(path: Path, content: dict[str, Any], work_pool: str, paused: set[str]) -> Iterator[Path]:
    """Yield the file, or one with other names, another work pool and with what is paused, if that differs."""
    deployments = [
        {
            **deployment,
            "name": own_name(deployment["name"]),
            "tags": [tag(), *(one for one in deployment.get("tags", ()) if one != _TAG)],
            "work_pool": {**deployment["work_pool"], "name": work_pool},
            **({"paused": True} if own_name(deployment["name"]) in paused else {}),
        }
        for deployment in content["deployments"]
    ]
    if deployments == content["deployments"]:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / "prefect.yaml"
        changed.write_text(yaml.safe_dump({**content, "deployments": deployments}))
        yield changed


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
        for deployment in content["deployments"]:
            if not (isinstance(deployment["name"], str) and isinstance(deployment["work_pool"], dict)):
                raise TypeError("a deployment needs a name and a work_pool")
    except FileNotFoundError as error:
        raise InputError(
            f"There is no file {path}. Run it in the project's folder, or say where it is with --prefect-file."
        ) from error
    except KeyError as error:
        raise InputError(f"{path} cannot be used: {error} is missing. Take the file of this project.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path} cannot be used ({said}). Take the file of this project.") from error
    return dict(content)


def _register(path: Path) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(path)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, cwd=path.parent)
    except subprocess.TimeoutExpired as error:
        raise ParcfermeError(
            f"Prefect did not register {path} within {_TIMEOUT_S} s. See that its server answers, then run it again."
        ) from error
    if ended.returncode != 0:
        said = " ".join((ended.stdout + ended.stderr).split())[-800:]
        raise ParcfermeError(f"Prefect did not register {path}: {said}. Run it again when that is put right.")


def _next_steps(settings: Settings) -> str:
    start = f"python deployments/worker.py prefect worker start --pool {settings.work_pool} --type process"
    fetching = f"""
At the place that fetches (deployments/docs/two-sites.md):
  {start} --work-queue upstream --limit 1"""
    return f"""
Now start workers, with the settings the runs need in their environment:
  {start} --limit 3
On a machine with more to do, let what looks after the sessions never wait for them:
  {start} --work-queue control --limit 4
  {start} --work-queue sessions --limit 2{fetching if settings.plan_fetches else ""}
Then run plan-season once, or a backfill, from the Prefect UI."""
