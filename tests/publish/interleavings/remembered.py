"""Tables read and made once of the same: doing it again would cost more than all requests of a schedule.

What is remembered depends on its arguments alone, so that nobody can tell. Whatever goes through the store does so as
ever, byte by byte.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import watch

from publish.encode.csv import csv_of
from publish.encode.joined import Parts, join, read_parts, read_rows, rows_of
from publish.season import csv_copies, own_tables, tables
from transforms.declare import Table

#: More than a scenario makes in a hundred schedules; then all is forgotten.
_MOST = 20_000
_known: dict[Hashable, Any] = {}


def _once(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return what was made for ``key``; what fails is tried again."""
    if key not in _known:
        _known[key] = make()
    return _known[key]


def _read_parts(data: bytes) -> Parts | None:
    return _once(("parts", data), lambda: read_parts(data))


def _read_rows(data: bytes, table: Table) -> pa.Table:
    return _once(("rows", data, table.name), lambda: read_rows(data, table))


# Tables have no hash. Those that are remembered stay, so that no other table can get the number of one of them.
def _rows_of(rows: pa.Table, column: str, numbers: set[int]) -> pa.Table:
    key = ("rows of", id(rows), column, frozenset(numbers))
    return _once(key, lambda: (rows, rows_of(rows, column, numbers)))[1]


def _join(table: Table, parts: Parts, rows: Sequence[pa.Table]) -> bytes:
    said = (*sorted(parts.hashes.items()), parts.columns, parts.since)
    return _once(("join", table.name, said, *map(id, rows)), lambda: (rows, join(table, parts, list(rows))))[1]


def _csv_of(data: bytes, stamp: int) -> bytes:
    return _once(("csv", data, stamp), lambda: csv_of(data, stamp))


@contextmanager
def remembered() -> Iterator[None]:
    """Let the season's tables and CSV be read and made once of the same."""
    if len(_known) > _MOST:
        _known.clear()
    with ExitStack() as stack:
        for function in (_read_parts, _read_rows, _rows_of, _join):
            stack.enter_context(patch.object(tables, function.__name__.removeprefix("_"), function))
        stack.enter_context(patch.object(own_tables, "join", _join))
        stack.enter_context(patch.object(csv_copies, "csv_of", _csv_of))
        stack.enter_context(patch.object(watch, "read_parts", _read_parts))
        yield
