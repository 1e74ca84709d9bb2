"""The viewer in a real browser, against the made-up session whose values are known."""

import gzip
import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import session_data as made
from browser import needs_chromium
from fault_store import WatchedStore
from replay_sites import TICKS, outline
from viewer_browser import PARTS, serving, take_picture

from publish.encode.channels import CONTINUOUS, HELD, code_names, held_codes
from publish.site.files import site_files
from publish.stores.folder import FileStore
from transforms.track import Track

pytestmark = needs_chromium

MOMENT_MS = 66_000  # tick 1650, within the gap of car 11


def expected_pixel(track: Track, x_m: float, y_m: float, width: int, height: int) -> tuple[float, float]:
    """Where a place on the circuit is to be drawn: turned, fitted into the canvas with 34 pixels around, y upwards."""
    turn = np.exp(1j * np.radians(made.CIRCUIT.rotation_deg))
    line, spot = (track.x_m + 1j * track.y_m) * turn, (x_m + 1j * y_m) * turn
    scale = min((width - 68) / np.ptp(line.real), (height - 68) / np.ptp(line.imag))
    middle = complex(line.real.min() + line.real.max(), line.imag.min() + line.imag.max()) / 2
    away = (spot - middle) * scale
    return width / 2 + away.real, height / 2 - away.imag


