import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.knots import choose_knots


def lines(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Straight lines between kept ticks of one row, NaN next to a gap."""
    at = np.flatnonzero(keep)
    return np.interp(np.arange(len(values)), at, values[at])


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 400), st.floats(0.01, 1.0), st.integers(1, 7))
def test_lines_stay_close_and_follow_jumps_and_gaps(seed, ticks, tolerance, checked_every):
    random = np.random.default_rng(seed)
    values = np.cumsum(random.normal(0, tolerance / 4, (3, ticks)), axis=1).astype(np.float32)
    values[0, random.integers(ticks) :] += 50
    begin = random.integers(ticks)
    values[1, begin : begin + random.integers(1, 50)] = np.nan
    keep = choose_knots(values, tolerance, every=100, checked_every=checked_every)
    assert keep[:, ::100].all() and keep[:, -1].all()
    for row, kept in zip(values, keep, strict=True):
        known = np.isfinite(row)
        checked = known & ((np.arange(ticks) % checked_every == 0) | kept)
        off = np.abs(lines(row, kept) - row)
        assert (off[checked] <= tolerance + 1e-4).all()
        edges = np.flatnonzero(known[1:] != known[:-1])
        assert kept[edges + 1].all() and kept[edges][known[edges]].all()


def test_a_straight_line_needs_its_ends_alone():
    values = np.linspace(0, 0.45, 91, dtype=np.float32)[None]
    assert np.flatnonzero(choose_knots(values, 0.01, every=1000, checked_every=1)[0]).tolist() == [0, 90]


def test_a_jump_is_kept_on_both_sides():
    values = np.where(np.arange(91) < 33, 1.0, 22.0).astype(np.float32)[None]
    assert np.flatnonzero(choose_knots(values, 0.1, every=1000, checked_every=5)[0]).tolist() == [0, 32, 33, 90]


def test_nothing_is_kept_of_nothing():
    assert choose_knots(np.empty((0, 5), np.float32), 0.1, every=2, checked_every=1).shape == (0, 5)
    assert not choose_knots(np.full((1, 0), np.nan, np.float32), 0.1, every=2, checked_every=1).size
