"""FastF1's insides: everything this project changes or reads there, in one place.

FastF1 offers no way to see what became of its requests, to let them wait for their turn, to sign in otherwise, or to
decode telemetry faster; five hooks do that:

- :func:`sign_in_with`: FastF1 signs in through a function of ours (``token_manager._default_auth_func``).
- :func:`requests_through`: every request that leaves goes through a function of ours
  (``_SessionWithRateLimiting.get_adapter``).
- :func:`requests_heard`: what becomes of each request is told (``Cache._cached_request``); :func:`ask_past_cache` asks
  without the cache (``Cache._requests_session``).
- :func:`streams_mended`: its parsers get what can be read of a stream (``_api.fetch_page``), and laps do without topics
  that only add to them.
- :func:`telemetry_decoded`: the telemetry feeds are decoded by :mod:`flows.upstream.telemetry` (``_api.car_data``,
  ``_api.position_data``) and stay as they came (``Session._load_telemetry``).

They are written for FastF1 3.9, which is the only one ``pyproject.toml`` allows. :func:`find_moved` says what another
one has moved of all that is touched, there and in :mod:`flows.upstream.load`.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import reduce, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from flows.upstream import streams
from flows.upstream.answers import Answer, Meaning, answer_of, no_answer
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR
from flows.upstream.topics import PARSERS_LOGGER, STREAMS
from transforms.errors import UpstreamError

if TYPE_CHECKING:
    import requests

    from flows.upstream.telemetry import Frames, Parsed

#: FastF1's loggers of the sign-in have it in their names, the one of its downloads ends with it.
SIGN_IN_LOGGER_PART, DOWNLOAD_LOGGER_END = "f1account", ".req"
#: FastF1 sets none for most requests: seconds to connect, and between two parts of the answer.
_TIMEOUT_S = (10.0, 60.0)
_OK, _FORBIDDEN = 200, 403
_PART_BYTES = 1 << 16
_STREAM_END = ".jsonStream"

#: Loggers by what their names end with, after a dot.
_LOGGERS = {
    "fastf1._api._logger": PARSERS_LOGGER.removeprefix("fastf1"),
    "fastf1.req._logger": DOWNLOAD_LOGGER_END,
    "fastf1.internals.f1account.common.logger": f".{SIGN_IN_LOGGER_PART}",
}
#: Topics without which FastF1 gives up all laps, though they are made from another: tyres, flags, and the start.
_ADDING_TO_LAPS = ("timing_app_data", "track_status_data", "session_status_data")
#: The telemetry topics, and the parts of their messages that :mod:`flows.upstream.feeds` reads.
_FEEDS = {
    "car_data": {"Entries", "Utc", "Cars", "Channels", "0", "2", "3", "4", "5", "45"},
    "position_data": {"Position", "Timestamp", "Entries", "X", "Y", "Z", "Status"},
}
#: Callables by their parameters.
_PARAMETERS = {
    "fastf1.req.Cache._cached_request": ("method", "url", "kwargs"),
    "fastf1.req._SessionWithRateLimiting.get_adapter": ("self", "url"),
    "fastf1.internals.f1account.login.login": ("username", "password"),
    "fastf1.internals.f1account.token_manager.get_stored": (),
    "fastf1.core.Session._load_session_info": ("self", "livedata"),
    "fastf1.core.Session._load_session_status_data": ("self", "livedata"),
    "fastf1.core.Session._load_telemetry": ("self", "livedata"),
    "fastf1._api.fetch_page": ("path", "name"),
    "fastf1._api.season_schedule": ("path", "response"),
    "fastf1.logger.soft_exceptions": ("descr_name", "msg", "logger"),
    "fastf1.req.Cache.api_request_wrapper": ("func",),
    **{f"fastf1._api.{name}": ("path", "response", "livedata") for name in (*_ADDING_TO_LAPS, *_FEEDS)},
}
_PRESENT = (
    "fastf1._api.headers",
    "fastf1.core._logger",
    "fastf1.core.Session.drivers",
    "fastf1._api.SessionNotAvailableError",
    "fastf1.req.Cache._requests_session",
    "fastf1.req.Cache._requests_session_cached",
    "fastf1.req.Cache._API_CORE_VERSION",
    "fastf1.internals.f1account.token_manager._default_auth_func",
    "fastf1.internals.f1account.token_manager._token_path",
)
#: Attributes that methods of ``fastf1.core.Session`` set while it loads.
_SESSION_ATTRIBUTES = (
    "_session_info",
    "_laps",
    "_car_data",
    "_pos_data",
    "_t0_date",
    "_session_start_time",
    "_race_control_messages",
    "_weather_data",
    "_track_status",
    "_session_status",
    "_total_laps",
    "_results",
)


class Token(Protocol):
    """FastF1's token for live timing; ``expires_at`` is in seconds of Unix time."""

    expires_at: float


