"""Going to moments: laps, what happened, times that are typed; the row of tools, its keys, a link, a picture."""

from typing import Any

from browser import needs_chromium

#: Two cars: 44 leads lap 1, 16 lap 2; 44 stops at the end of lap 1.
LAPS = [
    {"car": "44", "lap": 1, "start_ms": 10_000, "end_ms": 100_000, "position": 1, "pit_in_ms": 98_000},
    {"car": "16", "lap": 1, "start_ms": 10_000, "end_ms": 101_000, "position": 2, "pit_in_ms": None},
    {"car": "44", "lap": 2, "start_ms": 100_000, "end_ms": 210_000, "position": 2, "pit_in_ms": None},
    {"car": "16", "lap": 2, "start_ms": 101_000, "end_ms": 191_000, "position": 1, "pit_in_ms": None},
    {"car": "16", "lap": 3, "start_ms": 191_000, "end_ms": 280_000, "position": 1, "pit_in_ms": None},
]
MESSAGES = [{"flag": "CHEQUERED", "placedMs": 280_500}]
STATUSES = [{"status": "1", "from": 0}, {"status": "4", "from": 150_000}, {"status": "1", "from": 170_000}]
PROGRAM = """
import { Moments } from "./moments.js"; import { Parts } from "./parts.js";
const session = { isRace: given.isRace, startMs: 10000, parts: new Parts(given.parts),
  manifest: { drivers: [{ number: "44", code: "HAM" }, { number: "16", code: "LEC" }],
              clock: { race_start_ms: 10000, utc_origin: "2024-05-26T23:59:00.000Z" } } };
const moments = new Moments(session, given.laps, given.messages);
const walk = (way, kind, car) => {
  const found = [];
  let at = way > 0 ? -1 : 1e9;
  for (;;) {
    const one = moments.event(at, way, { kind, car, statuses: given.statuses });
    if (!one) return found;
    found.push([one.timeMs, one.text]);
    at = one.timeMs;
  }
};
const said = { all: walk(1, "any", null), back: walk(-1, "any", null).length, places: walk(1, "place", null),
  ofCar: walk(1, "any", "44"), laps: moments.beginnings(null), own: moments.beginnings("44"),
  typed: given.typed.map((text) => moments.typed(text, null)) };
console.log(JSON.stringify(said));
"""
TYPED: dict[str, Any] = {
    "2": 100_000,
    "lap 3": 191_000,
    "L1": 10_000,
    "0:30": 40_000,
    "1:00:00.5": 3_610_500,
    "-0:05": 5_000,
    "00:00:30 UTC": 90_000,
}


def given(**more: Any) -> dict[str, Any]:
    return {"laps": LAPS, "messages": MESSAGES, "statuses": STATUSES, "isRace": True, "parts": [], "typed": []} | more


def test_a_race_has_laps_overtakes_stops_and_flags_to_go_to(run_node):
    seen = run_node(PROGRAM, given(typed=[*TYPED, "9", "soon"]))
    happened = [
        [10_000, "Start"],
        [98_000, "HAM comes in at the end of lap 1"],
        [150_000, "Safety car"],
        [170_000, "Track clear"],
        [191_000, "LEC goes from place 2 to 1 in lap 2"],
        [280_500, "Chequered flag"],
    ]
    assert seen["all"] == happened
    assert seen["back"] == len(happened)
    assert seen["places"] == [happened[4]], "a lost place is somebody else's won one"
    assert seen["ofCar"] == [line for line in happened if not line[1].startswith("LEC")]
    assert seen["laps"] == [{"timeMs": t, "lap": n} for n, t in ((1, 10_000), (2, 100_000), (3, 191_000))]
    assert seen["own"] == [{"timeMs": t, "lap": n} for n, t in ((1, 10_000), (2, 100_000))]
    assert dict(zip(TYPED, seen["typed"], strict=False)) == TYPED
    assert "last one is 3" in seen["typed"][-2] and "Not understood" in seen["typed"][-1]


def test_elsewhere_the_parts_are_gone_through_and_a_cars_own_laps(run_node):
    parts = [{"name": "Q1", "start_ms": 20_000}, {"name": "Q2", "start_ms": 120_000}]
    seen = run_node(PROGRAM, given(isRace=False, parts=parts, statuses=[], messages=[], typed=["2"]))
    assert seen["laps"] == [{"timeMs": 20_000, "lap": 1}, {"timeMs": 120_000, "lap": 2}]
    assert seen["own"] == [{"timeMs": 10_000, "lap": 1}, {"timeMs": 100_000, "lap": 2}]
    assert [20_000, "Q1 begins"] in seen["all"] and seen["places"] == []
    assert "Not understood" in seen["typed"][0], "laps are a car's own"


