import numpy as np
import pytest

from transforms.progress import Anchors, from_telemetry, from_timing
from transforms.samples import CleanCar, CleanPositions
from transforms.timing import CarTiming
from transforms.track import Track, build_track, medians_of, nearest_m, project


def figure_of_eight(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A closed line of some 4 km that crosses itself in the middle."""
    angle = 2 * np.pi * share
    return 700.0 * np.sin(angle), 350.0 * np.sin(2 * angle)


def true_track(points: int = 2000) -> Track:
    share = np.arange(20_000) / 20_000
    x, y = figure_of_eight(share)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(np.append(x, x[0])), np.diff(np.append(y, y[0]))))])
    length = float(along[-1])
    stations = np.arange(points) * length / points
    return Track(
        np.interp(stations, along, np.append(x, x[0])),
        np.interp(stations, along, np.append(y, y[0])),
        stations,
        length,
        None,
        1,
    )


def at_distance(track: Track, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wrapped = np.mod(distance, track.length_m)
    along = np.append(track.distance_m, track.length_m)
    return (
        np.interp(wrapped, along, np.append(track.x_m, track.x_m[0])),
        np.interp(wrapped, along, np.append(track.y_m, track.y_m[0])),
    )


def test_projection_survives_the_crossing() -> None:
    track = true_track()
    truth = np.linspace(0, 2 * track.length_m, 4001)
    x, y = at_distance(track, truth)
    along, offset = project(track, x, y, truth + 80.0 * np.sin(truth / 300.0))
    np.testing.assert_allclose(along, truth, atol=0.5)
    np.testing.assert_allclose(offset, 0.0, atol=0.5)


def test_offset_is_positive_to_the_left() -> None:
    side = np.arange(0.0, 100.0, 2.0)
    zero, full = np.zeros(50), np.full(50, 100.0)
    square = Track(
        np.concatenate([side, full, 100.0 - side, zero]),
        np.concatenate([zero, side, full, 100.0 - side]),
        np.arange(0.0, 400.0, 2.0),
        400.0,
        None,
        1,
    )
    along, offset = project(square, np.array([50.0, 50.0]), np.array([3.0, -4.0]), np.array([50.0, 50.0]), 40.0)
    np.testing.assert_allclose(along, 50.0)
    np.testing.assert_allclose(offset, [3.0, -4.0])


def simulated(track: Track, laps: int, lap_s: float, sideways_m: float) -> tuple[CleanPositions, CleanCar, CarTiming]:
    """A car at constant speed, ``sideways_m`` left of the line, sampled every 240 ms; crossings at whole lap times."""
    time_ms = np.arange(-5_000, laps * lap_s * 1000 + 5_000, 240).astype(np.int64)
    distance = time_ms / 1000.0 / lap_s * track.length_m
    x, y = at_distance(track, distance)
    ahead_x, ahead_y = at_distance(track, distance + 1.0)
    heading = np.arctan2(ahead_y - y, ahead_x - x)
    count = len(time_ms)
    positions = CleanPositions(
        time_ms,
        np.round(x - sideways_m * np.sin(heading), 1),
        np.round(y + sideways_m * np.cos(heading), 1),
        np.zeros(count),
        np.ones(count, np.bool_),
        np.zeros(count - 1, np.bool_),
    )
    speed = np.full(count, round(track.length_m / lap_s * 3.6))
    gear, brake = np.full(count, 7, np.int8), np.zeros(count, np.int8)
    car = CleanCar(time_ms, speed, speed * 50, speed / 4, gear, brake, None)
    ends = np.arange(1, laps + 1) * lap_s * 1000
    nothing = np.full(laps, np.nan)
    own = CarTiming(np.arange(1, laps + 1), ends - lap_s * 1000, ends, *[nothing] * 5, np.ones(laps, np.bool_))
    return positions, car, own


def test_the_outline_is_the_median_line_of_the_field() -> None:
    truth = true_track()
    cars = {str(n): simulated(truth, 5, 60.0 + n, side) for n, side in enumerate((-2.0, 0.0, 0.5, 1.0, 30.0))}
    track = build_track({n: c[0] for n, c in cars.items()}, {n: c[2] for n, c in cars.items()})
    assert track is not None
    assert track.length_m == pytest.approx(truth.length_m, rel=0.005)
    share = track.distance_m / track.length_m * truth.length_m
    _, offset = project(truth, track.x_m, track.y_m, share)
    # The field's median drives 0.5 m left of the line; samples are 16 m apart.
    assert abs(np.median(offset) - 0.5) < 0.3 and np.percentile(np.abs(offset), 95) < 2.0
    assert np.hypot(track.x_m[0] - truth.x_m[0], track.y_m[0] - truth.y_m[0]) < 5.0


def test_no_clean_laps_no_track() -> None:
    assert build_track({}, {}) is None


def test_progress_is_exact_at_crossings_and_close_between() -> None:
    track = true_track()
    positions, car, own = simulated(track, 4, 62.0, 1.0)
    anchors = Anchors(np.concatenate([[0.0], own.crossing_ms]), np.arange(5.0))
    made = from_telemetry(anchors, car, positions, track)
    assert made is not None
    progress, offsets = made
    np.testing.assert_allclose(progress.at(own.crossing_ms), [1, 2, 3, 4], atol=1e-12)
    times = np.linspace(0, 4 * 62_000, 999)
    np.testing.assert_allclose(progress.at(times), times / 62_000, atol=4.0 / track.length_m)
    assert (np.diff(progress.laps) >= 0).all()
    assert np.median(offsets) == pytest.approx(1.0, abs=0.3)


def test_progress_bridges_a_position_gap_with_measured_speed() -> None:
    track = true_track()
    positions, car, own = simulated(track, 3, 62.0, 0.0)
    silent = (positions.time_ms > 70_000) & (positions.time_ms < 90_000)
    anchors = Anchors(np.concatenate([[0.0], own.crossing_ms]), np.arange(4.0))
    made = from_telemetry(anchors, car, positions.keep(~silent), track)
    assert made is not None
    times = np.linspace(70_000, 90_000, 99)
    np.testing.assert_allclose(made[0].at(times), times / 62_000, atol=8.0 / track.length_m)


def test_progress_from_timing_uses_sector_lines() -> None:
    nothing = np.full(2, np.nan)
    own = CarTiming(
        np.array([1, 2]),
        np.array([0.0, 90_000.0]),
        np.array([90_000.0, 180_000.0]),
        nothing,
        nothing,
        np.array([np.nan, 130_000.0]),
        np.array([np.nan, 150_000.0]),
        nothing,
        np.ones(2, np.bool_),
    )
    anchors = Anchors(np.array([0.0, 90_000.0, 180_000.0]), np.array([-0.01, 1.0, 2.0]))
    progress = from_timing(anchors, own, (0.3, 0.6))
    np.testing.assert_allclose(progress.at(np.array([90_000, 110_000, 130_000, 150_000])), [1.0, 1.15, 1.3, 1.6])


def test_the_distance_of_a_point_is_that_of_the_nearest_place_on_the_outline() -> None:
    corners = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 50.0], [0.0, 50.0]])
    along = np.arange(60) * 5.0
    x_m, y_m = (np.interp(along, [0, 100, 150, 250, 300], np.append(corners[:, i], corners[0, i])) for i in (0, 1))
    square = Track(x_m, y_m, along, 300.0, None, 1)
    # The last lies between the outline's last point and the line.
    x_m, y_m = np.array([30.0, 104, -3, 40, -2]), np.array([-5.0, 20, 25, 49, 2])
    np.testing.assert_allclose(nearest_m(square, x_m, y_m), [30, 120, 275, 210, 298])


def test_medians_are_those_of_every_stretch() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=500)
    first = random.integers(0, 450, 200)
    end = first + random.integers(0, 50, 200)
    expected = [np.median(values[a:b]) if b > a else 0.0 for a, b in zip(first, end, strict=True)]
    assert medians_of(values, first, end).tolist() == expected
