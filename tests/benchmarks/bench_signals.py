"""The command ended by every signal at every stage, a reader watching: what is linked is whole, the next run finishes.

    python tests/benchmarks/bench_signals.py [words of a stage, or a signal ...]

A practice session of the sample season, into an empty folder each time. Modules are imported once, each command is a
fork that sends itself the signal: as a step begins, or before or after the first write of a kind of key.
"""

import faulthandler
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from flows.cli.main import main
from flows.cli.runs import publish_one  # noqa: F401 - imported before the first fork
from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season
from flows.session import steps
from publish.contract.verify import verify_store  # noqa: F401 - imported before the first fork
from publish.stores.folder import FileStore

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests")]

from fault_store import check_readers_view

PUBLISH = ["publish", str(SAMPLE_YEAR), "1", "FP1"]
ENDS_WITH = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
STEPS = {"load": "load_recording", "transform": "transform_session", "encode": "encode_session"}
#: Keys by what they are, in the order in which they are written.
KEYS = {
    "any key": "*",
    "status": "v1/status/*",
    "samples": "v1/sessions/*/samples/*",
    "frames": "v1/sessions/*/frames/*",
    "documents": "v1/sessions/*/*.json.gz",
    "tables": "v1/sessions/*/parquet/*",
    "manifest": "v1/sessions/*/manifest.json",
    "latest": "v1/sessions/*/latest.json",
    "copies": "v1/parquet/*",
    "season": "v1/seasons/*.json",
    "index": "index.json",
}
STAGES = (*STEPS, *(f"{moment} {name}" for name in KEYS for moment in ("before", "after")))


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what this script is for


Method = Callable[..., Any]


def sent_once(method: Method, number: int, is_met: Callable[[tuple[Any, ...]], bool], *, is_after: bool) -> Method:
    """Return ``method`` so that its first call whose arguments are met sends this process the signal."""
    first = threading.Lock()

    def call(*arguments: Any, **named: Any) -> Any:
        is_hit = is_met(arguments) and first.acquire(blocking=False)
        if is_hit and not is_after:
            os.kill(os.getpid(), number)
        result = method(*arguments, **named)
        if is_hit and is_after:
            os.kill(os.getpid(), number)
        return result

    return call


def set_up(stage: str, number: int) -> None:
    """Let this process get the signal at the stage."""
    if stage in STEPS:
        name = STEPS[stage]
        setattr(steps, name, sent_once(getattr(steps, name), number, lambda _: True, is_after=False))
        return
    moment, _, name = stage.partition(" ")
    for method in ("write", "upload_file"):
        hooked = sent_once(
            getattr(FileStore, method), number, lambda got: fnmatch(got[1], KEYS[name]), is_after=moment == "after"
        )
        setattr(FileStore, method, hooked)


def run(words: list[str], store: FileStore, prepare: Callable[[], None] = lambda: None) -> int:
    """Run a command in a fork and follow every link meanwhile; returns its exit code, minus the signal if killed."""
    child = os.fork()
    if not child:
        with output_of(store).open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        # Where it came to die says whether the fault is one of the fork: the parent has threads.
        faulthandler.enable()
        prepare()
        os._exit(main(words))
    ended = 0
    while not ended:
        check_readers_view(store)
        ended, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status)


def output_of(store: FileStore) -> Path:
    """Return the file with what the last command printed."""
    return store.root.with_name("output.txt")


def try_out(stage: str, number: signal.Signals, folder: Path) -> None:
    """Publish, be ended, publish again; fails where something is not as it should be."""
    store = FileStore(folder)
    os.environ["PARCFERME_DESTINATION"] = folder.as_uri()
    code = run(PUBLISH, store, lambda: set_up(stage, number))
    assert code == ENDS_WITH[number], f"{stage}, {number.name}: ended with {code}"
    check_readers_view(store)
    for words in (PUBLISH, ["verify", "--deep"]):
        code = run(words, store)
        said = output_of(store).read_text()
        assert code == 0, f"{stage}, {number.name}: {words[0]} afterwards ended with {code}:\n{said}"
    assert any(key.endswith("/manifest.json") for key in check_readers_view(store))


def bench() -> None:
    wanted = set(sys.argv[1:])
    signals = [number for number in ENDS_WITH if number.name in wanted] or list(ENDS_WITH)
    words = wanted - {number.name for number in ENDS_WITH}
    stages = [stage for stage in STAGES if not words or words & {stage, *stage.split()}]
    with tempfile.TemporaryDirectory() as made:
        cache = Path(made) / "cache"
        write_sample_season(cache)
        os.environ |= {
            "PARCFERME_CACHE_DIR": str(cache),
            "PARCFERME_OFFLINE": "1",
            "PARCFERME_NOW": SAMPLE_NOW_UTC.isoformat(),
        }
        for stage in stages:
            for number in signals:
                with tempfile.TemporaryDirectory(dir=made) as folder:
                    try_out(stage, number, Path(folder) / "site")
                spent = resource.getrusage(resource.RUSAGE_CHILDREN)
                seconds = spent.ru_utime + spent.ru_stime
                say(f"{stage:<18} {number.name:<8} whole   {seconds:6.1f} s of processor time so far")
    say(f"{len(stages)} stages x {len(signals)} signals: whatever was linked was whole, and every next run finished")


if __name__ == "__main__":
    bench()
