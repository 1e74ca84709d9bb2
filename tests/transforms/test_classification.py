"""Official results held against timing, on small finishes whose truth is known."""

import numpy as np
import pyarrow as pa
import pytest

from transforms import classification
from transforms.classification import Finish
from transforms.penalties import Penalty, announced_penalties, explaining, unannounced_s
from transforms.timing import CarTiming, Ending

WINNER_MS = 5_000_000.0


def finish(car, place, crossing_s, gap_s=None, laps=50, penalties=()):
    gap_ms = None if gap_s is None else gap_s * 1000.0
    return Finish(car, place, laps, WINNER_MS + crossing_s * 1000.0, gap_ms, penalties)


def field(*others):
    """A winner and four cars whose gaps are right, and ``others``."""
    return [finish("1", 1, 0.0, 0.0), *[finish(str(n), n, n, n) for n in range(2, 6)], *others]


def checks_of(rows):
    return [(row["kind"], row["car"]) for row in rows]


def messages(*texts):
    return pa.table({"message": list(texts)})


def test_penalties_are_read_as_race_control_words_them():
    found = announced_penalties(
        messages(
            "FIA STEWARDS: 5 SECOND TIME PENALTY FOR CAR 20 (MAG) - SPEEDING IN THE PIT LANE",
            "10 SECOND TIME PENALTY FOR CAR 9 (ERI) - CAUSING A COLLISION",
            "FIA STEWARDS: DRIVE THROUGH PENALTY FOR CAR 14 (ALO) - FALSE START",
            "FIA STEWARDS: 10 SECOND STOP/GO PENALTY FOR CAR 63 (RUS) - RED FLAG INFRINGEMENT",
            "FIA STEWARDS: PENALTY SERVED - 5 SECOND TIME PENALTY FOR CAR 20 (MAG)",
            "FIA STEWARDS: 5 SECOND TIME PENALTY FOR CAR 20 (MAG) - TRACK LIMITS",
            "TURN 4 INCIDENT INVOLVING CARS 20 (MAG) AND 2 (SAR) NOTED",
            None,
        )
    )
    assert found == {
        "20": (Penalty("20", "time", 5, served=True), Penalty("20", "time", 5, served=False)),
        "9": (Penalty("9", "time", 10, served=False),),
        "14": (Penalty("14", "drive-through", 20, served=False),),
        "63": (Penalty("63", "stop-and-go", 30, served=False),),
    }


def test_penalties_add_up():
    five, ten = Penalty("1", "time", 5, served=False), Penalty("1", "time", 10, served=False)
    assert explaining(0.0, (five, ten), 500) == ()
    assert explaining(10_300.0, (five, ten), 500) == (ten,)
    assert explaining(15_000.0, (five, ten), 500) == (five, ten)
    assert explaining(7_000.0, (five, ten), 500) is None
    assert unannounced_s(25_100.0, 500) == 25
    assert unannounced_s(-5_000.0, 500) is None
    assert unannounced_s(0.0, 500) is None
    assert unannounced_s(7_500.0, 500) is None
    assert unannounced_s(3_600_000.0, 500) is None


def test_right_gaps_are_no_finding():
    assert classification.gap_rows(field(), 0.0) == []
    assert classification.order_swaps(field()) == []


def test_a_penalty_explains_a_gap_and_is_named():
    found = field(finish("6", 6, 5.5, 10.5, penalties=(Penalty("6", "time", 5, served=False),)))
    [row] = classification.gap_rows(found, 0.0)
    assert (row["kind"], row["car"], row["value"], row["severity"]) == ("penalty", "6", 5, "info")
    assert "announced by race control" in row["cause"]


def test_a_penalty_decided_after_the_race_is_named():
    [row] = classification.gap_rows(field(finish("6", 6, 5.5, 15.5)), 0.0)
    assert (row["kind"], row["value"]) == ("penalty", 10)
    assert "no message" in row["cause"]


def test_a_gap_that_nothing_explains_is_said_with_both_values():
    [row] = classification.gap_rows(field(finish("6", 6, 8.0, 11.2)), 0.0)
    assert (row["kind"], row["car"], row["severity"]) == ("gap_differs", "6", "warning")
    assert "11.200 s" in row["cause"] and "8.000 s" in row["cause"]


def test_times_that_fall_with_the_places_are_said():
    rows = classification.gap_rows(field(finish("6", 6, 5.5, 4.5)), 0.0)
    assert ("result_times_disorder", "6") in checks_of(rows)


def test_a_wrong_crossing_of_the_winner_does_not_make_penalties_of_all_others():
    found = [finish("1", 1, 5.0, 0.0), *field()[1:]]
    assert checks_of(classification.gap_rows(found, 0.0)) == [("gap_differs", "1")]


