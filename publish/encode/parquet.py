"""Tables as Parquet: declared schemas, identity in every row, row groups that let a reader skip, content hashes.

A row group of a big table is of one car. The frames table is made row group by row group, so that memory stays bounded.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from publish.encode.channels import CONTINUOUS, HELD, code_names, held_codes
from publish.encode.files import PARQUET_TYPE, SpoolFile
from publish.encode.objects import EncodedObject
from publish.licence import licence_text
from transforms.columns import FRAMES, IDENTITY, TABLES, published_schema
from transforms.declare import Channel, Table, in_steps
from transforms.errors import PublicationError
from transforms.frames import TICK_MS, CarFrames, Frames
from transforms.recording import SessionIdentity

#: Ticks in a row group of the frames table: a car's whole session, up to four hours. Every group costs 3 kB of footer,
#: and small groups compress worse: of Bahrain 2024 groups of ten minutes make 19.3 MB and a footer of 570 kB, one a car
#: 18.3 MB and 53 kB.
GROUP_TICKS = 4 * 60 * 60 * 1000 // TICK_MS
#: Rows in a row group of the other tables: the native samples of one car in a race, stopped for hours. Every group
#: costs 2 kB of footer: with 40,000 that of Monaco 2024 was 78 kB.
_GROUP_ROWS = 80_000
#: Rows in a page, by which readers of the page index skip; smaller pages compress worse (5,000: 6 %).
PAGE_ROWS = 20_000

ZSTD_LEVEL = 3


def write_frames_table(frames: Frames, identity: SessionIdentity, spool: Path) -> EncodedObject:
    """Write ``parquet/frames.parquet`` below ``spool``, sorted by car (as text) and time.

    Raises PublicationError when the disk refuses.
    """
    return _write(FRAMES, _frame_groups(frames, identity), spool)


def write_table(name: str, table: pa.Table, identity: SessionIdentity, spool: Path) -> EncodedObject:
    """Write ``table``, sorted as is declared for ``name``, as ``parquet/<name>.parquet`` below ``spool``.

    Raises PublicationError when the disk refuses, or when ``table`` has not the columns declared for ``name``.
    """
    return write_parts(name, [table], identity, spool)


def write_parts(name: str, parts: Iterable[pa.Table], identity: SessionIdentity, spool: Path) -> EncodedObject:
    """Write a table as :func:`write_table` does, made part by part: no more than one of them is in memory."""
    declared = TABLES[name]

    def groups() -> Iterator[pa.Table]:
        for part in parts:
            table = _declared(declared, part, identity)
            for start, stop in _bounds(declared, table):
                yield _with_identity(declared, table.slice(start, stop - start), identity)

    return _write(declared, groups(), spool)


def _bounds(declared: Table, table: pa.Table) -> Iterator[tuple[int, int]]:
    """Yield first row and end of every row group."""
    ends = [table.num_rows]
    if declared.is_by_car and table.num_rows:
        cars = table["car"].combine_chunks()
        ends = [*(np.flatnonzero(pc.not_equal(cars[1:], cars[:-1])) + 1).tolist(), *ends]
    start = 0
    for end in ends:
        while start < end:
            yield start, min(start + _GROUP_ROWS, end)
            start = min(start + _GROUP_ROWS, end)


def _write(table: Table, groups: Iterator[pa.Table], spool: Path) -> EncodedObject:
    """Write one row group per table of ``groups``."""
    schema = published_schema(table)
    path = f"parquet/{table.name}.parquet"
    content = ContentHash(schema)
    out = SpoolFile(spool / path)
    encodings = column_encodings(schema)
    order = [pq.SortingColumn(schema.get_field_index(name)) for name in table.sorted_by]
    try:
        with pq.ParquetWriter(
            pa.PythonFile(out, mode="w"),
            schema.with_metadata({"licence": licence_text(table.sources)}),
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=[field.name for field in schema if field.name not in encodings],
            column_encoding=encodings,
            sorting_columns=order or None,
            write_statistics=_skipped_by(table),
            write_page_index=True,
            max_rows_per_page=PAGE_ROWS,
        ) as writer:
            for group in groups:
                writer.write_table(group, row_group_size=max(1, group.num_rows))
                content.update(group)
    finally:
        out.close()
    return EncodedObject(
        path=path,
        kind="table",
        file=out.file,
        bytes=out.size,
        sha256=out.sha256,
        content_sha256=content.hexdigest(),
        content_type=PARQUET_TYPE,
        content_encoding=None,
        rows=content.rows,
    )


def _skipped_by(table: Table) -> list[str] | bool:
    """Return the columns whose smallest and largest value stand in the footer; True for all.

    A row group of a big table has all gears and speeds: only what it is sorted by lets a reader skip it.
    """
    if not table.is_by_car:
        return True
    return [column.name for column in IDENTITY.values()] + [n for n in (*table.sorted_by, "lap") if n in table.names]


def column_encodings(schema: pa.Schema) -> dict[str, str]:
    """Return the Parquet encodings of those columns that are not encoded as a dictionary."""
    return {field.name: code for field in schema if (code := _encoding(field.type))}


def _encoding(kind: pa.DataType) -> str | None:
    """Return the Parquet encoding of a column type, None for the dictionary.

    Neighbouring samples differ little: for floats split bytes are 30-50 % smaller than plain or dictionary, times of
    a regular clock nearly vanish as differences.
    """
    if pa.types.is_floating(kind):
        return "BYTE_STREAM_SPLIT"
    if kind in (pa.int32(), pa.int64()):
        return "DELTA_BINARY_PACKED"
    return None


def _declared(declared: Table, table: pa.Table, identity: SessionIdentity) -> pa.Table:
    """Return ``table`` with exactly the ``declared`` columns, NaN as null."""
    schema = declared.schema
    try:
        table = table.select(schema.names).cast(schema)
    except (KeyError, ValueError) as error:  # Arrow's errors are both
        raise PublicationError(
            f"The table {declared.name} of {identity.label} does not fit its declared columns: {error}. Nothing was "
            "published. This is a fault of parcferme: report it with this message."
        ) from error
    for index, field in enumerate(schema):
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(table.column(index))).as_py():
            column = table.column(index)
            table = table.set_column(index, field, pc.if_else(pc.is_nan(column), None, column))
    return table


def _with_identity(declared: Table, rows: pa.Table, identity: SessionIdentity) -> pa.Table:
    """Return ``rows`` of the ``declared`` table with the identity columns in front, equal in every row."""
    values = ((column.type, getattr(identity, attribute)) for attribute, column in IDENTITY.items())
    front = [_constant(value, kind, rows.num_rows) for kind, value in values]
    return pa.Table.from_arrays([*front, *rows.columns], schema=published_schema(declared))


def _frame_groups(frames: Frames, identity: SessionIdentity) -> Iterator[pa.Table]:
    """Yield the frames table in row groups."""
    schema = FRAMES.schema
    for car in sorted(frames.cars):
        for start in range(0, frames.clock.ticks, GROUP_TICKS):
            cut = slice(start, min(start + GROUP_TICKS, frames.clock.ticks))
            yield _with_identity(FRAMES, _frame_group(frames, schema, car, cut), identity)


def _frame_group(frames: Frames, schema: pa.Schema, car: str, cut: slice) -> pa.Table:
    """Return one car's frames in ``cut`` as a table."""
    columns = {
        "car": _constant(car, schema.field("car").type, cut.stop - cut.start),
        "time_ms": pa.array(np.arange(cut.start, cut.stop, dtype=np.int64) * TICK_MS),
        "track_status": _named(frames.track_status[cut], frames.track_statuses),
    }
    for channel in CONTINUOUS:
        columns[channel.column] = _continuous(frames.cars[car], channel, cut)
    for channel in HELD:
        columns[channel.column] = _held(frames, frames.cars[car], channel, cut)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _constant(value: object, kind: pa.DataType, size: int) -> pa.Array:
    """Return ``size`` times ``value`` as the type ``kind``."""
    return pa.repeat(pa.scalar(value, kind), size)