class NotSignedInError(Exception):
    """There is no token for live timing; the message says why, and FastF1 goes on without."""


def sign_in_with(sign_in: Callable[[], Token]) -> None:
    """Let FastF1 sign in by calling ``sign_in``, which raises :class:`NotSignedInError` where there is no token."""
    from fastf1.exceptions import F1AuthError
    from fastf1.internals.f1account import token_manager

    def _authenticate() -> Token:
        try:
            return sign_in()
        except NotSignedInError as error:
            raise F1AuthError(str(error)) from error

    # FastF1's adapters hold this object; which way it signs in is decided by this attribute alone.
    token_manager._default_auth_func = _authenticate


def request_token(username: str, password: str) -> Token:
    """Sign in to a Formula 1 account over the network.

    :raises NotSignedInError: it was refused, or did not come so far.
    """
    from fastf1.exceptions import F1AuthError
    from fastf1.internals.f1account.login import login

    try:
        token: Token = login(username, password)
    except F1AuthError as error:
        raise NotSignedInError(str(error)) from error
    return token


def holds_token() -> bool:
    """Whether FastF1 in this process holds a token, valid or not."""
    from fastf1.internals.f1account import token_manager

    return token_manager.get_stored() is not None


def token_folder() -> Path:
    """Return the folder in which FastF1 keeps its token."""
    from fastf1.internals.f1account import token_manager

    return Path(token_manager._token_path).parent


def stored_sign_in_end() -> datetime | None:
    """Return until when (aware) the token holds that FastF1 has stored on this machine; None: there is none."""
    from fastf1.internals.f1account.tokens import TokenManager

    def _never() -> None:
        raise RuntimeError("a look at what is stored signs nobody in")

    token = TokenManager(_never).get_stored()
    return None if token is None else datetime.fromtimestamp(token.expires_at, UTC)


def topic_format() -> int:
    """Return the version of the format in which FastF1 keeps what it has parsed."""
    from fastf1.req import Cache

    return int(Cache._API_CORE_VERSION)


#: Lets a request to a host through: called with what sends it, and with the host's name; returns the answer.
LetThrough = Callable[[Callable[[], "requests.Response"], str], "requests.Response"]


@contextmanager
def requests_through(let_through: LetThrough) -> Iterator[None]:
    """Let every request that FastF1 sends while the block runs go through ``let_through``; cached answers do not.

    An :class:`UpstreamError` raised there ends FastF1's work, which logs other errors and goes on without the data.
    """
    from fastf1.req import _SessionWithRateLimiting

    choose_adapter = _SessionWithRateLimiting.get_adapter

    # On the class: FastF1 makes a new session whenever its cache is configured.
    def get_adapter(session: Any, url: str) -> _Adapter:
        return _Adapter(choose_adapter(session, url), let_through)

    with _replaced(_SessionWithRateLimiting, "get_adapter", get_adapter):
        yield


