"""Championships after each round, from results alone."""

import pyarrow as pa
import pytest

from transforms.columns import RESULTS, STANDINGS, published_schema
from transforms.standings import Official, Round, after_each, differences, standings_of, with_official

#: (session, driver, team, position, points)
ROWS = [
    (1, "ver", "rb", 1, 26.0),
    (1, "per", "rb", 2, 18.0),
    (1, "ham", "mer", 3, 15.0),
    (1, "rus", "mer", None, 0.0),
    (2, "ham", "mer", 1, 8.0),
    (2, "ver", "rb", 2, 7.0),
    (3, "ham", "fer", 1, 25.0),
    (3, "ver", "rb", 2, 15.0),
    (3, "rus", "mer", 3, 18.0),
]
ROUNDS = (Round(1, "One", 1, (1,)), Round(2, "Two", 3, (2, 3)))


def results(rows: list[tuple]) -> pa.Table:
    names = ("session_key", "driver_id", "team_id", "position", "points")
    plain = [dict(zip(names, row, strict=True)) | {"team": row[2].upper(), "full_name": row[1].title()} for row in rows]
    return pa.Table.from_pylist(plain, schema=published_schema(RESULTS))


def said(rows: list[dict], championship: str, number: int) -> list[tuple]:
    return [
        (row["position"], row["id"], row["points"], row["wins"])
        for row in rows
        if (row["championship"], row["round"]) == (championship, number)
    ]


def test_points_of_races_and_sprints_add_up_and_places_break_ties() -> None:
    rows = standings_of(2024, ROUNDS, results(ROWS)).to_pylist()
    assert said(rows, "driver", 1) == [(1, "ver", 26, 1), (2, "per", 18, 0), (3, "ham", 15, 0), (4, "rus", 0, 0)]
    # Both have one win, as that of the sprint does not count, and ver was second once.
    assert said(rows, "driver", 2) == [(1, "ver", 48, 1), (2, "ham", 48, 1), (3, "per", 18, 0), (4, "rus", 18, 0)]
    assert said(rows, "constructor", 2) == [(1, "rb", 66, 1), (2, "mer", 41, 0), (3, "fer", 25, 1)]
    moved = next(row for row in rows if (row["round"], row["id"]) == (2, "ham"))
    assert (moved["name"], moved["team"], moved["event"], moved["year"]) == ("Ham", "FER", "Two", 2024)


def test_who_is_equal_in_everything_shares_a_place() -> None:
    equal = [(1, "a", "x", None, 1.0), (1, "b", "y", None, 1.0), (1, "c", "y", 5, 0.0)]
    rows = standings_of(2024, ROUNDS[:1], results(equal)).to_pylist()
    assert said(rows, "driver", 1) == [(1, "a", 1, 0), (1, "b", 1, 0), (3, "c", 0, 0)]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_it_ends_before_what_is_not_known(missing: int) -> None:
    rows = standings_of(2024, ROUNDS, results([row for row in ROWS if row[0] != missing])).to_pylist()
    assert {row["round"] for row in rows} == (set() if missing == 1 else {1})
    unknown = [(*row[:4], None) if row[0] == missing else row for row in ROWS]
    assert standings_of(2024, ROUNDS, results(unknown)).to_pylist() == rows


def test_what_is_official_stands_beside_and_is_told_where_it_differs() -> None:
    standings = standings_of(2024, ROUNDS, results(ROWS))
    agreed = {
        (row["championship"], row["id"]): Official(row["position"], row["points"]) for row in after_each(standings)[1]
    }
    taken = agreed | {("constructor", "rb"): Official(2, 29.5), ("driver", "rus"): Official(None, 0.0)}
    del taken["driver", "per"]
    taken["constructor", "new"] = Official(1, 50.0)
    table = with_official(standings, {1: taken})
    assert table.schema == STANDINGS.schema and table.drop(["official_position", "official_points"]).equals(
        standings.drop(["official_position", "official_points"])
    )
    found = {(row["championship"], row["round"], row["id"]): row for row in table.to_pylist()}
    assert {
        key[1:]: (row["official_position"], row["official_points"], row["points"])
        for key, row in found.items()
        if key[0] == "constructor"
    } == {(1, "rb"): (2, 29.5, 44), (1, "mer"): (2, 15, 15)} | {
        (2, name): (None, None, points) for name, points in {"rb": 66, "mer": 41, "fer": 25}.items()
    }
    assert found["driver", 1, "rus"]["official_position"] is None and found["driver", 1, "rus"]["official_points"] == 0
    assert found["driver", 1, "per"]["official_points"] is None
    rows = after_each(standings)[1]
    assert differences(rows, agreed) == []
    assert differences(rows, taken) == [
        "constructor rb has 29.5 points officially and 44 by results",
        "constructor new is in the official ones alone",
        "driver per is not in the official ones",
    ]
    assert differences(rows, agreed | {("driver", "ham"): Official(4, 15.0)}) == [
        "driver ham is number 4 officially and 3 by results"
    ]
