"""What the board says of laps and stewards, held against the same worked out here, at moments all over a session."""

import random
from typing import Any

import pyarrow as pa
import pytest
from browser import needs_chromium

from transforms.best_laps import long_runs_of
from transforms.columns import LAPS
from transforms.session_types import Kind

PART_STARTS = (0, 600_000)
Lap = dict[str, Any]


def made_laps(seed: int) -> list[Lap]:
    """Laps of four cars with lost sectors, deleted times, visits to the pit lane and equal times."""
    rng = random.Random(seed)
    laps = []
    for car in ("1", "4", "16", "44"):
        now, stint = rng.randrange(5_000), 1
        for number in range(1, 13):
            sectors: list[int | None] = [rng.randrange(30_000, 30_060) for _ in range(3)]
            ends: list[int | None] = [now + sum(s or 0 for s in sectors[: i + 1]) for i in range(3)]
            end = now + sum(s or 0 for s in sectors)
            into, out = rng.random() < 0.15, bool(laps and laps[-1]["car"] == car and laps[-1]["pit_in_ms"])
            stint += out
            if rng.random() < 0.1:
                sectors[0] = ends[0] = None
            laps.append(
                {
                    "car": car,
                    "lap": number,
                    "start_ms": now,
                    "end_ms": end,
                    "lap_time_ms": None if rng.random() < 0.1 else end - now,
                    "deleted": rng.random() < 0.1,
                    "pit_in_ms": end - 4_000 if into else None,
                    "pit_out_ms": now + 9_000 if out else None,
                    "stint": stint,
                    "compound": f"TYRE {stint}",
                    **{f"sector{i + 1}_ms": sectors[i] for i in range(3)},
                    **{f"sector{i + 1}_end_ms": ends[i] for i in range(3)},
                }
            )
            now = end
    return laps


def part_of(lap: Lap, starts: tuple[int, ...]) -> int:
    return sum(start <= lap["start_ms"] for start in starts[1:])


def counting_sectors(laps: list[Lap], sector: int) -> list[Lap]:
    """Those that were driven on the track and not deleted."""
    through_pits = {1: "pit_out_ms", 3: "pit_in_ms"}.get(sector)
    return [
        lap
        for lap in laps
        if not lap["deleted"] and lap[f"sector{sector}_ms"] and not (through_pits and lap[through_pits] is not None)
    ]


def worth_of(ms: int, mine: list[int], everybody: list[int]) -> str:
    if everybody and ms == min(everybody):
        return "overall"
    return "own" if mine and ms == min(mine) else "other"


def expected(laps: list[Lap], car: str, now: int, starts: tuple[int, ...]) -> dict[str, Any]:
    """Everything of ``car`` by brute force, from what has ended until ``now`` alone."""
    own = [lap for lap in laps if lap["car"] == car]
    timed = [lap for lap in own if lap["lap_time_ms"] and lap["end_ms"] <= now]
    last = None
    if timed:
        lap = max(timed, key=lambda one: one["end_ms"])
        known = [one for one in laps if one["lap_time_ms"] and one["end_ms"] <= now and not one["deleted"]]
        known = [one for one in known if part_of(one, starts) == part_of(lap, starts)]
        mine = [one["lap_time_ms"] for one in known if one["car"] == car]
        last = {
            "ms": lap["lap_time_ms"],
            "worth": worth_of(lap["lap_time_ms"], mine, [k["lap_time_ms"] for k in known]),
        }
    ends = [(lap[f"sector{s}_end_ms"], lap) for lap in own for s in (1, 2, 3) if lap[f"sector{s}_end_ms"]]
    past = [(end, lap) for end, lap in ends if end <= now]
    sectors: list[Any] = [None, None, None]
    if past:
        lap = max(past, key=lambda one: one[0])[1]
        for s in (1, 2, 3):
            end, ms = lap[f"sector{s}_end_ms"], lap[f"sector{s}_ms"]
            if ms is None or end > now:
                continue
            known = [one for one in counting_sectors(laps, s) if one[f"sector{s}_end_ms"] <= now]
            known = [one for one in known if part_of(one, starts) == part_of(lap, starts)]
            mine = [one[f"sector{s}_ms"] for one in known if one["car"] == car]
            sectors[s - 1] = {"ms": ms, "worth": worth_of(ms, mine, [one[f"sector{s}_ms"] for one in known])}
    part = sum(start <= now for start in starts[1:])
    best = []
    for s in (1, 2, 3):
        of_part = [one for one in counting_sectors(own, s) if part_of(one, starts) == part]
        best.append(min((one[f"sector{s}_ms"] for one in of_part if one[f"sector{s}_end_ms"] <= now), default=None))
    begun = [lap for lap in own if (lap["pit_out_ms"] or lap["start_ms"]) <= now]
    stints: dict[int, int] = {}
    for lap in begun:
        stints[lap["stint"]] = stints.get(lap["stint"], 0) + 1
    return {
        "last": last,
        "sectors": sectors,
        "ideal": None if None in best else sum(best),
        "stops": [lap["lap"] for lap in own if lap["pit_in_ms"] is not None and lap["pit_in_ms"] <= now],
        "stints": [[f"TYRE {stint}", count] for stint, count in stints.items()],
        "driven": sum(lap["end_ms"] <= now for lap in own),
    }


