"""A session as it was recorded: native-rate arrays and plain tables, in FastF1's session time.

This is the only thing the rest of the product knows of the upstream. All times are milliseconds of FastF1's
session time (zero where its data stream begins) unless a name says otherwise.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.notes import Note
from transforms.session_types import SESSION_TYPES, SessionType


@dataclass(frozen=True)
class SessionIdentity:
    """Who a session is. ``session_key`` is the identity; year and round are an alias of it.

    ``code`` is FastF1's identifier (``R``), ``name`` its long form (``Race``); ``date`` and ``start_utc`` are ISO 8601.
    """

    session_key: int
    meeting_key: int
    year: int
    round: int
    event: str
    official_event: str
    country: str
    location: str
    code: str
    name: str
    date: str
    start_utc: str | None
    circuit: str | None = None

    @property
    def type(self) -> SessionType:
        """What is true of every session of its type."""
        return SESSION_TYPES[self.code]

    @property
    def is_race_like(self) -> bool:
        """Whether cars race each other here (race and sprint)."""
        return self.type.is_race_like

    @property
    def label(self) -> str:
        """How messages name the session, for example ``2024 round 1 Bahrain Grand Prix R (9472)``."""
        return f"{self.year} round {self.round} {self.event} {self.code} ({self.session_key})"


@dataclass(frozen=True)
class Driver:
    """One car and who drives it. ``number`` is the racing number, a string; ``color`` is ``#rrggbb`` or None."""

    number: str
    code: str
    first_name: str
    last_name: str
    team: str
    color: str | None


@dataclass(frozen=True)
class CarSamples:
    """One car's telemetry at native rate, shape (n,) each, in the order received.

    ``time_ms`` int64; ``speed_kmh``, ``rpm``, ``throttle_percent`` float64; ``gear`` int16; ``brake`` bool;
    ``drs`` int16 or None where the upstream has no DRS (from 2026).
    """

    time_ms: NDArray[np.int64]
    speed_kmh: NDArray[np.float64]
    rpm: NDArray[np.float64]
    throttle_percent: NDArray[np.float64]
    gear: NDArray[np.int16]
    brake: NDArray[np.bool_]
    drs: NDArray[np.int16] | None


@dataclass(frozen=True)
class PositionSamples:
    """One car's coordinates at native rate, shape (n,) each, in the order received.

    ``time_ms`` int64; ``x_m``, ``y_m``, ``z_m`` float64 metres in the circuit's own frame; ``on_track`` bool.
    """

    time_ms: NDArray[np.int64]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    z_m: NDArray[np.float64]
    on_track: NDArray[np.bool_]


@dataclass(frozen=True)
class LapCounts:
    """What the upstream itself counted of one car, shape (n,) each, in the order sent.

    ``time_ms`` int64: when it said so; ``laps`` int64: how many laps the car had completed. FastF1 counts the messages
    instead, and moves the crossings after missing ones to where its count would have them.
    """

    time_ms: NDArray[np.int64]
    laps: NDArray[np.int64]


@dataclass(frozen=True)
class MiniSectors:
    """What the upstream said of one car's mini-sectors in practice or qualifying, shape (n,) each, in the order sent.

    ``time_ms`` int64: when it said so; ``sector`` and ``mini_sector`` int64, from 1; ``status`` int64: its code. A row
    with zeros says that those before it are of another lap.
    """

    time_ms: NDArray[np.int64]
    sector: NDArray[np.int64]
    mini_sector: NDArray[np.int64]
    status: NDArray[np.int64]


@dataclass(frozen=True)
class Corner:
    """A corner, or another place, as the circuit service marks it: ``x_m``, ``y_m`` metres, ``angle_deg`` degrees."""

    number: int
    letter: str
    x_m: float
    y_m: float
    angle_deg: float


@dataclass(frozen=True)
class CircuitMarks:
    """What the circuit service knows: corners, and the rotation (degrees) at which the map is usually drawn.

    ``marshal_sectors`` are where those begin.
    """

    rotation_deg: float
    corners: tuple[Corner, ...]
    marshal_sectors: tuple[Corner, ...] = ()
    marshal_lights: tuple[Corner, ...] = ()


@dataclass(frozen=True)
class Recording:
    """Everything a session's upstream said, ready for the transforms.

    ``laps``, ``results``, ``weather``, ``track_status``, ``session_status`` and ``messages`` are Arrow tables with the
    columns declared in :mod:`transforms.columns`, times in session time. A table the
    upstream did not send has zero rows, and its topic is named in ``missing``. ``utc_origin_ms`` is the Unix time in
    milliseconds at which session time is zero, None where the upstream does not tell. ``total_laps`` is the scheduled
    distance of a race. ``warnings`` are FastF1's own, in order. ``lap_counts`` are those of a race by racing number,
    empty where the upstream's own stream is not at hand any more; ``mini_sectors`` those of any other session.
    ``notes`` are findings from before the transforms.
    """

    identity: SessionIdentity
    drivers: tuple[Driver, ...]
    utc_origin_ms: int | None
    start_ms: int | None
    total_laps: int | None
    laps: pa.Table
    results: pa.Table
    weather: pa.Table
    track_status: pa.Table
    session_status: pa.Table
    messages: pa.Table
    cars: dict[str, CarSamples]
    positions: dict[str, PositionSamples]
    circuit: CircuitMarks | None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    lap_counts: dict[str, LapCounts] = field(default_factory=dict)
    mini_sectors: dict[str, MiniSectors] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
