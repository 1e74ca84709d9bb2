"""Frames as columnar JSON chunks: scaled integers and differences, held channels as runs.

Continuous channels: the first value and then differences of integers (value = integer * scale), or the first value, the
first difference and then differences of differences; null is a gap and the first value after a gap is absolute again.
Some have a value only every few ticks. Held channels and the track status: ``[tick, value]`` runs, the first at
tick 0, null while unknown. A channel without any value in the chunk is left out, and so is a car without channels.
Every chunk can be read alone.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from publish.encode.channels import (
    CONTINUOUS,
    HELD,
    code_names,
    differences_of,
    held_codes,
    scale_to_integers,
)
from publish.encode.files import BoundedPool, dump_json, write_json_gz
from publish.encode.objects import EncodedObject
from publish.encode.runs import is_known, named, runs_of
from transforms.frames import FPS, TICK_MS, Frames

SCHEMA = "parcferme/frames/2"
CHUNK_MS = 60_000
#: Frame rates published, from the full one down; the last is the overview. Each divides the full rate.
Rate = Literal[25, 1]
AllRates = tuple[Literal[25], Literal[1]]
RATES: AllRates = (25, 1)
OVERVIEW_FPS = 1

# Measured on Bahrain 2024: level 5 7.7 MB of frames at 25 a second, 6 7.5 MB, 7 7.3 MB for 1.7 times the time.
_LEVEL = 6
_STRATEGY = zlib_ng.Z_FILTERED

#: What the overview leaves out: seen once a second it says nothing.
TOO_QUICK = ("speed", "rpm", "throttle", "lap_distance", "gear", "brake", "drs")

_TICKS = CHUNK_MS // TICK_MS
_SCALES = np.array([c.scale for c in CONTINUOUS], dtype=np.float64).reshape(-1, 1, 1)


@dataclass(frozen=True)
class _Block:
    """A run of ticks: ``values`` int32 and ``gaps`` bool (continuous, cars, ticks), ``held`` int16 (held, cars, ticks),
    ``status`` and ``leader`` int16 (ticks,)."""

    values: NDArray[np.int32]
    gaps: NDArray[np.bool_]
    held: NDArray[np.int16]
    status: NDArray[np.int16]
    leader: NDArray[np.int16]

    def every(self, step: int) -> "_Block":
        """Return every ``step``-th tick, as copies that do not keep this block in memory."""
        return _Block(
            values=self.values[..., ::step].copy(),
            gaps=self.gaps[..., ::step].copy(),
            held=self.held[..., ::step].copy(),
            status=self.status[::step].copy(),
            leader=self.leader[::step].copy(),
        )


def encode_chunks(
    frames: Frames,
    session_key: int,
    spool: Path,
    pool: BoundedPool,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[list[EncodedObject], frozenset[str]]:
    """Write every chunk of every rate and the overview below ``spool``.

    Returns the objects and the names of the channels that have a value anywhere. ``on_progress`` is told the part
    done, 0 to 1. Raises PublicationError when the disk refuses.
    """
    jobs: list[Future[EncodedObject]] = []
    seen: set[str] = set()
    thin: list[_Block] = []
    ticks = frames.clock.ticks

    def write(block: _Block, fps: int, start_ms: int, path: str, kind: str) -> None:
        document = _document(frames, block, session_key, fps, start_ms)
        for channels in document["cars"].values():  # type: ignore[attr-defined]
            seen.update(channels)
        end_ms = start_ms + block.status.size * (1000 // fps)
        facts = {"fps": fps, "start_ms": start_ms, "end_ms": end_ms}
        json = dump_json(document)
        jobs.append(pool.submit(write_json_gz, spool, path, kind, json, level=_LEVEL, strategy=_STRATEGY, **facts))

    for index, block in enumerate(_blocks(frames)):
        for fps in RATES:
            part = block if fps == FPS else block.every(FPS // fps)
            if fps == OVERVIEW_FPS:
                thin.append(part)
            else:
                write(part, fps, index * CHUNK_MS, f"frames/{fps}/{index:04d}.json.gz", "frames")
        if on_progress:
            on_progress(min(1.0, (index + 1) * _TICKS / ticks))
    if thin:
        write(_joined(thin), OVERVIEW_FPS, 0, "overview.json.gz", "overview")
    pool.wait()
    return [job.result() for job in jobs], frozenset(seen)


def _blocks(frames: Frames) -> Iterator[_Block]:
    """Yield the frames chunk by chunk."""
    if not frames.cars:
        return
    cars = list(frames.cars.values())
    absent = np.full(frames.clock.ticks, -1, dtype=np.int8)
    held = [[absent if (codes := held_codes(car, c)) is None else codes for car in cars] for c in HELD]
    for start in range(0, frames.clock.ticks, _TICKS):
        cut = slice(start, start + _TICKS)
        raw = np.array([[getattr(car, c.column)[cut] for car in cars] for c in CONTINUOUS], dtype=np.float32)
        values, gaps = scale_to_integers(raw, _SCALES)
        yield _Block(
            values=values,
            gaps=gaps,
            held=np.array([[codes[cut] for codes in channel] for channel in held], dtype=np.int16),
            status=frames.track_status[cut].astype(np.int16),
            leader=frames.leader_lap[cut].astype(np.int16),
        )


def _joined(blocks: list[_Block]) -> _Block:
    """Return consecutive blocks as one."""
    names = ("values", "gaps", "held", "status", "leader")
    return _Block(*(np.concatenate([getattr(block, name) for block in blocks], axis=-1) for name in names))


def _document(frames: Frames, block: _Block, session_key: int, fps: int, start_ms: int) -> dict[str, object]:
    """Return one chunk document; its arrays are numpy's where they hold no null."""
    status, leader = runs_of(np.stack((block.status, block.leader)))
    continuous = _differences(block.values, block.gaps, fps)
    held = _held(frames, block.held)
    left_out = TOO_QUICK if fps == OVERVIEW_FPS else ()
    cars = {}
    for index, car in enumerate(frames.cars):
        channels = {name: it for name, it in {**continuous[index], **held[index]}.items() if name not in left_out}
        if channels:
            cars[car] = channels
    return {
        "schema": SCHEMA,
        "session_key": session_key,
        "fps": fps,
        "start_ms": start_ms,
        "ticks": int(block.status.size),
        "track_status": named(status, frames.track_statuses),
        "leader_lap": named(leader, None),
        "cars": cars,
    }


