"""The charts: what laps say, nothing of what is ahead, and a page whose tabs and laps can be reached with keys."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from browser import needs_chromium
from viewer_browser import PARTS

from publish.site.files import site_files

_LAPS = """
const row = (car, lap, start, end, more = {}) => ({ car, lap, start_ms: start, end_ms: end, lap_time_ms: end - start,
  position: null, pit_in_ms: null, pit_out_ms: null, stint: 1, compound: "SOFT", tyre_age_laps: lap, tyre_fresh: true,
  track_statuses: "1", deleted: false, ...more });
const rows = [
  row("4", 2, 100, 190, { pit_in_ms: 188 }), row("4", 1, 0, 100),
  row("4", 3, 190, 300, { stint: 2, compound: "HARD", tyre_age_laps: 4, tyre_fresh: false }),
  row("7", 1, 0, 110), row("7", 2, 110, 195, { deleted: true }), row("7", 3, 195, null, { lap_time_ms: null }),
];
"""


@pytest.fixture(scope="module")
def run_module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a program in Node beside the pages' modules and return what it prints."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js (apt-get install nodejs)")
    folder = tmp_path_factory.mktemp("modules")
    for key, data in site_files().items():
        if key.endswith(".js"):
            (folder / Path(key).name).write_bytes(data)
    (folder / "package.json").write_text('{"type": "module"}')

    def run(program: str) -> Any:
        (folder / "program.js").write_text(program)
        ran = subprocess.run(
            ["node", "program.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


def test_laps_are_asked_for_up_to_a_moment(run_module: Any) -> None:
    seen = run_module(
        f"""import {{ bandsOf, isClean, Laps, quantile }} from "./charts_laps.js";
        {_LAPS}
        const results = [{{ car: "4", grid: 2 }}, {{ car: "7", grid: 0 }}];
        const laps = new Laps(rows, {{ results, startMs: 0, totalLaps: null }});
        const gaps = (...asked) => laps.gaps(...asked).map(({{ row: {{ lap }}, gapMs }}) => [lap, gapMs]);
        const said = ({{ compound, isNew, ageAtStart, laps: {{ length }} }}) => [compound, isNew, ageAtStart, length];
        const stints = (until) => laps.stints("4", until).map(said);
        const runs = [["1", 0, 50], ["4", 50, 150], ["5", 150, 250], ["?", 250, 300]]
          .map(([status, from, to]) => ({{ status, from, to }}));
        const names = {{ 1: {{ kind: "clear" }}, 4: {{ kind: "sc" }}, 5: {{ kind: "red" }} }};
        const started = [row("4", 1, 0, 100, {{ position: 1 }}), row("7", 1, 0, 40)];
        const race = new Laps(started, {{ results: [], startMs: 0, totalLaps: 1 }});
        const retired = [race.firstEnds, race.gaps("4", null, 1000).length, race.gaps("7", null, 1000).length];
        console.log(JSON.stringify({{
          count: laps.lapCount, grid: [...laps.grid], at: [-5, 0, 50, 145, 400].map((ms) => laps.lapAt(ms)),
          ended: [99, 100, 300].map((ms) => laps.ended("4", ms).length), begun: laps.begun("4", 100).length,
          retired, toLeader: gaps("7", null, 1000), toCar: gaps("4", "7", 1000), before: gaps("4", "7", 190),
          stints: [stints(120), stints(1000)],
          best: [laps.best("4", 1000).lap, laps.best("7", 1000).lap, laps.best("7", 0)],
          clean: rows.map(isClean), bands: bandsOf(runs, names, (ms) => ms / 10, 200),
          quantiles: [quantile([3, 1, 2], 0.5), quantile([3, 1, 2], 1), quantile([], 0.5)],
        }}));"""
    )
    assert seen["retired"] == [[0, 100], 1, 0], "who has not come to the line has no gap there, and leads nobody"
    assert seen["count"] == 3 and seen["grid"] == [["4", 2]], "nobody starts from place 0"
    assert seen["at"] == [0, 0, 0.5, 1.5, 3]
    assert seen["ended"] == [0, 1, 3] and seen["begun"] == 2
    assert seen["toLeader"] == [[1, 10], [2, 5]] and seen["toCar"] == [[1, -10], [2, -5]]
    assert seen["before"] == [[1, -10]], "the other one has not ended its lap yet"
    assert seen["stints"] == [[["SOFT", True, 0, 2]], [["SOFT", True, 0, 2], ["HARD", False, 3, 1]]]
    assert seen["best"] == [2, 1, None], "a deleted lap is none"
    assert seen["clean"] == [False, False, True, False, True, False]
    assert seen["quantiles"] == [2, 3, None]
    assert [(band["from"], band["to"], band["kind"]) for band in seen["bands"]] == [(5, 15, "sc"), (15, 20, "red")]


def test_places_by_best_laps_and_a_track_nobody_has_turned(run_module: Any) -> None:
    """A lap in the second part counts more than any in the first; what is ahead is not there; a track lies flat."""
    seen = run_module(
        """globalThis.window = { matchMedia: () => ({ matches: false }) };
        const { flattest } = await import("./draw.js");
        const { standings } = await import("./charts_standings.js");
        const step = (endMs, lapMs, part = 0) => ({ endMs, lapMs, part });
        const own = { 4: [step(100, 90), step(400, 95, 1)], 7: [step(200, 80), step(300, 79)], 9: [] };
        const bests = new Map(Object.entries(own));
        const said = (until) => Object.fromEntries([...standings(bests, until)].map(([car, places]) =>
          [car, places.map(({ timeMs, place, step }) => [timeMs, place, step?.lapMs ?? null])]));
        const high = [[0, 10, 10, 0], [0, 0, 100, 100]];
        console.log(JSON.stringify({ before: said(99), first: said(200), all: said(Infinity),
          turned: [flattest(...high), flattest(...[...high].reverse())] }));"""
    )
    assert seen["before"] == {} and seen["first"] == {"4": [[100, 1, 90], [200, 2, None]], "7": [[200, 1, 80]]}
    assert seen["all"]["4"] == [[100, 1, 90], [200, 2, None], [400, 1, 95]]
    assert seen["all"]["7"] == [[200, 1, 80], [300, 1, 79], [400, 2, None]], "a better time in the same place, too"
    assert seen["turned"] == [90, 0]


_DRIVEN = """
import { LapTrace, TRACED } from "./lap_trace.js";
const LENGTH = 5000, STEP = 100;
// A lap of so many ms whose place is known at every moment: faster and slower some times a lap, later or earlier in it.
const placeAt = (ms, whole, shift) => {
  const part = ms / whole, wave = 2 * Math.PI * 5;
  return LENGTH * (part + 0.02 * (Math.sin(wave * part + shift) - Math.sin(shift)));
};
const whenAt = (metres, whole, shift) => {
  let [low, high] = [0, whole];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (placeAt(middle, whole, shift) < metres) low = middle; else high = middle;
  }
  return low;
};
const SECTORS = [1500, 3500];
const drive = (whole, shift, { waver = 2, lost = () => false, timed = true } = {}) => {
  const start = 1_000_000, steps = Math.ceil(whole / STEP), lap = 7;
  const timesMs = Array.from({ length: steps + 1 }, (_, i) => start + Math.min(i * STEP, whole));
  const channels = Object.fromEntries(TRACED.map((name) => [name, timesMs.map(() => null)]));
  timesMs.forEach((timeMs, i) => {
    const ms = timeMs - start;
    if (lost(ms)) return;
    channels.distance[i] = 6 * LENGTH + placeAt(ms, whole, shift) + waver * Math.sin(i * 2.4 + shift);
    const [a, b] = [ms - 0.5, ms + 0.5].map((at) => placeAt(at, whole, shift));
    channels.speed[i] = (b - a) * 3600;
    channels.gear[i] = ms < 20_000 ? 5 : 6;
  });
  const first = whenAt(SECTORS[0], whole, shift), second = whenAt(SECTORS[1], whole, shift) - first;
  const row = { car: "1", lap, start_ms: start, end_ms: start + whole, lap_time_ms: whole };
  Object.assign(row, timed ? { sector1_ms: first, sector2_ms: second } : { sector1_ms: null, sector2_ms: null });
  return new LapTrace(row, { timesMs, channels }, LENGTH, SECTORS);
};
"""


def test_the_time_between_two_laps_is_the_known_one(run_module: Any) -> None:
    """Coordinates waver by 2 m, which is 30 ms; the lines of the timing are met to the sample."""
    seen = run_module(
        _DRIVEN
        + """
        const a = [90_000, 0.4], b = [91_234, 1.9];
        const truth = (s) => whenAt(s, ...b) - whenAt(s, ...a);
        const metres = Array.from({ length: 499 }, (_, i) => (i + 1) * 10);
        const worst = (options) => {
          const [one, two] = [drive(...a, options), drive(...b, options)];
          return Math.max(...metres.map((s) => Math.abs(two.deltaAt(one, s) - truth(s))));
        };
        const [one, two] = [drive(...a), drive(...b)];
        const lost = drive(...b, { lost: (ms) => ms > 40_000 && ms < 45_000 });
        const [before, inside] = [39_000, 42_500].map((ms) => placeAt(ms, ...b));
        console.log(JSON.stringify({
          ends: [0, 5000].map((s) => two.deltaAt(one, s)),
          sectors: SECTORS.map((s) => two.deltaAt(one, s) - truth(s)),
          smooth: worst({ waver: 0 }), wavering: worst({}), untimed: worst({ timed: false }),
          there: one.distanceAt(one.timeAt(2345)), beyond: one.timeAt(5001), along: one.along("time", 10)[10],
          gears: [1, 4000].map((s) => one.valueAt("gear", s)), speed: one.valueAt("speed", 2500),
          real: (placeAt(whenAt(2500, ...a) + 0.5, ...a) - placeAt(whenAt(2500, ...a) - 0.5, ...a)) * 3600,
          lost: [lost.timeAt(before) - 39_000, lost.timeAt(inside)],
          nothing: drive(...a, { lost: () => true }).isKnown,
        }));"""
    )
    assert seen["ends"] == [0, 1234], "at the line it is the difference of both lap times"
    assert seen["sectors"] == pytest.approx([0, 0], abs=5)
    assert seen["smooth"] < 5 and seen["wavering"] < 15 and seen["untimed"] < 25, seen
    assert seen["there"] == pytest.approx(2345, abs=1e-6) and seen["beyond"] is None and seen["along"] == 90_000
    assert seen["gears"] == [5, 6] and seen["speed"] == pytest.approx(seen["real"], abs=2)
    assert abs(seen["lost"][0]) < 60 and seen["lost"][1] is None, "where a car was not seen for long nothing is made up"
    assert seen["nothing"] is False


#: In front of every scenario: open a chart, and what can be pointed at.
HELPERS = """
    const stage = () => data().stage;
    const choose = async (id) => { $(`tab-${id}`).click(); await until(() => data().chart === id, id); };
    const key = (target, name) => {
      const how = { key: name, bubbles: true, cancelable: true };
      target.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", how));
    };
    const over = () => page().querySelector(".plotted [role=application]");
    const tip = () => page().querySelector(".tip").textContent;
    const walk = () => {  // every lap that can be reached with keys
      const said = new Set();
      over().focus();
      const visit = () => {
        key(over(), "Home");
        for (let i = 0; i < 6; i++) { said.add(tip()); key(over(), "ArrowRight"); }
      };
      for (const first of ["Escape", "ArrowRight"]) key(over(), first);
      visit();
      for (const vertical of ["ArrowUp", "ArrowDown", "ArrowDown", "ArrowDown"]) {
        for (const next of ["Home", vertical]) key(over(), next);
        visit();
      }
      return [...said].filter(Boolean).sort();
    };
    const inked = () => {
      const c = page().querySelector(".plotted canvas");
      const pixels = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      let sum = 0;
      for (let i = 3; i < pixels.length; i += 4) sum += pixels[i] > 0;
      return sum / (pixels.length / 4);
    };