#: What race control says of marshal sectors, and which are under a flag after each.
FLAGS = (
    ("Sector", 3, "YELLOW", {"3": "YELLOW"}),
    ("Sector", 3, "DOUBLE YELLOW", {"3": "DOUBLE YELLOW"}),
    ("Sector", 7, "YELLOW", {"3": "DOUBLE YELLOW", "7": "YELLOW"}),
    ("Sector", 3, "CLEAR", {"7": "YELLOW"}),
    ("Driver", None, "BLUE", {"7": "YELLOW"}),
    ("Track", None, "CHEQUERED", {"7": "YELLOW"}),
    ("Track", None, "GREEN", {}),
)


def test_marshal_sectors_are_yellow_until_they_are_clear(run_node):
    seen = run_node(
        """import { Marshals, sectorFlags } from "./marshals.js";
        const flags = given.map((_, i) => Object.fromEntries(sectorFlags(given.slice(0, i + 1))));
        const marks = [3, 1, 2].map((number) => ({ number, distance_m: 10 * number }));
        const track = { marshal_sectors: marks, drs_zones_m: [[35, 5]] };
        globalThis.Path2D = class { points = []; lineTo(x) { this.points.push(x); } };
        const marshals = new Marshals(track, [0, 10, 20, 30, 40], { x: [0, 1, 2, 3, 4], y: [0, 0, 0, 0, 0] });
        console.log(JSON.stringify([flags, [...marshals.sectors], marshals.zones]));""",
        [{"scope": scope, "sector": sector, "flag": flag} for scope, sector, flag, _ in FLAGS],
    )
    assert seen[0] == [shown for *_, shown in FLAGS]
    assert seen[1] == [[1, {"points": [1, 2]}], [2, {"points": [2, 3]}], [3, {"points": [3, 4, 0, 1]}]]
    assert seen[2] == [{"points": [4, 0, 1]}], "over the line"


@needs_chromium
def test_tools_and_their_keys(drive_boards):
    seen = drive_boards(
        """await open("#session=9490&t=90000&car=11&view=gaps&note=kept");
        await until(() => data().complete && data().fps === "25", "everything");
        const out = { view: data().stage }, w = frame.contentWindow;
        const dialog = () => page().querySelector("dialog");
        const close = async () => {
          dialog().querySelector(".close").click();
          await until(() => !dialog(), "no dialog");
        };
        press("?");
        await until(dialog, "the keys");
        out.keys = dialog().textContent;
        press("r"); out.whileReading = data().t;
        await close();
        press("r"); out.restart = data().t;
        press("."); out.event = [data().t, page().querySelector(".said").textContent];
        press("g");
        await until(dialog, "the field");
        const form = dialog().querySelector("form");
        form.querySelector("input").value = "soon"; form.requestSubmit();
        out.wrong = form.querySelector("[role=alert]").textContent;
        form.querySelector("input").value = "1:40"; form.requestSubmit();
        await until(() => !dialog(), "no dialog"); out.typed = data().t;
        press("v");
        await until(dialog, "the video");
        const [shows, goes] = dialog().querySelectorAll("form");
        shows.querySelector("input").value = "1:01:40"; shows.requestSubmit();
        out.video = $("video-time").textContent;
        goes.querySelector("input").value = "1:00:30.5"; goes.requestSubmit(); out.byVideo = data().t;
        await close();
        press("+"); out.nudged = [data().t, $("video-time").textContent];
        press("s"); out.together = [data().playing, $("rate").value]; press(" ");
        Object.defineProperty(w.navigator, "clipboard", { value: { writeText: async (text) => { out.link = text; } } });
        press("c");
        await until(() => out.link, "the link");
        w.HTMLAnchorElement.prototype.click = function () { out.picture = this.download; };
        w.URL.createObjectURL = (blob) => { out.blob = [blob.type, blob.size > 10000]; return "blob:"; };
        press("p");
        await until(() => out.picture, "the picture");
        out.speeds = [...$("rate").options].map((option) => option.value);
        return out;"""
    )
    assert "Play or pause" in seen["keys"] and "Save a picture" in seen["keys"]
    assert seen["whileReading"] == "90000" and seen["restart"] == "10000"
    assert seen["event"] == ["80000", "Safety car"]
    assert "Not understood" in seen["wrong"]
    assert seen["typed"] == "110000"
    assert seen["video"] == "Video 1:01:40"
    assert seen["byVideo"] == "40500", "the video began 58:50 before the start"
    assert seen["nudged"] == ["40600", "Video 1:00:30"]
    assert seen["together"] == ["true", "1"]
    assert "session=9490" in seen["link"] and "car=11" in seen["link"]
    assert "view=gaps" in seen["link"] and "note=kept" in seen["link"], "what others have written there stays"
    assert seen["view"] == "gaps"
    assert seen["picture"].startswith("2024-10-R-4") and seen["blob"] == ["image/png", True]
    assert [seen["speeds"][0], seen["speeds"][-1]] == ["0.25", "50"]
