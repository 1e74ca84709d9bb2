"""Encryption and storage class of a bucket's objects, from the environment to the store."""

import pytest

from flows import destination
from flows.destination import open_destination
from flows.settings import read_settings
from publish.stores.base import S3Options
from transforms.errors import InputError


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> list[S3Options]:
    """The options stores are opened with."""
    seen: list[S3Options] = []
    monkeypatch.setattr(destination, "open_store", lambda uri, options: seen.append(options))
    monkeypatch.setenv("PARCFERME_DESTINATION", "s3://bucket/prefix")
    return seen


def test_the_bucket_decides_unless_told(options: list[S3Options]) -> None:
    open_destination(read_settings())
    assert options == [S3Options(None, None, None)]


def test_encryption_key_and_storage_class(options: list[S3Options], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCFERME_S3_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("PARCFERME_S3_KMS_KEY_ID", "alias/races")
    monkeypatch.setenv("PARCFERME_S3_STORAGE_CLASS", "STANDARD_IA")
    open_destination(read_settings())
    assert options == [S3Options("aws:kms", "alias/races", "STANDARD_IA")]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PARCFERME_S3_ENCRYPTION", "rot13", "AES256 or aws:kms"),
        ("PARCFERME_S3_KMS_KEY_ID", "alias/races", "PARCFERME_S3_ENCRYPTION=aws:kms"),
        ("PARCFERME_S3_STORAGE_CLASS", "cheap one", "STANDARD_IA"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"{name}.*{words}"):
        read_settings()
