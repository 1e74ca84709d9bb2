"""A fast check of documents against this project's own JSON Schemas: a race's rows are thirty million values.

It knows the keywords ``publish.contract.schemas`` uses and refuses others. It is stricter than JSON Schema in one
thing: an integer written as ``1.0`` is none. Tests hold it against the reference implementation.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

#: Returns what is wrong with a value, None if nothing is.
Check = Callable[[Any], str | None]

_TYPES: dict[str, frozenset[type]] = {
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
_ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "format"})
_KEYWORDS = frozenset(
    {"type", "const", "enum", "anyOf", "pattern", "minimum", "maximum", "minItems", "maxItems"}
    | {"items", "prefixItems", "properties", "required", "additionalProperties"}
)
_MAX_SHOWN = 60


def compile_schema(schema: Mapping[str, Any]) -> Check:
    """Return the check of ``schema``; raises ValueError for a keyword it does not know."""
    unknown = set(schema) - _KEYWORDS - _ANNOTATIONS
    if unknown:
        raise ValueError(f"The check of documents does not know the schema keywords {sorted(unknown)}.")
    checks = [check for make in _MAKERS if (check := make(schema)) is not None]
    if len(checks) == 1:
        return checks[0]

    def check_all(value: Any) -> str | None:
        for check in checks:
            if (problem := check(value)) is not None:
                return problem
        return None

    return check_all


def _types_alone(schema: Any) -> frozenset[type] | None:
    """Return the Python types a schema asks for if it asks for nothing else."""
    if not isinstance(schema, Mapping):
        return None
    asked = set(schema) - _ANNOTATIONS
    if asked == {"type"}:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return frozenset().union(*(_TYPES[name] for name in names))
    if asked == {"anyOf"}:
        parts = [_types_alone(part) for part in schema["anyOf"]]
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
    return None


def _make_type(schema: Mapping[str, Any]) -> Check | None:
    if "type" not in schema:
        return None
    types = _types_alone({"type": schema["type"]}) or frozenset()
    name = schema["type"]
    return lambda value: None if type(value) in types else f"{_shown(value)} is not {name}"


def _make_values(schema: Mapping[str, Any]) -> Check | None:
    if "const" not in schema and "enum" not in schema:
        return None
    allowed = schema["enum"] if "enum" in schema else [schema["const"]]

    def check(value: Any) -> str | None:
        same = any(value == one and type(value) is type(one) for one in allowed)
        return None if same else f"{_shown(value)} is not one of {_shown(allowed)}"

    return check


def _make_any(schema: Mapping[str, Any]) -> Check | None:
    if "anyOf" not in schema:
        return None
    parts = [compile_schema(part) for part in schema["anyOf"]]

    def check(value: Any) -> str | None:
        problems = []
        for part in parts:
            if (problem := part(value)) is None:
                return None
            problems.append(problem)
        return problems[0]

    return check


def _make_pattern(schema: Mapping[str, Any]) -> Check | None:
    if "pattern" not in schema:
        return None
    search, text = re.compile(schema["pattern"]).search, schema["pattern"]
    return lambda value: f"{_shown(value)} is not like {text}" if type(value) is str and not search(value) else None


def _make_bounds(schema: Mapping[str, Any]) -> Check | None:
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    if "minimum" not in schema and "maximum" not in schema:
        return None

    def check(value: Any) -> str | None:
        if type(value) not in _TYPES["number"] or low <= value <= high:
            return None
        return f"{_shown(value)} is not within {low} to {high}"

    return check


def _make_array(schema: Mapping[str, Any]) -> Check | None:
    if not {"items", "prefixItems", "minItems", "maxItems"} & set(schema):
        return None
    fewest, most = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
    first = [compile_schema(part) for part in schema.get("prefixItems", ())]
    items = schema.get("items", {})
    if items is False:
        most, items = min(most, len(first)), {}
    types, rest = _types_alone(items), compile_schema(items)

    def check(value: Any) -> str | None:
        if type(value) is not list:
            return None
        if not fewest <= len(value) <= most:
            return f"it has {len(value)} items"
        others = value[len(first) :] if first else value
        if types is not None and types.issuperset(map(type, others)):
            others = []
        for index, part in enumerate(value[: len(first)]):
            if (problem := first[index](part)) is not None:
                return f"[{index}]: {problem}"
        for index, part in enumerate(others, len(first)):
            if (problem := rest(part)) is not None:
                return f"[{index}]: {problem}"
        return None

    return check


def _make_object(schema: Mapping[str, Any]) -> Check | None:
    if not {"properties", "required", "additionalProperties"} & set(schema):
        return None
    known = {name: compile_schema(part) for name, part in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    more = schema.get("additionalProperties", True)
    other = compile_schema({} if isinstance(more, bool) else more)
    parts = [*schema.get("properties", {}).values(), *([] if isinstance(more, bool) else [more])]
    by_type_alone = all(_types_alone(part) is not None for part in parts)
    # Where types are all that matters, one good object speaks for every other with the same names and types.
    good: set[tuple[Any, ...]] = set()

    def check(value: Any) -> str | None:
        if type(value) is not dict:
            return None
        signature = (*value, *map(type, value.values())) if by_type_alone else ()
        if signature and signature in good:
            return None
        if missing := required - value.keys():
            return f"{', '.join(sorted(missing))} is missing"
        for name, part in value.items():
            if name not in known and more is False:
                return f"{_shown(name)} does not belong there"
            if (problem := known.get(name, other)(part)) is not None:
                return f"{name}: {problem}" if problem[0] != "[" else f"{name}{problem}"
        if signature and len(good) < 1000:
            good.add(signature)
        return None

    return check


_MAKERS = (_make_type, _make_values, _make_any, _make_pattern, _make_bounds, _make_array, _make_object)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
