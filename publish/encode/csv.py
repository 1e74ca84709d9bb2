"""A table as CSV for spreadsheets: UTF-8, comma, a line of column names, empty for null (RFC 4180).

A spreadsheet takes a text that begins with ``=`` and the like for a formula and runs it. Such texts get an apostrophe
in front, which a spreadsheet shows as text; numbers stay numbers.
"""

import gzip
import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

#: What makes a formula of a text, where it is the first character.
_FORMULA = r"^[=+\-@\t\r]"
_LEVEL = 6
#: Where gzip has its time (RFC 1952).
_STAMP = slice(4, 8)
#: As many bytes of a file have it.
STAMP_BYTES = 8


def csv_of(data: bytes, stamp: int) -> bytes:
    """Return the Parquet file ``data`` as :func:`pack_csv` has its rows.

    :raises ArrowException, OSError: it cannot be read.
    """
    with pq.ParquetFile(io.BytesIO(data)) as file:
        return pack_csv(file.read(use_threads=False), stamp)


def pack_csv(table: pa.Table, stamp: int) -> bytes:
    """Return ``table`` as gzipped CSV whose gzip header says ``stamp`` where others have a time, in seconds."""
    columns = [_safe(column) if pa.types.is_string(column.type) else column for column in table.columns]
    out = io.BytesIO()
    options = pa_csv.WriteOptions(quoting_style="needed", quoting_header="needed")
    pa_csv.write_csv(pa.Table.from_arrays(columns, names=table.column_names), out, options)
    return gzip.compress(out.getvalue(), _LEVEL, mtime=stamp)


def stamp_of(data: bytes) -> int:
    """Return what the gzip header that ``data`` begins with has as its time."""
    return int.from_bytes(data[_STAMP], "little")


def _safe(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ``texts`` with an apostrophe in front of those that a spreadsheet would take for a formula."""
    quoted = pc.binary_join_element_wise("'", texts, "")
    return pc.if_else(pc.match_substring_regex(texts, _FORMULA), quoted, texts)
