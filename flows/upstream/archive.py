"""The raw archive: what the upstream answered for a session, kept in a store of its own, to compute it without it.

::

    raw/<year>/index.json                which sessions are there, by session key, from which sources, how far they go
    raw/<year>/schedule.tar.zst          the answer that FastF1's schedule of the season came from
    raw/<year>/<key>.tar.zst             the streams of live timing and the services' answers, byte for byte
    raw/<year>/<key>.recording.tar.zst   a recording of the live feed of the same session

The archive is private: it lies beside the destination, never under it (:mod:`flows.settings` sees to that), and says
nothing of the machine that made it. Nothing in it is run or unpickled when it is read, and any FastF1 parses it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from flows.session_ref import SessionRef
from flows.settings import Settings
from flows.spool import working_folder
from flows.upstream.archive_format import Response
from flows.upstream.archive_index import OFFICIAL, RawSession, find_session, index_key, object_key, schedule_key
from flows.upstream.archive_keep import RESPONSES, Raw, fetch_object, is_there, keep, put_object
from flows.upstream.client import make_cache_folder
from flows.upstream.http_cache import delete_bodies, read_bodies, read_responses, write_bodies
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.proofs import PROOFS_FILE
from flows.upstream.raw_streams import INFO, SEASON_INDEX, find_key, read_info, season_index_url, urls_of
from flows.upstream.recorded_live import read_source_file
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR, service_urls
from flows.upstream.topics import (
    INFO_FILE,
    LAP_COUNTS_FILE,
    MINI_SECTORS_FILE,
    SOURCE_FILE,
    WARNINGS_FILE,
    circuit_key_of,
    key_of,
    missing_topics,
    topic_folder,
)
from publish.stores.base import S3Options, Store
from publish.stores.choose import open_store
from transforms.errors import InputError, NotReadyError, ParcfermeError, UpstreamError

Source = Literal["upstream", "archive", "auto"]
UPSTREAM: Source = "upstream"
ARCHIVE: Source = "archive"
AUTO: Source = "auto"

_BESIDE_TOPICS = (WARNINGS_FILE, LAP_COUNTS_FILE, MINI_SECTORS_FILE, INFO_FILE, PROOFS_FILE)
_SCHEDULE_URLS = {
    "schedule": "https://raw.githubusercontent.com/theOehrly/f1schedule/master/schedule_{year}.json",
    "schedule-of-results-service": "https://api.jolpi.ca/ergast/f1/{year}.json",
}
Logger = logging.Logger | logging.LoggerAdapter[Any]
Document = dict[str, Any]


def settings_for(settings: Settings, source: Source, year: int) -> Settings:
    """Return the settings with which ``source`` is read, and see that its schedule of ``year`` is there.

    From the archive FastF1 runs offline on a cache of its own, which holds nothing that is not in the archive. Offline
    the schedule is brought back from the archive where the cache has none.

    :raises InputError: the archive is asked for and none is set.
    :raises UpstreamError: the archive has no schedule of that season, or a broken one.
    """
    archive = settings.archive
    if source in (ARCHIVE, AUTO) and archive is None:
        raise InputError(
            f"--source {source} needs an archive and none is set. Set PARCFERME_ARCHIVE to where it is: "
            "file:///absolute/folder or s3://bucket/prefix."
        )
    if source == ARCHIVE and archive is not None:
        cache_dir = settings.cache_dir / "from-archive"
        settings = settings.model_copy(update={"offline": True, "cache_dir": cache_dir})
        make_cache_folder(settings.cache_dir)
        if not _restore_schedule(settings, year):
            raise UpstreamError(
                f"The raw archive {archive} has no schedule of {year}. Fetch a session of that season (parcferme "
                "fetch), or publish one from the upstream with PARCFERME_ARCHIVE set; that keeps it."
            )
    elif archive is not None and settings.offline:
        make_cache_folder(settings.cache_dir)
        if not read_bodies(settings.cache_dir, _schedule_urls(year).values()):
            _restore_schedule(settings, year)
    return settings


def settings_of_session(settings: Settings, session: SessionRef) -> Settings:
    """Return settings from the archive with a cache for a located session alone, which has the schedule.

    Sessions of a weekend share addresses of services, and each was fetched at its own time: what one of them was kept
    with is not to become part of another.

    :raises InputError: the folder cannot be made.
    """
    cache_dir = settings.cache_dir / "sessions" / session.located_path.removeprefix("/static/").strip("/")
    make_cache_folder(cache_dir)
    schedule = read_bodies(settings.cache_dir, _schedule_urls(session.year).values())
    if read_bodies(cache_dir, schedule) != schedule:
        write_bodies(cache_dir, schedule)
    return settings.model_copy(update={"cache_dir": cache_dir})


def open_archive(settings: Settings) -> Store:
    """Open the archive, encrypted as the destination is; its storage class is for the bucket's lifecycle to choose.

    :raises InputError: none is set, or it does not exist.
    """
    if settings.archive is None:
        raise InputError(
            "This needs a raw archive and none is set. Set PARCFERME_ARCHIVE to where it is: file:///absolute/folder "
            "or s3://bucket/prefix."
        )
    return open_store(settings.archive, S3Options(settings.s3_encryption, settings.s3_kms_key_id))


class SessionArchive:
    """What the archive and FastF1's cache hold of one located session. Does nothing where no archive is set."""

    def __init__(self, settings: Settings, source: Source, session: SessionRef, logger: Logger) -> None:
        self._settings = settings
        self._source = source
        self._session = session
        self._logger = logger
        self._store = None if settings.archive is None else open_archive(settings)
        self._broken = False

    def restore(self) -> bool:
        """Bring the session from the archive into the cache if the cache lacks it; whether anything was brought.

        From the archive as source: if the cache was filled from another content of it. The cache is touched only once
        the whole archive is proved. With an upstream to turn to, an archive that cannot be used is no error but a
        warning.

        :raises UpstreamError: with the archive as source: it lacks the session, or is broken.
        :raises PublicationError: with the archive as source: its store cannot be read.
        """
        if self._store is None:
            return False
        try:
            return self._restore(self._store)
        except ParcfermeError as error:
            if self._source == ARCHIVE:
                raise
            self._broken = True
            self._logger.warning("%s", error)
            return False

    def save(self) -> bool:
        """Keep the raw responses that the cache holds of the session; whether anything was kept.

        What the cache holds only as FastF1 has parsed it is not kept, and said.

        :raises PublicationError: the archive cannot be written.
        :raises UpstreamError: the cache cannot be read.
        """
        if self._store is None or self._source == ARCHIVE:
            return False
        inputs = inputs_fingerprint(self._cache_dir, self._session)
        if inputs is None:
            return False
        found = find_session(self._store, self._session.year, self._session.api_path)
        if found is not None and not self._broken and self._holds(self._store, *found, inputs):
            return False
        try:
            with working_folder() as folder:
                raw = _CacheReader(self._settings, self._session, folder).read(inputs)
                if isinstance(raw, str):
                    self._logger.warning("%s", raw)
                    return False
                save_schedule(self._settings, self._store, self._session.year)
                return keep(self._store, raw, self._logger, anew=self._broken)
        except OSError as error:
            raise UpstreamError(
                f"The raw data of {self._session.label} cannot be packed ({error}). Check the space in TMPDIR and the "
                f"folder {self._cache_dir}, then run it again."
            ) from error

    @property
    def _cache_dir(self) -> Path:
        return self._settings.cache_dir

    def _holds(self, store: Store, key: int, entry: RawSession, inputs: str) -> bool:
        """Whether one of the sources is what the cache's topics were parsed from, and its object is there."""
        return any(
            one.inputs_sha256 == inputs and is_there(store, object_key(self._session.year, key, name), one)
            for name, one in entry.sources.items()
        )

    def _restore(self, store: Store) -> bool:
        found = find_session(store, self._session.year, self._session.api_path)
        if found is None:
            if self._source == ARCHIVE:
                raise NotReadyError(
                    f"The raw archive {store.uri} has nothing of {self._session.label} yet. It is to be fetched "
                    "(parcferme fetch), or published once from the upstream with PARCFERME_ARCHIVE set."
                )
            return False
        key, entry = found
        # What the upstream may have itself is not taken from a recording.
        name = entry.best if self._source == ARCHIVE else OFFICIAL
        if name not in entry.sources:
            return False
        if not self._is_wanted(entry, name):
            return False
        where = f"{object_key(self._session.year, key, name)} in {store.uri}"
        try:
            with working_folder() as folder:
                index = fetch_object(store, object_key(self._session.year, key, name), folder)
                if index is None:
                    raise UpstreamError(
                        f"The raw archive lacks {where}, which {index_key(self._session.year)} names. Bring it back, "
                        "or fetch the session again (parcferme fetch), which replaces it."
                    )
                self._check_identity(index, key, where)
                self._place(folder, index, name)
        except OSError as error:
            raise UpstreamError(
                f"{where} cannot be unpacked into {self._cache_dir} ({error}). Make room there and in TMPDIR, then run "
                "it again."
            ) from error
        self._logger.info("%s is restored from the raw archive (%s)", self._session.label, name)
        return True

    def _is_wanted(self, entry: RawSession, name: str) -> bool:
        if self._source == ARCHIVE:
            return read_source(self._cache_dir, self._session) != (name, entry.sources[name].responses_sha256)
        lacking = {f"stream-{topic.strip('_')}" for topic in missing_topics(self._cache_dir, self._session)}
        return bool(lacking & set(entry.sources[name].responses))

    def _check_identity(self, index: Document, key: int, where: str) -> None:
        if (index.get("session_key"), index.get("api_path")) != (key, self._session.api_path):
            raise UpstreamError(
                f"{where} is of another session than its name says ({index.get('api_path')}). Nothing of it was taken. "
                "Fetch the session again (parcferme fetch), which replaces it."
            )

    def _place(self, folder: Path, index: Document, name: str) -> None:
        """Move proved responses into the cache, where FastF1 finds and parses them.

        Answers that the cache has got meanwhile may be newer; only with the archive as source are they replaced, and
        what was parsed from others is forgotten.
        """
        circuit_key = index.get("circuit_key")
        urls = _addresses(self._session, circuit_key if isinstance(circuit_key, int) else None)
        files = {url: folder / RESPONSES / member for member, url in urls.items()}
        target = topic_folder(self._cache_dir, self._session)
        target.mkdir(parents=True, exist_ok=True)
        if self._source == ARCHIVE:
            for stale in [*target.glob("*.ff1pkl"), *(target / beside for beside in (*_BESIDE_TOPICS, SOURCE_FILE))]:
                stale.unlink(missing_ok=True)
            delete_bodies(self._cache_dir, urls.values())
            there: Mapping[str, bytes] = {}
        else:
            there = read_bodies(self._cache_dir, (url for url, path in files.items() if path.is_file()))
        for url, path in files.items():
            if path.is_file() and url not in there:
                # Streams of live timing do not change; what services answer does.
                is_stream = url.startswith(LIVE_TIMING + self._session.located_path)
                write_bodies(self._cache_dir, {url: path.read_bytes()}, expired=not is_stream)
        if self._source == ARCHIVE:
            told = ("responses_sha256", "absent", "recording")
            source = {"source": name, **{part: index[part] for part in told if part in index}}
            (target / SOURCE_FILE).write_bytes(orjson.dumps(source))


