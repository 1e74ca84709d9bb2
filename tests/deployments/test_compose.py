"""The compose file, as docker-compose itself reads it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from delivered import DELIVERED, PINNED, ROOT, pods
from prefect.server.concurrency.lease_storage import filesystem

from flows.cli.deploy import QUEUES

COMPOSE = shutil.which("docker-compose")
needs_compose = pytest.mark.skipif(COMPOSE is None, reason="needs docker-compose (apt-get install docker-compose)")

SECRETS = {
    "PARCFERME_DB_PASSWORD": "canarydb",
    "PARCFERME_S3_KEY": "canarykey",
    "PARCFERME_S3_SECRET": "canarysecret",
    "PARCFERME_PREFECT_LOGIN": "canary:login",
}
OWN_IMAGE = "parcferme:0.1.0"
ONCE = {"buckets", "register"}


def composed(folder: Path, settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [str(COMPOSE), "--env-file", str(folder / "env"), "-f", str(DELIVERED / "compose.yaml"), "config"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"]})


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    if COMPOSE is None:
        pytest.skip("needs docker-compose (apt-get install docker-compose)")
    done = composed(tmp_path_factory.mktemp("compose"), SECRETS)
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout)["services"])


@needs_compose
@pytest.mark.parametrize("missing", SECRETS)
def test_it_does_not_start_without_its_secrets(missing: str, tmp_path: Path):
    done = composed(tmp_path, {name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert "set it in deployments/.env" in done.stderr


def test_no_secret_is_in_the_files():
    example = (DELIVERED / "compose.env.example").read_text()
    given = dict(line.split("=", 1) for line in example.splitlines() if "=" in line and not line.startswith("#"))
    assert set(given) >= SECRETS.keys()
    assert all(given[name] == "" for name in given if re.search("PASSWORD|SECRET|KEY|LOGIN|NOTIFY|USERNAME", name))
    text = (DELIVERED / "compose.yaml").read_text()
    named = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    assert named <= set(given)
    for match in re.finditer(r"(PASSWORD|SECRET_ACCESS_KEY|ACCESS_KEY_ID|AUTH_STRING): (.+)", text):
        assert match[2].startswith("${")


def test_the_services(services: dict[str, dict[str, Any]]):
    assert set(services) == {"database", "server", "s3", "buckets", "register", "control", "worker", "cdn"}
    for name, service in services.items():
        assert PINNED.fullmatch(service["image"]), name
        assert service["logging"]["options"]["max-size"], name
        assert service["mem_limit"], name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service, name
        if name not in ONCE:
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_nobody_is_root(services: dict[str, dict[str, Any]]):
    for name, service in services.items():
        if service["image"] == OWN_IMAGE:
            assert service["build"]["dockerfile"] == "deployments/Dockerfile"
            assert Path(service["build"]["context"]).resolve() == ROOT
            assert service["read_only"] is True, name
            assert any(volume.get("target") == "/tmp" for volume in service["volumes"] if isinstance(volume, dict))
            assert "user" not in service, name
        else:
            assert int(service["user"].partition(":")[0]) > 0, name


def test_only_loopback_can_reach_it(services: dict[str, dict[str, Any]]):
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(ports) == {"server", "cdn"}
    for published in ports.values():
        for port in published:
            assert str(port if isinstance(port, str) else port["host_ip"]).startswith("127.0.0.1")


def test_everything_waits_for_what_it_needs(services: dict[str, dict[str, Any]]):
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert waits["server"] == {"database": "service_healthy"}
    assert waits["buckets"] == {"s3": "service_healthy"}
    assert waits["register"] == {"server": "service_healthy", "buckets": "service_completed_successfully"}
    assert waits["control"] == waits["worker"] == {"register": "service_completed_successfully"}
    assert waits["cdn"] == {"s3": "service_healthy"}


def test_secrets_go_only_where_they_are_needed(services: dict[str, dict[str, Any]]):
    holders = {
        secret: {name for name, service in services.items() if secret in json.dumps(service.get("environment", {}))}
        for secret in SECRETS.values()
    }
    assert holders["canarydb"] == {"database", "server"}
    assert holders["canarysecret"] == {"s3", "buckets", "register", "control", "worker"}
    assert holders["canary:login"] == {"server", "register", "control", "worker"}


def test_the_server_and_its_clients_agree(services: dict[str, dict[str, Any]]):
    server = services["server"]["environment"]
    assert server["PREFECT_API_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://prefect:canarydb@database:")
    for name in ("register", "control", "worker"):
        client = services[name]["environment"]
        assert client["PREFECT_API_URL"] == "http://server:4200/api"
        assert client["PREFECT_API_AUTH_STRING"] == server["PREFECT_SERVER_API_AUTH_STRING"]
        assert client["PREFECT_UI_URL"] == server["PREFECT_UI_URL"] == "http://127.0.0.1:4200/v2"
        assert client["PARCFERME_ARCHIVE"] != client["PARCFERME_DESTINATION"]


def test_every_queue_has_its_worker(services: dict[str, dict[str, Any]]):
    environments = {name: services[name]["environment"] for name in ("control", "worker")}
    queues = {name: environment["PARCFERME_WORK_QUEUE"] for name, environment in environments.items()}
    assert queues == {"control": "control", "worker": "sessions"}
    # The other one is worked off where the data can be had, which is not here (deployments/docs/two-sites.md).
    assert set(queues.values()) == set(QUEUES) - {"upstream"}
    # A backfill and two others at once leave a place for check-health.
    assert int(environments["control"]["PARCFERME_WORKER_LIMIT"]) >= 3
    caches = [volume for name in queues for volume in services[name]["volumes"] if "cache" in json.dumps(volume)]
    assert len(caches) == 2 and caches[0] == caches[1]


def test_leases_outlive_the_server(services: dict[str, dict[str, Any]], tmp_path: Path):
    server = services["server"]
    volumes = [volume for volume in server["volumes"] if "/var/lib/parcferme" in json.dumps(volume)]
    assert volumes == ["server:/var/lib/parcferme:rw"] or volumes[0]["source"] == "server"
    (container,) = pods()["prefect-server"]["containers"]
    named = {one["name"]: one.get("value") for one in container["env"]}
    for environment in (server["environment"], named):
        assert environment["PREFECT_HOME"].startswith("/var/lib/parcferme/")
        module = import_module(environment["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"])
        assert module.ConcurrencyLeaseStorage(tmp_path).storage_path == tmp_path


def test_the_server_starts_after_it_was_killed_in_the_middle_of_a_write(
    services: dict[str, dict[str, Any]], tmp_path: Path
):
    """In a container the process number of whoever held the lock is the new server's own."""
    (tmp_path / "prefect").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "prefect").chmod(0o755)
    (container,) = pods()["prefect-server"]["containers"]
    for words in ([word.replace("$$", "$") for word in services["server"]["command"]], container["args"]):
        lock = filesystem.ConcurrencyLeaseStorage(tmp_path / "concurrency_leases").storage_path / "expirations.lock"
        lock.parent.mkdir(exist_ok=True)
        lock.write_text("7")
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PREFECT_HOME": str(tmp_path)}
        ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout == "server start --host 0.0.0.0 --port 4200\n"
        assert not lock.exists()


