"""A small static server over a store, on loopback: the headers a browser would get from S3, for the demo and for
tests.

It knows ETags, conditional and range requests and CORS, and compresses what nginx and CloudFront would. It is not meant
to face the internet: see ``deployments`` for that.
"""

import gzip
import json
import logging
import re
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from publish import keys
from publish.stores.base import Conflict, ObjectInfo, Store
from transforms.errors import InputError, ParcfermeError

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 4 << 20
_REPLACED_ATTEMPTS = 3
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
#: Digits of a range's number that count: no object has so many bytes, and Python converts no thousands of digits.
_DIGITS = 18
#: What is compressed for who can take it, as by deployments/nginx and CloudFront: texts that are not stored compressed.
_TEXTS = ("text/", "application/json", "application/atom+xml", "image/svg+xml")
_WORTH_BYTES = 1 << 10
_LEVEL = 6
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*")
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range, If-Match, If-None-Match, If-Range",
    "Access-Control-Max-Age": "3600",
}


@dataclass(frozen=True)
class _Answer:
    """Status, extra headers and the range of bytes (first, last; None for no body) to send."""

    status: HTTPStatus
    headers: dict[str, str]
    body: tuple[int, int] | None


def make_server(store: Store, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Return a server that listens (port 0: any free one) but does not serve yet; InputError if it cannot."""

    class Handler(_Handler):
        pass

    Handler.store = store
    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"Cannot listen on {host}:{port}: {error}. Choose another port (--port), or stop what uses this one."
        ) from error
    server.daemon_threads = True
    return server


def serve(store: Store, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until interrupted."""
    with make_server(store, host, port) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            logger.info("Stopped serving %s", store.uri)


class _Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"
    server_version = "parcferme"
    sys_version = ""
    timeout = 60  # seconds a connection may be silent
    # Headers and body are two packets; without this the second waits until the first is acknowledged, up to 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with the object."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer with the object's headers."""
        self._answer()

    def do_OPTIONS(self) -> None:
        """Answer a browser that asks what other origins may do."""
        self._send_headers(HTTPStatus.NO_CONTENT, _CORS | _PREFLIGHT)

    def handle_one_request(self) -> None:
        """Read a request and answer it; a client that goes away between two of them is nobody's fault."""
        try:
            super().handle_one_request()
        except ConnectionError:
            logger.debug("A client went away")
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Log requests quietly."""
        logger.debug("%s " + format, self.client_address[0], *args)

    def _answer(self) -> None:
        try:
            self._answer_object()
        except (ConnectionError, TimeoutError):
            logger.debug("The client went away during %s", self.path)
            self.close_connection = True
        except ParcfermeError as error:
            logger.warning("Cannot serve %s: %s", self.path, error)
            self._send_problem(HTTPStatus.BAD_GATEWAY, "the store cannot be read")

    def _answer_object(self) -> None:
        key = self._requested_key()
        for _ in range(_REPLACED_ATTEMPTS):
            info = self.store.head(key) if key else None
            if key is None or info is None:
                self._send_problem(HTTPStatus.NOT_FOUND, "not found")
                return
            answer = self._decide(info)
            try:
                answer, block = self._begin(key, info, answer)
            except Conflict:
                continue  # replaced since it was looked at: answer with what is there now
            self._send(key, info, answer, block)
            return
        self._send_problem(HTTPStatus.SERVICE_UNAVAILABLE, "the object keeps changing, try again")

    def _requested_key(self) -> str | None:
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        if path == "":
            return "index.html" if self.store.head("index.html") is not None else keys.INDEX
        return path if keys.is_key(path) and self.store.is_own(path) else None

    def _decide(self, info: ObjectInfo) -> _Answer:
        etag = _quoted(info.etag)
        is_packed = _is_text(info) and _takes_gzip(self.headers.get("Accept-Encoding"))
        headers = _CORS | {
            "Accept-Ranges": "bytes",
            "Cache-Control": info.headers.cache_control,
            "Content-Type": info.headers.content_type,
            # One that is weak, where what is sent are not the object's own bytes.
            "ETag": f"W/{etag}" if is_packed else etag,
            "X-Content-Type-Options": "nosniff",
        }
        if info.headers.content_encoding:
            headers["Content-Encoding"] = info.headers.content_encoding
        if _is_text(info):
            headers["Vary"] = "Accept-Encoding"
        if _matches(self.headers.get("If-None-Match"), etag):
            return _Answer(HTTPStatus.NOT_MODIFIED, headers, None)
        span = None
        if self.headers.get("If-Range", etag) == etag:
            span = _span(self.headers.get("Range"), info.bytes)
        if span == ():
            unsatisfiable = headers | {"Content-Range": f"bytes */{info.bytes}", "Content-Length": "0"}
            return _Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, unsatisfiable, None)
        if span:
            first, last = span
            headers |= {"ETag": etag, "Content-Range": f"bytes {first}-{last}/{info.bytes}"}
            headers["Content-Length"] = str(last - first + 1)
            return _Answer(HTTPStatus.PARTIAL_CONTENT, headers, (first, last))
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(info.bytes)
        return _Answer(HTTPStatus.OK, headers, (0, info.bytes - 1) if info.bytes else None)

    def _begin(self, key: str, info: ObjectInfo, answer: _Answer) -> tuple[_Answer, bytes]:
        """Return the first block of the body, before any header is sent: it may have been replaced meanwhile.

        A body that is compressed is one block; the answer has its length then.
        """
        if answer.body is None:
            return answer, b""
        first, last = answer.body
        if info.headers.content_encoding is None and answer.headers.get("Content-Encoding"):
            packed = gzip.compress(self.store.read_range(key, first, last, info.etag), _LEVEL, mtime=0)
            answer = replace(answer, headers=answer.headers | {"Content-Length": str(len(packed))}, body=(0, 0))
            return answer, b"" if self.command == "HEAD" else packed
        if self.command == "HEAD":
            return answer, b""
        return answer, self.store.read_range(key, first, min(last, first + _BLOCK_BYTES - 1), info.etag)

    def _send(self, key: str, info: ObjectInfo, answer: _Answer, block: bytes) -> None:
        self._send_headers(answer.status, answer.headers)
        if not block or answer.body is None:
            return
        first, last = answer.body
        while True:
            self.wfile.write(block)
            first += len(block)
            if first > last:
                return
            try:
                block = self.store.read_range(key, first, min(last, first + _BLOCK_BYTES - 1), info.etag)
            except (Conflict, ParcfermeError):
                # Too late for another answer: a body that ends early is an error to every client, a mix would not be.
                logger.warning("%s was replaced or lost while it was sent", key)
                self.close_connection = True
                return

    def _send_problem(self, status: HTTPStatus, message: str) -> None:
        body = json.dumps({"error": message}).encode() + b"\n"
        headers = {
            "Cache-Control": "no-cache",
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
        }
        self._send_headers(status, _CORS | headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Server", self.server_version)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _quoted(etag: str) -> str:
    return etag if etag.endswith('"') else f'"{etag}"'


def _is_text(info: ObjectInfo) -> bool:
    """Whether an object is one to compress: small enough to be done at once, and not compressed as it is."""
    is_text = info.headers.content_type.startswith(_TEXTS) and not info.headers.content_encoding
    return is_text and _WORTH_BYTES <= info.bytes <= _BLOCK_BYTES


def _takes_gzip(header: str | None) -> bool:
    """Whether an Accept-Encoding header names gzip, and does not refuse it."""
    named = [part.strip().lower() for part in (header or "").split(",")]
    return any(part.partition(";")[0].strip() == "gzip" and not _NO_GZIP.fullmatch(part) for part in named)


def _matches(condition: str | None, etag: str) -> bool:
    """Whether an If-None-Match condition names ``etag``; weak ones count, as HTTP wants."""
    if condition is None:
        return False
    named = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return "*" in named or etag in named


def _span(header: str | None, size: int) -> tuple[int, int] | tuple[()] | None:
    """Return first and last byte of a Range header; None to send everything, () if it lies outside the object.

    Several ranges at once, and anything that is not understood, get the whole object, which HTTP allows.
    """
    asked = _RANGE.fullmatch(header.strip()) if header else None
    if asked is None or asked[0] == "bytes=-":
        return None
    first_text, last_text = asked.groups()
    if not first_text:
        length = min(_number(last_text), size)
        return (size - length, size - 1) if length else ()
    first = _number(first_text)
    last = min(_number(last_text), size - 1) if last_text else size - 1
    if last_text and _number(last_text) < first:
        return None
    return (first, last) if first < size else ()


def _number(digits: str) -> int:
    return int(digits.lstrip("0")[:_DIGITS] or 0)
