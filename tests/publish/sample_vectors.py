"""What a reader of sample chunks is to make of one: a made-up minute and the values the pipeline has at its ticks.

``publish/docs/samples_vectors.json`` is made by ``python tests/publish/sample_vectors.py`` and proved by
``tests/publish/encode/test_samples.py``. Its minute has all that is special: samples that one of two cars lacks, a
break, a gap too long to cross, values that are not known, a lap that ends, gaps that jump, and edges that need their
neighbours.
"""

import gzip
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import to_builtins

from publish.encode.files import BoundedPool
from publish.encode.manifest import sampled_channels
from publish.encode.samples import SAMPLED, encode_samples
from transforms.frames import STATES, TICK_MS, CarFrames, Clock, Frames
from transforms.interpolate import MAX_GAP_MS, bracket, held, linear
from transforms.path import coordinates, velocities
from transforms.progress import Progress
from transforms.replay import Replay, make_replay
from transforms.samples import CleanCar, CleanPositions

FILE = Path(__file__).parents[2] / "publish" / "docs" / "samples_vectors.json"
ORIGIN_MS, TICKS, LAP_M = 1_000_000, 1700, 1234.5678
#: The minute shown is the second one, 8 s long.
MINUTE = 1
CLOCK = Clock(ORIGIN_MS, None, TICKS, 0)


def _positions(rng: np.random.Generator, stamps: np.ndarray, late_m: float, lost: tuple[int, int]) -> CleanPositions:
    """A car on a circle of 200 m radius, faster and slower; it lacks every ninth stamp and those in ``lost`` (ms)."""
    kept = (np.arange(len(stamps)) % 9 != rng.integers(9)) & ((stamps < lost[0]) | (stamps > lost[1]))
    time_ms = stamps[kept]
    angle = (time_ms / 1000 * 50 + 60 * np.sin(time_ms / 2500) - late_m) / 200
    x_m, y_m = np.round(200 * np.cos(angle), 1), np.round(200 * np.sin(angle), 1)
    # From 66 s on it is somewhere else: an impossible step.
    away = time_ms >= 66_000
    x_m[away] += 400
    breaks = np.diff(away.astype(int)) != 0
    return CleanPositions(time_ms + ORIGIN_MS, x_m, y_m, np.zeros_like(x_m), np.ones(len(x_m), np.bool_), breaks)


