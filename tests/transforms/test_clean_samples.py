import numpy as np

from transforms.recording import CarSamples, PositionSamples
from transforms.samples import clean_car, clean_positions
from transforms.states import last_motion_ms


def car_samples(speed: list[float], step_ms: int = 240, **other: list[int]) -> CarSamples:
    count = len(speed)
    moving = np.array(speed) > 0
    return CarSamples(
        time_ms=np.arange(count, dtype=np.int64) * step_ms,
        speed_kmh=np.array(speed, np.float64),
        rpm=np.where(moving, 10_000.0, 0.0),
        throttle_percent=np.array(other.get("throttle", [50] * count), np.float64),
        gear=np.array(other.get("gear", np.where(moving, 5, 0)), np.int16),
        brake=np.zeros(count, np.bool_),
        drs=None,
    )


def straight(count: int, speed_mps: float = 50.0, step_ms: int = 240) -> PositionSamples:
    time_ms = np.arange(count, dtype=np.int64) * step_ms
    x_m = 100.0 + time_ms / 1000.0 * speed_mps
    zeros = np.zeros(count)
    return PositionSamples(time_ms, x_m, zeros + 7.0, zeros, np.ones(count, np.bool_))


def replaced(samples: PositionSamples, index: int | slice, x_m: float, y_m: float) -> PositionSamples:
    x, y = samples.x_m.copy(), samples.y_m.copy()
    x[index], y[index] = x_m, y_m
    return PositionSamples(samples.time_ms, x, y, samples.z_m, samples.on_track)


def test_zero_fill_of_a_moving_car_is_a_gap() -> None:
    clean, found = clean_car(car_samples([200, 205, 0, 0, 215, 220]))
    np.testing.assert_array_equal(np.isnan(clean.speed_kmh), [False, False, True, True, False, False])
    np.testing.assert_array_equal(clean.gear, [5, 5, -1, -1, 5, 5])
    assert found["car_zero_fill"] == 2


def test_a_standing_car_with_its_electronics_off_really_stands() -> None:
    clean, found = clean_car(car_samples([20, 5, 0, 0, 0, 6]))
    assert clean.speed_kmh[2:5].tolist() == [0, 0, 0]
    assert "car_zero_fill" not in found


def test_impossible_gear_and_unknown_throttle_are_gaps() -> None:
    clean, found = clean_car(car_samples([100, 100, 100], gear=[5, 44, 6], throttle=[100, 104, 0]))
    np.testing.assert_array_equal(clean.gear, [5, -1, 6])
    np.testing.assert_array_equal(np.isnan(clean.throttle_percent), [False, True, False])
    assert found == {"car_impossible_gear": 1, "car_unknown_throttle": 1}


def test_samples_out_of_order_and_twice_are_put_right() -> None:
    samples = straight(6)
    order = np.array([0, 2, 1, 3, 3, 4, 5])
    shuffled = PositionSamples(*(getattr(samples, n)[order] for n in ("time_ms", "x_m", "y_m", "z_m", "on_track")))
    clean, found = clean_positions(shuffled, None)
    np.testing.assert_array_equal(clean.time_ms, samples.time_ms)
    np.testing.assert_array_equal(clean.x_m, samples.x_m)
    assert found == {"position_out_of_order": 1, "position_duplicate_time": 1}


def test_zero_fill_of_coordinates_is_a_gap() -> None:
    samples = replaced(straight(8), slice(3, 5), 0.0, 0.0)
    clean, found = clean_positions(samples, None)
    assert 720 not in clean.time_ms and 960 not in clean.time_ms
    assert found == {"position_zero_fill": 2}


def test_a_spike_no_car_can_make_is_taken_out() -> None:
    clean, found = clean_positions(replaced(straight(9), 4, 5000.0, 5000.0), None)
    assert 4 * 240 not in clean.time_ms and len(clean.time_ms) == 8
    assert found == {"position_spike": 1} and not clean.breaks.any()


def test_a_lasting_jump_is_not_bridged() -> None:
    clean, found = clean_positions(replaced(straight(12), slice(6, 12), 3000.0, 0.0), None)
    assert clean.breaks.tolist() == [False] * 5 + [True] + [False] * 5
    assert found == {"position_jump": 1}


def test_a_frozen_feed_is_a_gap_while_the_car_moves() -> None:
    samples = straight(30)
    frozen = replaced(samples, slice(10, 25), float(samples.x_m[10]), 7.0)
    clean, found = clean_positions(frozen, clean_car(car_samples([180.0] * 30))[0])
    assert found["position_frozen"] == 14
    assert set(clean.time_ms) == set(np.delete(samples.time_ms, np.arange(11, 25)))


def test_a_parked_car_is_not_a_frozen_feed() -> None:
    parked = replaced(straight(30), slice(0, 30), 50.0, 60.0)
    clean, found = clean_positions(parked, clean_car(car_samples([0.0] * 30))[0])
    assert len(clean.time_ms) == 30 and not found


def test_keep_remembers_breaks_between_kept_samples() -> None:
    clean, _ = clean_positions(replaced(straight(12), slice(6, 12), 3000.0, 0.0), None)
    kept = clean.keep(np.arange(12) % 3 == 0)
    assert kept.breaks.tolist() == [False, True, False]


