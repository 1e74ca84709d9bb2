"""The image, the compose file and the Kubernetes manifests: parsed by what reads them, and asked for facts."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.server.concurrency.lease_storage import filesystem

import flows.cli
from flows.deploy import QUEUES
from flows.settings import Settings

ROOT = Path(__file__).parents[2]
DELIVERED = ROOT / "deployments"
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
#: A tag that says exactly which version it is.
PINNED = re.compile(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*(@sha256:[0-9a-f]{64})?")


# --- the image -------------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    lines = [line for line in (DELIVERED / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in found]


def final_stage() -> list[tuple[str, str]]:
    every = instructions()
    last = max(index for index, (name, _) in enumerate(every) if name == "FROM")
    return every[last:]


def environment_of(stage: list[tuple[str, str]]) -> dict[str, str]:
    words = [word for name, rest in stage if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def is_ignored(path: str) -> bool:
    """Whether .dockerignore leaves a path out: the last rule that fits it or a folder above it decides."""
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        patterns = {pattern, pattern.removeprefix("**/")}
        if any(
            fnmatchcase(name, one) and ("*" not in one or one == "*" or pattern.startswith("**/") or "/" in one)
            for name in above
            for one in patterns
        ):
            ignored = not rule.startswith("!")
    return ignored


def test_bases_are_pinned_and_alike():
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert all(PINNED.fullmatch(base) and base.startswith("python:3.11.") for base in bases)


def test_what_is_copied_is_there_and_reaches_the_builder():
    copied = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = [source for words in copied for source in words[:-1]]
    assert {"flows", "publish", "transforms", "deployments", "constraints.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert not is_ignored(source)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "deployments/.env",
        "site/index.json",
        "tests/conftest.py",
        "flows/__pycache__/cli.cpython-311.pyc",
    ],
)
def test_nothing_else_reaches_the_builder(path: str):
    assert is_ignored(path)


@pytest.mark.parametrize("path", ["flows/cli.py", "publish/site/index.html", "deployments/prefect.yaml"])
def test_the_code_reaches_the_builder(path: str):
    assert not is_ignored(path)


def test_installation_is_pinned_and_without_development_tools():
    installs = [rest for name, rest in instructions() if name == "RUN" and "pip" in rest and "install --no" in rest]
    assert "--constraint constraints.txt" in installs[0]
    assert "--no-deps" in installs[1]
    assert not any(".[dev]" in rest for rest in installs)
    assert "apt-get" not in (DELIVERED / "Dockerfile").read_text()


def test_it_runs_as_a_fixed_user_that_is_not_root():
    users = [rest for name, rest in final_stage() if name == "USER"]
    assert users == ["10001:10001"]
    assert "pip uninstall --yes" in dict(final_stage())["RUN"]


def test_its_health_check_is_a_command_that_exists():
    command = json.loads(dict(final_stage())["HEALTHCHECK"].partition("CMD ")[2])
    assert command[0] == "parcferme"
    assert flows.cli._parser().parse_args(command[1:]).live


def test_its_settings_exist():
    environment = environment_of(final_stage())
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
    assert int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) >= 30
    assert environment["PARCFERME_CACHE_DIR"].startswith(dict(final_stage())["VOLUME"])
    # Only the volume and /tmp can be written.
    assert {environment[name].split("/")[1] for name in ("MPLCONFIGDIR", "PREFECT_HOME")} == {"tmp"}
    assert environment["HOME"] == dict(final_stage())["VOLUME"]
    ours = {name for name in environment if name.startswith("PARCFERME_")}
    assert ours <= {f"PARCFERME_{field.upper()}" for field in Settings.model_fields}


def test_the_worker_gets_the_signals():
    shell, option, script = json.loads(dict(final_stage())["CMD"])
    assert (shell, option) == ("/bin/sh", "-c")
    words = shlex.split(script)
    assert words[:3] == ["exec", "python", "deployments/worker.py"]
    assert words[3:6] == ["prefect", "worker", "start"]
    assert words[words.index("--pool") + 1] == "$PARCFERME_WORK_POOL"


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, ["--limit", "3"]),
        ({"PARCFERME_WORK_QUEUE": "", "PARCFERME_WORKER_LIMIT": ""}, ["--limit", "3"]),
        (
            {"PARCFERME_WORK_QUEUE": "control", "PARCFERME_WORKER_LIMIT": "4"},
            ["--work-queue", "control", "--limit", "4"],
        ),
        ({"PARCFERME_WORK_QUEUE": "sessions"}, ["--work-queue", "sessions", "--limit", "3"]),
    ],
)
def test_the_worker_serves_the_queue_that_is_set(settings: dict[str, str], options: list[str], tmp_path: Path):
    shell, option, script = json.loads(dict(final_stage())["CMD"])
    says = tmp_path / "python"
    says.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    says.chmod(0o755)
    environment = {**environment_of(final_stage()), **settings, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([shell, option, script], env=environment, capture_output=True, text=True, check=True)
    words = ran.stdout.splitlines()[1:]
    expected = ["prefect", "worker", "start", "--pool", "parcferme", "--type", "process", "--with-healthcheck"]
    assert [word for word in words if word not in options] == expected
    assert [word for word in words if word in options] == options


# --- worker.py -------------------------------------------------------------------------------------------------------

#: Stands in for Prefect's worker: has two children, of which one runs a flow; says how each of them ended.
_WORKER = """
import signal, subprocess, sys
sleep = "import sys, time; print('up', flush=True); time.sleep(600)"
run = subprocess.Popen([sys.executable, "-c", sleep, "prefect.engine"], stdout=subprocess.PIPE)
other = subprocess.Popen([sys.executable, "-c", sleep, "something"], stdout=subprocess.PIPE)
run.stdout.read(2), other.stdout.read(2)
def stop(*_):
    print("worker told; run", run.poll(), "other", other.poll(), flush=True)
    other.kill()
    other.wait()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
