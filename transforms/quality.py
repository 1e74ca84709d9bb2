"""The verdict on a session's data: what is covered, what was wrong, what was done about it, and one grade.

Grades, by the first rule that fits (coverage is the median over cars of the share of ticks with a value, from a car's
first to its last moment in the session):

- F: neither timing nor telemetry of use.
- D: timing without telemetry, or telemetry without timing.
- C: coverage of coordinates or speed below 90 %, or a race whose order agrees with the lap chart at less than 97 %.
- B: coverage below 98 %, agreement below 99.5 %, a car with less than 90 %, or a topic of the upstream missing.
- A: everything else.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from transforms import columns
from transforms.assemble import Cleaned, Race
from transforms.frames import TICK_MS, Frames
from transforms.interpolate import MAX_GAP_MS
from transforms.recording import Recording
from transforms.samples import Findings
from transforms.states import OUT

#: The lap chart is compared with the published order this long after every crossing, ms.
CHART_DELAY_MS = 100.0
#: Channels whose coverage is reported, by their name in the frames.
COVERED = ("x_m", "speed_kmh", "throttle_percent", "gear", "lap_distance_m", "tyre", "position")


@dataclass(frozen=True)
class Verdict:
    """The report document, the same as rows (:data:`transforms.columns.QUALITY`), and the grade."""

    report: dict[str, object]
    table: pa.Table
    grade: str


@dataclass(frozen=True)
class Disagreement:
    """A line crossing after which the published position is not the lap chart's. ``at_ms`` is session time."""

    car: str
    lap: int
    at_ms: float
    official: int
    published: int
    cause: str


def lap_chart(recording: Recording, frames: Frames) -> tuple[int, list[Disagreement]]:
    """Compare positions :data:`CHART_DELAY_MS` after every crossing with the official ones: how many, and where not."""
    origin = frames.clock.session_time_origin_ms
    compared, found = 0, []
    for row in recording.laps.to_pylist():
        car = frames.cars.get(row["car"])
        if car is None or row["position"] is None or row["end_ms"] is None or row["generated"]:
            continue
        tick = int(np.ceil((row["end_ms"] + CHART_DELAY_MS - origin) / TICK_MS))
        if not 0 <= tick < frames.clock.ticks:
            continue
        compared += 1
        published = int(car.position[tick])
        if published != row["position"]:
            cause = _disagreement_cause(recording, row)
            found.append(Disagreement(row["car"], row["lap"], row["end_ms"], row["position"], published, cause))
    return compared, found


def _disagreement_cause(recording: Recording, row: dict) -> str:
    same_lap = [r for r in recording.laps.to_pylist() if r["lap"] == row["lap"] and r["end_ms"] is not None]
    ahead = sum(r["end_ms"] < row["end_ms"] and not r["generated"] for r in same_lap)
    if any(r["generated"] and r["end_ms"] < row["end_ms"] for r in same_lap):
        return "the chart counts a lap that FastF1 generated for a car that did not cross the line"
    if ahead + 1 != row["position"]:
        return "the chart does not follow the crossing times of its own lap"
    return "a car that stopped had left the order before this crossing"


