"""Standings are held against the results service's, once a round and again where its results have changed."""

from flows.session.announce import Logger
from flows.upstream.client import Client
from flows.upstream.standings import ask_standings
from publish.season.rebuild import follow_all
from publish.season.standings import Unchecked, record_official, unchecked_rounds
from publish.stores.base import Store
from transforms.errors import CorruptDataError, UpstreamError
from transforms.standings import OfficialRound, differences

_NAMED_AT_MOST = 5


def check_standings(client: Client, store: Store, year: int, logger: Logger) -> None:
    """Ask for the official standings after each round whose results they were not asked for, and publish them.

    Two requests of the results service a round. Where the official standings differ from those by results, both stand
    in the table, and ``logger`` is told. Offline nobody is asked; a service that does not answer is asked again next
    time, and ``logger`` is told that too.

    :raises PublicationError: the store refuses.
    """
    unchecked = [] if client.offline else unchecked_rounds(store, year)
    given = _ask(client, year, unchecked, logger) if unchecked else []
    if given and record_official(store, year, given):
        follow_all(store, year)


def _ask(
    client: Client, year: int, unchecked: list[Unchecked], logger: Logger
) -> list[tuple[Unchecked, OfficialRound]]:
    """Return what the service has of these rounds, up to one about which it cannot be asked."""
    given: list[tuple[Unchecked, OfficialRound]] = []
    try:
        with client.asking(f"the standings of {year}"):
            for one in unchecked:
                try:
                    official = ask_standings(client, year, one.round)
                except CorruptDataError as error:
                    logger.warning("%s", error)
                    continue
                if official is not None:
                    _tell(year, one, official, logger)
                    given.append((one, official))
    except UpstreamError as error:
        logger.warning("%s", error)
    return given


def _tell(year: int, one: Unchecked, official: OfficialRound, logger: Logger) -> None:
    found = differences(one.rows, official)
    if not found:
        return
    more = f" and {len(found) - _NAMED_AT_MOST} more" if len(found) > _NAMED_AT_MOST else ""
    said = "; ".join(found[:_NAMED_AT_MOST])
    logger.warning("Official standings after round %d of %d are other ones: %s%s", one.round, year, said, more)
