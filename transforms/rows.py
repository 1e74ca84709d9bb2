"""The older row format as arrays, a block at a time: the frames from a race's start to the end of its last lap."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.clock import last_lap_end_ms
from transforms.frames import FPS, TICK_MS, CarFrames, Frames, RowFrames, Rows
from transforms.progress import Progress
from transforms.recording import Recording
from transforms.running import Cleaned, Running

#: The older format's codes of compounds; everything else is 0.
TYRE_CODES = {"SOFT": 1, "MEDIUM": 2, "HARD": 3, "INTERMEDIATE": 4, "WET": 5}
#: Colour of a car whose team has none upstream.
_NO_COLOR = (128, 128, 128)


def _rgb(color: str | None) -> tuple[int, int, int]:
    if not color or len(color) != 7:
        return _NO_COLOR
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def make_rows(recording: Recording, cleaned: Cleaned, running: Running, frames: Frames) -> Rows | None:
    """Return the rows of a race, None for other sessions or without coordinates and a track."""
    clock = frames.clock
    end_ms = last_lap_end_ms(cleaned.timing)
    track = cleaned.track
    if not recording.identity.is_race_like or track is None or end_ms is None or clock.race_start_ms is None:
        return None
    first = clock.race_start_ms // TICK_MS
    last = int(end_ms - clock.session_time_origin_ms) // TICK_MS
    source = _Source(
        frames=frames,
        progress={car: running.progress[car] for car in frames.cars},
        first=first,
        length_m=track.length_m,
        tyre_codes=np.array([TYRE_CODES.get(t, 0) for t in frames.tyres] + [0], np.int8),
    )
    return Rows(
        count=max(0, min(last + 1, clock.ticks) - first),
        codes=tuple(d.code for d in recording.drivers),
        colors=tuple(_rgb(d.color) for d in recording.drivers),
        statuses=_statuses(recording, clock.session_time_origin_ms + clock.race_start_ms),
        block=source.block,
    )


@dataclass(frozen=True)
class _Source:
    """What rows are made from; ``first`` is the tick of the first one."""

    frames: Frames
    progress: dict[str, Progress]
    first: int
    length_m: float
    tyre_codes: NDArray[np.int8]

    def block(self, start: int, stop: int) -> RowFrames:
        """Return the frames ``start`` to before ``stop``, counted from the first."""
        window = slice(self.first + start, self.first + stop)
        clock, cars = self.frames.clock, self.frames.cars
        ticks_ms = clock.session_time_origin_ms + np.arange(window.start, window.stop, dtype=np.float64) * TICK_MS
        shape = (stop - start, len(cars))
        distance_m, rel_dist = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for index, (car, channels) in enumerate(cars.items()):
            laps = self.progress[car].at(ticks_ms)
            distance_m[:, index] = (laps - self._laps_at_start[car]) * self.length_m
            rel_dist[:, index] = np.clip(laps - np.maximum(channels.lap[window] - 1, 0), 0.0, 1.0)

        def of_cars(dtype: type, value: Callable[[CarFrames], NDArray[Any]]) -> NDArray[Any]:
            """One channel (frames, cars), filled car by car."""
            result: NDArray[Any] = np.empty(shape, dtype)
            for index, channels in enumerate(cars.values()):
                result[:, index] = value(channels)
            return result

        def held_or_unknown(values: NDArray[np.int8] | None) -> NDArray[np.int8]:
            return np.full(shape[0], -1, np.int8) if values is None else values[window]

        def whole_kmh(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.where(np.isnan(values), np.float32(-1), np.round(values))

        return RowFrames(
            t_s=np.arange(start, stop) / FPS,
            leader_lap=self.frames.leader_lap[window],
            x_m=of_cars(np.float32, lambda c: c.x_m[window]),
            y_m=of_cars(np.float32, lambda c: c.y_m[window]),
            distance_m=distance_m,
            lap=of_cars(np.int16, lambda c: c.lap[window]),
            rel_dist=rel_dist,
            tyre=of_cars(np.int8, lambda c: self.tyre_codes[c.compound[window]]),
            position=of_cars(np.int8, lambda c: c.position[window]),
            speed_kmh=of_cars(np.int16, lambda c: whole_kmh(c.speed_kmh[window])),
            gear=of_cars(np.int8, lambda c: held_or_unknown(c.gear)),
            drs=of_cars(np.int8, lambda c: held_or_unknown(c.drs)),
        )

    @cached_property
    def _laps_at_start(self) -> dict[str, float]:
        """Progress of every car at the first frame."""
        start_ms = np.array([self.frames.clock.session_time_origin_ms + self.first * TICK_MS], np.float64)
        return {car: float(own.at(start_ms)[0]) for car, own in self.progress.items()}


def _statuses(recording: Recording, start_ms: int) -> tuple[tuple[str, float, float | None], ...]:
    rows = recording.track_status.to_pylist()
    return tuple(
        (
            str(r["status"]),
            (r["time_ms"] - start_ms) / 1000.0,
            None if r["end_ms"] is None else (r["end_ms"] - start_ms) / 1000.0,
        )
        for r in rows
    )
