"""A real browser for the viewer's tests: Chromium, headless, through its command line alone."""

import json
import re
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from publish.server import make_server
from publish.store import Store

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")

# Runs a scenario against the viewer in a frame of the same origin and leaves what it returns in the page.
_DRIVER = (Path(__file__).parent / "viewer_driver.html").read_text()


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """Serve ``store`` on loopback as the product does; yields the base URL."""
    with make_server(store) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def run_browser(url: str, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Chromium on ``url`` to the end of its virtual time."""
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        "--window-size=1280,900",
        "--virtual-time-budget=20000",
        *arguments,
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def run_scenario(store: Store, base: str, profile: Path, scenario: str, width: int = 1280) -> Any:
    """Run JavaScript that drives the viewer (see ``_DRIVER`` for its helpers) and return what it returns."""
    key = f"check_{uuid.uuid4().hex}.html"  # pages are cached for a minute: no name twice
    store.write(key, _DRIVER.replace("SCENARIO", scenario).replace("WIDTH", str(width)).encode())
    done = run_browser(base + key, profile, "--dump-dom")
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "Uncaught" in line]
    assert not complaints, complaints
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found and found[1], f"the scenario did not end: {done.stdout[-2000:]}"
    answer = json.loads(unescape(found[1]))
    assert "error" not in answer, answer["error"]
    return answer["value"]
