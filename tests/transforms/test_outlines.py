"""Outlines with as few points as tell their shape."""

from itertools import pairwise

import numpy as np
import pytest

from transforms.outlines import telling_points


def test_of_a_rectangle_its_corners_are_kept() -> None:
    x = np.array([0, 1, 2, 3, 4, 4, 4, 3, 2, 1, 0, 0.0])
    y = np.array([0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 1.0])
    kept = telling_points(x, y, 0.1)
    assert list(zip(x[kept], y[kept], strict=True)) == [(0, 0), (4, 0), (4, 2), (0, 2)]


@pytest.mark.parametrize("tolerance_m", (1.0, 5.0, 50.0))
def test_no_point_is_farther_from_the_line_than_allowed(tolerance_m: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 2500, endpoint=False)
    radius = 800 + 300 * np.sin(3 * angle) + 40 * np.sin(17 * angle)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    kept = telling_points(x, y, tolerance_m)
    assert 3 < len(kept) < 500 and np.all(np.diff(kept) > 0)
    ends = np.append(kept, kept[0])
    dense = np.concatenate([np.linspace(x[a] + 1j * y[a], x[b] + 1j * y[b], 200) for a, b in pairwise(ends)])
    nearest = [np.abs(dense - point).min() for point in (x + 1j * y)[::10]]
    assert max(nearest) < tolerance_m * 1.2 + 0.5


@pytest.mark.parametrize("points", (0, 1, 2))
def test_of_too_few_points_all_are_kept(points: int) -> None:
    assert list(telling_points(np.zeros(points), np.zeros(points), 5.0)) == list(range(points))
