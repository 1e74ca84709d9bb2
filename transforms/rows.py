"""The older row format, as arrays: a slice of the frames from the start of the race to the end of its last lap."""

import numpy as np

from transforms.clock import last_lap_end_ms
from transforms.frames import FPS, TICK_MS, Frames, RowFrames
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


def make_rows(recording: Recording, cleaned: Cleaned, running: Running, frames: Frames) -> RowFrames | None:
    """Return the rows of a race, None for other sessions or without coordinates and a track."""
    clock = frames.clock
    end_ms = last_lap_end_ms(cleaned.timing)
    track = cleaned.track
    if not recording.identity.is_race_like or track is None or end_ms is None or clock.race_start_ms is None:
        return None
    first = clock.race_start_ms // TICK_MS
    last = int(end_ms - clock.session_time_origin_ms) // TICK_MS
    window = slice(first, min(last + 1, clock.ticks))
    ticks_ms = clock.session_time_ms[window].astype(np.float64)
    cars = frames.cars
    tyre_codes = np.array([TYRE_CODES.get(t, 0) for t in frames.tyres] + [0], np.int8)
    laps = {car: running.progress[car].at(ticks_ms) for car in cars}
    whole = {car: np.maximum(c.lap[window] - 1, 0) for car, c in cars.items()}
    start = {car: laps[car][0] if len(ticks_ms) else 0.0 for car in cars}

    def stack(name: str, dtype: type) -> np.ndarray:
        return np.stack([getattr(c, name)[window] for c in cars.values()], axis=1).astype(dtype)

    def held_or_unknown(name: str) -> np.ndarray:
        none = np.full(len(ticks_ms), -1, np.int8)
        return np.stack([none if (a := getattr(c, name)) is None else a[window] for c in cars.values()], axis=1)

    speed = stack("speed_kmh", np.float64)
    return RowFrames(
        t_s=np.arange(len(ticks_ms)) / FPS,
        leader_lap=frames.leader_lap[window],
        codes=tuple(d.code for d in recording.drivers),
        colors=tuple(_rgb(d.color) for d in recording.drivers),
        x_dm=stack("x_m", np.float64) * 10.0,
        y_dm=stack("y_m", np.float64) * 10.0,
        distance_m=np.stack([(laps[c] - start[c]) * track.length_m for c in cars], axis=1).astype(np.float32),
        lap=stack("lap", np.int16),
        rel_dist=np.stack([np.clip(laps[c] - whole[c], 0.0, 1.0) for c in cars], axis=1).astype(np.float32),
        tyre=np.stack([tyre_codes[c.tyre[window]] for c in cars.values()], axis=1),
        position=stack("position", np.int8),
        speed_kmh=np.where(np.isnan(speed), -1, np.round(speed)).astype(np.int16),
        gear=held_or_unknown("gear"),
        drs=held_or_unknown("drs"),
        statuses=_statuses(recording, clock.session_time_origin_ms + clock.race_start_ms),
    )


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
