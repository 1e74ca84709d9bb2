"""What became of FastF1's requests during a load: FastF1 takes an upstream that fails for one that has nothing.

It logs a topic that it did not get and goes on, for whatever reason. A session whose telemetry was refused or cut off
must be asked for again; one that has no telemetry upstream is published as that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flows.upstream.account import PASSWORD, USERNAME, Account
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR

#: What the hosts answer for what they do not have. Live timing keeps its files in S3 and may not list them: 403.
_ABSENT = (403, 404)
_NEEDS_ACCOUNT = 401
_NAMED_AT_MOST = 3


@dataclass
class Outcomes:
    """The last outcome of each address: the status of its answer, or what kind of error came instead of one.

    An answer from the cache, even an old one because no new one was to be had, is an answer. ``account`` is whom
    FastF1 signed in as.
    """

    account: Account
    by_url: dict[str, int | str] = field(default_factory=dict)

    def note(self, url: str, outcome: int | str) -> None:
        """Keep what became of a request."""
        self.by_url[url] = outcome

    def failures(self, api_path: str, services: Iterable[str]) -> list[str]:
        """Return in words which answers failed to come: of a session's topics, and of ``services`` (addresses).

        A topic is there if live timing or its mirror gave it, and absent if all that were asked say so. Without an
        account, one that only accounts get is absent here.
        """
        absent = (*_ABSENT, _NEEDS_ACCOUNT) if self.account.missing else _ABSENT
        failed = []
        for urls in self._alternatives(api_path, services):
            outcomes = {url: self.by_url[url] for url in urls}
            if any(isinstance(outcome, int) and outcome < 400 for outcome in outcomes.values()):
                continue
            failed += [_in_words(url, outcome) for url, outcome in outcomes.items() if outcome not in absent]
        return failed

    def has_come(self, api_path: str, stream: str) -> bool:
        """Whether live timing or its mirror gave a stream of the session, whatever is in it."""
        outcomes = (self.by_url.get(base + api_path + stream) for base in (LIVE_TIMING, LIVE_TIMING_MIRROR))
        return any(isinstance(outcome, int) and outcome < 400 for outcome in outcomes)

    def failures_sentence(self, api_path: str, services: Iterable[str]) -> str:
        """Return the first few of :meth:`failures` and how many more there are; empty if there are none."""
        failures = self.failures(api_path, services)
        more = len(failures) - _NAMED_AT_MOST
        return ", ".join(failures[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")

    def needs_account(self, api_path: str) -> bool:
        """Whether live timing refused something of the session for want of a sign-in."""
        return any(self.by_url[url] == _NEEDS_ACCOUNT for urls in self._alternatives(api_path, ()) for url in urls)

    def account_hint(self, api_path: str) -> str:
        """Return what to do if live timing answers only to accounts here; empty if it answers to anybody."""
        if not self.needs_account(api_path):
            return ""
        return f"Live timing answers only to a Formula 1 account here: set {USERNAME} and {PASSWORD}."

    def _alternatives(self, api_path: str, services: Iterable[str]) -> list[list[str]]:
        """Return the addresses that were asked, those of the same thing together."""
        together: dict[str, list[str]] = {}
        for url in self.by_url:
            for base in (LIVE_TIMING, LIVE_TIMING_MIRROR):
                if url.startswith(base + api_path):
                    together.setdefault(url.removeprefix(base), []).append(url)
        return [*together.values(), *([url] for url in services if url in self.by_url)]


def _in_words(url: str, outcome: int | str) -> str:
    parts = urlsplit(url)
    what = parts.path.rpartition("/")[2]
    return f"{what} from {parts.hostname} ({f'HTTP {outcome}' if isinstance(outcome, int) else outcome})"
