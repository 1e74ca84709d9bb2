"""Proof that an S3 server has stored the bytes that were sent: what it answers, held against what was computed here.

AWS answers with the SHA-256 it computed itself. Servers that do not know S3's checksums (Ceph, moto) answer with an
ETag that is the MD5 of the bytes. Where neither is there (a key of one's own without checksums), nothing is proven
and the caller has to read the object back.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

_MD5 = re.compile(r"[0-9a-f]{32}")
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Digest:
    """SHA-256 and MD5 of some bytes; MD5 only to be compared with what a server says."""

    sha256: bytes
    md5: bytes

    @property
    def checksum(self) -> str:
        """The SHA-256 as S3 writes it."""
        return base64.b64encode(self.sha256).decode()


@dataclass(frozen=True)
class FileDigest:
    """Digests of a file of ``bytes`` bytes: of the whole, and of each part of it."""

    bytes: int
    whole: Digest
    parts: tuple[Digest, ...]


def digest_of(data: bytes) -> Digest:
    """Return the digest of ``data``."""
    return Digest(hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest())


def read_digest(file: BinaryIO, part_bytes: int) -> FileDigest:
    """Read ``file`` from here to its end and return its digests; the last part may be shorter, none is empty."""
    whole_sha256, whole_md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    part_sha256, part_md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    parts: list[Digest] = []
    size = in_part = 0
    while block := file.read(min(_BLOCK_BYTES, part_bytes - in_part)):
        for algorithm in (whole_sha256, whole_md5, part_sha256, part_md5):
            algorithm.update(block)
        size, in_part = size + len(block), in_part + len(block)
        if in_part == part_bytes:
            parts.append(Digest(part_sha256.digest(), part_md5.digest()))
            part_sha256, part_md5, in_part = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    if in_part:
        parts.append(Digest(part_sha256.digest(), part_md5.digest()))
    return FileDigest(size, Digest(whole_sha256.digest(), whole_md5.digest()), tuple(parts))


def proof_of(answer: Mapping[str, Any], digest: Digest) -> bool | None:
    """Whether the answer to an upload shows that these bytes were stored; None if it shows nothing."""
    if checksum := answer.get("ChecksumSHA256"):
        return bool(checksum == digest.checksum)
    etag = str(answer.get("ETag", "")).strip('"')
    if answer.get("ServerSideEncryption", "AES256") == "AES256" and _MD5.fullmatch(etag):
        return etag == digest.md5.hex()
    return None


def contradicts_parts(answer: Mapping[str, Any], parts: tuple[Digest, ...]) -> bool:
    """Whether the checksum a server gives an object made of ``parts`` is another one than theirs (none: no)."""
    checksum = str(answer.get("ChecksumSHA256") or "")
    if "-" not in checksum:
        return False
    together = hashlib.sha256(b"".join(part.sha256 for part in parts)).digest()
    return checksum != f"{base64.b64encode(together).decode()}-{len(parts)}"
