"""From values to bytes on local disk: deterministic JSON and gzip, hashed while they are written.

The same input gives the same bytes: no time, no name and no path goes into a file. Everything written here can be
proved twice, by the hash of the file and by the hash of what a reader gets after decoding it.
"""

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import orjson
from zlib_ng import zlib_ng

from publish.encode.objects import EncodedObject
from transforms.errors import PublicationError

JSON_TYPE = "application/json"
PARQUET_TYPE = "application/vnd.apache.parquet"

#: zlib-ng's level of the small documents, where time does not matter.
SMALL_LEVEL = 9
#: Threads that compress. zlib-ng, hashing and Arrow release the interpreter's lock.
WORKERS = 2
#: Jobs that wait for them: as many as there are row files, so that all of one block are queued while the text of the
#: next is made (rows of Bahrain 2024 in 5.2 s instead of 5.8 with 6).
PENDING = 10

#: Logarithm of the largest window of deflate.
FULL_WINDOW = 15

_GZIP = 16  # added to the window: zlib-ng writes the gzip header itself, no name, modification time 0
_MEMORY_LEVEL = 9
#: Length of a gzip file's end: CRC-32 and length of what is in it.
_TRAILER_BYTES = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


def dump_json(document: object) -> bytes:
    """Return ``document`` as JSON in the order of its keys. numpy arrays become lists, NaN becomes null."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def canonical_json(document: object) -> bytes:
    """Return ``document`` as JSON with sorted keys, so that equal documents are equal bytes."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS)


@contextmanager
def spool_errors(file: Path) -> Iterator[None]:
    """Turn what the local disk refuses into a PublicationError that names ``file``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise PublicationError(
            f"The working folder {file.parent} refused {file.name}: {reason}. Nothing was published. Free some space "
            "there (a race needs about 300 MB) or set TMPDIR to a larger, writable folder, then run again."
        ) from error


class SpoolFile(io.RawIOBase):
    """A new local file written from front to back, counted and hashed on the way. Errors are PublicationError."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.size = 0
        self._sha256 = hashlib.sha256()
        with spool_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._raw = file.open("wb", buffering=0)

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.size

    def write(self, data: Any) -> int:
        """Write all of ``data`` (any bytes-like) and return its length."""
        view = memoryview(data).cast("B")
        with spool_errors(self.file):
            done = 0
            while done < len(view):
                done += self._raw.write(view[done:])
        self._sha256.update(view)
        self.size += len(view)
        return len(view)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        # What could not be opened is closed too, when it is thrown away.
        if not self.closed and hasattr(self, "_raw"):
            with spool_errors(self.file):
                self._raw.close()
        super().close()

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written, hexadecimal."""
        return self._sha256.hexdigest()


class GzipSpool:
    """A gzip file written piece by piece; also hashes what goes in.

    ``level``, ``strategy`` and ``window`` (logarithm of the bytes looked back) are zlib-ng's. ``is_bulk``: what goes in
    is so much text that its hash is made of the checksum that gzip takes of it anyway (:func:`trailer_sha256`).
    """

    def __init__(
        self,
        file: Path,
        level: int,
        strategy: int = zlib_ng.Z_DEFAULT_STRATEGY,
        window: int = FULL_WINDOW,
        *,
        is_bulk: bool = False,
    ) -> None:
        self._out = SpoolFile(file)
        self._content = None if is_bulk else hashlib.sha256()
        self._deflate = zlib_ng.compressobj(level, zlib_ng.DEFLATED, _GZIP + window, _MEMORY_LEVEL, strategy)

    def write(self, data: bytes | memoryview) -> None:
        """Compress ``data`` and append it."""
        if self._content is not None:
            self._content.update(data)
        packed = self._deflate.compress(data)
        if packed:
            self._out.write(packed)

    def finish(self, path: str, kind: str, **facts: int | None) -> EncodedObject:
        """Close the file and describe it; ``facts`` are ``fps``, ``start_ms``, ``end_ms`` and ``rows``."""
        rest = self._deflate.flush()
        self._out.write(rest)
        self.close()
        return EncodedObject(
            path=path,
            kind=kind,
            file=self._out.file,
            bytes=self._out.size,
            sha256=self._out.sha256,
            content_sha256=trailer_sha256(rest) if self._content is None else self._content.hexdigest(),
            content_type=JSON_TYPE,
            content_encoding="gzip",
            **facts,
        )

    def close(self) -> None:
        """Close the file, finished or not."""
        self._out.close()


def trailer_sha256(gzip: bytes) -> str:
    """Return the hash that stands for what is in a bulky ``gzip`` file: of its end, CRC-32 and length of the text.

    SHA-256 of a race's rows, 1 GB of text, would cost a tenth of making them. What the rows say is in the other
    objects too, whose text is hashed in full, and the file itself always is: this one only has to see that the text of
    ten files changed, and gzip's checksum does that.
    """
    return hashlib.sha256(gzip[-_TRAILER_BYTES:]).hexdigest()


def write_json_gz(
    spool: Path,
    path: str,
    kind: str,
    json: bytes,
    *,
    level: int = SMALL_LEVEL,
    strategy: int = zlib_ng.Z_DEFAULT_STRATEGY,
    **facts: int | None,
) -> EncodedObject:
    """Write the JSON text ``json`` to ``spool/path`` as gzip. Raises PublicationError when the disk refuses."""
    out = GzipSpool(spool / path, level, strategy)
    try:
        out.write(json)
        return out.finish(path, kind, **facts)
    finally:
        out.close()


class BoundedPool:
    """A few threads with a short queue, so that finished work never piles up in memory.

    ``submit`` waits while ``pending`` jobs are unfinished. Every job's result is looked at: its error is raised by a
    later ``submit``, by ``wait`` or on leaving the ``with`` block.
    """

    def __init__(self, workers: int = WORKERS, pending: int = PENDING) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="encode")
        self._jobs: deque[Future[Any]] = deque()
        self._pending = pending

    def submit(self, job: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> "Future[_T]":
        """Queue ``job`` and return its future."""
        while len(self._jobs) >= self._pending:
            self._jobs.popleft().result()
        future = self._pool.submit(job, *arguments, **named)
        self._jobs.append(future)
        return future

    def wait(self) -> None:
        """Wait until everything queued is done."""
        while self._jobs:
            self._jobs.popleft().result()

    def __enter__(self) -> "BoundedPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
