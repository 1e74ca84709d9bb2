"""Whether the bytes of a published object are what its kind says: JSON after its schema, Parquet as declared."""

import gzip
import io
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from publish.contract.schema_check import Check, compile_schema
from publish.contract.schemas import document_schemas
from transforms.columns import TABLES, published_schema

_BLOCK_BYTES = 8 << 20
_FIRST, _NEXT, _END = b'{"frames":[', b',{"t":', b'],"driver_colors":'


def document_problem(name: str, document: object) -> str | None:
    """Return what contradicts the schema ``name`` in a parsed document."""
    return _check_of(name)(document)


def object_problem(item: dict[str, Any], session_key: int, data: bytes) -> str | None:
    """Return what is wrong inside an object of a revision; ``item`` is its entry in the manifest."""
    path = str(item["path"])
    try:
        if path.endswith(".parquet"):
            return _parquet_problem(path.rpartition("/")[2].removesuffix(".parquet"), item, data)
        if item["kind"] == "rows":
            return _rows_problem(item, data)
        document = orjson.loads(gzip.decompress(data))
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError, pa.ArrowException, _BrokenError) as error:
        return f"it cannot be read: {error}"
    if (problem := document_problem(_schema_name(item), document)) is not None:
        return f"it is not as its schema says: {problem}"
    if document["session_key"] != session_key:
        return f"it is of session {document['session_key']}"
    return None if item["kind"] not in ("frames", "overview") else _chunk_problem(item, document)


class _BrokenError(Exception):
    """A row file that is not put together as one."""


@cache
def _check_of(name: str) -> Check:
    return compile_schema(_schemas()[name])


@cache
def _schemas() -> dict[str, Any]:
    return dict(document_schemas())


@cache
def _row_checks() -> tuple[Check, Check]:
    """The checks of one frame, and of everything else of a row file."""
    schema = _schemas()["rows"]
    return compile_schema(schema["properties"]["frames"]["items"]), compile_schema(schema)


def _schema_name(item: dict[str, Any]) -> str:
    return {"overview": "frames"}.get(item["kind"], str(item["kind"]))


def _chunk_problem(item: dict[str, Any], document: dict[str, Any]) -> str | None:
    """Return how a chunk differs from its manifest entry, or which channel has not a value a tick."""
    for name in ("fps", "start_ms"):
        if name in item and document[name] != item[name]:
            return f"{name} is {document[name]}, the manifest says {item[name]}"
    ticks = document["ticks"]
    if "end_ms" in item and (item["end_ms"] - document["start_ms"]) * document["fps"] // 1000 not in (ticks, ticks - 1):
        return f"it has {ticks} ticks, the manifest says it ends at {item['end_ms']} ms"
    for car, channels in document["cars"].items():
        for name, values in channels.items():
            if values and isinstance(values[0], list):
                starts = [run[0] for run in values]
                if starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= ticks:
                    return f"the runs of {name} of car {car} do not follow each other"
            elif len(values) != ticks:
                return f"{name} of car {car} has {len(values)} values in {ticks} ticks"
    return None


def _parquet_problem(table: str, item: dict[str, Any], data: bytes) -> str | None:
    if table not in TABLES:
        return "no table of this name is declared"
    declared = published_schema(TABLES[table])
    with pq.ParquetFile(io.BytesIO(data)) as file:
        if not file.schema_arrow.equals(declared, check_metadata=True):
            return "its columns are not the declared ones"
        rows = 0
        for group in range(file.num_row_groups):
            rows += file.read_row_group(group).num_rows
    return None if rows == item.get("rows", rows) else f"it has {rows} rows, the manifest says {item['rows']}"


def _rows_problem(item: dict[str, Any], data: bytes) -> str | None:
    """Check a row file frame by frame: as a whole it would take gigabytes of memory."""
    check_frame, check_rest = _row_checks()
    frames = 0
    for part in _row_parts(data):
        document = orjson.loads(part)
        if "driver_colors" in document:
            if (problem := check_rest(document)) is not None:
                return f"it is not as its schema says: {problem}"
        elif (problem := check_frame(document)) is not None:
            return f"it is not as its schema says: frame {frames}: {problem}"
        else:
            frames += 1
    return None if frames == item.get("rows", frames) else f"it has {frames} frames, the manifest says {item['rows']}"


def _row_parts(data: bytes) -> Iterator[bytes]:
    """Yield the text of every frame of a row file, then that of the file without its frames."""
    rest, first = b"", True
    with gzip.open(io.BytesIO(data)) as file:
        while block := file.read(_BLOCK_BYTES):
            rest += block
            if first:
                if not rest.startswith(_FIRST):
                    raise _BrokenError("it does not begin with its frames")
                # From here on every frame has a comma in front.
                rest, first = b"," + rest[len(_FIRST) :], False
            before, *frames = rest.split(_NEXT)
            if frames:
                if before:
                    raise _BrokenError("there is something between its frames")
                yield from (_NEXT[1:] + frame for frame in frames[:-1])
                rest = _NEXT + frames[-1]
    last, found, tail = rest.partition(_END)
    if not found:
        raise _BrokenError("it ends within its frames")
    if frame := last.removeprefix(b","):
        yield frame
    yield b'{"frames":[],"driver_colors":' + tail
