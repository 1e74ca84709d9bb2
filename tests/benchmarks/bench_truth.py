"""Print how true the published frames are, for recorded sessions: order, classification, gaps, interpolation, clock.

    python tests/benchmarks/bench_truth.py CACHE_DIR 2024:1:R 2024:8:R ...
    python tests/benchmarks/bench_truth.py CACHE_DIR 2024:1:R --replay NAME=FILE --replay NAME=FILE

With ``--replay`` it is a scoreboard of one race: the rows of this project beside those in files of other replays, in
the older backend's format (``frames`` of ``t`` and ``drivers``; gzip or not), each against the official lap chart.

CACHE_DIR is a FastF1 cache that holds the sessions. Interpolation error: every second native sample is left out and
rebuilt from the others, while the car moves and the gap left is not longer than the interpolation limit.
"""

import argparse
import gzip
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
from scipy.interpolate import interp1d

from flows.upstream.calendar import read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.load import load_recording
from publish.encode.files import BoundedPool
from publish.encode.rows import encode_rows
from transforms.frames import STATES
from transforms.interpolate import MAX_GAP_MS, bracket
from transforms.path import coordinates, velocities
from transforms.reconcile import reconcile
from transforms.recording import Recording
from transforms.samples import CleanCar, CleanPositions
from transforms.session import SessionData, clean, transform_session

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests")]
from replay_score import HEADER, score_rows

CHANNELS = ("x_m", "speed_kmh", "rpm", "throttle_percent", "gear", "brake", "drs", "lap_distance_m", "compound")
METHODS = ("straight line", "cubic through neighbours", "quadratic spline", "cubic at measured speed (published)")


def say(text: str) -> None:
    print(text)  # noqa: T201 - what this script is for


def rebuilt(positions: CleanPositions, car: CleanCar, keep: np.ndarray, at: np.ndarray) -> dict[str, np.ndarray]:
    """Errors (n,) in metres of every method at the left-out samples ``at``."""
    some = positions.keep(keep)
    place = bracket(some.time_ms, positions.time_ms[at])
    x_m, y_m = positions.x_m[at], positions.y_m[at]
    times = some.time_ms.astype(float)
    made = {
        METHODS[0]: tuple(np.interp(positions.time_ms[at], times, v) for v in (some.x_m, some.y_m)),
        METHODS[1]: coordinates(some, velocities(some, None, MAX_GAP_MS), place),
        METHODS[2]: tuple(
            interp1d(times, v, "quadratic", bounds_error=False)(positions.time_ms[at]) for v in (some.x_m, some.y_m)
        ),
        METHODS[3]: coordinates(some, velocities(some, car, MAX_GAP_MS), place),
    }
    left = np.clip(place.left, 0, len(times) - 2)
    step = np.hypot(some.x_m[left + 1] - some.x_m[left], some.y_m[left + 1] - some.y_m[left])
    use = place.covered & (step > 2.0)
    return {name: np.hypot(x - x_m, y - y_m)[use] for name, (x, y) in made.items()}


def interpolation_errors(recording: Recording) -> dict[str, np.ndarray]:
    _, cleaned, _ = clean(recording)
    errors: dict[str, list[np.ndarray]] = {name: [] for name in METHODS}
    for number, positions in cleaned.positions.items():
        if number not in cleaned.cars or len(positions.time_ms) < 100:
            continue
        racing = positions.keep(positions.time_ms >= (recording.start_ms or 0))
        count = len(racing.time_ms)
        for first in (0, 1):
            keep = np.arange(count) % 2 == first
            for name, values in rebuilt(racing, cleaned.cars[number], keep, np.flatnonzero(~keep)).items():
                errors[name].append(values[np.isfinite(values)])
    return {name: np.concatenate(values) for name, values in errors.items() if values}


def report_order(recording: Recording, data: SessionData) -> None:
    chart = data.quality["lap_chart"]
    if not recording.identity.is_race_like or not isinstance(chart, dict):
        return
    say(f"  lap chart: {chart['agree']} of {chart['crossings']} crossings agree")
    official = {r["car"]: r["position"] for r in data.tables["results"].to_pylist()}
    last = {car: int(c.position[-1]) for car, c in data.frames.cars.items()}
    moved = {car: (place, official[car]) for car, place in last.items() if official.get(car) not in (None, place)}
    say(
        f"  last frame: {len(last) - len(moved)} of {len(last)} cars as classified; "
        f"others (across the line, official): {moved}"
    )


def report_channels(data: SessionData) -> None:
    start = (data.frames.clock.race_start_ms or 0) // 40
    out = STATES.index("out")
    shares = []
    for name in CHANNELS:
        known = total = 0
        for car in data.frames.cars.values():
            values = getattr(car, name)
            present = car.state[start:] != out
            total += int(present.sum())
            if values is not None:
                inside = values[start:][present]
                known += int((np.isfinite(inside) if inside.dtype.kind == "f" else inside >= 0).sum())
        shares.append(f"{name} {1 - known / max(total, 1):.2%}")
    say(f"  null: {', '.join(shares)}")
    native = sum(table.num_rows for table in data.native["positions"]())
    ticks = sum(int(np.isfinite(c.x_m).sum()) for c in data.frames.cars.values())
    say(
        f"  position ticks: {ticks} from {native} native samples "
        f"({1 - min(native / max(ticks, 1), 1):.1%} interpolated)"
    )


def own_rows(data: SessionData) -> dict[str, Any]:
    """Every fifth row that would be published of a race."""
    if data.rows is None:
        raise SystemExit("There are no rows of this session: only a race with coordinates has them.")
    with TemporaryDirectory() as folder, BoundedPool() as pool:
        encode_rows(data.rows, Path(folder), pool)
        return read_replay(Path(folder) / "rows/skip_5.json.gz")


def read_replay(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    document: dict[str, Any] = orjson.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return document


def scoreboard(recording: Recording, data: SessionData, replays: list[str]) -> None:
    # With the codes that rows have as keys, one a car.
    recording = reconcile(recording).recording
    say(HEADER)
    say(score_rows(own_rows(data), recording).row("parcferme"))
    for replay in replays:
        name, _, file = replay.partition("=")
        try:
            say(score_rows(read_replay(Path(file)), recording).row(name))
        except (OSError, EOFError, ValueError) as error:
            say(f"{name:<24} {file or 'no file'}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache_dir", type=Path)
    parser.add_argument("sessions", nargs="+", help="year:round:code")
    parser.add_argument("--replay", action="append", default=[], metavar="NAME=FILE", help="rows of another replay")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    client = Client(arguments.cache_dir, offline=True)
    for session in arguments.sessions:
        year, round_number, code = session.split(":")
        events = read_schedule(client, int(year), datetime.now(UTC))
        recording = load_recording(client, resolve(events, int(year), round_number, code).ref)
        data = transform_session(recording)
        say(f"{recording.identity.label}: grade {data.grade} {data.quality['reasons']}")
        if arguments.replay:
            scoreboard(recording, data, arguments.replay)
            continue
        report_order(recording, data)
        report_channels(data)
        say(f"  feeds: {data.quality.get('alignment')}")
        for name, values in interpolation_errors(reconcile(recording).recording).items():
            if len(values):
                median, high = np.percentile(values, [50, 95])
                say(
                    f"  {name:<38} median {median:.2f} m  95 % {high:.2f} m  mean {values.mean():.2f} m  "
                    f"n {len(values)}"
                )


if __name__ == "__main__":
    main()
