"""The one boundary between this project and where it publishes: a few methods of one class.

What a store promises: an object is visible whole or not at all; a conditional write never loses another writer's
update; bytes handed to ``upload_file`` with their SHA-256 arrive as exactly those bytes or the call raises. What
it does not promise: that an object read later was not changed by somebody else behind its back (``verify`` is for
that).

A store gives every object the headers of ``publish.headers.headers_for``: they are a property of the key, not of
the call.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from publish.headers import Headers
from transforms.errors import PublicationError

ACCEPTED = "file:///absolute/path or s3://bucket/prefix"


class Conflict(Exception):  # noqa: N818 - an expected answer of a conditional write, not an error shown to anybody
    """Somebody else changed the object since it was read: read again, merge, try again."""


class RefusedError(PublicationError):
    """The destination is there, but does not let whoever asks do this."""


@dataclass(frozen=True)
class Stored:
    """An object's bytes and the ETag to give to a conditional write."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class ObjectInfo:
    """What is known of an object without reading it. ``sha256`` is hex, None where nobody recorded it."""

    bytes: int
    etag: str
    headers: Headers
    sha256: str | None


@dataclass(frozen=True)
class Listed:
    """One row of a listing: the key, its size and when it was last written (UTC)."""

    key: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class S3Options:
    """How objects are put into a bucket; None leaves it to the bucket's own defaults.

    ``encryption`` is ``AES256`` or ``aws:kms``, ``kms_key_id`` the key of the latter, ``storage_class`` S3's name
    of it.
    """

    encryption: str | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None


class Store(ABC):
    """Where published objects live. Every method raises PublicationError or InputError if something goes wrong."""

    #: The destination as messages name it; holds no credential.
    uri: str

    @abstractmethod
    def read(self, key: str) -> Stored | None:
        """Return the whole object, or None if there is none."""

    @abstractmethod
    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        """Return bytes ``first`` to ``last`` (both included); Conflict if the ETag is not ``if_match`` any more."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of the object, or None if there is none."""

    @abstractmethod
    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write a small object and return its ETag.

        With ``if_match`` only over the object with that ETag, with ``if_none_match`` only where there is none;
        else Conflict.
        """

    @abstractmethod
    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        """Write a local file of any size; raises PublicationError if its bytes do not have this hex SHA-256."""

    @abstractmethod
    def copy(self, source: str, target: str, sha256: str) -> None:
        """Copy inside the store, without moving bytes through this machine. ``sha256`` is the source's, in hex.

        Raises Conflict if the source is not there any more.
        """

    @abstractmethod
    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield every object below the folder ``prefix`` (empty or ending with a slash), in no particular order."""

    @abstractmethod
    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the names (without slashes) of the folders directly below ``prefix``, in no particular order."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete the object; nothing happens if there is none."""

    @abstractmethod
    def check(self) -> None:
        """Raise InputError or PublicationError unless this can be written to and honours conditional writes."""

    def is_own(self, key: str) -> bool:
        """Whether what is at ``key``, if anything, lies in the store itself and not behind a link out of it."""
        return True

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what writers that were killed before ``before`` left and no listing shows; returns how many files.

        Nothing by default: in a bucket a lifecycle rule ends unfinished uploads.
        """
        return 0
