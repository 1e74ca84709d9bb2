"""One file that holds raw responses: a tar of plain members, compressed with zstd, that proves itself.

The first member, ``index.json``, says of every other one where it came from (URL, status, time), how many bytes it has
and their SHA-256. Nothing in it is code, or is run when it is read. The same members give the same bytes. Python 3.11
knows no zstd; pyarrow does. It is compressed in blocks of 8 MB, one zstd frame each, so that memory is bounded by the
block and ``zstd -d`` and ``tar`` read it too.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import orjson
import pyarrow as pa

from transforms.errors import UpstreamError

SCHEMA = "parcferme/raw/2"
_PICKLED_SCHEMA = "parcferme/raw/1"
_INDEX = "index.json"
_BLOCK_BYTES = 8 << 20
_LEVEL = 3
_INDEX_LIMIT_BYTES = 1 << 20
#: What is taken out of an archive at most: members, bytes, and bytes for each one of the file, which small ones need
#: not keep to. A race has some 16 responses of 70 MB in all, three times the size of their archive.
_MOST_MEMBERS, _MOST_BYTES, _MOST_EXPANSION, _ANY_EXPANSION_BYTES = 100, 2 << 30, 100, 64 << 20
#: The only names a member may have: nothing absolute, hidden or nested can be written anywhere.
_MEMBER = re.compile(r"responses/[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}")
_RESPONSES = "responses/"


@dataclass(frozen=True)
class Response:
    """What an address answered: the body as it came, in a file or in memory, and when (ISO 8601)."""

    body: Path | bytes
    url: str
    status: int
    fetched_at: str | None


@dataclass(frozen=True)
class _Member:
    bytes: int
    sha256: str


def hash_responses(responses: Mapping[str, Response]) -> str:
    """Return the SHA-256 over names and bodies alone: the same where the same was answered, whenever and wherever.

    :raises OSError: a body cannot be read.
    """
    return _hash_listed({name: _describe(responses[name].body) for name in sorted(responses)})


def _hash_listed(listed: Mapping[str, _Member]) -> str:
    lines = "".join(f"{name.removeprefix(_RESPONSES)} {listed[name].sha256}\n" for name in sorted(listed))
    return hashlib.sha256(lines.encode()).hexdigest()


def write_archive(path: Path, about: Mapping[str, Any], responses: Mapping[str, Response]) -> str:
    """Write ``responses`` by name and what is said ``about`` them; return the file's SHA-256.

    What was written is read back and proved.

    :raises UpstreamError: a body changed while it was read.
    :raises OSError: a body cannot be read or ``path`` not be written.
    """
    members = {f"{_RESPONSES}{name}": responses[name] for name in sorted(responses)}
    listed = {name: _describe(response.body) for name, response in members.items()}
    index = {
        **about,
        "schema": SCHEMA,
        "responses_sha256": _hash_listed(listed),
        "members": [
            {
                "name": name,
                "url": response.url,
                "status": response.status,
                "fetched_at": response.fetched_at,
                "bytes": listed[name].bytes,
                "sha256": listed[name].sha256,
            }
            for name, response in members.items()
        ],
    }
    with path.open("wb") as file:
        compressor = _Compressor(file)
        with tarfile.open(fileobj=compressor, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
            _add(tar, _INDEX, orjson.dumps(index, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
            for name, response in members.items():
                _add(tar, name, response.body)
        compressor.finish()
    read_archive(path, None, "just written")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_archive(path: Path, folder: Path | None, where: str) -> dict[str, Any]:
    """Prove every member of the archive at ``path`` and return its index; ``where`` names it in messages.

    With ``folder`` the members are written below it, which is of use only after this has returned: what is proved
    last may be what is broken.

    :raises UpstreamError: it is truncated, corrupt, or holds a member it must not.
    :raises OSError: the disk cannot be read or written.
    """
    most_bytes = min(max(path.stat().st_size * _MOST_EXPANSION, _ANY_EXPANSION_BYTES), _MOST_BYTES)
    try:
        with (
            pa.OSFile(str(path)) as file,
            pa.CompressedInputStream(file, "zstd") as content,
            tarfile.open(fileobj=_Bounded(content, most_bytes), mode="r|") as tar,
        ):
            return _read_members(tar, folder, most_bytes)
    except (_BrokenError, tarfile.TarError, pa.ArrowException, OSError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            # The disk's, not the archive's: what pyarrow says of broken zstd has no number.
            raise
        raise UpstreamError(
            f"The raw archive {where} cannot be used: {error}. Nothing of it was taken. Bring back an earlier version "
            "of it, or fetch the session again (parcferme fetch), which replaces it."
        ) from error


class _BrokenError(Exception):
    """What is wrong with an archive, in a few words."""


class _Bounded(io.RawIOBase):
    """What is read of an archive, as long as it is not more than it may hold: headers of a tar can be of any size."""

    def __init__(self, content: Any, most_bytes: int) -> None:
        super().__init__()
        self._content = content
        # Beside its members a tar has little: a header each, and what fills up blocks.
        self._left = most_bytes + _INDEX_LIMIT_BYTES

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._left:
            raise _BrokenError("it holds more than an archive of its size may")
        data: bytes = self._content.read(size)
        self._left -= len(data)
        return data


class _Compressor(io.RawIOBase):
    """Compresses what is written to it, a block at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._codec = pa.Codec("zstd", compression_level=_LEVEL)
        self._block = bytearray()

    def write(self, data: Any) -> int:
        self._block += data
        while len(self._block) >= _BLOCK_BYTES:
            self._flush_block()
        return len(data)

    def finish(self) -> None:
        """Write what is left."""
        if self._block:
            self._flush_block()

    def _flush_block(self) -> None:
        self._file.write(self._codec.compress(bytes(self._block[:_BLOCK_BYTES]), asbytes=True))
        del self._block[:_BLOCK_BYTES]


