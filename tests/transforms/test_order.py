import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms import order
from transforms.progress import Anchors, Progress
from transforms.timing import CarTiming, Ending


def progress(*knots: tuple[float, float]) -> Progress:
    return Progress(np.array([k[0] for k in knots]), np.array([k[1] for k in knots]))


def timing(crossings: list[float]) -> CarTiming:
    count = len(crossings)
    nothing = np.full(count, np.nan)
    ends = np.array(crossings)
    return CarTiming(
        np.arange(1, count + 1), np.concatenate([[0.0], ends[:-1]]), ends, *[nothing] * 5, np.ones(count, np.bool_)
    )


def test_position_follows_progress_and_finish_keeps_the_order_across_the_line() -> None:
    ticks = np.array([0, 50_000, 99_000, 100_500, 150_000], np.int64)
    cars = ["1", "2", "3"]
    made = {
        "1": progress((0, 0), (50_000, 0.6), (100_000, 1.0), (150_000, 1.2)),
        "2": progress((0, 0), (50_000, 0.5), (99_500, 1.0), (150_000, 1.9)),
        "3": progress((0, 0), (150_000, 0.9)),
    }
    endings = {"1": Ending(finish_ms=100_000.0), "2": Ending(finish_ms=99_500.0), "3": Ending()}
    grid = {"1": 2, "2": 1, "3": 3}
    positions = order.positions_of(*order.race_keys(ticks, cars, made, endings, {}, grid, grid, 10.0))
    np.testing.assert_array_equal(positions.T, [[2, 1, 3], [1, 2, 3], [2, 1, 3], [2, 1, 3], [2, 1, 3]])


def test_cars_that_left_are_below_all_others_by_laps_then_as_classified() -> None:
    ticks = np.array([100_000], np.int64)
    cars = ["1", "2", "3", "4"]
    made = {car: progress((0, 0), (100_000, 5.0)) for car in "123"} | {"4": progress((0, 0))}
    endings = {
        "1": Ending(out_ms=1.0),
        "2": Ending(out_ms=1.0),
        "3": Ending(),
        "4": Ending(never_started=True),
    }
    places = {"1": 3, "2": 2, "3": 1, "4": 4}
    leaves = {"1": (50_000.0, 4), "2": (60_000.0, 4)}
    keys = order.race_keys(ticks, cars, made, endings, leaves, dict.fromkeys(cars, 1), places, 0.0)
    assert order.positions_of(*keys)[:, 0].tolist() == [3, 2, 1, 4]


def test_the_order_across_the_line_is_right_after_78_laps_with_cars_a_millisecond_apart() -> None:
    rng = np.random.default_rng(78)
    cars = [str(number) for number in range(1, 21)]
    flag = 6_500_000.0
    grid = {car: slot for slot, car in enumerate(cars, start=1)}
    for _ in range(200):
        finish_ms = flag + rng.permutation(len(cars))
        made = {car: progress((0, 0), (at, 78.0)) for car, at in zip(cars, finish_ms, strict=True)}
        endings = {car: Ending(finish_ms=at) for car, at in zip(cars, finish_ms, strict=True)}
        ticks = np.array([flag + len(cars), flag + 60_000], np.int64)
        positions = order.positions_of(*order.race_keys(ticks, cars, made, endings, {}, grid, grid, 0.0))
        np.testing.assert_array_equal(positions.T, np.tile(finish_ms - flag + 1, (2, 1)))


START_MS = 1_000


@st.composite
def races(draw: st.DrawFn) -> tuple:
    """A race of up to six cars on few distinct times and laps, so that much is equal: what ``race_keys`` takes."""
    cars = [str(number) for number in range(draw(st.integers(1, 6)))]
    slots, ranks = (draw(st.permutations(range(1, len(cars) + 1))) for _ in range(2))
    grid, places = dict(zip(cars, slots, strict=True)), dict(zip(cars, ranks, strict=True))
    moments = st.integers(0, 12).map(lambda step: step * 500)
    made, endings, leaves = {}, {}, {}
    for car in cars:
        times = sorted(draw(st.sets(moments, min_size=1, max_size=4)))
        laps = sorted(draw(st.integers(-1, 6)) / 2 for _ in times)
        made[car] = progress(*zip(times, laps, strict=True))
        how = draw(st.sampled_from(["finished", "out", "running", "never started"]))
        later = draw(moments.filter(lambda at: at >= START_MS))
        endings[car] = Ending(finish_ms=float(later) if how == "finished" else None, never_started=how[0] == "n")
        if how == "out":
            leaves[car] = (float(later), draw(st.integers(0, 3)))
    ticks = np.arange(0, 7_000, 250, dtype=np.int64)
    return ticks, cars, made, endings, leaves, grid, places, float(START_MS)


