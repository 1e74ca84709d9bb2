from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from publish.headers import SHORT, headers_for
from publish.live.invalidation import invalidate, replaced_paths
from transforms.errors import InputError, PublicationError

OBJECTS = (
    "manifest.json",
    "frames/25/0000.json.gz",
    "overview.json.gz",
    "parquet/laps.parquet",
    "parquet/results.parquet",
    "rows/skip_1.json.gz",
    "rows/skip_2.json.gz",
)


@pytest.fixture
def distribution(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    with mock_aws():
        made = boto3.client("cloudfront", region_name="us-east-1").create_distribution(
            DistributionConfig={
                "CallerReference": "one",
                "Comment": "",
                "Enabled": True,
                "Origins": {
                    "Quantity": 1,
                    "Items": [
                        {
                            "Id": "site",
                            "DomainName": "f1-site.s3.us-east-1.amazonaws.com",
                            "S3OriginConfig": {"OriginAccessIdentity": ""},
                        }
                    ],
                },
                "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https"},
            }
        )
        yield made["Distribution"]["Id"]


def race(**changed: object) -> list[str]:
    of = {"year": 2024, "round_number": 1, "code": "R", "session_key": 9472}
    return replaced_paths(OBJECTS, **(of | changed))  # type: ignore[arg-type]


def test_only_what_is_replaced_is_named() -> None:
    assert race() == [
        "/index.json",
        "/telemetry/2024/1/*",
        "/v1/catalog.*",
        "/v1/changes.*",
        "/v1/croissant.json",
        "/v1/csv/*",
        "/v1/datapackage.json",
        "/v1/files/2024.json",
        "/v1/parquet/all/*",
        "/v1/parquet/laps/2024/9472.parquet",
        "/v1/parquet/results/2024/9472.parquet",
        "/v1/parquet/season/*",
        "/v1/seasons/2024.json",
        "/v1/sessions/9472/latest.json",
    ]
    assert {headers_for(path[1:]).cache_control for path in race()} == {SHORT}
    assert not [path for path in race(code="Q") if path.startswith("/telemetry")]


def test_an_asterisk_only_stands_at_the_end_where_cloudfront_allows_it() -> None:
    assert all("*" not in path[:-1] for path in race())


def test_cloudfront_gets_the_paths_below_the_base(distribution: str) -> None:
    invalidate(distribution, race(), "/f1")
    client = boto3.client("cloudfront", region_name="us-east-1")
    (listed,) = client.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    batch = client.get_invalidation(DistributionId=distribution, Id=listed["Id"])["Invalidation"]["InvalidationBatch"]
    assert batch["Paths"] == {"Quantity": 14, "Items": [f"/f1{path}" for path in race()]}


def test_two_publications_are_two_invalidations(distribution: str) -> None:
    assert invalidate(distribution, race()) != invalidate(distribution, race())


@pytest.mark.parametrize("path", ["/v1/status/2024/1/R.json", "/v1/sessions/9472/0123456789abcdef/manifest.json"])
def test_what_is_immutable_or_never_cached_is_refused(path: str) -> None:
    with pytest.raises(PublicationError, match="not a short-lived document"):
        invalidate("E1", [path])


def test_a_distribution_that_is_not_there(distribution: str) -> None:
    with pytest.raises(InputError, match="PARCFERME_CLOUDFRONT_ID"):
        invalidate("ENOTTHERE", race())


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9"])
def test_no_answer_says_that_the_publication_is_complete(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    with pytest.raises(PublicationError, match="What was published is complete") as caught:
        invalidate("E1", race())
    assert "canary" not in str(caught.value)
