"""The dictionary for programs: every column of every table and every channel of the chunks, from their declarations."""

from typing import Annotated, Literal

from publish.encode.parquet import type_name
from publish.structs import Count, Document, Part, about
from transforms import declare
from transforms.columns import (
    ALL_SEASONS_AS_CSV,
    IDENTITY,
    OF_ALL_SEASONS,
    OF_SEASONS,
    OF_THE_SEASON,
    SEASONS_AS_CSV,
    TABLES,
)
from transforms.fastf1_names import FASTF1
from transforms.frames import CHANNELS


class Column(Part):
    """One column of a table."""

    name: str
    type: Annotated[str, about("Parquet's type, as pyarrow names it")]
    unit: Annotated[str, about("'' where there is none; ms (clock) is a time on the session's clock")]
    description: str
    null: Annotated[str, about("What it means that there is no value; '' where there always is one")]
    fastf1: Annotated[str, about("What FastF1 calls the same; '' where it has no such column")]


class Table(Part):
    """One Parquet table."""

    row: Annotated[str, about("What one row is")]
    recorded: Annotated[bool, about("Whether it is as the upstream has it, and not computed")]
    sorted_by: tuple[str, ...]
    document: Annotated[str | None, about("The JSON document with the same rows")]
    columns: tuple[Column, ...]
    sources: Annotated[tuple[str, ...], about("Where its values come from; licence in index.json says more")]
    files: Annotated[
        tuple[Literal["session", "season", "all"], ...],
        about("What there is a file of: each session, a season, all seasons"),
    ]
    csv: Annotated[
        tuple[Literal["session", "season", "all"], ...], about("What of that is there as CSV too: what is not long")
    ]


class Channel(Part):
    """One channel of the frames."""

    unit: str
    scale: Annotated[float | int, about("A continuous value is the integer in a chunk times this")]
    kind: Literal["continuous", "held"]
    column: Annotated[str, about("The column of the table frames that holds the same")]
    per_unit: Annotated[int, about("The column holds steps of 1 divided by this")]
    differences: Annotated[Count, about("How often the integers of a chunk are differences of differences")]
    every_ms: Annotated[Count, about("Distance of its values in a chunk; 0: one at every tick")]
    description: str


class Columns(Document, tag="parcferme/columns/1"):
    """Every column of every table, and every channel of the frames."""

    tables: dict[str, Table]
    channels: dict[str, Channel]


def column_dictionary() -> Columns:
    """Return every column of every table and every channel of the frame chunks, with type, unit and meaning."""
    return Columns(
        tables={name: _table(table) for name, table in (TABLES | OF_THE_SEASON).items()},
        channels={channel.name: _channel(channel) for channel in CHANNELS},
    )


def _table(table: declare.Table) -> Table:
    columns = table.columns if table.is_of_season else (*IDENTITY.values(), *table.columns)
    return Table(
        table.row,
        bool(table.recorded),
        table.sorted_by,
        table.document or None,
        tuple(column_entry(column, FASTF1.get(table.name, {}).get(column.name, "")) for column in columns),
        table.sources,
        _files_of(table),
        _csv_of(table),
    )


def _csv_of(table: declare.Table) -> tuple[Literal["session", "season", "all"], ...]:
    session: tuple[Literal["session"], ...] = ("session",) if table.name in OF_SEASONS else ()
    season: tuple[Literal["season"], ...] = ("season",) if table.name in SEASONS_AS_CSV else ()
    return (*session, *season, *(("all",) if table.name in ALL_SEASONS_AS_CSV else ()))


def _files_of(table: declare.Table) -> tuple[Literal["session", "season", "all"], ...]:
    session: tuple[Literal["session"], ...] = () if table.is_of_season else ("session",)
    season: tuple[Literal["season"], ...] = () if table.is_by_car else ("season",)
    return (*session, *season, *(("all",) if table.name in OF_ALL_SEASONS else ()))


def column_entry(column: declare.Column, fastf1: str = "") -> Column:
    """Return what the dictionary says of a column, which FastF1 may have a name for."""
    return Column(column.name, type_name(column.type), column.unit, column.description, column.null, fastf1)


def _channel(channel: declare.Channel) -> Channel:
    kind: Literal["continuous", "held"] = "continuous" if channel.kind == "continuous" else "held"
    return Channel(
        channel.unit,
        channel.scale,
        kind,
        channel.column,
        channel.per_unit,
        channel.differences if kind == "continuous" else 0,
        channel.every_ms,
        channel.description,
    )
