"""Official standings of drivers and constructors after a round, asked of the results service."""

import json
import math
from typing import Any

from flows.upstream.answers import Meaning
from flows.upstream.client import Client
from flows.upstream.services import standings_url
from transforms.errors import CorruptDataError, UpstreamError
from transforms.standings import Official
from transforms.texts import clean_text

_CHAMPIONSHIPS = ("driver", "constructor")
#: More than a season has of drivers, and more than anyone has of points; what is beyond is no answer.
_MOST, _MOST_POINTS = 100, 10_000.0
#: What reading an answer raises that is none of the results service's.
_NO_ANSWER = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)


def ask_standings(client: Client, year: int, round_number: int) -> dict[tuple[str, str], Official] | None:
    """Return the official standings after a round, by championship and the service's name; None: it has none yet.

    Two requests at most, past the cache: who asks knows that the results are other ones than when it asked before. To
    be called while asking.

    :raises CorruptDataError: it speaks of something else.
    :raises UpstreamError: it refuses, or cannot be reached.
    """
    found: dict[tuple[str, str], Official] = {}
    for championship in _CHAMPIONSHIPS:
        url = standings_url(year, round_number, championship)
        answer, body = client.ask(url)
        if answer.meaning not in (Meaning.GIVEN, Meaning.ABSENT):
            raise UpstreamError(f"{url} was not answered ({answer.words}). Standings are asked for again next time.")
        standings = parse_standings(body, championship, year, round_number) if answer.meaning is Meaning.GIVEN else {}
        if not standings:
            return None
        found |= {(championship, name): official for name, official in standings.items()}
    return found


def parse_standings(body: bytes, championship: str, year: int, round_number: int) -> dict[str, Official]:
    """Return the standings in an answer by the service's name of driver or constructor; empty where it has none.

    Source of the shape: ``fastf1.ergast.structure.StandingsLists_Driver`` and ``StandingsLists_Constructor``.

    :raises CorruptDataError: it is no such answer, or of another round.
    """
    kind = championship.capitalize()
    try:
        lists = json.loads(body)["MRData"]["StandingsTable"]["StandingsLists"]
        if not lists:
            return {}
        (one,) = lists
        if (int(one["season"]), int(one["round"])) != (year, round_number):
            raise ValueError(f"it is of round {one['round']} of {one['season']}")
        rows = one[f"{kind}Standings"]
        if len(rows) > _MOST:
            raise ValueError(f"it has {len(rows)} rows")
        return {clean_text(row[kind][f"{championship}Id"]): _official(row) for row in rows}
    except _NO_ANSWER as error:
        raise CorruptDataError(
            f"The results service's answer on the {championship} standings after round {round_number} of {year} cannot "
            f"be read ({type(error).__name__}: {clean_text(str(error))}). Standings are asked for again next time."
        ) from error


def _official(row: dict[str, Any]) -> Official:
    points, position = float(row["points"]), row.get("position")
    place = None if position is None else int(position)
    if not math.isfinite(points) or abs(points) > _MOST_POINTS or (place is not None and not 1 <= place <= _MOST):
        raise ValueError(f"place {position}, {row['points']} points")
    return Official(place, points)
