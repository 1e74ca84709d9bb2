"""What the viewer costs its readers in Chromium: bytes and time before the first car, seeking, frames, heap, charts.

    python tests/benchmarks/bench_viewer.py SITE            every published session of a folder
    python tests/benchmarks/bench_viewer.py SITE 9472       one of them
    python tests/benchmarks/bench_viewer.py SITE 9472 --whole 16    played at 16x from its start to its end, no more

The site is served over loopback as ``parcferme serve`` does, compressed; caches are empty before each session. Times
are those on the wall: they say something on a machine that does nothing else, and one without a graphics card draws
slower than most.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests")]

from browser import Page, browser

from publish import keys
from publish.revisions.latest import Latest
from publish.server import make_server
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document

#: How long it plays for the count of frames, s, and how often it seeks.
_PLAYED_S, _SEEKS = 5, 12
#: How many times as long as it should take a session may play.
_PATIENCE = 4
_RATES = ("1", "16")
#: Lines of the protocol, the status and the headers of an answer count as bytes of the wire, too.
_WIRE = """performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
    .filter((e) => e.responseEnd <= Number(document.body.dataset.firstFrameMs) + 1)
    .map((e) => [new URL(e.name).pathname, e.transferSize])"""
_SEEK = """(async () => {
  const seek = document.getElementById("seek"), data = document.body.dataset, began = performance.now();
  seek.value = "%d"; seek.dispatchEvent(new Event("input")); seek.dispatchEvent(new Event("change"));
  const there = () => Math.abs(Number(data.t) - %d) < 1500 && data.fps === "25";
  while (!there() && performance.now() - began < 20000) await new Promise(requestAnimationFrame);
  return performance.now() - began;
})()"""
_PLAY = """(async () => {
  const rate = document.getElementById("rate");
  rate.value = "%s"; rate.dispatchEvent(new Event("change"));
  document.getElementById("play").click();
  const times = [], until = performance.now() + %d;
  while (performance.now() < until) times.push(await new Promise(requestAnimationFrame));
  document.getElementById("play").click();
  return times;
})()"""
#: A frame in which the clock stands still, since what is to be shown has not come, counts as waited for.
_PLAY_ALL = """(() => {
  const rate = document.getElementById("rate"), loading = document.getElementById("loading");
  const seen = window.seen = { frames: 0, late: 0, worst: 0, waits: 0, waited: 0, rough: 0, over: false };
  rate.value = "%s"; rate.dispatchEvent(new Event("change"));
  document.getElementById("play").click();
  let before = null, waits = false;
  const step = (now) => {
    if (before !== null) {
      seen.frames++;
      seen.late += now - before > 25;
      seen.worst = Math.max(seen.worst, now - before);
      seen.waits += !waits && !loading.hidden;
      if (!loading.hidden) seen.waited += now - before;
      seen.rough += !document.getElementById("rough").hidden;
    }
    waits = !loading.hidden;
    before = now;
    seen.over = document.body.dataset.playing !== "true";
    if (!seen.over) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})()"""
_CHART = """(async () => {
  const began = performance.now();
  document.getElementById("tab-%s").click();
  while (document.body.dataset.chart !== "%s" && performance.now() - began < 20000)
    await new Promise(requestAnimationFrame);
  return performance.now() - began;
})()"""


def measure(page: Page, base: str, latest: Latest) -> dict[str, Any]:
    """Return the figures of one session."""
    page.forget(base)
    page.open(f"{base}#session={latest.session_key}")
    page.wait_for("document.body.dataset.firstFrameMs", "first frame", 120)
    first_ms = float(page.evaluate("document.body.dataset.firstFrameMs"))
    wire = page.evaluate(_WIRE)
    of_data = sum(size for path, size in wire if path.startswith("/v1/"))
    page.wait_for("document.body.dataset.complete", "everything", 120)
    figures: dict[str, Any] = {
        "first frame ms": round(first_ms),
        "data kB": round(of_data / 1000, 1),
        "code kB": round((sum(size for _, size in wire) - of_data) / 1000, 1),
    }
    last = int(page.evaluate("Number(document.getElementById('seek').max)"))
    # To and fro, so that no minute is there already.
    moments = [last * ((5 * number) % _SEEKS + 1) // (_SEEKS + 1) for number in range(_SEEKS)]
    seeks = [float(page.evaluate(_SEEK % (moment, moment))) for moment in moments]
    figures |= {"seek ms": round(statistics.median(seeks)), "seek worst ms": round(max(seeks))}
    for rate in _RATES:
        page.evaluate(_SEEK % (last // 2, last // 2))
        times = page.evaluate(_PLAY % (rate, _PLAYED_S * 1000))
        apart = [later - earlier for earlier, later in pairwise(times)]
        figures |= {
            f"frames a second at {rate}x": round(1000 * len(apart) / (times[-1] - times[0])),
            f"worst ms at {rate}x": round(max(apart)),
        }
    page.command("HeapProfiler.collectGarbage")
    figures["heap MB"] = round(page.command("Runtime.getHeapUsage")["usedSize"] / 1e6, 1)
    tabs = page.evaluate("[...document.querySelectorAll('[role=tab]')].map((one) => one.id)")
    names = [tab.removeprefix("tab-") for tab in tabs if tab != "tab-map"]
    charts = {name: round(float(page.evaluate(_CHART % (name, name)))) for name in names}
    return figures | {"charts ms": charts}


def measure_whole(page: Page, base: str, latest: Latest, rate: str) -> dict[str, Any]:
    """Return what there is to say of a session played from its start to its end."""
    page.forget(base)
    page.open(f"{base}#session={latest.session_key}")
    page.wait_for("document.body.dataset.complete", "everything", 120)
    length_s = float(page.evaluate("Number(document.getElementById('seek').max)")) / 1000
    page.evaluate(_PLAY_ALL % rate)
    began, highest = time.monotonic(), 0
    while not page.evaluate("window.seen.over"):
        if time.monotonic() - began > _PATIENCE * length_s / float(rate):
            raise SystemExit(f"{latest.event} {latest.session} has not come to its end: it stands at {page.url}.")
        highest = max(highest, page.command("Runtime.getHeapUsage")["usedSize"])
        time.sleep(1)
    seen = page.evaluate("window.seen")
    page.command("HeapProfiler.collectGarbage")
    return {
        "rate": rate,
        "played s": round(time.monotonic() - began),
        "frames": seen["frames"],
        "later than 25 ms": seen["late"],
        "worst ms": round(seen["worst"]),
        "stalls": seen["waits"],
        "stalled ms": round(seen["waited"]),
        "rough frames": seen["rough"],
        "heap at its highest MB": round(highest / 1e6, 1),
        "heap after it MB": round(page.command("Runtime.getHeapUsage")["usedSize"] / 1e6, 1),
    }


def main(site: str, wanted: str | None, whole: str | None) -> None:
    """Print the figures of each session, one line of JSON each."""
    store = FileStore(Path(site))
    server = make_server(store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with TemporaryDirectory() as profile, browser(Path(profile)) as page:
        for name in store.list_folders(keys.SESSIONS):
            latest = read_document(store, keys.latest(int(name)), Latest)
            if latest is None or wanted not in (None, name):
                continue
            base = f"http://127.0.0.1:{server.server_port}/"
            figures = measure_whole(page, base, latest, whole) if whole else measure(page, base, latest)
            label = f"{latest.year} {latest.event} {latest.session}"
            sys.stdout.write(json.dumps({"session": label, **figures}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("site")
    parser.add_argument("session", nargs="?")
    parser.add_argument("--whole", metavar="RATE", choices=("1", "2", "4", "8", "16", "30", "50"))
    asked = parser.parse_args()
    main(asked.site, asked.session, asked.whole)
