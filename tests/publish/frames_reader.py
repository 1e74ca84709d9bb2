"""A reference reader of frame chunks, as a frontend would write it from the contract alone."""

import gzip
import json
from pathlib import Path


def read_json_gz(file: Path) -> dict:
    return json.loads(gzip.decompress(file.read_bytes()))


def decode_continuous(values: list[int | None], differences: int) -> list[int | None]:
    decoded: list[int | None] = []
    last, slope, known = 0, 0, 0
    for value in values:
        if value is None:
            last, slope, known = 0, 0, 0
            decoded.append(None)
            continue
        slope = slope + value if differences == 2 and known > 1 else value
        last, known = last + slope, known + 1
        decoded.append(last)
    return decoded


def decode_runs(runs: list, ticks: int) -> list:
    assert runs[0][0] == 0
    ends = [tick for tick, _ in runs[1:]] + [ticks]
    return [value for (tick, value), end in zip(runs, ends, strict=True) for _ in range(tick, end)]


def decode_channel(chunk: dict, car: str, name: str, channel: dict) -> list:
    """``channel`` is the entry of the manifest's ``frames.channels``, or of the dictionary's ``channels``."""
    values = chunk["cars"].get(car, {}).get(name)
    if values is None:
        return [None] * chunk["ticks"]
    if channel["kind"] == "held":
        return decode_runs(values, chunk["ticks"])
    every = max(1, channel["every_ms"] * chunk["fps"] // 1000)
    decoded = decode_continuous(values, channel["differences"])
    return [decoded[tick // every] for tick in range(chunk["ticks"])]
