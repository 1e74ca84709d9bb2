"""The older row format: one JSON object per frame, ``rows/skip_<n>.json.gz`` with every n-th frame, n = 1 to 10.

The text of a frame is built once, in blocks, by whole-array string operations, and goes into all ten compressors.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from publish.encode.files import BoundedPool, GzipSpool, dump_json
from publish.encode.objects import EncodedObject
from transforms.frames import RowFrames, Rows

#: Where the files lie in a revision.
FOLDER = "rows/"
#: Every file holds every n-th frame, for these n.
SKIPS = tuple(range(1, 11))

# Measured on whole files of Bahrain and Monaco 2024, 2.4 kB of text a frame. What a frame repeats is in the one before
# it: a window of 4 kB finds it sooner and with shorter distances than a larger one, and leaves time to look further.
# Level 7 makes 40.9 and 38.4 MB in 2.34 and 2.58 s of processor time, 6 41.7 and 48.7 in 2.08 and 2.50; with 8 kB
# 6 makes 41.9 and 42.9 in 2.38 and 2.67, 5 43.3 and 44.1 in 2.05 and 2.26.
_LEVEL = 7
_WINDOW = 12
_STRATEGY = zlib_ng.Z_FILTERED

#: Below so many steps of the last decimal any two neighbours are different floats of 32 bits.
_EXACT_STEPS = 2**23
#: Frames per block: about 2.5 MB of text with 20 cars, and ten times that while it is made.
_BLOCK = 1000


def encode_rows(
    rows: Rows,
    spool: Path,
    pool: BoundedPool,
    on_progress: Callable[[float], None] | None = None,
) -> list[EncodedObject]:
    """Write the ten row files below ``spool`` and return them.

    ``on_progress`` is told the part done, 0 to 1. Raises PublicationError when the disk refuses.
    """
    paths = {skip: f"{FOLDER}skip_{skip}.json.gz" for skip in SKIPS}
    files: dict[int, GzipSpool] = {}
    try:
        for skip in SKIPS:
            files[skip] = GzipSpool(spool / paths[skip], _LEVEL, _STRATEGY, _WINDOW, is_bulk=True)
            files[skip].write(b'{"frames":[')
        text = _FrameText(rows)
        for start in range(0, rows.count, _BLOCK):
            block = text.frames(start, min(start + _BLOCK, rows.count))
            # A file takes its blocks in order, so the previous block has to be through.
            pool.wait()
            for skip in SKIPS:
                pool.submit(_write_block, files[skip], block, start, skip)
            if on_progress:
                on_progress((start + len(block)) / rows.count)
        pool.wait()
        tail = _tail(rows)
        for skip in SKIPS:
            files[skip].write(tail)
        return [files[skip].finish(paths[skip], "rows", rows=len(range(0, rows.count, skip))) for skip in SKIPS]
    finally:
        for file in files.values():
            file.close()


def _write_block(file: GzipSpool, block: pa.StringArray, start: int, skip: int) -> None:
    """Append every ``skip``-th frame, counted from the session's first, of the block that begins at ``start``."""
    if skip > 1:
        block = block.take(pa.array(np.arange(-start % skip, len(block), skip)))
    if not len(block):
        return
    _, offsets, text = block.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[block.offset : block.offset + len(block) + 1]
    # Every frame begins with a comma; the first of a file must not.
    first = int(bounds[0]) + (1 if start == 0 else 0)
    file.write(memoryview(text)[first : int(bounds[-1])])


def _tail(rows: Rows) -> bytes:
    """Return the text behind the frames: colours and track statuses."""
    colors = {code: list(color) for code, color in zip(rows.codes, rows.colors, strict=True)}
    statuses = [{"status": s, "start_time": start, "end_time": end} for s, start, end in rows.statuses]
    return b'],"driver_colors":' + dump_json(colors) + b',"track_statuses":' + dump_json(statuses) + b"}"


