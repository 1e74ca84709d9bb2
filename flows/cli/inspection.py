"""The verdict on a session, for a terminal: what is published of it, or computed now where nothing is."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from flows.session_ref import SessionRef
from flows.upstream.client import Client
from publish.revisions.quality import Quality, QualityRow, quality_of, read_quality
from publish.season import index as season
from publish.stores.base import Store

_COVERAGE = {
    "x_m": "coordinates",
    "speed_kmh": "speed",
    "throttle_percent": "throttle",
    "gear": "gear",
    "lap_distance_m": "distance",
    "compound": "compound",
}


def read_verdict(store: Store, wanted: SessionRef) -> Quality | None:
    """Return the published quality report of a session, None where there is none."""
    index = season.read_season(store, wanted.year)
    for event in index.events if index else ():
        for session in event.sessions:
            if (event.round, session.code) == (wanted.round, wanted.code) and session.session_key is not None:
                return read_quality(store, session.session_key)
    return None


def compute_verdict(client: Client, session: SessionRef) -> Quality:
    """Load and judge a session without publishing it.

    :raises UpstreamError: its data is not there.
    """
    # What is published is printed without either.
    from flows.upstream.load import load_recording
    from transforms.session import transform_session

    recording = load_recording(client, session)
    return quality_of(transform_session(recording).quality, recording.identity.session_key)


def print_verdict(console: Console, label: str, report: Quality, *, published: bool) -> None:
    """Print grade and reasons, coverage per car, and everything found, most serious first."""
    console.print(f"{label}: grade {report.grade}, {'as published' if published else 'not published, computed now'}")
    for reason in report.reasons or ["nothing found that lowers the grade"]:
        console.print(f"  {reason}", markup=False)
    chart, alignment = report.lap_chart, report.alignment
    if chart and chart.crossings:
        console.print(f"  order: {chart.agree} of {chart.crossings} line crossings agree with the lap chart")
    if alignment and alignment.car_data_later_ms is not None:
        done = "corrected" if alignment.corrected else "below what is corrected"
        console.print(f"  clock: car data is {alignment.car_data_later_ms:.0f} ms later than coordinates ({done})")
    console.print(_coverage_table(report.coverage))
    console.print(_findings_table(report.rows))


def _coverage_table(coverage: Mapping[str, Mapping[str, float | None]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title="Coverage", title_justify="left")
    table.add_column("car")
    for name in _COVERAGE.values():
        table.add_column(name, justify="right")
    for car, shares in coverage.items():
        cells = ("-" if (share := shares.get(name)) is None else f"{share:.1%}" for name in _COVERAGE)
        table.add_row(car, *cells)
    return table


def _findings_table(rows: Sequence[QualityRow]) -> Table:
    """One line for all findings of one kind and cause."""
    groups: dict[tuple[str, str, str], list[QualityRow]] = {}
    for found in rows:
        groups.setdefault((found.severity, found.kind, found.cause), []).append(found)
    table = Table(box=None, pad_edge=False, header_style="bold", title="Findings", title_justify="left")
    for name in ("severity", "kind"):
        table.add_column(name, no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("cars")
    table.add_column("cause", overflow="fold")
    rank = {"error": 0, "warning": 1, "info": 2}
    for (severity, kind, cause), found_rows in sorted(groups.items(), key=lambda g: (rank[g[0][0]], g[0][1:])):
        cars = dict.fromkeys(r.car for r in found_rows if r.car is not None)
        named = ", ".join(cars) if len(cars) <= 5 else f"{len(cars)} cars"
        count = sum(r.value or 0 if r.unit == "samples" else 1 for r in found_rows)
        table.add_row(severity, kind, f"{count:,.0f}", named, cause)
    return table
