"""Runs several actors on one store, one request at a time, in an order that a seed decides, and lets some of them fail.

An actor is any function that is given a store. It stops before every request; the scheduler decides who goes on. What
an actor does at once in threads (``in_parallel``) stops and goes on in the same way, so that nothing is left to chance:
the same seed gives the same schedule. Greenlets rather than threads: a switch takes less than a microsecond, and the
operating system has no say.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet
from memory_store import MemoryStore
from without_threads import threads_replaced

from publish.stores.base import Conflict, Listed, ObjectInfo, Store, Stored
from publish.stores.base import RefusedError as DeniedError
from transforms.errors import PublicationError

START = datetime.fromisoformat("2024-03-03T12:00:00+00:00")
#: Requests in flight of one actor.
_WORKERS = 3
_MOST_STEPS = 20_000
_WRITING = frozenset({"write", "upload_file", "copy", "delete"})


class KilledError(BaseException):
    """The actor's process is gone: nothing that handles an Exception is run any more."""


class RefusedError(PublicationError):
    """The store did not answer, or not well, also after several attempts."""


@dataclass(frozen=True)
class Fault:
    """What happens at an actor's request number ``at`` (from 0).

    ``kill``: it dies before the request; ``kill after``: once it has taken effect; ``kill in flight``: it dies and the
    request takes effect later. ``refuse``: 503 at every attempt. ``lose``: done, the answer is lost and the actor told
    so. ``repeat``: done, the answer is lost and the client asks again. ``late``: the actor is told that it failed, and
    later it takes effect. ``deny read``, ``deny write``, ``deny list``, ``deny delete``: from here on it has lost that
    permission.
    """

    actor: str
    at: int
    what: str


@dataclass(frozen=True)
class Turn:
    """``actor`` goes on alone until the request it is about to make, such as ``write v1/seasons/``, begins with
    ``until``; without that until it has ended.
    """

    actor: str
    until: str = ""


#: What each permission is for.
PERMISSIONS = {
    "read": frozenset({"read", "read_range", "head"}),
    "write": frozenset({"write", "upload_file", "copy", "check"}),
    "list": frozenset({"list", "list_folders"}),
    "delete": frozenset({"delete"}),
}
FAULTS = (
    *("kill", "kill after", "kill in flight", "refuse", "lose", "repeat", "late"),
    *(f"deny {name}" for name in PERMISSIONS),
)


@dataclass
class Actor:
    """A process: its name, what it does, and (once it has ended) how. ``error`` is what it raised."""

    name: str
    work: Callable[[Store], Any]
    requests: int = 0
    faulty: bool = False
    killed: bool = False
    denied: frozenset[str] = frozenset()
    ended: bool = False
    result: Any = None
    error: BaseException | None = None


@dataclass(eq=False)
class _Fiber:
    """One line of control of an actor. It waits for its turn (``request``) or until ``until`` holds."""

    actor: Actor
    let: greenlet
    request: tuple[str, str] | None = None
    until: Callable[[], bool] | None = None

    @property
    def name(self) -> str:
        return self.actor.name


