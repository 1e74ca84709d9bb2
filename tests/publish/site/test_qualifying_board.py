"""The board of qualifying and practice: one part at a time, its clock, who goes out, and nothing before it is known."""

import pytest
from browser import needs_chromium

pytestmark = needs_chromium

HELPERS = """
    const at = async (ms) => {
      if (!data().ready) await open(`#session=${session}&t=${ms}`);
      else { $("seek").value = String(ms); $("seek").dispatchEvent(new Event("change")); }
      await until(() => data().complete && data().t === String(ms) && data().fps === "25", "the moment");
    };
    const shown = (row) => [row.car, row.cells[0], row.cells[2], row.cells[3]];
    const board = () => rows().map((row) => row.car ? shown(row) : row.cells[0]);
    const states = () => rows().filter((row) => row.car).map((row) => [row.car, row.cells[5]]);
    const moment = async (ms) => {
      await at(ms);
      return { clock: $("lap").textContent, board: board(), states: Object.fromEntries(states()) };
    };
"""
CUT = "Below this line: out after "


@pytest.fixture
def moments(drive_boards):
    """What the board of a session shows at these moments, by the moment."""

    def look(session: int, *times_ms: int) -> dict[int, dict]:
        scenario = f"const session = {session}, out = {{}};" + HELPERS
        scenario += f"for (const ms of {list(times_ms)}) out[ms] = await moment(ms); return out;"
        return {int(ms): seen for ms, seen in drive_boards(scenario).items()}

    return look


def test_nobody_has_a_place_before_a_time(moments):
    seen = moments(9480, 5_000, 33_000)
    unknown = ["–", "–", "–"]
    assert seen[5_000]["board"] == [[car, *unknown] for car in ("1", "4", "11", "16", "55", "63")], "by number"
    assert seen[33_000]["board"][:4] == [
        ["1", "1", "9.000", "–"],
        ["11", "2", "9.100", "+0.100"],
        ["4", *unknown],
        ["16", *unknown],
    ]


def test_the_order_goes_by_the_part_and_so_do_best_and_gap(moments):
    seen = moments(9480, 55_000, 98_000, 135_000)
    assert seen[55_000]["board"] == [
        ["1", "1", "9.000", "–"],  # its 8.000 was deleted
        ["11", "2", "9.100", "+0.100"],
        ["16", "3", "9.200", "+0.200"],
        ["55", "4", "9.300", "+0.300"],
        CUT + "Q1 · 9.300 to beat",
        ["63", "5", "9.400", "+0.400"],
        ["4", "–", "–", "–"],
    ]
    assert seen[98_000]["board"] == [
        ["55", "1", "8.800", "–"],
        ["11", "2", "9.150", "+0.350"],  # not its 9.100 of Q1
        CUT + "Q2 · 9.150 to beat",
        ["1", "3", "9.500", "+0.700"],
        ["16", "4", "9.200", "–"],  # of Q1, like the next
        ["63", "5", "9.400", "+0.200"],
        ["4", "–", "–", "–"],
    ]
    assert seen[135_000]["board"] == [
        ["11", "1", "9.050", "–"],
        ["55", "2", "9.900", "+0.850"],  # not its 8.800 of Q2
        ["1", "3", "9.500", "–"],
        ["16", "4", "9.200", "–"],
        ["63", "5", "9.400", "+0.200"],
        ["4", "–", "–", "–"],
    ], "no line in the last part"


def test_the_clock_of_each_part(moments):
    seen = moments(9480, 4_000, 10_000, 49_000, 54_000, 65_000, 72_000, 79_000, 85_000, 120_000, 150_000)
    assert {ms: moment["clock"] for ms, moment in seen.items()} == {
        4_000: "Q1 in 0:06",
        10_000: "Q1 · 0:40 left",
        49_000: "Q1 · 0:01 left",
        54_000: "Q1 has ended · Q2 in 0:06",
        65_000: "Q2 · 0:25 left",
        72_000: "Q2 · 0:20 left, clock stopped",
        79_000: "Q2 · 0:20 left, clock stopped",
        85_000: "Q2 · 0:15 left",
        120_000: "Q3 · 0:20 left",
        150_000: "Q3 has ended",
    }


def test_who_went_out_says_in_which_part_and_finishers_have_finished(moments):
    seen = moments(9480, 55_000, 61_000, 150_000)
    assert "OUT" not in str(seen[55_000]["states"]), "laps begun in time may still count"
    assert {car for car, state in seen[61_000]["states"].items() if state == "OUT Q1"} == {"63", "4"}
    assert seen[150_000]["states"] == {
        "11": "FINISHED",
        "55": "FINISHED",
        "1": "OUT Q2",
        "16": "OUT Q2",
        "63": "OUT Q1",
        "4": "OUT Q1",
    }


def test_practice_has_its_clock_and_no_line(moments):
    seen = moments(9482, 5_000, 98_000, 150_000)
    assert [moment["clock"] for moment in seen.values()] == [
        "Practice 1 in 0:05",
        "Practice 1 · 0:42 left",
        "Practice 1 has ended",
    ]
    assert seen[98_000]["board"][:2] == [["55", "1", "8.800", "–"], ["1", "2", "9.000", "+0.200"]]
    assert CUT not in str(seen[98_000]["board"])


def test_who_has_no_time_leads_nothing(drive_boards):
    seen = drive_boards(
        """await open("#session=9480&t=5000");
        await until(() => data().complete, "everything");
        const out = { panel: $("car-panel").textContent, minis: [] };
        const marks = () => [...frame.contentDocument.querySelectorAll("tr[data-car='1'] .minis")];
        await until(() => marks().length === 2, "mini-sectors");
        for (const ms of [19_000, 29_000, 33_000, 39_000, 41_000]) {
          $("seek").value = String(ms);
          $("seek").dispatchEvent(new Event("change"));
          await until(() => data().t === String(ms), "the moment");
          out.minis.push(marks().map((mark) => [...mark.children].map((one) => one.className).join(" ")));
        }
        out.words = marks()[0].title;
        $("hide-ahead").checked = false;
        $("hide-ahead").dispatchEvent(new frame.contentWindow.Event("change"));
        $("tab-places").click();
        await until(() => data().chart === "places", "the places");
        const plotted = frame.contentDocument.querySelector(".plotted");
        const key = new frame.contentWindow.KeyboardEvent("keydown", { key: "Home", bubbles: true });
        plotted.querySelector("canvas[tabindex]").dispatchEvent(key);
        return { ...out, tab: $("tab-places").textContent, place: plotted.querySelector(".tip").textContent };"""
    )
    assert "No car chosen" in seen["panel"]
    assert seen["minis"] == [[" ", ""], ["overall ", ""], ["own other", ""], ["own other", "pit"], [" ", ""]]
    assert seen["words"] == "Mini-sectors: unknown, –", "as they were at the moment, of the lap begun last"
    assert seen["tab"] == "Places" and " in Q" in seen["place"] and ": P" in seen["place"]
