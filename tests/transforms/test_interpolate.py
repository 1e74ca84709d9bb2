from bisect import bisect_right
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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


# Against plain Python, one tick at a time.

_MS = st.integers(-200, 2_000)
_TIMES = st.lists(_MS, max_size=12).map(sorted)
_VALUES = st.floats(-1e4, 1e4, width=32) | st.just(float("nan"))


@st.composite
def _samples(draw: st.DrawFn, values: st.SearchStrategy) -> tuple[list[int], list]:
    """Ascending times, some of them twice, and as many values."""
    times = draw(_TIMES)
    return times, draw(st.lists(values, min_size=len(times), max_size=len(times)))


def _ticks(times: list[int]) -> st.SearchStrategy[list[int]]:
    """Ascending ticks anywhere, and at, beside and between samples, where mistakes are made."""
    places = times + [(a + b) // 2 for a, b in pairwise(times)]
    near = st.sampled_from(places).flatmap(lambda t: st.integers(t - 1, t + 1)) if places else _MS
    return st.lists(_MS | near, max_size=20).map(sorted)


def _limit(times: list[int]) -> st.SearchStrategy[int]:
    """A limit of time anywhere, and just what lies between two samples."""
    return st.integers(0, 1_500) | st.sampled_from([b - a for a, b in pairwise(times)] or [0])


@given(st.data(), _samples(_VALUES))
def test_linear_is_what_a_person_would_reckon(data: st.DataObject, samples: tuple) -> None:
    times, values = samples
    ticks, max_gap_ms = data.draw(_ticks(times)), data.draw(_limit(times))
    size = max(len(times) - 1, 0)
    breaks = data.draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size))

    def value_at(tick: int) -> float:
        left = bisect_right(times, tick) - 1
        if left >= 0 and times[left] == tick:
            return values[left]
        if left < 0 or left == len(times) - 1 or (breaks is not None and breaks[left]):
            return np.nan
        span = times[left + 1] - times[left]
        part = (tick - times[left]) / span
        return values[left] + (values[left + 1] - values[left]) * part if span <= max_gap_ms else np.nan

    place = bracket(
        np.array(times, np.int64),
        np.array(ticks, np.int64),
        breaks=None if breaks is None else np.array(breaks, np.bool_),
        max_gap_ms=max_gap_ms,
    )
    result = linear(np.array(values, np.float64), place)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.array([value_at(tick) for tick in ticks], np.float32), rtol=1e-6, atol=1e-9)


@given(st.data(), _samples(st.integers(-1, 14)))
def test_held_is_what_a_person_would_look_up(data: st.DataObject, samples: tuple) -> None:
    times, values = samples
    ticks, max_age_ms = data.draw(_ticks(times)), data.draw(_limit(times))

    def value_at(tick: int) -> int:
        known = [(t, v) for t, v in zip(times, values, strict=True) if v >= 0 and t <= tick]
        if not known or tick > times[-1]:
            return -1
        at, value = known[-1]
        return value if tick - at <= max_age_ms else -1

    result = held(
        np.array(times, np.int64), np.array(values, np.int8), np.array(ticks, np.int64), max_age_ms=max_age_ms
    )
    assert result.dtype == np.int8
    assert result.tolist() == [value_at(tick) for tick in ticks]


@given(st.data(), _samples(st.integers(-(2**40), 2**40)), st.integers(-1, 99))
def test_steps_are_what_a_person_would_look_up(data: st.DataObject, samples: tuple, before: int) -> None:
    times, values = samples
    ticks = data.draw(_ticks(times))
    result = steps(np.array(times, np.float64), np.array(values, np.int64), np.array(ticks, np.int64), before)
    assert result.dtype == np.int64
    assert result.tolist() == [values[left] if (left := bisect_right(times, t) - 1) >= 0 else before for t in ticks]
