"""Texts of others in Prefect's artifacts, shown as they are.

Of Prefect's two user interfaces both read descriptions as Markdown and make links of addresses, the older one does so
with the cells of tables too, and the newer one shows these as they are. So nothing is escaped, which the one would
show: a joiner, which takes no room, stands where markup would begin, and marks that need a partner are replaced by some
that look like them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_JOINER = "\u2060"
#: Code, emphasis, lines through the text, the edges of a table's row.
_LOOKALIKES = str.maketrans("`*~|", "\u02cb\u2217\u223c\u2223")
_EDGE_LINES = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LOW_LINE = "\u02cd"
_MARKUP = re.compile(
    r"""(?<=[<&\\@])                            # tags, entities, escapes, addresses of mail
    | (?<=\])(?=[(:\[])                         # links, pictures, what they refer to
    | (?<=:)(?=//) | (?<=www)(?=\.)             # addresses of the web
    | ^(?=[ \t]*(?:[-+](?:\s|$)|--|[=>\#]|[0-9]+[.)](?:\s|$))|[ ]{4}|[ ]*\t)  # lists, headings, quotations, code
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def plain_text(text: str) -> str:
    """Return ``text`` with nothing in it that Prefect's pages would take for markup, an address or a picture."""
    return _MARKUP.sub(_JOINER, _EDGE_LINES.sub(_LOW_LINE, text.translate(_LOOKALIKES)))


def plain_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table with every text as :func:`plain_text` has it."""
    return [
        {name: plain_text(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
    ]