def test_a_crossing_set_behind_another_is_put_back_where_the_result_has_it():
    # Car 3 crossed 3 s behind the winner; its last crossing says 6 ms behind car 4.
    found = [finish("1", 1, 0, 0), finish("2", 2, 2, 2), finish("3", 3, 4.006, 3), finish("4", 4, 4, 4)]
    swaps = classification.order_swaps(found)
    assert [(s.ahead.car, s.behind.car, s.decided) for s in swaps] == [("3", "4", True)]
    timing = {one.car: timing_until(one.crossing_ms) for one in found}
    decided = classification.with_decided_finishes(timing, swaps, found, classification.reference_ms(found))
    assert decided["3"].crossing_ms[-1] == pytest.approx(WINNER_MS + 3000)
    assert decided["4"].crossing_ms[-1] == WINNER_MS + 4000
    assert timing["3"].crossing_ms[-1] == WINNER_MS + 4006
    [row] = classification.order_rows(swaps, 0.0)
    assert row["kind"] == "finish_order_differs" and "shown as classified" in row["cause"]


def test_a_result_that_is_later_than_the_crossing_leaves_the_order_across_the_line():
    # 3 s more than across the line are no penalty there is, but a crossing is never recorded early.
    found = field(finish("7", 6, 6.0, 6.0), finish("6", 7, 5.5, 8.5))
    assert [(s.behind.car, s.decided) for s in classification.order_swaps(found)] == [("6", False)]


def test_a_penalty_that_swaps_two_places_is_no_contradiction():
    late = finish("7", 6, 6.0, 6.0)
    penalised = finish("6", 7, 5.5, 10.5, penalties=(Penalty("6", "time", 5, served=False),))
    assert classification.order_swaps(field(late, penalised)) == []


def test_lapped_cars_too_close_to_call_follow_the_result_others_the_line():
    close = classification.order_swaps(field(finish("6", 6, 30.020, laps=49), finish("7", 7, 30.0, laps=49)))
    assert [s.decided for s in close] == [True]
    far = classification.order_swaps(field(finish("6", 6, 33.0, laps=49), finish("7", 7, 30.0, laps=49)))
    assert [s.decided for s in far] == [False]


def timing_until(last_ms):
    end_ms = np.array([last_ms - 90_000.0, last_ms])
    nothing = np.full(2, np.nan)
    return CarTiming(
        lap=np.array([1, 2]),
        start_ms=end_ms - 90_000.0,
        end_ms=end_ms,
        pit_in_ms=nothing,
        pit_out_ms=nothing,
        sector1_end_ms=nothing,
        sector2_end_ms=nothing,
        lap_time_ms=nothing,
        crossed=np.ones(2, np.bool_),
    )


def results(*rows):
    names = ("car", "position", "classified", "grid", "status", "laps")
    return pa.Table.from_pylist([dict(zip(names, one, strict=True)) for one in rows])


def test_shared_places_and_grid_slots_are_said():
    table = results(("1", 1, "1", 1, "Finished", 2), ("2", 2, "2", 2, "Finished", 2), ("3", 2, "2", 2, "Finished", 2))
    found = checks_of(classification.place_rows(table, race_like=True))
    assert found == [("place_twice", "2"), ("place_twice", "3"), ("grid_twice", "2"), ("grid_twice", "3")]
    assert ("grid_twice", "2") not in checks_of(classification.place_rows(table, race_like=False))


def test_a_place_that_nobody_has_is_said():
    table = results(("1", 1, "1", 1, "Finished", 2), ("2", 3, "3", 2, "Finished", 2))
    assert checks_of(classification.place_rows(table, race_like=True)) == [("place_missing", None)]


def test_a_car_that_stopped_early_has_not_finished():
    timing = {"1": timing_until(WINNER_MS)}
    table = results(("1", 1, "1", 1, "Finished", 50))
    stopped = {"1": Ending(out_ms=WINNER_MS)}
    assert checks_of(classification.status_rows(table, timing, stopped)) == [("status_differs", "1")]
    assert classification.status_rows(table, timing, {"1": Ending(finish_ms=WINNER_MS)}) == []


def test_a_car_that_took_the_flag_has_not_retired():
    timing = {"1": timing_until(WINNER_MS)}
    took_the_flag = {"1": Ending(finish_ms=WINNER_MS)}
    retired = results(("1", 19, "R", 1, "Engine", 2))
    assert checks_of(classification.status_rows(retired, timing, took_the_flag)) == [("status_differs", "1")]
    disqualified = results(("1", 20, "D", 1, "Disqualified", 2))
    assert classification.status_rows(disqualified, timing, took_the_flag) == []
