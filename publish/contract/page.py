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
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
_FILES = {"session": "each session", "season": "each season", "all": "all seasons"}


def dictionary_page() -> dict[str, bytes]:
    """Return the page, key to bytes: plain HTML with the pages' styles, without a script."""
    return {keys.DICTIONARY_PAGE: "\n".join([*_lines(column_dictionary()), ""]).encode()}


def _lines(dictionary: Columns) -> Iterator[str]:
    yield from _head()
    yield '<main class="data dictionary">'
    yield (
        "<p>Every table as Parquet, every channel of the frames, every document. The same for programs: "
        f'<a href="{FOLDER}/columns.json">columns.json</a>. How tables are queried: '
        f'<a href="{keys.DATA_PAGE}">lines to copy</a>, <a href="{FOLDER}/analysts.md">analysts.md</a>. '
        "Who knows FastF1: "
        f'<a href="{FOLDER}/from_fastf1.md">from_fastf1.md</a>.</p>'
    )
    yield '<nav aria-label="Tables and documents"><ul class="contents">'
    for name in (*dictionary.tables, "channels", "documents"):
        yield f'<li><a href="#{name}">{name}</a></li>'
    yield "</ul></nav>"
    yield '<section id="identity"><h2>In every row of every table of a session</h2>'
    identity = (column_entry(column) for column in IDENTITY.values())
    yield from _grid("identity", _COLUMNS, ((c.name, c.type, c.unit, c.description, c.null) for c in identity))
    yield "</section>"
    for name, table in dictionary.tables.items():
        yield f'<section id="{name}"><h2>{name}</h2>'
        sources = ", ".join(LICENCE.sources[source].name for source in LICENCE.made_of[name])
        order = f" Sorted by {', '.join(table.sorted_by)}." if table.sorted_by else ""
        same = f" The same rows are in {table.document}.json.gz." if table.document else ""
        there = ", ".join(_FILES[each] for each in table.files)
        yield f"<p>{escape(f'A row is {table.row}. A file for {there}. From: {sources}.{order}{same}')}</p>"
        own = table.columns[len(IDENTITY) :] if "session" in table.files else table.columns
        yield from _grid(name, _COLUMNS, ((c.name, c.type, c.unit, c.description, c.null) for c in own))
        yield "</section>"
    yield '<section id="channels"><h2>Channels of the frames</h2>'
    heads = ("channel", "column of frames", "unit", "kind", "scale", "meaning")
    channels = ((name, c.column, c.unit, c.kind, c.scale, c.description) for name, c in dictionary.channels.items())
    yield from _grid("channels", heads, channels)
    yield '</section><section id="documents"><h2>Documents</h2>'
    yield "<ul>"
    for name, kind in sorted(DOCUMENTS.items()):
        said = (kind.__doc__ or "").strip().partition("\n")[0]
        yield f'<li><a href="{FOLDER}/{name}.json">{name}</a>: {escape(said)}</li>'
    yield "</ul></section></main>"
    terms = f'<a href="{FOLDER}/licence.md">Sources and terms</a>'
    yield f'<footer class="terms"><p>{escape(UNOFFICIAL)} {terms}</p></footer>'
    yield "</body></html>"


def _head() -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8"><title>parcferme: tables and documents</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="dark light">'
    yield '<link rel="icon" type="image/svg+xml" href="viewer/favicon.svg">'
    yield '<link rel="stylesheet" href="viewer/style.css"><link rel="stylesheet" href="viewer/data.css"></head>'
    yield '<body data-ready="dictionary"><header class="top">'
    yield f'<a class="brand" href="{keys.VIEWER}" aria-label="parcferme: all sessions">parcferme</a>'
    yield "<h1>Tables and documents</h1>"
    yield f'<a class="aside" href="{keys.DATA_PAGE}">The data</a> <a class="beside" href="{keys.VIEWER}">Replays</a>'
    yield "</header>"


def _grid(of: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    yield f'<div class="grid" role="region" tabindex="0" aria-label="Columns: {of}">'
    yield f"<table><thead><tr>{cells}</tr></thead><tbody>"
    for row in rows:
        first, *others = (escape(str(value)) for value in row)
        yield f"<tr><td><code>{first}</code></td>{''.join(f'<td>{value}</td>' for value in others)}</tr>"
    yield "</tbody></table></div>"