class _CacheReader:
    """Reads the raw responses that a FastF1 cache holds of a located session; streams are written into ``folder``."""

    def __init__(self, settings: Settings, session: SessionRef, folder: Path) -> None:
        self._settings = settings
        self._session = session
        self._folder = folder

    def read(self, inputs: str | None) -> Raw | str:
        """Return the responses, or in a sentence why they cannot be taken; ``inputs`` is of what was parsed of them."""
        cache_dir, session = self._settings.cache_dir, self._session
        found = _copy_streams(cache_dir, session, self._folder)
        if parsed_only := self._parsed_only(found):
            return (
                f"The cache holds {', '.join(parsed_only)} of {session.label} only as FastF1 has parsed it, which is "
                "no raw response and not kept in the archive. Fetch the session (parcferme fetch), or publish it with "
                "--refetch."
            )
        if not found:
            return f"The cache holds nothing of {session.label}."
        info = read_info(Path(str(found[INFO].body)).read_bytes()) if INFO in found else None
        circuit_key = circuit_key_of(info)
        for name, url in _addresses(session, circuit_key).items():
            for _, cached in read_responses(cache_dir, () if name in found else [url]):
                found[name] = Response(cached.body, url, cached.status, _iso(cached.at))
        listed = found[SEASON_INDEX].body if SEASON_INDEX in found else b""
        key = find_key(info, listed if isinstance(listed, bytes) else b"", session)
        if key is None:
            return f"The cache does not tell the number of {session.label}: it holds no SessionInfo with a Key."
        if key_of(info) is not None:
            # It changes with every session of the season, and says nothing here that the session does not.
            found.pop(SEASON_INDEX, None)
        absent = () if self._settings.offline else tuple(sorted(set(urls_of(session)) - set(found)))
        return Raw(session, key, circuit_key, OFFICIAL, found, absent, inputs)

    def _parsed_only(self, found: Mapping[str, Response]) -> list[str]:
        missing = {f"stream-{topic.strip('_')}" for topic in missing_topics(self._settings.cache_dir, self._session)}
        names = (name for name in urls_of(self._session) if name not in found and name not in missing)
        return [name.removeprefix("stream-") for name in names]


