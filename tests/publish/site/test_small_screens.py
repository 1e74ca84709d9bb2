"""The viewer under a finger: a phone upright and on its side, dots that stay visible, a car that says how it stands."""

import pytest
from browser import needs_chromium
from replay_sites import outline
from viewer_browser import PARTS

pytestmark = needs_chromium

BOX = """
    const box = (id) => {
      const b = $(id).getBoundingClientRect();
      return [b.left, b.top, b.right, b.bottom].map(Math.round);
    };
    const wide = () => [page().documentElement.scrollWidth, page().documentElement.clientWidth];
"""


@pytest.mark.parametrize(("width", "height"), [(844, 390), (667, 375), (932, 430)])
def test_a_phone_on_its_side_shows_map_and_board_at_once(drive, width, height):
    left, top, right, bottom = range(4)
    seen = drive(
        BOX
        + """await open("#session=9472&t=66000");
        await until(() => data().fps === "25", "the moment");
        const lines = [...page().querySelectorAll("#rows tr")].map((row) => row.getBoundingClientRect().bottom);
        return { map: box("map"), rows: box("rows"), seek: box("seek"), play: box("play"), wide: wide(), lines };""",
        width=width,
        height=height,
    )
    assert seen["wide"] == [width, width]
    assert seen["map"][bottom] - seen["map"][top] > height * 0.4, "a map worth the name"
    assert seen["rows"][left] >= seen["map"][right], "side by side"
    assert all(line <= height for line in seen["lines"]), "all three cars"
    assert max(seen["seek"][bottom], seen["play"][bottom]) <= height, "the controls"


def test_an_upright_phone_has_a_slider_as_wide_as_itself(drive):
    seen = drive(
        BOX
        + """await open("#session=9472&t=66000");
        const buttons = () => page().querySelector(".tabbed > .zoom");
        await until(() => buttons() && getComputedStyle(buttons()).position === "absolute", "what belongs to the map");
        const zoom = Math.round(buttons().getBoundingClientRect().top);
        return { seek: box("seek"), play: box("play"), rate: box("rate"), wide: wide(), map: box("map"), zoom };""",
        width=375,
        height=812,
    )
    assert seen["wide"] == [375, 375]
    assert seen["seek"][2] - seen["seek"][0] >= 350
    assert seen["seek"][3] - seen["seek"][1] >= 32
    assert seen["play"][1] >= seen["seek"][3] - 2, "the buttons have a line of their own"
    assert seen["rate"][3] <= 812
    assert seen["map"][3] <= seen["zoom"], "no button over a car"


@pytest.mark.parametrize(("width", "height"), [(375, 812), (844, 390)])
def test_a_touched_car_says_how_it_stands_below_the_map(drive, width, height):
    """A finger is wide: it need not hit the dot."""
    seen = drive(
        BOX
        + """await open("#session=9472&t=66000");
        await until(() => data().complete && data().fps === "25", "the moment");
        const out = { before: $("picked").textContent };
        const c = $("map"), pixels = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, found = [];
        for (let i = 0; i < pixels.length; i += 4) {
          if (pixels[i] === 0x36 && pixels[i + 1] === 0x71 && pixels[i + 2] === 0xc6) found.push(i / 4);
        }
        // The leader's dot is filled, that of the stopped car is a ring of the same colour.
        const all = new Set(found), w = c.width;
        const filled = found.filter((i) => [3, -3, 3 * w, -3 * w].every((step) => all.has(i + step)));
        const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
        const b = c.getBoundingClientRect();
        const [x, y] = [mean(filled.map((i) => i % w)), mean(filled.map((i) => Math.floor(i / w)))];
        const touch = { bubbles: true, clientX: b.left + x + 14, clientY: b.top + y + 14 };
        c.dispatchEvent(new frame.contentWindow.MouseEvent("click", touch));
        const seen = frame.contentWindow.getComputedStyle($("picked")).display;
        return { ...out, display: seen, picked: $("picked").textContent, place: box("picked"), map: box("map") };""",
        width=width,
        height=height,
    )
    assert "Touch a car" in seen["before"]
    assert seen["display"] == "block"
    code, place, gap, *_, speed = seen["picked"].split(" · ")
    assert (code, place, gap) == ("D01", "P1", "Leader")
    assert speed.endswith(" km/h")
    assert seen["place"][1] >= seen["map"][3], "over no car"
    assert seen["place"][3] <= height


def test_no_code_lies_over_a_dot_or_another_code(drive):
    """Twenty cars in a bunch: some go without a code, every dot stays to be seen."""
    track = outline()
    seen = drive(
        f"""const {{ TrackMap }} = await import("./{PARTS}draw.js");
        const canvas = document.createElement("canvas");
        canvas.style = "width:800px;height:500px;position:absolute";
        document.body.append(canvas);
        const track = {{ x: {track.x_m.tolist()}, y: {track.y_m.tolist()}, rotation_deg: 0, corners: null }};
        const map = new TrackMap(canvas, track);
        const cars = Array.from({{ length: 20 }}, (_, i) => ({{
          number: String(i), code: "ABC", color: `rgb(${{10 * i}}, 100, 200)`, state: "running", selected: i === 0,
          x: track.x[0] + 25 * i, y: track.y[0] + 60 * Math.sin(i),
        }}));
        map.draw(cars);
        const c = canvas.getContext("2d");
        const pixel = (dot) => [...c.getImageData(Math.round(dot.px), Math.round(dot.py), 1, 1).data].slice(0, 3);
        const covers = (box, dot) => dot.px > box.left - 4 && dot.px < box.right + 4 && Math.abs(dot.py - box.y) < 10;
        const over = map.labels.filter(({{ box }}) => map.dots.some((dot) => covers(box, dot)));
        const crossed = map.labels.filter((a, i) => map.labels.some((b, j) => j > i && a.box.left < b.box.right &&
          b.box.left < a.box.right && Math.abs(a.box.y - b.box.y) < 12));
        return {{ over, crossed: crossed.length, labels: map.labels.length, selected: map.labels[0].number,
                  pixels: map.dots.map((dot) => [dot.number, dot.px, dot.py, pixel(dot)]) }};"""
    )
    assert seen["over"] == [] and seen["crossed"] == 0
    assert 5 <= seen["labels"] < 20 and seen["selected"] == "0"
    centres = {number: (x, y) for number, x, y, _ in seen["pixels"]}
    for number, x, y, colour in seen["pixels"]:
        before = [at for other, at in centres.items() if int(other) < int(number)]
        if all((x - a) ** 2 + (y - b) ** 2 > 144 for a, b in before):
            assert colour == [10 * int(number), 100, 200], f"the dot of {number}"


def test_play_and_pause_are_drawn_not_written(drive):
    """A font may lack the sign."""
    seen = drive(
        """await open("#session=9472&t=66000");
        const shown = () => [...$("play").querySelectorAll("path")].filter((p) => p.getBoundingClientRect().width > 0)
          .map((p) => p.getAttribute("class"));
        const out = { text: $("play").textContent.trim(), paused: shown() };
        press(" ");
        out.playing = shown();
        return out;"""
    )
    assert seen == {"text": "", "paused": ["to-play"], "playing": ["to-pause"]}
