"""A JSON Schema (draft 2020-12) for every published document, made from the struct that declares it."""

from typing import Any

import msgspec

from publish.contract.columns import Columns
from publish.contract.kinds import OBJECT_KINDS
from publish.encode.manifest import Manifest
from publish.live.health import Health
from publish.live.plan import PlanDocument
from publish.live.runs import Runs
from publish.live.status import Status
from publish.revisions.latest import Latest
from publish.season.catalog import Catalog
from publish.season.changes import Changes
from publish.season.circuits import Circuits
from publish.season.document import Season
from publish.season.files import Files
from publish.season.index import RootIndex
from publish.season.standings import OfficialStandings
from publish.season.static_files import Site

Schema = dict[str, Any]

#: Every published document, by its name.
DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "index": RootIndex,
    "season": Season,
    "latest": Latest,
    "manifest": Manifest,
    "status": Status,
    "health": Health,
    "runs": Runs,
    "plan": PlanDocument,
    "changes": Changes,
    "files": Files,
    "standings": OfficialStandings,
    "circuits": Circuits,
    "catalog": Catalog,
    "site": Site,
    "dictionary": Columns,
    # An overview is a chunk like any other.
    **{name: kind for name, kind in OBJECT_KINDS.items() if name != "overview"},
}


def document_schemas() -> dict[str, Schema]:
    """Return the schema of every document, by the document's name."""
    return {name: _schema(name, kind) for name, kind in DOCUMENTS.items()}


def _schema(name: str, kind: type[msgspec.Struct]) -> Schema:
    _, parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    whole: Schema = _tidy(parts.pop(kind.__name__))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{name}.json",
        **whole,
        "title": f"parcferme {name}",
        **({"$defs": _tidy(parts)} if parts else {}),
    }


def _tidy(schema: Any) -> Any:
    """Return ``schema`` without the patterns that stand for lists of texts (:func:`publish.structs.one_of`)."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _tidy(part) for name, part in schema.items() if not (name == "pattern" and "enum" in schema)}
