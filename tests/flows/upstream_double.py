"""A double of everything FastF1 talks to, at the network's edge: an intercepting HTTPS proxy on loopback.

FastF1 runs as it is, in processes that know only the environment variables of :meth:`UpstreamDouble.environment`.
"""

import re
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import Literal
from urllib.parse import urlsplit

import trustme
from upstream_account import ACCOUNT_HOST, AGENTS_HOST, SIGN_IN_HOST, TOKEN_LIFE_S, Account
from upstream_season import (
    CIRCUIT_HOST,
    MIRROR_HOST,
    RESULTS_HOST,
    SCHEDULE_HOST,
    TIMING_HOST,
    Answer,
    SessionId,
    UpstreamSeason,
)

#: Others do not exist in this network.
HOSTS = frozenset(
    (SCHEDULE_HOST, TIMING_HOST, MIRROR_HOST, RESULTS_HOST, CIRCUIT_HOST, ACCOUNT_HOST, SIGN_IN_HOST, AGENTS_HOST)
)
#: What the real hosts say in Cache-Control, seconds; FastF1 keeps the answers of the others for 12 h.
_MAX_AGE_S = {SCHEDULE_HOST: 300, TIMING_HOST: 3600}
_LOOPBACK = "127.0.0.1,localhost,::1"


@dataclass
class Request:
    """One request. ``status`` is None until it is answered, 0 if the connection was closed without an answer.

    ``concurrent``: requests to its host that were being answered when it came, itself included. ``session`` is named
    by the sample season's own round. ``at_s`` is monotonic.
    """

    order: int
    host: str
    path: str
    at_s: float
    concurrent: int
    session: SessionId | None
    what: str
    signed_in: bool
    status: int | None = None

    @property
    def url(self) -> str:
        return f"https://{self.host}{self.path}"


@dataclass
class _Limit:
    pattern: re.Pattern[str]
    calls: int
    window_s: float
    granted: deque[float] = field(default_factory=deque)

    def wait_s(self, now_s: float) -> float:
        """Return how long a caller must wait; 0 grants the call. Refused calls do not count."""
        while self.granted and self.granted[0] <= now_s - self.window_s:
            self.granted.popleft()
        if len(self.granted) >= self.calls:
            return self.granted[0] + self.window_s - now_s
        self.granted.append(now_s)
        return 0.0


