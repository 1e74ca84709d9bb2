"""An upstream on loopback that counts and limits its calls, and processes that ask it as workers do."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from flows.upstream.limits import UpstreamLimits
from flows.upstream.turns import Limit

LIVE, RESULTS = "127.0.0.1", "localhost"


@dataclass
class Upstream:
    """An upstream on loopback under two names; refuses with 429 what goes beyond its limits and counts everything."""

    port: int
    allowed: dict[str, tuple[int, float]] = field(default_factory=dict)
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    download_s: float = 0.0
    arrivals: list[tuple[float, str, str]] = field(default_factory=list)
    refused: int = 0
    at_once: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str, host: str = LIVE) -> str:
        return f"http://{host}:{self.port}/{path}"

    def times(self, host: str | None = None) -> list[float]:
        return sorted(at for at, to, _ in self.arrivals if host in (None, to))

    def begin(self, host: str, path: str) -> tuple[int, dict[str, str]]:
        with self.lock:
            now = time.monotonic()
            self.at_once[host] += 1
            self.most_at_once[host] = max(self.most_at_once[host], self.at_once[host])
            self.arrivals.append((now, host, path))
            for name, (calls, window_s) in self.allowed.items():
                times = self.times() if name == "all" else self.times(name)
                if name in ("all", host) and sum(at > now - window_s for at in times) > calls:
                    self.refused += 1
                    return 429, {"Retry-After": "1"}
            planned = self.answers.get(path)
            return planned.pop(0) if planned else (200, {})

    def end(self, host: str) -> None:
        with self.lock:
            self.at_once[host] -= 1


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"].rsplit(":", 1)[0]
            status, headers = double.begin(host, self.path.lstrip("/"))
            try:
                body = b'{"path": "%s"}' % self.path.encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.flush()
                time.sleep(double.download_s)  # the body takes its time, after the head
                double.end(host)
                self.wfile.write(body)
            except OSError:
                pass

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("", 0), Handler)
    double = Upstream(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()


def small_limits(
    *, results: tuple[int, float] = (50, 50.0), everything: tuple[int, float] = (50, 50.0), left_over_s: float = 900.0
) -> UpstreamLimits:
    """Limits of their own for one test: slots and decay a second."""
    name = f"test-{uuid4().hex[:8]}"
    return UpstreamLimits(
        results=Limit(f"{name}-results", *results),
        everything=Limit(f"{name}-all", *everything),
        downloads={host: Limit(f"{name}-{host}", 1, 1.0 / left_over_s) for host in (LIVE, RESULTS)},
        other=Limit(f"{name}-others", 1, 1.0 / left_over_s),
        results_domain=RESULTS,
    )


def most_in_any_window(times: list[float], window_s: float) -> int:
    return max(sum(start <= at < start + window_s for at in times) for start in times)


#: Becomes one process for each order, which tells in a file what it was told and answered.
WORKERS = """
import json, os, sys
import fastf1, prefect.client.orchestration
from flows.upstream.client import Client
from flows.upstream.limits import SharedLimits, UpstreamLimits
from flows.upstream.turns import Limit, Patience
from pathlib import Path

def work(order):
    given = order["limits"]
    limits = UpstreamLimits(
        Limit(*given["results"]), Limit(*given["everything"]),
        {host: Limit(*limit) for host, limit in given["downloads"].items()}, Limit(*given["other"]), "localhost",
    )
    said, statuses = [], []
    with Client(Path(order["cache"]), limits=SharedLimits(said.append, limits, Patience(60, 30, 0.1))).at_work():
        for url in order["urls"]:
            statuses.append(fastf1.Cache.requests_get(url).status_code)
    Path(order["answer"]).write_text(json.dumps({"said": said, "statuses": statuses}))

orders = json.loads(sys.stdin.read())
for order in orders:
    if os.fork() == 0:
        work(order)
        sys.exit()
sys.exit(any([os.wait()[1] for _ in orders]))
"""


def as_values(limits: UpstreamLimits) -> dict[str, Any]:
    def values(limit: Limit) -> list[Any]:
        return [limit.name, limit.slots, limit.decay_per_s]

    return {
        "results": values(limits.results),
        "everything": values(limits.everything),
        "downloads": {host: values(limit) for host, limit in limits.downloads.items()},
        "other": values(limits.other),
    }


def run_workers(api: str, limits: UpstreamLimits, urls: list[list[str]], folder: Path) -> list[dict[str, Any]]:
    """Let one process for each list of addresses ask for them; return what each was told and answered."""
    orders = [
        {
            "limits": as_values(limits),
            "cache": str(folder / str(number)),
            "urls": its_urls,
            "answer": str(folder / f"{number}.json"),
        }
        for number, its_urls in enumerate(urls)
    ]
    subprocess.run(
        [sys.executable, "-c", WORKERS],
        input=json.dumps(orders),
        env={**os.environ, "PREFECT_API_URL": api},
        text=True,
        timeout=300,
        check=True,
    )
    return [json.loads(Path(order["answer"]).read_text()) for order in orders]
