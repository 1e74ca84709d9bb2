"""What is delivered to run it with, for tests that look into it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DELIVERED = ROOT / "deployments"
#: A tag that says exactly which version it is.
PINNED = re.compile(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*(@sha256:[0-9a-f]{64})?")


def manifests() -> Iterator[dict[str, Any]]:
    """Yield every Kubernetes manifest, the example of the secrets too."""
    folder = DELIVERED / "kubernetes"
    names = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in folder.glob("*.yaml")} == {*names, "kustomization.yaml", "secret.example.yaml"}
    for name in [*names, "secret.example.yaml"]:
        yield from yaml.safe_load_all((folder / name).read_text())


def pods() -> dict[str, dict[str, Any]]:
    """Return what each pod is to be, by the name of what makes it."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests()
        if "template" in each.get("spec", {})
    }