class UpstreamDouble:
    """The upstream's hosts with the sample season (:attr:`season`), their limits and their failures.

    A context manager. ``folder`` takes the certificate and FastF1's sign-in token. Host patterns are regular
    expressions that must match the whole host name. Everything may be called from any thread.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.season = UpstreamSeason()
        self._ca = trustme.CA()
        self._ca_path = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self._ca_path))
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._contexts_lock = Lock()
        self._changed = Condition()
        self._requests: list[Request] = []
        self._active: Counter[str] = Counter()
        self._most: Counter[str] = Counter()
        self._limits: list[_Limit] = []
        self._down: list[tuple[re.Pattern[str], str]] = []
        self._delays: list[tuple[re.Pattern[str], float]] = []
        self._max_age_s: dict[str, int | None] = {host: _MAX_AGE_S.get(host) for host in HOSTS}
        self._account = Account()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.double = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "UpstreamDouble":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.up()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def proxy_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def token_path(self) -> Path:
        """Where FastF1 in a process with :meth:`environment` keeps its sign-in token."""
        return self.folder / "data" / "fastf1" / "f1auth_token.json"

    def environment(self) -> dict[str, str]:
        """Return what a process needs in its environment so that all its requests but those on loopback come here."""
        proxies = {"HTTPS_PROXY": self.proxy_url, "HTTP_PROXY": self.proxy_url, "NO_PROXY": _LOOPBACK}
        return {
            **proxies,
            **{name.lower(): value for name, value in proxies.items()},
            "REQUESTS_CA_BUNDLE": str(self._ca_path),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "F1_USERNAME": self._account.username,
            "F1_PASSWORD": self._account.password,
        }

    # Failures, limits, the account.

    def down(self, hosts: str = ".*", how: Literal["refuse", "error", "hang"] = "refuse") -> None:
        """Let hosts fail: connections refused, status 503, or no answer until :meth:`up`."""
        with self._changed:
            self._down.append((re.compile(hosts), how))

    def up(self) -> None:
        """End every failure; what hangs is answered."""
        with self._changed:
            self._down.clear()
            self._changed.notify_all()

    def delay(self, hosts: str, seconds: float) -> None:
        """Let every answer of these hosts take this long."""
        with self._changed:
            self._delays.append((re.compile(hosts), seconds))

    def limit(self, hosts: str, calls: int, window_s: float) -> None:
        """Grant these hosts together ``calls`` answers in any ``window_s`` seconds; what is over gets a 429."""
        with self._changed:
            self._limits.append(_Limit(re.compile(hosts), calls, window_s))

    def real_limits(self) -> None:
        """Set the limits that the product must keep: 200 an hour of the results service, 500 an hour of all."""
        self.limit(re.escape(RESULTS_HOST), 200, 3600)
        self.limit(".*", 500, 3600)

    def no_limits(self) -> None:
        """End every limit and delay."""
        with self._changed:
            self._limits.clear()
            self._delays.clear()

    def max_age(self, hosts: str, seconds: int | None) -> None:
        """Say how long answers of these hosts may be kept; 0 lets FastF1 ask each time, None lets it decide (12 h)."""
        for host in HOSTS:
            if re.fullmatch(hosts, host):
                self._max_age_s[host] = seconds

    def require_account(self, username: str, password: str, valid_for_s: float = TOKEN_LIFE_S) -> None:
        """Let live timing answer 401 to who is not signed in; :meth:`environment` then holds the credentials."""
        self._account = Account(username, password, valid_for_s, required=True)

    def no_account(self) -> None:
        """Let live timing answer to everybody again, and forget the tokens given, here and in :attr:`token_path`."""
        self._account = Account()
        self.token_path.unlink(missing_ok=True)

    def revoke_tokens(self) -> None:
        """Let every token given so far be rejected."""
        self._account.tokens.clear()

    # What was asked.

    def requests(self, hosts: str = ".*") -> list[Request]:
        """Return every request so far in the order of arrival."""
        with self._changed:
            return [replace(request) for request in self._requests if re.fullmatch(hosts, request.host)]

    def requests_of(self, round_number: int, code: str) -> list[Request]:
        """Return the requests for a session's timing and results. Practice asks for the race's results too."""
        return [request for request in self.requests() if request.session == (round_number, code)]

    def calls_by_host(self) -> dict[str, int]:
        """Return the number of requests by host."""
        return dict(Counter(request.host for request in self.requests()))

    def refused(self) -> list[Request]:
        """Return the requests that were answered with 429."""
        return [request for request in self.requests() if request.status == 429]

    def max_concurrency(self, host: str) -> int:
        """Return the largest number of requests that a host was answering at once."""
        with self._changed:
            return self._most[host]

    def forget(self) -> None:
        """Start counting anew. Limits remember."""
        with self._changed:
            self._requests.clear()
            self._most.clear()

    def wait_for(self, condition: Callable[[list[Request]], bool], timeout_s: float = 60.0) -> bool:
        """Wait until ``condition`` holds for the requests so far; whether it did in time."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(list(self._requests)), timeout_s)

    # For the server's threads.

    def _context(self, host: str) -> ssl.SSLContext:
        with self._contexts_lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._ca.issue_cert(host).configure_cert(context)
                self._contexts[host] = context
            return self._contexts[host]

    def _failure(self, host: str) -> str | None:
        with self._changed:
            return next((how for pattern, how in self._down if pattern.fullmatch(host)), None)

    def _answer(self, request: Request, method: str, target: str, body: bytes, token: str) -> tuple[Answer, float]:
        """Return the answer to a request and, if it is a 429, how long to wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure(request.host) != "hang")
            failure = self._failure(request.host)
            delay_s = sum(seconds for pattern, seconds in self._delays if pattern.fullmatch(request.host))
            limits = [limit for limit in self._limits if limit.pattern.fullmatch(request.host)]
            wait_s = 0.0 if failure else max((limit.wait_s(time.monotonic()) for limit in limits), default=0.0)
        if delay_s:
            time.sleep(delay_s)
        if failure:
            return Answer(503 if failure == "error" else 0, b"Service Unavailable"), 0.0
        if wait_s:
            return Answer(429, b'{"detail":"Request was throttled."}'), wait_s
        if request.host == TIMING_HOST and not self._account.admits(token):
            return Answer(401, b"Unauthorized"), 0.0
        if request.host in (ACCOUNT_HOST, SIGN_IN_HOST, AGENTS_HOST):
            return self._account.answer(request.host, method, target, body), 0.0
        return self.season.answer(request.host, request.path), 0.0

    def _begin(self, host: str, path: str, token: str) -> Request:
        asked = self.season.answer(host, path)
        with self._changed:
            self._active[host] += 1
            self._most[host] = max(self._most[host], self._active[host])
            signed_in = token in self._account.tokens
            number, at_s = len(self._requests), time.monotonic()
            request = Request(number, host, path, at_s, self._active[host], asked.session, asked.what, signed_in)
            self._requests.append(request)
            self._changed.notify_all()
        return request

    def _end(self, request: Request, status: int) -> None:
        with self._changed:
            self._active[request.host] -= 1
            request.status = status
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    double: UpstreamDouble

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that was killed leaves its connection as it is."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 120
    _tunnel_to = ""

    def do_CONNECT(self) -> None:
        """Open a tunnel and be the host at its end."""
        host = self.path.rpartition(":")[0]
        double = self.server.double
        if host not in HOSTS or double._failure(host) == "refuse":
            double._end(double._begin(host, "", ""), 0)
            self.send_error(502, "Cannot connect")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.wfile.flush()
        self.connection = double._context(host).wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self._tunnel_to = host
        self.close_connection = False

    def do_GET(self) -> None:
        """Answer for the host, and record it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        host = self._tunnel_to or url.hostname or ""
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        double = self.server.double
        request = double._begin(host, url.path, token)
        status = 0
        try:
            answer, wait_s = double._answer(request, self.command, self.path, body, token)
            status = answer.status
            if status:
                status = self._send(host, answer, wait_s)
            else:
                self.close_connection = True
        except OSError:
            status = 0
            self.close_connection = True
        finally:
            double._end(request, status)

    def do_POST(self) -> None:
        """Answer for the host: only signing in posts."""
        self.do_GET()

    def _send(self, host: str, answer: Answer, wait_s: float) -> int:
        """Send an answer, without its body where the client has the same one already; returns the status sent."""
        etag = f'"{hash(answer.body) & (2**64 - 1):x}"'
        unchanged = answer.status == 200 and self.headers.get("If-None-Match") == etag
        status, body = (304, b"") if unchanged else (answer.status, answer.body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json" if body[:1] in b"{[" else "text/plain")
        if answer.status == 200:
            self.send_header("ETag", etag)
            max_age_s = self.server.double._max_age_s.get(host)
            if max_age_s is not None:
                self.send_header("Cache-Control", f"max-age={max_age_s}")
        if wait_s:
            self.send_header("Retry-After", str(int(wait_s) + 1))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        return status

    def finish(self) -> None:
        """Close the tunnel too; the server knows only the connection it accepted."""
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are recorded."""
