"""The verdict on a session's data: what is covered, what was wrong, what was done about it, and one grade.

Grades, by the first rule that fits. Coverage is the median over cars of the share of ticks with a value, from the start
of the session to the car's last moment in it.

- F: neither timing nor telemetry of use.
- D: timing without telemetry, or telemetry without timing; or a stream that ends before its session.
- C: coverage of coordinates or speed below 90 %, or a race whose order agrees with the lap chart at less than 97 %.
- B: coverage below 98 %, agreement below 99.5 %, a car with coordinates for less than 90 %, a topic of the upstream
  missing, damaged texts, sources that contradict each other, or a recording of the live feed in place of the official
  files (:data:`CONTRADICTIONS`).
- A: everything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from transforms import checks, classification, columns
from transforms.completeness import Extent
from transforms.findings import Row, row
from transforms.frames import Frames
from transforms.notes import BREAK, RECORDED, Note
from transforms.recording import Recording
from transforms.running import Cleaned, Running

#: Limits of the grades: below the first it is C, below the second B.
COVERAGE_LIMITS = (0.90, 0.98)
AGREEMENT_LIMITS = (0.97, 0.995)
#: Checks whose findings could mislead a reader, and what the grade says of them.
CONTRADICTIONS = {
    "gap_differs": "official gaps contradict the crossings",
    "result_times_disorder": "official times contradict official places",
    "finish_order_differs": "the order across the line contradicts the result",
    "place_twice": "two cars have one place in the result",
    "place_missing": "a place is missing in the result",
    "status_differs": "the result and timing disagree on who was racing at the end",
    "telemetry_incomplete": "telemetry ends before the last lap",
    "laps_lost": "laps were lost, and which is not certain",
    "progress_wrong": "coordinates contradict timing",
    "classification_differs": "the order by lap times contradicts the result",
    "best_lap_differs": "best laps contradict the result",
    RECORDED: "from a recording of the live feed, not from the official files",
    BREAK: "the recording has breaks",
    "gap_before_start": "gaps are larger than the time since the start",
    "text_damaged": "texts hold characters that are none, so other values may be damaged too",
}
#: Of these errors alone mislead: a warning says that they were repaired.
_REPAIRED_WHEN_WARNED = frozenset({"laps_lost"})


#: Topics that are missing where a session has timing alone, or telemetry alone.
_HALVES = ("laps", "car_data", "position_data")


@dataclass(frozen=True)
class Verdict:
    """The report document, what is in it as tables (by name), and the grade."""

    report: dict[str, object]
    tables: dict[str, pa.Table]
    grade: str


def judge(
    recording: Recording,
    cleaned: Cleaned,
    running: Running,
    frames: Frames,
    notes: tuple[Note, ...],
) -> Verdict:
    """Return the verdict on a session."""
    origin = frames.clock.session_time_origin_ms
    shares = checks.coverage(frames)
    compared, disagreements = checks.lap_chart(recording, frames) if recording.identity.is_race_like else (0, [])
    missing = missing_of(recording, compared)
    completed = {
        car: int(own.crossing_laps[-1]) if len(own.crossing_laps) else 0 for car, own in cleaned.timing.items()
    }
    rows = [
        *disagreements,
        *checks.gaps(cleaned, frames),
        *checks.early_gap_rows(frames),
        *checks.findings_rows(cleaned.findings),
        *checks.alignment_rows(cleaned.alignment),
        *checks.lap_rows(recording, origin),
        *checks.tyre_rows(recording),
        *checks.grid_rows(recording),
        *checks.result_rows(recording, completed),
        *cleaned.finish.rows(origin),
        *classification.place_rows(recording.results, race_like=recording.identity.is_race_like),
        *_status_rows(recording, cleaned, running),
        *_extent_rows(cleaned.extent, origin),
        *checks.note_rows(notes, origin),
        *checks.topic_rows(cleaned.sent, frames, missing),
        *checks.warning_rows(recording),
    ]
    agreement = None if not compared else round(1 - len(disagreements) / compared, 5)
    grade, reasons = grade_of(recording, cleaned, shares, agreement, rows, missing)
    report: dict[str, object] = {
        "grade": grade,
        "reasons": reasons,
        "lap_chart": {"crossings": compared, "agree": compared - len(disagreements), "agreement": agreement},
        "finish_order": {"cars": len(cleaned.finish.finishes), "agree": cleaned.finish.agreeing},
        "alignment": {
            "car_data_later_ms": cleaned.alignment.offset_ms,
            "spread_ms": cleaned.alignment.spread_ms,
            "corrected": cleaned.alignment.corrected,
            "coordinate_scale": cleaned.alignment.scale,
        },
        "laps": recording.laps.num_rows,
        "cars": len(frames.cars),
        "median_coverage": {name: median_share(shares, name) for name in checks.COVERED},
        "coverage": shares,
        "missing": list(missing),
        "rows": rows,
    }
    covered = [{"car": c, "channel": name, "share": share} for c, own in shares.items() for name, share in own.items()]
    tables = {"coverage": columns.COVERAGE.of_rows(covered), "findings": columns.FINDINGS.of_rows(rows)}
    return Verdict(report, tables, grade)


def median_share(shares: dict[str, dict[str, float | None]], channel: str) -> float:
    """Median over the cars that took part of the share of ticks with a value; 0 without any."""
    values = [share for s in shares.values() if (share := s[channel]) is not None]
    return round(float(np.median(values)), 4) if values else 0.0


def _status_rows(recording: Recording, cleaned: Cleaned, running: Running) -> list[Row]:
    """Who the result has racing at the end and timing has not, or the other way round, where there is an end."""
    if not cleaned.extent.is_complete:
        return []
    return classification.status_rows(recording.results, cleaned.timing, running.endings)


def _extent_rows(extent: Extent, origin: float) -> list[Row]:
    """A stream that ends before its session, or telemetry that ends before timing."""
    at_ms = extent.until_ms - origin
    rows = []
    if extent.missing_end is not None:
        cause = f"the stream ends before the session: {extent.missing_end}"
        rows.append(row("incomplete", start_ms=at_ms, severity="error", cause=cause))
    if extent.missing_telemetry_ms is not None:
        cause = "telemetry ends before the last lap"
        value = extent.missing_telemetry_ms
        rows.append(row("telemetry_incomplete", start_ms=at_ms, value=value, unit="ms", cause=cause))
    return rows


def missing_of(recording: Recording, compared: int) -> tuple[str, ...]:
    """Return what a session lacks of what it could have; ``compared`` is how many crossings have an official place."""
    missing = list(recording.missing)
    if recording.identity.type.results and not classification.has_results(recording):
        missing.append("results")
    if recording.identity.is_race_like and recording.laps.num_rows and not compared:
        missing.append("lap_chart")
    return tuple(dict.fromkeys(missing))


def _incomplete(extent: Extent) -> list[str]:
    return [] if extent.is_complete else [f"the stream ends before the session: {extent.missing_end}"]


def _contradictions(rows: Sequence[Row]) -> list[str]:
    """One reason for every kind of contradiction that was found, with the cars it is about."""
    found: dict[str, list[str]] = {}
    for finding in rows:
        harmless = ("info", "warning") if finding["kind"] in _REPAIRED_WHEN_WARNED else ("info",)
        if finding["kind"] in CONTRADICTIONS and finding["severity"] not in harmless:
            found.setdefault(str(finding["kind"]), []).append(str(finding["car"] or ""))
    return [
        CONTRADICTIONS[check] + (f" (car {', '.join(sorted({car for car in cars if car}))})" if any(cars) else "")
        for check, cars in found.items()
    ]


def grade_of(
    recording: Recording,
    cleaned: Cleaned,
    shares: dict[str, dict[str, float | None]],
    agreement: float | None,
    rows: Sequence[Row],
    missing: Sequence[str],
) -> tuple[str, list[str]]:
    """Return the grade by the rules above, and the reasons it is not better."""
    extent, sent = cleaned.extent, cleaned.sent
    timing, telemetry = recording.laps.num_rows > 0, bool(sent.cars or sent.positions)
    if not timing and not telemetry:
        return "F", ["neither timing nor telemetry"]
    if not timing or not telemetry:
        halves = ["timing without telemetry" if timing else "telemetry without timing"]
        others = [f"{topic} missing" for topic in missing if topic not in _HALVES]
        return "D", [*_incomplete(extent), *halves, *others, *_contradictions(rows)]
    measured = [
        (f"{name} {share:.1%}", share, COVERAGE_LIMITS)
        for name, share in (
            ("coordinates cover", median_share(shares, "x_m")),
            ("speed covers", median_share(shares, "speed_kmh")),
        )
    ]
    if agreement is not None:
        measured.append((f"the order agrees with the lap chart at {agreement:.1%}", agreement, AGREEMENT_LIMITS))
    poor = [text for text, share, limits in measured if share < limits[0]]
    fair = [text for text, share, limits in measured if limits[0] <= share < limits[1]]
    low = [car for car, s in shares.items() if s["x_m"] is not None and s["x_m"] < COVERAGE_LIMITS[0]]
    if low:
        fair.append(f"coordinates of car {', '.join(low)} cover less than {COVERAGE_LIMITS[0]:.0%}")
    fair += [f"{topic} missing" for topic in missing]
    fair += _contradictions(rows)
    if not extent.is_complete:
        return "D", _incomplete(extent) + poor + fair
    if poor:
        return "C", poor + fair
    return ("B", fair) if fair else ("A", [])
