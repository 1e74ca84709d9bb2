"""What an encoded session consists of, between the encoders and the stores."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EncodedObject:
    """One encoded object on local disk, ready to be stored.

    ``path`` is relative to the revision; ``bytes`` and ``sha256`` are of the encoded file (what a client downloads);
    ``content_sha256`` is of what a reader gets after decoding and does not depend on compressor versions.
    ``fps``, ``start_ms``, ``end_ms``, ``rows`` are set where they mean something.
    """

    path: str
    kind: str
    file: Path
    bytes: int
    sha256: str
    content_sha256: str
    content_type: str
    content_encoding: str | None
    fps: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class EncodedRevision:
    """A whole encoded session: its name (hashes of content and of bytes), its manifest document and its objects."""

    session_key: int
    revision: str
    manifest: bytes
    objects: tuple[EncodedObject, ...]
