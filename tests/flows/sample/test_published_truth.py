"""What the demo publishes against what the simulation knows to have happened.

Tolerances: the upstream's formats round coordinates to 0.1 m and crossings to 1 ms, positions come every 0.1 to 0.36 s,
and straight lines between them are at most 0.55 m off (:mod:`flows.sample.truth`).
"""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows.sample import SAMPLE_YEAR, STATES, TYRES, sample_truth
from flows.sample.truth import Truth

#: Worst error of a straight line between two samples, plus rounding, m.
POSITION_TOLERANCE_M = 0.65
#: A car's place may differ from the truth for as long as positions are uncertain around an overtake, share of ticks.
ORDER_TOLERANCE = 0.005
RACES = [(1, "R"), (2, "S"), (2, "R"), (3, "R")]
SESSIONS = [*RACES, (1, "FP1"), (1, "Q"), (2, "FP1"), (2, "SQ"), (2, "Q"), (3, "Q")]


@dataclass(frozen=True)
class Published:
    """One published session's frames at the truth's ticks: per car arrays (ticks,), None where the column is null."""

    truth: Truth
    ticks: np.ndarray
    columns: dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="session")
def published(demo):
    @cache
    def read(round_number: int, code: str) -> Published:
        truth = sample_truth(round_number, code)
        path = demo.site / f"v1/parquet/frames/{SAMPLE_YEAR}/{truth.session_key}.parquet"
        latest = json.loads((demo.site / f"v1/sessions/{truth.session_key}/latest.json").read_bytes())
        manifest = json.loads((demo.site / f"v1/sessions/{truth.session_key}" / latest["manifest"]).read_bytes())
        origin = manifest["clock"]["session_time_origin_ms"]
        names = ["car", "time_ms", "x_m", "y_m", "lap", "position", "compound", "state", "speed_kmh"]
        table = pq.read_table(path, columns=names).to_pandas(categories=[])
        columns = {}
        for car, rows in table.groupby("car", observed=True):
            at = rows["time_ms"].to_numpy() + origin
            inside = (at <= truth.time_ms[-1]) & (at >= 0)
            columns[str(car)] = {name: rows[name].to_numpy()[inside] for name in names[2:]}
            ticks = at[inside]
        return Published(truth, ticks, columns)

    return read


def nearest(truth: Truth, ticks: np.ndarray) -> np.ndarray:
    return np.clip(np.round((ticks - truth.time_ms[0]) / 100).astype(int), 0, len(truth.time_ms) - 1)


@pytest.mark.parametrize("session", SESSIONS)
def test_position_on_track(published, session) -> None:
    result = published(*session)
    truth = result.truth
    for car, columns in result.columns.items():
        x, y = columns["x_m"].astype(float), columns["y_m"].astype(float)
        known = np.isfinite(x)
        exact = truth.motion(car, result.ticks[known])
        error = np.hypot(x[known] - exact.x_m, y[known] - exact.y_m)
        assert error.size == 0 or error.max() < POSITION_TOLERANCE_M, car


@pytest.mark.parametrize("session", SESSIONS)
def test_a_silent_feed_is_a_gap_and_nothing_else_is(published, session) -> None:
    result = published(*session)
    for car, columns in result.columns.items():
        silent = np.zeros(len(result.ticks), bool)
        surely = silent.copy()
        for gap in result.truth.position_gaps[car]:
            surely |= (result.ticks > gap.start_ms) & (result.ticks < gap.end_ms)
            # Up to one sample interval on either side belongs to the gap.
            silent |= (result.ticks > gap.start_ms - 500) & (result.ticks < gap.end_ms + 500)
        missing = np.isnan(columns["x_m"].astype(float))
        assert missing[surely].all(), car
        assert not missing[~silent].any(), car