class _Adapter:
    """What a session sends its requests through: FastF1's own adapter, behind ``let_through``.

    A session asks for an adapter for every request that leaves, redirections included, never for a cached answer.
    """

    def __init__(self, adapter: Any, let_through: LetThrough) -> None:
        self._adapter = adapter
        self._let_through = let_through

    def send(
        self, request: "requests.PreparedRequest", stream: bool = False, timeout: Any = None, **options: Any
    ) -> "requests.Response":
        """Send ``request`` in its turn and return the answer, read to its end unless it is to be streamed."""
        from fastf1.exceptions import FastF1CriticalError

        def _send() -> "requests.Response":
            response: requests.Response = self._adapter.send(
                request, stream=stream, timeout=timeout or _TIMEOUT_S, **options
            )
            if not stream:
                _ = response.content  # the download is the answer's body, not its head
            return response

        try:
            return self._let_through(_send, urlsplit(request.url or "").hostname or "")
        except UpstreamError as error:
            raise FastF1CriticalError(str(error)) from error

    def close(self) -> None:
        """Close FastF1's adapter."""
        self._adapter.close()


@contextmanager
def requests_heard(hear: Callable[[str, Answer], None]) -> Iterator[None]:
    """Call ``hear`` with address and outcome of what FastF1 asks for through its cache; offline with nothing.

    A web page in place of data is a refusal, whatever its status: FastF1 gets it as one, and does not keep it.
    """
    import requests
    from fastf1.req import Cache

    ask = Cache._cached_request

    def _cached_request(method: str, url: str, **options: Any) -> "requests.Response":
        try:
            response: requests.Response = ask(method, url, **options)
        except (requests.RequestException, ConnectionError, TimeoutError) as error:
            hear(url, no_answer(error))
            raise
        session = Cache._requests_session_cached
        if session is not None and not session.settings.only_if_cached:
            answer = answer_of(response.status_code, response.headers, response.content)
            hear(url, answer)
            if answer.meaning is Meaning.REFUSED and response.status_code < _FORBIDDEN:
                Cache.delete_response(url)
                response.status_code = _FORBIDDEN
        return response

    with _replaced(Cache, "_cached_request", staticmethod(_cached_request)):
        yield


def ask_past_cache(url: str) -> tuple[Answer, bytes]:
    """Ask for an address as FastF1 does, but past its cache; return what the answer means and its body."""
    import requests
    from fastf1 import _api
    from fastf1.req import Cache

    try:
        response = Cache._requests_session.get(url, headers=_api.headers, timeout=_TIMEOUT_S)
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        return no_answer(error), b""
    return answer_of(response.status_code, response.headers, response.content), bytes(response.content)


def download_past_cache(url: str, path: Path) -> Answer:
    """Download an address as FastF1 asks for it, but past its cache, into ``path``; what is not given is not written.

    A part at a time: a stream of 40 MB takes no more memory than a small one.

    :raises OSError: ``path`` cannot be written.
    """
    import requests
    from fastf1 import _api
    from fastf1.req import Cache

    try:
        with Cache._requests_session.get(url, headers=_api.headers, timeout=_TIMEOUT_S, stream=True) as response:
            parts = response.iter_content(_PART_BYTES)
            first = next(parts, b"")
            answer = answer_of(response.status_code, response.headers, first)
            if answer.meaning is Meaning.GIVEN:
                with path.open("wb") as file:
                    file.write(first)
                    for part in parts:
                        file.write(part)
            return answer
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        path.unlink(missing_ok=True)
        return no_answer(error)


