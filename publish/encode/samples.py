"""Native samples as columnar JSON, a minute a file: what replays read and interpolate as the manifest declares.

``publish/docs/format.md`` says the format. Numbers are integers (value = integer * scale), differences of them to be
summed up once or twice; null where a car has no sample, which is no difference either. Every file holds the samples
before and after its minute that its edges need, so that it can be read alone.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from publish.encode.channels import CONTINUOUS, HELD, code_names, held_codes
from publish.encode.chunks import CHUNK_MS
from publish.encode.files import BoundedPool, dump_json, write_json_gz
from publish.encode.objects import EncodedObject
from publish.encode.runs import is_known, named, runs_of
from transforms.declare import Channel
from transforms.frames import TICK_MS, Frames
from transforms.interpolate import MAX_GAP_MS
from transforms.knots import choose_knots
from transforms.replay import Replay

SCHEMA = "parcferme/samples/1"


@dataclass(frozen=True)
class SampledChannel:
    """How a channel of the samples is stored and read; ``about`` is the channel of the frames that says its meaning.

    ``null`` says what one stands for: ``no sample`` of this car, which is passed over, or a value that is ``unknown``.
    ``values`` is the field of :class:`transforms.replay.ReplayCar`, '' for what is taken from the frames. ``time``
    names the stamps: ``car_time``, ``position_time``, or ``own``.
    """

    name: str
    about: Channel
    values: str
    unit: str
    scale: float
    differences: int
    time: str
    interpolation: str
    max_gap_ms: int | None
    null: str
    description: str


_BY_NAME = {channel.name: channel for channel in CONTINUOUS + HELD}


def _channel(
    name: str,
    time: str,
    interpolation: str,
    *,
    scale: float = 1,
    differences: int = 0,
    values: str = "",
    max_gap_ms: int | None = MAX_GAP_MS,
    null: str = "no sample",
    description: str = "",
) -> SampledChannel:
    about = _BY_NAME["lap_distance" if name == "distance" else name]
    text = description or about.description
    return SampledChannel(
        name, about, values, about.unit, scale, differences, time, interpolation, max_gap_ms, null, text
    )


_ALONG = "Distance from the line at the start: laps completed and the part of the lap, times the length of a lap"
#: Channels with one number a sample, in the order they are written.
AT_STAMPS = (
    _channel("x", "position_time", "cubic", scale=0.1, differences=2, values="x_m"),
    _channel("y", "position_time", "cubic", scale=0.1, differences=2, values="y_m"),
    _channel(
        "distance",
        "position_time",
        "linear",
        scale=0.1,
        differences=2,
        values="distance_m",
        null="unknown",
        description=_ALONG,
    ),
    _channel("speed", "car_time", "linear", differences=1, values="speed_kmh"),
    _channel("rpm", "car_time", "linear", differences=1, values="rpm"),
    _channel("throttle", "car_time", "linear", differences=1, values="throttle_percent"),
)
#: Channels held from sample to sample.
HELD_AT_STAMPS = tuple(
    _channel(name, "car_time", "held", values=name, null="unknown") for name in ("gear", "brake", "drs")
)
#: Channels with moments of their own, straight lines between them.
KNOTS = tuple(
    _channel(name, "own", "linear", scale=0.001, differences=1, max_gap_ms=None, null="unknown")
    for name in ("gap", "interval")
)
#: Channels held from moments of their own.
HELD_ON_CLOCK = tuple(
    _channel(channel.name, "own", "held", max_gap_ms=None, null="unknown")
    for channel in HELD
    if channel.name not in {held.name for held in HELD_AT_STAMPS}
)
SAMPLED = AT_STAMPS + HELD_AT_STAMPS + KNOTS + HELD_ON_CLOCK

#: How far lines between the knots of gap and interval may be off, s: Bahrain 2024 takes 4.7 MB with 0.05, 4.2 MB with
#: 0.1. Of every so many ticks one is always a knot; every fifth is checked.
_TOLERANCE_S = 0.1
_KNOT_TICKS = 10_000 // TICK_MS
_CHECKED_TICKS = 5
#: Samples of a car that a file holds before and after its minute: the slope at the outer one of the first needs both.
_MARGIN = 2
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

_LEVEL = 7
_TICKS = CHUNK_MS // TICK_MS


def encode_samples(
    frames: Frames,
    replay: Replay,
    session_key: int,
    spool: Path,
    pool: BoundedPool,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[list[EncodedObject], frozenset[str]]:
    """Write ``samples/<n>.json.gz`` below ``spool``, a minute each.

    Returns the objects and the names of the channels that have a value anywhere. ``on_progress`` is told the part
    done, 0 to 1. Raises PublicationError when the disk refuses.
    """
    if not frames.cars:
        return [], frozenset()
    made = _Minutes(frames, replay)
    jobs: list[Future[EncodedObject]] = []
    seen: set[str] = set()
    starts = range(0, frames.clock.ticks, _TICKS)
    for index, start in enumerate(starts):
        document = {"schema": SCHEMA, "session_key": session_key, **made.minute(start)}
        for channels in document["cars"].values():  # type: ignore[attr-defined]
            seen.update(channels)
        facts = {"start_ms": start * TICK_MS, "end_ms": min(start + _TICKS, frames.clock.ticks) * TICK_MS}
        path = f"samples/{index:04d}.json.gz"
        json = dump_json(document)
        strategy = zlib_ng.Z_DEFAULT_STRATEGY
        jobs.append(pool.submit(write_json_gz, spool, path, "samples", json, level=_LEVEL, strategy=strategy, **facts))
        if on_progress:
            on_progress((index + 1) / len(starts))
    pool.wait()
    return [job.result() for job in jobs], frozenset(seen - {"breaks"})


def _integers(values: NDArray[np.floating], scale: float) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return ``values`` as integers of ``scale``, 0 where they are not known, and where they are."""
    known = np.isfinite(values)
    per_unit = round(1 / scale)
    return np.rint(np.where(known, values, 0.0).astype(np.float64) * per_unit).astype(np.int32), known


