"""The season's standings: computed from its results, and what the results service says of them: ``v1/standings/``.

What the service says is kept with a hash of the standings for which it was asked, and counts for these alone: where
results change, what is official is not known until it is asked for anew (``flows.session.standings``).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa

from publish import keys
from publish.encode.joined import read_parts, read_rows, short_hash
from publish.season.document import Season
from publish.season.facts import full_rounds
from publish.season.index import read_season, update_root_index
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Count, Document, Name, Part, Year, about, encode_document
from transforms.columns import RESULTS, published_schema
from transforms.standings import Official, OfficialRound, after_each, standings_of, with_official

_Rows = list[dict[str, Any]]


class Standing(Part):
    """A driver or a constructor in the results service's standings."""

    id: Annotated[Name, about("The results service's name of driver or team")]
    position: Annotated[Count | None, about("Null where the service gives no place")]
    points: float


class RoundStandings(Part):
    """The results service's standings after a round."""

    round: Count
    asked_for: Annotated[str, about("Hash of the standings by results when they were asked for; of no others they say")]
    driver: tuple[Standing, ...]
    constructor: tuple[Standing, ...]


class OfficialStandings(Document, tag="parcferme/standings/1"):
    """The results service's standings after each round of a season that it was asked about, as it gives them."""

    year: Year
    serial: Annotated[Count, about("Rises with every write")]
    rounds: tuple[RoundStandings, ...]


@dataclass(frozen=True)
class Unchecked:
    """A round whose standings nobody has asked the results service for since its results are these.

    ``rows`` are the computed ones, ``asked_for`` their hash.
    """

    round: int
    rows: _Rows
    asked_for: str


def read_official(store: Store, year: int) -> OfficialStandings | None:
    """Return what the results service has said of a season's standings, or None if it was never asked."""
    return read_document(store, keys.official_standings(year), OfficialStandings)


def official_digest(official: OfficialStandings | None) -> str:
    """Return a hash of all that is official; no two writes have the same."""
    return "" if official is None else hashlib.sha256(encode_document(official)).hexdigest()


def read_results(store: Store, year: int) -> tuple[str, pa.Table]:
    """Return the season's table of results, and what it is made of; no rows where there is none that can be read."""
    stored = store.read(keys.season_table(RESULTS.name, year))
    parts = None if stored is None else read_parts(stored.data)
    if stored is None or parts is None:
        return "", published_schema(RESULTS).empty_table()
    return parts.digest, read_rows(stored.data, RESULTS)


def season_standings(season: Season, results: pa.Table, official: OfficialStandings | None) -> pa.Table:
    """Return the table ``standings`` of a season; what is official where it was asked for these standings."""
    standings = standings_of(season.year, full_rounds(season), results)
    computed = {number: _hash(rows) for number, rows in after_each(standings).items()}
    known = {
        one.round: _by_id(one)
        for one in (official.rounds if official else ())
        if computed.get(one.round) == one.asked_for
    }
    return with_official(standings, known)


def unchecked_rounds(store: Store, year: int) -> list[Unchecked]:
    """Return the rounds that the results service was not asked about as they are now, from the first one on.

    Three requests.

    :raises PublicationError: the store refuses, or a document cannot be read.
    """
    season = read_season(store, year)
    if season is None:
        return []
    _, results = read_results(store, year)
    official = read_official(store, year)
    known = {one.round: one.asked_for for one in (official.rounds if official else ())}
    rounds = after_each(standings_of(year, full_rounds(season), results))
    computed = [Unchecked(number, rows, _hash(rows)) for number, rows in rounds.items()]
    return [one for one in computed if known.get(one.round) != one.asked_for]


def record_official(store: Store, year: int, given: Sequence[tuple[Unchecked, OfficialRound]]) -> bool:
    """Keep what the results service has given for rounds; say whether that was new. Other rounds stay as they are.

    The season's own tables follow it (:func:`publish.season.rebuild.follow_all`).

    :raises PublicationError: the store refuses, or others keep changing the document.
    """
    new = {one.round: _as_document(one, official) for one, official in given}

    def change(before: OfficialStandings | None) -> OfficialStandings | None:
        known = {one.round: one for one in (before.rounds if before else ())}
        rounds = tuple(one for _, one in sorted({**known, **new}.items()))
        if before is not None and rounds == before.rounds:
            return None
        # The serial makes two writes differ: standings that were taken back are never taken for those before.
        return OfficialStandings(year, before.serial + 1 if before else 1, rounds)

    written = update_document(store, keys.official_standings(year), OfficialStandings, change)
    update_root_index(store, links={f"standings_{year:d}": keys.official_standings(year)})
    return written


def _as_document(one: Unchecked, official: OfficialRound) -> RoundStandings:
    def of(kind: str) -> tuple[Standing, ...]:
        return tuple(
            Standing(name, said.position, said.points)
            for (championship, name), said in official.items()
            if championship == kind
        )

    return RoundStandings(one.round, one.asked_for, of("driver"), of("constructor"))


def _by_id(one: RoundStandings) -> OfficialRound:
    return {
        (kind, said.id): Official(said.position, said.points)
        for kind, standings in (("driver", one.driver), ("constructor", one.constructor))
        for said in standings
    }


def _hash(rows: _Rows) -> str:
    """Return a hash of who has which place and points after a round."""
    facts = [(row["championship"], row["id"], row["position"], row["points"]) for row in rows]
    return short_hash(hashlib.sha256(repr(facts).encode()).hexdigest())
