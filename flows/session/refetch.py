"""Downloading a session anew, beside the cache, so that what is there stays until the new has proved itself.

FastF1 keeps what it has parsed of a session for good; only an empty cache makes it ask the upstream again.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.session.run import SessionRun
from flows.settings import Settings
from flows.upstream.http_cache import delete_bodies, read_bodies, write_bodies
from flows.upstream.raw_streams import urls_of
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR, service_urls
from flows.upstream.topics import read_circuit_key, topic_folder
from transforms.errors import InputError, UpstreamError

_FOLDER = "refetched"
_HOSTS = (LIVE_TIMING, LIVE_TIMING_MIRROR)
_LEFT_OVER_S = 24 * 3600.0


@contextmanager
def fresh_cache(settings: Settings) -> Iterator[Settings]:
    """Yield settings with an empty cache, which is deleted at the end.

    :raises InputError: nothing can be asked of the upstream offline, or the cache folder cannot be written.
    """
    if settings.offline:
        raise InputError(
            "Nothing can be downloaded anew with PARCFERME_OFFLINE=1. Set it to 0, or run without refetch."
        )
    try:
        parent = settings.cache_dir / _FOLDER
        parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
    except OSError as error:
        raise InputError(
            f"The cache folder {settings.cache_dir} cannot be written ({error.strerror or error}). Make room there or "
            "set PARCFERME_CACHE_DIR to another folder."
        ) from error
    try:
        yield settings.model_copy(update={"cache_dir": folder})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_over(parent: Path) -> None:
    """Delete what runs that were killed have left; no run takes so long."""
    for folder in parent.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _LEFT_OVER_S:
                shutil.rmtree(folder, ignore_errors=True)


def adopt_fresh(fresh: Settings, settings: Settings, run: SessionRun) -> None:
    """Put what was downloaded of a session into the cache, in place of what was there.

    :raises UpstreamError: the cache cannot be written; what is published is published.
    """
    source = topic_folder(fresh.cache_dir, run.located)
    target = topic_folder(settings.cache_dir, run.located)
    services = service_urls(run.located, read_circuit_key(fresh.cache_dir, run.located)).values()
    streams = [url.replace(LIVE_TIMING, host) for url in urls_of(run.located).values() for host in _HOSTS]
    try:
        target.mkdir(parents=True, exist_ok=True)
        for topic in sorted(source.iterdir()) if source.is_dir() else ():
            # In one step each: both folders are on the cache's disk.
            topic.replace(target / topic.name)
        # The streams too: they are what was parsed, and what the archive keeps.
        delete_bodies(settings.cache_dir, streams)
        for url in (*services, *streams):
            write_bodies(settings.cache_dir, read_bodies(fresh.cache_dir, [url]))
    except OSError as error:
        raise UpstreamError(
            f"What was downloaded of {run.label} cannot be kept in {settings.cache_dir} ({error.strerror or error}). "
            "Make room there and run it again with refetch."
        ) from error