def order_said_plainly(ticks, cars, made, endings, leaves, grid, places, start_ms) -> list[list[int]]:
    """Positions per tick: the rules of quality.md, one tick and one car after the other."""
    said = []
    for tick in ticks:

        def key(car: str, tick: int = tick) -> tuple[float, ...]:
            ending = endings[car]
            if ending.never_started:
                return 2, 0, 0, 0, grid[car]
            if tick < start_ms:
                return 0, 0, 0, 0, grid[car]
            if ending.finish_ms is not None and tick >= ending.finish_ms:
                laps = round(made[car].at(np.array([ending.finish_ms]))[0])
                return 0, -laps, 1, ending.finish_ms, places[car]
            if car in leaves and tick >= leaves[car][0]:
                return 1, -leaves[car][1], 0, 0, places[car]
            return 0, -made[car].at(np.array([tick]))[0], 0, 0, places[car]

        by_place = sorted(cars, key=key)
        said.append([by_place.index(car) + 1 for car in cars])
    return said


@given(races())
def test_the_order_of_a_race_is_that_of_its_rules(race: tuple) -> None:
    positions = order.positions_of(*order.race_keys(*race))
    assert positions.T.tolist() == order_said_plainly(*race)
    assert (np.sort(positions, axis=0) == np.arange(1, len(race[1]) + 1)[:, None]).all()


def test_a_slow_crossing_in_the_pit_lane_keeps_its_place_for_a_moment() -> None:
    slow = progress((0, 0), (100_000, 1.0), (101_000, 1.001))
    fast = progress((0, 0), (100_050, 1.0), (101_050, 1.02))
    anchors = Anchors(np.array([0.0, 100_000.0]), np.array([0.0, 1.0]))
    late = Anchors(np.array([0.0, 100_050.0]), np.array([0.0, 1.0]))
    at = np.array([100_150.0])
    assert slow.at(at) < fast.at(at)
    assert order.settled(slow, anchors).at(at) > order.settled(fast, late).at(at)


def test_a_stopped_car_leaves_when_all_others_completed_its_lap() -> None:
    field = {"1": timing([90_000, 180_000]), "2": timing([95_000, 190_000]), "3": timing([91_000])}
    endings = {"1": Ending(finish_ms=180_000.0), "2": Ending(finish_ms=190_000.0), "3": Ending(out_ms=92_000.0)}
    assert order.leaves_order_ms(92_000.0, 1, "3", field, endings, 180_000.0) == 95_000 + order.SETTLE_MS
    assert order.leaves_order_ms(150_000.0, 1, "3", field, endings, 180_000.0) == 150_000
    far = field | {"2": timing([900_000.0])}
    assert order.leaves_order_ms(92_000.0, 1, "3", far, endings, None) == 92_000 + order.MAX_LINGER_MS


def test_gaps_are_exact_at_the_line_and_never_negative() -> None:
    cars = ["1", "2", "3"]
    made = {
        "1": progress((0, 0), (90_000, 1.0), (180_000, 2.0), (270_000, 3.0)),
        "2": progress((0, -0.01), (92_500, 1.0), (183_000, 2.0), (273_000, 3.0)),
        "3": progress((0, -0.02), (140_000, 1.0), (280_000, 2.0)),
    }
    ticks = np.array([92_500, 183_000, 260_000, 300_000], np.int64)
    scores = np.stack([made[car].at(ticks) for car in cars])
    known = {"1": (0.0, 270_000.0), "2": (0.0, 273_000.0), "3": (0.0, 280_000.0)}
    positions = order.positions_of(scores, np.zeros(scores.shape, np.int8))
    gap, interval, down = order.gaps_s(ticks, cars, made, known, positions, np.ones((3, 4), np.bool_))
    np.testing.assert_allclose(gap[0], 0.0)
    np.testing.assert_allclose(gap[1, [0, 1, 3]], [2.5, 3.0, 3.0], atol=1e-4)
    np.testing.assert_allclose(interval[1, [0, 1, 3]], [2.5, 3.0, 3.0], atol=1e-4)
    assert np.isnan(interval[0]).all() and not (gap < 0).any()
    assert down[2].tolist() == [0, 0, 1, 1] and np.isnan(gap[2, 2])