@pytest.mark.parametrize("index", [1, 2])
def test_the_page_decodes_what_was_encoded(site, drive, index):
    """Every value of every car and channel: continuous ones to half a step of the scale, held ones exactly."""
    chunk = drive(
        f"""const {{ Chunk }} = await import("./{PARTS}decode.js");
        const {{ readJson }} = await import("./{PARTS}fetch.js");
        const manifest = await readJson("{site.folder}manifest.json");
        const {{ channels }} = manifest.frames;
        const chunk = new Chunk(await readJson("{site.folder}frames/25/{index:04d}.json.gz"), channels);
        const ticks = Array.from({{ length: chunk.ticks }}, (_, i) => i);
        const cars = {{}};
        for (const car of chunk.cars) {{
          cars[car] = {{}};
          for (const name of Object.keys(channels)) cars[car][name] = ticks.map((i) => chunk.value(car, name, i));
        }}
        return {{ cars, status: ticks.map((i) => chunk.trackStatus(i)), lap: ticks.map((i) => chunk.leaderLap(i)),
                  startMs: chunk.startMs, ticks: chunk.ticks }};"""
    )
    frames = site.frames
    cut = slice(index * 1500, min((index + 1) * 1500, TICKS))
    assert chunk["startMs"] == index * 60_000
    assert chunk["ticks"] == len(range(TICKS)[cut])
    assert set(chunk["cars"]) == set(frames.cars)
    for number, car in frames.cars.items():
        decoded = chunk["cars"][number]
        for channel in CONTINUOUS:
            every = max(1, channel.every_ms // 40)
            truth = np.repeat(getattr(car, channel.column)[cut][::every], every)[: chunk["ticks"]]
            values = np.array([np.nan if v is None else v for v in decoded[channel.name]])
            assert np.array_equal(np.isnan(values), np.isnan(truth)), channel.name
            # Rounded twice: to what Parquet stores, then to the scale.
            np.testing.assert_allclose(values, truth, atol=0.6 * channel.scale, rtol=1e-6, err_msg=channel.name)
        for channel in HELD:
            names = code_names(frames, channel)
            codes = held_codes(car, channel)[cut].tolist()
            assert decoded[channel.name] == [None if c < 0 else names[c] if names else c for c in codes], channel.name
    assert chunk["status"] == [None if c < 0 else made.STATUSES[c] for c in frames.track_status[cut].tolist()]
    assert chunk["lap"] == frames.leader_lap[cut].tolist()


def test_a_moment_is_shown_as_it_was(site, drive):
    seen = drive(
        f"""await open("#session=9472&t={MOMENT_MS}&car=16");
        await until(() => data().fps === "25", "the minute");
        const c = $("map"), pixels = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        const team = [];
        for (let i = 0; i < pixels.length; i += 4) {{
          if (pixels[i] !== 0x36 || pixels[i + 1] !== 0x71 || pixels[i + 2] !== 0xc6) continue;
          team.push([(i / 4) % c.width, Math.floor(i / 4 / c.width)]);
        }}
        return {{ data: {{ ...data() }}, rows: rows(), lap: $("lap").textContent, time: $("time").textContent,
                  utc: $("utc").textContent, flag: $("flag").textContent, team, size: [c.width, c.height],
                  map: $("map").getAttribute("aria-label"),
                  car: $("car-panel").textContent, speed: $("car-panel").querySelector(".big").textContent }};"""
    )
    tick = MOMENT_MS // 40
    leader, behind, third = site.frames.cars.values()
    assert seen["data"]["tick"] == str(tick - 1500)
    assert [row["car"] for row in seen["rows"]] == ["1", "11", "16"]
    assert [row["placed"] for row in seen["rows"]] == ["true", "false", "true"]
    first, second, last = (row["cells"] for row in seen["rows"])
    assert first[:3] == ["1", "D01", "Leader"]
    assert first[3] == f"{made.TYRES[leader.compound[tick]][0]}{leader.tyre_age_laps[tick]}"
    assert float(second[2].removeprefix("+")) == pytest.approx(behind.gap_s[tick], abs=0.1)
    assert "no position" in second[4]
    assert last[2] == "+1 lap"
    assert "STOPPED" in last[4]
    assert float(seen["speed"]) == pytest.approx(third.speed_kmh[tick], abs=1)
    assert seen["lap"] == f"Lap {leader.lap[tick]} / 57"
    assert seen["time"] == "0:00:56"  # the race starts at 10 s
    assert seen["utc"] == "15:04:48 UTC"
    assert seen["flag"] == "Track clear"
    assert "2 of 3 cars" in seen["map"]
    # The leader's dot has the team's colour; the others are grey, without a place, or stopped and hollow.
    assert len(seen["team"]) > 50
    place = expected_pixel(outline(), leader.x_m[tick], leader.y_m[tick], *seen["size"])
    np.testing.assert_allclose(np.mean(seen["team"], axis=0), place, atol=1.5)


def test_seeking_loads_the_moment_and_not_the_rest(site, drive):
    seen = drive(
        """await open("#session=9472&t=125000");
        await until(() => data().complete && data().fps === "25", "everything of the moment");
        const first = loaded();
        const firstFrameMs = Number(data().firstFrameMs);
        $("back").click();
        await until(() => data().t === "115000" && data().fps === "25", "the chunk before");
        return { first, then: loaded().slice(first.length), firstFrameMs, hash: frame.contentWindow.location.hash };"""
    )
    minutes = [name.removeprefix(site.folder) for name in seen["first"] if "/frames/" in name or "/samples/" in name]
    assert minutes == ["samples/0002.json.gz"]
    assert not any("parquet" in name or "v1/seasons" in name for name in seen["first"])
    order = [name for name in seen["first"] if "9472" in name]
    assert order[:2] == ["v1/sessions/9472/latest.json", f"{site.folder}manifest.json"]
    assert order.index(f"{site.folder}overview.json.gz") > order.index(f"{site.folder}samples/0002.json.gz")
    then = [name.removeprefix(site.folder) for name in seen["then"] if name.startswith("v1/")]
    assert then == ["samples/0001.json.gz"]
    assert seen["hash"] == "#session=9472&t=115000"
    assert seen["firstFrameMs"] > 0


def test_keys_buttons_and_speeds(drive):
    seen = drive(
        """await open("#session=9472&t=60000");
        const out = {};
        press("ArrowRight"); out.right = data().t;
        press("ArrowLeft", { shiftKey: true }); await until(() => data().t !== out.right, "the moment");
        out.left = data().t;
        press("ArrowUp"); out.rate = $("rate").value;
        $("gap-toggle").click(); out.head = $("gap-toggle").textContent; out.interval = rows()[1].cells[2];
        page().querySelector('tr[data-car="11"] button').click();
        out.panel = $("car-panel").querySelector("h2").textContent;
        out.pressed = page().querySelector('tr[data-car="11"] button').getAttribute("aria-pressed");
        $("rate").value = "16"; $("rate").dispatchEvent(new Event("change"));
        const before = Number(data().t);
        press(" "); out.playing = data().playing; out.label = $("play").getAttribute("aria-label");
        await until(() => Number(data().t) > before + 5000, "time to pass");
        out.fps = data().fps;
        press(" "); out.paused = data().playing;
        const seek = $("seek"); seek.value = "110000"; seek.dispatchEvent(new Event("input"));
        seek.dispatchEvent(new Event("change"));
        await until(() => rows()[0].car === "11", "the other order");
        out.order = rows().map((row) => row.car);
        out.flag = $("flag").textContent; out.spoken = seek.getAttribute("aria-valuetext");
        return out;"""
    )
    assert seen["right"] == "65000"
    assert seen["left"] == "5000"
    assert seen["rate"] == "2"
    assert seen["head"] == "Interval"
    assert seen["interval"].startswith("+")
    assert seen["panel"].startswith("D11")
    assert seen["pressed"] == "true"
    assert (seen["playing"], seen["label"], seen["paused"]) == ("true", "Pause", "false")
    assert seen["fps"] == "25"
    assert seen["order"] == ["11", "1", "16"]
    assert seen["flag"] == "Safety car"
    assert seen["spoken"] == "0:01:40"


def test_playing_goes_over_to_the_next_chunk(drive):
    seen = drive(
        """await open("#session=9472&t=58000");
        press(" ");
        await until(() => Number(data().t) > 62000, "the next chunk");
        return { fps: data().fps, tick: Number(data().tick), t: Number(data().t), problem: data().problem };"""
    )
    assert "problem" not in seen
    assert seen["fps"] == "25"
    assert seen["tick"] == (seen["t"] - 60_000) // 40


def test_a_session_without_telemetry_says_so(drive):
    seen = drive(
        """await open("#session=9468&t=60000&car=1");
        await until(() => data().complete, "the quality report");
        return { map: $("map").hidden, words: $("map-missing").textContent, quality: $("quality").textContent,
                 weather: $("weather-panel").hidden, car: $("car-panel").textContent, rows: rows(),
                 head: [...page().querySelectorAll("thead th:not([hidden])")].map((h) => h.textContent.trim()),
                 grade: $("grade").textContent };"""
    )
    assert seen["map"] is True
    assert "no telemetry" in seen["words"]
    assert "timing without telemetry" in seen["quality"]
    assert seen["grade"] == "D"
    assert seen["weather"], "a panel of weather without any"
    assert "No telemetry" in seen["car"]
    assert "Best" in seen["head"]
    assert len(seen["rows"]) == 3
    assert not any("no position" in row["cells"][5] for row in seen["rows"])


def test_the_list_of_sessions(drive):
    seen = drive(
        """await open("");
        const out = { years: $("years").textContent, text: $("events").textContent,
                      links: [...$("events").querySelectorAll("a")].map((a) => a.getAttribute("href")) };
        $("events").querySelector('a[data-session="9472"]').click();
        await until(() => data().ready === "9472", "the race");
        out.t = data().t; out.title = $("title").textContent;
        page().querySelector(".brand").click();
        await until(() => data().ready === "library", "the list again");
        out.hidden = $("session").hidden;
        return out;"""
    )
    assert seen["years"] == "2024"
    assert seen["links"] == ["#session=9468", "#session=9472"]
    assert "Practice 1" in seen["text"] and "not published" in seen["text"]
    assert seen["t"] == "10000"
    assert seen["title"] == "Bahrain Grand Prix 2024 · Race"
    assert seen["hidden"] is True


def test_the_list_says_what_comes_and_what_was_watched_and_is_searched(drive):
    seen = drive(
        """await open("");
        const out = {};
        await until(() => $("now").textContent.includes("Next"), "what comes");
        out.next = $("now").textContent;
        await until(() => $("events").querySelector("svg path"), "the circuit");
        out.circuits = $("events").querySelectorAll("svg").length;
        await until(() => $("now").textContent.includes("Last change"), "how fresh it is");
        frame.contentWindow.location.hash = "#session=9472&t=66000";
        await until(() => data().ready === "9472", "the race");
        press("ArrowRight");
        page().querySelector(".brand").click();
        await until(() => $("now").textContent.includes("Watched"), "what was watched");
        out.watched = $("now").querySelector(".watched a").outerHTML;
        const search = async (text) => {
          $("search").value = text; $("search").dispatchEvent(new Event("input"));
          await until(() => text ? $("found").textContent : !$("found").textContent, "the answer");
          await pause(50);
          return [...$("events").querySelectorAll("h2")].map((head) => head.textContent);
        };
        out.found = [];
        for (const text of ["sao paulo", "2024 qualifying bahr", "nowhere", ""]) out.found.push(await search(text));
        return out;"""
    )
    assert "Next: São Paulo Grand Prix, Race in " in seen["next"] and "days" in seen["next"]
    assert seen["circuits"] == 1
    assert (
        "#session=9472&amp;t=71000" in seen["watched"] and "Bahrain Grand Prix 2024 · Race, 0:01:01" in seen["watched"]
    )
    both = ["Bahrain Grand Prix", "São Paulo Grand Prix"]
    assert seen["found"] == [["São Paulo Grand Prix"], ["Bahrain Grand Prix"], [], both]


def test_it_fits_a_phone(drive):
    seen = drive(
        """await open("#session=9472&t=66000");
        const root = page().documentElement;
        const buttons = [...page().querySelectorAll(".controls button")].map((b) => b.getBoundingClientRect());
        return { wide: root.scrollWidth, seen: root.clientWidth, board: $("rows").getBoundingClientRect().right,
                 smallest: Math.min(...buttons.map((b) => Math.min(b.width, b.height))) };""",
        width=375,
    )
    assert seen["wide"] == seen["seen"] <= 375
    assert seen["board"] <= seen["seen"]
    assert seen["smallest"] >= 40


def test_problems_are_told_in_words(site, drive, tmp_path):
    missing = drive('await open("#session=1"); return [data().problem, $("session").hidden];')
    assert "Session 1 is not published here" in missing[0] and "list of sessions" in missing[0]
    assert missing[1] is True
    year = drive('await open("#year=1950"); return data().problem;')
    assert "1950" in year
    empty = SimpleNamespace(store=FileStore(tmp_path / "empty"))
    for key, data in site_files().items():
        empty.store.write(key, data)
    with serving(empty.store) as empty.base:
        assert "Nothing is published here yet" in drive('await open(""); return data().problem;', of=empty)


def test_gzip_files_of_a_server_without_content_encoding_are_read(drive, site):
    raw = (site.store.root / site.folder / "track.json.gz").read_bytes()
    site.store.write("raw.bin", raw)
    length = drive(
        f'const {{ readJson }} = await import("./{PARTS}fetch.js"); return (await readJson("raw.bin")).length_m;'
    )
    assert length == pytest.approx(outline().length_m, abs=0.01)


def test_the_first_frame_waits_for_what_it_shows_alone(site, page):
    page.forget(site.base)
    page.open(f"{site.base}#session=9472&t={MOMENT_MS}")
    page.wait_for("document.body.dataset.complete", "everything of the session")
    painted_ms = float(page.evaluate("document.body.dataset.firstFrameMs"))
    asked = page.evaluate(
        "performance.getEntriesByType('resource').filter((e) => e.transferSize)"
        ".map((e) => [new URL(e.name).pathname, e.startTime])"
    )
    data = sorted((at_ms, path.rpartition("/")[2]) for path, at_ms in asked if path.startswith("/v1/"))
    first = [name for _, name in data[:4]]
    assert first[:2] == ["latest.json", "manifest.json"] and set(first[2:]) == {"track.json.gz", "0001.json.gz"}
    # The page says whole milliseconds.
    assert len(data) > 8 and all(at_ms >= painted_ms - 1 for at_ms, _ in data[4:])
    code = {path[1:] for path, at_ms in asked if at_ms < painted_ms and not path.startswith("/v1/")} | {"index.html"}
    packed = {name: len(gzip.compress(text)) for name, text in site_files().items() if name in code}
    assert len(packed) > 15 and sum(packed.values()) < 60_000


def test_what_a_session_begins_with_is_asked_for_while_the_modules_come(site, page):
    needed = {f"{site.folder}{name}" for name in ("manifest.json", "samples/0001.json.gz", "track.json.gz")}
    asked, all_asked = set(), threading.Event()

    def before(request: str, key: str) -> None:
        asked.add(key)
        if needed <= asked:
            all_asked.set()
        if key == f"{PARTS}app.js":
            all_asked.wait(60)

    with serving(WatchedStore(site.store, before)) as base:
        page.forget(base)
        page.open(f"{base}#session=9472&t={MOMENT_MS}")
        page.wait_for("document.body.dataset.firstFrameMs", "first frame")
    assert all_asked.is_set(), f"only {asked} were asked for before the page began"
    assert not page.complaints, page.complaints


def test_a_picture_can_be_taken(site, page, tmp_path):
    picture = tmp_path / "shot.png"
    take_picture(page, f"{site.base}#session=9472&t=66000", picture, "document.body.dataset.tick")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000


def test_the_manifest_names_everything_the_page_reads(site):
    manifest = json.loads((site.store.root / site.folder / "manifest.json").read_bytes())
    paths = {entry["path"] for entry in manifest["objects"]}
    assert {kind: len(chunks["files"]) for kind, chunks in manifest["chunks"].items()} == {"samples": 3, "frames": 3}
    assert {f"{n}.json.gz" for n in ("track", "quality", "results", "weather", "messages", "overview", "laps")} <= paths