def _summed(values: NDArray[np.int32], known: NDArray[np.bool_], times: int) -> NDArray[np.int32] | list[int | None]:
    """Return what gives the known ``values`` (n,) when summed up so many ``times``; null where nothing is known."""
    if known.all():
        return np.diff(values, times, prepend=np.zeros(times, np.int32))
    steps = np.full(len(values), None, dtype=object)
    steps[known] = np.diff(values[known], times, prepend=np.zeros(times, np.int32))
    listed: list[int | None] = steps.tolist()
    return listed


class _Minutes:
    """Cuts a session into minutes. Arrays of a channel are (cars, stamps) or (cars, ticks)."""

    def __init__(self, frames: Frames, replay: Replay) -> None:
        self._frames = frames
        self._replay = replay
        self._numbers = list(frames.cars)
        self._own = [replay.cars[number] for number in self._numbers]
        self._knots = {channel.name: self._chosen(channel) for channel in KNOTS}
        self._positions = _Windows(replay.position_ms, [np.isfinite(car.x_m) for car in self._own])
        self._cars = _Windows(replay.car_ms, [np.isfinite(car.speed_kmh) for car in self._own])

    def _chosen(self, channel: SampledChannel) -> NDArray[np.bool_]:
        """Return which ticks (cars, ticks) are knots of a channel."""
        # Car by car: what is in the works of one stays small.
        chosen = [
            choose_knots(
                getattr(car, channel.about.column)[None], _TOLERANCE_S, every=_KNOT_TICKS, checked_every=_CHECKED_TICKS
            )
            for car in self._frames.cars.values()
        ]
        return np.concatenate(chosen)

    def minute(self, start: int) -> dict[str, object]:
        """Return the document of the minute that begins at the tick ``start``, without its head."""
        stop = min(start + _TICKS, self._frames.clock.ticks)
        start_ms, end_ms = start * TICK_MS, stop * TICK_MS
        at = self._positions.window(start_ms, end_ms)
        times = self._replay.position_ms[at]
        # The speed at every coordinate is asked for, too.
        begin_ms, until_ms = (int(times[0]), int(times[-1])) if len(times) else (start_ms, end_ms)
        samples = self._cars.window(min(begin_ms, start_ms), max(until_ms, end_ms))
        cuts = {"position_time": at, "car_time": samples}
        cars: list[dict[str, object]] = [{} for _ in self._numbers]
        self._add_stamped(cars, cuts)
        self._add_knots(cars, start, stop)
        self._add_held(cars, start, stop)
        frames = self._frames
        both = np.stack((frames.track_status[start:stop].astype(np.int16), frames.leader_lap[start:stop]))
        status, leader = runs_of(both)
        return {
            "start_ms": start_ms,
            "end_ms": end_ms,
            **{name: np.diff(_times(self._replay, name)[cut], prepend=0) for name, cut in cuts.items()},
            "track_status": named(_on_clock(status, start_ms), frames.track_statuses),
            "leader_lap": named(_on_clock(leader, start_ms), None),
            "cars": {number: car for number, car in zip(self._numbers, cars, strict=True) if car},
        }

    def _add_stamped(self, cars: list[dict[str, object]], cuts: dict[str, slice]) -> None:
        for channel in AT_STAMPS:
            cut = cuts[channel.time]
            values, known = _integers(np.stack([getattr(car, channel.values)[cut] for car in self._own]), channel.scale)
            for row in np.flatnonzero(known.any(axis=1)):
                cars[row][channel.name] = _summed(values[row], known[row], channel.differences)
        breaks = np.stack([car.breaks[cuts["position_time"]] for car in self._own])
        for row in np.flatnonzero(breaks.any(axis=1)):
            cars[row]["breaks"] = np.flatnonzero(breaks[row])
        for channel in HELD_AT_STAMPS:
            codes = np.stack([getattr(car, channel.values)[cuts[channel.time]] for car in self._own])
            if codes.shape[1]:
                for car, pairs in zip(cars, runs_of(codes), strict=True):
                    if is_known(pairs):
                        car[channel.name] = named(pairs, None)

    def _add_knots(self, cars: list[dict[str, object]], start: int, stop: int) -> None:
        for channel in KNOTS:
            # Up to the first tick after the minute, which the last line of it leads to.
            cut = slice(start, stop + 1)
            chosen = self._knots[channel.name][:, cut]
            values = np.stack([getattr(car, channel.about.column)[cut] for car in self._frames.cars.values()])
            for row in np.flatnonzero(np.isfinite(values[:, : stop - start]).any(axis=1)):
                at = _with_edges(chosen[row])
                numbers = _summed(*_integers(values[row, at], channel.scale), channel.differences)
                cars[row][channel.name] = [np.diff((start + at) * TICK_MS, prepend=0), numbers]

    def _add_held(self, cars: list[dict[str, object]], start: int, stop: int) -> None:
        for channel in HELD_ON_CLOCK:
            names = code_names(self._frames, channel.about)
            every = [held_codes(car, channel.about) for car in self._frames.cars.values()]
            codes = np.stack([codes[start:stop] for codes in every if codes is not None])
            for car, pairs in zip(cars, runs_of(codes), strict=True):
                if is_known(pairs):
                    car[channel.name] = named(_on_clock(pairs, start * TICK_MS), names)


