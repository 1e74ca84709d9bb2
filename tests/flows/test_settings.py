from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.settings import export_foreign_variables, read_settings
from transforms.errors import InputError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DESTINATION", "PUBLIC_URL", "CACHE_DIR", "OFFLINE", "NOW"):
        monkeypatch.delenv(f"PARCFERME_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_site_folder_here_and_a_cache_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    settings = read_settings()
    assert settings.destination == (tmp_path / "site").as_uri()
    assert settings.cache_dir == tmp_path / "caches" / "parcferme"
    assert settings.offline is False
    assert settings.public_url is None
    assert abs((settings.current_time() - datetime.now(UTC)).total_seconds()) < 5


def test_a_run_of_a_worker_publishes_into_no_folder_that_goes_away_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "c0ba88a7-9e3e-4ae7-8ffd-35a6bd24db9f")
    with pytest.raises(InputError, match="PARCFERME_DESTINATION is not in the environment of the worker"):
        read_settings()
    monkeypatch.setenv("PARCFERME_DESTINATION", "s3://bucket/site")
    assert read_settings().destination == "s3://bucket/site"


def test_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PARCFERME_OFFLINE=1\nPARCFERME_DESTINATION=s3://from-file/x\nOTHER=1\n")
    monkeypatch.setenv("PARCFERME_DESTINATION", "s3://from-env/site/")
    settings = read_settings()
    assert settings.offline is True
    assert settings.destination == "s3://from-env/site"


def test_the_clock_can_be_set_and_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCFERME_NOW", "2024-03-02T18:00:00+03:00")
    assert read_settings().current_time() == datetime(2024, 3, 2, 15, tzinfo=UTC)
    monkeypatch.setenv("PARCFERME_NOW", "2024-03-02T18:00:00")
    assert read_settings().current_time() == datetime(2024, 3, 2, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("PARCFERME_DESTINATION", "ftp://host/x", "s3://bucket/prefix"),
        ("PARCFERME_DESTINATION", "./site", "file:///absolute/folder"),
        ("PARCFERME_DESTINATION", "file://relative/site", "three slashes"),
        ("PARCFERME_DESTINATION", "s3:///prefix", "needs a bucket"),
        ("PARCFERME_PUBLIC_URL", "data.example.org", "https://"),
        ("PARCFERME_OFFLINE", "perhaps", "1 or 0"),
        ("PARCFERME_NOW", "yesterday", "ISO 8601"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, hint: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        read_settings()
    assert f"{variable}={value}" in str(caught.value)
    assert hint in str(caught.value)


def test_the_env_file_feeds_other_libraries_but_never_overrides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("AWS_ENDPOINT_URL=http://127.0.0.1:1\nAWS_REGION=there\nHOME=/nowhere\n")
    monkeypatch.setenv("AWS_REGION", "here")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("HOME", str(tmp_path))
    export_foreign_variables()
    import os

    try:
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
        assert os.environ["AWS_REGION"] == "here"
        assert os.environ["HOME"] == str(tmp_path)
    finally:
        os.environ.pop("AWS_ENDPOINT_URL", None)
