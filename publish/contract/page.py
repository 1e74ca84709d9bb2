"""The dictionary as a page for a browser, ``schemas.html``: every table, column, channel and document."""

from collections.abc import Iterable, Iterator
from html import escape

from publish import keys
from publish.contract.columns import Columns, column_dictionary, column_entry
from publish.contract.dictionary import FOLDER
from publish.contract.schemas import DOCUMENTS
from publish.licence import LICENCE, UNOFFICIAL
from transforms.columns import IDENTITY

_COLUMNS = ("column", "type", "unit", "meaning", "null means")
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"


def dictionary_page() -> dict[str, bytes]:
    """Return the page, key to bytes: plain HTML that loads nothing."""
    return {keys.DICTIONARY_PAGE: "\n".join([*_lines(column_dictionary()), ""]).encode()}


def _lines(dictionary: Columns) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8"><title>parcferme: tables and documents</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    yield "<body><main>"
    yield "<h1>Tables and documents</h1>"
    yield (
        "<p>Every table of a session as Parquet, every channel of its frames, every document. The same for programs: "
        f'<a href="{FOLDER}/columns.json">columns.json</a>. How tables are queried: '
        f'<a href="{FOLDER}/analysts.md">analysts.md</a>. Who knows FastF1: '
        f'<a href="{FOLDER}/from_fastf1.md">from_fastf1.md</a>.</p>'
    )
    yield "<h2>In every row of every table</h2>"
    identity = (column_entry(column) for column in IDENTITY.values())
    yield from _grid(_COLUMNS, ((c.name, c.type, c.unit, c.description, c.null) for c in identity))
    for name, table in dictionary.tables.items():
        yield f'<h2 id="{name}">{name}</h2>'
        sources = ", ".join(LICENCE.sources[source].name for source in LICENCE.made_of[name])
        order = f" Sorted by {', '.join(table.sorted_by)}." if table.sorted_by else ""
        same = f" The same rows are in {table.document}.json.gz." if table.document else ""
        yield f"<p>{escape(f'A row is {table.row}. From: {sources}.{order}{same}')}</p>"
        own = table.columns[len(IDENTITY) :]
        yield from _grid(_COLUMNS, ((c.name, c.type, c.unit, c.description, c.null) for c in own))
    yield '<h2 id="channels">Channels of the frames</h2>'
    heads = ("channel", "column of frames", "unit", "kind", "scale", "meaning")
    yield from _grid(
        heads, ((name, c.column, c.unit, c.kind, c.scale, c.description) for name, c in dictionary.channels.items())
    )
    yield '<h2 id="documents">Documents</h2>'
    yield "<ul>"
    for name, kind in sorted(DOCUMENTS.items()):
        said = (kind.__doc__ or "").strip().partition("\n")[0]
        yield f'<li><a href="{FOLDER}/{name}.json">{name}</a>: {escape(said)}</li>'
    yield "</ul></main>"
    yield f'<footer><p>{escape(UNOFFICIAL)} <a href="{FOLDER}/licence.md">Sources and terms</a></p></footer>'
    yield "</body></html>"


def _grid(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    yield f"<table><thead><tr>{cells}</tr></thead><tbody>"
    for row in rows:
        first, *others = (escape(str(value)) for value in row)
        yield f"<tr><td><code>{first}</code></td>{''.join(f'<td>{value}</td>' for value in others)}</tr>"
    yield "</tbody></table>"
