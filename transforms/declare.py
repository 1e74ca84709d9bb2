"""What declares a published table and a frame channel: all that is said of them anywhere follows from it.

The declarations are in ``transforms.columns`` and ``transforms.frames``. Arrow and Parquet schemas with their metadata,
the shift of recorded times onto the clock, the order of rows, the JSON Schemas, the column dictionary, the manifest's
channels and the page on tables are made from them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

TEXT = pa.string()
#: The longest texts that are published, in characters: a name, a code or a word, and a sentence. The longest seen are
#: 50 and 176.
NAME_LENGTH, SENTENCE_LENGTH = 100, 1000
#: A time or a length of time in milliseconds. Parquet has no type for a length of time, and 32 bits overflow where a
#: season's lap times are added up.
MS = pa.int64()
#: Steps of a metre that coordinates are stored in: fine enough that rounding to tenths gives the tenths upstream.
PER_METRE = 16
#: What null means where a sensor is read.
GAP = "a gap of the source: it sent nothing or zeros"
#: Where published values come from: Formula 1's live timing, the results service, the circuit service.
TIMING, RESULTS_SERVICE, CIRCUITS = "timing", "results", "circuits"
#: Unit of a point in time: milliseconds since the origin of the session's clock (in a recording, of session time).
CLOCK = "ms (clock)"


@dataclass(frozen=True)
class Column:
    """One published column: Arrow type, unit ('' where there is none), what it means, and how long its texts may be.

    ``null`` says what it means that a row has no value, '' where every row has one.
    """

    name: str
    type: pa.DataType
    unit: str
    description: str
    null: str = ""
    longest: int = NAME_LENGTH


def in_steps(values: NDArray[np.floating], per_unit: int) -> NDArray[np.float64]:
    """Return ``values`` rounded to steps of 1 / ``per_unit``, without a negative zero; NaN stays."""
    rounded: NDArray[np.float64] = np.rint(values.astype(np.float64) * per_unit) / per_unit + 0.0
    return rounded


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema of ``columns``; unit, description and what null means are in every field's metadata."""
    return pa.schema(
        [
            pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.description, "null": c.null})
            for c in columns
        ]
    )


@dataclass(frozen=True)
class Table:
    """One published table; ``row`` says what one of its rows is.

    ``recorded`` names the attribute of the recording it comes from, '' where it is computed (in
    ``transforms.tables``). Rows are ``sorted_by`` these columns, ascending, nulls last, and otherwise stay in the order
    they come in. ``document`` is the name of the JSON document that holds the same rows, '' where there is none.
    ``sources`` are those that the values come from. A big table ``is_by_car``: no row group of its file mixes two cars.
    What ``is_of_season`` belongs to no session: the season has it, and no identity of one stands in front.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    recorded: str = ""
    sorted_by: tuple[str, ...] = ()
    document: str = ""
    is_by_car: bool = False
    is_of_season: bool = False
    sources: tuple[str, ...] = (TIMING,)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def clock_columns(self) -> tuple[str, ...]:
        """Names of the columns that are points in time."""
        return tuple(column.name for column in self.columns if column.unit == CLOCK)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of its own columns, as transforms hand it on."""
        return schema_of(self.columns)

    def of_rows(self, rows: Iterable[Mapping[str, object]]) -> pa.Table:
        """Return ``rows`` as this table; what a row does not say is null."""
        return pa.Table.from_pylist(list(rows), schema=self.schema)


@dataclass(frozen=True)
class Channel:
    """One channel of the frames: the field of :class:`transforms.frames.CarFrames` that declares it.

    In the chunks it is called ``name`` and is ``continuous`` (first value and ``differences`` of integers, first or
    second ones; value = integer times ``scale``; one value every ``every_ms``, 0 is every tick) or ``held`` (runs). In
    the ``frames`` table it is ``column``, of ``type``, in steps of 1 / ``per_unit``. ``names`` is the attribute of
    :class:`transforms.frames.Frames` with the names behind its codes, '' where its codes are numbers. The quality
    report says of an ``is_covered`` channel how much of it there is. ``null`` says when it has no value.
    """

    name: str
    column: str
    type: pa.DataType
    unit: str
    kind: str
    description: str
    null: str
    scale: float = 1
    per_unit: int = 1
    differences: int = 1
    every_ms: int = 0
    names: str = ""
    is_covered: bool = False


def continuous(
    name: str,
    unit: str,
    description: str,
    *,
    null: str = GAP,
    scale: float,
    per_unit: int = 1,
    differences: int = 1,
    every_ms: int = 0,
    is_covered: bool = False,
) -> dict[str, Any]:
    """Return the metadata of a dataclass field that declares a continuous :class:`Channel`."""
    facts = {"null": null, "scale": scale, "per_unit": per_unit, "differences": differences, "every_ms": every_ms}
    # Whole numbers are stored as such; 32 bits, so that a query's products do not overflow.
    kind = {"type": pa.int32() if per_unit == 1 else pa.float32(), "kind": "continuous", "is_covered": is_covered}
    return {"name": name, "unit": unit, "description": description, **kind, **facts}


def held(
    name: str,
    kind: pa.DataType,
    unit: str,
    description: str,
    *,
    null: str = GAP,
    names: str = "",
    is_covered: bool = False,
) -> dict[str, Any]:
    """Return the metadata of a dataclass field that declares a held :class:`Channel` of the type ``kind``."""
    facts = {"null": null, "names": names, "is_covered": is_covered}
    return {"name": name, "type": kind, "unit": unit, "kind": "held", "description": description, **facts}


def channels_of(declaring: type) -> tuple[Channel, ...]:
    """Return the channels that the fields of a dataclass declare, in their order."""
    return tuple(Channel(column=declared.name, **declared.metadata) for declared in fields(declaring))
