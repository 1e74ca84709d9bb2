"""What a season costs, computed from measured bytes."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from delivered import DELIVERED

_SPEC = importlib.util.spec_from_file_location("costs", DELIVERED / "costs.py")
assert _SPEC is not None and _SPEC.loader is not None
costs = importlib.util.module_from_spec(_SPEC)
sys.modules["costs"] = costs
_SPEC.loader.exec_module(costs)

RACE = costs.Sizes(stored=100e6, objects=400, replayed=5e6, requests=100)
SHORT = costs.Sizes(stored=50e6, objects=200, replayed=2e6, requests=50)
PRICES = costs.Prices(
    s3_gb=0.02, cloudfront_gb=0.1, cloudfront_million=1.0, s3_million_reads=0.5, r2_gb=0.01, r2_million_reads=0.4,
    machine_month=7.0, cached=0.5,
)  # fmt: skip
LIKE = {code: "Q" for code in costs.SEASON if code not in ("R", "Q")}


def test_a_season_is_the_sum_of_its_sessions() -> None:
    sizes = costs.complete({"R": RACE, "Q": SHORT}, LIKE)
    assert costs.season_of(sizes) == (24 * 100e6 + 96 * 50e6, 24 * 400 + 96 * 200)
    assert sum(costs.SEASON.values()) == 120


def test_a_month_is_storage_what_is_sent_and_what_is_asked_for() -> None:
    found = costs.monthly(10e9, RACE, 1000, PRICES)
    # 10 GB kept; 5 GB sent; 100,000 requests, of which the CDN has half.
    assert found["S3 and CloudFront"] == pytest.approx(0.2 + 0.5 + 0.1 + 0.025)
    assert found["R2"] == pytest.approx(0.1 + 0.02)
    assert found["one machine with nginx"] == 7.0


def test_what_was_not_measured_has_to_be_like_something() -> None:
    with pytest.raises(SystemExit, match="No Q is published there"):
        costs.complete({"R": RACE}, {})


def test_the_page_says_the_prices_it_was_made_with() -> None:
    said = (DELIVERED / "docs" / "costs.md").read_text()
    given = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", said, re.MULTILINE))
    assert given == {name: f"{value:g}" for name, value in vars(costs.Prices()).items()}


def test_a_published_site_is_measured(sample_site: Path) -> None:
    from flows.sample import SAMPLE_YEAR
    from flows.session.direct import publish_directly
    from flows.session.steps import Request

    report = publish_directly(SAMPLE_YEAR, "1", "FP1", Request())
    measured = costs.measure(costs.open_store(sample_site.as_uri()))
    assert set(measured) == {"FP1"} and report.bytes is not None
    # The revision and the copies of its tables; a replay is a part of it.
    assert report.bytes < measured["FP1"].stored < 2 * report.bytes
    assert measured["FP1"].replayed < measured["FP1"].stored
    files = [path for path in sample_site.rglob("*") if path.is_file()]
    assert measured["FP1"].objects < len(files)