@pytest.mark.parametrize("starts", [(0,), PART_STARTS], ids=["race", "qualifying"])
def test_laps_are_told_as_they_stand_at_the_moment(run_node, starts):
    laps = made_laps(len(starts))
    rng = random.Random(7)
    edges = [lap["sector2_end_ms"] + step for lap in laps[::7] for step in (-1, 0)]
    moments = sorted([rng.randrange(1_200_000) for _ in range(60)] + edges)
    parts = [{"name": f"Q{i}", "start_ms": start} for i, start in enumerate(starts, start=1)] if starts[1:] else []
    shuffled = laps.copy()
    rng.shuffle(shuffled)
    seen = run_node(
        """import { LapTimes } from "./lap_times.js"; import { Parts } from "./parts.js";
        const parts = new Parts(given.parts), times = new LapTimes(given.laps, parts);
        console.log(JSON.stringify(given.moments.map((ms) => given.cars.map((car) => ({
          last: times.last(car, ms), sectors: times.sectorsOf(car, ms),
          ideal: times.ideal(car, ms, Math.max(parts.indexAt(ms), 0))?.ms ?? null,
          stops: times.stops(car, ms).map((stop) => stop.lap),
          stints: times.stints(car, ms).map((stint) => [stint.compound, stint.laps]), driven: times.driven(car, ms),
        })))));""",
        {"laps": shuffled, "parts": parts, "moments": moments, "cars": ["1", "4", "16", "44"]},
    )
    worths = set()
    for moment, of_cars in zip(moments, seen, strict=True):
        for car, told in zip(("1", "4", "16", "44"), of_cars, strict=True):
            assert told == expected(laps, car, moment, starts), (car, moment)
            worths |= {sector["worth"] for sector in told["sectors"] if sector}
    assert worths == {"overall", "own", "other"}


def test_a_stop_that_is_not_over_has_no_end(run_node):
    lap = {"car": "1", "lap": 1, "start_ms": 0, "end_ms": 90_000, "lap_time_ms": 90_000, "deleted": False, "stint": 1}
    lap |= {f"sector{s}_{what}": None for s in (1, 2, 3) for what in ("ms", "end_ms")}
    laps = [
        lap | {"pit_in_ms": 85_000, "pit_out_ms": None, "compound": "SOFT"},
        lap | {"lap": 2, "start_ms": 90_000, "end_ms": 190_000, "pit_in_ms": None, "pit_out_ms": 107_000},
    ]
    seen = run_node(
        """import { LapTimes } from "./lap_times.js"; import { Parts } from "./parts.js";
        const times = new LapTimes(given, new Parts([]));
        console.log(JSON.stringify([84999, 85000, 106999, 107000].map((ms) => times.stops("1", ms))));""",
        laps,
    )
    assert seen[0] == []
    assert seen[1] == seen[2] == [{"lap": 1, "inMs": 85_000, "outMs": None}]
    assert seen[3] == [{"lap": 1, "inMs": 85_000, "outMs": 107_000}]