def _describe(source: Path | bytes) -> _Member:
    if isinstance(source, bytes):
        return _Member(len(source), hashlib.sha256(source).hexdigest())
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return _Member(file.tell(), sha256)


def _add(tar: tarfile.TarFile, name: str, source: Path | bytes) -> None:
    """Add a member that says nothing of this machine: no owner, no time."""
    entry = tarfile.TarInfo(name)
    if isinstance(source, bytes):
        entry.size = len(source)
        tar.addfile(entry, io.BytesIO(source))
        return
    entry.size = source.stat().st_size
    with source.open("rb") as file:
        tar.addfile(entry, file)


def _read_members(tar: tarfile.TarFile, folder: Path | None, most_bytes: int) -> dict[str, Any]:
    first = tar.next()
    if first is None or first.name != _INDEX or not first.isreg() or first.size > _INDEX_LIMIT_BYTES:
        raise _BrokenError("it does not begin with an index")
    index, wanted = _parse_index(_open(tar, first).read())
    if len(wanted) > _MOST_MEMBERS or sum(member.bytes for member in wanted.values()) > most_bytes:
        raise _BrokenError("it holds more than an archive of its size may")
    while (entry := tar.next()) is not None:
        member = wanted.pop(entry.name, None)
        if member is None or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise _BrokenError(f"its member {entry.name!r} is not one of its index")
        if entry.size != member.bytes or _copy(_open(tar, entry), entry.name, folder) != member.sha256:
            raise _BrokenError(f"its member {entry.name} is not the one its index proves")
    if wanted:
        raise _BrokenError(f"it lacks {', '.join(sorted(wanted))}")
    return index


def _open(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(entry)
    if file is None:
        raise _BrokenError(f"its member {entry.name!r} is no file")
    return file


def _parse_index(data: bytes) -> tuple[dict[str, Any], dict[str, _Member]]:
    try:
        index = orjson.loads(data)
        if index["schema"] == _PICKLED_SCHEMA:
            raise _BrokenError(
                "it was made by a version of this program that kept FastF1's parsed pickles, which are no longer read: "
                "whoever can write one can run code where it is read"
            )
        if index["schema"] != SCHEMA:
            raise _BrokenError(f"it is of the kind {str(index['schema'])[:80]!r}, not {SCHEMA!r}")
        listed = {str(m["name"]): _Member(int(m["bytes"]), str(m["sha256"])) for m in index["members"]}
    except (ValueError, KeyError, TypeError) as error:
        raise _BrokenError("its index cannot be read") from error
    for name in listed:
        if _MEMBER.fullmatch(name) is None:
            raise _BrokenError(f"its member {name!r} has a name that is not allowed")
    if any(member.bytes < 0 for member in listed.values()):
        raise _BrokenError("its index has a member of less than nothing")
    if index.get("responses_sha256") != _hash_listed(listed):
        raise _BrokenError("its index does not prove its members")
    return index, listed


def _copy(source: IO[bytes], name: str, folder: Path | None) -> str:
    """Read a member to its end, into ``folder`` if there is one, and return its SHA-256."""
    digest = hashlib.sha256()
    if folder is None:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
        return digest.hexdigest()
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
