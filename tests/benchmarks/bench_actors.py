"""The actors of the interleaved tests as processes on a real store, some killed: what readers meet, what is left.

Run: ``python tests/benchmarks/bench_actors.py [times] [scenario ...]`` (5 and all by default), on the S3 server that
``S3_TEST_ENDPOINT`` names (``S3_TEST_KEY``, ``S3_TEST_SECRET``) or else in a folder. Meanwhile a reader follows every
link; who stumbles three times in a row has not only met with something that was just replaced. What is left is checked
in memory as after a schedule of ``tests/publish/interleavings``, once the runs have been there that come later anyway.
"""

import hashlib
import logging
import multiprocessing
import os
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import boto3

from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.stores.parallel import in_parallel

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/publish/interleavings")]

from fault_store import check_readers_view
from memory_store import Held, MemoryStore
from scenarios import SCENARIOS, SKEWS, Part, Scenario, finish_all, follow
from watch import StumbleError, Watch

_TIMES = 5
_LOOKS = 3
_PATIENCE_S = 120.0


@dataclass
class Played:
    """What came of one round: what was found wrong, how often a reader looked, whether one was killed."""

    found: list[str]
    looks: int = 0
    killed: bool = False
    seconds: float = 0.0


def now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def live(uri: str, part: Part, start: Barrier, skew: timedelta) -> None:
    """Be one actor, from the moment on when all are ready."""
    store = open_store(uri)
    start.wait(_PATIENCE_S)
    try:
        part.work(store, lambda: now() + skew)
    except part.may_end:
        return
    except Exception as error:
        sys.stderr.write(f"{part.name}: {type(error).__name__}: {error}\n")
        sys.exit(1)


def play(uri: str, scenario: Scenario, seed: int, kill_within_s: float) -> Played:
    """Let the actors of ``scenario`` work at once on the empty store at ``uri``; with odd seeds one is killed."""
    rng = random.Random(f"{scenario.name} {seed}")
    store, before = open_store(uri), scenario.store(now)
    in_parallel(lambda key: store.write(key, before.objects[key].data), list(before.objects))
    context = multiprocessing.get_context("fork")
    start = context.Barrier(len(scenario.parts) + 1)
    actors = {
        part.name: context.Process(target=live, args=(uri, part, start, rng.choice(SKEWS)), daemon=True)
        for part in scenario.parts
    }
    for actor in actors.values():
        actor.start()
    victim = actors[rng.choice([part.name for part in scenario.parts if not part.steady])] if seed % 2 else None
    start.wait(_PATIENCE_S)
    begin, played = time.monotonic(), Played([])
    kill_at = begin + rng.uniform(0, kill_within_s)
    while any(actor.is_alive() for actor in actors.values()):
        if victim is not None and time.monotonic() >= kill_at:
            victim.kill()
            victim.join()
            played.killed, victim = victim.exitcode != 0, None
        if scenario.repair is None:  # what is to be healed is broken before
            played.looks += 1
            played.found += [f"reader: {problem}"] if (problem := stumbles(store)) else []
        next(iter(actors.values())).join(0.02)
    played.seconds = time.monotonic() - begin
    failed = [name for name, actor in actors.items() if actor.exitcode == 1]
    played.found += [f"error: {name}" for name in failed]
    played.found += left_wrong(store, scenario, rng, disturbed=played.killed)
    return played


def stumbles(store: Store) -> str:
    """Return why a reader stumbles, also when it begins again; nothing if it does not."""
    problem = ""
    for _ in range(_LOOKS):
        try:
            check_readers_view(store)
        except AssertionError as error:
            problem = str(error) or repr(error)
        else:
            return ""
    return problem


def left_wrong(store: Store, scenario: Scenario, rng: random.Random, *, disturbed: bool) -> list[str]:
    """Return what does not fit together in the end, after a killed actor once later runs have been there."""
    left = in_memory(store)
    try:
        if disturbed:
            if scenario.calendars:
                follow(rng.choice(scenario.calendars))(left, now)
            if scenario.repair:
                scenario.repair(left, now)
            finish_all(left, now)
        Watch(left).check_end()
    except StumbleError as error:
        return [str(error)]
    return []


def in_memory(store: Store) -> MemoryStore:
    """Return a copy of everything in ``store``."""

    def held(key: str) -> tuple[str, Held]:
        stored = store.read(key)
        assert stored is not None
        return key, Held(stored.data, hashlib.sha256(stored.data).hexdigest(), now())

    return MemoryStore(now, dict(in_parallel(held, [row.key for row in store.list("")])))


def places(folder: str) -> str:
    """Return the URI below which rounds are played."""
    endpoint = os.environ.get("S3_TEST_ENDPOINT")
    if not endpoint:
        return Path(folder).as_uri()
    key, secret = os.environ.get("S3_TEST_KEY", "test"), os.environ.get("S3_TEST_SECRET", "testsecret")
    os.environ |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"actors-{uuid.uuid4().hex[:12]}"
    boto3.session.Session().client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


def main(times: int, names: list[str]) -> int:
    logging.disable(logging.CRITICAL)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        base = places(folder)
        for name in names:
            rounds: list[Played] = []
            for seed in range(times):
                lasted_s = rounds[-1].seconds if rounds else 0.0
                rounds.append(play(f"{base}/{name}-{seed}", SCENARIOS[name], seed, lasted_s))
            found = [problem for played in rounds for problem in played.found]
            failed += bool(found)
            kills, looks = sum(played.killed for played in rounds), sum(played.looks for played in rounds)
            sys.stdout.write(
                f"{name:<38} {sum(bool(played.found) for played in rounds)} of {times} rounds "
                f"{dict(Counter(problem.partition(':')[0] for problem in found))}, {kills} with a kill, {looks} looks, "
                f"{sum(played.seconds for played in rounds) / times:.1f} s each\n"
            )
            sys.stdout.write("".join(f"    {problem}\n" for problem in found))
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    wanted = int(given.pop(0)) if given and given[0].isdecimal() else _TIMES
    sys.exit(main(wanted, given or list(SCENARIOS)))
