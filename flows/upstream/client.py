"""FastF1 behind one object: on which cache it works, whom it signs in as, how its requests leave, what it said.

FastF1 keeps all of this for a whole process. So a process has one client at work at a time, and while its block lasts
(:meth:`Client.at_work`, :meth:`Client.asking`) FastF1 is that client's alone:

- Clients take turns. Whenever a block begins, FastF1 is set to that client's cache, network and account anew, whatever
  it was set to before; a block inside one of the same client changes nothing.
- A thread whose client's turn has not come waits until the block of the other thread's client has ended.
- A block inside one of *another* client, in the same thread, would take FastF1 away from under that client, whose data
  would then come from, or go into, the wrong cache. It raises ``RuntimeError``: a fault of the program.

Outside of any block FastF1 stays as the last one left it, and nothing asks it for anything.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any

from flows.session_ref import SessionRef
from flows.settings import Settings
from flows.upstream import patches
from flows.upstream.absence import prove_absent
from flows.upstream.account import Account, Logger, SignInOnce
from flows.upstream.answers import Answer
from flows.upstream.http_cache import damage_explained, read_bodies, set_aside_damaged
from flows.upstream.limits import OwnLimits, SharedLimits
from flows.upstream.outcomes import Outcomes
from transforms.errors import InputError, UpstreamError

_logger = logging.getLogger(__name__)
_FASTF1 = "fastf1"
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Heard:
    """What FastF1 said and asked during a block: ``warnings`` as (logger, text), and what became of its requests."""

    warnings: list[tuple[str, str]]
    outcomes: Outcomes
    client: "Client"

    def check_complete(self, session: SessionRef, services: Iterable[str]) -> None:
        """Do nothing if all that was asked of a located session and ``services`` was answered, be it with "not there".

        :raises UpstreamError: something was refused or failed; what came is kept, so that only the rest is asked for.
        """
        services = list(services)
        for refusal in self.outcomes.refusals(session.located_path, services):
            self.client.logger.warning("%s", refusal)
        problem = self.client.sign_in_problem
        self.outcomes.check(session.label, session.located_path, services, sign_in_problem=problem)

    def prove_absent(self, session: SessionRef, *, takes_its_word: bool = False) -> None:
        """Do nothing if what live timing says it has not of a session is not there; see :mod:`flows.upstream.absence`.

        To be called within the block. ``takes_its_word``: as the client does, or all the same.

        :raises UpstreamError: it may be there.
        """
        absent = self.outcomes.absent(session.located_path)
        taken = takes_its_word or self.client.takes_its_word
        prove_absent(self.client, session, absent, takes_its_word=taken)


@dataclass(frozen=True)
class Client:
    """FastF1 on the cache ``cache_dir`` (made if missing); ``offline`` it never asks the network.

    ``account`` is whom it signs in as where live timing wants that, ``limits`` are the call limits it keeps (None:
    FastF1's own, which raise), ``logger`` is told why requests wait or go without a sign-in.
    ``takes_its_word``: what live timing lists of a session and says it has not is lost, not withheld.
    """

    cache_dir: Path
    offline: bool = False
    account: Account = field(default_factory=Account.from_environment)
    limits: SharedLimits | OwnLimits | None = None
    logger: Logger = _logger
    takes_its_word: bool = False

    @classmethod
    def of(
        cls, settings: Settings, *, limits: SharedLimits | OwnLimits | None = None, logger: Logger = _logger
    ) -> "Client":
        """Return a client on the cache that the settings name; without ``limits`` it counts this process's calls."""
        if limits is None and not settings.offline:
            limits = OwnLimits()
        return cls(settings.cache_dir, settings.offline, limits=limits, logger=logger)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have FastF1 to itself while the block runs, on this client's cache and within its limits.

        :raises InputError: the folder cannot be used, or FastF1 is not the one this program was written for.
        :raises UpstreamError: a request could not be let out within the limits.
        :raises RuntimeError: another client is at work around the block.
        """
        with _process.lock:
            if _process.client is not None:
                if _process.client != self:
                    raise RuntimeError(
                        f"FastF1 is at work on the cache {_process.client.cache_dir} for another client; one on "
                        f"{self.cache_dir} cannot begin before that has ended."
                    )
                yield
                return
            self._take_over()
            _process.client = self
            try:
                with nullcontext() if self.limits is None else self.limits.kept(self.logger):
                    yield
            finally:
                _process.client = None

    @contextmanager
    def asking(self, what: str) -> Iterator[Heard]:
        """Ask FastF1 for ``what`` in the block, and hear what it says and what becomes of its requests.

        :raises UpstreamError: FastF1 gave up (it calls ``exit()``), a call limit is reached, or the network failed.
        """
        outcomes = Outcomes()
        with (
            self.at_work(),
            _captured_warnings() as said,
            _failures_as_errors(what),
            damage_explained(self.cache_dir),
            patches.requests_heard(outcomes.note, outcomes.note_clock),
            patches.streams_mended(),
            patches.telemetry_decoded(),
        ):
            yield Heard(said, outcomes, self)
        if outcomes.clock_problem is not None:
            self.logger.warning("%s", outcomes.clock_problem)

    def read_schedule_rows(self, year: int) -> list[dict[str, Any]]:
        """Return FastF1's schedule of a season: the columns of ``fastf1.events.EventSchedule``, one dict an event.

        To be called while :meth:`asking`. :raises ValueError: FastF1 could not have it.
        """
        import fastf1

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            schedule: list[dict[str, Any]] = fastf1.get_event_schedule(year).to_dict("records")
        return schedule

    def read_season_index(self, year: int) -> list[Any]:
        """Return the meetings in live timing's own index of a season, with their sessions; empty where it has none.

        To be called while :meth:`asking`.
        """
        from fastf1 import _api

        try:
            meetings = _api.season_schedule(f"/static/{year}/")
        except (_api.SessionNotAvailableError, LookupError, TypeError, ValueError):
            return []
        return meetings if isinstance(meetings, list) else []

    def read_bodies(self, urls: Iterable[str]) -> dict[str, bytes]:
        """Return what the cache holds of the answers at these addresses; asks nobody."""
        return read_bodies(self.cache_dir, urls)

    def ask(self, url: str) -> tuple[Answer, bytes]:
        """Ask for an address past the cache; return what the answer means and its body. To be called while asking."""
        return patches.ask_past_cache(url)

    def download(self, url: str, path: Path) -> Answer:
        """Download an address past the cache into ``path`` if it is given. To be called while asking.

        :raises OSError: ``path`` cannot be written.
        """
        return patches.download_past_cache(url, path)

    @property
    def sign_in_problem(self) -> str | None:
        """Why nobody is signed in to a Formula 1 account; None: somebody is, or it was not tried."""
        sign_in = _process.sign_in
        return None if sign_in is None or sign_in.account != self.account else sign_in.ended

    def refresh(self, url: str, what: str) -> None:
        """Ask for an address again, called ``what`` in errors, unless the cached answer has not expired yet.

        :raises UpstreamError: it could not be asked and nothing is cached.
        """
        import fastf1

        with self.asking(what):
            fastf1.Cache.requests_get(url, timeout=_TIMEOUT_S)

    def _take_over(self) -> None:
        import fastf1

        check_version()
        make_cache_folder(self.cache_dir)
        try:
            if (aside := set_aside_damaged(self.cache_dir)) is not None:
                self.logger.warning("FastF1's cache of responses was damaged and is moved to %s", aside)
            fastf1.Cache.configure(cache_dir=str(self.cache_dir))
            fastf1.Cache.offline_mode(self.offline)
        except (OSError, NotADirectoryError) as error:
            raise InputError(_unusable(self.cache_dir, error)) from error
        if _process.sign_in is None or _process.sign_in.account != self.account:
            _process.sign_in = SignInOnce(self.account, self.logger)
        _process.sign_in.logger = self.logger
        patches.sign_in_with(_process.sign_in)


@dataclass
class _Process:
    """What FastF1 is set to in this process: the client at work, and the sign-in of the one before or at work."""

    lock: RLock = field(default_factory=RLock)
    client: Client | None = None
    sign_in: SignInOnce | None = None


_process = _Process()


@cache
def check_version() -> None:
    """Do nothing if FastF1's insides are where they are touched.

    :raises InputError: they are not, with what has moved.
    """
    if moved := patches.find_moved():
        raise InputError(
            f"FastF1 {fastf1_version()} is not the one this program was written for: {'; '.join(moved)}. Install the "
            "version that this program requires."
        )


def fastf1_version() -> str:
    """Return the version of FastF1 that is installed."""
    return version(_FASTF1)


def make_cache_folder(cache_dir: Path) -> None:
    """Make the folder of FastF1's cache where it is missing.

    :raises InputError: it cannot be made.
    """
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(_unusable(cache_dir, error)) from error


def _unusable(cache_dir: Path, error: OSError) -> str:
    return (
        f"The FastF1 cache folder {cache_dir} cannot be used ({error}). Set PARCFERME_CACHE_DIR to a folder that can "
        "be written."
    )


def signed_in_until() -> datetime | None:
    """Return until when (aware) what FastF1 has stored of the F1 account on this machine holds. Asks nobody."""
    return patches.stored_sign_in_end()


def log_from(level: int) -> None:
    """Let FastF1 log from this level on, to whoever listens."""
    logging.getLogger(_FASTF1).setLevel(level)


def keep_quiet(*, verbose: bool) -> None:
    """Keep FastF1's own words off the terminal; ``verbose`` lets it say what it does.

    What matters of them reaches the quality report and the errors.
    """
    with patches.unused_stores_left_out():
        import fastf1

    fastf1.set_log_level("INFO" if verbose else "CRITICAL")


@contextmanager
def _captured_warnings() -> Iterator[list[tuple[str, str]]]:
    """Collect what FastF1 logs at WARNING and above while the block runs, as (logger, text).

    What its downloader and its sign-in say is left out: what this machine's cache, network or account lacks is no
    property of a session.
    """
    found: list[tuple[str, str]] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.endswith(patches.DOWNLOAD_LOGGER_END) and patches.SIGN_IN_LOGGER_PART not in record.name:
                found.append((record.name, " ".join(record.getMessage().split())))

    collector = _Collector(level=logging.WARNING)
    logger = logging.getLogger(_FASTF1)
    logger.addHandler(collector)
    try:
        yield found
    finally:
        logger.removeHandler(collector)


@contextmanager
def _failures_as_errors(what: str) -> Iterator[None]:
    """Turn FastF1's ``exit()``, rate limits and network failures into :class:`UpstreamError` naming ``what``."""
    import requests
    from fastf1.exceptions import RateLimitExceededError

    try:
        yield
    except SystemExit as error:
        raise UpstreamError(
            f"FastF1 gave up downloading {what}. Check the network and F1_USERNAME / F1_PASSWORD, then run it again."
        ) from error
    except RateLimitExceededError as error:
        raise UpstreamError(
            f"The upstream's call limit is reached while loading {what} ({error}). Run it again in an hour."
        ) from error
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise UpstreamError(
            f"The upstream could not be reached while loading {what} ({type(error).__name__}). Check the network, or "
            "set PARCFERME_OFFLINE=1 to use only what the cache holds."
        ) from error