def _present_window(frames: Frames, car: str) -> slice:
    """Ticks from the start of the session to the car's last moment in it."""
    first = max((frames.clock.race_start_ms or 0) // TICK_MS, 0)
    gone = np.flatnonzero(frames.cars[car].state == OUT)
    return slice(first, int(gone[0]) if len(gone) else frames.clock.ticks)


def _known(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) if values.dtype.kind == "f" else values >= 0


def coverage(frames: Frames) -> dict[str, dict[str, float | None]]:
    """Share of ticks with a value, per car and channel, while the car took part; None for a car that never did."""
    result: dict[str, dict[str, float | None]] = {}
    for car, channels in frames.cars.items():
        window = _present_window(frames, car)
        size = window.stop - window.start
        result[car] = {
            name: round(float(_known(getattr(channels, name)[window]).mean()), 4) if size > 0 else None
            for name in COVERED
        }
    return result


def _gaps(cleaned: Cleaned, frames: Frames, origin: int) -> list[dict]:
    """Every silence of a feed longer than the interpolation limit while its car took part."""
    rows = []
    for channel, feeds in (("position", cleaned.positions), ("car", cleaned.cars)):
        for car, feed in feeds.items():
            window = _present_window(frames, car)
            lo, hi = window.start * TICK_MS + origin, window.stop * TICK_MS + origin
            times = np.concatenate([[lo], feed.time_ms[(feed.time_ms > lo) & (feed.time_ms < hi)], [hi]])
            silent = np.flatnonzero(np.diff(times) > MAX_GAP_MS)
            rows += [
                _row(
                    "gap",
                    car,
                    channel,
                    times[i] - origin,
                    times[i + 1] - origin,
                    times[i + 1] - times[i],
                    "ms",
                    "warning",
                    "no usable sample",
                )
                for i in silent
            ]
    return rows


def _row(
    check: str,
    car: str | None,
    channel: str | None,
    start_ms: float | None,
    end_ms: float | None,
    value: float | None,
    unit: str,
    severity: str,
    cause: str,
) -> dict:
    return {
        "check": check,
        "car": car,
        "channel": channel,
        "start_ms": None if start_ms is None else int(start_ms),
        "end_ms": None if end_ms is None else int(end_ms),
        "value": None if value is None else float(value),
        "unit": unit,
        "severity": severity,
        "cause": cause,
    }


def judge(
    recording: Recording,
    cleaned: Cleaned,
    race: Race,
    frames: Frames,
    findings: dict[str, Findings],
    notes: tuple[tuple[str, str, str], ...],
) -> Verdict:
    """Return the verdict on a session."""
    origin = frames.clock.session_time_origin_ms
    shares = coverage(frames)
    compared, disagreements = lap_chart(recording, frames) if recording.identity.is_race_like else (0, [])
    rows = [_row("coverage", c, n, None, None, v, "share", "info", "") for c, s in shares.items() for n, v in s.items()]
    rows += _gaps(cleaned, frames, origin)
    for car, finding in findings.items():
        rows += [
            _row(kind, car, None, None, None, n, "samples", "info", "treated as a gap")
            for kind, n in sorted(finding.counts.items())
        ]
    rows += [
        _row(
            "lap_chart",
            d.car,
            "position",
            d.at_ms - origin,
            None,
            d.published - d.official,
            "places",
            "warning",
            f"lap {d.lap}: {d.cause}",
        )
        for d in disagreements
    ]
    rows += [_row(check, car, None, None, None, None, "", "warning", cause) for check, car, cause in notes]
    rows += [
        _row("missing", None, topic, None, None, None, "", "warning", "not sent by the upstream")
        for topic in recording.missing
    ]
    rows += [_row("upstream_warning", None, None, None, None, None, "", "info", text) for text in recording.warnings]
    agreement = None if not compared else round(1 - len(disagreements) / compared, 5)
    grade, reasons = _grade(recording, shares, agreement)
    report: dict[str, object] = {
        "grade": grade,
        "reasons": reasons,
        "lap_chart": {"crossings": compared, "agree": compared - len(disagreements), "agreement": agreement},
        "coverage": shares,
        "missing": list(recording.missing),
        "findings": {car: dict(sorted(f.counts.items())) for car, f in findings.items() if f.counts},
        "rows": rows,
    }
    return Verdict(report, pa.Table.from_pylist(rows, schema=columns.schema_of(columns.QUALITY)), grade)


def _median_share(shares: dict[str, dict[str, float | None]], channel: str) -> float:
    values = [share for s in shares.values() if (share := s[channel]) is not None]
    return float(np.median(values)) if values else 0.0


def _grade(
    recording: Recording, shares: dict[str, dict[str, float | None]], agreement: float | None
) -> tuple[str, list[str]]:
    timing, telemetry = recording.laps.num_rows > 0, bool(recording.cars or recording.positions)
    if not timing and not telemetry:
        return "F", ["neither timing nor telemetry"]
    if not timing or not telemetry:
        return "D", ["timing without telemetry" if timing else "telemetry without timing"]
    coordinates, speed = _median_share(shares, "x_m"), _median_share(shares, "speed_kmh")
    poor, fair = [], []
    for name, share in (("coordinates", coordinates), ("speed", speed)):
        if share < 0.90:
            poor.append(f"{name} cover {share:.1%}")
        elif share < 0.98:
            fair.append(f"{name} cover {share:.1%}")
    if agreement is not None and agreement < 0.97:
        poor.append(f"the order agrees with the lap chart at {agreement:.1%}")
    elif agreement is not None and agreement < 0.995:
        fair.append(f"the order agrees with the lap chart at {agreement:.1%}")
    low = [car for car, s in shares.items() if s["x_m"] is not None and s["x_m"] < 0.90]
    if low:
        fair.append(f"coordinates of car {', '.join(low)} cover less than 90 %")
    fair += [f"{topic} missing" for topic in recording.missing]
    if poor:
        return "C", poor + fair
    return ("B", fair) if fair else ("A", [])
