"""What describes the publication itself: a JSON Schema for every document, a dictionary of every column."""

from collections.abc import Iterable, Iterator
from importlib.resources import files

from msgspec.structs import astuple

from publish.contract.columns import column_dictionary, column_entry
from publish.contract.schemas import document_schemas
from publish.encode.files import dump_json
from publish.licence import licence_page
from publish.structs import encode_document
from transforms.columns import IDENTITY, OF_THE_SEASON, TABLES
from transforms.declare import Column, Table

#: Where the documents below live, relative to the base URL.
FOLDER = "v1/schemas"

_ALL = TABLES | OF_THE_SEASON
_COLUMN_HEADS = "column | type | unit | meaning | null means"


def schema_documents() -> dict[str, bytes]:
    """Return every schema, the column dictionary and the pages beside them, by key relative to the base URL.

    ``v1/schemas/<document>.json`` are JSON Schemas (draft 2020-12), ``v1/schemas/columns.json`` is the dictionary (its
    own schema is ``dictionary``), ``v1/schemas/tables.md`` the same to read, ``v1/schemas/<page>.md`` are other pages
    to read, and ``v1/schemas/samples_vectors.json`` is what a reader of samples is to make of some.
    """
    published = {f"{FOLDER}/{name}.json": dump_json(schema) for name, schema in document_schemas().items()}
    published[f"{FOLDER}/columns.json"] = encode_document(column_dictionary())
    pages = {page.name: page.read_bytes() for page in files("publish").joinpath("docs").iterdir()}
    pages["tables.md"] = tables_page().encode()
    pages["licence.md"] = licence_page().encode()
    return published | {f"{FOLDER}/{name}": text for name, text in pages.items() if name.endswith((".md", ".json"))}


def tables_page() -> str:
    """Return the dictionary as a page in Markdown."""
    return "\n".join(_page_lines())


def _page_lines() -> Iterator[str]:
    names = ", ".join(f"`{column.name}`" for column in IDENTITY.values())
    yield "# Tables and columns"
    yield ""
    yield "Every Parquet table of a session, those of a season, every channel of frames. `columns.json` is the same for"
    yield "programs."
    yield "Where tables come from, and on which terms, stands in [licence.md](licence.md)."
    yield ""
    yield from _grid(
        "table | one row is | sorted by | comes from", ([name, *_facts(table)] for name, table in _ALL.items())
    )
    seasons = " and ".join(f"`{name}`" for name in OF_THE_SEASON)
    yield f"In front of every table, in every row, stand {names}; not of {seasons}, which only a season has."
    yield ""
    yield from _grid(_COLUMN_HEADS, (_facts_of_column(column) for column in IDENTITY.values()))
    for name, table in _ALL.items():
        yield f"## {name}"
        yield ""
        if table.document:
            yield f"The same rows are in `{table.document}.json.gz`."
            yield ""
        yield from _grid(_COLUMN_HEADS, (_facts_of_column(column) for column in table.columns))
    yield "## Channels of the frames"
    yield ""
    yield "What a car has in a chunk, and the column of `frames` with the same. A continuous value is integer × scale;"
    yield "the table has it in steps of 1 / `per unit`: whole numbers, or binary fractions, whose zeros take no room."
    yield ""
    heads = "channel | unit | scale | kind | column | per unit | differences | every ms | meaning"
    channels = column_dictionary().channels
    yield from _grid(heads, ([name, *astuple(channel)] for name, channel in channels.items()))


def _facts_of_column(column: Column) -> tuple[object, ...]:
    return astuple(column_entry(column))


def _facts(table: Table) -> tuple[str, ...]:
    return table.row, *(", ".join(f"`{name}`" for name in names) for names in (table.sorted_by, table.sources))


def _grid(heads: str, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a Markdown table: its heads, and the values of every row, the first of them as code."""
    yield f"| {heads} |"
    yield "|" + "---|" * (heads.count("|") + 1)
    for row in rows:
        first, *others = (str(value).replace("|", "\\|") for value in row)
        yield f"| `{first}` | {' | '.join(others)} |"
    yield ""
