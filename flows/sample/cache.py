"""Puts the sample season where FastF1 looks first: into a cache folder."""

import hashlib
from pathlib import Path

from flows.sample.meetings import SAMPLE_YEAR
from flows.sample.responses import sample_responses

#: Says that a folder holds the whole season, and which one.
_MARKER = "sample-season.txt"


def write_sample_season(cache_dir: Path) -> None:
    """Fill ``cache_dir`` with the sample season, so that FastF1 needs no network for it.

    Writes FastF1's own cache of responses (which never expire) and, last of all, a marker; a folder whose marker fits
    is left alone, an incomplete one is completed. FastF1 stays pointed at the folder.

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
    import fastf1
    import requests
    from urllib3 import HTTPResponse

    # What FastF1 parsed of an earlier version of the season would hide this one.
    for parsed in (cache_dir / str(SAMPLE_YEAR)).rglob("*.ff1pkl"):
        parsed.unlink()
    fastf1.Cache.configure(cache_dir=str(cache_dir))
    session = fastf1.Cache._requests_session_cached
    for url, body in sample_responses():
        request = requests.Request("GET", url).prepare()
        response = requests.Response()
        response.status_code, response.reason, response.url, response.request = 200, "OK", url, request
        kind = "text/plain" if url.endswith(".jsonStream") else "application/json"
        response.headers["Content-Type"] = f"{kind}; charset=utf-8"
        response.encoding, response._content = "utf-8", body
        response.raw = HTTPResponse(body=b"", status=200, headers=dict(response.headers), preload_content=False)
        session.cache.save_response(response, session.cache.create_key(request), expires=None)
