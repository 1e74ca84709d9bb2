"""Nobody is told what is ahead who did not ask: results, later flags, a leader chosen on opening."""

import pytest
from browser import needs_chromium

pytestmark = needs_chromium

#: In front of every scenario: what the bar shows at a second (null: nothing), and what is told of results.
HELPERS = """
    const bar = (seconds) => {
      const c = $("bands"), x = Math.floor(seconds / 160 * c.width);
      const [r, g, b, a] = c.getContext("2d").getImageData(x, 2, 1, 1).data;
      return a ? [r, g, b].join() : null;
    };
    const told = () => ($("car-panel").textContent.match(/Official result.*/) ?? [null])[0];
    const ask = () => $("car-panel").querySelector("button");
    let visits = 0;
    const go = async (hash) => {
      const search = `?visit=${++visits}`;  // a page of its own, so that nothing but what is stored is remembered
      frame.src = `index.html${search}${hash}`;
      await until(() => frame.contentWindow.location.search === search && data().complete, "everything");
    };
    const at = async (ms) => {
      $("seek").value = String(ms); $("seek").dispatchEvent(new Event("change"));
      await until(() => data().t === String(ms) && data().fps === "25", "the moment");
    };
    const hide = (on) => { if ($("hide-ahead").checked !== on) $("hide-ahead").click(); };
"""


@pytest.fixture
def look(drive_boards):
    return lambda scenario: drive_boards(HELPERS + scenario)


def test_a_recent_session_hides_its_results_until_the_flag(look):
    seen = look(
        """await go("#session=9490&t=100000");
        const out = { isOn: $("hide-ahead").checked, onOpening: $("car-panel").textContent,
                      chosen: [...page().querySelectorAll("[aria-pressed=true]")].map((b) => b.textContent) };
        page().querySelector('tr[data-car="11"] button').click();
        out.before = told(); out.canAsk = ask().textContent;
        out.reasons = $("quality").querySelector("details").open;
        await at(141000);
        out.atTheFlag = told(); out.stillAsks = Boolean(ask());
        await at(100000);
        out.goneBack = told();
        ask().click();
        out.asked = told();
        return out;"""
    )
    assert seen["isOn"] is True
    assert "Official" not in seen["onOpening"] and "in front" in seen["onOpening"]
    assert seen["chosen"] == []
    assert (seen["before"], seen["canAsk"]) == (None, "Show the official result")
    assert seen["reasons"] is False, "why the grade is what it is may tell, too"
    assert (seen["atTheFlag"], seen["stillAsks"]) == ("Official result: P1, Finished", False)
    assert (seen["goneBack"], seen["asked"]) == (None, "Official result: P1, Finished")


def test_the_bar_shows_no_later_flags_while_they_are_hidden(look):
    seen = look(
        """await go("#session=9490&t=60000");
        const out = { before: [bar(40), bar(100), bar(150)] };
        await at(120000);
        out.then = [bar(40), bar(100), bar(150)];
        await at(60000);
        out.back = [bar(40), bar(100)];
        hide(false);
        out.open = [bar(40), bar(100), bar(150)];
        return out;"""
    )
    clear, car = seen["open"][0], seen["open"][1]
    assert clear and car and clear != car, "a safety car from 80 s"
    assert seen["open"] == [clear, car, car]
    assert seen["before"] == [clear, None, None]
    assert seen["then"] == [clear, car, None]
    assert seen["back"] == [clear, None]


def test_an_older_session_hides_nothing_but_tells_no_result_unasked(look):
    seen = look(
        """await go("#session=9492&t=60000");
        const out = { isOn: $("hide-ahead").checked, bar: bar(100), leader: told(),
                      reasons: $("quality").querySelector("details").open };
        page().querySelector('tr[data-car="11"] button').click();
        out.chosen = told();
        return out;"""
    )
    assert seen["isOn"] is False and seen["bar"] and seen["reasons"] is True
    assert (seen["leader"], seen["chosen"]) == (None, "Official result: P1, Finished")


def test_the_choice_is_remembered(look):
    """For a recent session alone, for all older ones together."""
    seen = look(
        """const isOn = async (session) => { await go(`#session=${session}&t=60000`); return $("hide-ahead").checked; };
        const out = { first: [await isOn(9490), await isOn(9491), await isOn(9492), await isOn(9493)] };
        await isOn(9490); hide(false);
        await isOn(9492); hide(true);
        out.then = [await isOn(9490), await isOn(9491), await isOn(9492), await isOn(9493)];
        await isOn(9493); hide(false);
        out.last = [await isOn(9490), await isOn(9491), await isOn(9492), await isOn(9493)];
        out.kept = JSON.parse(localStorage.getItem("parcferme-hide-ahead"));
        return out;"""
    )
    assert seen["first"] == [True, True, False, False]
    assert seen["then"] == [False, True, True, True]
    assert seen["last"] == [False, True, False, False]
    assert seen["kept"] == {"older": False, "sessions": {"9490": False}}


@pytest.mark.parametrize("stored", ["{torn", "null", '"text"', '{"sessions": null}'])
def test_what_something_else_has_stored_does_no_harm(look, stored):
    seen = look(
        f"""localStorage.setItem("parcferme-hide-ahead", {stored!r});
        await go("#session=9490&t=60000");
        const before = $("hide-ahead").checked;
        hide(false);
        await go("#session=9491&t=60000");
        await go("#session=9490&t=60000");
        return [before, $("hide-ahead").checked];"""
    )
    assert seen == [True, False]