def test_noise_is_not_a_car() -> None:
    random = np.random.default_rng(5)
    samples = straight(60)
    x, y = samples.x_m.copy(), samples.y_m.copy()
    x[20:], y[20:] = random.uniform(-3000, 3000, 40), random.uniform(-3000, 3000, 40)
    noisy = PositionSamples(samples.time_ms, x, y, samples.z_m, samples.on_track)
    clean, found = clean_positions(noisy, None)
    assert clean.time_ms.tolist() == samples.time_ms[:20].tolist()
    assert found.get("position_unconnected", 0) + found.get("position_spike", 0) == 40


def appended(samples: CarSamples, time_ms: int, speed_kmh: float) -> CarSamples:
    last = {
        "time_ms": time_ms,
        "speed_kmh": speed_kmh,
        "rpm": 10_000.0,
        "throttle_percent": 50.0,
        "gear": 5,
        "brake": 0,
    }
    values = {name: np.append(getattr(samples, name), [value]) for name, value in last.items()}
    types = {name: getattr(samples, name).dtype for name in last}
    return CarSamples(**{name: values[name].astype(types[name]) for name in last}, drs=None)


STOPPING = [180.0] * 60 + [120.0, 60.0, 20.0] + [0.0] * 100


def test_one_fast_sample_among_zeros_is_no_motion() -> None:
    speed = STOPPING.copy()
    speed[120] = 187.0
    clean, found = clean_car(car_samples(speed))
    assert found == {"car_isolated_speed": 1} and 120 * 240 not in clean.time_ms
    # What stood beside it still stands.
    assert (clean.speed_kmh[-40:] == 0).all()
    assert last_motion_ms(clean, None) == 62 * 240


def test_a_sample_after_the_feed_has_ended_is_no_motion() -> None:
    clean, found = clean_car(appended(car_samples(STOPPING), 400_000, 210.0))
    assert found == {"car_isolated_speed": 1} and last_motion_ms(clean, None) == 62 * 240


def test_a_sample_after_a_feed_that_ended_on_the_way_tells_of_no_drive() -> None:
    clean, found = clean_car(appended(car_samples([180.0] * 60), 400_000, 210.0))
    assert found == {"car_isolated_speed": 1} and last_motion_ms(clean, None) == 59 * 240


def test_a_car_that_never_drove_has_no_motion_from_one_sample() -> None:
    speed = [0.0] * 100
    speed[50] = 90.0
    assert last_motion_ms(clean_car(car_samples(speed))[0], None) == 0


def test_a_short_drive_a_car_can_make_is_motion() -> None:
    # Pulled forward by half a car's length in its box, and a drive of two seconds.
    clean, found = clean_car(car_samples([0.0] * 50 + [11.0, 12.0] + [0.0] * 50))
    assert not found and len(clean.time_ms) == 102
    short = [0.0] * 50 + [15.0, 30.0, 45.0, 60.0, 60.0, 40.0, 20.0, 12.0] + [0.0] * 50
    clean, found = clean_car(car_samples(short))
    assert not found and last_motion_ms(clean, None) == 57 * 240


def test_a_crash_ends_a_drive_at_once() -> None:
    clean, found = clean_car(car_samples([230.0] * 40 + [0.0] * 60))
    assert "car_isolated_speed" not in found and last_motion_ms(clean, None) == 39 * 240


def test_a_slow_feed_is_not_one_of_isolated_samples() -> None:
    clean, found = clean_car(car_samples([180.0] * 30 + [0.0] * 30, step_ms=3000))
    assert "car_isolated_speed" not in found and last_motion_ms(clean, None) == 29 * 3000


def resting(count: int) -> PositionSamples:
    """Twenty samples on the way, then at rest."""
    moving = straight(20)
    x_m = np.concatenate([moving.x_m, np.full(count - 20, moving.x_m[-1] + 5.0)])
    return replace_x(straight(count), x_m)


def replace_x(samples: PositionSamples, x_m: np.ndarray) -> PositionSamples:
    return PositionSamples(samples.time_ms, x_m, samples.y_m, samples.z_m, samples.on_track)


def test_a_place_far_from_where_a_car_rests_is_no_motion() -> None:
    rest = resting(120)
    # Too near for a step that no car can make (49 m in 0.24 s), too far for a car at rest.
    away = replaced(rest, 80, float(rest.x_m[80]) + 40.0, 7.0)
    clean, found = clean_positions(away, None)
    assert found == {"position_isolated": 1} and 80 * 240 not in clean.time_ms
    assert last_motion_ms(None, clean) == last_motion_ms(None, clean_positions(rest, None)[0]) == 20 * 240


def test_a_place_after_the_feed_has_ended_is_no_motion() -> None:
    rest = resting(120)
    names = ("time_ms", "x_m", "y_m", "z_m", "on_track")
    last = PositionSamples(
        *(np.append(getattr(rest, n), v) for n, v in zip(names, (400_000, 900.0, 900.0, 0.0, True), strict=True))
    )
    clean, found = clean_positions(last, None)
    assert found == {"position_isolated": 1} and last_motion_ms(None, clean) == 20 * 240


def test_a_car_that_drives_on_was_where_it_was() -> None:
    moving = straight(60)
    paused = np.concatenate([moving.x_m[:20], np.full(20, moving.x_m[19]), moving.x_m[20:40]])
    clean, found = clean_positions(replace_x(moving, paused), None)
    assert not found and len(clean.time_ms) == 60
