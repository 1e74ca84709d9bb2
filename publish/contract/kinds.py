"""What is inside the JSON objects of a revision, by kind, made from the declared columns and channels."""

from typing import Annotated, Any, Literal

import pyarrow as pa
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.chunks import Rate
from publish.encode.documents import TABLE_DOCUMENTS
from publish.encode.samples import AT_STAMPS, HELD_AT_STAMPS, HELD_ON_CLOCK, KNOTS, SampledChannel
from publish.revisions.quality import Quality
from publish.structs import Count, Document, Name, Part, UtcText, about, one_of, text_of
from transforms.columns import TABLES
from transforms.declare import Channel, Column
from transforms.frames import STATES

_Byte = Annotated[int, Meta(ge=0, le=255)]
_TextRuns = Annotated[list[tuple[Count, Name | None]], Meta(min_length=1)]
_IntegerRuns = Annotated[list[tuple[Count, int | None]], Meta(min_length=1)]
_StateRuns = Annotated[list[tuple[Count, Annotated[str, one_of(*STATES)] | None]], Meta(min_length=1)]


def _described(description: str, unit: str) -> Meta:
    return about(f"{description} ({unit})" if unit else description)


def _channel_field(channel: Channel) -> tuple[str, Any, Any]:
    runs: Any = {"": _IntegerRuns, "states": _StateRuns}.get(channel.names, _TextRuns)
    values: Any = list[int | None] if channel.kind == "continuous" else runs
    return channel.name, Annotated[values, _described(channel.description, channel.unit)] | UnsetType, UNSET


#: The channels of one car; one without a value in the chunk is left out.
CarChunk = defstruct("CarChunk", [_channel_field(channel) for channel in CONTINUOUS + HELD], bases=(Part,))


class Chunk(Document, tag="parcferme/frames/2"):
    """A run of ticks of all cars: continuous channels as integers and their differences, held ones as runs."""

    session_key: int
    fps: Rate
    start_ms: Count
    ticks: Annotated[Count, about("Tick i is at start_ms + i * 1000 / fps")]
    track_status: Annotated[_TextRuns, about("Runs: tick, value")]
    leader_lap: Annotated[_IntegerRuns, about("Runs: tick, value; null where there is no order on track")]
    cars: dict[str, CarChunk]  # type: ignore[valid-type]


_Numbers = list[int | None]


def _sampled_field(channel: SampledChannel) -> tuple[str, Any, Any]:
    if channel.interpolation == "held":
        return _channel_field(channel.about)
    values: Any = tuple[list[int], _Numbers] if channel.time == "own" else _Numbers
    return channel.name, Annotated[values, _described(channel.description, channel.unit)] | UnsetType, UNSET


#: The channels of one car at its samples; one without a value in the minute is left out.
CarSamples = defstruct(
    "CarSamples",
    [_sampled_field(channel) for channel in AT_STAMPS + HELD_AT_STAMPS + KNOTS + HELD_ON_CLOCK]
    + [
        (
            "breaks",
            Annotated[list[Count], about("Samples of x and y that nothing connects to the one before")] | UnsetType,
            UNSET,
        )
    ],
    bases=(Part,),
)


class Samples(Document, tag="parcferme/samples/1"):
    """A minute of all cars at the native rate, with the samples around it that its edges need."""

    session_key: int
    start_ms: Count
    end_ms: Count
    car_time: Annotated[list[int], about("Times of car data, ms on the clock: first one and differences")]
    position_time: Annotated[list[int], about("Times of coordinates, ms on the clock: first one and differences")]
    track_status: Annotated[_TextRuns, about("Runs: ms on the clock, value")]
    leader_lap: Annotated[_IntegerRuns, about("Runs: ms on the clock, value; null where there is no order on track")]
    cars: dict[str, CarSamples]  # type: ignore[valid-type]


class TrackCorner(Part):
    """One corner."""

    number: int
    letter: Name
    x: float
    y: float
    angle_deg: float
    distance_m: float


class MarshalSector(Part):
    """Where a marshal sector begins; it ends where the next one does."""

    number: int
    distance_m: float


class Track(Document, tag="parcferme/track/2"):
    """The outline of the circuit: a point every two metres or so, x, y and distance each in integers as frames are."""

    session_key: int
    unit: Literal["m"]
    scale: float
    differences: Literal[2]
    x: list[int]
    y: list[int]
    distance: list[int]
    length_m: float
    sectors_m: tuple[float, float] | None
    rotation_deg: float | None
    corners: list[TrackCorner] | None
    marshal_sectors: list[MarshalSector] | None
    drs_zones_m: list[tuple[float, float]]
    laps_used: Count


class RowCar(Part, gc=False):
    """One car in one frame."""

    x: float
    y: float | None
    dist: float | None
    lap: int
    rel_dist: float
    tyre: int
    position: int
    speed: int | None
    gear: int | None
    drs: int | None


class RowFrame(Part):
    """All cars at one time."""

    t: float
    lap: int
    drivers: dict[str, RowCar]


class RowStatus(Part):
    """One track status and how long it held."""

    status: Name
    start_time: float
    end_time: float | None


class Rows(Part):
    """The older row format."""

    frames: list[RowFrame]
    driver_colors: dict[str, tuple[_Byte, _Byte, _Byte]]
    track_statuses: list[RowStatus]


class TableColumn(Part):
    """What a field of the rows is."""

    name: str
    unit: str
    description: str


def _table_document(name: str, columns: tuple[Column, ...]) -> type[Struct]:
    fields = [(c.name, Annotated[_json_type(c) | None, _described(c.description, c.unit)]) for c in columns]
    row = defstruct(f"{name.capitalize()}Row", fields, bases=(Part,))
    return defstruct(
        name.capitalize(),
        [("session_key", int), ("columns", list[TableColumn]), ("rows", list[row])],  # type: ignore[valid-type]
        bases=(Document,),
        tag=f"parcferme/{name}/1",
    )


def _json_type(column: Column) -> Any:
    """Return what a column's value is in JSON."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return bool
    if pa.types.is_integer(kind):
        return int
    if pa.types.is_floating(kind):
        return float
    return UtcText if pa.types.is_timestamp(kind) else Annotated[str, text_of(column.longest)]


#: The document an object of a kind holds.
OBJECT_KINDS: dict[str, type[Struct]] = {
    "samples": Samples,
    "frames": Chunk,
    "overview": Chunk,
    "track": Track,
    "quality": Quality,
    "rows": Rows,
    **{name: _table_document(name, TABLES[table].columns) for name, table in TABLE_DOCUMENTS.items()},
}