def _car(rng: np.random.Generator, stamps: np.ndarray) -> CleanCar:
    speed = np.round(180 + 86.4 * np.cos(stamps / 2500) + rng.normal(0, 2, len(stamps)))
    # Unknown for a moment, then for too long.
    unknown = ((stamps > 62_300) & (stamps < 63_000)) | ((stamps > 63_800) & (stamps < 65_400))
    speed[unknown] = np.nan
    gear = np.clip(speed // 40, 1, 8)
    rpm = np.round(8000 + 20 * np.nan_to_num(speed) + rng.normal(0, 80, len(stamps)))
    throttle = np.clip(np.round(100 * np.sin(stamps / 900)), 0, 100)
    return CleanCar(
        stamps + ORIGIN_MS,
        speed,
        np.where(unknown, np.nan, rpm),
        np.where(unknown, np.nan, throttle),
        np.where(np.isnan(gear), -1, gear).astype(np.int8),
        np.where(unknown, -1, np.sin(stamps / 900) < 0).astype(np.int8),
        np.where((stamps > 61_000) & (stamps < 63_500), -1, np.where(speed > 200, 12, 8)).astype(np.int8),
    )


def _frames(car: CleanCar, feed: CleanPositions, progress: Progress, row: int) -> CarFrames:
    """The frames of a car, made as the pipeline makes them."""
    ticks_ms, tick = CLOCK.session_time_ms, np.arange(TICKS)
    place = bracket(feed.time_ms, ticks_ms, breaks=feed.breaks)
    x_m, y_m = coordinates(feed, velocities(feed, car, MAX_GAP_MS), place)
    lines = {}
    for name in ("speed_kmh", "rpm", "throttle_percent"):
        values = getattr(car, name)
        known = np.isfinite(values)
        lines[name] = linear(values[known], bracket(car.time_ms[known], ticks_ms))
    laps = progress.at(ticks_ms)
    lap = (np.floor(laps) + 1).astype(np.int16)
    state = np.full(TICKS, STATES.index("running"), np.int8)
    state[1660:] = STATES.index("finished" if row else "pit")
    covered = place.covered | bracket(car.time_ms[np.isfinite(car.speed_kmh)], ticks_ms).covered
    along = np.where(covered & (state != STATES.index("finished")), (laps - lap + 1) * LAP_M, np.nan)
    # The gap jumps when the other one is passed and is not known for a second.
    gap = np.where(tick < 1560, 0.0, 21.5 + np.sin(tick / 90)) * row + np.where(tick < 1560, 7.25, 0) * (1 - row)
    gap[1600:1625] = np.nan
    return CarFrames(
        x_m=x_m,
        y_m=y_m,
        **lines,
        **{name: held(car.time_ms, getattr(car, name), ticks_ms) for name in ("gear", "brake", "drs")},
        lap=lap,
        lap_distance_m=along.astype(np.float32),
        position=np.where(tick < 1560, 2 - row, 1 + row).astype(np.int8),
        gap_s=gap.astype(np.float32),
        interval_s=(np.where(gap > 0, gap, np.nan)).astype(np.float32),
        laps_down=np.zeros(TICKS, np.int8),
        compound=np.full(TICKS, row, np.int8),
        tyre_age_laps=lap,
        stint=np.ones(TICKS, np.int8),
        state=state,
    )


def made_up() -> tuple[Frames, Replay]:
    """Return the session, as frames and as native samples."""
    rng = np.random.default_rng(16)
    position_ms = np.cumsum(rng.integers(180, 300, 300)) - 1000
    car_ms = np.cumsum(rng.integers(200, 290, 290)) - 1000
    feeds = {"4": _positions(rng, position_ms, 0, (0, 0)), "81": _positions(rng, position_ms, 30, (61_500, 63_400))}
    samples = {number: _car(rng, car_ms) for number in feeds}
    progress = {}
    for number, feed in feeds.items():
        metres = (feed.time_ms - ORIGIN_MS) / 1000 * 50 + 60 * np.sin((feed.time_ms - ORIGIN_MS) / 2500) + 1000
        progress[number] = Progress(feed.time_ms.astype(float), np.maximum(np.maximum.accumulate(metres) / LAP_M, 0))
    cars = {n: _frames(samples[n], feeds[n], progress[n], row) for row, n in enumerate(feeds)}
    status = np.zeros(TICKS, np.int8)
    status[1580:] = 1
    frames = Frames(CLOCK, cars, ("SOFT", "HARD"), status, ("1", "4"), cars["4"].lap)
    return frames, make_replay(samples, feeds, progress, LAP_M, frames)


def expected(frames: Frames, tick: int) -> dict[str, dict[str, float | str | None]]:
    """Return the value of every channel of every car at a tick, null where it is not known."""
    cars = {}
    for number, car in frames.cars.items():
        values: dict[str, float | str | None] = {}
        for channel in SAMPLED:
            if channel.name == "distance":
                continue
            value = getattr(car, channel.about.column)[tick].item()
            names = {"tyre": frames.tyres, "state": STATES}.get(channel.name)
            if channel.about.kind == "held":
                values[channel.name] = None if value < 0 else names[value] if names else value
            else:
                values[channel.name] = None if math.isnan(value) else round(value, 4)
        along = car.lap_distance_m[tick].item()
        values["lap_distance"] = None if math.isnan(along) else round(along, 3)
        cars[number] = values
    return cars


def vectors() -> dict[str, Any]:
    """Return declaration, minute and expected values, and how far a reader may be off."""
    frames, replay = made_up()
    with tempfile.TemporaryDirectory() as folder, BoundedPool() as pool:
        objects, names = encode_samples(frames, replay, 9472, Path(folder), pool)
        minute = json.loads(gzip.decompress(objects[MINUTE].file.read_bytes()))
    channels = {
        name: {fact: value for fact, value in to_builtins(channel).items() if fact != "description"}
        for name, channel in sampled_channels(names).items()
    }
    ticks = [*range(1500, 1500 + 200, 3), 1559, 1560, 1600, 1624, 1625, 1699]
    return {
        "samples": {"lap_length_m": LAP_M, "channels": channels},
        "minute": minute,
        # Gap and interval are published to 0.1 s; a lap's distance by straight lines between samples of coordinates.
        "tolerance": {"gap": 0.11, "interval": 0.11, "lap_distance": 0.1, "other numbers": 0.001},
        "expected": [{"time_ms": t * TICK_MS, "cars": expected(frames, t)} for t in sorted(set(ticks))],
    }


def assert_read(read: list[dict[str, dict[str, Any]]], given: dict[str, Any]) -> None:
    """Check what a reader made of the vectors ``given``."""
    for got, moment in zip(read, given["expected"], strict=True):
        for car, values in moment["cars"].items():
            for name, wanted in values.items():
                where = (moment["time_ms"], car, name)
                if isinstance(wanted, float):
                    assert got[car][name] is not None, where
                    tolerance = given["tolerance"].get(name, given["tolerance"]["other numbers"])
                    assert got[car][name] == pytest.approx(wanted, abs=tolerance, rel=0), where
                else:
                    assert got[car][name] == wanted, where


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), separators=(",", ":")) + "\n")
    sys.stdout.write(f"{FILE.stat().st_size} bytes\n")
