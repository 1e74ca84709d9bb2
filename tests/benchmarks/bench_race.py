"""What a session costs from FastF1's cache to the published files: processor seconds, memory and bytes of every stage.

    python tests/benchmarks/bench_race.py                  the recorded sessions, or the sample season's without them
    python tests/benchmarks/bench_race.py --scaling        and made-up races of 10 minutes to 4 hours, 20 and 26 cars
    python tests/benchmarks/bench_race.py --save           and keep the figures to compare with

Every session is done in a process of its own, because peak memory never falls within one. Seconds are the
processor's; those on the wall say little on a machine that does something else, too. Figures are compared with those
in ``race_baseline.json`` as ratios, after both are divided by what a fixed piece of work takes on the machine.
"""

import argparse
import base64
import gzip
import json
import logging
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zlib_ng import zlib_ng

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season
from flows.upstream.calendar import read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.load import load_recording, locate
from flows.upstream.services import stream_urls
from publish.encode.session import encode_session
from publish.memory import prepare_memory, release_memory, return_freed
from publish.publication import publish_revision
from publish.revisions.latest import Summary
from publish.stores.folder import FileStore
from transforms.session import transform_session

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests")]

from fault_store import WatchedStore
from longer_races import longer

SHARED = Path(__file__).parents[3] / "shared"
RESTORE = SHARED / "tools" / "restore_fastf1_cache.py"
BASELINE = Path(__file__).with_name("race_baseline.json")
RECORDED = ("2024/1/R", "2024/8/R", "2018/4/R", "2025/6/S", "2025/1/Q", "2024/10/Q")
SAMPLE = ("2099/1/R", "2099/2/S", "2099/1/Q", "2099/1/FP1")
MINUTES, CARS = (10, 60, 120, 240), (20, 26)
#: Sessions of a season: 24 weekends of a race and four others, each of which counts as a qualifying.
WEEKENDS, OTHERS = 24, 4
STAGES = ("load", "transform", "encode", "publish", "publish again")


def say(text: str) -> None:
    print(text)  # noqa: T201 - what this script is for


def machine_s() -> float:
    """Processor seconds of a fixed piece of work, for comparing machines, and the same one at other hours."""
    data = os.urandom(1 << 20) + bytes(1 << 20)
    began = time.process_time()
    for _ in range(12):
        zlib.compress(data, 6)
    return time.process_time() - began