def _named(codes: NDArray[np.signedinteger], names: tuple[str, ...]) -> pa.Array:
    """Return names for codes, null for -1."""
    return pa.array(names, pa.string()).take(pa.array(codes.astype(np.int32), mask=codes < 0))


def _continuous(car: CarFrames, channel: Channel, cut: slice) -> pa.Array:
    """Return a continuous channel as published: in its steps, null in a gap."""
    values = in_steps(getattr(car, channel.column)[cut], channel.per_unit)
    known = np.isfinite(values)
    return pa.array(np.where(known, values, 0).astype(channel.type.to_pandas_dtype()), mask=~known)


def _held(frames: Frames, car: CarFrames, channel: Channel, cut: slice) -> pa.Array:
    """Return a held channel as published: null in a gap or where the upstream has none."""
    codes = held_codes(car, channel)
    if codes is None:
        return pa.nulls(cut.stop - cut.start, channel.type)
    codes = codes[cut]
    if (names := code_names(frames, channel)) is not None:
        return _named(codes, names)
    if pa.types.is_boolean(channel.type):
        return pa.array(codes > 0, mask=codes < 0)
    return pa.array(codes, mask=codes < 0).cast(channel.type)


class ContentHash:
    """SHA-256 of what a reader of a table gets: schema with metadata, then every column's values and nulls in order.

    Independent of row groups, compression and the version of the writer. A column has three digests:
    of its values (little endian, 0 for null; of a text its length), of its texts' UTF-8, of the row numbers of nulls.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._values = [hashlib.sha256() for _ in schema]
        self._texts = [hashlib.sha256() for _ in schema]
        self._nulls = [hashlib.sha256() for _ in schema]
        self.rows = 0

    def update(self, table: pa.Table) -> None:
        """Add the rows of ``table``, which has this schema."""
        for index, column in enumerate(table.columns):
            row = self.rows
            for chunk in column.chunks:
                self._add(index, chunk, row)
                row += len(chunk)
        self.rows += table.num_rows

    def _add(self, index: int, chunk: pa.Array, row: int) -> None:
        if chunk.null_count:
            null = np.flatnonzero(np.asarray(chunk.is_null())) + row
            self._nulls[index].update(null.astype("<i8").data)
            chunk = chunk.fill_null("" if pa.types.is_string(chunk.type) else _zero(chunk.type))
        if pa.types.is_string(chunk.type):
            self._values[index].update(np.asarray(pc.binary_length(chunk)).astype("<i4").data)
            _, offsets, text = chunk.buffers()
            if text is not None:
                bounds = np.frombuffer(offsets, dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
                self._texts[index].update(memoryview(text)[int(bounds[0]) : int(bounds[-1])])
            return
        if pa.types.is_timestamp(chunk.type):
            chunk = chunk.cast(pa.int64())
        numbers = chunk.to_numpy(zero_copy_only=False)
        self._values[index].update(np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<")).data)

    def hexdigest(self) -> str:
        """Return the digest of all rows so far."""
        whole = hashlib.sha256(f"{self.rows}\n".encode())
        for field, *digests in zip(self._schema, self._values, self._texts, self._nulls, strict=True):
            facts = sorted((k.decode(), v.decode()) for k, v in (field.metadata or {}).items())
            whole.update(repr((field.name, type_name(field.type), field.nullable, facts)).encode())
            whole.update(b"".join(digest.digest() for digest in digests))
        return whole.hexdigest()


def _zero(kind: pa.DataType) -> pa.Scalar:
    """Return the value that stands for null in a content hash."""
    return pa.scalar(False) if pa.types.is_boolean(kind) else pa.scalar(0, pa.int64()).cast(kind)


def type_name(kind: pa.DataType) -> str:
    """Return a short name of a column type that does not depend on Arrow's version."""
    if pa.types.is_timestamp(kind):
        return f"timestamp[{kind.unit}, {kind.tz}]"
    return str(kind)
