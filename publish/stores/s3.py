"""A store in an S3 bucket (AWS, Ceph, MinIO, moto): endpoint, region and credentials come from the usual AWS settings.

Integrity: every upload carries its SHA-256 as S3's own checksum and as metadata (``sha256``), which ``head`` returns.
What the server says it stored is compared with what was sent (``publish.stores.s3_proof``); a file whose arrival the
answer does not prove is read back. Objects above 64 MB go up in parts, each with its own checksum, and become visible
only when all of them are proven. A copy is compared where the server answers with its checksum, else it is taken on
trust.

Patience: a request may take 10 s to connect and 60 s between bytes; it is tried 5 times, with growing random pauses,
when the server is busy, answers 5xx, hangs or hangs up.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.loaders import create_loader
from botocore.session import get_session

from publish import keys
from publish.headers import Headers, headers_for
from publish.stores import s3_errors
from publish.stores.base import Conflict, Listed, ObjectInfo, RefusedError, S3Options, Store, Stored
from publish.stores.s3_proof import Digest, FileDigest, contradicts_parts, digest_of, proof_of, read_digest
from transforms.errors import PublicationError

logger = logging.getLogger(__name__)

MULTIPART_BYTES = 64 << 20
#: Each upload holds one part in memory.
PART_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 20
_CHECK_ATTEMPTS = 20
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


@cache
def _descriptions() -> Any:
    """What botocore knows of services and endpoints, read once a process: that is most of what a client costs."""
    return create_loader(get_session().get_config_variable("data_path"))


def _session() -> boto3.session.Session:
    """A session of its own for every store: settings and credentials are those of now."""
    session = get_session()
    session.register_component("data_loader", _descriptions())
    return boto3.session.Session(botocore_session=session)


class S3Store(Store):
    """Objects below ``prefix`` of ``bucket``. Made without talking to the server; safe to use from several threads."""

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        folder = prefix.strip("/")
        self.bucket = bucket
        self.prefix = keys.checked_prefix(f"{folder}/" if folder else "")
        self.uri = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self._placement = _placement(options)
        with self._explained("open", ""):
            self._client: Any = _session().client("s3", config=_CONFIG)

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
        digest = digest_of(data)
        with self._explained("write", key) as at:
            answer = self._client.put_object(
                **at,
                Body=data,
                ChecksumSHA256=digest.checksum,
                **condition,
                **self._description(key, digest.sha256.hex()),
            )
        if proof_of(answer, digest) is False:
            raise self._stored_other_bytes(key)
        return _unquoted(answer["ETag"])

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        """Put a local file, in parts if it is large; what the server says it stored is compared with what was sent."""
        try:
            with path.open("rb") as file:
                # The server's checksums prove the way there, this one that the file is still what was encoded.
                digest = read_digest(file, PART_BYTES)
                if digest.whole.sha256.hex() != sha256:
                    raise PublicationError(
                        f"{path} changed between encoding and storing as {key} in {self.uri}: its SHA-256 is another "
                        "one. See what else writes to the temporary folder, then run again."
                    )
                file.seek(0)
                put = self._put_parts if digest.bytes > MULTIPART_BYTES else self._put_whole
                proof = put(key, file, digest)
        except OSError as error:
            raise PublicationError(
                f"Cannot read {path} to store it as {key} in {self.uri}: {error.strerror or error}. "
                "See what else uses the temporary folder, then run again."
            ) from error
        if proof is None:
            proof = self._read_sha256(key) == sha256
        if not proof:
            # Its metadata announce the right bytes: left there, the next run would take it for the right object.
            try:
                self.delete(key)
            except RefusedError:
                self.write(key, b"")
            raise self._stored_other_bytes(key)

    def copy(self, source: str, target: str, sha256: str) -> None:
        """Copy on the server; raises Conflict if the source is not there."""
        with self._explained("write", target) as at:
            answer = self._client.copy_object(
                **at,
                CopySource={"Bucket": self.bucket, "Key": self.prefix + keys.checked_key(source)},
                MetadataDirective="REPLACE",
                ChecksumAlgorithm="SHA256",
                **self._description(target, sha256),
            )
        checksum = answer.get("CopyObjectResult", {}).get("ChecksumSHA256")
        if checksum and "-" not in checksum and checksum != Digest(bytes.fromhex(sha256), b"").checksum:
            raise PublicationError(
                f"{source} in {self.uri} has other bytes than its manifest says; they were copied to {target}. "
                "Delete both, then run again with --force."
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
                name = entry["Prefix"][len(self.prefix) + len(prefix) :].rstrip("/")
                if keys.is_key(name):
                    yield name

    def delete(self, key: str) -> None:
        """Delete the object."""
        with self._explained("delete", key) as at:
            self._client.delete_object(**at)

    def check(self) -> None:
        """Raise unless the bucket is there, takes objects, and refuses a write whose condition does not hold."""
        if self.read(keys.CHECK) is None:
            # Another publisher's check may be faster; the object is there then, which is all that is needed.
            with suppress(Conflict):
                self.write(keys.CHECK, _PROBE, if_none_match=True)
        honoured = (
            self._refuses(if_none_match=True) and self._refuses(if_match=_NO_ETAG) and self._accepts_the_current_etag()
        )
        if not honoured:
            raise PublicationError(
                f"The S3 server behind {self.uri} does not honour conditional writes (If-Match, If-None-Match), so two "
                "runs at once could lose each other's entries. Publish to a server that does, such as AWS S3 or Ceph."
            )

    def _accepts_the_current_etag(self) -> bool:
        # Not at the first attempt where others check at the same moment: S3 also answers two at once with a conflict.
        for _ in range(_CHECK_ATTEMPTS):
            probe = self.read(keys.CHECK)
            if probe is not None and not self._refuses(if_match=probe.etag):
                return True
        return False

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

    def _put_whole(self, key: str, file: BinaryIO, digest: FileDigest) -> bool | None:
        with self._explained("write", key) as at:
            answer = self._client.put_object(
                **at,
                Body=file,
                ChecksumSHA256=digest.whole.checksum,
                **self._description(key, digest.whole.sha256.hex()),
            )
        return proof_of(answer, digest.whole)

    def _put_parts(self, key: str, file: BinaryIO, digest: FileDigest) -> bool | None:
        with self._explained("write", key) as at:
            begun = self._client.create_multipart_upload(
                **at, ChecksumAlgorithm="SHA256", **self._description(key, digest.whole.sha256.hex())
            )
            request = {**at, "UploadId": begun["UploadId"]}
            try:
                proof, parts = self._send_parts(request, key, file, digest)
                answer = self._client.complete_multipart_upload(**request, MultipartUpload={"Parts": parts})
            except BaseException:
                self._abort(request, key)
                raise
        return False if contradicts_parts(answer, digest.parts) else proof

    def _send_parts(
        self, request: dict[str, Any], key: str, file: BinaryIO, digest: FileDigest
    ) -> tuple[bool | None, Sequence[dict[str, Any]]]:
        proof: bool | None = True
        parts = []
        for number, part in enumerate(digest.parts, start=1):
            answer = self._client.upload_part(
                **request, PartNumber=number, Body=file.read(PART_BYTES), ChecksumSHA256=part.checksum
            )
            proven = proof_of(answer, part)
            if proven is False:
                raise self._stored_other_bytes(key)
            proof = proof and proven
            parts.append({"ETag": answer["ETag"], "PartNumber": number, "ChecksumSHA256": part.checksum})
        return proof, parts

    def _abort(self, request: dict[str, Any], key: str) -> None:
        """Give back the room of parts that will never be an object; an error must not hide why."""
        try:
            self._client.abort_multipart_upload(**request)
        except (BotoCoreError, ClientError, HTTPClientError) as error:
            logger.warning(
                "The parts of %s that were uploaded stay in %s until a lifecycle rule removes them (%s)",
                key,
                self.uri,
                type(error).__name__,
            )

    def _read_sha256(self, key: str) -> str:
        """Return the SHA-256, in hex, of what is really there; the object is streamed."""
        digest = hashlib.sha256()
        with self._explained("read", key) as at:
            for block in self._client.get_object(**at)["Body"].iter_chunks(_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def _stored_other_bytes(self, key: str) -> PublicationError:
        return PublicationError(
            f"{self.uri} stored other bytes than were sent as {key}: the checksum it answered with is not the one of "
            "the data. Run again; if it happens again, the server or something in front of it is broken."
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
        action = f"list {prefix} in" if prefix else "list"
        with self._explained(action, ""):
            paginator = self._client.get_paginator("list_objects_v2")
            pages = iter(
                paginator.paginate(Bucket=self.bucket, Prefix=self.prefix + keys.checked_prefix(prefix), **more)
            )
        while True:
            with self._explained(action, ""):
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
            raise s3_errors.explained(error, action, key, self.uri) from s3_errors.safe_cause(error)
        except Exception as error:
            if s3_errors.is_ours(error):
                raise s3_errors.explained(error, action, key, self.uri) from s3_errors.safe_cause(error)
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
