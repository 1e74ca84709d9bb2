"""Frames: the state of every car at every tick of the common clock, as plain arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Frames a second of the full-rate clock.
FPS = 25
#: Length of a tick, ms.
TICK_MS = 1000 // FPS

#: Values of the held text channels, in the order of their codes.
STATES = ("grid", "running", "pit", "stopped", "out", "finished")


@dataclass(frozen=True)
class Clock:
    """The common clock of a session. Tick i is at ``i * TICK_MS`` milliseconds after the origin.

    ``session_time_origin_ms`` is FastF1's session time at the origin; ``utc_origin_ms`` the Unix time there (None
    where unknown); ``ticks`` the number of ticks; ``race_start_ms`` the start of the session on this clock.
    """

    session_time_origin_ms: int
    utc_origin_ms: int | None
    ticks: int
    race_start_ms: int | None

    @property
    def duration_ms(self) -> int:
        """Length covered: ticks times the length of a tick."""
        return self.ticks * TICK_MS

    @property
    def session_time_ms(self) -> NDArray[np.int64]:
        """Session time of every tick, shape (ticks,)."""
        return self.session_time_origin_ms + np.arange(self.ticks, dtype=np.int64) * TICK_MS


@dataclass(frozen=True)
class CarFrames:
    """One car on the common clock, shape (ticks,) each.

    Continuous channels are float32 with NaN in a gap. Held channels are signed integers with -1 in a gap; ``drs`` is
    None where the upstream has none; ``tyre``, ``state`` are codes into :attr:`Frames.tyres` and :data:`STATES`.
    """

    x_m: NDArray[np.float32]
    y_m: NDArray[np.float32]
    speed_kmh: NDArray[np.float32]
    rpm: NDArray[np.float32]
    throttle_percent: NDArray[np.float32]
    lap_distance_m: NDArray[np.float32]
    gap_s: NDArray[np.float32]
    interval_s: NDArray[np.float32]
    gear: NDArray[np.int8]
    brake: NDArray[np.int8]
    drs: NDArray[np.int8] | None
    lap: NDArray[np.int16]
    position: NDArray[np.int8]
    laps_down: NDArray[np.int8]
    tyre: NDArray[np.int8]
    tyre_age_laps: NDArray[np.int16]
    stint: NDArray[np.int8]
    state: NDArray[np.int8]


@dataclass(frozen=True)
class Frames:
    """All cars on the common clock, by racing number, in the order of the driver list.

    ``track_status`` (ticks,) int8 holds codes into ``track_statuses`` (-1 before the first one is known);
    ``leader_lap`` (ticks,) int16 the lap of the leader, 0 before the start, -1 where there is no order on track.
    """

    clock: Clock
    cars: dict[str, CarFrames]
    tyres: tuple[str, ...]
    track_status: NDArray[np.int8]
    track_statuses: tuple[str, ...]
    leader_lap: NDArray[np.int16]


@dataclass(frozen=True)
class RowFrames:
    """The older row format as arrays, (frames,) or (frames, cars): what ``publish/docs/format.md`` says of them.

    ``t_s`` float64 seconds since the earliest first-lap start; ``x_dm``, ``y_dm`` tenths of a metre, NaN where the car
    is absent from the frame; ``distance_m`` since the start; ``rel_dist`` 0 to 1; the rest integers, negative where
    unknown. ``codes`` and ``colors`` (red, green, blue) are per car; ``statuses`` rows of (status, start_s, end_s or
    None).
    """

    t_s: NDArray[np.float64]
    leader_lap: NDArray[np.int16]
    codes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    x_dm: NDArray[np.float64]
    y_dm: NDArray[np.float64]
    distance_m: NDArray[np.float32]
    lap: NDArray[np.int16]
    rel_dist: NDArray[np.float32]
    tyre: NDArray[np.int8]
    position: NDArray[np.int8]
    speed_kmh: NDArray[np.int16]
    gear: NDArray[np.int8]
    drs: NDArray[np.int8]
    statuses: tuple[tuple[str, float, float | None], ...]
