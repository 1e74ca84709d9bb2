"""Puts the sample season where FastF1 looks first: into a cache folder."""

import hashlib
from pathlib import Path

from flows.sample.meetings import SAMPLE_YEAR
from flows.sample.responses import sample_responses
from flows.upstream.http_cache import write_bodies

#: Says that a folder holds the whole season, and which one.
_MARKER = "sample-season.txt"


def write_sample_season(cache_dir: Path) -> None:
    """Fill ``cache_dir`` with the sample season, so that FastF1 needs no network for it.

    Writes FastF1's own cache of responses (which never expire) and, last of all, a marker; a folder whose marker fits
    is left alone, an incomplete one is completed.

    :raises OSError: the folder cannot be written.
    """
    marker = cache_dir / _MARKER
    wanted = _fingerprint()
    if marker.is_file() and marker.read_text() == wanted:
        return
    cache_dir.mkdir(parents=True, exist_ok=True)
    _store(cache_dir)
    temporary = marker.with_suffix(".part")
    temporary.write_text(wanted)
    temporary.replace(marker)


def _fingerprint() -> str:
    """Return a name for the season that this version of the code makes: a hash of the code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest() + "\n"


def _store(cache_dir: Path) -> None:
    """Save every response as if FastF1 had just received it."""
    # What FastF1 parsed of an earlier version of the season would hide this one.
    for parsed in (cache_dir / str(SAMPLE_YEAR)).rglob("*.ff1pkl"):
        parsed.unlink()
    for url, body in sample_responses():
        # One at a time: all of them together take much memory.
        write_bodies(cache_dir, {url: body}, expired=False)
