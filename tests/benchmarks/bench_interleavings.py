"""How many schedules of every scenario end with a reader who stumbled or with something that does not fit together.

Run: ``python tests/benchmarks/bench_interleavings.py [seeds] [scenario ...]`` (20,000 and all by default), on every
core. Prints a line a scenario and plays the first schedule again that failed.
"""

import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests", "tests/publish/interleavings")]

from scenarios import SCENARIOS, play, told

_SEEDS = 20_000
_AT_ONCE = 250


def look(name: str, first: int, last: int) -> tuple[dict[int, str], int, float]:
    """Play the seeds ``first`` to ``last`` - 1; returns what was found by seed, the requests and the processor time."""
    logging.disable(logging.CRITICAL)
    start, found, steps = time.process_time(), {}, 0
    for seed in range(first, last):
        played = play(SCENARIOS[name], seed)
        steps += played.steps
        if played.found is not None:
            found[seed] = played.found.kind
    return found, steps, time.process_time() - start


def main(seeds: int, names: list[str]) -> int:
    failed = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in names:
            parts = [(first, min(first + _AT_ONCE, seeds)) for first in range(0, seeds, _AT_ONCE)]
            results = list(pool.map(look, [name] * len(parts), *zip(*parts, strict=True)))
            found = {seed: kind for part, _, _ in results for seed, kind in part.items()}
            steps, seconds = sum(part[1] for part in results), sum(part[2] for part in results)
            sys.stdout.write(
                f"{name:<38} {len(found):5d} of {seeds:,} schedules {dict(Counter(found.values()))}, "
                f"{steps / seeds:.0f} requests each, {seconds:.0f} s of processor time\n"
            )
            sys.stdout.flush()
            if found:
                failed += 1
                seed = min(found)
                sys.stdout.write(told(SCENARIOS[name], seed, play(SCENARIOS[name], seed)) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    wanted = int(given.pop(0)) if given and given[0].isdecimal() else _SEEDS
    sys.exit(main(wanted, given or list(SCENARIOS)))