#: Words of race control, and what the board shows of cars 1, 12 and 31 after each.
SAID = (
    ("PIT LANE INCIDENT INVOLVING CARS 1 (VER) AND 12 (ANT) NOTED - UNSAFE RELEASE", [], [], []),
    (
        "FIA STEWARDS: PIT LANE INCIDENT INVOLVING CARS 1 (VER) AND 12 (ANT) UNDER INVESTIGATION - UNSAFE RELEASE",
        ["INV"],
        ["INV"],
        [],
    ),
    ("FIA STEWARDS: 10 SECOND TIME PENALTY FOR CAR 1 (VER) - UNSAFE RELEASE", ["+10 s"], [], []),
    (
        "TURN 8 INCIDENT INVOLVING CARS 12 (ANT), 31 (OCO) WILL BE INVESTIGATED AFTER THE RACE",
        ["+10 s"],
        ["INV"],
        ["INV"],
    ),
    (
        "FIA STEWARDS: TURN 8 INCIDENT INVOLVING CARS 12 (ANT), 31 (OCO) REVIEWED NO FURTHER INVESTIGATION - X",
        ["+10 s"],
        [],
        [],
    ),
    ("PENALTY SERVED - 10 SECOND TIME PENALTY FOR CAR 1 (VER) - UNSAFE RELEASE", ["+10 s served"], [], []),
    ("FIA STEWARDS: DRIVE THROUGH PENALTY FOR CAR 31 (OCO) - FALSE START", ["+10 s served"], [], ["DT"]),
    ("BLACK AND WHITE FLAG FOR CAR 12 (ANT) - TRACK LIMITS", ["+10 s served"], ["B/W"], ["DT"]),
    ("10 SECOND STOP/GO PENALTY FOR CAR 31 (OCO) - SPEEDING", ["+10 s served"], ["B/W"], ["DT", "SG 10 s"]),
)


def test_penalties_and_investigations_follow_what_was_said(run_node):
    deleted = [
        "CAR 12 (ANT) TIME 1:39.140 DELETED - TRACK LIMITS AT TURN 15",
        "CAR 12 (ANT) LAP DELETED - TRACK LIMITS",
    ]
    seen = run_node(
        """import { Stewards } from "./stewards.js";
        const of = (count) => new Stewards(given.said.slice(0, count).map((message) => ({ message })));
        const notes = (stewards) => ["1", "12", "31"].map((car) => stewards.notesOf(car).map(({ text }) => text));
        console.log(JSON.stringify([given.said.map((_, i) => notes(of(i + 1))), of(99).limits.get("12")]));""",
        {"said": [text for text, *_ in SAID] + deleted},
    )
    assert seen[0][: len(SAID)] == [list(cars) for _, *cars in SAID]
    assert seen[1] == 2


def test_penalties_are_what_official_gaps_have_more_than_the_crossings(run_node):
    def row(car: str, gap_ms: int | None, crossing_ms: int | None) -> dict[str, Any]:
        return {"car": car, "gap_ms": gap_ms, "gap_crossing_ms": crossing_ms}

    program = """import { penaltiesOf } from "./classification.js";
        console.log(JSON.stringify(given.map((rows) => Object.fromEntries(penaltiesOf(rows)))));"""
    plain = [row("4", 0, 0), row("1", 12_059, 2_059), row("44", 1_073, 981), row("16", None, None)]
    of_winner = [row("4", 0, 0), row("1", 3_000, 8_000), row("44", 14_000, 9_000)]
    assert run_node(program, [plain, of_winner]) == [{"1": "+10 s"}, {"4": "+5 s", "44": "+10 s"}]