def test_who_is_farther_behind_has_the_larger_gap_also_at_rest() -> None:
    cars = ["1", "2", "3"]
    made = {
        "1": progress((0, 0), (90_000, 1.0), (180_000, 2.0)),
        "2": progress((0, 0), (92_000, 1.0), (95_000, 1.02), (120_000, 1.02), (190_000, 2.0)),
        "3": progress((0, 0), (93_000, 1.0), (95_200, 1.01), (119_000, 1.01), (191_000, 2.0)),
    }
    ticks = np.arange(94_000, 118_000, 500)
    scores = np.stack([made[car].at(ticks) for car in cars])
    counted = np.ones(scores.shape, np.bool_)
    positions = order.positions_of(scores, np.zeros(scores.shape, np.int8))
    gap, interval, _ = order.gaps_s(ticks, cars, made, dict.fromkeys(cars, (0.0, 1e9)), positions, counted)
    assert (gap[2] >= gap[1]).all() and (interval[2] >= 0).all()


def test_best_lap_order_by_segment() -> None:
    cars = ["1", "2", "3"]
    set_ms = {"1": np.array([100.0, 1100.0]), "2": np.array([120.0]), "3": np.empty(0)}
    times = {"1": np.array([90.0, 95.0]), "2": np.array([80.0]), "3": np.empty(0)}
    ticks = np.array([50, 110, 150, 1200], np.int64)
    table = order.best_lap_positions(ticks, cars, set_ms, times, [0.0, 1000.0])
    np.testing.assert_array_equal(table.T, [[-1, -1, -1], [1, -1, -1], [2, 1, -1], [1, 2, -1]])


def test_of_two_equal_times_the_first_is_ahead() -> None:
    cars = ["1", "2"]
    set_ms = {"1": np.array([200.0]), "2": np.array([100.0])}
    times = {"1": np.array([80.0]), "2": np.array([80.0])}
    assert order.best_lap_positions(np.array([300]), cars, set_ms, times, []).T.tolist() == [[2, 1]]


def test_cars_as_far_as_each_other_are_in_the_order_of_the_result() -> None:
    ticks, cars = np.array([50_000, 90_000], np.int64), ["1", "2"]
    made = dict.fromkeys(cars, progress((0, 0), (80_000, 1.0)))
    endings = dict.fromkeys(cars, Ending(finish_ms=80_000.0))
    keys = order.race_keys(ticks, cars, made, endings, {}, {"1": 1, "2": 2}, {"1": 2, "2": 1}, 0.0)
    assert order.positions_of(*keys).T.tolist() == [[2, 1], [2, 1]]


def test_there_is_no_gap_before_the_other_car_was_here() -> None:
    cars = ["1", "2"]
    # The leader starts 10 m (0.01 laps) ahead and was where the other stands on its way to the grid, a minute before.
    made = {
        "1": progress((-60_000, -0.05), (-50_000, -0.01), (0, -0.01), (1, -0.0099), (10_000, 0.05), (90_000, 1.0)),
        "2": progress((-50_000, -0.02), (0, -0.02), (10_000, 0.03), (95_000, 1.0)),
    }
    ticks = np.array([0, 1_000, 5_000, 95_000], np.int64)
    scores = np.stack([made[car].at(ticks) for car in cars])
    positions = order.positions_of(scores, np.zeros(scores.shape, np.int8))
    known = {car: (order.known_from_ms(made[car], 0.0), 1e9) for car in cars}
    gap, interval, _ = order.gaps_s(ticks, cars, made, known, positions, np.ones(scores.shape, np.bool_))
    np.testing.assert_array_equal(np.isnan(gap[1]), [True, True, False, False])
    np.testing.assert_array_equal(gap[1], interval[1])
    assert gap[1, 2] <= 5.0 and gap[1, 3] == 5.0


def test_a_car_known_from_timing_alone_has_no_gap_before_its_first_line() -> None:
    cars = ["1", "2"]
    made = {
        "1": progress((0, -0.01), (30_000, 0.3), (90_000, 1.0)),
        "2": progress((0, -0.02), (32_000, 0.3), (95_000, 1.0)),
    }
    ticks = np.array([10_000, 31_000, 32_000, 95_000], np.int64)
    scores = np.stack([made[car].at(ticks) for car in cars])
    positions = order.positions_of(scores, np.zeros(scores.shape, np.int8))
    known = {car: (order.known_from_ms(made[car], 0.0), 1e9) for car in cars}
    assert known == {"1": (30_000.0, 1e9), "2": (32_000.0, 1e9)}
    gap, _, _ = order.gaps_s(ticks, cars, made, known, positions, np.ones(scores.shape, np.bool_))
    np.testing.assert_array_equal(np.isnan(gap[1]), [True, True, False, False])
    assert gap[1, 2] == 2.0 and gap[1, 3] == 5.0