@pytest.mark.parametrize("session", RACES)
def test_order_of_the_running_cars(published, session) -> None:
    result = published(*session)
    truth = result.truth
    at = nearest(truth, result.ticks)
    cars = [car for car in result.columns if truth.order[truth.row(car)].any()]
    running = np.stack([np.isin(np.array(STATES)[truth.state[truth.row(c)][at]], ("stopped", "out")) for c in cars])
    mine = np.stack([result.columns[c]["position"].astype(float) for c in cars])
    true = np.stack([truth.order[truth.row(c)][at].astype(float) for c in cars])
    # Cars that stopped stay in the lap chart until they are passed; the truth drops them at once.
    mine[running], true[running] = np.inf, np.inf
    ranks = [np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable") for values in (mine, true)]
    wrong = (ranks[0] != ranks[1]) & ~running
    assert wrong.mean(axis=1).max() < ORDER_TOLERANCE


@pytest.mark.parametrize("session", RACES)
def test_the_last_frame_holds_the_order_across_the_line_and_results_the_classification(
    published, demo, session
) -> None:
    result = published(*session)
    truth = result.truth
    last = sorted(result.columns, key=lambda car: result.columns[car]["position"][-1])
    assert tuple(last[: len(truth.across_line)]) == truth.across_line
    key = truth.session_key
    table = pq.read_table(demo.site / f"v1/parquet/results/{SAMPLE_YEAR}/{key}.parquet").to_pylist()
    official = [row["car"] for row in sorted(table, key=lambda r: (r["position"] is None, r["position"]))]
    assert official[: len(truth.across_line)] == [c.number for c in truth.classification][: len(truth.across_line)]


@pytest.mark.parametrize("session", SESSIONS)
def test_lap_number(published, session) -> None:
    result = published(*session)
    at = nearest(result.truth, result.ticks)
    for car, columns in result.columns.items():
        wrong = columns["lap"] != result.truth.lap[result.truth.row(car)][at]
        # The truth's ticks are 100 ms apart: a crossing may fall on the other side of one.
        assert wrong.sum() <= 3 * len(result.truth.laps[car]) + 3, car


@pytest.mark.parametrize("session", SESSIONS)
def test_tyre_outside_the_pit_lane(published, session) -> None:
    result = published(*session)
    names = {code: name for name, code in TYRES.items()}
    at = nearest(result.truth, result.ticks)
    for car, columns in result.columns.items():
        row = result.truth.row(car)
        state = np.array(STATES)[result.truth.state[row][at]]
        true = np.array([names.get(int(code), "") for code in result.truth.tyre[row][at]])
        mine = np.array([value if isinstance(value, str) else "" for value in columns["compound"]])
        compare = (state == "running") & (result.ticks > result.truth.start_ms)
        assert (mine[compare] != true[compare]).sum() <= 10, car


@pytest.mark.parametrize("session", SESSIONS)
def test_state(published, session) -> None:
    result = published(*session)
    truth = result.truth
    at = nearest(truth, result.ticks)
    race = session in RACES
    after_start = result.ticks > truth.start_ms + 1000
    for car, columns in result.columns.items():
        true = np.array(STATES)[truth.state[truth.row(car)][at]]
        mine = columns["state"].astype(str)
        wrong = (mine != true) & after_start
        # A car that stopped is "stopped" until the lap chart lets it go, then "out", whatever its feed does.
        wrong &= ~(np.isin(mine, ("stopped", "out")) & np.isin(true, ("stopped", "out")))
        if not race:
            # In the garage after the end of the session, or knocked out of it: both words are right.
            ended = ("finished", "out") if session[1] in ("Q", "SQ") else ("finished",)
            wrong &= ~(np.isin(mine, ended) & (true == "pit"))
        changes = 1 + int((true[1:] != true[:-1]).sum())
        # Every change may be off by a truth tick, and a stop is seen within one sample of the speed.
        assert wrong.sum() <= 8 * changes, (car, set(zip(mine[wrong], true[wrong], strict=True)))


def test_a_car_that_never_starts_is_never_shown_as_running(published) -> None:
    result = published(1, "R")
    absent = [car for car, laps in result.truth.laps.items() if not laps]
    assert absent
    for car in absent:
        assert set(result.columns[car]["state"]) == {"out"}
        assert set(result.columns[car]["lap"]) == {0}


def test_no_drs_is_absent_not_off(demo) -> None:
    for session, expected in (((1, "R"), True), ((3, "R"), False)):
        key = sample_truth(*session).session_key
        table = pq.read_table(demo.site / f"v1/parquet/telemetry/{SAMPLE_YEAR}/{key}.parquet", columns=["drs"])
        assert (table["drs"].null_count < table.num_rows) is expected
