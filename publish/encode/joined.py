"""Tables of several sessions in one Parquet file: a season's, or those of all seasons.

A file says in its metadata which parts it is made of, so that whoever brings it up to date knows which rows stay.
Columns are those declared now: what a part of before lacks is null, what is not declared any more goes.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from publish.encode.parquet import PAGE_ROWS, ZSTD_LEVEL, column_encodings
from publish.licence import licence_text
from transforms.columns import published_schema
from transforms.declare import Table

#: Rows in a row group, by whose statistics readers skip seasons and sessions.
_GROUP_ROWS = 60_000
#: Bytes of a file that more than one thread is worth starting for.
_WORTH_THREADS = 1 << 20
_METADATA = b"parcferme"
_DIGITS = 16


@dataclass(frozen=True)
class Parts:
    """What a joined file is made of.

    ``hashes`` has a hash of each part by its number, a session key or a year, ``columns`` one of the declared columns.
    ``since`` is when it was last to be made of something else, as the serial number of the list that says what of: a
    file that is made of what it was made of before is another one all the same, and nobody takes the one for the other.
    """

    hashes: Mapping[int, str]
    columns: str
    since: int

    @property
    def digest(self) -> str:
        """A hash of all of it."""
        facts = [self.columns, self.since, sorted(self.hashes.items())]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:_DIGITS]


@cache
def columns_digest(table: Table) -> str:
    """Return a hash of the declared columns of ``table``: names, types and order of rows."""
    facts = [[field.name, str(field.type)] for field in published_schema(table)]
    return hashlib.sha256(json.dumps([facts, table.sorted_by]).encode()).hexdigest()[:_DIGITS]


def short_hash(sha256: str) -> str:
    """Return the hash of a part as joined files have it."""
    return sha256[:_DIGITS]


def read_parts(data: bytes) -> Parts | None:
    """Return what the joined file ``data`` is made of; None if it is none that can be read."""
    try:
        said = json.loads(pq.read_metadata(io.BytesIO(data)).metadata[_METADATA])
        return Parts({int(key): value for key, value in said["hashes"].items()}, said["columns"], said["since"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return None


def read_rows(data: bytes, table: Table) -> pa.Table:
    """Return the rows of a Parquet file of ``table``, with the columns declared now.

    :raises ArrowException, OSError: it cannot be read, or a column of it is of another kind.
    """
    with pq.ParquetFile(io.BytesIO(data)) as file:
        found = file.read(use_threads=len(data) > _WORTH_THREADS)
    schema = published_schema(table)
    columns = [
        found[declared.name].cast(declared.type)
        if declared.name in found.column_names
        else pa.nulls(found.num_rows, declared.type)
        for declared in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def rows_of(rows: pa.Table, column: str, numbers: set[int]) -> pa.Table:
    """Return the rows whose ``column`` is one of ``numbers``, in their order."""
    return rows.filter(pc.is_in(rows[column], pa.array(sorted(numbers), rows[column].type)))


def join(table: Table, parts: Parts, rows: list[pa.Table]) -> bytes:
    """Return ``rows`` of ``table``, one after the other, as one file that says it is made of ``parts``."""
    schema = published_schema(table)
    parted_by = [name for name in ("year", "session_key") if name in schema.names]
    joined = pa.concat_tables([schema.empty_table(), *rows]).sort_by([(name, "ascending") for name in parted_by])
    said = {"hashes": parts.hashes, "columns": parts.columns, "since": parts.since}
    metadata = {b"licence": licence_text(table.sources), _METADATA: json.dumps(said, sort_keys=True)}
    encodings = column_encodings(schema)
    order = [*parted_by, *(name for name in table.sorted_by if name not in parted_by)]
    out = io.BytesIO()
    pq.write_table(
        joined.replace_schema_metadata(metadata),
        out,
        row_group_size=_GROUP_ROWS,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=[name for name in schema.names if name not in encodings],
        column_encoding=encodings,
        sorting_columns=[pq.SortingColumn(schema.get_field_index(name)) for name in order],
        write_page_index=True,
        max_rows_per_page=PAGE_ROWS,
    )
    return out.getvalue()
