"""A folder over HTTP, with ranges, that counts what is read of it; and one car's lap read with three engines."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
from fsspec.implementations.http import HTTPFileSystem

#: The longest guess at the length of a footer: Polars'.
_GUESS = 2**18


@dataclass
class Counted:
    """What was asked for: address of the server, and first and last byte of every range."""

    base: str
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def data_bytes(self, size: int) -> int:
        """Bytes read of a file's data: all but what is short and reaches its end, which is a guess at the footer."""
        return sum(
            last + 1 - first for first, last in self.ranges if last < size - 1 - _GUESS or last - first >= _GUESS
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    counted: Counted

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        data = (self.root / self.path.lstrip("/")).read_bytes()
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(data) - 1
        if asked and asked[1]:
            first, last = int(asked[1]), min(last, int(asked[2] or last))
        elif asked:
            first = max(0, len(data) - int(asked[2]))
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        if body:
            self.counted.ranges.append((first, last))
            self.wfile.write(data[first : last + 1])


@contextmanager
def counting(root: Path) -> Iterator[Counted]:
    """Serve ``root`` on loopback."""
    handler = type("Handler", (_Handler,), {"root": root})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        counted = Counted(f"http://127.0.0.1:{server.server_port}/")
        handler.counted = counted  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield counted
        finally:
            server.shutdown()
            thread.join()


class _Ranges(HTTPFileSystem):
    """Asks for exactly what an engine wants, and lets DuckDB read without its extension, which needs a network."""

    def open(self, path, mode="rb", **options):
        return super().open(path, mode, **{**options, "cache_type": "none"})

    async def _exists(self, path, **options):
        # fsspec would ask for the whole file.
        return bool(await self._info(path))

    def modified(self, path):
        return datetime(2024, 1, 1, tzinfo=UTC)


def _with_duckdb(url: str, columns: Sequence[str], car: str, start_ms: int, end_ms: int) -> int:
    with duckdb.connect() as database:
        database.register_filesystem(_Ranges(skip_instance_cache=True))
        where = f"car = '{car}' AND time_ms BETWEEN {start_ms} AND {end_ms}"
        return len(database.sql(f"SELECT {', '.join(columns)} FROM '{url}' WHERE {where}").fetchall())


def _with_polars(url: str, columns: Sequence[str], car: str, start_ms: int, end_ms: int) -> int:
    wanted = (pl.col("car") == car) & pl.col("time_ms").is_between(start_ms, end_ms)
    return pl.scan_parquet(url).filter(wanted).select(columns).collect().height


def _with_pyarrow(url: str, columns: Sequence[str], car: str, start_ms: int, end_ms: int) -> int:
    wanted = [("car", "=", car), ("time_ms", ">=", start_ms), ("time_ms", "<=", end_ms)]
    with _Ranges(skip_instance_cache=True).open(url) as file:
        return pq.read_table(file, columns=list(columns), filters=wanted).num_rows


#: How each engine reads the columns of one car between two moments; returns how many rows it found.
ENGINES: dict[str, Callable[[str, Sequence[str], str, int, int], int]] = {
    "DuckDB": _with_duckdb,
    "Polars": _with_polars,
    "pyarrow": _with_pyarrow,
}
