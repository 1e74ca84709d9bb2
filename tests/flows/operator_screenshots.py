"""Makes the pictures of the README and of the operator's guide anew, in some minutes, when it is run as a script."""

import base64
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
import numpy as np

# The project too: the tests have folders of the same names.
sys.path += [str(Path(__file__).parents[2] / part) for part in (".", "tests")]

from browser import HEIGHT, WIDTH, Page, browser
from installation import Installation, installation
from postgres import postgres_programs, running_postgres
from prefect_servers import free_port, wait_until

from flows.sample import SAMPLE_YEAR, write_sample_season

PICTURES = Path(__file__).parents[2] / "deployments" / "docs"
#: So long after its last session that none of them counts as overdue.
AFTER_THE_SEASON = f"{SAMPLE_YEAR}-05-10T00:00:00+00:00"
#: Before the first session of the sample season: everything is still to be planned.
BEFORE_THE_SEASON = f"{SAMPLE_YEAR}-03-10T00:00:00+00:00"
UNTICKED = ("Sprint", "Sprint Qualifying", "Practice 1", "Practice 2", "Practice 3")
RACES = 6
#: What does not fit into a window is shown smaller: width and height of the page.
TALL, TALL_PHONE = (WIDTH, 1200), (390, 1250)
_GRAPH_S = 8.0
#: What the README shows: a race of the sample season in its sixth lap, some cars in the pit lane, one of them chosen.
VIEWER_SIZE, VIEWER_MOMENT = (1250, 754), "#session=99035&t=690000&car=17"
_PIXELS = """(async () => {
  const picture = new Image();
  picture.src = "data:image/png;base64,DATA";
  await picture.decode();
  const {width, height} = picture;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const pixels = canvas.getImageData(0, 0, width, height).data;
  let text = "";
  for (let i = 0; i < pixels.length; i += 8192) text += String.fromCharCode(...pixels.subarray(i, i + 8192));
  return [width, height, btoa(text)];
})()"""


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="parcferme-pictures-") as name:
        folder = Path(name)
        cache = folder / "cache"
        cache.mkdir()
        write_sample_season(cache)
        programs = postgres_programs()
        with (
            nullcontext() if programs is None else running_postgres(programs) as database_url,
            installation(
                folder,
                cache,
                database_url=database_url,
                PARCFERME_NOW=AFTER_THE_SEASON,
                PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT="false",
            ) as it,
            browser(folder / "profile") as page,
        ):
            worker = it.start_worker("worker-1", limit=3)
            show_health(page, it)
            with serving(it) as site:
                show_backfill(page, it, site)
                show_viewer(page, site)
            show_failed_run(page, it)
            show_deployments(page, it)
            worker.stop()
            it.start_worker("worker-2", PARCFERME_NOW=BEFORE_THE_SEASON)
            show_schedule(page, it)
            page.open("about:blank")
            for path in sorted(PICTURES.glob("*.png")):
                compress(page, path)


def show_backfill(page: Page, it: Installation, site: str) -> None:
    show_form(page, it)
    page.click("Submit", "button")
    backfill = wait_until(lambda: it.runs_of("backfill"), "the backfill is there")[0]["id"]
    wait_until(lambda: is_in_the_middle(it, backfill), "two sessions are published and two are being made", 600)
    # First what is there for a few seconds only.
    page.open(f"{site}/status.html")
    page.wait_for(r"/\b[1-9]\d? %/.test(look.text())", "progress")
    take_smaller(page, "status", *TALL)
    take_smaller(page, "status-phone", *TALL_PHONE, is_phone=True)
    open_run(page, it, backfill, "Subflow Runs")
    page.see(f"{RACES} Subflow runs")
    # The graph is drawn last, on a canvas that says nothing of it.
    time.sleep(_GRAPH_S)
    take(page, "running")
    table = wait_until(lambda: artifact(it, f"backfill-{SAMPLE_YEAR}"), "the table is there")
    page.open(f"{it.ui_url}/v2/artifacts/artifact/{table}")
    page.wait_for(f"look.all('tbody tr').length === {RACES}", "table of all sessions")
    take(page, "artifact")
    it.wait_for_state(backfill, "Completed", timeout_s=600)


