"""A store in memory that answers as S3 does at its worst that is still right: listings come page by page, ETags follow
from the bytes, so that a document that comes back to old bytes has its old ETag again.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from publish import keys
from publish.headers import headers_for
from publish.stores.base import Conflict, Listed, ObjectInfo, Store, Stored
from transforms.errors import PublicationError

#: Rows of a listing that are of one moment; S3 has 1000, a session has about 300 objects.
_PAGE = 6
_headers = cache(headers_for)


@dataclass(frozen=True)
class Held:
    """One object; ``sha256`` is also its ETag."""

    data: bytes
    sha256: str
    modified: datetime


@dataclass
class MemoryStore(Store):
    """Objects by key. Every method is one step and no other request comes between its parts.

    ``version`` rises whenever an object changes, comes or goes. ``clock`` dates what is written.
    """

    clock: Callable[[], datetime]
    objects: dict[str, Held] = field(default_factory=dict)
    version: int = 0
    uri: str = "memory:"

    def read(self, key: str) -> Stored | None:
        held = self.objects.get(keys.checked_key(key))
        return None if held is None else Stored(held.data, held.sha256)

    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        held = self.objects.get(keys.checked_key(key))
        if held is None or held.sha256 != if_match:
            raise Conflict(key)
        return held.data[first : last + 1]

    def head(self, key: str) -> ObjectInfo | None:
        held = self.objects.get(keys.checked_key(key))
        return None if held is None else ObjectInfo(len(held.data), held.sha256, _headers(key), held.sha256)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        held = self.objects.get(keys.checked_key(key))
        if (if_none_match and held is not None) or (if_match is not None and (held is None or held.sha256 != if_match)):
            raise Conflict(key)
        return self._put(key, data)

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PublicationError(f"{path} has not the bytes it was announced with.")
        self._put(keys.checked_key(key), data)

    def copy(self, source: str, target: str, sha256: str) -> None:
        held = self.objects.get(keys.checked_key(source))
        if held is None:
            raise Conflict(source)
        self._put(keys.checked_key(target), held.data)
        if held.sha256 != sha256:
            raise PublicationError(f"{source} has other bytes than its manifest says; they were copied to {target}.")

    def list(self, prefix: str) -> Iterator[Listed]:
        after = ""
        while page := self.list_page(prefix, after):
            yield from page
            after = page[-1].key

    def list_page(self, prefix: str, after: str) -> Sequence[Listed]:
        """Return the next rows of a listing, those after the key ``after``."""
        start = keys.checked_prefix(prefix)
        found = sorted(key for key in list(self.objects) if key.startswith(start) and key > after)
        return [Listed(key, len(held.data), held.modified) for key in found[:_PAGE] for held in [self.objects[key]]]

    def list_folders(self, prefix: str) -> Iterator[str]:
        start = len(keys.checked_prefix(prefix))
        found = {key[start:].partition("/") for key in list(self.objects) if key.startswith(prefix)}
        return iter(sorted({name for name, slash, _ in found if slash}))

    def delete(self, key: str) -> None:
        if self.objects.pop(keys.checked_key(key), None) is not None:
            self.version += 1

    def check(self) -> None:
        return None

    def _put(self, key: str, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects[key] = Held(data, sha256, self.clock())
        self.version += 1
        return sha256