def test_only_the_site_can_be_read_without_a_key(services: dict[str, dict[str, Any]], tmp_path: Path):
    script = services["s3"]["command"][0].replace("$$", "$")
    script = script.replace("/run/s3/", f"{tmp_path}/").replace("exec weed", "true weed")
    environment = {"PATH": os.environ["PATH"], **services["s3"]["environment"]}
    subprocess.run(["/bin/sh", "-euc", script], check=True, env=environment, timeout=30)
    identities = {one["name"]: one for one in json.loads((tmp_path / "identities.json").read_text())["identities"]}
    site = services["worker"]["environment"]["PARCFERME_DESTINATION"].removeprefix("s3://")
    assert identities["anonymous"] == {"name": "anonymous", "actions": [f"Read:{site}"]}
    keys = identities["parcferme"]["credentials"]
    assert keys == [{"accessKey": "canarykey", "secretKey": "canarysecret"}]
    assert services["cdn"]["environment"]["PARCFERME_BUCKET"] == f"/{site}"


def test_nginx_gets_its_settings_and_files(services: dict[str, dict[str, Any]]):
    cdn = services["cdn"]
    template = (DELIVERED / "nginx" / "s3.conf.template").read_text()
    assert set(re.findall(r"\$\{(PARCFERME_\w+)\}", template)) <= set(cdn["environment"])
    mounted = [volume if isinstance(volume, str) else volume["source"] for volume in cdn["volumes"]]
    sources = [Path(volume.split(":")[0]) for volume in mounted if volume.startswith("/")]
    assert len(sources) == 2
    assert all(source.exists() for source in sources)
