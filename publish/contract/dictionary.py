"""What describes the publication itself: a JSON Schema for every document, a dictionary of every column."""

from collections.abc import Iterable, Iterator
from importlib.resources import files

from publish.contract.schemas import document_schemas
from publish.encode.files import dump_json
from publish.encode.parquet import type_name
from transforms.columns import IDENTITY, TABLES
from transforms.declare import Channel, Column, Table
from transforms.frames import CHANNELS

#: Where the documents below live, relative to the base URL.
FOLDER = "v1/schemas"

_COLUMN_HEADS = "column | type | unit | meaning"


def schema_documents() -> dict[str, bytes]:
    """Return every schema, the column dictionary and the pages beside them, by key relative to the base URL.

    ``v1/schemas/<document>.json`` are JSON Schemas (draft 2020-12), ``v1/schemas/columns.json`` is the dictionary,
    ``v1/schemas/tables.md`` the same to read, ``v1/schemas/<page>.md`` are other pages to read, and
    ``v1/schemas/samples_vectors.json`` is what a reader of samples is to make of some.
    """
    documents: dict[str, object] = {**document_schemas(), "columns": column_dictionary()}
    published = {f"{FOLDER}/{name}.json": dump_json(document) for name, document in documents.items()}
    pages = {page.name: page.read_bytes() for page in files("publish").joinpath("docs").iterdir()}
    pages["tables.md"] = tables_page().encode()
    return published | {f"{FOLDER}/{name}": text for name, text in pages.items() if name.endswith((".md", ".json"))}


def column_dictionary() -> dict[str, object]:
    """Return every column of every table and every channel of the frame chunks, with type, unit and meaning."""
    return {
        "schema": "parcferme/columns/1",
        "tables": {name: _table(table) for name, table in TABLES.items()},
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
    }


def _table(table: Table) -> dict[str, object]:
    return {
        "row": table.row,
        "recorded": bool(table.recorded),
        "sorted_by": list(table.sorted_by),
        "document": table.document or None,
        "columns": [_column(column) for column in (*IDENTITY.values(), *table.columns)],
    }


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": type_name(column.type),
        "unit": column.unit,
        "description": column.description,
    }


def _channel(channel: Channel) -> dict[str, object]:
    return {
        "unit": channel.unit,
        "scale": channel.scale,
        "kind": channel.kind,
        "column": channel.column,
        "per_unit": channel.per_unit,
        "differences": channel.differences if channel.kind == "continuous" else 0,
        "every_ms": channel.every_ms,
        "description": channel.description,
    }


def tables_page() -> str:
    """Return the dictionary as a page in Markdown."""
    return "\n".join(_page_lines())


def _page_lines() -> Iterator[str]:
    names = ", ".join(f"`{column.name}`" for column in IDENTITY.values())
    yield "# Tables and columns"
    yield ""
    yield "Every Parquet table of a session, and every channel of its frames. `columns.json` is the same for programs."
    yield ""
    yield from _grid("table | one row is | sorted by", ([name, *_facts(table)] for name, table in TABLES.items()))
    yield f"In front of every table, in every row, stand {names}."
    yield ""
    yield from _grid(_COLUMN_HEADS, (_column(column).values() for column in IDENTITY.values()))
    for name, table in TABLES.items():
        yield f"## {name}"
        yield ""
        if table.document:
            yield f"The same rows are in `{table.document}.json.gz`."
            yield ""
        yield from _grid(_COLUMN_HEADS, (_column(column).values() for column in table.columns))
    yield "## Channels of the frames"
    yield ""
    yield "What a car has in a chunk, and the column of `frames` with the same. A continuous value is integer × scale;"
    yield "the table has it in steps of 1 / `per unit`: whole numbers, or binary fractions, whose zeros take no room."
    yield ""
    heads = "channel | unit | scale | kind | column | per unit | differences | every ms | meaning"
    yield from _grid(heads, ([channel.name, *_channel(channel).values()] for channel in CHANNELS))


def _facts(table: Table) -> tuple[str, str]:
    return table.row, ", ".join(f"`{name}`" for name in table.sorted_by)


def _grid(heads: str, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a Markdown table: its heads, and the values of every row, the first of them as code."""
    yield f"| {heads} |"
    yield "|" + "---|" * (heads.count("|") + 1)
    for row in rows:
        first, *others = (str(value).replace("|", "\\|") for value in row)
        yield f"| `{first}` | {' | '.join(others)} |"
    yield ""
