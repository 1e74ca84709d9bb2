import numpy as np

from transforms.interpolate import MAX_GAP_MS, bracket, held, linear, steps


def test_linear_passes_through_samples_and_between_them() -> None:
    times = np.array([0, 240, 480], np.int64)
    ticks = np.array([0, 120, 240, 360, 480], np.int64)
    result = linear(np.array([0.0, 24.0, 0.0]), bracket(times, ticks))
    np.testing.assert_allclose(result, [0.0, 12.0, 24.0, 12.0, 0.0])


def test_nothing_is_extrapolated() -> None:
    result = linear(np.array([1.0, 2.0]), bracket(np.array([100, 200]), np.array([99, 100, 200, 201])))
    np.testing.assert_array_equal(np.isnan(result), [True, False, False, True])


def test_a_long_gap_stays_a_gap_but_its_ends_do_not() -> None:
    times = np.array([0, MAX_GAP_MS + 1], np.int64)
    ticks = np.array([0, 1, MAX_GAP_MS, MAX_GAP_MS + 1], np.int64)
    result = linear(np.array([5.0, 6.0]), bracket(times, ticks))
    np.testing.assert_array_equal(np.isnan(result), [False, True, True, False])


def test_a_gap_of_the_limit_is_bridged() -> None:
    result = linear(np.array([0.0, 10.0]), bracket(np.array([0, MAX_GAP_MS]), np.array([MAX_GAP_MS // 2])))
    np.testing.assert_allclose(result, [5.0])


def test_breaks_are_not_bridged() -> None:
    place = bracket(np.array([0, 100, 200]), np.array([50, 100, 150]), breaks=np.array([False, True]))
    result = linear(np.array([0.0, 1.0, 99.0]), place)
    assert result[0] == 0.5 and result[1] == 1.0 and np.isnan(result[2])


def test_no_samples_give_no_values() -> None:
    ticks = np.arange(3, dtype=np.int64)
    assert np.isnan(linear(np.empty(0), bracket(np.empty(0, np.int64), ticks))).all()
    assert (held(np.empty(0, np.int64), np.empty(0, np.int8), ticks) == -1).all()


def test_held_keeps_only_values_the_source_had() -> None:
    times = np.array([0, 300, 600], np.int64)
    values = np.array([3, -1, 7], np.int8)
    result = held(times, values, np.array([-10, 0, 299, 300, 599, 600, 601], np.int64))
    np.testing.assert_array_equal(result, [-1, 3, 3, 3, 3, 7, -1])


def test_held_values_grow_too_old() -> None:
    times = np.array([0, 10_000], np.int64)
    result = held(times, np.array([3, 4], np.int8), np.array([MAX_GAP_MS, MAX_GAP_MS + 1], np.int64))
    np.testing.assert_array_equal(result, [3, -1])


def test_steps() -> None:
    result = steps(np.array([100.0, 200.0]), np.array([1, 2]), np.array([99, 100, 199, 200]), 0)
    np.testing.assert_array_equal(result, [0, 1, 1, 2])
