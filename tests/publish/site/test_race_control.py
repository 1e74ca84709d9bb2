"""Race control's messages have their place in the replay, or say that it is not known."""

from browser import needs_chromium

pytestmark = needs_chromium

SHOWN = """({ said: [...page().querySelectorAll("#messages li")].map((l) => l.textContent),
    apart: [...page().querySelectorAll("#messages-unplaced li")].map((l) => l.textContent),
    title: $("messages-apart-title").textContent,
    hidden: $("messages-apart").hidden, open: $("messages-apart").open })"""


def test_messages_without_a_time_are_placed_by_the_time_of_day(drive_boards):
    seen = drive_boards(
        f"""await open("#session=9480&t=10000");
        await until(() => data().complete, "everything");
        const out = [{SHOWN}];
        $("seek").value = "75000"; $("seek").dispatchEvent(new Event("change"));
        await until(() => data().t === "75000" && data().fps === "25", "the moment");
        out.push({SHOWN});
        return out;"""
    )
    assert [one["hidden"] for one in seen] == [True, True]
    assert seen[0]["said"] == ["Nothing said yet."]
    assert seen[1]["said"] == ["0:01:00RED FLAG", "0:00:10PIT EXIT OPEN"], "newest first, since the start at 10 s"


def test_messages_without_any_place_are_listed_apart(drive_boards):
    """Folded away while what is ahead is hidden: nobody knows which of them is."""
    seen = drive_boards(
        f"""await open("#session=9481&t=10000");
        await until(() => data().complete, "everything");
        const out = [{SHOWN}];
        $("hide-ahead").click();
        out.push({SHOWN});
        return out;"""
    )
    assert [(one["hidden"], one["open"]) for one in seen] == [(False, False), (False, True)]
    assert seen[0]["said"] == []
    assert seen[0]["title"] == "3 messages whose moment in the replay is not known"
    assert seen[0]["apart"] == ["15:04:02 UTCPIT EXIT OPEN", "15:04:52 UTCRED FLAG", "15:06:02 UTCCHEQUERED FLAG"]


def test_the_list_can_be_read_and_moved_with_keys(boards, page):
    """A log around a list, not a list that is a log; the arrows move it."""
    page.forget(boards.base)
    page.open(f"{boards.base}#session=9480&t=150000")
    page.wait_for("document.body.dataset.complete", "replay")
    region = 'document.querySelector("section[aria-label=\\"Race control\\"]")'
    assert page.evaluate("document.querySelector('[role=log] > ol#messages').getAttribute('role')") is None
    page.evaluate(f"""for (let i = 0; i < 40; i++) {{
        const line = document.createElement("li");
        line.textContent = "WORDS";
        document.getElementById("messages").append(line);
    }} {region}.focus();""")
    assert page.evaluate(f"document.activeElement === {region}")
    for kind in ("rawKeyDown", "keyUp"):
        page.command("Input.dispatchKeyEvent", type=kind, key="ArrowDown", code="ArrowDown", windowsVirtualKeyCode=40)
    page.wait_for(f"{region}.scrollTop > 0", "movement")
    assert page.evaluate("document.getElementById('rate').value") == "1", "the arrows did not change the speed"
