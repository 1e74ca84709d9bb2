"""What a user can set, from the environment or a ``.env`` file: read once, typed, never half valid."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from transforms.errors import InputError

_PREFIX = "PARCFERME_"
#: What to set instead, by field, for the message about a value that cannot be used.
_EXPECTED = {
    "destination": "file:///absolute/folder or s3://bucket/prefix",
    "archive": "file:///absolute/folder or s3://bucket/prefix",
    "public_url": "the address readers use, for example https://data.example.org/f1",
    "source": "upstream, archive or auto",
    "plan_fetches": "1 or 0",
    "cloudfront_id": "the id of a CloudFront distribution, for example E2QWRUHAPOMQZL",
    "cache_dir": "a folder that can be written",
    "offline": "1 or 0",
    "s3_encryption": "AES256 or aws:kms",
    "s3_kms_key_id": "the id or ARN of a key, with PARCFERME_S3_ENCRYPTION=aws:kms",
    "s3_storage_class": "one of S3's names, for example STANDARD_IA",
    "environment": "a short name such as staging: lower case, digits, dashes; or nothing",
    "work_pool": "the name of a work pool: letters, digits and dashes",
    "start_delay_minutes": "a number of minutes from 0 to 1440",
    "notify_webhook": "an http or https address",
    "notify_slack": "the https address of a Slack webhook",
    "notify_mail": "mailto://user:password@host:port/?to=somebody@example.org, or mailtos:// with TLS",
    "now": "an ISO 8601 time, for example 2024-03-02T18:00:00Z",
}
#: Variables other libraries read for themselves; a ``.env`` file may hold them too.
_FOREIGN_PREFIXES = ("AWS_", "F1_", "PREFECT_")
#: Set by Prefect in the process of a run that a worker has begun.
_RUN_OF_A_WORKER = "PREFECT__FLOW_RUN_ID"


def _default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "parcferme"


def _default_destination() -> str:
    return (Path.cwd() / "site").as_uri()


class Settings(BaseSettings):
    """The settings of one run.

    ``destination`` is where the site is written (``file://`` or ``s3://``), ``public_url`` where readers find it,
    ``cloudfront_id`` the CloudFront distribution to tell about a publication (None: it finds out within a minute),
    ``archive`` where raw responses are kept (``file://`` or ``s3://``, None: nowhere), apart from the destination,
    ``source`` where sessions are computed from unless somebody says otherwise (``auto``: the archive if it has the
    session), ``plan_fetches`` that planned runs fetch into the archive, which makes the runs that publish from it,
    ``cache_dir`` FastF1's cache; ``offline`` forbids every request upstream; ``now`` replaces the clock when a session
    is asked whether it has happened (the sample season lies in a year of its own). ``s3_encryption``, ``s3_kms_key_id``
    and ``s3_storage_class`` say how objects are put into a bucket; unset, the bucket's own defaults hold.

    ``environment`` tells several installations on one Prefect server, with one file of settings, apart: their
    deployments, work pool, destination and public URL bear its name.

    ``work_pool`` is Prefect's work pool whose workers do the work, ``start_delay_minutes`` how long after a session's
    end its first run is planned. ``notify_webhook``, ``notify_slack`` (addresses) and ``notify_mail`` (``mailto://``)
    are whom Prefect's automations tell when something is wrong.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    destination: str = ""
    archive: str | None = None
    source: Literal["upstream", "archive", "auto"] = "upstream"
    plan_fetches: bool = False
    public_url: str | None = None
    cloudfront_id: str | None = None
    cache_dir: Path = Path()
    offline: bool = False
    now: datetime | None = None
    s3_encryption: Literal["AES256", "aws:kms"] | None = None
    s3_kms_key_id: str | None = None
    s3_storage_class: str | None = None
    environment: str = ""
    work_pool: str = "parcferme"
    start_delay_minutes: int = Field(default=30, ge=0, le=1440)
    notify_webhook: SecretStr | None = None
    notify_slack: SecretStr | None = None
    notify_mail: SecretStr | None = None

    def model_post_init(self, _context: Any) -> None:
        """Fill the defaults that depend on where and as whom the run was started."""
        if not self.destination:
            object.__setattr__(self, "destination", _default_destination())
        if self.cache_dir == Path():
            object.__setattr__(self, "cache_dir", _default_cache_dir())
        if self.environment:
            object.__setattr__(self, "work_pool", f"{self.work_pool}-{self.environment}")
            object.__setattr__(self, "destination", f"{self.destination}/{self.environment}")
            if self.public_url:
                object.__setattr__(self, "public_url", f"{self.public_url}/{self.environment}")

    @field_validator("destination", "archive")
    @classmethod
    def _check_destination(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme == "file" and (parts.netloc not in ("", "localhost") or not parts.path.strip("/")):
            raise ValueError("a file destination needs three slashes and an absolute folder")
        if parts.scheme == "s3" and not parts.netloc:
            raise ValueError("an s3 destination needs a bucket")
        if value and parts.scheme not in ("file", "s3"):
            raise ValueError("neither file:// nor s3://")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
            raise ValueError("not an http or https address")
        return value.rstrip("/") if value else None

    @field_validator("s3_kms_key_id")
    @classmethod
    def _check_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("s3_encryption") != "aws:kms":
            raise ValueError("only aws:kms encryption has a key")
        return value

    @field_validator("s3_storage_class")
    @classmethod
    def _check_storage_class(cls, value: str | None) -> str | None:
        if value and re.fullmatch(r"[A-Z][A-Z0-9_]*", value) is None:
            raise ValueError("not the name of a storage class")
        return value

    @field_validator("environment")
    @classmethod
    def _check_environment(cls, value: str) -> str:
        if value and re.fullmatch(r"[a-z][a-z0-9-]{0,29}", value) is None:
            raise ValueError("not a short name")
        return value

    @field_validator("work_pool")
    @classmethod
    def _check_work_pool(cls, value: str) -> str:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", value) is None:
            raise ValueError("not the name of a work pool")
        return value

    @field_validator("notify_webhook", "notify_slack", "notify_mail")
    @classmethod
    def _check_address(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = ("mailto", "mailtos") if info.field_name == "notify_mail" else ("http", "https")
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in schemes or not parts.netloc:
                raise ValueError(f"not an address that begins with {schemes[0]}://")
        return value

    @field_validator("cloudfront_id")
    @classmethod
    def _check_cloudfront_id(cls, value: str | None) -> str | None:
        if value and re.fullmatch(r"[A-Z0-9]+", value) is None:
            raise ValueError("not the id of a distribution")
        return value

    @field_validator("cache_dir")
    @classmethod
    def _expand_cache_dir(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator("now")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @property
    def start_delay(self) -> timedelta:
        """How long after a session's end its first run is planned."""
        return timedelta(minutes=self.start_delay_minutes)

    def current_time(self) -> datetime:
        """Return the present moment in UTC, or the one that was set instead."""
        return self.now or datetime.now(UTC)


def read_settings() -> Settings:
    """Read the settings from the environment and, below it, a ``.env`` file in the present folder.

    :raises InputError: naming the variable whose value cannot be used; or it is a worker's run and has no destination.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        problems = [_describe(problem) for problem in error.errors()]
        raise InputError(" ".join(problems)) from error
    except OSError as error:
        raise InputError(f"The .env file of this folder cannot be read ({error}). Fix or remove it.") from error
    if "destination" not in settings.model_fields_set and _RUN_OF_A_WORKER in os.environ:
        # The present folder is made for this run and goes away with it, and so would what is published into it.
        raise InputError(
            "PARCFERME_DESTINATION is not in the environment of the worker that made this run, and a folder of its own "
            "it does not keep. Set it there, and start the worker again."
        )
    if settings.archive is not None and _overlap(settings.archive, settings.destination):
        raise InputError(
            f"PARCFERME_ARCHIVE={settings.archive} cannot be used: it and the destination {settings.destination} lie "
            "in one another, and raw data is never published. Set it to a folder or bucket of its own."
        )
    return settings


def _overlap(one: str, other: str) -> bool:
    """Whether one of two places is the other or lies inside it."""
    (root, one_parts), (other_root, other_parts) = _place(one), _place(other)
    shared = min(len(one_parts), len(other_parts))
    return root == other_root and one_parts[:shared] == other_parts[:shared]


def _place(uri: str) -> tuple[str, tuple[str, ...]]:
    """Return what cannot be left by going up (the disk, a bucket) and the folders below it, links followed."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", Path(unquote(parts.path)).resolve().parts
    return f"s3://{parts.netloc}", tuple(part for part in parts.path.split("/") if part)


def _describe(problem: Any) -> str:
    field = str(problem["loc"][0])
    variable = field if field.upper().startswith(_PREFIX) else _PREFIX + field.upper()
    name = variable.removeprefix(_PREFIX).lower()
    reason = str(problem["msg"]).removeprefix("Value error, ")
    # These addresses hold passwords or are secret themselves.
    value = "(not shown)" if name.startswith("notify_") else problem["input"]
    return f"{variable.upper()}={value!s} cannot be used: {reason}. Set it to {_EXPECTED.get(name, 'a valid value')}."


def export_foreign_variables(env_file: Path = Path(".env")) -> None:
    """Put what a ``.env`` file says for AWS, the F1 account and Prefect into the environment, where they look for it.

    Variables that are set already stay as they are. Credentials are never read by this project itself.
    """
    from dotenv import dotenv_values

    if not env_file.is_file():
        return
    for name, value in dotenv_values(env_file).items():
        if value and name.startswith(_FOREIGN_PREFIXES):
            os.environ.setdefault(name, value)
