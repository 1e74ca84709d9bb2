"""Whether what the upstream says it has not is really not there: it must give what it is known to have.

A refusal can look like absence. So whenever something of a session is absent, live timing is asked for something that
is known to exist, past the cache: its index of the season or, before that has anything, the one of the year before. And
what the session's own index lists is not absent: it is withheld.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.session_ref import SessionRef
from flows.upstream.answers import Answer, Meaning
from flows.upstream.outcomes import FETCH_ELSEWHERE, account_error, in_words
from flows.upstream.services import LIVE_TIMING
from transforms.errors import BlockedError, UpstreamError

if TYPE_CHECKING:
    from flows.upstream.client import Client

_INDEX = "Index.json"


def prove_absent(client: "Client", session: SessionRef, streams: Sequence[str], *, takes_its_word: bool) -> None:
    """Do nothing if ``streams`` of a located session, which live timing says it has not, are not there.

    To be called while ``client`` is asking; offline it asks nobody. ``takes_its_word``: what the session lists and the
    host says it has not is lost.

    :raises BlockedError: the host refuses this machine everything, or what the session lists.
    :raises AccountError: it answers only to who is signed in.
    :raises UpstreamError: it could not be asked.
    """
    if client.offline or not streams:
        return
    _check_canaries(client, session)
    if takes_its_word:
        return
    if listed := sorted(_listed(client, session) & set(streams)):
        raise BlockedError(
            f"Live timing lists {', '.join(listed)} of {session.label} and does not give it to this machine. Nothing "
            f"is published without it. {FETCH_ELSEWHERE} If it is lost for good, publish the session with --force."
        )


def _check_canaries(client: "Client", session: SessionRef) -> None:
    for year in (session.year, session.year - 1):
        url = f"{LIVE_TIMING}/static/{year}/{_INDEX}"
        answer, _ = client.ask(url)
        if answer.meaning is not Meaning.ABSENT:
            _check_canary(client, session, url, answer)
            return
    raise BlockedError(
        f"Live timing says of everything that it is not there, its own index of the season too, when it is asked for "
        f"{session.label}: that is how it refuses an address. Nothing is published from that. {FETCH_ELSEWHERE}"
    )


def _check_canary(client: "Client", session: SessionRef, url: str, answer: Answer) -> None:
    words = in_words(url, answer)
    if answer.meaning is Meaning.NEEDS_ACCOUNT:
        raise account_error(session.label, words, client.sign_in_problem)
    if answer.meaning is Meaning.REFUSED:
        client.logger.warning("%s: %s", words, answer.excerpt)
        raise BlockedError(
            f"This machine's address is refused by live timing: {words} was to show whether the data of "
            f"{session.label} is really not there. Nothing is published from that. {FETCH_ELSEWHERE}"
        )
    if answer.meaning is Meaning.FAILED:
        raise UpstreamError(
            f"Whether the data of {session.label} is really not there cannot be told: {words} did not come. Run it "
            "again later."
        )


def _listed(client: "Client", session: SessionRef) -> set[str]:
    """Return the streams that the session's own index lists; none where it has none that can be read."""
    answer, body = client.ask(f"{LIVE_TIMING}{session.located_path}{_INDEX}")
    if answer.meaning is not Meaning.GIVEN:
        return set()
    try:
        feeds = json.loads(body.decode("utf-8-sig"))["Feeds"]
        return {str(feed["StreamPath"]) for feed in feeds.values() if feed.get("StreamPath")}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return set()