"""


@needs_chromium
def test_charts_of_a_race(drive_boards: Any) -> None:
    """One page asked many things: tabs, keys, what is hidden, where a click leads, a picture."""
    seen = drive_boards(
        HELPERS
        + f"""await open("#session=9490&t=123000");
        await until(() => stage() === "map" && data().complete, "the tabs");
        const tabs = [...page().querySelectorAll("[role=tab]")];
        const out = {{ labels: tabs.map((t) => t.textContent) }};
        out.code = loaded().filter((one) => one.includes("charts_")).length;
        tabs[0].focus();
        key(tabs[0], "ArrowRight");
        await until(() => data().chart === "places", "the lap chart");
        out.focused = page().activeElement.id;
        out.selected = [...page().querySelectorAll("[role=tab][aria-selected=true]")].map((t) => t.id);
        out.stops = tabs.filter((t) => t.tabIndex === 0).length;
        out.moved = data().t;
        out.hidden = walk();
        out.ink = inked();
        $("hide-ahead").click();
        out.open = walk();
        for (const next of ["Escape", "ArrowRight", "Home", "ArrowRight", "ArrowRight"]) key(over(), next);
        out.aim = tip();
        key(over(), "Enter");
        out.t = Number(data().t);
        out.all = {{}};
        for (const id of ["gaps", "stints", "times"]) {{
          await choose(id);
          out.all[id] = {{ said: walk(), ink: inked() }};
        }}
        await choose("gaps");
        const select = page().querySelector(".against select");
        select.value = "1";
        select.dispatchEvent(new Event("change"));
        out.against = walk();
        out.link = frame.contentWindow.location.hash;
        const before = loaded().length;
        await choose("traces");
        await until(() => page().querySelectorAll(".values tbody tr").length === 2, "both laps");
        out.minutes = loaded().slice(before).filter((one) => one.includes("/samples/"));
        for (const [i, value] of [[0, "11"], [2, "1"]]) {{
          const select = page().querySelectorAll(".traced-lap select")[i];
          select.value = value;
          select.dispatchEvent(new Event("change"));
        }}
        await until(() => page().querySelector(".values tbody").textContent.includes("D11 3"), "the other laps");
        out.shown = page().querySelector(".values tbody").textContent;
        for (const next of ["ArrowRight", "End"]) key(over(), next);
        out.atTheLine = tip();
        out.table = page().querySelector(".values tbody").textContent;
        out.traced = inked();
        const {{ paintPicture }} = await import("./{PARTS}chart_picture.js");
        const {{ lookOf }} = await import("./{PARTS}plot.js");
        const blob = await paintPicture("A chart", "Its legend.", lookOf($("pane")), () => null);
        const bytes = new Uint8Array(await blob.arrayBuffer());
        const size = new DataView(bytes.buffer);
        out.picture = [blob.type, size.getUint32(16), size.getUint32(20)];
        out.offered = [...page().querySelectorAll(".pane-bar button")].map((b) => b.textContent).includes("Save chart");
        $("tab-map").click();
        out.laps = frame.contentWindow.location.hash.includes("laps=11-3,1-3");
        out.back = [stage(), $("pane").hidden, frame.contentWindow.getComputedStyle($("map")).display];
        return out;"""
    )
    assert seen["labels"] == ["Map", "Lap chart", "Gaps", "Tyres", "Lap times", "Traces", "Head to head"]
    assert seen["code"] == 0, "no chart's code before one is asked for"
    assert (seen["focused"], seen["selected"], seen["stops"]) == ("tab-places", ["tab-places"], 1)
    assert seen["moved"] == "123000", "arrows choose a tab and leave the time alone"
    hidden = [text.partition(":")[0] for text in seen["hidden"]]
    assert "D01, grid" in hidden and "D16, grid" in hidden
    assert "D01, lap 2" in hidden and "D16, lap 2" not in hidden, "its second lap ends at 125 s"
    assert not any("lap 3" in text for text in hidden)
    assert any(text.startswith("D01, lap 2: P2") and text.endswith("into the pits") for text in seen["hidden"])
    assert {"D16, lap 2", "D01, lap 3", "D11, lap 3"} <= {text.partition(":")[0] for text in seen["open"]}
    assert seen["aim"].startswith("D11, lap 2")
    assert seen["t"] == pytest.approx(97_000, abs=3000), "where that lap begins"
    assert "D01, lap 3: 2.500 s behind the leader" in seen["all"]["gaps"]["said"]
    assert any(text.startswith("D01, lap 3: hard, new, lap 3") for text in seen["all"]["stints"]["said"])
    assert "D11, lap 3: 21.000, soft, 3 laps old" in seen["all"]["times"]["said"]
    assert all(chart["ink"] > 0.01 for chart in seen["all"].values()) and seen["ink"] > 0.01
    assert "D11, lap 3: 2.500 s ahead of D01" in seen["against"]
    assert 0 < len(seen["minutes"]) <= 3 and seen["traced"] > 0.01
    assert seen["shown"].endswith("+1.500") and "D11 3" in seen["shown"] and "D01 3" in seen["shown"]
    assert "view=gaps" in seen["link"] and "cars=" in seen["link"] and seen["laps"], "a link leads to the same view"
    assert seen["atTheLine"].startswith("5412 m: D11 3") and seen["atTheLine"].endswith(", +1.500 s")
    assert seen["table"].endswith("+1.500")
    assert seen["picture"] == ["image/png", 2560, 1440] and seen["offered"]
    assert seen["back"] == ["map", True, "block"]


@needs_chromium
def test_two_cars_beside_each_other(drive_boards: Any) -> None:
    seen = drive_boards(
        HELPERS
        + """await open("#session=9490&t=142000&car=1&view=duel");
        await until(() => data().chart === "duel", "what the address asks for");
        const texts = (row) => [...row.children].map((cell) => cell.textContent);
        const lines = (kind) => [...page().querySelectorAll(`.${kind} tr`)].map(texts);
        const chosen = () => [...page().querySelectorAll(".pane-bar select")].map((s) => s.value);
        const told = () => page().querySelector(".told").textContent;
        const out = { chosen: chosen(), told: told(), now: lines("duel-now"), laps: lines("duel-laps") };
        const second = page().querySelectorAll(".pane-bar select")[1];
        second.value = "1"; second.dispatchEvent(new Event("change"));
        out.swapped = chosen();
        const buttons = () => [...page().querySelectorAll(".pane-bar button")];
        const press = (text) => buttons().find((b) => b.textContent === text).click();
        press("Gap chart");
        await until(() => data().chart === "gaps", "the gaps");
        out.reference = page().querySelector(".against select").value;
        await choose("duel");
        press("Traces");
        await until(() => page().querySelectorAll(".values tbody tr").length === 2, "both laps");
        out.traced = [...page().querySelectorAll(".values tbody th")].map((h) => h.textContent);
        frame.contentWindow.location.hash = "#session=9490&t=130000&view=stints";
        await until(() => data().chart === "stints" && data().t === "130000", "another address of the same session");
        return out;"""
    )
    assert seen["chosen"] == ["1", "11"], "the selected car and the one in front"
    assert seen["told"].startswith("D01 is right behind D11") and seen["told"].endswith(" s")
    now = {what: values for what, *values in seen["now"]}
    assert now["Place"] == ["2", "1"] and now["Gap to the leader"][1] == "leads" and now["Pit stops"] == ["1", "0"]
    assert now["Last lap"] == ["24.232", "21.000"], "its third lap ends later"
    assert seen["laps"][0] == ["Lap", "D01", "D11", "Difference", "Gap"]
    assert seen["laps"][1][0] == "2" and seen["laps"][1][-1] == "−1.000"
    assert seen["swapped"] == ["11", "1"] and seen["reference"] == "11"
    assert seen["traced"] == ["D11 2", "D01 2"], "the last lap of both that was known then"


@needs_chromium
def test_the_map_goes_nearer_and_with_a_car(drive_boards: Any) -> None:
    """Wheel, drag, two fingers, buttons and keys; a drag chooses no car, and a car in the middle stays there."""
    seen = drive_boards(
        HELPERS
        + """await open("#session=9490&t=60000&car=11");
        await until(() => stage() === "map" && data().complete, "the map");
        const map = $("map"), box = map.getBoundingClientRect(), [w, h] = [box.width, box.height];
        const send = (Kind, type, more) => {
          const place = { clientX: box.left + more.x, clientY: box.top + more.y, bubbles: true, cancelable: true };
          const made = new frame.contentWindow[Kind](type, { ...place, pointerId: 1, ...more });
          map.dispatchEvent(made);
          return made.defaultPrevented;
        };
        map.setPointerCapture = () => {};  // a made-up pointer cannot be captured
        const button = (text) => [...page().querySelectorAll(".zoom button")].find((b) => b.textContent === text);
        const pixels = () => map.getContext("2d").getImageData(0, 0, map.width, map.height).data;
        const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
        const whole = pixels();
        const wheel = (deltaY) => send("WheelEvent", "wheel", { x: w / 2, y: h / 2, deltaY });
        const out = { further: wheel(100), whole: button("Whole").disabled, nearer: wheel(-400) };
        out.near = [button("Whole").disabled, same(pixels(), whole)];
        let before = pixels();
        send("PointerEvent", "pointerdown", { x: 100, y: 100 });
        send("PointerEvent", "pointermove", { x: 160, y: 120 });
        send("PointerEvent", "pointerup", { x: 160, y: 120 });
        out.dragged = !same(pixels(), before);
        let clicks = 0;
        map.addEventListener("click", () => clicks++);
        send("MouseEvent", "click", { x: 160, y: 120 });
        out.clicks = [clicks];
        for (const type of ["pointerdown", "pointerup"]) send("PointerEvent", type, { x: 160, y: 120 });
        send("MouseEvent", "click", { x: 160, y: 120 });
        out.clicks.push(clicks);
        before = pixels();
        const fingers = [[1, 200], [2, 300]];
        for (const [pointerId, x] of fingers) send("PointerEvent", "pointerdown", { x, y: 150, pointerId });
        send("PointerEvent", "pointermove", { x: 400, y: 150, pointerId: 2 });
        for (const id of [1, 2]) send("PointerEvent", "pointerup", { x: 0, y: 0, pointerId: id });
        out.pinched = !same(pixels(), before);
        const group = page().querySelector(".zoom");
        const t = data().t;
        before = pixels();
        key(group, "ArrowLeft");
        out.moved = [!same(pixels(), before), data().t === t];
        key(group, "0");
        out.back = [same(pixels(), whole), button("Whole").disabled];
        button("Follow").click();
        // In the middle there is the selected car's dot, whose colour is its team's.
        const centre = () => map.getContext("2d").getImageData(map.width / 2, map.height / 2, 1, 1);
        const middle = () => [...centre().data].slice(0, 3);
        out.middle = [middle()];
        for (let i = 0; i < 2; i++) $("forward").click();
        await until(() => data().t === "80000" && data().fps === "25", "twenty seconds later");
        out.middle.push(middle());
        out.pressed = button("Follow").getAttribute("aria-pressed");
        key(group, "ArrowUp");
        out.letGo = button("Follow").getAttribute("aria-pressed");
        return out;"""
    )
    assert (seen["further"], seen["nearer"], seen["whole"]) == (False, True, True), "beyond the whole the page scrolls"
    assert seen["near"] == [False, False] and seen["dragged"] and seen["pinched"]
    assert seen["clicks"] == [0, 1], "the end of a drag is no click"
    assert seen["moved"] == [True, True] and seen["back"] == [True, True]
    assert seen["middle"] == [[0x8A, 0x90, 0x99]] * 2
    assert (seen["pressed"], seen["letGo"]) == ("true", "false")
