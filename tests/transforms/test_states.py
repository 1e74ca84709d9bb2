"""The state of a car in qualifying and practice, by what was seen of it."""

import numpy as np

from transforms.samples import CleanCar
from transforms.states import FINISHED, OUT, PIT, RUNNING, other_states
from transforms.timing import CarTiming

TICKS = np.arange(0, 200_000, 1000, dtype=np.int64)
FINISHED_MS = 150_000.0


def telemetry(speeds: np.ndarray) -> CleanCar:
    """A sample every second from the beginning."""
    time_ms = np.arange(len(speeds), dtype=np.int64) * 1000
    nothing = np.full(len(speeds), -1, np.int8)
    return CleanCar(time_ms, speeds.astype(float), speeds * 50.0, speeds * 0.0, nothing, nothing, None)


def timing() -> CarTiming:
    """Out of the pit lane at 10 s, one timed lap from 40 to 110 s, never back in."""
    nan = np.array([np.nan])
    return CarTiming(
        lap=np.array([1]),
        start_ms=np.array([40_000.0]),
        end_ms=np.array([110_000.0]),
        pit_in_ms=nan,
        pit_out_ms=np.array([10_000.0]),
        sector1_end_ms=nan,
        sector2_end_ms=nan,
        lap_time_ms=nan,
        crossed=np.array([True]),
    )


def states_of(car: CleanCar) -> np.ndarray:
    return other_states(TICKS, timing(), car, None, FINISHED_MS)


def test_a_car_whose_samples_end_while_it_drives_is_not_out():
    """Telemetry of timed laps only: it ends at the line, the car goes on to the pit lane."""
    state = states_of(telemetry(np.full(111, 250.0)))
    assert state[0] == PIT and state[20] == RUNNING
    assert set(state[120:150]) == {RUNNING}
    assert set(state[150:]) == {FINISHED}


def test_a_car_that_is_seen_to_stop_before_the_end_is_out():
    state = states_of(telemetry(np.concatenate([np.full(100, 250.0), np.zeros(100)])))
    assert state[90] == RUNNING
    assert set(state[106:]) == {OUT}


def test_a_car_that_comes_to_rest_after_the_end_has_finished():
    state = states_of(telemetry(np.concatenate([np.full(160, 250.0), np.zeros(40)])))
    assert OUT not in state
    assert set(state[166:]) == {FINISHED}
