"""An HTTP proxy in front of an S3 server that does to requests what networks and busy servers do."""

import http.client
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_STRAIGHT = ""
_OF_A_REVISION = "/v1/sessions/[0-9]+/[0-9a-f]{16}/"
_MOMENT_S = 0.05


@dataclass
class Rule:
    """What happens, in turn, to requests of ``method`` whose path and query match; then they go straight through.

    ``busy``, ``error``, ``deny`` (503, 500, 403); ``reset`` (before the server hears of it), ``lost`` (after it has
    done it), ``hang`` (no answer), ``slow`` (a moment later than others), ``cut`` (half the answer's body), ``corrupt``
    (other bytes arrive), ``mute`` (an answer with an ETag that says nothing), ``lie`` (an answer with another SHA-256);
    joined by ``+`` for both at once.
    """

    method: str
    pattern: str
    outcomes: Iterator[str]


@dataclass
class FaultProxy:
    upstream: str
    endpoint: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    #: Request headers that never reach the server.
    dropped_headers: frozenset[str] = frozenset()
    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    #: Set when the server has done a write outside of a revision's own folder: a reader may see something else now.
    changed: threading.Event = field(default_factory=threading.Event)

    def fail(self, outcomes: Iterator[str] | list[str], method: str = "", pattern: str = "") -> None:
        with self._lock:
            self._rules.append(Rule(method, pattern, iter(outcomes)))

    def heal(self) -> None:
        with self._lock:
            self._rules.clear()
            self.requests.clear()

    def count(self, method: str, pattern: str = "") -> int:
        return sum(m == method and re.search(pattern, path) is not None for m, path in self.requests)

    def outcome_of(self, method: str, path: str) -> str:
        with self._lock:
            self.requests.append((method, path))
            for rule in self._rules:
                matches = rule.method in ("", method) and re.search(rule.pattern, path)
                if matches and (outcome := next(rule.outcomes, None)) is not None:
                    return outcome
        return _STRAIGHT


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        outcome = self.proxy.outcome_of(self.command, self.path).split("+")
        if "busy" in outcome:
            self._refuse(503, "SlowDown")
        elif "error" in outcome:
            self._refuse(500, "InternalError")
        elif "deny" in outcome:
            self._refuse(403, "AccessDenied")
        elif "reset" in outcome:
            self._hang_up()
        elif "hang" in outcome:
            self.proxy.closing.wait(30)
            self._hang_up()
        else:
            if "slow" in outcome:
                self.proxy.closing.wait(_MOMENT_S)
            if "corrupt" in outcome and body:
                body = bytes([body[0] ^ 1]) + body[1:]
            status, headers, answer = self._forwarded(body)
            if self.command in ("PUT", "DELETE") and not re.search(_OF_A_REVISION, self.path):
                self.proxy.changed.set()
            if "lost" in outcome:
                self._hang_up()
                return
            if "mute" in outcome:
                headers = [(name, value) for name, value in headers if name.lower() != "etag"]
                headers.append(("ETag", '"opaque"'))
            if "lie" in outcome:
                headers.append(("x-amz-checksum-sha256", "A" * 43 + "="))
            self._answer(status, headers, answer, cut="cut" in outcome)

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP | self.proxy.dropped_headers:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
            length = answer.getheader("Content-Length")
            data = answer.read()
            if self.command == "HEAD" and length is not None:
                headers.append(("Content-Length", length))
            return answer.status, headers, data
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._hang_up()

    def _refuse(self, status: int, code: str) -> None:
        body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>".encode()
        self._answer(status, [("Content-Type", "application/xml")], body, cut=False)

    def _hang_up(self) -> None:
        self.wfile.flush()
        # No lingering: the client sees a reset, not an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Broken connections are what this is for."""


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    proxy = FaultProxy(upstream)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
