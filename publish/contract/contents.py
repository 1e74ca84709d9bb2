"""Whether the bytes of a published object are what its kind says: JSON after its schema, Parquet as declared."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import UNSET

from publish.contract.kinds import OBJECT_KINDS, Chunk, RowFrame, Rows, Samples
from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.manifest import Manifest, ManifestObject
from publish.encode.objects import EncodedRevision
from publish.encode.samples import AT_STAMPS, HELD_AT_STAMPS, HELD_ON_CLOCK, KNOTS
from publish.structs import decode_document, decode_packed, decoder_of
from transforms.columns import TABLES, published_schema
from transforms.errors import PublicationError

_BLOCK_BYTES = 8 << 20
_OF_ONE_MAKE = ("frames", "rows")
_FIRST, _NEXT, _END = b'{"frames":[', b',{"t":', b'],"driver_colors":'


def object_problem(item: ManifestObject, session_key: int, data: bytes) -> str | None:
    """Return what is wrong inside an object of a revision; ``item`` is its entry in the manifest."""
    try:
        if item.kind == "table":
            return _parquet_problem(item, data)
        if item.kind == "rows":
            return _rows_problem(item, data)
        document: Any = decode_packed(data, OBJECT_KINDS[item.kind], "it")
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, pa.ArrowException, _BrokenError) as error:
        return f"it cannot be read: {error}"
    except PublicationError as error:
        return str(error)
    if document.session_key != session_key:
        return f"it is of session {document.session_key}"
    if isinstance(document, Samples):
        return _samples_problem(item, document)
    return _chunk_problem(item, document) if isinstance(document, Chunk) else None


def check_documents(encoded: EncodedRevision, what: str) -> None:
    """Do nothing if the documents of an encoded session are as their schemas say; ``what`` names it in messages.

    Frames and rows come in many files of one make, from arrays: the smallest of each kind stands for all of them. What
    texts they hold is in the overview too. Tables were checked against their declaration when they were written.

    :raises PublicationError: one is not.
    """
    listed = decode_document(encoded.manifest, Manifest, "The manifest").objects
    files = {item.path: item.file for item in encoded.objects}
    for item in listed:
        if item.kind == "table" or (item.kind in _OF_ONE_MAKE and item is not _smallest(listed, item.kind)):
            continue
        problem = object_problem(item, encoded.session_key, files[item.path].read_bytes())
        if problem is not None:
            raise PublicationError(
                f"{item.path} of {what} is not as its schema says: {problem}. Nothing was published. This is a fault "
                "of parcferme or of what the upstream sent: report it with this message."
            )


def _smallest(listed: Sequence[ManifestObject], kind: str) -> ManifestObject:
    return min((item for item in listed if item.kind == kind), key=lambda item: item.bytes)


class _BrokenError(Exception):
    """A row file that is not put together as one."""


def _chunk_problem(item: ManifestObject, chunk: Chunk) -> str | None:
    """Return how a chunk differs from its manifest entry, or which channel has not a value a tick."""
    if (chunk.fps, chunk.start_ms) != (item.fps, item.start_ms):
        said = f"{chunk.fps} fps from {chunk.start_ms} ms"
        return f"it has {said}, the manifest says {item.fps} from {item.start_ms}"
    if item.end_ms is UNSET or (item.end_ms - chunk.start_ms) * chunk.fps // 1000 not in (chunk.ticks, chunk.ticks - 1):
        return f"it has {chunk.ticks} ticks, the manifest says it ends at {item.end_ms} ms"
    for number, car in chunk.cars.items():
        for channel in CONTINUOUS:
            values = getattr(car, channel.name)
            every = max(1, channel.every_ms * chunk.fps // 1000)
            if values is not UNSET and len(values) != -(-chunk.ticks // every):
                return f"{channel.name} of car {number} has {len(values)} values in {chunk.ticks} ticks"
        for channel in HELD:
            runs = getattr(car, channel.name)
            if runs is not UNSET and not _are_runs(runs, chunk.ticks):
                return f"the runs of {channel.name} of car {number} do not follow each other"
    return None


def _samples_problem(item: ManifestObject, minute: Samples) -> str | None:
    """Return how a minute of samples differs from its manifest entry, or which channel does not fit its times."""
    if (minute.start_ms, minute.end_ms) != (item.start_ms, item.end_ms):
        said = f"the manifest says {item.start_ms} to {item.end_ms}"
        return f"it has {minute.start_ms} to {minute.end_ms} ms, {said}"
    for number, car in minute.cars.items():
        for channel in AT_STAMPS + KNOTS:
            values = getattr(car, channel.name)
            if values is UNSET:
                continue
            times, numbers = values if channel.time == "own" else (getattr(minute, channel.time), values)
            if len(numbers) != len(times):
                return f"{channel.name} of car {number} has {len(numbers)} values at {len(times)} times"
        for channel in HELD_AT_STAMPS + HELD_ON_CLOCK:
            runs = getattr(car, channel.name)
            if runs is UNSET:
                continue
            bounds = (minute.start_ms, minute.end_ms) if channel.time == "own" else (0, len(minute.car_time))
            if not _are_runs(runs, bounds[1], bounds[0]):
                return f"the runs of {channel.name} of car {number} do not follow each other"
    return None


def _are_runs(runs: list[tuple[int, object]], end: int, begin: int = 0) -> bool:
    """Whether runs begin at ``begin``, one after the other, and before ``end``."""
    starts = [start for start, _ in runs]
    return starts[0] == begin and starts == sorted(set(starts)) and starts[-1] < end


def _parquet_problem(item: ManifestObject, data: bytes) -> str | None:
    table = item.path.rpartition("/")[2].removesuffix(".parquet")
    if table not in TABLES:
        return "no table of this name is declared"
    with pq.ParquetFile(io.BytesIO(data)) as file:
        # The metadata of the fields is the contract's; that of the file has terms, which change.
        if not file.schema_arrow.remove_metadata().equals(published_schema(TABLES[table]), check_metadata=True):
            return "its columns are not the declared ones"
        rows = sum(file.read_row_group(group).num_rows for group in range(file.num_row_groups))
    return None if rows == item.rows else f"it has {rows} rows, the manifest says {item.rows}"


def _rows_problem(item: ManifestObject, data: bytes) -> str | None:
    """Check a row file frame by frame: as a whole it would take gigabytes of memory."""
    frame, rest = decoder_of(RowFrame), decoder_of(Rows)
    frames = 0
    try:
        for part in _row_parts(data):
            if part.startswith(_FIRST):
                rest.decode(part)
            else:
                frame.decode(part)
                frames += 1
    except msgspec.ValidationError as error:
        return f"it is not as its schema says: frame {frames}: {error}"
    return None if frames == item.rows else f"it has {frames} frames, the manifest says {item.rows}"


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