class _FrameText:
    """Builds the JSON text of frames, each with a comma in front."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._heads = pa.array([dump_json(code).decode() + ':{"x":' for code in rows.codes], pa.string())

    def frames(self, start: int, stop: int) -> pa.StringArray:
        """Return the frames ``start`` to ``stop``, one string each."""
        block = self._rows.block(start, stop)
        frame, car = np.nonzero(np.isfinite(block.x_m))
        cars = self._cars(block, frame, car)
        offsets = np.zeros(stop - start + 1, dtype=np.int32)
        np.cumsum(np.bincount(frame, minlength=stop - start), out=offsets[1:])
        drivers = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), cars), ",")
        return _concatenated(
            ',{"t":', _decimal(block.t_s, 2), ',"lap":', _integer(block.leader_lap),
            ',"drivers":{', drivers, "}}",
        )  # fmt: skip

    def _cars(self, block: RowFrames, frame: NDArray[np.intp], car: NDArray[np.intp]) -> pa.StringArray:
        """Return the text of one car in one frame each, for the given pairs (n,)."""
        at = (frame, car)
        slow = _distinct(
            {
                "lap": block.lap[at],
                "rel_dist": _tenths(block.rel_dist[at]),
                "tyre": block.tyre[at],
                "position": block.position[at],
            }
        )
        fast = _distinct({"speed": block.speed_kmh[at], "gear": block.gear[at], "drs": block.drs[at]})
        return _concatenated(
            self._heads.take(pa.array(car)), _in_tenths_of_m(block.x_m[at]), ',"y":', _in_tenths_of_m(block.y_m[at]),
            ',"dist":', _decimal(block.distance_m[at], 1), slow, fast, "}",
        )  # fmt: skip


def _in_tenths_of_m(values_m: NDArray[np.floating]) -> pa.StringArray:
    """Return metres (n,) as the text of FastF1's tenths of a metre."""
    return _decimal(values_m.astype(np.float64) * 10.0, 1)


def _tenths(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return ``values`` in tenths."""
    tenths: NDArray[np.int64] = np.rint(np.nan_to_num(values) * 10).astype(np.int64)
    return tenths


def _distinct(fields: dict[str, NDArray[np.integer]]) -> pa.StringArray:
    """Return ``,"name":value`` of all ``fields`` (n,) joined; texts are made once per combination of values.

    ``rel_dist`` is in tenths and written as a decimal.
    """
    low = {name: int(values.min(initial=0)) for name, values in fields.items()}
    key = np.zeros(next(iter(fields.values())).shape, dtype=np.int64)
    for name, values in fields.items():
        key *= int(values.max(initial=0)) - low[name] + 1
        key += values.astype(np.int64) - low[name]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    parts: list[object] = []
    for name, values in fields.items():
        once = values[first]
        parts += [f',"{name}":', _decimal(once / 10, 1) if name == "rel_dist" else _integer(once)]
    return _concatenated(*parts).take(pa.array(inverse))


def _decimal(values: NDArray[np.floating], decimals: int) -> pa.StringArray:
    """Return numbers (n,) as JSON text with at most ``decimals`` decimals; ``null`` where they are not finite."""
    rounded = np.round(values.astype(np.float64), decimals) + 0.0  # no negative zero
    known = np.isfinite(rounded)
    rounded[~known] = np.nan
    # The shortest text of a float is the same with 32 bits while they tell its last decimal, in a quarter of the time.
    if np.abs(rounded[known]).max(initial=0.0) * 10**decimals < _EXACT_STEPS:
        rounded = rounded.astype(np.float32)
    return pc.fill_null(pc.cast(pa.array(rounded, from_pandas=True), pa.string()), "null")


def _integer(values: NDArray[np.integer]) -> pa.StringArray:
    """Return integers (n,) as JSON text; ``null`` where they are negative, which stands for unknown."""
    return pc.fill_null(pc.cast(pa.array(values, mask=values < 0), pa.string()), "null")


def _concatenated(*parts: object) -> pa.StringArray:
    """Return the element-wise concatenation of texts and arrays of texts."""
    return pc.binary_join_element_wise(*parts, "")
