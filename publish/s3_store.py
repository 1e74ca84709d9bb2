"""A store in an S3 bucket (AWS, Ceph, MinIO, moto): endpoint, region and credentials come from the usual AWS settings.

Integrity: every upload carries its SHA-256 as S3's own checksum, which the server verifies, and as metadata
(``sha256``), which ``head`` returns. Objects above 64 MB go up in parts, each with its own checksum.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from publish import keys, s3_errors
from publish.headers import Headers, headers_for
from publish.store import Conflict, Listed, ObjectInfo, S3Options, Store, Stored
from transforms.errors import PublicationError

MULTIPART_BYTES = 64 << 20
_PART_BYTES = 16 << 20
_BODY_ATTEMPTS = 3
_CONNECTIONS = 16
_NO_ETAG = "0" * 32
_PROBE = b"{}\n"

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=_CONNECTIONS,
    user_agent_appid="parcferme",
)


class S3Store(Store):
    """Objects below ``prefix`` of ``bucket``. Made without talking to the server; safe to use from several threads."""

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        folder = prefix.strip("/")
        self.bucket = bucket
        self.prefix = keys.checked_prefix(f"{folder}/" if folder else "")
        self.uri = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self._placement = _placement(options)
        with self._explained("open", ""):
            self._client: Any = boto3.session.Session().client("s3", config=_CONFIG)

    def read(self, key: str) -> Stored | None:
        """Return the whole object, or None if there is none."""
        with self._explained("read", key) as at:
            try:
                answer, data = self._get(at)
            except ClientError as error:
                if s3_errors.is_missing(error):
                    return None
                raise
        return Stored(data, _unquoted(answer["ETag"]))

    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        """Return a part of the object; raises Conflict if it was replaced since its ETag was taken."""
        with self._explained("read", key) as at:
            try:
                return self._get(at | {"Range": f"bytes={first}-{last}", "IfMatch": if_match})[1]
            except ClientError as error:
                if s3_errors.is_missing(error):
                    raise Conflict(key) from error
                raise

    def head(self, key: str) -> ObjectInfo | None:
        """Return size, ETag, headers and the recorded SHA-256."""
        with self._explained("look at", key) as at:
            try:
                answer = self._client.head_object(**at)
            except ClientError as error:
                if s3_errors.is_missing(error):
                    return None
                raise
        headers = Headers(
            answer.get("ContentType", ""), answer.get("CacheControl", ""), answer.get("ContentEncoding") or None
        )
        return ObjectInfo(
            int(answer["ContentLength"]), _unquoted(answer["ETag"]), headers, answer.get("Metadata", {}).get("sha256")
        )

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Put the object in one request; raises Conflict if a condition does not hold."""
        condition = {"IfMatch": if_match} if if_match is not None else {}
        if if_none_match:
            condition["IfNoneMatch"] = "*"
        return self._put(key, data, hashlib.sha256(data).hexdigest(), condition)

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        """Put a local file, in parts if it is large; the server checks what arrives."""
        try:
            with path.open("rb") as file:
                # The server's checksums prove the way there, this one that the file is still what was encoded.
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise PublicationError(
                        f"{path} changed between encoding and storing as {key} in {self.uri}: its SHA-256 is another "
                        "one. See what else writes to the temporary folder, then run again."
                    )
                if file.tell() > MULTIPART_BYTES:
                    self._put_parts(key, path, sha256)
                else:
                    file.seek(0)
                    self._put(key, file, sha256, {})
        except OSError as error:
            raise PublicationError(
                f"Cannot read {path} to store it as {key} in {self.uri}: {error.strerror or error}. "
                "See what else uses the temporary folder, then run again."
            ) from error

    def copy(self, source: str, target: str, sha256: str) -> None:
        """Copy on the server."""
        with self._explained("write", target) as at:
            self._client.copy_object(
                **at,
                CopySource={"Bucket": self.bucket, "Key": self.prefix + keys.checked_key(source)},
                MetadataDirective="REPLACE",
                **self._description(target, sha256),
            )

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield every object below the folder, a page of 1000 at a time."""
        for page in self._pages(prefix):
            for entry in page.get("Contents", ()):
                key = entry["Key"][len(self.prefix) :]
                if keys.is_key(key):
                    yield Listed(key, int(entry["Size"]), entry["LastModified"])

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a folder."""
        for page in self._pages(prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"][len(self.prefix) + len(prefix) :].rstrip("/")

    def delete(self, key: str) -> None:
        """Delete the object."""
        with self._explained("delete", key) as at:
            self._client.delete_object(**at)

    def check(self) -> None:
        """Raise unless the bucket is there, takes objects, and refuses a write whose condition does not hold."""
        probe = self.read(keys.CHECK)
        if probe is None:
            # Another publisher's check may be faster; the object is there then, which is all that is needed.
            with suppress(Conflict):
                self.write(keys.CHECK, _PROBE, if_none_match=True)
            probe = self.read(keys.CHECK)
        honoured = (
            probe is not None
            and self._refuses(if_none_match=True)
            and self._refuses(if_match=_NO_ETAG)
            and not self._refuses(if_match=probe.etag)
        )
        if not honoured:
            raise PublicationError(
                f"The S3 server behind {self.uri} does not honour conditional writes (If-Match, If-None-Match), so two "
                "runs at once could lose each other's entries. Publish to a server that does, such as AWS S3 or Ceph."
            )

    def _refuses(self, **condition: Any) -> bool:
        try:
            self.write(keys.CHECK, _PROBE, **condition)
        except Conflict:
            return True
        return False

    def _get(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        # The client retries a request but not a body that breaks off half way.
        attempts_left = _BODY_ATTEMPTS
        while True:
            answer = self._client.get_object(**request)
            try:
                return answer, answer["Body"].read()
            except (BotoCoreError, HTTPClientError):
                attempts_left -= 1
                if attempts_left == 0:
                    raise

    def _put(self, key: str, body: Any, sha256: str, condition: dict[str, str]) -> str:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self._explained("write", key) as at:
            answer = self._client.put_object(
                **at, Body=body, ChecksumSHA256=checksum, **condition, **self._description(key, sha256)
            )
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise PublicationError(
                f"{self.uri} stored other bytes than were sent as {key}: the checksum it answered with is not the "
                "one of the data. "
                "Run again; if it happens again, the server or something in front of it is broken."
            )
        return _unquoted(answer["ETag"])

    def _put_parts(self, key: str, path: Path, sha256: str) -> None:
        with self._explained("write", key) as at:
            self._client.upload_file(
                str(path),
                at["Bucket"],
                at["Key"],
                ExtraArgs={"ChecksumAlgorithm": "SHA256", **self._description(key, sha256)},
                Config=TransferConfig(
                    multipart_threshold=MULTIPART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=2
                ),
            )

    def _description(self, key: str, sha256: str) -> dict[str, Any]:
        headers = headers_for(key)
        encoding = {"ContentEncoding": headers.content_encoding} if headers.content_encoding else {}
        return {
            "ContentType": headers.content_type,
            "CacheControl": headers.cache_control,
            "Metadata": {"sha256": sha256},
            **encoding,
            **self._placement,
        }

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        with self._explained("list", ""):
            paginator = self._client.get_paginator("list_objects_v2")
            pages = iter(
                paginator.paginate(Bucket=self.bucket, Prefix=self.prefix + keys.checked_prefix(prefix), **more)
            )
        while True:
            with self._explained("list", ""):
                page = next(pages, None)
            if page is None:
                return
            yield page

    @contextmanager
    def _explained(self, action: str, key: str) -> Iterator[dict[str, str]]:
        """Give the bucket and full key of ``key`` to a request and turn what it raises into this project's errors."""
        at = {"Bucket": self.bucket, "Key": self.prefix + keys.checked_key(key)} if key else {}
        try:
            yield at
        except ClientError as error:
            if s3_errors.is_lost_race(error):
                raise Conflict(key) from error
            raise s3_errors.explained(error, action, key, self.uri) from error
        except Exception as error:
            if s3_errors.is_ours(error):
                raise s3_errors.explained(error, action, key, self.uri) from error
            raise


def _placement(options: S3Options) -> dict[str, str]:
    given = {
        "ServerSideEncryption": options.encryption,
        "SSEKMSKeyId": options.kms_key_id,
        "StorageClass": options.storage_class,
    }
    return {name: value for name, value in given.items() if value}


def _unquoted(etag: str) -> str:
    # Ceph wants it without the quotes in a conditional write; AWS takes both.
    return etag.strip('"')
