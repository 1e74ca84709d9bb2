"""The championships after each round, from the official results of races and sprints; and what is official of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from transforms.columns import STANDINGS

#: Places that are counted where points are equal.
_PLACES = 40


@dataclass(frozen=True)
class Round:
    """A round of a season: its number, its name and the sessions that give points, by key; ``race`` is one of them."""

    number: int
    event: str
    race: int
    sessions: tuple[int, ...]


@dataclass(frozen=True)
class Official:
    """What the results service says of a driver or constructor after a round: place (None: none given) and points."""

    position: int | None
    points: float


#: The official standings after a round, by championship and the results service's name of driver or team.
OfficialRound = Mapping[tuple[str, str], Official]


def standings_of(year: int, rounds: Sequence[Round], results: pa.Table) -> pa.Table:
    """Return the standings of drivers and constructors after each of ``rounds``, which are all from the first one on.

    Points are those of ``results``; equal points are told apart by the better places in races, as the sporting
    regulations have it. It ends before the first round of which a session has no points: nothing is made up. What is
    official is null (:func:`with_official`).
    """
    by_session: dict[int, list[dict[str, Any]]] = {}
    for row in results.to_pylist():
        by_session.setdefault(row["session_key"], []).append(row)
    points: dict[str, Counter[str]] = {"driver": Counter(), "constructor": Counter()}
    places: dict[str, dict[str, list[int]]] = {"driver": {}, "constructor": {}}
    last: dict[str, dict[str, dict[str, Any]]] = {"driver": {}, "constructor": {}}
    rows: list[dict[str, Any]] = []
    for one in rounds:
        found = [by_session.get(key, []) for key in one.sessions]
        if not all(any(row["points"] is not None for row in session) for session in found):
            break
        for key, session in zip(one.sessions, found, strict=True):
            for row in session:
                for kind, name in (("driver", _driver(row)), ("constructor", row["team_id"] or row["team"])):
                    if name is None:
                        continue
                    points[kind][name] += row["points"] or 0
                    last[kind][name] = row
                    counted = places[kind].setdefault(name, [0] * _PLACES)
                    if key == one.race and row["position"] is not None and row["position"] <= _PLACES:
                        counted[row["position"] - 1] += 1
        rows += [row for kind in points for row in _after(year, one, kind, points[kind], places[kind], last[kind])]
    return STANDINGS.of_rows(rows)


def _driver(row: dict[str, Any]) -> str | None:
    name: str | None = row["driver_id"] or row["driver"]
    return name


def _after(
    year: int,
    one: Round,
    kind: str,
    points: Counter[str],
    places: dict[str, list[int]],
    last: dict[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return one championship after a round. Who is equal in everything shares a place."""
    ranked = sorted(points, key=lambda name: (-points[name], [-count for count in places[name]], name))
    rows: list[dict[str, Any]] = []
    for index, name in enumerate(ranked, start=1):
        before = ranked[index - 2] if index > 1 else None
        is_equal = before is not None and (points[before], places[before]) == (points[name], places[name])
        rows.append(
            {
                "year": year,
                "round": one.number,
                "event": one.event,
                "championship": kind,
                "position": rows[-1]["position"] if is_equal else index,
                "id": name,
                "name": (last[name]["full_name"] or last[name]["driver"]) if kind == "driver" else last[name]["team"],
                "team": last[name]["team"],
                "points": points[name],
                "wins": places[name][0],
            }
        )
    return rows


def after_each(standings: pa.Table) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of ``standings``, a table of one season, by round."""
    rounds: dict[int, list[dict[str, Any]]] = {}
    for row in standings.to_pylist():
        rounds.setdefault(row["round"], []).append(row)
    return rounds


def with_official(standings: pa.Table, official: Mapping[int, OfficialRound]) -> pa.Table:
    """Return ``standings`` with official places and points, where ``official``, by round, has them.

    Who is in the official standings alone gets no row.
    """
    rows = [row for one in after_each(standings).values() for row in one]
    for row in rows:
        found = official.get(row["round"], {}).get((row["championship"], row["id"]))
        row["official_position"] = None if found is None else found.position
        row["official_points"] = None if found is None else found.points
    return STANDINGS.of_rows(rows)


def differences(rows: Sequence[Mapping[str, Any]], official: OfficialRound) -> list[str]:
    """Return, in words, in what the ``rows`` of a round differ from the official standings after it."""
    computed = {(row["championship"], row["id"]): row for row in rows}
    found: list[str] = []
    for key, said in official.items():
        row = computed.get(key)
        if row is None:
            found.append(f"{' '.join(key)} is in the official ones alone")
        elif row["points"] != said.points:
            found.append(f"{' '.join(key)} has {said.points:g} points officially and {row['points']:g} by results")
        elif said.position is not None and row["position"] != said.position:
            found.append(f"{' '.join(key)} is number {said.position} officially and {row['position']} by results")
    return [*found, *(f"{' '.join(key)} is not in the official ones" for key in computed if key not in official)]
