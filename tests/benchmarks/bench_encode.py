"""What encoding a full race costs: seconds, bytes and peak memory of every stage.

Run: ``python tests/benchmarks/bench_encode.py [ticks] [cars]``. The session is made up, its motion is smooth and
sampled four times a second, so that compression is realistic. Every stage runs in a process of its own, because
peak memory never falls within one; memory is what the stage added to the session's own arrays.
"""

import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from publish.encode.chunks import encode_chunks
from publish.encode.files import BoundedPool
from publish.encode.objects import EncodedObject
from publish.encode.parquet import write_frames_table, write_table
from publish.encode.rows import encode_rows
from publish.encode.session import encode_session
from transforms.session import SessionData

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))

from session_data import CIRCUIT, IDENTITY_OF_SESSION, session_data

Objects = list[EncodedObject]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Peak:
    """Samples resident memory every 10 ms."""

    def __enter__(self) -> "Peak":
        self.start = self.most = resident_mb()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, resident_mb())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def chunks(data: SessionData, spool: Path) -> Objects:
    with BoundedPool() as pool:
        return encode_chunks(data.frames, 9472, spool, pool)[0]


def rows(data: SessionData, spool: Path) -> Objects:
    with BoundedPool() as pool:
        return encode_rows(data.rows, spool, pool)


def frames_table(data: SessionData, spool: Path) -> Objects:
    return [write_frames_table(data.frames, IDENTITY_OF_SESSION, spool)]


def other_tables(data: SessionData, spool: Path) -> Objects:
    return [write_table(name, table, IDENTITY_OF_SESSION, spool) for name, table in data.tables.items()]


def everything(data: SessionData, spool: Path) -> Objects:
    made = encode_session(IDENTITY_OF_SESSION, CIRCUIT, data, spool, made_with={})
    return list(made.objects)


STAGES = (chunks, frames_table, other_tables, rows, everything)


def run(stage: Callable[[SessionData, Path], Objects], ticks: int, cars: int) -> None:
    data = session_data(ticks, cars, native=ticks * cars * TICKS_TO_NATIVE[0] // TICKS_TO_NATIVE[1])
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        start, cpu = time.perf_counter(), time.process_time()
        objects = stage(data, Path(folder))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    size = sum(entry.bytes for entry in objects) / 1e6
    sys.stdout.write(
        f"{stage.__name__:>13} {wall:6.1f} s wall {cpu:6.1f} s cpu {len(objects):4d} files {size:7.1f} MB "
        f"+{peak.most - peak.start:4.0f} MB memory\n"
    )
    groups: dict[str, float] = {}
    for entry in objects:
        name = f"{entry.kind} {entry.fps or ''}" if entry.kind != "rows" else Path(entry.path).stem.split(".")[0]
        groups[name] = groups.get(name, 0) + entry.bytes / 1e6
    if stage is everything:
        sys.stdout.write("".join(f"{name:>24} {size:7.2f} MB\n" for name, size in groups.items() if size > 0.05))


#: The upstream sends about 4.2 samples a second for 25 ticks.
TICKS_TO_NATIVE = (42, 250)

if __name__ == "__main__":
    ticks = int(sys.argv[1]) if len(sys.argv) > 1 else 155_000
    cars = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    for stage in STAGES:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(stage, ticks, cars))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)
