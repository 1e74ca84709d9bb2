"""What became of FastF1's requests during a load: FastF1 takes an upstream that fails for one that has nothing.

It logs a topic that it did not get and goes on, for whatever reason. A session whose telemetry was refused or cut off
must be asked for again; one that has no telemetry upstream is published as that.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flows.upstream.account import PASSWORD, USERNAME, missing_credentials

#: What the hosts answer for what they do not have. Live timing keeps its files in S3 and may not list them: 403.
_ABSENT = (403, 404)
_NEEDS_ACCOUNT = 401
_NAMED_AT_MOST = 3


@dataclass
class Outcomes:
    """The last outcome of each address: the status of its answer, or what kind of error came instead of one.

    An answer from the cache, even an old one because no new one was to be had, is an answer.
    """

    by_url: dict[str, int | str] = field(default_factory=dict)

    def failures(self, api_path: str, services: Iterable[str]) -> list[str]:
        """Return in words which answers failed to come: of a session's topics, and of ``services`` (addresses).

        A topic is there if live timing or its mirror gave it, and absent if all that were asked say so. Without an
        account, one that only accounts get is absent here.
        """
        absent = (*_ABSENT, _NEEDS_ACCOUNT) if missing_credentials() else _ABSENT
        failed = []
        for urls in self._alternatives(api_path, services):
            outcomes = {url: self.by_url[url] for url in urls}
            if any(isinstance(outcome, int) and outcome < 400 for outcome in outcomes.values()):
                continue
            failed += [_in_words(url, outcome) for url, outcome in outcomes.items() if outcome not in absent]
        return failed

    def needs_account(self, api_path: str) -> bool:
        """Whether live timing refused something of the session for want of a sign-in."""
        return any(self.by_url[url] == _NEEDS_ACCOUNT for urls in self._alternatives(api_path, ()) for url in urls)

    def _alternatives(self, api_path: str, services: Iterable[str]) -> list[list[str]]:
        """Return the addresses that were asked, those of the same thing together."""
        from fastf1._api import base_url, base_url_mirror

        together: dict[str, list[str]] = {}
        for url in self.by_url:
            for base in (base_url, base_url_mirror):
                if url.startswith(base + api_path):
                    together.setdefault(url.removeprefix(base), []).append(url)
        return [*together.values(), *([url] for url in services if url in self.by_url)]


def in_sentence(failures: list[str]) -> str:
    """Return the first few of ``failures`` and how many more there are."""
    more = len(failures) - _NAMED_AT_MOST
    return ", ".join(failures[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def account_hint() -> str:
    """Return what to do where live timing answers only to accounts."""
    return f"Live timing answers only to a Formula 1 account here: set {USERNAME} and {PASSWORD}."


@contextmanager
def watched_requests() -> Iterator[Outcomes]:
    """Yield the outcomes of what FastF1 asks for through its cache while the block runs; offline there are none."""
    import requests
    from fastf1.req import Cache

    outcomes = Outcomes()
    name = "_cached_request"
    stored, ask = vars(Cache)[name], getattr(Cache, name)

    def _ask(method: str, url: str, **options: Any) -> Any:
        try:
            response = ask(method, url, **options)
        except (requests.RequestException, ConnectionError, TimeoutError) as error:
            outcomes.by_url[url] = type(error).__name__
            raise
        session = Cache._requests_session_cached
        if session is not None and not session.settings.only_if_cached:
            outcomes.by_url[url] = int(response.status_code)
        return response

    setattr(Cache, name, staticmethod(_ask))
    try:
        yield outcomes
    finally:
        setattr(Cache, name, stored)


def _in_words(url: str, outcome: int | str) -> str:
    parts = urlsplit(url)
    what = parts.path.rpartition("/")[2]
    return f"{what} from {parts.hostname} ({f'HTTP {outcome}' if isinstance(outcome, int) else outcome})"
