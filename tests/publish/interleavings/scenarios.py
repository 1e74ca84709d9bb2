"""Who meets whom: every situation is a store as it was before and the actors that work on it at once.

``PYTHONPATH=.:tests python tests/publish/interleavings/scenarios.py NAME SEED`` plays one schedule and prints every
request of it.
"""

import random
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from memory_store import MemoryStore
from msgspec.structs import replace
from remembered import remembered
from scheduler import START, Actor, KilledError, RefusedError, Scheduler, Turn, draw_faults
from tiny_sessions import SEASON_TABLES, TABLES, YEAR, Wanted, encode, identity_of, schedule, summary_of
from watch import StumbleError, Watch, expect
from without_threads import without_threads

from publish import keys
from publish.contract.heal import heal_store
from publish.encode.manifest import Manifest
from publish.publication import finish_publication, prune_revisions, publish_revision, roll_back
from publish.revisions.latest import Changes, read_latest, succeed
from publish.revisions.prune import plan_prune
from publish.season.aliases import follow_schedule
from publish.season.document import Event, Season, published_in
from publish.season.index import RootIndex, rebuild_season, update_season
from publish.season.rebuild import follow_all
from publish.season.standings import Unchecked, record_official
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from publish.structs import decode_document, encode_document
from transforms.columns import OF_SEASONS
from transforms.errors import InputError, ParcfermeError, PublicationError
from transforms.standings import Official

Clock = Callable[[], datetime]
Work = Callable[[Store, Clock], Any]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: How far the clocks of machines may be off.
SKEWS = (timedelta(0), timedelta(0), -HOUR, HOUR)
ONE, TWO, THREE = (Wanted(content) for content in ("one", "two", "three"))
MORE = Wanted("more", tables=TABLES)
#: With outlines, so that the season's circuits follow.
ONE_SHOWN, TWO_SHOWN = (Wanted(content, has_track=True) for content in ("one", "two"))
SAUDI, AUSTRALIA = Wanted("saudi", 9480, 2), Wanted("australia", 9488, 3)
CALENDAR = schedule(9472, 9480, 9488)
#: The first race is cancelled, those after it come a round earlier.
RENUMBERED = schedule(9480, 9488)


@dataclass(frozen=True)
class Part:
    """One actor of a scenario. ``may_end`` are errors that are right answers. ``steady`` ones are never disturbed."""

    name: str
    work: Work
    may_end: tuple[type[Exception], ...] = ()
    steady: bool = False


@dataclass(frozen=True)
class Scenario:
    """``before`` is done undisturbed, a step a day so that all of it is old; then ``parts`` work at once.

    After a disturbed schedule some later run comes along, with one of ``calendars`` if there are any, and ``repair``.
    """

    name: str
    before: tuple[Work, ...]
    parts: tuple[Part, ...]
    calendars: tuple[Sequence[Event], ...] = ()
    repair: Work | None = None
    _prepared: list[MemoryStore] = field(default_factory=list, compare=False)

    def store(self, clock: Clock) -> MemoryStore:
        """Return the store as it is before."""
        if not self._prepared:
            day = [START - 100 * DAY]
            made = MemoryStore(lambda: day[0])
            for work in self.before:
                work(made, lambda: day[0])
                day[0] += DAY
            self._prepared.append(made)
        return MemoryStore(clock, dict(self._prepared[0].objects))


def publish(wanted: Wanted, *, forced: bool = False) -> Work:
    def work(store: Store, clock: Clock) -> None:
        publish_revision(
            store, encode(wanted), identity_of(wanted), summary=summary_of(wanted), now=clock(), forced=forced
        )

    return work


def published_before(wanted: Wanted, written_over: Wanted) -> Work:
    """What was left when names did not tell bytes apart and a publisher of other bytes came second."""

    def work(store: Store, clock: Clock) -> None:
        first, second = encode(wanted), encode(written_over)
        old = keys.content_of(first.revision)
        manifest = replace(decode_document(first.manifest, Manifest, "the manifest"), revision=old)
        for item in (*first.objects, *second.objects[1:]):
            store.write(keys.revision_object(wanted.session_key, old, item.path), item.file.read_bytes())
        store.write(keys.manifest(wanted.session_key, old), encode_document(manifest))
        before = read_latest(store, wanted.session_key)
        identity, summary = identity_of(wanted), summary_of(wanted)
        latest = succeed(before, identity, old, summary, now=clock(), forced=False, changes=Changes())
        store.write(keys.latest(wanted.session_key), encode_document(latest))
        update_season(store, YEAR, None, clock(), session_keys=(wanted.session_key,))

    return work


def heal(store: Store, clock: Clock) -> None:
    heal_store(store, clock())


def back_to(wanted: Wanted) -> Work:
    revision = encode(wanted).revision
    return lambda store, clock: roll_back(store, wanted.session_key, revision, now=clock())


def back_to_before(wanted: Wanted) -> Work:
    revision = keys.content_of(encode(wanted).revision)
    return lambda store, clock: roll_back(store, wanted.session_key, revision, now=clock())


