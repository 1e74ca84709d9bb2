"""The HTTP headers of every published object: one source for S3's metadata and for the local server."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from publish import keys

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=60, stale-while-revalidate=600"
NONE = "no-cache"
#: Of raw inputs, which are never published: should they ever be served, nobody may keep them.
PRIVATE = "private, no-store"

_CONTENT_TYPES = {
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".md": "text/markdown; charset=utf-8",
    ".atom": "application/atom+xml",
    ".txt": "text/plain; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".prom": "text/plain; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".sql": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Headers:
    """What a client is told about an object besides its bytes."""

    content_type: str
    cache_control: str
    content_encoding: str | None = None


def headers_for(key: str) -> Headers:
    """Return the headers of the object at ``key``; they follow from its name alone.

    ``.json.gz`` is JSON and ``.csv.gz`` CSV that happens to be compressed (``Content-Encoding: gzip``); nothing else
    has an encoding.
    """
    compressed = key.endswith((".json.gz", ".csv.gz"))
    suffix = PurePosixPath(key.removesuffix(".gz") if compressed else key).suffix
    return Headers(
        content_type=_CONTENT_TYPES.get(suffix, "application/octet-stream"),
        cache_control=_cache_control(key),
        content_encoding="gzip" if compressed else None,
    )


def _cache_control(key: str) -> str:
    if key.startswith(keys.RAW):
        return PRIVATE
    if keys.is_immutable(key):
        return IMMUTABLE
    if key.startswith(keys.STATUS) or key in (keys.HEALTH, keys.RUNS, keys.METRICS, keys.CHECK):
        return NONE
    return SHORT
