"""Stores that fail or are watched, for tests: hand-written, on top of a real one."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from publish import keys
from publish.encode.manifest import Manifest
from publish.stores.base import Listed, ObjectInfo, Store, Stored
from publish.structs import decode_document

Result = TypeVar("Result")
WRITING = frozenset({"write", "upload_file", "copy", "delete"})


class KilledError(BaseException):
    """The publisher's process is gone: nothing that handles an Exception is run any more."""


class WatchedStore(Store):
    """Remembers every request and asks ``before`` / ``after`` what to do around it (they may raise)."""

    def __init__(
        self,
        inner: Store,
        before: Callable[[str, str], None] = lambda request, key: None,
        after: Callable[[str, str], None] = lambda request, key: None,
    ) -> None:
        self.inner = inner
        self.uri = inner.uri
        self.requests: list[tuple[str, str]] = []
        self._before, self._after = before, after

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [row for row in self.requests if row[0] in WRITING]

    def _do(self, request: str, key: str, call: Callable[[], Result]) -> Result:
        self.requests.append((request, key))
        self._before(request, key)
        result = call()
        self._after(request, key)
        return result

    def read(self, key: str) -> Stored | None:
        return self._do("read", key, lambda: self.inner.read(key))

    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        return self._do("read_range", key, lambda: self.inner.read_range(key, first, last, if_match))

    def head(self, key: str) -> ObjectInfo | None:
        return self._do("head", key, lambda: self.inner.head(key))

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        return self._do(
            "write", key, lambda: self.inner.write(key, data, if_match=if_match, if_none_match=if_none_match)
        )

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        self._do("upload_file", key, lambda: self.inner.upload_file(key, path, sha256))

    def copy(self, source: str, target: str, sha256: str) -> None:
        self._do("copy", target, lambda: self.inner.copy(source, target, sha256))

    def list(self, prefix: str) -> Iterator[Listed]:
        return iter(self._do("list", prefix, lambda: list(self.inner.list(prefix))))

    def list_folders(self, prefix: str) -> Iterator[str]:
        return iter(self._do("list_folders", prefix, lambda: list(self.inner.list_folders(prefix))))

    def delete(self, key: str) -> None:
        self._do("delete", key, lambda: self.inner.delete(key))

    def check(self) -> None:
        self._do("check", "", self.inner.check)


def killed_at(inner: Store, request_number: int, *, done: bool) -> WatchedStore:
    """A store whose user is killed at a request, from 0: just before it, or (``done``) just after it took effect."""
    lock = threading.Lock()
    begun = ended = 0

    def before(request: str, key: str) -> None:
        nonlocal begun
        with lock:
            number, begun = begun, begun + 1
        if number > request_number or (number == request_number and not done):
            raise KilledError(f"before {request} {key}")

    def after(request: str, key: str) -> None:
        nonlocal ended
        with lock:
            number, ended = ended, ended + 1
        if number >= request_number:
            raise KilledError(f"after {request} {key}")

    return WatchedStore(inner, before, after)


def check_readers_view(store: Store) -> set[str]:
    """Follow every link from every document there is; returns what was reached, fails where a reader would stumble."""
    reached: set[str] = set()
    root = store.read(keys.INDEX)
    if root is not None:
        reached.add(keys.INDEX)
        for season in decode_document(root.data, dict, keys.INDEX)["seasons"]:
            assert store.read(season["index"]) is not None, f"index.json links {season['index']}"
    for row in list(store.list("v1/seasons/")):
        reached |= _check_season(store, row.key)
    for session_key in list(store.list_folders(keys.SESSIONS)):
        latest_key = keys.latest(int(session_key))
        latest = store.read(latest_key)
        if latest is not None:
            document = decode_document(latest.data, dict, latest_key)
            folder = latest_key.removesuffix("latest.json")
            reached |= {latest_key} | _check_manifest(store, folder + document["manifest"], document["revision"])
    return reached


def _check_season(store: Store, key: str) -> set[str]:
    reached = {key}
    stored = store.read(key)
    assert stored is not None
    for event in decode_document(stored.data, dict, key)["events"]:
        for session in event["sessions"]:
            assert (session["state"] == "published") == (session["manifest"] is not None)
            if session["manifest"]:
                reached |= _check_manifest(store, session["manifest"], session["revision"])
                assert store.read(keys.latest(session["session_key"])) is not None
    return reached


def _check_manifest(store: Store, key: str, revision: str) -> set[str]:
    stored = store.read(key)
    assert stored is not None, f"{key} is linked and not there"
    manifest = decode_document(stored.data, Manifest, key)
    assert manifest.revision == revision
    folder = key.removesuffix("manifest.json")
    for item in manifest.objects:
        found = store.read(folder + item.path)
        assert found is not None, f"{item.path} is in {key} and not in the store"
        assert item.has_hash(hashlib.sha256(found.data).hexdigest())
    return {key} | {folder + item.path for item in manifest.objects}


def check_copies(store: Store, session_key: int, targets: dict[str, str]) -> None:
    """Check that stable copies (target key to path in the revision) are those of the current revision."""
    latest_key = keys.latest(session_key)
    latest = decode_document(store.read(latest_key).data, dict, latest_key)  # type: ignore[union-attr]
    for target, path in targets.items():
        copied, source = store.read(target), store.read(keys.revision_object(session_key, latest["revision"], path))
        assert source is not None
        assert copied is not None and copied.data == source.data, f"{target} is not {path} of {latest['revision']}"
