"""Whether FastF1's parsed topics are those that it wrote: their hashes, kept beside them.

FastF1 takes whatever it can unpickle, and a byte that a disk has changed can be a speed, a name or a place. A topic
whose hash is another one than when it was written is set aside, and FastF1 makes it again, from the raw response that
its HTTP cache holds or from the upstream. A topic without a known hash, of a cache of before, is taken as it is and
proved from then on.
"""

import hashlib
import logging
from pathlib import Path
from typing import Any

import orjson

from transforms.errors import CorruptDataError

#: Beside the topics: SHA-256 by file name.
PROOFS_FILE = "topics-sha256.json"
_ASIDE = ".damaged"

Logger = logging.Logger | logging.LoggerAdapter[Any]


def set_aside_damaged(folder: Path, what: str, logger: Logger) -> None:
    """Rename the topics in ``folder`` that are not those that were written, so that FastF1 makes them again.

    :raises OSError: the folder cannot be read or written.
    """
    known = _read(folder)
    for path in _topics(folder):
        if path.name in known and _sha256(path) != known[path.name]:
            path.replace(path.with_name(path.name + _ASIDE))
            logger.warning("%s of %s was damaged in the cache and is made again", path.stem, what)


def keep_proofs(folder: Path, what: str) -> None:
    """Remember the hashes of the topics in ``folder`` as they are now, right after FastF1 has read or written them.

    :raises CorruptDataError: a topic that was there once is not any more: nobody had it again.
    :raises OSError: the folder cannot be read or written.
    """
    known, found = _read(folder), {path.name: _sha256(path) for path in _topics(folder)}
    if lost := sorted(known.keys() - found.keys()):
        raise CorruptDataError(
            f"{', '.join(Path(name).stem for name in lost)} of {what} was damaged or deleted in the cache and could "
            "not be had again, neither from the cache of responses nor from the upstream. Run it again with a network, "
            f"or with --source archive. To publish the session without it, delete {folder / PROOFS_FILE}."
        )
    if known != found:
        write_proofs(folder, found)
    for path in folder.glob(f"*{_ASIDE}"):
        path.unlink(missing_ok=True)


def write_proofs(folder: Path, hashes: dict[str, str]) -> None:
    """Write the hashes of topics (by file name) that are known to be right, in place of what was known."""
    part = folder / f".{PROOFS_FILE}.part"
    part.write_bytes(orjson.dumps(hashes, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    part.replace(folder / PROOFS_FILE)


def _read(folder: Path) -> dict[str, str]:
    """Return the known hashes; none where they cannot be read, as where there never were any."""
    try:
        known = orjson.loads((folder / PROOFS_FILE).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return {str(name): str(sha256) for name, sha256 in known.items()} if isinstance(known, dict) else {}


def _topics(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ff1pkl"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