def _addresses(session: SessionRef, circuit_key: int | None) -> dict[str, str]:
    """Return addresses by the name of their response: the streams', the services', the season's index."""
    return urls_of(session) | service_urls(session, circuit_key) | {SEASON_INDEX: season_index_url(session.year)}


def take_from_cache(settings: Settings, cache_dir: Path, session: SessionRef, logger: Logger) -> bool:
    """Keep the raw responses that a FastF1 cache holds of a located session; whether that was new.

    Nothing of it is unpickled.

    :raises InputError: no archive is set, or the cache does not hold the responses.
    :raises PublicationError: the archive cannot be read or written.
    """
    store = open_archive(settings)
    with working_folder() as folder:
        of_cache = settings.model_copy(update={"cache_dir": cache_dir, "offline": True})
        raw = _CacheReader(of_cache, session, folder).read(None)
        if isinstance(raw, str):
            raise InputError(f"{raw} Nothing was taken.")
        save_schedule(settings, store, session.year)
        return keep(store, raw, logger)


def read_source(cache_dir: Path, session: SessionRef) -> tuple[str, str] | None:
    """Return from which source of the archive, and which content of it, the cache has a session; None: from neither."""
    said = read_source_file(cache_dir, session)
    return None if said is None else (said.source, said.responses_sha256)


