"""Frames: the state of every car at every tick of the common clock, as plain arrays."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.declare import PER_METRE, TEXT, channels_of, continuous, held

#: Frames a second of the full-rate clock.
FPS = 25
#: Length of a tick, ms.
TICK_MS = 1000 // FPS

#: How often the chunks say gap and interval, ms: boards show them no more often.
GAP_MS = 400

_NO_TYRES = "the upstream does not say"

#: What a car can be in, in the order of the codes.
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
    """One car on the common clock, shape (ticks,) each: every field declares a channel and is its column's name.

    Continuous channels are float32 with NaN in a gap. Held channels are signed integers with -1 in a gap; ``drs`` is
    None where the upstream has none; ``compound``, ``state`` are codes into :attr:`Frames.tyres` and :data:`STATES`.

    Steps: the upstream has tenths of a metre and whole km/h, revolutions and percent. In the table a step of what is no
    whole number is a binary fraction, just finer than that: its bits beyond are zeros, which take no room.
    """

    x_m: NDArray[np.float32] = field(
        metadata=continuous(
            "x",
            "m",
            "East-like coordinate of the circuit's own frame",
            scale=0.1,
            per_unit=PER_METRE,
            differences=2,
            is_covered=True,
        )
    )
    y_m: NDArray[np.float32] = field(
        metadata=continuous(
            "y",
            "m",
            "North-like coordinate of the circuit's own frame",
            scale=0.1,
            per_unit=PER_METRE,
            differences=2,
        )
    )
    speed_kmh: NDArray[np.float32] = field(metadata=continuous("speed", "km/h", "Speed", scale=1, is_covered=True))
    rpm: NDArray[np.float32] = field(
        metadata=continuous("rpm", "1/min", "Engine speed", scale=10, differences=2, is_covered=True)
    )
    throttle_percent: NDArray[np.float32] = field(
        metadata=continuous("throttle", "%", "Throttle", scale=1, is_covered=True)
    )
    gear: NDArray[np.int8] = field(metadata=held("gear", pa.int8(), "", "Gear, 0 is neutral", is_covered=True))
    brake: NDArray[np.int8] = field(
        metadata=held("brake", pa.bool_(), "", "Whether the brake is on; 1 or 0 in the chunks", is_covered=True)
    )
    drs: NDArray[np.int8] | None = field(
        metadata=held(
            "drs",
            pa.int8(),
            "",
            "DRS code as sent: 10, 12 and 14 are open",
            null="a gap of the source, or the upstream has none",
        )
    )
    lap: NDArray[np.int16] = field(metadata=held("lap", pa.int16(), "lap", "Lap the car is on", null="unknown"))
    lap_distance_m: NDArray[np.float32] = field(
        metadata=continuous(
            "lap_distance",
            "m",
            "Distance along the own lap, from the line",
            null="a gap of the source, no outline, or the car is not on a lap",
            scale=1,
            per_unit=8,
            differences=2,
            is_covered=True,
        )
    )
    position: NDArray[np.int8] = field(
        metadata=held(
            "position",
            pa.int16(),
            "",
            "Order on track (race, sprint) or by best lap so far (others)",
            null="before the car has a time, or there is no order",
            is_covered=True,
        )
    )
    gap_s: NDArray[np.float32] = field(
        metadata=continuous(
            "gap",
            "s",
            "Gap to the leader",
            null="a lap or more behind, before the leader was here, or there is no order on track",
            scale=0.001,
            per_unit=128,
            every_ms=GAP_MS,
        )
    )
    interval_s: NDArray[np.float32] = field(
        metadata=continuous(
            "interval",
            "s",
            "Gap to the car ahead",
            null="a lap or more behind it, before it was here, or there is no order on track",
            scale=0.001,
            per_unit=128,
            every_ms=GAP_MS,
        )
    )
    laps_down: NDArray[np.int8] = field(
        metadata=held("laps_down", pa.int16(), "lap", "Whole laps behind the leader", null="there is no order on track")
    )
    compound: NDArray[np.int8] = field(
        metadata=held("tyre", TEXT, "", "Tyre compound", null=_NO_TYRES, names="tyres", is_covered=True)
    )
    tyre_age_laps: NDArray[np.int16] = field(
        metadata=held("tyre_age", pa.int16(), "lap", "Laps on the set at the end of the present lap", null=_NO_TYRES)
    )
    stint: NDArray[np.int8] = field(metadata=held("stint", pa.int16(), "", "Stint number, from 1", null=_NO_TYRES))
    state: NDArray[np.int8] = field(
        metadata=held(
            "state",
            TEXT,
            "",
            "grid, running, pit, stopped, out or finished",
            null="unknown",
            names="states",
        )
    )


#: Every channel of the frames, in the order of the columns of their table.
CHANNELS = channels_of(CarFrames)


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

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, the same in every session."""
        return STATES


@dataclass(frozen=True)
class RowFrames:
    """Frames of the older row format, (frames,) or (frames, cars): what ``publish/docs/format.md`` says of them.

    ``t_s`` float64 seconds since the earliest first-lap start; ``x_m``, ``y_m`` NaN where the car is absent from the
    frame; ``distance_m`` since the start; ``rel_dist`` 0 to 1; the rest integers, negative where unknown.
    """

    t_s: NDArray[np.float64]
    leader_lap: NDArray[np.int16]
    x_m: NDArray[np.float32]
    y_m: NDArray[np.float32]
    distance_m: NDArray[np.float32]
    lap: NDArray[np.int16]
    rel_dist: NDArray[np.float32]
    tyre: NDArray[np.int8]
    position: NDArray[np.int8]
    speed_kmh: NDArray[np.int16]
    gear: NDArray[np.int8]
    drs: NDArray[np.int8]


@dataclass(frozen=True)
class Rows:
    """A race in the older row format: ``count`` frames, which ``block`` makes anew from the first to before the last.

    All of them at once would be as large as the frames they are cut from. ``codes`` and ``colors`` (red, green, blue)
    are per car; ``statuses`` rows of (status, start_s, end_s or None).
    """

    count: int
    codes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    statuses: tuple[tuple[str, float, float | None], ...]
    block: Callable[[int, int], RowFrames]
