"""The Kubernetes manifests: held against Kubernetes' own schemas, and asked for facts."""

from collections import Counter

import pytest
from delivered import manifests, pods

from flows.cli.main import parse


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
        typed = parse(command[1:])
        assert typed is not None and (typed.name, typed.values["ready"]) == ("health", True)
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
