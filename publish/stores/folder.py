"""A store in a local folder: what the demo, tests and a plain web server publish from."""

import errno
import fcntl
import hashlib
import os
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from publish import keys
from publish.headers import headers_for
from publish.stores.base import Conflict, Listed, ObjectInfo, RefusedError, Store, Stored
from transforms.errors import ParcfermeError, PublicationError

_BLOCK_BYTES = 1 << 20
_NOTHING_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_HARD_LINK = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS})
_REMEMBERED_HASHES = 4096
_SETTLED_NS = 2_000_000_000

_Signature = tuple[int, int, int, int]


class FileStore(Store):
    """Objects are files below ``root``, written to a temporary name beside their own and renamed.

    Documents are written under one lock file, so that several processes of one machine never lose an update. The
    ETag is the SHA-256 of the bytes. Hidden files (the lock, unfinished writes of a killed process) are not objects.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = root.absolute().as_uri()
        self._hashes: OrderedDict[_Signature, str] = OrderedDict()
        self._hashes_lock = threading.Lock()

    def read(self, key: str) -> Stored | None:
        """Return the whole file, or None if there is none."""
        path = self._path(key)
        with _explained("read", path):
            try:
                data = path.read_bytes()
            except _NOTHING_THERE:
                return None
        return Stored(data, hashlib.sha256(data).hexdigest())

    def read_range(self, key: str, first: int, last: int, if_match: str) -> bytes:
        """Return a part of the file; raises Conflict if it was replaced since its ETag was taken."""
        path = self._path(key)
        with _explained("read", path):
            try:
                with path.open("rb") as file:
                    if self._sha256(file) != if_match:
                        raise Conflict(key)
                    file.seek(first)
                    return file.read(last - first + 1)
            except _NOTHING_THERE as error:
                raise Conflict(key) from error

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and hash of the file; the hash is remembered for as long as the file is untouched."""
        path = self._path(key)
        with _explained("read", path):
            try:
                with path.open("rb") as file:
                    sha256 = self._sha256(file)
                    return ObjectInfo(os.fstat(file.fileno()).st_size, sha256, headers_for(key), sha256)
            except _NOTHING_THERE:
                return None

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write the file whole, under the lock; raises Conflict if a condition does not hold."""
        path = self._path(key)
        with self._locked():
            current = self.read(key) if if_match is not None or if_none_match else None
            if if_none_match and current is not None:
                raise Conflict(key)
            if if_match is not None and (current is None or current.etag != if_match):
                raise Conflict(key)
            with _explained("write", path), _replacing(path) as file:
                file.write(data)
        return hashlib.sha256(data).hexdigest()

    def upload_file(self, key: str, path: Path, sha256: str) -> None:
        """Copy a local file in, checking its hash on the way."""
        target = self._path(key)
        with (
            _explained("read", path),
            path.open("rb") as source,
            _explained("write", target),
            _replacing(target) as file,
        ):
            digest = hashlib.sha256()
            while block := source.read(_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
            if digest.hexdigest() != sha256:
                raise PublicationError(
                    f"{path} changed between encoding and storing as {key} in {self.uri}: its SHA-256 is another one. "
                    "Nothing of it was published; see what else writes to the temporary folder, then run again."
                )

    def copy(self, source: str, target: str, sha256: str) -> None:
        """Give the file a second name (a hard link; a real copy where the file system has none).

        Raises Conflict if there is no such file.
        """
        source_path, target_path = self._path(source), self._path(target)
        with _explained("write", target_path):
            temporary = _temporary_beside(target_path)
            try:
                os.link(source_path, temporary)
            except FileNotFoundError as error:
                raise Conflict(source) from error
            except OSError as error:
                if error.errno not in _NO_HARD_LINK:
                    raise
                self.upload_file(target, source_path, sha256)
                return
            try:
                temporary.replace(target_path)
            finally:
                # Renaming one name of a file over another name of the same file leaves both.
                temporary.unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield every file below the folder; hidden ones and names that cannot be keys are left out."""
        folder = self.root / keys.checked_prefix(prefix)
        with _explained("list", folder):
            for path in _files_below(folder):
                key = path.relative_to(self.root).as_posix()
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    if keys.is_key(key):
                        yield Listed(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a folder."""
        folder = self.root / keys.checked_prefix(prefix)
        with _explained("list", folder):
            try:
                names = sorted(path.name for path in folder.iterdir() if path.is_dir())
            except _NOTHING_THERE:
                return
        yield from (name for name in names if keys.is_key(name))

    def delete(self, key: str) -> None:
        """Remove the file; its folder stays, another writer may be about to use it."""
        path = self._path(key)
        with self._locked(), _explained("delete", path), suppress(*_NOTHING_THERE):
            path.unlink()

    def check(self) -> None:
        """Raise PublicationError unless a file can be made, locked and removed here."""
        with self._locked(), _explained("write", self.root):
            probe = _temporary_beside(self.root / "check")
            try:
                probe.write_bytes(b"{}")
            finally:
                probe.unlink(missing_ok=True)

    def is_own(self, key: str) -> bool:
        """Whether no symbolic link on the way to the file leads out of the root."""
        return self._path(key).resolve().is_relative_to(self.root.resolve())

    def remove_unfinished(self, before: datetime) -> int:
        """Remove the temporary files of writers that were killed before ``before``; returns how many."""
        removed = 0
        with _explained("tidy", self.root):
            for path in _files_below(self.root):
                if _TEMPORARY.fullmatch(path.name):
                    with suppress(FileNotFoundError):
                        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                            path.unlink()
                            removed += 1
        return removed

    def _path(self, key: str) -> Path:
        return self.root / keys.checked_key(key)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with _explained("write", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with _explained("lock", self.root):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _sha256(self, file: BufferedReader) -> str:
        stat = os.fstat(file.fileno())
        signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_dev)
        with self._hashes_lock:
            known = self._hashes.get(signature)
        if known is None:
            known = hashlib.file_digest(file, "sha256").hexdigest()
            if time.time_ns() - stat.st_mtime_ns < _SETTLED_NS:
                # Another file of the same size can get the same inode within one tick of the file system's clock.
                return known
            with self._hashes_lock:
                self._hashes[signature] = known
                while len(self._hashes) > _REMEMBERED_HASHES:
                    self._hashes.popitem(last=False)
        return known


#: What :func:`_temporary_beside` makes.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}")


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below ``folder``, none if there is no such folder; what may not be listed is an error."""

    def refused(error: OSError) -> None:
        if not isinstance(error, _NOTHING_THERE):
            raise error

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names))


def _temporary_beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent / f".{path.name}.{uuid.uuid4().hex}"


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of ``path`` once the block has ended without an error."""
    temporary = _temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _explained(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (ParcfermeError, Conflict):
        raise
    except OSError as error:
        kind = RefusedError if error.errno in _REFUSED else PublicationError
        raise kind(
            f"Cannot {action} {path}: {error.strerror or error}. {_advice(error, action)} What was published before is "
            "unchanged."
        ) from error


def _advice(error: OSError, action: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on that disk or choose another destination, then run again."
    if error.errno in (errno.EACCES, errno.EPERM):
        right = "read" if action in ("read", "list") else "write"
        return f"Give this user the permission to {right} there or choose another destination, then run again."
    if error.errno == errno.EROFS:
        return "The disk is read-only; mount it writable or choose another destination, then run again."
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return (
            "A file is where a folder should be (or the other way round); move it away or choose another destination."
        )
    return "Check the disk, then run again."
