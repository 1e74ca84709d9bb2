"""What became of FastF1's requests during a load: it takes an upstream that refuses or fails for one that has nothing.

It logs a topic that it did not get and goes on, for whatever reason. Five things are told apart here: what the upstream
has not, what it has not yet, what it refuses to this machine's address, what it gives only to an account, and what
failed on the way. A session is published without telemetry only if it has none upstream.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flows.upstream.answers import Answer, Meaning
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR
from transforms.errors import AccountError, BlockedError, UpstreamError

_NAMED_AT_MOST = 3
#: What to do where an address is refused.
FETCH_ELSEWHERE = (
    "Formula 1 refuses data centres. Fetch from another place, a home connection for one, with `parcferme fetch`, and "
    "compute here with --source archive (deployments/docs/two-sites.md)."
)
#: What to do where only an account gets an answer.
SIGN_IN = (
    "Timing data needs a Formula 1 account with a running F1 TV subscription: set F1_USERNAME and F1_PASSWORD, or sign "
    "in with a browser (RUNBOOK, Signing in)."
)


@dataclass
class Outcomes:
    """The last outcome of each address. An answer from the cache, even an old one for want of a new, is an answer."""

    by_url: dict[str, Answer] = field(default_factory=dict)

    def note(self, url: str, answer: Answer) -> None:
        """Keep what became of a request."""
        self.by_url[url] = answer

    def has_come(self, api_path: str, stream: str) -> bool:
        """Whether live timing or its mirror gave a stream of the session, whatever is in it."""
        answers = (self.by_url.get(base + api_path + stream) for base in (LIVE_TIMING, LIVE_TIMING_MIRROR))
        return any(answer is not None and answer.meaning is Meaning.GIVEN for answer in answers)

    def absent(self, api_path: str) -> list[str]:
        """Return the names of the session's streams of which all that were asked say that they have none."""
        return [
            next(iter(answers)).rpartition("/")[2]
            for answers in self._topics(api_path)
            if all(answer.meaning is Meaning.ABSENT for answer in answers.values())
        ]

    def refusals(self, api_path: str, services: Iterable[str]) -> Iterator[str]:
        """Yield, for the log, how each answer that was refused begins."""
        for url, answer in self._missing(api_path, services, Meaning.REFUSED, Meaning.NEEDS_ACCOUNT):
            yield f"{in_words(url, answer)}: {answer.excerpt or 'an empty answer'}"

    def check(self, label: str, api_path: str, services: Iterable[str], *, sign_in_problem: str | None) -> None:
        """Do nothing if each topic of a session (``label``) and each of ``services`` was given or is said to be absent.

        A topic is there if live timing or its mirror gave it. ``sign_in_problem`` says why nobody is signed in.

        :raises AccountError: something is given only to an account.
        :raises BlockedError: something is refused to this machine.
        :raises UpstreamError: something failed on the way; what came is kept.
        """
        services = list(services)
        if wanted := self._missing(api_path, services, Meaning.NEEDS_ACCOUNT):
            raise account_error(label, _sentence(wanted), sign_in_problem)
        if refused := self._missing(api_path, services, Meaning.REFUSED):
            raise BlockedError(
                f"This machine's address is refused by {_hosts(refused)}: of {label}, {_sentence(refused)} did not "
                f"come. Nothing is published from that. {FETCH_ELSEWHERE}"
            )
        if failed := self._missing(api_path, services, Meaning.FAILED):
            raise UpstreamError(
                f"{label} could not be fetched completely: {_sentence(failed)}. Run it again later; what came is kept "
                "and only the rest is asked for."
            )

    def _missing(self, api_path: str, services: Iterable[str], *meanings: Meaning) -> list[tuple[str, Answer]]:
        """Return what of all that nobody gave ended as one of ``meanings``."""
        asked = [*self._topics(api_path), *({url: self.by_url[url]} for url in services if url in self.by_url)]
        return [
            (url, answer)
            for answers in asked
            if not any(answer.meaning is Meaning.GIVEN for answer in answers.values())
            for url, answer in answers.items()
            if answer.meaning in meanings
        ]

    def _topics(self, api_path: str) -> list[dict[str, Answer]]:
        """Return the session's streams that were asked for: the answers of the hosts that were asked for each."""
        together: dict[str, dict[str, Answer]] = {}
        for url, answer in self.by_url.items():
            for base in (LIVE_TIMING, LIVE_TIMING_MIRROR):
                if url.startswith(base + api_path):
                    together.setdefault(url.removeprefix(base), {})[url] = answer
        return list(together.values())


def account_error(label: str, what: str, sign_in_problem: str | None) -> AccountError:
    """Return the error of ``what`` (in words) being given only to an account, and why there is none to ask with."""
    why = "the sign-in is not accepted" if sign_in_problem is None else sign_in_problem.rstrip(".")
    return AccountError(f"Live timing gives {label} only to who is signed in: {what}; {why}. {SIGN_IN}")


def in_words(url: str, answer: Answer) -> str:
    """Return an answer as messages say it."""
    parts = urlsplit(url)
    return f"{parts.path.rpartition('/')[2]} from {parts.hostname} ({answer.words})"


def _sentence(answers: list[tuple[str, Answer]]) -> str:
    more = len(answers) - _NAMED_AT_MOST
    named = ", ".join(in_words(url, answer) for url, answer in answers[:_NAMED_AT_MOST])
    return named + (f" and {more} more" if more > 0 else "")


def _hosts(answers: list[tuple[str, Answer]]) -> str:
    return " and ".join(dict.fromkeys(str(urlsplit(url).hostname) for url, _ in answers))
