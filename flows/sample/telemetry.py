"""The two telemetry topics as Formula 1 sends them: ``CarData.z`` and ``Position.z``.

A topic is a text of lines: twelve characters of stream time, then base64 of a raw-deflated JSON document that holds a
few samples of all cars. Stream times lag behind the samples' UTC by up to 1.5 s, in one message of a topic not at
all, so that FastF1 finds the true beginning of the stream.
"""

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from flows.sample.run import CarRun, SessionRun

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

_CAR_INTERVALS_MS = (160, 200, 200, 240, 240, 240, 280, 320, 360)
_POSITION_INTERVALS_MS = (100, 160, 200, 200, 220, 240, 260, 280, 360)
#: From these speeds (km/h) on a car is in the next gear.
_GEAR_FROM_KMH = np.array([1.0, 75, 112, 148, 186, 226, 262, 292])
_DRS_OPEN = 12


def stream_time(milliseconds: int) -> str:
    """Return a stream time as the upstream writes it: ``01:02:03.456``."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def sample_times(run: SessionRun, topic: str) -> Times:
    """Return the session times (ms) of a topic's samples: irregular, like the recordings."""
    intervals = _CAR_INTERVALS_MS if topic == "CarData" else _POSITION_INTERVALS_MS
    rng = np.random.default_rng([run.round, *run.code.encode(), len(topic)])
    steps = rng.choice(intervals, size=int(run.length_s * 1000 / np.mean(intervals) * 1.2))
    times = 1500 + rng.integers(0, 90) + np.cumsum(steps)
    return times[times < run.length_s * 1000].astype(np.int64)


def car_data(run: SessionRun) -> str:
    """Return the body of ``CarData.z.jsonStream``."""
    times = sample_times(run, "CarData")
    columns = {n: _car_texts(run, car, times) for n, car in run.cars.items() if car.started}
    documents = _documents(run, times, columns, lambda utc, cars: f'{{"Utc":"{utc}","Cars":{{{cars}}}}}')
    return _body(run, "CarData", "Entries", times, documents)


def position_data(run: SessionRun) -> str:
    """Return the body of ``Position.z.jsonStream``."""
    times = sample_times(run, "Position")
    columns = {number: _position_texts(run, car, times) for number, car in run.cars.items()}
    documents = _documents(run, times, columns, lambda utc, cars: f'{{"Timestamp":"{utc}","Entries":{{{cars}}}}}')
    return _body(run, "Position", "Position", times, documents)


def corrupt_window_ms(run: SessionRun) -> tuple[int, int] | None:
    """Return the session times (ms) of the last sample before and the first after the message that is corrupt."""
    if run.corrupt_at_s is None:
        return None
    times = sample_times(run, "CarData")
    starts, ends = _messages(run, "CarData", times)
    hit = _corrupt_message(run, times, starts)
    return int(times[starts[hit] - 1]), int(times[ends[hit]])


def _car_texts(run: SessionRun, car: CarRun, times: Times) -> list[str]:
    """Return a car's part of every sample, '' where it sends nothing."""
    distance, speed, acceleration, _ = car.trajectory.at(times / 1000)
    kmh = np.rint(speed * 3.6).astype(np.int64)
    gear = np.searchsorted(_GEAR_FROM_KMH, kmh, side="right")
    low = np.concatenate([[0.0], _GEAR_FROM_KMH])[gear]
    high = np.concatenate([_GEAR_FROM_KMH, [330.0]])[gear]
    rpm = np.where(gear == 0, 4000, np.rint(8400 + 3400 * (kmh - low) / (high - low))).astype(np.int64)
    throttle = np.select([gear == 0, acceleration > 0.5, acceleration < -2.0], [0, 100, 0], default=46)
    brake = np.where((acceleration < -2.0) | (gear == 0), 100, 0)
    drs = np.where(drs_open(run, distance, speed, acceleration), _DRS_OPEN, 0)
    tail = ',"45":%d}}' if run.has_drs else "}}"
    shape = f'"{car.number}":{{"Channels":{{"0":%d,"2":%d,"3":%d,"4":%d,"5":%d{tail}'
    columns = [rpm, kmh, gear, throttle, brake, *([drs] if run.has_drs else [])]
    texts = [shape % values for values in zip(*(column.tolist() for column in columns), strict=True)]
    if car.feed_end_ms is not None:
        kept = int(np.searchsorted(times, car.feed_end_ms, side="right"))
        texts[kept:] = [""] * (len(texts) - kept)
    return texts


