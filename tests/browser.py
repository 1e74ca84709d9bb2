"""A real browser to be driven like a person does: Chromium, headless, over its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")

WIDTH, HEIGHT = 1280, 800
_POLL_S = 0.1
#: Longer than a Prefect server on SQLite may stand still.
_PATIENCE_S = 120.0
_SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-prefers-reduced-motion",
    "--lang=en-US",
    "--remote-debugging-port=0",
)

# What a person looks for: the smallest thing that can be seen and says exactly this, the last one drawn first, since
# a dialog or a menu lies above what was there before.
_FINDERS = """
(() => {
  const seen = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  const said = element => (element.innerText ?? element.textContent ?? "").trim();
  const named = element => [said(element), element.getAttribute("aria-label"), element.getAttribute("placeholder")];
  window.look = {
    all: selector => [...document.querySelectorAll(selector)].filter(seen),
    text: () => document.body.innerText,
    named: (selector, name) => look.all(selector).filter(element => named(element).includes(name)).at(-1),
    field: label => {
      const found = look.all("label").filter(element => said(element).replace(/ \\(Optional\\)$/, "") === label).at(-1);
      let around = found;
      while (around && !around.querySelector("fieldset")) around = around.parentElement;
      return found?.control ?? around?.querySelector("input, textarea, [role=combobox]");
    },
    aim: element => {
      element?.scrollIntoView({block: "center", behavior: "instant"});
      const box = element?.getBoundingClientRect();
      const [x, y] = box ? [box.x + box.width / 2, box.y + box.height / 2] : [];
      return element?.contains(document.elementFromPoint(x, y)) && !element.disabled && [x, y];
    },
  };
})()
"""


class Page:
    """The only tab of a browser. What waits fails after its time and says what was on the page instead."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime"):
            self.command(f"{domain}.enable")
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_FINDERS)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol and return its result."""
        self._sent += 1
        self._connection.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=60))
            if message.get("method") == "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description", details["text"]))
            if message.get("id") == self._sent:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])

    def evaluate(self, script: str) -> Any:
        """Return what an expression of JavaScript has for a value in the page."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, script: str, what: str, timeout_s: float = _PATIENCE_S) -> Any:
        """Return what an expression has for a value once that is true."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if value := self.evaluate(f"window.look && document.body && ({script})"):
                return value
            time.sleep(_POLL_S)
        shown = self.evaluate("document.body.innerText")
        raise AssertionError(f"Within {timeout_s:.0f} s there was no {what} at {self.url}:\n{shown}")

    @property
    def url(self) -> str:
        """Where the page is."""
        return str(self.evaluate("location.href"))

    def open(self, url: str) -> None:
        """Go to an address."""
        self.command("Page.navigate", url=url)

    def forget(self, url: str) -> None:
        """Leave the page; forget everything cached, all that ``url``'s origin has stored, and the complaints."""
        self.open("about:blank")
        self.wait_for("location.href === 'about:blank'", "empty page")
        self.command("Network.clearBrowserCache")
        self.command("Storage.clearDataForOrigin", origin=url.rstrip("/"), storageTypes="all")
        self.complaints.clear()

    def see(self, text: str, timeout_s: float = _PATIENCE_S) -> None:
        """Wait until the page says this."""
        self.wait_for(f"look.text().includes({json.dumps(text)})", f"text {text!r}", timeout_s)

    def says(self, text: str) -> bool:
        """Return whether the page says this now."""
        return bool(self.evaluate(f"look.text().includes({json.dumps(text)})"))

    def click(self, name: str, selector: str = "a, button, label, [role]", timeout_s: float = _PATIENCE_S) -> None:
        """Click what is called so: by its text, its label for screen readers or its placeholder."""
        self._click(f"look.named({json.dumps(selector)}, {json.dumps(name)})", f"{name!r} to click", timeout_s)

    def click_until(self, shown: str, what: str, name: str, selector: str) -> Any:
        """Click what is called so until the expression ``shown`` is true: a click can meet what is just drawn anew."""
        for _ in range(6):
            with suppress(AssertionError):
                self.click(name, selector, timeout_s=20)
            with suppress(AssertionError):
                return self.wait_for(shown, what, timeout_s=20)
        return self.wait_for(shown, what, timeout_s=1)

    def click_field(self, label: str) -> None:
        """Click into the field under a label."""
        self._click(f"look.field({json.dumps(label)})", f"field {label!r} to click")

    def fill(self, label: str, text: str) -> None:
        """Type a text into the field under a label, in place of what stands there."""
        self.click_field(label)
        self.evaluate("document.activeElement.select()")
        self.command("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key such as ``Escape``."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def resize(self, width: int, height: int, *, is_phone: bool = False) -> None:
        """Look at it in a window of another size."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )

    def allow_motion(self) -> None:
        """Be somebody who wants to see things move."""
        motion = {"name": "prefers-reduced-motion", "value": "no-preference"}
        self.command("Emulation.setEmulatedMedia", features=[motion])

    def picture(self, path: Path, **options: Any) -> None:
        """Write what can be seen as a PNG."""
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png", **options)["data"]))

    def _click(self, finder: str, what: str, timeout_s: float = _PATIENCE_S) -> None:
        x, y = self.wait_for(f"look.aim({finder})", what, timeout_s)
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """Start Chromium with an empty profile and yield its page."""
    command = [
        str(CHROMIUM),
        *_SWITCHES,
        f"--user-data-dir={profile}",
        f"--window-size={WIDTH},{HEIGHT}",
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # No pings: between two tests nobody reads, events fill the queue, and the answer to a ping stands behind them.
        with connect(
            _address(profile / "DevToolsActivePort"), max_size=None, proxy=None, ping_interval=None
        ) as connection:
            page = Page(connection)
            page.resize(WIDTH, HEIGHT)
            yield page
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(port_file: Path, timeout_s: float = 60.0) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if port_file.exists() and (lines := port_file.read_text().split()):
            targets = httpx.get(f"http://127.0.0.1:{lines[0]}/json/list").json()
            for target in targets:
                if target["type"] == "page":
                    return str(target["webSocketDebuggerUrl"])
        time.sleep(_POLL_S)
    raise AssertionError(f"Chromium did not start within {timeout_s:.0f} s.")
