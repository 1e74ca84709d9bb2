"""What describes the publication itself: a JSON Schema for every document, a dictionary of every column."""

from importlib.resources import files

from publish.contract.schemas import document_schemas
from publish.encode.channels import DECIMALS
from publish.encode.files import dump_json
from publish.encode.parquet import type_name
from transforms.columns import CHANNELS, IDENTITY, TABLES, Column

#: Where the documents below live, relative to the base URL.
FOLDER = "v1/schemas"

_TABLES = {
    "frames": "25 frames a second: one row per car and tick, sorted by car and time",
    "telemetry": "Car data at native rate",
    "positions": "Coordinates at native rate",
    "laps": "One row per car and lap",
    "stints": "One row per car and set of tyres",
    "results": "Official results as known when published",
    "weather": "Weather, about once a minute",
    "track_status": "Every track status with its start and end",
    "race_control_messages": "What race control said",
    "drivers": "One row per car",
    "sessions": "One row per session",
    "quality": "What was checked and found",
}


def schema_documents() -> dict[str, bytes]:
    """Return every schema, the column dictionary and the pages beside them, by key relative to the base URL.

    ``v1/schemas/<document>.json`` are JSON Schemas (draft 2020-12), ``v1/schemas/columns.json`` is the dictionary,
    ``v1/schemas/<page>.md`` are pages to read.
    """
    documents: dict[str, object] = {**document_schemas(), "columns": column_dictionary()}
    published = {f"{FOLDER}/{name}.json": dump_json(document) for name, document in documents.items()}
    pages = (page for page in files("publish").joinpath("docs").iterdir() if page.name.endswith(".md"))
    return published | {f"{FOLDER}/{page.name}": page.read_bytes() for page in pages}


def column_dictionary() -> dict[str, object]:
    """Return every column of every table and every channel of the frame chunks, with type, unit and meaning."""
    return {
        "schema": "parcferme/columns/1",
        "tables": {
            name: {"description": _TABLES[name], "columns": [_column(column) for column in IDENTITY + columns]}
            for name, columns in TABLES.items()
        },
        "channels": {
            channel.name: {
                "unit": channel.unit,
                "scale": channel.scale,
                "kind": channel.kind,
                "column": channel.column,
                "decimals": DECIMALS.get(channel.column, 0),
                "description": channel.description,
            }
            for channel in CHANNELS
        },
    }


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": type_name(column.type),
        "unit": column.unit,
        "description": column.description,
    }
