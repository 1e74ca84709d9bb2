"""One part that cannot be had does not stop the replay: another tier shows the moment, and it is tried again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from browser import needs_chromium

pytestmark = needs_chromium

#: The screen's time runs 40 times as fast for what waits to try again.
HURRY = """
    const hurry = () => {
      const w = frame.contentWindow, later = w.setTimeout.bind(w), clock = w.performance.now.bind(w.performance);
      w.setTimeout = (step, ms, ...more) => later(step, ms >= 5000 ? ms / 40 : ms, ...more);
      w.performance.now = () => 40 * clock();
    };
    const note = () => !$("rough").hidden;
"""
MINUTE = ("samples/0001.json.gz", "frames/25/0001.json.gz")


@contextmanager
def replaced(path: Path, data: bytes | None) -> Iterator[None]:
    """While it lasts, ``path`` holds ``data``, or is gone."""
    whole = path.read_bytes()
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(whole)


@pytest.fixture
def spoil(site) -> Iterator[Callable[..., None]]:
    """Take objects of the race away (or break them) until the test ends, or until what is returned is closed."""
    with ExitStack() as stack:

        def take(*names: str, data: bytes | None = None) -> None:
            for name in names:
                stack.enter_context(replaced(site.store.root / site.folder / name, data))

        yield take


def test_frames_show_what_samples_have_not(drive, spoil):
    spoil("samples/0001.json.gz")
    seen = drive(
        """await open("#session=9472&t=70000");
        await until(() => data().fps === "25", "the minute");
        $("rate").value = "16"; $("rate").dispatchEvent(new Event("change"));
        press(" ");
        await until(() => Number(data().t) > 75000, "time to pass");
        return { fps: data().fps, problem: data().problem, rough: $("rough").hidden };"""
    )
    assert seen == {"fps": "25", "rough": True}


@pytest.mark.parametrize("data", [None, b"", b"{", b"not json"], ids=["gone", "empty", "torn", "rubbish"])
def test_the_overview_shows_what_the_chunks_have_not(drive, spoil, data):
    spoil(*MINUTE, data=data)
    seen = drive(
        f"""{HURRY}
        await open("#session=9472&t=70000");
        await until(() => data().fps === "1", "the overview");
        await until(note, "the note");
        const out = {{ note: $("rough").textContent, problem: data().problem, rows: rows().length }};
        $("rate").value = "16"; $("rate").dispatchEvent(new Event("change"));
        press(" ");
        await until(() => Number(data().t) > 75000, "time to pass");
        out.fps = data().fps;
        await until(() => Number(data().t) > 121000 && data().fps === "25", "the next minute");
        return {{ ...out, stillNoted: note(), playing: data().playing, then: data().problem }};"""
    )
    assert "less detail" in seen["note"]
    assert seen["rows"] == 3 and seen["fps"] == "1"
    assert (seen["stillNoted"], seen["playing"]) == (False, "true")
    assert "problem" not in seen and "then" not in seen


def test_what_is_there_again_is_shown_without_being_asked(drive):
    """A refusal of a moment: the page tries again by itself."""
    seen = drive(
        f"""{HURRY}
        await open("#session=9472&t=10000");
        await until(() => data().complete && data().fps === "25", "the beginning");
        hurry();
        let refused = 0;
        const net = frame.contentWindow.fetch.bind(frame.contentWindow);
        frame.contentWindow.fetch = (url, ...more) => String(url).includes("/0002.json") && ++refused <= 4
          ? Promise.resolve(new Response("", {{ status: 503 }})) : net(url, ...more);
        $("seek").value = "130000"; $("seek").dispatchEvent(new Event("change"));
        await until(note, "the note");
        const rough = data().fps;
        await until(() => data().fps === "25", "the minute");
        return {{ rough, refused, note: note(), problem: data().problem }};"""
    )
    assert seen["rough"] == "1" and seen["refused"] > 4
    assert seen["note"] is False and "problem" not in seen


def test_every_minute_that_was_refused_has_its_turn(drive):
    """The wait for the first one ends while the second one is shown, which is not to be asked for yet."""
    seen = drive(
        """const note = () => !$("rough").hidden;
        await open("#session=9472&t=130000");
        await until(() => data().complete && data().fps === "25", "the end");
        let down = true;
        const net = frame.contentWindow.fetch.bind(frame.contentWindow);
        frame.contentWindow.fetch = (url, ...more) => down && /000[01].json/.test(url)
          ? Promise.resolve(new Response("", { status: 503 })) : net(url, ...more);
        const seek = (ms) => { $("seek").value = ms; $("seek").dispatchEvent(new Event("change")); };
        seek("70000");
        await until(note, "the note");
        seek("10000");
        await until(() => data().t === "10000" && note(), "the second note");
        down = false;
        await until(() => data().fps === "25", "the minute");
        return { t: data().t, note: note(), problem: data().problem };"""
    )
    assert seen == {"t": "10000", "note": False}


def test_a_moment_that_nothing_shows_is_told_and_time_goes_on(drive, spoil):
    spoil(*MINUTE, "overview.json.gz")
    seen = drive(
        """await open("#session=9472&t=50000");
        await until(() => data().fps === "25", "the minute before");
        $("rate").value = "16"; $("rate").dispatchEvent(new Event("change"));
        press(" ");
        await until(() => data().problem, "words");
        const out = { words: data().problem, at: $("seek").value, dim: $("session").classList.contains("waiting") };
        await until(() => Number($("seek").value) > 121000 && data().fps === "25" && !data().problem, "what follows");
        return { ...out, playing: data().playing, hidden: $("problem").hidden };"""
    )
    assert "samples/0001.json.gz is not there (404)" in seen["words"]
    assert "publish the session again" in seen["words"]
    assert 60_000 <= int(seen["at"]) < 120_000 and seen["dim"] is True
    assert (seen["playing"], seen["hidden"]) == ("true", True)


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "by itself"])
def test_without_a_connection_the_replay_waits_and_goes_on(drive, spoil, asked):
    spoil("overview.json.gz")
    click = '$("problem-retry").click();' if asked else ""
    seen = drive(
        f"""{HURRY}
        await open("#session=9472&t=10000");
        await until(() => data().fps === "25", "the beginning");
        hurry();
        let down = true;
        const net = frame.contentWindow.fetch.bind(frame.contentWindow);
        frame.contentWindow.fetch = (...all) => down ? Promise.reject(new TypeError("offline")) : net(...all);
        $("seek").value = "130000"; $("seek").dispatchEvent(new Event("change"));
        press(" ");
        await until(() => data().problem, "words");
        const out = {{ problem: data().problem, held: $("seek").value, playing: data().playing }};
        down = false;
        {click}
        await until(() => !data().problem && data().fps === "25" && Number(data().t) > 130000, "the moment");
        return {{ ...out, hidden: $("problem").hidden, still: data().playing }};"""
    )
    assert "did not answer" in seen["problem"]
    assert (seen["held"], seen["playing"], seen["hidden"], seen["still"]) == ("130000", "true", True, "true")


def test_a_small_document_that_is_missing_is_told_and_nothing_stops(drive, spoil):
    spoil("weather.json.gz")
    seen = drive(
        """await open("#session=9472&t=70000");
        await until(() => data().complete && data().problem, "words");
        const before = Number(data().t);
        press(" ");
        await until(() => Number(data().t) > before + 500, "time to pass");
        return data().problem;"""
    )
    assert "weather.json.gz is not there (404)" in seen