def drs_open(run: SessionRun, distance_m: Floats, speed: Floats, acceleration: Floats) -> NDArray[np.bool_]:
    """Return where the flap is open: fast and accelerating on the second half of the lap, from the second lap on."""
    part = np.mod(distance_m, run.circuit.length_m) / run.circuit.length_m
    return (distance_m > run.circuit.length_m) & (part > 0.5) & (speed > 65.0) & (acceleration > 0.5)


def _position_texts(run: SessionRun, car: CarRun, times: Times) -> list[str]:
    distance, _, _, lateral = car.trajectory.at(times / 1000)
    x, y, z = (np.rint(values * 10).astype(np.int64) for values in run.circuit.place(distance, lateral))
    silent = np.zeros(len(times), dtype=bool) if car.feed_end_ms is None else times > car.feed_end_ms
    zeros = np.full(len(times), not car.started)
    for gap in car.gaps:
        inside = (times > gap.start_ms) & (times < gap.end_ms)
        silent |= inside & (gap.kind == "missing")
        zeros |= inside & (gap.kind == "zeros")
    nothing = f'"{car.number}":{{"Status":"OffTrack","X":0,"Y":0,"Z":0}}'
    shape = f'"{car.number}":{{"Status":"OnTrack","X":%d,"Y":%d,"Z":%d}}'
    texts = [shape % values for values in zip(x.tolist(), y.tolist(), z.tolist(), strict=True)]
    for index in np.flatnonzero(zeros):
        texts[index] = nothing
    for index in np.flatnonzero(silent):
        texts[index] = ""
    return texts


def _documents(
    run: SessionRun, times: Times, columns: dict[str, list[str]], wrap: Callable[[str, str], str]
) -> Iterator[str]:
    """Yield every sample as JSON."""
    for time, cars in zip(times.tolist(), zip(*columns.values(), strict=True), strict=True):
        moment = run.origin + timedelta(milliseconds=time)
        utc = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        yield wrap(utc, ",".join(filter(None, cars)))


def _messages(run: SessionRun, topic: str, times: Times) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first sample of every message and the one after its last."""
    rng = np.random.default_rng([run.round, *run.code.encode(), len(topic), 1])
    ends = np.cumsum(rng.integers(3, 6, size=len(times)))
    ends = np.append(ends[ends < len(times)], len(times))
    return np.concatenate([[0], ends[:-1]]), ends


def _corrupt_message(run: SessionRun, times: Times, starts: NDArray[np.int64]) -> int:
    return int(np.searchsorted(times[starts], (run.corrupt_at_s or 0.0) * 1000))


def _body(run: SessionRun, topic: str, key: str, times: Times, documents: Iterator[str]) -> str:
    starts, ends = _messages(run, topic, times)
    rng = np.random.default_rng([run.round, *run.code.encode(), len(topic), 2])
    lags = np.rint(60 + np.minimum(rng.gamma(2.0, 220.0, len(ends)), 1400)).astype(np.int64)
    lags[len(lags) // 3] = 0
    stamps = np.maximum.accumulate(times[ends - 1] + lags)
    # A later message never overtakes, so the one without a lag must not be held up by the one before it.
    punctual = len(lags) // 3
    stamps[:punctual] = np.minimum(stamps[:punctual], times[ends[punctual] - 1])
    corrupt = -1
    if topic == "CarData" and run.corrupt_at_s is not None:
        corrupt = _corrupt_message(run, times, starts)
    lines = []
    samples = list(documents)
    for index, (start, end, stamp) in enumerate(zip(starts, ends, stamps, strict=True)):
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        text = f'{{"{key}":[{",".join(samples[start:end])}]}}'
        packed = base64.b64encode(packer.compress(text.encode()) + packer.flush()).decode()
        if index == corrupt:
            packed = packed[: len(packed) // 2]
        lines.append(f"{stream_time(int(stamp))}{json.dumps(packed)}\r\n")
    return "\ufeff" + "".join(lines)
