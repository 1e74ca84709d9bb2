"""The figures of a report that are published beside the grade."""

import json

from session_data import CIRCUIT, IDENTITY_OF_SESSION, session_data

from publish.encode.session import encode_session
from publish.encode.verdict import Agreement, Findings, verdict_of

REPORT = {
    "reasons": ["coordinates cover 91.0%", "weather_data missing"],
    "lap_chart": {"crossings": 1129, "agree": 1128, "agreement": 0.99911},
    "finish_order": {"cars": 18, "agree": 16},
    "median_coverage": {"x_m": 0.91, "speed_kmh": 1.0, "rpm": 1.0},
    "rows": [{"severity": name} for name in ("info", "warning", "info", "error")],
}


def test_agreement_coverage_findings_and_one_sentence():
    made = verdict_of(REPORT)
    assert made.sentence == "Coordinates cover 91.0%; weather_data missing."
    assert (made.lap_chart, made.finish_order) == (Agreement(1129, 1128), Agreement(18, 16))
    assert made.coverage == {"x_m": 0.91, "speed_kmh": 1.0}
    assert made.findings == Findings(error=1, warning=1, info=2)


def test_what_was_not_compared_is_null_and_no_reason_is_said_too():
    made = verdict_of({**REPORT, "reasons": [], "lap_chart": {"crossings": 0, "agree": 0, "agreement": None}})
    assert made.lap_chart is None and made.sentence == "Nothing was found that could mislead."


def test_it_stands_in_the_manifest(tmp_path):
    revision = encode_session(IDENTITY_OF_SESSION, CIRCUIT, session_data(), tmp_path, made_with={"parcferme": "0"})
    verdict = json.loads(revision.manifest)["verdict"]
    assert verdict["finish_order"] == {"compared": 20, "agree": 18}
