"""The verdict on a session's data: what is covered, what was wrong, what was done about it, and one grade.

Grades, by the first rule that fits. Coverage is the median over cars of the share of ticks with a value, from the start
of the session to the car's last moment in it.

- F: neither timing nor telemetry of use.
- D: timing without telemetry, or telemetry without timing.
- C: coverage of coordinates or speed below 90 %, or a race whose order agrees with the lap chart at less than 97 %.
- B: coverage below 98 %, agreement below 99.5 %, a car with coordinates for less than 90 %, or a topic of the upstream
  missing.
- A: everything else.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from transforms import checks, columns
from transforms.frames import Frames
from transforms.notes import Note
from transforms.recording import Recording
from transforms.running import Cleaned

#: Limits of the grades: below the first it is C, below the second B.
COVERAGE_LIMITS = (0.90, 0.98)
AGREEMENT_LIMITS = (0.97, 0.995)


@dataclass(frozen=True)
class Verdict:
    """The report document, the same as rows (:data:`transforms.columns.QUALITY`), and the grade."""

    report: dict[str, object]
    table: pa.Table
    grade: str


def judge(
    recording: Recording,
    cleaned: Cleaned,
    frames: Frames,
    notes: tuple[Note, ...],
) -> Verdict:
    """Return the verdict on a session."""
    origin = frames.clock.session_time_origin_ms
    shares = checks.coverage(frames)
    compared, disagreements = checks.lap_chart(recording, frames) if recording.identity.is_race_like else (0, [])
    completed = {
        car: int(own.crossing_laps[-1]) if len(own.crossing_laps) else 0 for car, own in cleaned.timing.items()
    }
    rows = [
        *disagreements,
        *checks.gaps(recording, cleaned, frames),
        *checks.early_gap_rows(frames),
        *checks.findings_rows(cleaned.findings),
        *checks.alignment_rows(cleaned.alignment),
        *checks.lap_rows(recording, origin),
        *checks.tyre_rows(recording),
        *checks.grid_rows(recording),
        *checks.result_rows(recording, completed),
        *checks.note_rows(notes, origin),
        *checks.topic_rows(recording, frames),
        *checks.warning_rows(recording),
    ]
    agreement = None if not compared else round(1 - len(disagreements) / compared, 5)
    grade, reasons = grade_of(recording, shares, agreement)
    report: dict[str, object] = {
        "grade": grade,
        "reasons": reasons,
        "lap_chart": {"crossings": compared, "agree": compared - len(disagreements), "agreement": agreement},
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
        "missing": list(recording.missing),
        "rows": rows,
    }
    every = [*_coverage_rows(shares), *rows]
    return Verdict(report, columns.QUALITY.of_rows(every), grade)


def _coverage_rows(shares: dict[str, dict[str, float | None]]) -> list[checks.Row]:
    return [
        checks.row("coverage", car=car, channel=name, value=share, unit="share", severity="info")
        for car, own in shares.items()
        for name, share in own.items()
    ]


def median_share(shares: dict[str, dict[str, float | None]], channel: str) -> float:
    """Median over the cars that took part of the share of ticks with a value; 0 without any."""
    values = [share for s in shares.values() if (share := s[channel]) is not None]
    return round(float(np.median(values)), 4) if values else 0.0


def grade_of(
    recording: Recording, shares: dict[str, dict[str, float | None]], agreement: float | None
) -> tuple[str, list[str]]:
    """Return the grade by the rules above, and the reasons it is not better."""
    timing, telemetry = recording.laps.num_rows > 0, bool(recording.cars or recording.positions)
    if not timing and not telemetry:
        return "F", ["neither timing nor telemetry"]
    if not timing or not telemetry:
        return "D", ["timing without telemetry" if timing else "telemetry without timing"]
    measured = [
        (f"{name} cover {share:.1%}", share, COVERAGE_LIMITS)
        for name, share in (
            ("coordinates", median_share(shares, "x_m")),
            ("speed", median_share(shares, "speed_kmh")),
        )
    ]
    if agreement is not None:
        measured.append((f"the order agrees with the lap chart at {agreement:.1%}", agreement, AGREEMENT_LIMITS))
    poor = [text for text, share, limits in measured if share < limits[0]]
    fair = [text for text, share, limits in measured if limits[0] <= share < limits[1]]
    low = [car for car, s in shares.items() if s["x_m"] is not None and s["x_m"] < COVERAGE_LIMITS[0]]
    if low:
        fair.append(f"coordinates of car {', '.join(low)} cover less than {COVERAGE_LIMITS[0]:.0%}")
    fair += [f"{topic} missing" for topic in recording.missing]
    if poor:
        return "C", poor + fair
    return ("B", fair) if fair else ("A", [])