def _differences(
    values: NDArray[np.int32], gaps: NDArray[np.bool_], fps: int
) -> list[dict[str, NDArray[np.int32] | list[int | None]]]:
    """Return, per car, the continuous channels that have a value, as they are published at ``fps``."""
    cars: list[dict[str, NDArray[np.int32] | list[int | None]]] = [{} for _ in range(values.shape[1])]
    for index, channel in enumerate(CONTINUOUS):
        step = max(1, channel.every_ms * fps // 1000)
        gap = gaps[index, :, ::step]
        steps = differences_of(values[index, :, ::step], gap, channel.differences)
        missing = np.count_nonzero(gap, axis=-1)
        for car in np.flatnonzero(missing < gap.shape[-1]):
            if missing[car]:
                row = steps[car].astype(object)
                row[gap[car]] = None
                cars[car][channel.name] = row.tolist()
            else:
                cars[car][channel.name] = steps[car]
    return cars


def _held(frames: Frames, held: NDArray[np.int16]) -> list[dict[str, object]]:
    """Return, per car, the held channels that have a value, as runs."""
    channels, cars, ticks = held.shape
    runs = runs_of(held.reshape(channels * cars, ticks))
    result: list[dict[str, object]] = [{} for _ in range(cars)]
    for index, channel in enumerate(HELD):
        names = code_names(frames, channel)
        for car in range(cars):
            pairs = runs[index * cars + car]
            if is_known(pairs):
                result[car][channel.name] = named(pairs, names)
    return result
