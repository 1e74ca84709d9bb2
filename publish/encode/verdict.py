"""The verdict on a session's data in figures that can be compared: in manifest, ``latest.json`` and season index."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from publish.structs import Count, Part, about

_SEVERITIES = ("error", "warning", "info")


class Agreement(Part):
    """How many of what was compared agree."""

    compared: Count
    agree: Count


class Findings(Part):
    """How many findings the quality report has, by severity; what it says of coverage is no finding."""

    error: Count
    warning: Count
    info: Count


class Verdict(Part):
    """What is known of how true a session's data is."""

    sentence: Annotated[str, about("Why the grade is no better, in one sentence")]
    lap_chart: Annotated[Agreement | None, about("Order on track at every crossing of the line; null without one")]
    finish_order: Annotated[
        Agreement | None, about("Classified cars whose order across the line is that of the result, penalties allowed")
    ]
    coverage: Annotated[dict[str, float], about("Median over cars of the share of ticks with a value, by column")]
    findings: Findings


def verdict_of(report: Mapping[str, Any]) -> Verdict:
    """Return the figures of the report that :mod:`transforms.quality` makes."""
    severities = Counter(finding["severity"] for finding in report["rows"])
    return Verdict(
        sentence=_sentence(report["reasons"]),
        lap_chart=_agreement(report["lap_chart"]["crossings"], report["lap_chart"]["agree"]),
        finish_order=_agreement(report["finish_order"]["cars"], report["finish_order"]["agree"]),
        coverage={name: report["median_coverage"][name] for name in ("x_m", "speed_kmh")},
        findings=Findings(**{severity: severities[severity] for severity in _SEVERITIES}),
    )


def _agreement(compared: int, agree: int) -> Agreement | None:
    return Agreement(compared, agree) if compared else None


def _sentence(reasons: Sequence[str]) -> str:
    text = "; ".join(reasons) or "nothing was found that could mislead"
    return f"{text[0].upper()}{text[1:]}."
