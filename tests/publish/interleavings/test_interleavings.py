"""Publishers, prune, rollback, re-index, renumbering and healing at once, request by request: no reader ever stumbles,
and once all have ended everything fits together.

What is looked at after every request stands in ``watch.py``, what it means in ``publish/docs/publication.md``. 20,000
schedules of each scenario: ``make bench``.
"""

import random
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from memory_store import MemoryStore
from scenarios import SCENARIOS, play, told
from scheduler import FAULTS, START, Actor, Scheduler, Turn
from tiny_sessions import SEASON_TABLES
from watch import StumbleError, Watch

from publish.stores.base import Store
from transforms.columns import OF_SEASONS
from transforms.errors import PublicationError

SEEDS = 300

#: What went wrong once, played again: who goes on until which request, the rest at random.
ONCE = {
    "a publisher of other bytes writes over what is linked": (
        "two-compressors",
        (Turn("nine", "write v1/sessions/9472/latest.json"), Turn("six"), Turn("nine")),
    ),
    "of a revision the manifest of one and the objects of another": (
        "two-compressors",
        (Turn("nine", "upload_file"), Turn("six", "write v1/sessions"), Turn("nine"), Turn("six")),
    ),
    "what a publisher returns to is pruned before it is current": (
        "return-against-prune",
        (Turn("publisher", "write v1/sessions/9472/latest.json"), Turn("prune"), Turn("publisher")),
    ),
    "what is planned to go becomes current before it is deleted": (
        "return-against-prune",
        (Turn("prune", "write v1/sessions/9472/latest.json"), Turn("publisher"), Turn("prune")),
    ),
    "what is being deleted becomes current": (
        "return-of-other-bytes-against-prune",
        (Turn("prune", "delete"), Turn("second"), Turn("prune"), Turn("publisher")),
    ),
    "what an operator returns to is pruned before it is current": (
        "rollback-against-prune",
        (Turn("rollback", "write v1/sessions/9472/latest.json"), Turn("prune"), Turn("rollback")),
    ),
    "a publisher indexes what was rolled back from meanwhile": (
        "rollback-against-publish",
        (
            Turn("publisher", "write v1/seasons/2024.json"),
            Turn("rollback"),
            Turn("publisher"),
        ),
    ),
    "a rollback indexes what was replaced meanwhile": (
        "rollback-against-publish",
        (Turn("rollback", "write v1/seasons/2024.json"), Turn("publisher"), Turn("rollback")),
    ),
    "an index takes back to a revision that is pruned": (
        "rollback-publish-and-prune",
        (
            Turn("publisher", "write v1/seasons/2024.json"),
            Turn("rollback", "write v1/seasons/2024.json"),
            Turn("prune"),
            Turn("publisher"),
            Turn("rollback"),
        ),
    ),
    "copies of a revision that came too late": (
        "other-tables",
        (Turn("more", "copy"), Turn("two"), Turn("more"), Turn("one")),
    ),
    "what was current until just now is pruned as old": (
        "reader-through-all",
        (
            Turn("prune", "write v1/sessions/9472/latest.json"),
            Turn("rollback"),
            Turn("publisher", "write v1/seasons/2024.json"),
            Turn("prune"),
        ),
    ),
    "an older calendar is written over a newer one": (
        "renumber-against-run",
        (Turn("old calendar", "write v1/seasons/2024.json"), Turn("new calendar"), Turn("old calendar")),
    ),
    "a publisher copies rows to a number that is another race's by now": (
        "renumber-against-publish",
        (Turn("publisher", "copy telemetry/"), Turn("renumber"), Turn("publisher")),
    ),
    "a season's table of what is not current any more is believed, since the list names again what it named before": (
        "other-tables",
        (
            Turn("more", "write v1/parquet/season/laps"),
            Turn("two", "write v1/files/2024.json"),
            Turn("one", "write v1/files/2024.json"),
            Turn("more"),
            Turn("one"),
            Turn("two"),
        ),
    ),
    "what is described anew is pruned before the history names it": (
        "heal-against-all",
        (Turn("heal", "write v1/sessions/9472/latest.json"), Turn("prune"), Turn("heal")),
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_reader_stumbles_and_all_ends_well(name: str) -> None:
    """Hundreds of schedules each: 20 s and more where other tests run beside."""
    for seed in range(SEEDS):
        played = play(SCENARIOS[name], seed)
        assert played.found is None, told(SCENARIOS[name], seed, played)


@pytest.mark.parametrize("what", ONCE)
def test_what_went_wrong_once(what: str) -> None:
    name, turns = ONCE[what]
    for seed in range(5):
        played = play(SCENARIOS[name], seed, turns)
        assert played.found is None, told(SCENARIOS[name], seed, played)
        assert played.missed == (), "the actors do not meet as they are to"


def test_the_same_seed_is_the_same_schedule() -> None:
    scenario = SCENARIOS["reader-through-all"]
    assert [play(scenario, seed).trace for seed in range(5)] == [play(scenario, seed).trace for seed in range(5)]
    assert len({play(scenario, seed).trace for seed in range(20)}) == 20


def test_everything_fails_that_can() -> None:
    traces = [line for seed in range(100) for line in play(SCENARIOS["other-tables"], seed).trace]
    assert {line.rpartition("<- ")[2] for line in traces if "<- " in line} == set(FAULTS)
    assert {line for line in traces if line.startswith("the clock of two")} == {
        "the clock of two is +1 h off",
        "the clock of two is -1 h off",
    }


@patch.dict(OF_SEASONS, SEASON_TABLES, clear=True)
def test_the_watch_sees_what_is_wrong_though_all_was_well_before() -> None:
    store = SCENARIOS["reader-through-all"].store(lambda: START)
    watch = Watch(store)
    watch.look()
    looked_at = [key for key in store.objects if key.startswith(("v1/parquet/", "telemetry/")) or "/laps." in key]
    assert len(looked_at) > 8
    for key in looked_at:
        before = store.objects[key]
        store.write(key, b"other bytes")
        with pytest.raises((StumbleError, PublicationError), match=r"never current|bytes|not say what"):
            watch.look()
        store.objects[key] = before
        watch.look()
    del store.objects[next(key for key in store.objects if key.endswith("/manifest.json"))]
    with pytest.raises(StumbleError, match="which is not there"):
        watch.look()


def _count_carelessly(store: Store) -> None:
    stored = store.read("index.json")
    store.write("index.json", b"%d" % (int(stored.data) + 1 if stored else 1))


def _played(actors: Sequence[str], seed: int) -> bytes:
    store = MemoryStore(lambda: START)
    Scheduler(store, random.Random(seed), lambda: None).run([Actor(name, _count_carelessly) for name in actors])
    return store.objects["index.json"].data


def test_a_lost_update_would_be_found() -> None:
    assert {_played("ab", seed) for seed in range(50)} == {b"1", b"2"}