def test_long_runs_are_those_of_the_table(run_node):
    """At the end the same rows as in `long_runs`; earlier those that laps until then make."""
    rng = random.Random(3)
    laps = []
    for car in ("1", "16"):
        for number in range(1, 40):
            lap = dict.fromkeys(LAPS.schema.names) | {"car": car, "lap": number, "stint": 1 + number // 13}
            into, out = number % 13 == 12, number % 13 == 0
            time = None if rng.random() < 0.05 else rng.randrange(90_000, 91_000) + 20_000 * (rng.random() < 0.1)
            lap |= {"lap_time_ms": time, "end_ms": number * 95_000, "compound": "HARD"}
            lap |= {"pit_in_ms": 1 if into else None, "pit_out_ms": 1 if out else None}
            laps.append(lap)
    moments = [10_000_000, 20 * 95_000 + 10]
    seen = run_node(
        """import { longRunsOf } from "./long_runs.js";
        const shown = ({ car, first, last, laps, meanMs, slopeMs }) =>
          [car, first, last, laps, Math.round(meanMs * 10) / 10, Math.round(slopeMs * 10) / 10];
        console.log(JSON.stringify(given.moments.map((ms) => longRunsOf(given.laps, ms).map(shown))));""",
        {"laps": laps, "moments": moments},
    )
    for moment, told in zip(moments, seen, strict=True):
        past = pa.Table.from_pylist([lap for lap in laps if lap["end_ms"] <= moment], schema=LAPS.schema)
        rows = long_runs_of(past, Kind.PRACTICE).to_pylist()
        names = ("car", "first_lap", "last_lap", "laps", "mean_ms", "slope_ms")
        expected_runs = sorted([[row[name] for name in names] for row in rows], key=lambda run: run[4])
        assert len(told) == len(expected_runs) > 1
        for run, truth in zip(told, expected_runs, strict=True):
            assert run[:4] == truth[:4] and run[4:] == pytest.approx(truth[4:], abs=0.11)


@needs_chromium
def test_columns_and_classification_are_asked_for(drive_boards):
    """Columns are remembered; the classification tells nothing unasked before the end."""
    seen = drive_boards(
        """await open("#session=9490&t=90000");
        await until(() => data().complete, "everything");
        const heads = () => [...page().querySelectorAll("#heads th:not([hidden])")].map((head) => head.textContent);
        const cell = (car, key) => page().querySelector(`tr[data-car="${car}"] .${key}`).textContent;
        const dialog = () => page().querySelector("dialog");
        const close = async () => {
          dialog().querySelector(".close").click();
          await until(() => !dialog(), "no dialog");
        };
        const out = { heads: heads(), gained: ["1", "11", "16"].map((car) => cell(car, "gained")) };
        $("columns").click();
        await until(dialog, "the dialog");
        dialog().querySelector('[data-column="best"]').click();
        dialog().querySelector('[data-column="gained"]').click();
        out.chosen = heads();
        await close();
        $("classification").click();
        await until(dialog, "the classification");
        out.early = dialog().textContent;
        dialog().querySelector(".dialog button").click();
        out.told = [...dialog().querySelectorAll("tbody tr")].map((row) => row.textContent);
        await close();
        $("seek").value = "155000"; $("seek").dispatchEvent(new Event("change"));
        await until(() => data().t === "155000", "the end");
        $("classification").click();
        await until(dialog, "the classification again");
        out.late = dialog().querySelectorAll("tbody tr").length;
        await close();
        frame.src = "about:blank";
        await pause(50);
        await open("#session=9492&t=60000");
        out.again = heads();
        return out;"""
    )
    assert seen["heads"] == ["P", "Car", "±", "Gap", "Last", "Tyre", "Stops", "State"]
    assert seen["gained"] == ["▲2", "–", "▼2"], "from places 3, 2 and 1 on the grid"
    assert seen["chosen"] == seen["again"] == ["P", "Car", "Gap", "Last", "Best", "Tyre", "Stops", "State"]
    assert "tells how it ends" in seen["early"] and "D11" not in seen["early"]
    assert len(seen["told"]) == seen["late"] == 3 and seen["told"][0].startswith("1")
