"""Texts of others in Prefect's artifacts, whose pages read descriptions as Markdown and show links in tables."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_MARKUP = re.compile(r"[\\`*_\[\]<>|&~#!]")


def plain_description(text: str) -> str:
    """Return ``text`` as Markdown that shows every character of it as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def plain_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table with a space in every text that would be shown as a link."""
    return [
        {name: value.replace("](", "] (") if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]
