"""The policies of the CloudFormation template, and what IAM policy documents allow by the rules that matter here: an
explicit deny wins, then an allow.
"""

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1] / "deployments" / "aws" / "parcferme.yaml"
Document = Mapping[str, Any]


def read_template() -> dict[str, Any]:
    """Return the template without cfn-lint's own node types."""
    # Takes a second to import.
    from cfnlint.decode.cfn_yaml import load

    template: dict[str, Any] = json.loads(json.dumps(load(str(TEMPLATE))))
    return template


def resolved(node: Any, names: Mapping[str, str]) -> Any:
    """Return a part of the template with its Sub and GetAtt replaced."""
    if isinstance(node, dict):
        if "Fn::Sub" in node:
            return re.sub(r"\$\{([^}]+)\}", lambda found: names[found[1]], node["Fn::Sub"])
        if "Fn::GetAtt" in node:
            return names[".".join(node["Fn::GetAtt"])]
        return {key: resolved(value, names) for key, value in node.items()}
    return [resolved(item, names) for item in node] if isinstance(node, list) else node


def documents_of(role: str, names: Mapping[str, str]) -> list[Document]:
    """Return the policy documents attached to a role of the template."""
    resources = read_template()["Resources"]
    attached = [entry["Ref"] for entry in resources[role]["Properties"]["ManagedPolicyArns"]]
    return [resolved(resources[name]["Properties"]["PolicyDocument"], names) for name in attached]


def may(
    documents: Iterable[Document],
    action: str,
    resource: str,
    *,
    service: str | None = None,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Whether the documents together let ``service`` (None: whoever they are attached to) do ``action``."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _is_meant(statement, service)
        and _matches(statement["Action"], action)
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), context or {})
    }
    return effects == {"Allow"}


def _is_meant(statement: Mapping[str, Any], service: str | None) -> bool:
    principal = statement.get("Principal", "*")
    return principal == "*" or (service is not None and service in _listed(principal.get("Service", [])))


def _matches(patterns: Any, text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in _listed(patterns))


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, wanted in conditions.items():
        if operator == "NumericLessThan":
            if any(name not in context or float(context[name]) >= float(limit) for name, limit in wanted.items()):
                return False
            continue
        if operator not in ("Bool", "StringEquals"):
            raise ValueError(f"no rule for the condition {operator}")
        if any(context.get(name) not in _listed(values) for name, values in wanted.items()):
            return False
    return True


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
