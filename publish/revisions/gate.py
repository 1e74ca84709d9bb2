"""The quality gate: a new revision that is worse than the current one beyond stated limits is not made current.

Upstreams lose data they once had. A run that gets less than what is published must not replace it unasked.
"""

from publish.encode.objects import EncodedRevision
from publish.revisions.latest import Latest
from publish.revisions.quality import REPORT, Measures, read_measures
from publish.stores.base import Store
from publish.structs import decode_packed
from transforms.errors import QualityGateError
from transforms.recording import SessionIdentity

#: What a new revision may lose against the current one: letters of the grade (one is let pass), share of the laps,
#: points of median coverage, points of agreement with the lap chart. Of the cars none may go.
MAX_GRADE_LOSS = 1
MAX_LAPS_LOSS = 0.02
MAX_COVERAGE_LOSS = 0.05
MAX_AGREEMENT_LOSS = 0.01
_GATED_COVERAGE = {"x_m": "coordinates cover", "speed_kmh": "speed covers"}


def losses(current: Measures, new: Measures) -> list[str]:
    """Return in words what ``new`` loses against ``current`` beyond the limits; empty when it may replace it.

    What one of them does not state is not compared.
    """
    found = []
    if ord(new.grade) - ord(current.grade) > MAX_GRADE_LOSS:
        found.append(f"the grade falls from {current.grade} to {new.grade}")
    if new.cars < current.cars:
        found.append(f"cars fall from {current.cars} to {new.cars}")
    if new.laps < current.laps * (1 - MAX_LAPS_LOSS):
        found.append(f"laps fall from {current.laps} to {new.laps}")
    for channel, name in _GATED_COVERAGE.items():
        before, after = (report.median_coverage.get(channel, 0.0) for report in (current, new))
        if after < before - MAX_COVERAGE_LOSS:
            found.append(f"{name} {after:.1%} instead of {before:.1%}")
    agreed, agrees = (report.lap_chart.agreement if report.lap_chart else None for report in (current, new))
    if agreed is not None and agrees is not None and agrees < agreed - MAX_AGREEMENT_LOSS:
        found.append(f"the order agrees with the lap chart at {agrees:.1%} instead of {agreed:.1%}")
    return found


def check_gate(store: Store, encoded: EncodedRevision, identity: SessionIdentity, latest: Latest) -> None:
    """Compare an encoded revision with the one that is current by ``latest``.

    :raises QualityGateError: it is worse beyond the limits.
    :raises PublicationError: the report of the current one cannot be used.
    """
    report = next((item for item in encoded.objects if item.path == REPORT), None)
    current = None if report is None else read_measures(store, latest)
    if report is None or current is None:
        return
    found = losses(
        current, decode_packed(report.file.read_bytes(), Measures, f"The quality report of {identity.label}")
    )
    if found:
        raise QualityGateError(
            f"The new revision of {identity.label} is worse than the current one: {'; '.join(found)}. The current one "
            "stays. If the upstream is at fault, run it again later; to publish it all the same, use --force."
        )
