"""Races as long, and with as many cars, as somebody wants: the made-up one of the sample season, driven again."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from transforms.recording import CarSamples, Driver, PositionSamples, Recording

Samples = TypeVar("Samples", CarSamples, PositionSamples)

#: Columns of laps in session time.
_TIMES = ("start_ms", "end_ms", "pit_in_ms", "pit_out_ms", "sector1_end_ms", "sector2_end_ms")
#: A car that is there twice follows itself by so much.
_BEHIND_MS = 900


def longer(recording: Recording, times: int, cars: int) -> Recording:
    """The race ``recording`` driven ``times`` times without a stop by ``cars`` cars.

    Only cars that drove all of it are taken, some of them several times. There is no result and no message.
    """
    start_ms = recording.start_ms or 0
    rows = [row for row in recording.laps.to_pylist() if row["end_ms"] is not None and not row["generated"]]
    most = max(row["lap"] for row in rows)
    finish_ms = {row["car"]: int(row["end_ms"]) for row in rows if row["lap"] == most}
    whole = [car for car in finish_ms if car in recording.cars and car in recording.positions]
    laps: list[dict[str, Any]] = []
    feeds: tuple[dict[str, CarSamples], dict[str, PositionSamples]] = ({}, {})
    drivers = []
    for index in range(cars):
        source, name, behind = whole[index % len(whole)], str(index + 1), _BEHIND_MS * (index // len(whole))
        span_ms = finish_ms[source] - start_ms
        drivers.append(Driver(name, f"C{name}", "Car", name, f"Team {index // 2}", None))
        for turn in range(times):
            shift = turn * span_ms + behind
            for row in rows:
                if row["car"] == source:
                    moved = {key: row[key] + shift for key in _TIMES if row.get(key) is not None}
                    laps.append({**row, **moved, "car": name, "lap": row["lap"] + turn * most})
        for feed, sent in zip(feeds, (recording.cars, recording.positions), strict=True):
            own = _again(sent[source], start_ms, span_ms, times, behind)  # type: ignore[type-var]
            # A message holds all cars, so they share their times.
            stamps = next(iter(feed.values()), own).time_ms
            feed[name] = _at(np.unique(stamps), own)
    last_ms = max(row["end_ms"] for row in laps)
    return replace(
        recording,
        drivers=tuple(drivers),
        cars=feeds[0],
        positions=feeds[1],
        laps=_with_places(pa.Table.from_pylist(laps, schema=recording.laps.schema)),
        results=recording.results.slice(0, 0),
        messages=recording.messages.slice(0, 0),
        track_status=recording.track_status.slice(0, 1),
        session_status=_ended_at(recording.session_status, start_ms, last_ms),
        total_laps=most * times,
        lap_counts={},
        missing=(),
        warnings=(),
    )


def _again(samples: Samples, start_ms: int, span_ms: int, times: int, behind_ms: int) -> Samples:
    """Samples before the start once, those of the race ``times`` times, one after the other."""
    before = samples.time_ms < start_ms
    race = (samples.time_ms >= start_ms) & (samples.time_ms < start_ms + span_ms)
    values = {f.name: getattr(samples, f.name) for f in fields(samples)}
    parts = {
        name: None if value is None else np.concatenate([value[before], *[value[race]] * times])
        for name, value in values.items()
    }
    shifts = [np.full(int(race.sum()), turn * span_ms + behind_ms) for turn in range(times)]
    parts["time_ms"] = parts["time_ms"] + np.concatenate([np.zeros(int(before.sum()), np.int64), *shifts])
    return type(samples)(**parts)


def _at(stamps: NDArray[np.int64], samples: Samples) -> Samples:
    """What ``samples`` say at ``stamps``: numbers in tenths between two of them, the rest as the one before has it."""
    order = np.argsort(samples.time_ms, kind="stable")
    time_ms = samples.time_ms[order]
    stamps = stamps[(stamps >= time_ms[0]) & (stamps <= time_ms[-1])]
    before = order[np.searchsorted(time_ms, stamps, side="right") - 1]
    values: dict[str, Any] = {}
    for field in fields(samples):
        own = getattr(samples, field.name)
        if own is None or own.dtype.kind != "f":
            values[field.name] = None if own is None else own[before]
        else:
            values[field.name] = np.interp(stamps, time_ms, own[order]).round(1).astype(own.dtype)
    return type(samples)(**values | {"time_ms": stamps})


def _with_places(laps: pa.Table) -> pa.Table:
    """The official lap chart: by time across the line."""
    lap, end = (laps[name].to_numpy() for name in ("lap", "end_ms"))
    order = np.lexsort((end, lap))
    first = np.flatnonzero(np.diff(lap[order], prepend=-1))
    place = np.empty(len(lap), np.int64)
    place[order] = np.arange(len(lap)) - np.repeat(first, np.diff(first, append=len(lap))) + 1
    index = laps.schema.get_field_index("position")
    return laps.set_column(index, laps.schema.field(index), pa.array(place).cast(laps.schema.field(index).type))


def _ended_at(status: pa.Table, start_ms: int, last_ms: int) -> pa.Table:
    """Only what is said until the start, and the end of the race."""
    begun = status.filter(pc.less_equal(status["time_ms"], start_ms))
    later = [row for row in status.to_pylist() if row["time_ms"] > start_ms][-2:]
    ended = [row | {"time_ms": last_ms + 1_000 * (1 + n)} for n, row in enumerate(later)]
    return pa.concat_tables([begun, pa.Table.from_pylist(ended, schema=status.schema)])