@contextmanager
def streams_mended() -> Iterator[None]:
    """Let FastF1's parsers have what can be read of each stream while the block runs, and say what they do not get.

    A stream without one readable line is none: FastF1 keeps nothing of it and asks again. Of the topics that only add
    to laps an absent one is then an empty one, which is not kept either.
    """
    from fastf1 import _api
    from fastf1.core import Session
    from fastf1.req import Cache

    fetch, logger = _api.fetch_page, _api._logger

    def fetch_page(path: str, name: str) -> Any:
        page = _api.pages[name]
        if not page.endswith(_STREAM_END):
            return fetch(path, name)
        urls = tuple(base + path + page for base in (LIVE_TIMING, LIVE_TIMING_MIRROR))
        answer = Cache.requests_get(urls, headers=_api.headers)
        if answer.status_code != _OK:
            return None
        stream = streams.read_stream(answer.content, page)
        if stream.unreadable:
            topic = page.removesuffix(_STREAM_END)
            logger.warning(f"{topic}: {stream.unreadable} of {stream.lines} lines cannot be read and are left out")
        return stream.records or None

    def or_empty(read: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str, **options: Any) -> Any:
            try:
                return read(path, **options)
            except _api.SessionNotAvailableError:
                return inspect.unwrap(read)(path, response=[])

        return call

    load_status = Session._load_session_status_data

    def _load_session_status_data(session: Any, livedata: Any = None) -> None:
        import pandas as pd

        load_status(session, livedata=livedata)
        if getattr(session, "_session_start_time", None) is None:
            # Compared with times, where FastF1 does not expect None.
            session._session_start_time = pd.NaT
        if not len(getattr(session, "_session_status", ())):
            session._session_status = pd.DataFrame({"Time": pd.to_timedelta([]), "Status": []})

    with ExitStack() as hooks:
        hooks.enter_context(_replaced(_api, "fetch_page", fetch_page))
        for name in _ADDING_TO_LAPS:
            hooks.enter_context(_replaced(_api, name, or_empty(getattr(_api, name))))
        hooks.enter_context(_replaced(Session, "_load_session_status_data", _load_session_status_data))
        yield


@contextmanager
def telemetry_decoded() -> Iterator[None]:
    """Let FastF1 decode the telemetry feeds as :mod:`flows.upstream.telemetry` does while the block runs.

    It asks for them, keeps them and reads them again as ever. A session then has them as they were parsed, without the
    columns that FastF1 works out from their dates.
    """
    from fastf1 import _api
    from fastf1.core import Session

    # Only here: pandas takes longer to import than some commands take in all.
    from flows.upstream.telemetry import parse_car_data, parse_position_data

    with ExitStack() as hooks:
        for name, parse in (("car_data", parse_car_data), ("position_data", parse_position_data)):
            hooks.enter_context(_replaced(_api, name, _reader(name, parse)))
        hooks.enter_context(_replaced(Session, "_load_telemetry", _telemetry_loader()))
        yield


def _reader(name: str, parse: "Callable[[list[str]], Parsed | None]") -> "Callable[..., Frames]":
    """Return what reads a telemetry topic in place of FastF1's ``name``, from its cache or the upstream."""
    from fastf1 import _api
    from fastf1.req import Cache

    parse_as_fastf1: Callable[..., Frames] = inspect.unwrap(getattr(_api, name))
    (page,) = (page for page, stream in _api.pages.items() if stream == STREAMS[name])

    @wraps(parse_as_fastf1)
    def read(path: str, **_: Any) -> "Frames":
        records = _api.fetch_page(path, page)
        if records is None:
            raise _api.SessionNotAvailableError(f"{STREAMS[name]} is not there")
        parsed = parse(records)
        if parsed is None:
            return parse_as_fastf1(path, response=records)
        for warning in parsed.warnings:
            _api._logger.warning(warning)
        return parsed.frames

    reader: Callable[..., Frames] = Cache.api_request_wrapper(read)
    return reader


