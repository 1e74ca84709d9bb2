"""The quality gate: a new revision that is worse than the current one beyond stated limits is not made current.

Upstreams lose data they once had. A run that gets less than what is published must not replace it unasked.
"""

import gzip
from collections.abc import Mapping
from typing import Any

import orjson

from publish import keys
from publish.encode.objects import EncodedRevision
from publish.revisions.latest import Latest, read_latest
from publish.stores.base import Store
from transforms.errors import QualityGateError
from transforms.recording import SessionIdentity

#: What a new revision may lose against the current one: letters of the grade (one is let pass), share of the laps,
#: points of median coverage, points of agreement with the lap chart. Of the cars none may go.
MAX_GRADE_LOSS = 1
MAX_LAPS_LOSS = 0.02
MAX_COVERAGE_LOSS = 0.05
MAX_AGREEMENT_LOSS = 0.01
_GATED_COVERAGE = {"x_m": "coordinates", "speed_kmh": "speed"}
_REPORT = "quality.json.gz"

Report = Mapping[str, Any]


def losses(current: Report, new: Report) -> list[str]:
    """Return in words what ``new`` loses against ``current`` beyond the limits; empty when it may replace it.

    Both are quality reports; what one of them does not state is not compared.
    """
    found = []
    if ord(new["grade"]) - ord(current["grade"]) > MAX_GRADE_LOSS:
        found.append(f"the grade falls from {current['grade']} to {new['grade']}")
    if new.get("cars", 0) < current.get("cars", 0):
        found.append(f"cars fall from {current['cars']} to {new['cars']}")
    if new.get("laps", 0) < current.get("laps", 0) * (1 - MAX_LAPS_LOSS):
        found.append(f"laps fall from {current['laps']} to {new['laps']}")
    for channel, name in _GATED_COVERAGE.items():
        before = current.get("median_coverage", {}).get(channel, 0.0)
        after = new.get("median_coverage", {}).get(channel, 0.0)
        if after < before - MAX_COVERAGE_LOSS:
            found.append(f"{name} cover {after:.1%} instead of {before:.1%}")
    before, after = (report.get("lap_chart", {}).get("agreement") for report in (current, new))
    if before is not None and after is not None and after < before - MAX_AGREEMENT_LOSS:
        found.append(f"the order agrees with the lap chart at {after:.1%} instead of {before:.1%}")
    return found


def read_current_report(store: Store, session_key: int) -> Report | None:
    """Return the quality report of the current revision, None where there is none."""
    latest = read_latest(store, session_key)
    return None if latest is None else _read_report(store, latest)


def _read_report(store: Store, latest: Latest) -> Report | None:
    stored = store.read(keys.revision_object(latest.session_key, latest.revision, _REPORT))
    return None if stored is None else orjson.loads(gzip.decompress(stored.data))


def check_gate(store: Store, encoded: EncodedRevision, identity: SessionIdentity, latest: Latest) -> None:
    """Compare an encoded revision with the one that is current by ``latest``.

    :raises QualityGateError: it is worse beyond the limits.
    """
    report = next((item for item in encoded.objects if item.path == _REPORT), None)
    current = None if report is None else _read_report(store, latest)
    if report is None or current is None:
        return
    found = losses(current, orjson.loads(gzip.decompress(report.file.read_bytes())))
    if found:
        raise QualityGateError(
            f"The new revision of {identity.label} is worse than the current one: {'; '.join(found)}. The current one "
            "stays. If the upstream is at fault, run it again later; to publish it all the same, use --force."
        )