@dataclass
class Costs:
    """``cpu_s``, ``wall_s``, ``peak_mb`` (so far) of every stage; ``bytes_of`` every kind of object; ``requests``
    that the first publication made of the store; ``floor_s``: to inflate the input, and to compress the output."""

    name: str
    cpu_s: dict[str, float] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    bytes_of: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    floor_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        cpu, wall = time.process_time(), time.monotonic()
        yield
        self.cpu_s[name], self.wall_s[name] = time.process_time() - cpu, time.monotonic() - wall
        self.peak_mb[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class Input:
    """Where a recording comes from. ``inflate``: processor seconds of nothing but inflating its telemetry, if any."""

    load: Callable[[], Any]
    inflate: Callable[[], float] | None = None


def measure(name: str, source: Input) -> Costs:
    """Do everything with what comes from ``source``, in this process."""
    costs = Costs(name)
    prepare_memory()
    with tempfile.TemporaryDirectory() as folder:
        with costs.stage("load"):
            recordings = [source.load()]
        identity, circuit = recordings[0].identity, recordings[0].circuit
        release_memory()
        # Who computes has the only reference, as in a run.
        with costs.stage("transform"):
            computed = [transform_session(recordings.pop(), lambda *_: return_freed())]
        grade, capabilities = computed[0].grade, computed[0].capabilities
        release_memory()
        with costs.stage("encode"):
            spool = Path(folder) / "spool"
            spool.mkdir()
            made = encode_session(identity, circuit, computed.pop(), spool, made_with={})
        store = WatchedStore(FileStore(Path(folder) / "site"))
        summary = Summary(grade, capabilities, "inputs", "code")
        for stage in STAGES[3:]:
            with costs.stage(stage):
                publish_revision(store, made, identity, summary=summary, now=datetime.now(UTC))
            costs.requests = costs.requests or len(store.requests)
        for item in made.objects:
            costs.bytes_of[item.kind] = costs.bytes_of.get(item.kind, 0) + item.bytes
        costs.bytes_of["manifest"] = len(made.manifest)
        # Afterwards: it would add to the peak.
        if source.inflate is not None:
            costs.floor_s["inflate the input"] = source.inflate()
        costs.floor_s["compress the output"] = compressing_s([item.file for item in made.objects if item.file])
    return costs


def compressing_s(files: list[Path]) -> float:
    """Processor seconds of nothing but compressing again what is in gzip files, as the rows are."""
    spent = 0.0
    for file in files:
        if file.suffix == ".gz":
            with gzip.open(file) as inflated:
                while block := inflated.read(1 << 24):
                    began = time.process_time()
                    zlib_ng.compress(block, 6)
                    spent += time.process_time() - began
    return spent


def from_cache(cache: Path, name: str) -> Input:
    """Load ``year/round/code`` as a run does."""
    year, number, code = name.split("/")
    client = Client(cache, offline=True)
    now = SAMPLE_NOW_UTC if int(year) == SAMPLE_YEAR else datetime.now(UTC)
    ref = resolve(read_schedule(client, int(year), now), int(year), int(number), code).ref

    def inflate() -> float:
        urls = list(stream_urls(locate(client, ref), ["car_data", "position_data"]).values())
        bodies = client.read_bodies(urls)
        began = time.process_time()
        for body in bodies.values():
            for line in body.splitlines():
                with suppress(ValueError, zlib.error):  # the sample season has what cannot be decoded, too
                    zlib.decompress(base64.b64decode(line.partition(b'"')[2].rstrip(b'"')), -zlib.MAX_WBITS)
        return time.process_time() - began

    return Input(lambda: load_recording(client, ref), inflate)


def from_pickle(path: Path) -> Input:
    return Input(lambda: pickle.loads(path.read_bytes()))


def in_process_of_its_own(*arguments: str) -> Costs:
    ended = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return Costs(**json.loads(ended.stdout))


def print_costs(costs: Costs, before: dict[str, Any] | None, pace: float) -> None:
    """``pace``: how much slower the machine is now than when ``before`` was kept."""
    say(f"\n{costs.name}: {sum(costs.bytes_of.values()) / 1e6:.1f} MB, {costs.requests} requests of the store")
    for stage in STAGES:
        ratio = ""
        if before and before["cpu_s"].get(stage, 0) > 0.05:
            ratio = f"   {costs.cpu_s[stage] / before['cpu_s'][stage] / pace:5.2f} of the baseline"
        say(
            f"  {stage:<14} {costs.cpu_s[stage]:7.2f} s of processor time {costs.wall_s[stage]:7.2f} s on the wall "
            f"{costs.peak_mb[stage]:6.0f} MB at most so far{ratio}"
        )
    encoded = sum(costs.bytes_of.values()) / 1e6
    say(f"  encoded at {encoded / max(costs.cpu_s['encode'], 0.01):.1f} MB a second of processor time")
    for what, seconds in costs.floor_s.items():
        say(f"  to {what} alone takes {seconds:.2f} s")
    kinds = sorted(costs.bytes_of.items(), key=lambda pair: -pair[1])
    say("  " + ", ".join(f"{kind} {size / 1e6:.2f}" for kind, size in kinds if size > 5_000) + " MB")


def print_season(race: Costs, other: Costs, gb_month: float, thousand_puts: float) -> None:
    """What a season of sessions like these is, and costs at S3's list prices."""
    sizes, requests = Counter(race.bytes_of), WEEKENDS * (race.requests + OTHERS * other.requests)
    for kind, size in other.bytes_of.items():
        sizes[kind] += OTHERS * size
    gb = WEEKENDS * sum(sizes.values()) / 1e9
    spent = WEEKENDS * (sum(race.cpu_s.values()) + OTHERS * sum(other.cpu_s.values()))
    say(
        f"\nA season of {WEEKENDS} x ({race.name} + {OTHERS} x {other.name}): {gb:.1f} GB, {requests} requests, "
        f"{spent / 60:.0f} minutes of processor time; to store it costs {gb * gb_month:.2f} USD a month, "
        f"to publish it {requests / 1000 * thousand_puts:.2f} USD."
    )


def print_scaling(cache: Path) -> None:
    recording = from_cache(cache, SAMPLE[0]).load()
    minutes = 11.0  # of the sample season's first race, from start to flag
    say("\nmade-up races: minutes, cars, processor seconds of transform and encode, MB at most, MB published")
    with tempfile.TemporaryDirectory() as folder:
        for length in MINUTES:
            for cars in CARS:
                path = Path(folder) / "race"
                path.write_bytes(pickle.dumps(longer(recording, max(round(length / minutes), 1), cars)))
                costs = in_process_of_its_own("--pickle", str(path))
                say(
                    f"{length:5} {cars:3} {costs.cpu_s['transform']:7.2f} {costs.cpu_s['encode']:7.2f} "
                    f"{costs.peak_mb['encode']:6.0f} {sum(costs.bytes_of.values()) / 1e6:7.1f}"
                )


def cache_of(folder: Path, sample: bool) -> Path:
    if not sample:
        subprocess.run([sys.executable, str(RESTORE), str(folder)], check=True, capture_output=True)
    else:
        write_sample_season(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sessions", nargs="*", metavar="year/round/code")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--gb-month", type=float, default=0.023, help="USD for a GB stored for a month")
    parser.add_argument("--thousand-puts", type=float, default=0.005, help="USD for 1,000 requests that write or list")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pickle", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if given.one or given.pickle:
        source = from_pickle(given.pickle) if given.pickle else from_cache(given.cache, given.one)
        say(json.dumps(vars(measure(given.one or "made up", source))))
        return
    made_up = bool(given.sessions) and all(name.startswith(f"{SAMPLE_YEAR}/") for name in given.sessions)
    has_recorded = RESTORE.is_file() and not made_up
    sessions = given.sessions or (RECORDED if has_recorded else SAMPLE)
    before = json.loads(BASELINE.read_text()) if BASELINE.is_file() else {}
    machine = machine_s()
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = cache_of(Path(folder) / "cache", sample=not has_recorded)
        for name in sessions:
            measured[name] = in_process_of_its_own("--one", name, "--cache", str(cache))
            print_costs(
                measured[name], before.get("sessions", {}).get(name), machine / before.get("machine_s", machine)
            )
    races = [costs for name, costs in measured.items() if name.endswith("R") and "rows" in costs.bytes_of]
    others = [costs for name, costs in measured.items() if name.endswith("Q")]
    if races and others:
        print_season(races[0], others[0], given.gb_month, given.thousand_puts)
    if given.scaling:
        with tempfile.TemporaryDirectory() as folder:
            print_scaling(cache_of(Path(folder) / "cache", sample=True))
    if given.save:
        kept = {name: {"cpu_s": costs.cpu_s, "bytes_of": costs.bytes_of} for name, costs in measured.items()}
        BASELINE.write_text(json.dumps({"machine_s": machine, "sessions": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
