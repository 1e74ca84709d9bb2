import logging
from types import SimpleNamespace

import pytest
from session_data import IDENTITY_OF_SESSION

from flows.session import cdn
from flows.settings import read_settings
from publish.live import invalidation
from transforms.errors import PublicationError

OBJECTS = [SimpleNamespace(path="rows/skip_1.json.gz")]
logger = logging.getLogger("test")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    calls: list[tuple] = []
    monkeypatch.setattr(invalidation, "invalidate", lambda *given: calls.append(given) or "I1")
    return calls


def tell() -> None:
    cdn.tell_cdn(read_settings(), IDENTITY_OF_SESSION, OBJECTS, logger)  # type: ignore[arg-type]


def test_without_a_distribution_nobody_is_told(told: list[tuple]) -> None:
    tell()
    assert told == []


def test_a_distribution_is_told_below_the_public_url(monkeypatch: pytest.MonkeyPatch, told: list[tuple]) -> None:
    monkeypatch.setenv("PARCFERME_CLOUDFRONT_ID", "E2QWRUHAPOMQZL")
    monkeypatch.setenv("PARCFERME_PUBLIC_URL", "https://data.example.org/f1/")
    tell()
    ((distribution, paths, base),) = told
    assert (distribution, base) == ("E2QWRUHAPOMQZL", "/f1")
    assert {"/index.json", "/v1/sessions/9472/latest.json", "/telemetry/2024/1/*"} <= set(paths)


def test_a_failure_warns_and_does_not_fail_the_publication(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> str:
        raise PublicationError("CloudFront refuses. Grant cloudfront:CreateInvalidation.")

    monkeypatch.setattr(invalidation, "invalidate", refuse)
    monkeypatch.setenv("PARCFERME_CLOUDFRONT_ID", "E2QWRUHAPOMQZL")
    tell()
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "CloudFront refuses. Grant cloudfront:CreateInvalidation.")
    ]
