"""Standings held against the results service's: it agrees, differs, has none yet, refuses, or is not to be asked."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from memory_store import MemoryStore
from upstream_double import UpstreamDouble
from upstream_season import RESULTS_HOST, standings_answer

from flows.sample import SAMPLE_YEAR as YEAR
from flows.session.standings import check_standings
from flows.upstream.client import Client
from flows.upstream.services import standings_url
from flows.upstream.standings import parse_standings
from publish import keys
from publish.encode.joined import Parts, columns_digest, join
from publish.season.document import PUBLISHED, IndexedEvent, IndexedSession, Season
from publish.season.standings import OfficialStandings, read_official
from publish.structs import encode_document
from transforms.columns import RESULTS, published_schema
from transforms.errors import CorruptDataError
from transforms.standings import Official

#: Of each round by driver: team and points.
RACES: dict[int, dict[str, tuple[str, float]]] = {
    1: {"max": ("red", 25.0), "lewis": ("silver", 18.0)},
    2: {"lewis": ("silver", 12.5), "max": ("red", 9.0)},
}
AFTER = {
    1: {"driver": {"max": 25.0, "lewis": 18.0}, "constructor": {"red": 25.0, "silver": 18.0}},
    2: {"driver": {"max": 34.0, "lewis": 30.5}, "constructor": {"red": 34.0, "silver": 30.5}},
}
NOTHING: dict[str, Any] = {"MRData": {"StandingsTable": {"season": "2099", "round": "1", "StandingsLists": []}}}

Ask = Callable[..., list[str]]


def give(double: UpstreamDouble, round_number: int, championship: str, said: Any) -> None:
    double.season.replace(standings_url(YEAR, round_number, championship), json.dumps(said).encode())


def give_all(double: UpstreamDouble) -> None:
    for number, championships in AFTER.items():
        for championship, points in championships.items():
            give(double, number, championship, standings_answer(championship, number, points))


def put_results(store: MemoryStore, races: dict[int, dict[str, tuple[str, float]]] = RACES) -> None:
    rows = [
        {"year": YEAR, "session_key": number, "driver_id": name, "team_id": team, "position": place, "points": points}
        for number, race in races.items()
        for place, (name, (team, points)) in enumerate(race.items(), 1)
    ]
    table = pa.Table.from_pylist(rows, schema=published_schema(RESULTS))
    parts = Parts(dict.fromkeys(races, "0"), columns_digest(RESULTS), 0)
    store.write(keys.season_table(RESULTS.name, YEAR), join(RESULTS, parts, [table]))


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore(lambda: datetime(2099, 6, 1, tzinfo=UTC))
    events = tuple(
        IndexedEvent(
            number,
            f"Round {number}",
            None,
            None,
            None,
            None,
            False,
            (IndexedSession("R", "Race", None, PUBLISHED, number, None, None, None, None),),
        )
        for number in RACES
    )
    made.write(keys.season(YEAR), encode_document(Season(YEAR, events)))
    put_results(made)
    return made


@pytest.fixture
def ask(double: UpstreamDouble, store: MemoryStore, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Ask:
    """Check the standings; returns what the service was asked for."""

    def check(*, offline: bool = False) -> list[str]:
        double.forget()
        caplog.clear()
        check_standings(Client(tmp_path / "cache", offline), store, YEAR, logging.getLogger("checked"))
        return [request.path.removeprefix(f"/ergast/f1/{YEAR}/") for request in double.requests(RESULTS_HOST)]

    return check


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "checked"]


def official(store: MemoryStore) -> dict[int, dict[str, tuple[int | None, float]]]:
    document = read_official(store, YEAR) or OfficialStandings(YEAR, 0, ())
    return {
        one.round: {said.id: (said.position, said.points) for said in (*one.driver, *one.constructor)}
        for one in document.rounds
    }


EVERY = [f"{number}/{championship}Standings.json" for number in RACES for championship in ("driver", "constructor")]


def test_it_is_asked_twice_a_round_and_once_until_results_change(double, store, ask: Ask, caplog) -> None:
    give_all(double)
    assert ask() == EVERY and told(caplog) == []
    assert official(store)[2] == {"max": (1, 34), "lewis": (2, 30.5), "red": (1, 34), "silver": (2, 30.5)}
    assert ask() == []
    # Half of the points of the second race are taken from a driver: the first round stays as it was asked.
    put_results(store, RACES | {2: {"lewis": ("silver", 6.25), "max": ("red", 9.0)}})
    assert ask() == EVERY[2:]
    assert told(caplog) == [
        "Official standings after round 2 of 2099 are other ones: driver lewis has 30.5 points officially and 24.25 by "
        "results; constructor silver has 30.5 points officially and 24.25 by results"
    ]
    assert ask() == []


def test_what_it_does_not_have_yet_is_asked_for_again(double, store, ask: Ask, caplog) -> None:
    give(double, 1, "driver", NOTHING)
    # Of the other round it knows nothing at all.
    assert ask() == [EVERY[0], EVERY[2]] and official(store) == {} and told(caplog) == []
    give_all(double)
    give(double, 2, "constructor", NOTHING)
    assert ask() == EVERY and list(official(store)) == [1]
    give_all(double)
    assert ask() == EVERY[2:] and list(official(store)) == [1, 2]


@pytest.mark.parametrize("how", ["firewall", "challenge", "limit", "down", "error"])
def test_a_service_that_does_not_answer_is_left_alone_until_the_next_time(
    double, store, ask: Ask, caplog, how: str
) -> None:
    give_all(double)
    if how in ("down", "error"):
        double.down(RESULTS_HOST, "refuse" if how == "down" else "error")
    else:
        double.block(how, RESULTS_HOST, ".*/2/.*")
    before = ask()
    assert (len(before) == 1) if how in ("down", "error") else (before == EVERY[:3])
    assert list(official(store)) == ([] if how in ("down", "error") else [1])
    assert len(told(caplog)) == 1
    double.up()
    assert ask() == (EVERY if how in ("down", "error") else EVERY[2:]) and list(official(store)) == [1, 2]


def test_an_answer_that_cannot_be_read_costs_its_own_round_alone(double, store, ask: Ask, caplog) -> None:
    give_all(double)
    give(double, 1, "driver", standings_answer("driver", 2, AFTER[1]["driver"]))
    assert ask() == [EVERY[0], *EVERY[2:]] and list(official(store)) == [2]
    assert "(ValueError: it is of round 2 of 2099)" in told(caplog)[0]


def test_offline_nobody_is_asked(double, store, ask: Ask, caplog) -> None:
    give_all(double)
    assert ask(offline=True) == [] and official(store) == {} and told(caplog) == []


def test_a_season_without_a_full_round_costs_no_request(double, store, ask: Ask) -> None:
    put_results(store, {2: RACES[2]})
    assert ask() == []
    store.delete(keys.season(YEAR))
    assert ask() == []


def test_who_has_no_place_has_points_all_the_same() -> None:
    said = standings_answer("driver", 1, {"max": 25.0, "lewis": 18.0})
    del said["MRData"]["StandingsTable"]["StandingsLists"][0]["DriverStandings"][1]["position"]
    body = json.dumps(said).encode()
    assert parse_standings(body, "driver", YEAR, 1) == {"max": Official(1, 25.0), "lewis": Official(None, 18.0)}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"MRData": null}',
        b"[" * 100_000,
        json.dumps(standings_answer("driver", 1, {"max": float("nan")})).encode(),
        json.dumps(standings_answer("driver", 1, {"max": 1e9})).encode(),
        json.dumps(standings_answer("driver", 1, {f"max{n}": 1.0 for n in range(101)})).encode(),
        json.dumps(
            standings_answer("driver", 1, {}, DriverStandings=[{"position": "0", "points": "1", "Driver": {}}])
        ).encode(),
        json.dumps(standings_answer("driver", 1, {}, DriverStandings={"Driver": 1})).encode(),
        json.dumps(standings_answer("constructor", 1, {"red": 1.0})).encode(),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptDataError, match="driver standings after round 1 of 2099 cannot be read"):
        parse_standings(body, "driver", YEAR, 1)