def prune(keep: int = 1, older_than: timedelta = timedelta(0)) -> Work:
    def work(store: Store, clock: Clock) -> None:
        plan = plan_prune(store, keep=keep, older_than=older_than, now=clock())
        prune_revisions(store, plan, keep=keep, now=clock())

    return work


def follow(events: Sequence[Event]) -> Work:
    return lambda store, clock: follow_schedule(store, YEAR, events, clock())


def check_standings(store: Store, clock: Clock) -> None:
    """Keep what the results service says of the first round, which changes."""
    for points in (25.0, 18.0):
        record_official(store, YEAR, [(Unchecked(1, [], "asked for"), {("driver", "one"): Official(1, points)})])
        follow_all(store, YEAR)


def reindex(events: Sequence[Event]) -> Work:
    def work(store: Store, clock: Clock) -> None:
        follow_schedule(store, YEAR, events, clock(), all_sessions=True)
        rebuild_season(store, YEAR, events, clock())

    return work


def run(events: Sequence[Event], wanted: Wanted) -> Work:
    """What a worker does: the schedule it knows first, then the session."""

    def work(store: Store, clock: Clock) -> None:
        follow(events)(store, clock)
        publish(wanted)(store, clock)

    return work


def read(store: Store, clock: Clock) -> None:
    """Open everything there is to open, from ``index.json`` on, at one's leisure."""
    for _ in range(3):
        root = read_document(store, keys.INDEX, RootIndex)
        for link in root.seasons if root else ():
            season = read_document(store, link.index, Season)
            expect(season, "reader", f"index.json links {link.index}")
            for entry in published_in(season):
                _open(store, entry.session.manifest or "")


def _open(store: Store, manifest_key: str) -> None:
    manifest = read_document(store, manifest_key, Manifest)
    expect(manifest, "reader", f"{manifest_key} is gone")
    for path, sha256 in manifest.hashes.items() if manifest else ():
        key = manifest_key.replace("manifest.json", path)
        found = store.head(key)
        expect(found and found.sha256 == sha256, "reader", f"{key} is not what its manifest says")


OTHER_ONE = Wanted("one", level=6)

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "two-compressors",
            (publish(TWO),),
            (Part("nine", publish(ONE)), Part("six", publish(OTHER_ONE))),
        ),
        Scenario(
            "three-compressors-from-nothing",
            (),
            (
                Part("nine", publish(ONE)),
                Part("six", publish(OTHER_ONE)),
                Part("forced", publish(OTHER_ONE, forced=True)),
                Part("reader", read, steady=True),
            ),
        ),
        Scenario(
            "return-against-prune",
            (publish(ONE), publish(TWO), publish(THREE)),
            (Part("publisher", publish(ONE)), Part("prune", prune())),
        ),
        Scenario(
            "return-of-other-bytes-against-prune",
            (publish(ONE), publish(TWO), publish(THREE)),
            (Part("publisher", publish(OTHER_ONE)), Part("prune", prune()), Part("second", publish(ONE))),
        ),
        Scenario(
            "rollback-against-prune",
            (publish(ONE), publish(TWO), publish(THREE)),
            (Part("rollback", back_to(ONE), may_end=(InputError,)), Part("prune", prune()), Part("again", prune())),
        ),
        Scenario(
            "rollback-against-publish",
            (publish(ONE_SHOWN), publish(TWO_SHOWN)),
            (
                Part("rollback", back_to(ONE_SHOWN)),
                Part("publisher", publish(Wanted("more", tables=TABLES, has_track=True))),
            ),
        ),
        Scenario(
            "rollback-publish-and-prune",
            (publish(ONE), publish(TWO)),
            (
                Part("rollback", back_to(ONE), may_end=(InputError,)),
                Part("publisher", publish(MORE)),
                Part("prune", prune()),
            ),
        ),
        Scenario(
            "other-tables",
            (publish(ONE),),
            (Part("more", publish(MORE)), Part("two", publish(TWO)), Part("one", publish(ONE))),
        ),
        Scenario(
            "renumber-against-publish",
            (follow(CALENDAR), publish(ONE_SHOWN), publish(SAUDI), publish(AUSTRALIA)),
            (
                Part("renumber", follow(RENUMBERED)),
                Part("publisher", publish(Wanted("new", 9480, 2, has_track=True))),
                Part("standings", check_standings),
            ),
            calendars=(RENUMBERED, CALENDAR),
        ),
        Scenario(
            "renumber-against-run",
            (follow(CALENDAR), publish(SAUDI), publish(AUSTRALIA)),
            (
                Part("old calendar", run(CALENDAR, Wanted("new", 9480, 2))),
                Part("new calendar", run(RENUMBERED, Wanted("newer", 9488, 2))),
            ),
            calendars=(CALENDAR, RENUMBERED),
        ),
        Scenario(
            "reindex-against-publish",
            (follow(CALENDAR), publish(ONE), publish(SAUDI)),
            (
                Part("reindex", reindex(CALENDAR)),
                Part("two", publish(TWO)),
                Part("australia", publish(AUSTRALIA)),
            ),
        ),
        Scenario(
            "heal-against-all",
            (published_before(TWO, Wanted("two", level=6)), published_before(ONE, OTHER_ONE)),
            (
                Part("heal", heal),
                Part("forced", publish(OTHER_ONE, forced=True)),
                Part("prune", prune()),
                Part("two", publish(TWO)),
            ),
            repair=heal,
        ),
        Scenario(
            "heal-against-rollback",
            (published_before(TWO, Wanted("two", level=6)), published_before(ONE, OTHER_ONE)),
            (
                Part("heal", heal),
                Part("again", heal),
                Part("rollback", back_to_before(TWO), may_end=(InputError, PublicationError)),
            ),
            repair=heal,
        ),
        Scenario(
            "reader-through-all",
            (follow(CALENDAR), publish(ONE), publish(TWO), publish(THREE), publish(SAUDI)),
            (
                Part("reader", read, steady=True),
                Part("publisher", publish(MORE)),
                Part("rollback", back_to(TWO), may_end=(InputError,)),
                Part("prune", prune(keep=1, older_than=10 * DAY)),
                Part("reindex", reindex(CALENDAR)),
            ),
        ),
    )
}