print("run ended", run.wait(), flush=True)
while True:
    signal.pause()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_runs_end_before_their_worker(number: signal.Signals):
    process = subprocess.Popen(
        [sys.executable, str(DELIVERED / "worker.py"), "20", sys.executable, "-u", "-c", _WORKER],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    said = process.stdout.read().splitlines()
    assert process.wait(timeout=30) == 0
    assert said == [f"run ended {-signal.SIGTERM}", f"worker told; run {-signal.SIGTERM} other None"]


@pytest.mark.parametrize("code", [0, 3])
def test_a_worker_that_ends_by_itself_says_how(code: int):
    command = [sys.executable, str(DELIVERED / "worker.py"), sys.executable, "-c", f"raise SystemExit({code})"]
    assert subprocess.run(command, timeout=30).returncode == code


def test_without_a_command_there_is_nothing_to_run():
    done = subprocess.run([sys.executable, str(DELIVERED / "worker.py")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "Say what to run" in done.stderr


# --- compose ---------------------------------------------------------------------------------------------------------


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
    assert set(queues.values()) == set(QUEUES)
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


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def manifests() -> Iterator[dict[str, Any]]:
    folder = DELIVERED / "kubernetes"
    names = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in folder.glob("*.yaml")} == {*names, "kustomization.yaml", "secret.example.yaml"}
    for name in [*names, "secret.example.yaml"]:
        yield from yaml.safe_load_all((folder / name).read_text())


def pods() -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests()
        if "template" in each.get("spec", {})
    }


@pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
def test_manifests_fit_the_schemas_of_kubernetes(version: str):
    from kubernetes_validate import validate

    found = [each["kind"] for each in manifests() if validate(each, version, strict=True)]
    assert Counter(found) == {
        **dict.fromkeys(["ConfigMap", "Job", "Namespace", "StatefulSet"], 1),
        **dict.fromkeys(["Deployment", "PersistentVolumeClaim", "Secret", "Service"], 2),
    }


def test_pods_hold_to_the_restricted_standard():
    assert set(pods()) == {"prefect-server", "register", "control", "worker"}
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        (container,) = pod["containers"]
        assert container["image"] == "parcferme", name
        assert container["resources"]["limits"]["memory"], name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        volumes = {volume["name"] for volume in pod["volumes"]} | {"state"}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, name


def test_probes_ask_what_exists():
    for name in ("control", "worker"):
        (worker,) = pods()[name]["containers"]
        assert worker["livenessProbe"]["httpGet"] == {"path": "/health", "port": "health"}
        command = worker["readinessProbe"]["exec"]["command"]
        assert flows.cli._parser().parse_args(command[1:]).ready
    (server,) = pods()["prefect-server"]["containers"]
    assert server["readinessProbe"]["httpGet"]["path"] == "/api/ready"
    assert server["livenessProbe"]["httpGet"]["path"] == "/api/health"


def test_every_queue_has_its_pods():
    named = {
        name: {one["name"]: one["value"] for one in pods()[name]["containers"][0]["env"]}
        for name in ("control", "worker")
    }
    assert {name: one["PARCFERME_WORK_QUEUE"] for name, one in named.items()} == {
        "control": "control",
        "worker": "sessions",
    }
    assert int(named["control"]["PARCFERME_WORKER_LIMIT"]) >= 3


def test_every_name_a_pod_refers_to_is_delivered():
    named = {(each["kind"], each["metadata"]["name"]) for each in manifests()}
    for pod in pods().values():
        for source in pod["containers"][0]["envFrom"]:
            ((kind, reference),) = source.items()
            assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"]) in named
        for volume in pod["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in named
    config = next(each["data"] for each in manifests() if each["kind"] == "ConfigMap")
    (server,) = pods()["prefect-server"]["containers"]
    for one in server["env"]:
        if "valueFrom" in one:
            assert one["valueFrom"]["configMapKeyRef"]["name"] == "parcferme"
            assert config[one["valueFrom"]["configMapKeyRef"]["key"]]


def test_example_secrets_are_empty():
    for each in manifests():
        for name, value in each.get("stringData", {}).items():
            assert value == "" or (name.endswith("_URL") and "prefect:password@postgresql.example.org" in value)


# --- the runbook -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RUNBOOK.md", "README.md"])
def test_commands_in_the_documents_exist(name: str):
    text = (DELIVERED / name).read_text()
    commands = re.findall(r"^(?:docker compose \S+ \S+ run --rm worker )?parcferme ([^\n#|]+)", text, re.MULTILINE)
    commands += re.findall(r"`parcferme ([^`]+)`", text)
    for command in commands:
        words = shlex.split(command.replace("<key>", "9472").replace("<revision>", "0123456789abcdef"))
        flows.cli._parser().parse_args(words)
    if name == "RUNBOOK.md":
        assert len(commands) > 10
