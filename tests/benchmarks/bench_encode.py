"""What encoding a session costs: processor seconds, bytes of every artefact and peak memory of every stage.

Run: ``python tests/benchmarks/bench_encode.py`` for a made-up race, or with recorded sessions (``2024/1/R 2018/4/R``),
which are loaded from the FastF1 cache in ``PARCFERME_CACHE_DIR`` without a network. Every stage runs in a process of
its own, because peak memory never falls within one; memory is what the stage added to the session's own arrays.
Seconds are the processor's: those on the wall say little on a machine that does something else, too.
"""

import gzip
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.upstream.calendar import read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.load import load_recording
from publish.encode.chunks import encode_chunks
from publish.encode.files import BoundedPool
from publish.encode.objects import EncodedObject
from publish.encode.parquet import write_frames_table, write_table
from publish.encode.rows import encode_rows
from publish.encode.samples import encode_samples
from publish.encode.session import encode_session
from transforms.recording import CircuitMarks, SessionIdentity
from transforms.session import SessionData, transform_session

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


@dataclass(frozen=True)
class Subject:
    """What is encoded."""

    identity: SessionIdentity
    circuit: CircuitMarks | None
    data: SessionData


def subject_of(name: str) -> Subject:
    """Return the recorded session ``year/round/code``, or a made-up race."""
    if name == MADE_UP:
        native = TICKS * CARS * NATIVE_OF_TICKS[0] // NATIVE_OF_TICKS[1]
        return Subject(IDENTITY_OF_SESSION, CIRCUIT, session_data(TICKS, CARS, native=native))
    year, number, code = name.split("/")
    client = Client(Path(os.environ["PARCFERME_CACHE_DIR"]), offline=True)
    events = read_schedule(client, int(year), datetime.now(UTC))
    recording = load_recording(client, resolve(events, int(year), int(number), code).ref)
    return Subject(recording.identity, recording.circuit, transform_session(recording))


def samples(what: Subject, spool: Path) -> Objects:
    with BoundedPool() as pool:
        return encode_samples(what.data.frames, what.data.replay, 9472, spool, pool)[0]


def chunks(what: Subject, spool: Path) -> Objects:
    with BoundedPool() as pool:
        return encode_chunks(what.data.frames, 9472, spool, pool)[0]


def rows(what: Subject, spool: Path) -> Objects:
    if what.data.rows is None:
        return []
    with BoundedPool() as pool:
        return encode_rows(what.data.rows, spool, pool)


def frames_table(what: Subject, spool: Path) -> Objects:
    return [write_frames_table(what.data.frames, what.identity, spool)] if what.data.frames.cars else []


def other_tables(what: Subject, spool: Path) -> Objects:
    return [write_table(name, table, what.identity, spool) for name, table in what.data.tables.items()]


def everything(what: Subject, spool: Path) -> Objects:
    made = encode_session(what.identity, what.circuit, what.data, spool, made_with={})
    packed = len(gzip.compress(made.manifest, 5, mtime=0))
    sys.stdout.write(f"{'manifest':>24} {len(made.manifest) / 1e6:7.3f} MB, {packed / 1e6:.3f} as servers send it\n")
    return list(made.objects)


STAGES = (samples, chunks, frames_table, other_tables, rows, everything)


def artefact(entry: EncodedObject) -> str:
    """Return what a reader would call the object: all minutes of a tier together, tables and rows each."""
    folder, _, name = entry.path.rpartition("/")
    return (
        folder if entry.kind in ("samples", "frames") else name.partition(".")[0] + (" table" * ("parquet" in folder))
    )


def run(stage: Callable[[Subject, Path], Objects], name: str) -> None:
    what = subject_of(name)
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        start, cpu = time.perf_counter(), time.process_time()
        objects = stage(what, Path(folder))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    size = sum(entry.bytes for entry in objects) / 1e6
    sys.stdout.write(
        f"{stage.__name__:>13} {cpu:6.1f} s processor {wall:6.1f} s wall {len(objects):4d} files {size:7.2f} MB "
        f"+{peak.most - peak.start:4.0f} MB memory\n"
    )
    if stage is everything:
        sizes: Counter[str] = Counter()
        for entry in objects:
            sizes[artefact(entry)] += entry.bytes
        sys.stdout.write("".join(f"{name:>24} {size / 1e6:7.3f} MB\n" for name, size in sizes.most_common()))


MADE_UP = "made up"
#: Of the made-up race; the upstream sends about 4.2 samples a second for 25 ticks.
TICKS, CARS = 155_000, 20
NATIVE_OF_TICKS = (42, 250)

if __name__ == "__main__":
    for name in sys.argv[1:] or [MADE_UP]:
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        for stage in STAGES:
            process = multiprocessing.get_context("spawn").Process(target=run, args=(stage, name))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(process.exitcode)