def save_schedule(settings: Settings, store: Store, year: int) -> None:
    """Keep the season's schedule; a cache that has not asked for it just now does not replace a kept one.

    :raises PublicationError: the archive cannot be written.
    """
    key = schedule_key(year)
    if settings.offline and store.head(key) is not None:
        return
    urls = {url: name for name, url in _schedule_urls(year).items()}
    answers = {
        urls[url]: Response(cached.body, url, cached.status, None)
        for url, cached in read_responses(settings.cache_dir, urls)
    }
    if answers:
        with working_folder() as folder:
            put_object(store, key, {"year": year}, answers, folder / "archive")


def _restore_schedule(settings: Settings, year: int) -> bool:
    store = open_archive(settings)
    urls = _schedule_urls(year)
    with working_folder() as folder:
        if fetch_object(store, schedule_key(year), folder) is None:
            return False
        files = {url: folder / RESPONSES / name for name, url in urls.items()}
        bodies = {url: path.read_bytes() for url, path in files.items() if path.is_file()}
    if read_bodies(settings.cache_dir, urls.values()) != bodies:
        delete_bodies(settings.cache_dir, urls.values())
        write_bodies(settings.cache_dir, bodies)
    return True


def _copy_streams(cache_dir: Path, session: SessionRef, folder: Path) -> dict[str, Response]:
    """Write the session's streams that the cache holds into ``folder``, one at a time: all of them take 70 MB."""
    streams: dict[str, Response] = {}
    for name, url in urls_of(session).items():
        for found, cached in read_responses(cache_dir, [url, url.replace(LIVE_TIMING, LIVE_TIMING_MIRROR)]):
            path = folder / name
            path.write_bytes(cached.body)
            streams[name] = Response(path, found, cached.status, _iso(cached.at))
            break
    return streams


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _schedule_urls(year: int) -> dict[str, str]:
    return {name: url.format(year=year) for name, url in _SCHEDULE_URLS.items()}