def show_viewer(page: Page, site: str) -> None:
    page.resize(*VIEWER_SIZE)
    page.open(f"{site}/{VIEWER_MOMENT}")
    page.wait_for("document.body.dataset.complete", "session with all its parts")
    take(page, "viewer")
    page.resize(WIDTH, HEIGHT)


def show_form(page: Page, it: Installation) -> None:
    page.resize(*TALL)
    page.open(f"{deployment(it, 'backfill')}/run")
    page.see("Which sessions of each weekend.")
    page.fill("Run Name", "Races and qualifyings of the season")
    page.fill("year", str(SAMPLE_YEAR))
    page.fill("rounds", "1-3")
    page.click_field("sessions")
    for name in UNTICKED:
        page.click(name, "[role=option]")
    page.press("Escape")
    take_smaller(page, "form", *TALL)


def show_failed_run(page: Page, it: Installation) -> None:
    # There is no archive.
    run = it.start_run("publish-session", year=SAMPLE_YEAR, event="1", session="Race", source="archive")
    it.wait_for_state(run, "Failed")
    open_run(page, it, run, "Details")
    page.see("PARCFERME_ARCHIVE")
    take(page, "failed")


def show_health(page: Page, it: Installation) -> None:
    run = it.start_run("check-health")
    it.wait_for_state(run, "Completed")
    open_run(page, it, run, "Logs")
    page.see("Finished in state")
    take(page, "health")


def show_deployments(page: Page, it: Installation) -> None:
    page.open(f"{it.ui_url}/v2/deployments")
    page.see("rebuild-index")
    take(page, "deployments")


def show_schedule(page: Page, it: Installation) -> None:
    run = it.start_run("plan-season")
    it.wait_for_state(run, "Completed")
    page.open(f"{deployment(it, 'publish-session')}?tab=Upcoming")
    page.see("Larkmoor Grand Prix Practice 1")
    take(page, "schedule")


def take(page: Page, name: str, **options: object) -> None:
    """Write a picture once nothing is being loaded and the page looks the same twice, or changes for ever."""
    page.wait_for("!look.all('.animate-pulse').length", "loaded page")
    page.evaluate("document.querySelectorAll('*').forEach(element => element.scrollTop && element.scrollTo(0, 0))")
    path = PICTURES / f"{name}.png"
    before = b""
    for _ in range(10):
        page.picture(path, **options)
        if path.read_bytes() == before:
            break
        before = path.read_bytes()
        time.sleep(0.5)


def take_smaller(page: Page, name: str, width: int, height: int, *, is_phone: bool = False) -> None:
    page.resize(width, height, is_phone=is_phone)
    take(page, name, clip={"x": 0, "y": 0, "width": width, "height": height, "scale": HEIGHT / height})
    page.resize(WIDTH, HEIGHT)


def compress(page: Page, path: Path) -> None:
    """Write the same picture with fewer bytes: the browser is quick rather than thorough."""
    found = page.evaluate(_PIXELS.replace("DATA", base64.b64encode(path.read_bytes()).decode()))
    width, height = found[:2]
    pixels = np.frombuffer(base64.b64decode(found[2]), np.uint8).reshape(height, width, 4)[:, :, :3]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    path.write_bytes(min(path.read_bytes(), png, key=len))
    sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


def open_run(page: Page, it: Installation, run: str, tab: str) -> None:
    page.open(f"{it.ui_url}/v2/runs/flow-run/{run}?tab={tab.replace(' ', '')}")
    page.click(tab, "[role=tab]")


def deployment(it: Installation, name: str) -> str:
    found = it.get(f"/deployments/name/{name}/{name}")
    return f"{it.ui_url}/v2/deployments/deployment/{found['id']}"


def artifact(it: Installation, key: str) -> str:
    return next((found["id"] for found in it.post("/artifacts/filter", {}) if found["key"] == key), "")


def is_in_the_middle(it: Installation, backfill: str) -> bool:
    children = it.flow_runs(flow_runs={"tags": {"all_": [f"backfill:{backfill}"]}})
    states = [child["state_name"] for child in children]
    return states.count("Completed") >= 2 and states.count("Running") >= 2


@contextmanager
def serving(it: Installation) -> Iterator[str]:
    """Serve the site as ``parcferme serve`` does; yields where."""
    port = free_port()
    command = [sys.executable, "-m", "flows.cli", "serve", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        command, env=it.environment, cwd=it.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until(lambda: answers(url), "the site is served")
            yield url
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 500
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
