"""Single checks of a session's data. Each returns rows for the quality report; none changes anything."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.alignment import Alignment
from transforms.findings import Row, row
from transforms.frames import CHANNELS, TICK_MS, Frames
from transforms.interpolate import MAX_GAP_MS
from transforms.notes import Note
from transforms.recording import Recording
from transforms.running import Cleaned, Sent
from transforms.samples import Findings
from transforms.states import OUT

#: The lap chart is compared with the published order this long after every crossing, ms (below order.SETTLE_MS).
CHART_DELAY_MS = 100.0
#: Channels whose coverage is reported, by their name in the frames.
COVERED = tuple(channel.column for channel in CHANNELS if channel.is_covered)
#: A feed that falls silent for this share of the cars at once has a common cause.
_COMMON_SHARE = 0.8
_NOT_SENT = "not sent by the upstream"
#: What is lost with a topic, by the name it is called when it is missing.
MISSING = {
    "laps": "TimingData was not sent or cannot be read: no laps, no order and gaps, no pit stops",
    "tyres": "TimingAppData was not sent or cannot be read: no compounds, stints and ages of tyres",
    "results": "the results service has no result: no official gaps, points and states; places are from laps",
    "lap_chart": "no lap has a position at the line: the order cannot be held against it",
    "session_info": "SessionInfo was not sent, cannot be read or has no number: that is from the index of the season",
    "session_status": "SessionStatus was not sent or cannot be read: start and end are from laps and messages",
    "track_status": "TrackStatus was not sent or cannot be read: no flags and safety cars",
    "messages": "RaceControlMessages was not sent or cannot be read: penalties and deleted times are unknown",
    "weather": "WeatherData was not sent or cannot be read",
    "car_data": "CarData was not sent or cannot be read: no speed, gear, throttle and brake",
    "position_data": "Position was not sent or cannot be read: no coordinates, no track",
    "circuit": "the circuit service knows nothing of the circuit: no corners",
}
_SILENT_FOR_ALL = "the feed was silent for all cars"
#: Begin and end (s,) of each stretch without a sample, ms.
Silences = tuple[NDArray[np.int64], NDArray[np.int64]]


def lap_chart(recording: Recording, frames: Frames) -> tuple[int, list[Row]]:
    """Compare positions :data:`CHART_DELAY_MS` after every crossing with the official ones: how many, and where not."""
    origin = frames.clock.session_time_origin_ms
    laps = recording.laps.to_pylist()
    compared, found = 0, []
    for lap in laps:
        car = frames.cars.get(lap["car"])
        if car is None or lap["position"] is None or lap["end_ms"] is None or lap["generated"]:
            continue
        tick = int(np.ceil((lap["end_ms"] + CHART_DELAY_MS - origin) / TICK_MS))
        if not 0 <= tick < frames.clock.ticks:
            continue
        compared += 1
        published = int(car.position[tick])
        if published != lap["position"]:
            found.append(
                row(
                    "lap_chart",
                    car=lap["car"],
                    channel="position",
                    start_ms=lap["end_ms"] - origin,
                    value=published - lap["position"],
                    measured=published,
                    official=lap["position"],
                    unit="places",
                    cause=f"lap {lap['lap']}: {_disagreement_cause(laps, lap)}",
                )
            )
    return compared, found


def _disagreement_cause(laps: list[dict[str, Any]], lap: dict[str, Any]) -> str:
    same = [r for r in laps if r["lap"] == lap["lap"] and r["end_ms"] is not None]
    if any(r["generated"] and r["end_ms"] < lap["end_ms"] for r in same):
        return "the chart counts a lap that FastF1 generated for a car that did not cross the line"
    if sum(r["end_ms"] < lap["end_ms"] for r in same) + 1 != lap["position"]:
        return "the chart does not follow the crossing times of its own lap"
    if any(r["end_ms"] == lap["end_ms"] and r["car"] != lap["car"] for r in same):
        return "two cars crossed in the same millisecond"
    return "a car that stopped had left the order, or a crossing before this one cannot be believed"


def present_window(frames: Frames, car: str) -> slice:
    """Ticks from the start of the session to the car's last moment in it."""
    first = max((frames.clock.race_start_ms or 0) // TICK_MS, 0)
    gone = np.flatnonzero(frames.cars[car].state == OUT)
    return slice(first, max(int(gone[0]), first) if len(gone) else frames.clock.ticks)


def _known(values: NDArray[np.number]) -> NDArray[np.bool_]:
    return np.isfinite(values) if values.dtype.kind == "f" else values >= 0


def coverage(frames: Frames) -> dict[str, dict[str, float | None]]:
    """Share of ticks with a value, per car and channel, while the car took part; None for a car that never did."""
    result: dict[str, dict[str, float | None]] = {}
    for car, channels in frames.cars.items():
        window = present_window(frames, car)
        size = window.stop - window.start
        result[car] = {
            name: round(float(_known(getattr(channels, name)[window]).mean()), 4) if size > 0 else None
            for name in COVERED
        }
    return result


def gaps(cleaned: Cleaned, frames: Frames) -> list[Row]:
    """Every silence of a feed longer than the interpolation limit while its car took part, with its cause; what all
    cars share is one."""
    rows: list[Row] = []
    for channel, feeds, sent in (
        ("position", cleaned.positions, cleaned.sent.positions),
        ("car", cleaned.cars, cleaned.sent.cars),
    ):
        origin = frames.clock.session_time_origin_ms
        silences = {car: _silences(frames, car, feed.time_ms, origin) for car, feed in feeds.items()}
        cars_silent: dict[tuple[int, int], list[str]] = {}
        for car, (begins, ends) in silences.items():
            for span in zip(begins.tolist(), ends.tolist(), strict=True):
                cars_silent.setdefault(span, []).append(car)
        windows = [present_window(frames, car) for car in feeds]
        for (begin, end), cars in cars_silent.items():
            middle = ((begin + end) // 2 - origin) // TICK_MS
            present = sum(window.start <= middle < window.stop for window in windows)
            over = {car for car in cars if not (feeds[car].time_ms >= end).any()}
            if len(cars) > 1 and len(cars) >= _COMMON_SHARE * present:
                cause = "the feed ended for all cars" if len(over) == len(cars) else _SILENT_FOR_ALL
                rows.append(_gap_row(None, channel, begin - origin, end - origin, cause))
                continue
            share = _also_silent(silences, begin, end)
            for car in cars:
                unusable = int(((sent[car] > begin) & (sent[car] < end)).sum())
                cause = _gap_cause(unusable, car in over, share)
                rows.append(_gap_row(car, channel, begin - origin, end - origin, cause))
    return rows


def _gap_row(car: str | None, channel: str, start_ms: int, end_ms: int, cause: str) -> Row:
    return row(
        "gap",
        car=car,
        channel=channel,
        start_ms=start_ms,
        end_ms=end_ms,
        value=end_ms - start_ms,
        unit="ms",
        cause=cause,
    )


def _silences(frames: Frames, car: str, time_ms: NDArray[np.int64], origin: int) -> Silences:
    window = present_window(frames, car)
    begin, end = window.start * TICK_MS + origin, window.stop * TICK_MS + origin
    if end <= begin:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    times = np.concatenate([[begin], time_ms[(time_ms > begin) & (time_ms < end)], [end]])
    silent = np.flatnonzero(np.diff(times) > MAX_GAP_MS)
    return times[silent], times[silent + 1]


def _also_silent(silences: dict[str, Silences], begin: float, end: float) -> float:
    """Share of the cars that are silent in the middle of the time given."""
    middle = (begin + end) / 2
    return float(np.mean([bool(((b < middle) & (e > middle)).any()) for b, e in silences.values()]))


def _gap_cause(unusable: int, last: bool, share: float) -> str:
    if share >= _COMMON_SHARE:
        return _SILENT_FOR_ALL
    if unusable:
        return f"{unusable} samples in it are zeros, frozen or impossible"
    return "the feed of this car ended" if last else "nothing was sent for this car"


def early_gap_rows(frames: Frames) -> list[Row]:
    """Gaps larger than the time since the start of the race: measured back to before it, so made up."""
    start_ms = frames.clock.race_start_ms
    if start_ms is None:
        return []
    since_s = (np.arange(frames.clock.ticks) * TICK_MS - start_ms) / 1000.0
    rows = []
    for car, channels in frames.cars.items():
        for channel in ("gap_s", "interval_s"):
            values = getattr(channels, channel)
            # NaN is larger than nothing; half a millisecond is what rounding may add.
            wrong = np.flatnonzero(values > np.maximum(since_s, 0.0) + 0.0005)
            if len(wrong):
                rows.append(
                    row(
                        "gap_before_start",
                        car=car,
                        channel=channel,
                        start_ms=wrong[0] * TICK_MS,
                        end_ms=wrong[-1] * TICK_MS,
                        value=float(values[wrong].max()),
                        unit="s",
                        severity="error",
                        cause="larger than the time since the start",
                    )
                )
    return rows


def findings_rows(findings: dict[str, Findings]) -> list[Row]:
    """How many samples of which fault were treated, per car."""
    return [
        row(kind, car=car, value=number, unit="samples", severity="info", cause="treated as a gap")
        for car, found in findings.items()
        for kind, number in sorted(found.items())
    ]


def alignment_rows(alignment: Alignment) -> list[Row]:
    """Clock offset between the feeds and units of the coordinates."""
    rows = []
    if alignment.offset_ms is not None:
        cause = "car data is later than coordinates; moved" if alignment.corrected else "measured, too small to move"
        rows.append(row("clock_offset", value=alignment.offset_ms, unit="ms", severity="info", cause=cause))
    if alignment.scale != 1.0:
        cause = "coordinates did not fit measured speed in tenths of a metre; multiplied by this"
        rows.append(row("coordinate_units", channel="position", value=alignment.scale, cause=cause))
    return rows


def lap_rows(recording: Recording, origin: int) -> list[Row]:
    """Laps that cannot be believed: twice, ending before they start, missing between others, generated by FastF1."""
    rows: list[Row] = []
    per_car: dict[str, list[dict[str, Any]]] = {}
    for lap in recording.laps.to_pylist():
        if lap["lap"] is not None:
            per_car.setdefault(lap["car"], []).append(lap)
    for car, laps in per_car.items():
        numbers = [lap["lap"] for lap in laps]
        for number in sorted({n for n in numbers if numbers.count(n) > 1}):
            rows.append(
                row(
                    "lap_twice",
                    car=car,
                    value=number,
                    unit="lap",
                    cause="listed more than once; last complete one used",
                )
            )
        for number in sorted(set(range(1, max(numbers) + 1)) - set(numbers)):
            rows.append(
                row("lap_missing", car=car, value=number, unit="lap", cause="no record; the next crossing counts on")
            )
        for lap in laps:
            start, end = lap["start_ms"], lap["end_ms"]
            if start is not None and end is not None and end < start:
                cause = "ends before it starts; its crossing is used only if it fits the ones around it"
                rows.append(
                    row("lap_backwards", car=car, start_ms=start - origin, value=lap["lap"], unit="lap", cause=cause)
                )
            if lap["generated"]:
                cause = "generated by FastF1 without a timing record; not a crossing"
                rows.append(row("lap_generated", car=car, value=lap["lap"], unit="lap", severity="info", cause=cause))
    return rows


def tyre_rows(recording: Recording) -> list[Row]:
    """Contradictions in tyres: unknown sets, a compound that changes within a stint, sets changed without a stop."""
    rows: list[Row] = []
    before: dict[str, dict[str, Any]] = {}
    for lap in sorted(recording.laps.to_pylist(), key=lambda r: (r["car"], r["lap"] or 0)):
        previous = before.get(lap["car"])
        before[lap["car"]] = lap
        number = lap["lap"]
        if not lap["compound"]:
            rows.append(row("tyre_unknown", car=lap["car"], value=number, unit="lap", cause="no compound for this lap"))
        if previous is None or previous["stint"] is None or lap["stint"] is None:
            continue
        if lap["stint"] == previous["stint"]:
            if lap["compound"] and previous["compound"] and lap["compound"] != previous["compound"]:
                cause = f"{previous['compound']} became {lap['compound']} within stint {lap['stint']}"
                rows.append(row("tyre_contradiction", car=lap["car"], value=number, unit="lap", cause=cause))
        elif previous["pit_in_ms"] is None and lap["pit_out_ms"] is None and "5" not in (lap["track_statuses"] or ""):
            cause = f"stint {lap['stint']} begins without a visit to the pit lane"
            rows.append(row("stint_contradiction", car=lap["car"], value=number, unit="lap", cause=cause))
    return rows


def grid_rows(recording: Recording) -> list[Row]:
    """Cars of a race without a sound grid position."""
    if not recording.identity.is_race_like:
        return []
    return [
        row(
            "grid_unknown",
            car=r["car"],
            value=r["grid"],
            cause="no sound grid position; placed behind those that have one",
        )
        for r in recording.results.to_pylist()
        if r["grid"] is None or r["grid"] < 0
    ]


def result_rows(recording: Recording, completed: dict[str, int]) -> list[Row]:
    """Cars whose laps completed by timing differ from the official result, and results without a place."""
    rows = []
    for result in recording.results.to_pylist():
        car, official = result["car"], result["laps"]
        if recording.identity.is_race_like and official is not None and car in completed and completed[car] != official:
            cause = f"timing has {completed[car]} laps, the result {official}"
            rows.append(
                row(
                    "laps_differ",
                    car=car,
                    value=completed[car] - official,
                    measured=completed[car],
                    official=official,
                    unit="lap",
                    severity="info",
                    cause=cause,
                )
            )
    return rows


def topic_rows(sent: Sent, frames: Frames, missing: Iterable[str]) -> list[Row]:
    """What the upstream did not send, or not so that it can be read, and what follows from it."""
    rows = [row("missing", channel=topic, cause=MISSING.get(topic, _NOT_SENT)) for topic in missing]
    if sent.cars and all(c.drs is None for c in frames.cars.values()):
        rows.append(row("missing", channel="drs", severity="info", cause="the cars of this season have no DRS"))
    for name, feeds in (("car_data", sent.cars), ("position_data", sent.positions)):
        absent = [number for number in frames.cars if feeds and number not in feeds]
        rows += [row("missing", car=car, channel=name, cause="not sent for this car") for car in absent]
    return rows


def note_rows(notes: Iterable[Note], origin: int) -> list[Row]:
    """What was found while the recording was put right, its times moved to the clock."""
    return [
        row(
            note.kind,
            car=note.car,
            start_ms=None if note.start_ms is None else note.start_ms - origin,
            end_ms=None if note.end_ms is None else note.end_ms - origin,
            value=note.value,
            measured=note.measured,
            official=note.official,
            unit=note.unit,
            severity=note.severity,
            cause=note.cause,
        )
        for note in notes
    ]


def warning_rows(recording: Recording) -> list[Row]:
    """FastF1's own warnings."""
    return [row("upstream_warning", severity="info", cause=text) for text in recording.warnings]