def _telemetry_loader() -> Callable[..., None]:
    """Return ``Session._load_telemetry`` without its copies: the frames of the session's drivers as they were parsed.

    It says the same, and leaves the same undone after an error.
    """
    from fastf1 import _api
    from fastf1.core import Session, _logger
    from fastf1.logger import soft_exceptions

    from flows.upstream.telemetry import latest_origin

    def read(name: str, warning: str, session: Any) -> "Frames":
        try:
            frames: Frames = getattr(_api, name)(session.api_path)
        except _api.SessionNotAvailableError:
            _logger.warning(warning)
            return {}
        return frames

    @wraps(inspect.unwrap(Session._load_telemetry))
    def _load_telemetry(session: Any, livedata: Any = None) -> None:
        cars = read("car_data", "Car telemetry data is unavailable!", session)
        positions = read("position_data", "Car position data is unavailable!", session)
        session._t0_date = latest_origin(cars, positions)
        if session._t0_date is None:
            _logger.warning("Failed to determine `Session.t0_date`!")
        session._car_data, session._pos_data = {}, {}
        for frames, kept in ((cars, session._car_data), (positions, session._pos_data)):
            if frames:
                kept.update({number: frames[number] for number in session.drivers if number in frames})
        if hasattr(session, "_laps"):
            session._laps["LapStartDate"] = session._laps["LapStartTime"] + session._t0_date

    loader: Callable[..., None] = soft_exceptions("telemetry data", "Failed to load telemetry data!", _logger)(
        _load_telemetry
    )
    return loader


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Set an attribute of a class or module while the block runs; afterwards it has, or inherits, what it had."""
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def find_moved() -> list[str]:
    """Return in words what this FastF1 has otherwise than it is touched here; empty for the one that is pinned."""
    return [*_moved_parts(), *_moved_sessions(), *_moved_streams(), *_moved_feeds()]


def _moved_parts() -> Iterator[str]:
    for name, parameters in _PARAMETERS.items():
        try:
            found = tuple(inspect.signature(_part(name)).parameters)
        except (ImportError, AttributeError):
            yield f"{name} is gone"
            continue
        if found != parameters:
            yield f"{name} takes ({', '.join(found)}) instead of ({', '.join(parameters)})"
    for name in _PRESENT:
        try:
            _part(name)
        except (ImportError, AttributeError):
            yield f"{name} is gone"
    for name, end in _LOGGERS.items():
        try:
            found_name = _part(name).name
        except (ImportError, AttributeError):
            yield f"{name} is gone"
            continue
        if not found_name.endswith(end):
            yield f"{name} logs as {found_name} instead of ...{end}"


def _part(name: str) -> Any:
    """Return what ``name`` (``fastf1.req.Cache.configure``) names, importing as much of it as is a module."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[end:], module)
    raise ModuleNotFoundError(name)


def _moved_sessions() -> Iterator[str]:
    from fastf1.core import Session
    from fastf1.req import _CachedSessionWithRateLimiting, _SessionWithRateLimiting

    if not issubclass(_CachedSessionWithRateLimiting, _SessionWithRateLimiting):
        yield "fastf1.req._CachedSessionWithRateLimiting is no _SessionWithRateLimiting"
    methods = [inspect.unwrap(member) for member in vars(Session).values() if inspect.isfunction(member)]
    named = {name for method in methods for name in method.__code__.co_names}
    yield from (f"fastf1.core.Session.{name} is gone" for name in _SESSION_ATTRIBUTES if name not in named)


def _moved_feeds() -> Iterator[str]:
    from fastf1 import _api

    for name, parts in _FEEDS.items():
        parser = getattr(_api, name, None)
        read = () if parser is None else inspect.unwrap(parser).__code__.co_consts
        if other := sorted(parts - {part for part in read if isinstance(part, str)}):
            yield f"fastf1._api.{name} does not read {', '.join(other)}"


def _moved_streams() -> Iterator[str]:
    from fastf1 import _api

    for name, address in (("base_url", LIVE_TIMING), ("base_url_mirror", LIVE_TIMING_MIRROR)):
        if getattr(_api, name, None) != address:
            yield f"fastf1._api.{name} is {getattr(_api, name, None)} instead of {address}"
    for topic, stream in STREAMS.items():
        parser = getattr(_api, topic, None)
        constants = () if parser is None else inspect.unwrap(parser).__code__.co_consts
        if stream not in {_api.pages.get(name) for name in constants if isinstance(name, str)}:
            yield f"fastf1._api.{topic} is gone or not made from {stream}"


#: Libraries of stores that ``requests_cache`` could keep answers in and FastF1 does not.
_UNUSED_STORES = ("boto3", "gridfs", "pymongo", "redis")


@contextmanager
def unused_stores_left_out() -> Iterator[None]:
    """Let an import of FastF1 in the block leave out what ``requests_cache`` would import for stores nobody uses.

    It goes on without a library that is absent; these take a quarter of a second of processor time. One that is
    imported already stays. For the beginning of a process, which has one thread.
    """
    left_out = [name for name in _UNUSED_STORES if name not in sys.modules]
    for name in left_out:
        sys.modules[name] = None  # type: ignore[assignment]  # what Python takes for absent
    try:
        yield
    finally:
        for name in left_out:
            del sys.modules[name]