def _with_edges(chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the chosen ticks of a minute with its first and its last."""
    inside = chosen.copy()
    inside[[0, -1]] = True
    return np.flatnonzero(inside)


def _on_clock(pairs: NDArray[np.int32], start_ms: int) -> NDArray[np.int32]:
    """Return runs of ticks of a minute as runs of ms on the clock."""
    return pairs * np.array([TICK_MS, 1], np.int32) + np.array([start_ms, 0], np.int32)


def _times(replay: Replay, name: str) -> NDArray[np.int64]:
    return replay.position_ms if name == "position_time" else replay.car_ms


class _Windows:
    """Which stamps (n,) a stretch of time needs, so that every car can be interpolated up to its edges."""

    def __init__(self, stamps: NDArray[np.int64], known: list[NDArray[np.bool_]]) -> None:
        self._stamps = stamps
        self._at = [np.flatnonzero(own).astype(np.int32) for own in known]

    def window(self, start_ms: int, end_ms: int) -> slice:
        """Return the stamps from the second sample of every car before ``start_ms`` to its second after ``end_ms``."""
        first, begun = (int(np.searchsorted(self._stamps, start_ms, side)) for side in _SIDES)
        ended, last = (int(np.searchsorted(self._stamps, end_ms, side)) for side in _SIDES)
        for at in self._at:
            before = int(np.searchsorted(at, begun)) - _MARGIN
            if 0 <= before < len(at) and self._stamps[at[before]] > start_ms - _MARGIN * MAX_GAP_MS:
                first = min(first, int(at[before]))
            after = int(np.searchsorted(at, ended)) + _MARGIN - 1
            if after < len(at) and self._stamps[at[after]] < end_ms + _MARGIN * MAX_GAP_MS:
                last = max(last, int(at[after]) + 1)
        return slice(first, last)
