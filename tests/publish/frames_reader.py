"""A reference reader of frame chunks, as a frontend would write it from the contract alone."""

import gzip
import json
from pathlib import Path


def read_json_gz(file: Path) -> dict:
    return json.loads(gzip.decompress(file.read_bytes()))


def decode_continuous(values: list[int | None]) -> list[int | None]:
    decoded: list[int | None] = []
    before = None
    for value in values:
        before = None if value is None else value if before is None else before + value
        decoded.append(before)
    return decoded


def decode_runs(runs: list, ticks: int) -> list:
    assert runs[0][0] == 0
    ends = [tick for tick, _ in runs[1:]] + [ticks]
    return [value for (tick, value), end in zip(runs, ends, strict=True) for _ in range(tick, end)]


def decode_channel(chunk: dict, car: str, name: str, kind: str) -> list:
    values = chunk["cars"].get(car, {}).get(name)
    if values is None:
        return [None] * chunk["ticks"]
    return decode_continuous(values) if kind == "continuous" else decode_runs(values, chunk["ticks"])