@dataclass(frozen=True)
class Played:
    """One schedule: what was found wrong (None: nothing) and every request that was made."""

    found: StumbleError | None
    trace: tuple[str, ...]
    steps: int
    missed: tuple[Turn, ...]


@without_threads()
@remembered()
@patch.dict(OF_SEASONS, SEASON_TABLES, clear=True)
def play(scenario: Scenario, seed: int, turns: Sequence[Turn] | None = None) -> Played:
    """Play the schedule ``seed`` of a scenario; the same seed plays the same schedule.

    With ``turns`` it begins with these, and nothing fails.
    """
    rng = random.Random(f"{scenario.name} {seed}")
    store = scenario.store(lambda: START)
    watch = Watch(store)
    disturbed = [part.name for part in scenario.parts if not part.steady]
    faults = draw_faults(rng, disturbed, 60) if turns is None else []
    scheduler = Scheduler(store, rng, watch.look, faults, turns or ())
    store.clock = scheduler.now
    skews = {part.name: rng.choice(SKEWS) for part in scenario.parts}
    scheduler.trace += [f"the clock of {name} is {skew / HOUR:+.0f} h off" for name, skew in skews.items() if skew]

    def clock_of(part: Part) -> Clock:
        return lambda: scheduler.now() + skews[part.name]

    actors = [Actor(part.name, lambda s, part=part: part.work(s, clock_of(part))) for part in scenario.parts]
    found = None
    try:
        watch.look()
        scheduler.run(actors)
        for part, actor in zip(scenario.parts, actors, strict=True):
            _check_ending(part, actor)
        if any(actor.faulty for actor in actors):
            scheduler.trace.append("the disturbed run again" if (again := rng.random() < 0.5) else "nobody runs again")
            for part, actor in zip(scenario.parts, actors, strict=True):
                if again and actor.error is not None and not isinstance(actor.error, part.may_end):
                    _run_again(part, store, scheduler, watch)
            if scenario.calendars:
                follow(rng.choice(scenario.calendars))(store, scheduler.now)
            if scenario.repair:
                scenario.repair(store, scheduler.now)
            finish_all(store, scheduler.now)
        watch.check_end()
    except StumbleError as error:
        found = error
    return Played(found, tuple(scheduler.trace), scheduler.steps, tuple(scheduler.missed))


def _check_ending(part: Part, actor: Actor) -> None:
    if isinstance(actor.error, StumbleError):
        raise actor.error
    disturbed = (KilledError, ParcfermeError) if actor.faulty else (RefusedError,)
    if actor.error is None or isinstance(actor.error, (*disturbed, *part.may_end)):
        return
    raise StumbleError("error", f"{part.name} ended with {type(actor.error).__name__}: {actor.error}") from actor.error


def _run_again(part: Part, store: MemoryStore, scheduler: Scheduler, watch: Watch) -> None:
    with suppress(*part.may_end):
        part.work(store, scheduler.now)
    watch.look()


def finish_all(store: MemoryStore, clock: Clock) -> None:
    """What the next runs do that find every session up to date."""
    for name in store.list_folders(keys.SESSIONS):
        if keys.latest(int(name)) in store.objects:
            finish_publication(store, int(name), clock())


def told(scenario: Scenario, seed: int, played: Played) -> str:
    """Return what was found, every request before it, and how to play it again."""
    again = f"PYTHONPATH=.:tests python tests/publish/interleavings/scenarios.py {scenario.name} {seed}"
    return "\n".join([*played.trace, str(played.found or "Nothing was found."), f"Again: {again}"])


def main(name: str, seed: str) -> None:
    played = play(SCENARIOS[name], int(seed))
    sys.stdout.write(told(SCENARIOS[name], int(seed), played) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
