"""Decides what IAM policy documents allow, by the rules that matter here: an explicit deny wins, then an allow."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]


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
        if operator not in ("Bool", "StringEquals"):
            raise ValueError(f"no rule for the condition {operator}")
        if any(context.get(name) not in _listed(values) for name, values in wanted.items()):
            return False
    return True


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