@dataclass
class Scheduler:
    """Runs ``actors`` over ``store``. ``watch`` looks at the store after every request that has changed it.

    ``rng`` decides who goes on, once ``turns`` are over.
    """

    store: MemoryStore
    rng: random.Random
    watch: Callable[[], None]
    faults: Sequence[Fault] = ()
    turns: Sequence[Turn] = ()
    trace: list[str] = field(default_factory=list)
    steps: int = 0
    #: Turns whose actor ended without making the request it was to stop at.
    missed: list[Turn] = field(default_factory=list)
    _fibers: list[_Fiber] = field(default_factory=list)
    _hub: greenlet | None = None
    _turns_over: int = 0
    _priorities: dict[str, float] = field(default_factory=dict)
    _demotions: dict[tuple[str, int], float] = field(default_factory=dict)

    def now(self) -> datetime:
        """The clock of all actors: a second a request."""
        return START + timedelta(seconds=self.steps)

    def run(self, actors: Sequence[Actor]) -> None:
        """Run until all have ended; what they raise stands in them. ``watch`` raises what it finds."""
        self._hub = getcurrent()
        self._plan(actors)
        with _in_place_of_threads(self):
            for actor in actors:
                self._start(actor, lambda actor=actor: self._live(actor), first=True)
            try:
                self._loop()
            finally:
                for fiber in self._fibers:
                    fiber.let.throw(GreenletExit)

    def _plan(self, actors: Sequence[Actor]) -> None:
        """Half of the schedules change at random, half let one actor run until it meets one of a few set points."""
        if self.rng.random() < 0.5:
            return
        for actor in actors:
            self._priorities[actor.name] = self.rng.random()
        for rank in range(self.rng.randint(1, 4)):
            self._demotions[self.rng.choice(actors).name, int(self.rng.triangular(0, 80, 10))] = -1.0 - rank

    def _live(self, actor: Actor) -> None:
        try:
            actor.result = actor.work(SteppedStore(self, actor))
        except (Exception, KilledError) as error:
            actor.error = error
        actor.ended = True

    def _start(self, actor: Actor, work: Callable[[], None], *, first: bool = False) -> _Fiber:
        fiber = _Fiber(actor, greenlet(work, self._hub))
        fiber.let.fiber = fiber
        self._fibers.append(fiber)
        if first:
            fiber.request = ("start", "")
        else:
            fiber.until = lambda: True
        return fiber

    def _loop(self) -> None:
        while self._fibers:
            if (waiting := next((f for f in self._fibers if f.until is not None and f.until()), None)) is not None:
                waiting.until = None
                self._resume(waiting)
                continue
            ready = [fiber for fiber in self._fibers if fiber.request is not None]
            assert ready, "every actor waits for another one"
            assert self.steps < _MOST_STEPS, "no actor gets to its end"
            self.steps += 1
            version = self.store.version
            self._resume(self._choose(ready))
            if self.store.version != version:
                self.watch()

    def _choose(self, ready: list[_Fiber]) -> _Fiber:
        if (ours := self._having_their_turn(ready)) is not None:
            return self.rng.choice(ours)
        if len(ready) == 1:
            return ready[0]
        names = sorted({fiber.actor.name for fiber in ready})
        name = max(names, key=self._priorities.__getitem__) if self._priorities else self.rng.choice(names)
        ours = [fiber for fiber in ready if fiber.actor.name == name]
        return ours[0] if len(ours) == 1 else self.rng.choice(ours)

    def _having_their_turn(self, ready: list[_Fiber]) -> list[_Fiber] | None:
        while self._turns_over < len(self.turns):
            turn = self.turns[self._turns_over]
            ours = [fiber for fiber in ready if fiber.name == turn.actor]
            is_there = turn.until and any(" ".join(fiber.request or ()).startswith(turn.until) for fiber in ours)
            if ours and not is_there:
                return ours
            if turn.until and not is_there:
                self.missed.append(turn)
            self._turns_over += 1
        return None

    def _resume(self, fiber: _Fiber) -> None:
        fiber.request = None
        fiber.let.switch()
        if fiber.let.dead:
            self._fibers.remove(fiber)

    @property
    def _current(self) -> _Fiber:
        return getcurrent().fiber

    def wait(self, until: Callable[[], bool]) -> None:
        """Let the present line of control go on once ``until`` holds; no request is made meanwhile by it."""
        if not until():
            self._current.until = until
            self._hub.switch()  # type: ignore[union-attr]

    def spawn(self, work: Callable[[], None]) -> None:
        """Begin another line of control of the actor that is running."""
        self._start(self._current.actor, work)

    def request(self, actor: Actor, what: str, key: str, call: Callable[[], Any]) -> Any:
        """Wait for the turn, then make the request, or let it fail as planned."""
        fiber = self._current
        fiber.request = (what, key)
        self._hub.switch()  # type: ignore[union-attr]
        if actor.killed:
            raise KilledError
        number, actor.requests = actor.requests, actor.requests + 1
        if (rank := self._demotions.get((actor.name, number))) is not None and self._priorities:
            self._priorities[actor.name] = rank
        fault = next((f.what for f in self.faults if f.at == number and f.actor == actor.name), "")
        actor.faulty |= bool(fault)
        self.trace.append(f"{self.steps:4d} {actor.name:<12} {what:<12} {key}{f'   <- {fault}' if fault else ''}")
        if fault.startswith("deny"):
            actor.denied |= PERMISSIONS[fault.removeprefix("deny ")]
            fault = ""
        if what in actor.denied:
            self.trace.append(f"{'':>17} ... denied")
            raise DeniedError(f"{what} {key}: access denied.")
        return self._fail(actor, fault, what, key, call) if fault else self._answer(call)

    def _answer(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (Conflict, PublicationError) as error:
            self.trace.append(f"{'':>17} ... {type(error).__name__}")
            raise

    def _fail(self, actor: Actor, fault: str, what: str, key: str, call: Callable[[], Any]) -> Any:
        writes = what in _WRITING
        if fault == "repeat":
            first = self._answer(call)
            return self._answer(call) if writes else first
        if fault in ("kill after", "lose") and writes:
            self._answer(call)
        if fault in ("kill in flight", "late") and writes:
            self._haunt(actor, what, key, call)
        actor.killed |= fault.startswith("kill")
        raise KilledError if actor.killed else RefusedError(f"{what} {key} was not answered.")

    def _haunt(self, actor: Actor, what: str, key: str, call: Callable[[], Any]) -> None:
        """Let a request take effect later, when nobody waits for its answer any more."""
        ghost = Actor(f"{actor.name}'s last", lambda store: None)
        if self._priorities:
            self._priorities.setdefault(ghost.name, self.rng.random())

        def work() -> None:
            self.trace.append(f"{self.steps:4d} {ghost.name:<12} {what:<12} {key}")
            try:
                self._answer(call)
            except (Conflict, PublicationError):
                return

        self._start(ghost, work, first=True)


class SteppedStore(Store):
    """What an actor sees of the store: every request waits for its turn."""

    def __init__(self, scheduler: Scheduler, actor: Actor) -> None:
        self._scheduler, self._actor, self._inner = scheduler, actor, scheduler.store
        self.uri = scheduler.store.uri

    def _do(self, what: str, key: str, call: Callable[[], Any]) -> Any:
        return self._scheduler.request(self._actor, what, key, call)

    def read(self, key: str) -> Stored | None:
        return self._do("read", key, lambda: self._inner.read(key))

    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        return self._do("read_range", key, lambda: self._inner.read_range(key, first, last, if_match))

    def head(self, key: str) -> ObjectInfo | None:
        return self._do("head", key, lambda: self._inner.head(key))

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        what = lambda: self._inner.write(key, data, if_match=if_match, if_none_match=if_none_match)  # noqa: E731
        return self._do("write", key, what)

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        self._do("upload_file", key, lambda: self._inner.upload_file(key, path, sha256))

    def copy(self, source: str, target: str, sha256: str) -> None:
        self._do("copy", target, lambda: self._inner.copy(source, target, sha256))

    def list(self, prefix: str) -> Iterator[Listed]:
        after = ""
        while page := self._do("list", prefix, lambda after=after: self._inner.list_page(prefix, after)):
            yield from page
            after = page[-1].key

    def list_folders(self, prefix: str) -> Iterator[str]:
        return iter(self._do("list_folders", prefix, lambda: list(self._inner.list_folders(prefix))))

    def delete(self, key: str) -> None:
        self._do("delete", key, lambda: self._inner.delete(key))

    def check(self) -> None:
        self._do("check", "", self._inner.check)


class _Future:
    """The outcome of one job of a pool."""

    def __init__(self) -> None:
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self, work: Callable[..., Any], item: Any) -> None:
        try:
            self._value = work(item)
        except (Exception, KilledError) as error:
            self._error = error
        self.done = True

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class _Pool:
    """Stands in for a pool of threads: a few lines of control of the actor that asks."""

    def __init__(self, scheduler: Scheduler, workers: int) -> None:
        self._scheduler = scheduler
        self._free = min(workers, _WORKERS)
        self._waiting: list[Callable[[], None]] = []
        self._running = 0

    def submit(self, work: Callable[..., Any], item: Any) -> _Future:
        future = _Future()
        self._waiting.append(lambda: future.run(work, item))
        if self._running < self._free:
            self._running += 1
            self._scheduler.spawn(self._serve)
        return future

    def _serve(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()
        self._running -= 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._waiting.clear()
        if wait:
            self._scheduler.wait(lambda: not self._running)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *error: object) -> None:
        if not isinstance(error[1], GreenletExit):
            self.shutdown()


@contextmanager
def _in_place_of_threads(scheduler: Scheduler) -> Iterator[None]:
    """Let ``in_parallel`` and the pauses between two attempts be the scheduler's while it runs."""

    def as_completed(futures: Sequence[_Future]) -> Iterator[_Future]:
        left = list(futures)
        while left:
            scheduler.wait(lambda: any(future.done for future in left))
            done = next(future for future in left if future.done)
            left.remove(done)
            yield done

    with threads_replaced(lambda workers: _Pool(scheduler, workers), as_completed):
        yield


def draw_faults(rng: random.Random, actors: Sequence[str], requests: int) -> list[Fault]:
    """Return none, one or two faults of some of ``actors``, each within the first ``requests`` of theirs."""
    count = rng.choice((0, 1, 1, 2)) if actors else 0
    return [
        Fault(rng.choice(list(actors)), int(rng.triangular(0, requests, requests / 3)), rng.choice(FAULTS))
        for _ in itertools.repeat(None, count)
    ]
