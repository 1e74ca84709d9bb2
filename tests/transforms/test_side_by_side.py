"""Work for many cars at once: its results in order, and its first error."""

from threading import Barrier

import pytest

from transforms.side_by_side import for_each


def test_two_are_at_work_at_once_and_results_keep_their_order():
    both = Barrier(2, timeout=60)

    def work(number: int) -> int:
        both.wait()
        return number * number

    assert for_each(work, range(6)) == [0, 1, 4, 9, 16, 25]
    assert for_each(work, []) == []


def test_the_first_error_is_raised():
    def work(number: int) -> int:
        if number % 2:
            raise ValueError(f"car {number}")
        return number

    with pytest.raises(ValueError, match="car 1"):
        for_each(work, range(6))
