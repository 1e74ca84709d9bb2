"""What nginx fetches and what it keeps: every kind of object asked for several times, in front of S3.

Run: ``python tests/benchmarks/bench_nginx.py [times]``. Needs nginx; the S3 server is moto, the objects are small.
"""

import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[2] / part) for part in ("tests", "tests/deployments")]

from nginx_server import NGINX, Nginx, running
from origin import OBJECTS, start_origin

from publish.headers import headers_for

_LINE = "{:<56} {:<48} {:>24} {:>9} {:>9}\n"


def measure(nginx: Nginx, key: str, times: int) -> str:
    """Ask for an object ``times`` times; returns a line of the table."""
    took_ms, said = [], []
    for _ in range(times):
        began_s = time.perf_counter()
        said.append(nginx.ask(f"/{key}"))
        took_ms.append((time.perf_counter() - began_s) * 1000)
    caches = [answer.cache for answer in said]
    counted = ", ".join(f"{name} {caches.count(name)}" for name in dict.fromkeys(caches))
    rest = sorted(took_ms[1:])
    return _LINE.format(
        key, headers_for(key).cache_control, counted, f"{took_ms[0]:.1f}", f"{rest[len(rest) // 2]:.1f}"
    )


def main(times: int) -> None:
    """Print the table."""
    if NGINX is None:
        raise SystemExit("nginx is not installed (apt-get install nginx)")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        origin = start_origin(patch)
        try:
            with running(folder / "nginx", "s3.conf.template", CACHE=str(folder / "cache"), **origin.settings) as nginx:
                lines = [measure(nginx, key, times) for key in (*OBJECTS, "index.json", "index.html", "no/such.json")]
        finally:
            origin.server.stop()
    sys.stdout.write(_LINE.format("object", "Cache-Control", "X-Cache-Status", "first ms", "then ms") + "".join(lines))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
