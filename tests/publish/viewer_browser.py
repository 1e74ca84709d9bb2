"""Pages of the site in a real browser, driven by a script in a page around them."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser import Page

from publish.server import make_server
from publish.site.files import site_files
from publish.stores.base import Store

#: The folder of what the pages load, with a slash behind it.
PARTS = next(key for key in site_files() if key.endswith("/app.js")).removesuffix("app.js")

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


def run_scenario(page: Page, store: Store, base: str, scenario: str, width: int = 1280, height: int = 800) -> Any:
    """Run JavaScript that drives the viewer (see ``_DRIVER`` for its helpers) and return what it returns.

    The browser begins as one that was never here before.
    """
    key = f"check_{uuid.uuid4().hex}.html"  # pages are cached for a minute: no name twice
    text = _DRIVER.replace("SCENARIO", scenario).replace("WIDTH", str(width)).replace("HEIGHT", str(height))
    store.write(key, text.encode())
    page.forget(base)
    page.open(base + key)
    said = page.wait_for("document.getElementById('answer')?.textContent", "answer of the scenario", timeout_s=120)
    answer = json.loads(said)
    assert "error" not in answer, answer["error"]
    assert not page.complaints, page.complaints
    return answer["value"]


def take_picture(page: Page, url: str, path: Path, ready: str) -> None:
    """Write a picture of ``url`` once the expression ``ready`` is true."""
    page.forget(url)
    page.open(url)
    page.wait_for(ready, "page to take a picture of")
    page.picture(path)
    assert not page.complaints, page.complaints
