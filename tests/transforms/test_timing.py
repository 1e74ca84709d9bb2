import numpy as np
import pyarrow as pa

from transforms import columns
from transforms.timing import CarTiming, flag_ms, race_endings, read_timing


def lap(car: str, number: int, start_s: float | None, end_s: float | None, **more: object) -> dict:
    def ms(value: float | None) -> int | None:
        return None if value is None else int(value * 1000)

    return {"car": car, "lap": number, "start_ms": ms(start_s), "end_ms": ms(end_s), "generated": False} | more


def laps_table(rows: list[dict]) -> pa.Table:
    return columns.RECORDED_LAPS.of_rows(rows)


def results_table(rows: list[dict]) -> pa.Table:
    return columns.RECORDED_RESULTS.of_rows(rows)


def two_cars() -> dict[str, CarTiming]:
    rows = [lap("1", n, 100 + 90 * (n - 1), 100 + 90 * n) for n in (1, 2, 3)]
    rows += [lap("2", n, 100 + 95 * (n - 1), 100 + 95 * n) for n in (1, 2, 3)]
    return read_timing(laps_table(rows))


def test_crossings_are_the_ends_of_real_laps() -> None:
    timing = two_cars()
    assert timing["1"].crossing_laps.tolist() == [1, 2, 3]
    assert timing["2"].crossing_ms.tolist() == [195_000, 290_000, 385_000]


def test_generated_unknown_backward_and_repeated_crossings_do_not_count() -> None:
    rows = [
        lap("1", 1, 100, 190),
        lap("1", 2, 190, None),
        lap("1", 3, 300, 185),
        lap("1", 4, 280, 370),
        lap("1", 5, 370, 371),
        lap("1", 6, 371, 460, generated=True),
    ]
    assert read_timing(laps_table(rows))["1"].crossing_laps.tolist() == [1, 4]


def test_one_wrong_time_costs_no_right_ones() -> None:
    rows = [lap("1", n, 100 + 90 * (n - 1), 100 + 90 * n) for n in range(1, 8)]
    rows[2]["end_ms"] += 400_000
    assert read_timing(laps_table(rows))["1"].crossing_laps.tolist() == [1, 2, 4, 5, 6, 7]


def test_a_wrong_start_does_not_spoil_a_right_end() -> None:
    rows = [lap("1", n, 100 + 90 * (n - 1), 100 + 90 * n) for n in range(1, 5)]
    rows[2]["start_ms"] = rows[2]["end_ms"] + 30_000
    assert read_timing(laps_table(rows))["1"].crossing_laps.tolist() == [1, 2, 3, 4]


def test_a_lap_listed_twice_counts_once() -> None:
    rows = [lap("1", 1, 100, 190), lap("1", 2, 190, 280), lap("1", 2, 190, None)]
    own = read_timing(laps_table(rows))["1"]
    assert own.lap.tolist() == [1, 2] and own.crossing_ms.tolist() == [190_000, 280_000]


def test_the_flag_is_the_leaders_last_crossing() -> None:
    assert flag_ms(two_cars(), None, 3) == 370_000
    assert flag_ms(two_cars(), 370_100.0, 3) == 370_000
    assert flag_ms({}, None, 3) is None


def test_a_lap_counted_twice_does_not_move_the_flag() -> None:
    rows = [lap("1", n, 100 + 90 * (n - 1), 100 + 90 * n) for n in (1, 2, 3)]
    rows += [lap("2", n, 100, 100 + 60 * n) for n in (1, 2, 3, 4)]
    assert flag_ms(read_timing(laps_table(rows)), 370_000.0, 3) == 370_000


def test_endings() -> None:
    rows = [lap("1", n, 100 + 90 * (n - 1), 100 + 90 * n) for n in (1, 2, 3)]
    rows += [lap("2", n, 100 + 130 * (n - 1), 100 + 130 * n) for n in (1, 2, 3)]
    rows += [lap("3", 1, 100, 200)]
    results = results_table(
        [{"car": "4", "status": "Did not start"}, {"car": "5", "status": "Retired"}, {"car": "6", "status": "Retired"}]
    )
    timing = read_timing(laps_table(rows))
    motion = {"3": 250_000.0, "4": 90_000.0, "5": 130_000.0, "6": 99_000.0}
    endings = race_endings(list("123456"), timing, results, motion, 100_000.0, flag_ms(timing, None, 3))
    assert endings["1"].finish_ms == 370_000
    # One lap down: the flag ends its race at its next crossing.
    assert endings["2"].finish_ms == 490_000
    assert endings["3"].out_ms == 250_000
    assert endings["4"].never_started
    assert endings["5"].out_ms == 130_000
    assert endings["6"].never_started


def test_without_telemetry_a_car_is_out_at_its_last_sign_in_timing() -> None:
    rows = [lap("1", n, 90 * (n - 1), 90 * n) for n in (1, 2, 3)]
    rows += [lap("2", 1, 0, 95), lap("2", 2, 95, 160, generated=True)]
    timing = read_timing(laps_table(rows))
    endings = race_endings(["1", "2"], timing, results_table([]), {}, 0.0, flag_ms(timing, None, 3))
    assert endings["2"].out_ms == 160_000
    assert np.isnan(timing["1"].pit_in_ms).all()
