"""The raw archive: what FastF1 fetched for a session, kept in a store of its own, to compute it again without upstream.

::

    raw/<year>/index.json            which sessions are there, by session key, and from which inputs
    raw/<year>/schedule.tar.zst      the answer that FastF1's schedule of the season came from
    raw/<year>/<key>.tar.zst         FastF1's parsed topics, what only their parsing told, the services' answers

The archive is private: it lies beside the destination, never under it (:mod:`flows.settings` sees to that), and says
nothing of the machine that made it. FastF1's topics are pickles, and unpickling runs whatever a pickle says: the
archive must be as trusted as the code itself. Hashes prove that a member is the one that was written, not who wrote it.
"""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from flows.session_ref import SessionRef
from flows.settings import Settings
from flows.spool import working_folder
from flows.upstream import patches
from flows.upstream.archive_format import read_archive, write_archive
from flows.upstream.client import fastf1_version, make_cache_folder
from flows.upstream.http_cache import delete_bodies, read_bodies, write_bodies
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.proofs import write_proofs
from flows.upstream.services import service_urls, stream_urls
from flows.upstream.topics import (
    INFO_FILE,
    LAP_COUNTS_FILE,
    WARNINGS_FILE,
    missing_topics,
    read_circuit_key,
    read_session_key,
    topic_folder,
)
from publish import keys
from publish.stores.base import Conflict, S3Options, Store
from publish.stores.choose import open_store
from publish.stores.shared_documents import read_document, update_document
from transforms.errors import InputError, NotReadyError, ParcfermeError, UpstreamError

Source = Literal["upstream", "archive"]
UPSTREAM: Source = "upstream"
ARCHIVE: Source = "archive"

_INDEX_SCHEMA = "parcferme/raw-index/1"
_TOPICS, _RESPONSES = "topics/", "responses/"
_BESIDE_TOPICS = (WARNINGS_FILE, LAP_COUNTS_FILE, INFO_FILE)
_DOWNLOAD_BYTES = 8 << 20
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
    if source == ARCHIVE:
        if archive is None:
            raise InputError(
                "--source archive needs an archive and none is set. Set PARCFERME_ARCHIVE to where it is: "
                "file:///absolute/folder or s3://bucket/prefix."
            )
        cache_dir = settings.cache_dir / "from-archive"
        settings = settings.model_copy(update={"offline": True, "cache_dir": cache_dir})
        make_cache_folder(settings.cache_dir)
        if not _restore_schedule(settings, archive, year):
            raise UpstreamError(
                f"The raw archive {archive} has no schedule of {year}. Publish a session of that season from "
                "the upstream with PARCFERME_ARCHIVE set; that keeps it."
            )
    elif archive is not None and settings.offline:
        make_cache_folder(settings.cache_dir)
        if not read_bodies(settings.cache_dir, _schedule_urls(year).values()):
            _restore_schedule(settings, archive, year)
    return settings


class SessionArchive:
    """What the archive and FastF1's cache hold of one located session. Does nothing where no archive is set."""

    def __init__(self, settings: Settings, source: Source, session: SessionRef, logger: Logger) -> None:
        self._settings = settings
        self._source = source
        self._session = session
        self._logger = logger
        self._store = None if settings.archive is None else _open_archive(settings, settings.archive)
        self._broken = False

    def restore(self) -> bool:
        """Bring the session from the archive into the cache if the cache lacks it; whether anything was brought.

        From the archive as source: if the cache differs from the archive. The cache is touched only once the whole
        archive is proved. With an upstream to turn to, an archive that cannot be used is no error but a warning.

        :raises UpstreamError: with the archive as source: it lacks the session, is broken or made by another FastF1.
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
        """Keep what the cache holds of the session, unless the archive holds it already; whether anything was kept.

        :raises PublicationError: the archive cannot be written.
        :raises UpstreamError: the cache cannot be read.
        """
        if self._store is None or self._source == ARCHIVE:
            return False
        fingerprint = inputs_fingerprint(self._cache_dir, self._session)
        key = read_session_key(self._cache_dir, self._session)
        if fingerprint is None or key is None:
            return False
        try:
            return self._save(self._store, key, fingerprint)
        except OSError as error:
            raise UpstreamError(
                f"The raw data of {self._session.label} cannot be packed ({error}). Check the space in TMPDIR and the "
                f"folder {self._cache_dir}, then run it again."
            ) from error

    @property
    def _cache_dir(self) -> Path:
        return self._settings.cache_dir

    def _restore(self, store: Store) -> bool:
        key, entry = self._find(store)
        if key is None:
            if self._source == ARCHIVE:
                raise NotReadyError(
                    f"The raw archive {store.uri} has nothing of {self._session.label}. Publish it once from the "
                    "upstream with PARCFERME_ARCHIVE set; that keeps it."
                )
            return False
        if not self._is_wanted(entry):
            return False
        where = f"{_object(self._session.year, key)} in {store.uri}"
        _check_version(entry, where)
        try:
            with working_folder() as folder:
                index = _fetch(store, _object(self._session.year, key), folder)
                if index is None:
                    raise UpstreamError(
                        f"The raw archive lacks {where}, which its index names. Bring it back, or publish the session "
                        "from the upstream again, which replaces it."
                    )
                self._check_identity(index, key, where)
                self._place(folder, index)
        except OSError as error:
            raise UpstreamError(
                f"{where} cannot be unpacked into {self._cache_dir} ({error}). Make room there and in TMPDIR, then run "
                "it again."
            ) from error
        self._logger.info("%s is restored from the raw archive", self._session.label)
        return True

    def _find(self, store: Store) -> tuple[int | None, Document]:
        """Return key and index entry of the session, found by the upstream's path, which no renumbering moves."""
        sessions = (read_document(store, _index_key(self._session.year), dict) or {}).get("sessions", {})
        for key, entry in sessions.items():
            if entry.get("api_path") == self._session.api_path:
                return int(key), entry
        return None, {}

    def _is_wanted(self, entry: Document) -> bool:
        if self._source == ARCHIVE:
            present = inputs_fingerprint(self._cache_dir, self._session)
            return bool(present != entry.get("inputs_sha256"))
        lacking = missing_topics(self._cache_dir, self._session)
        return bool(set(lacking) & set(entry.get("topics", ())))

    def _check_identity(self, index: Document, key: int, where: str) -> None:
        if (index.get("session_key"), index.get("api_path")) != (key, self._session.api_path):
            raise UpstreamError(
                f"{where} is of another session than its name says ({index.get('api_path')}). Nothing of it was taken. "
                "Publish the session from the upstream again, which replaces it."
            )
        _check_version(index, where)

    def _place(self, folder: Path, index: Document) -> None:
        """Move proved members into the cache: all topics at once, so that they stem from one time.

        Answers that the cache has got meanwhile may be newer; only with the archive as source are they replaced.
        """
        target = topic_folder(self._cache_dir, self._session)
        target.mkdir(parents=True, exist_ok=True)
        names = [m["name"].removeprefix(_TOPICS) for m in index["members"] if m["name"].startswith(_TOPICS)]
        for name in names:
            part = target / f".{name}.part"
            shutil.copyfile(folder / _TOPICS / name, part)
            part.replace(target / name)
        hashes = {m["name"].removeprefix(_TOPICS): m["sha256"] for m in index["members"]}
        write_proofs(target, {name: hashes[name] for name in names if name.endswith(".ff1pkl")})
        for stale in [*target.glob("*.ff1pkl"), *(target / name for name in _BESIDE_TOPICS)]:
            if stale.name not in names:
                stale.unlink(missing_ok=True)
        circuit_key = index.get("circuit_key")
        urls = self._urls(circuit_key if isinstance(circuit_key, int) else None)
        bodies = _read_responses(folder, urls)
        if self._source == ARCHIVE:
            delete_bodies(self._cache_dir, urls.values())
        else:
            for url in read_bodies(self._cache_dir, bodies):
                del bodies[url]
        write_bodies(self._cache_dir, bodies)

    def _save(self, store: Store, key: int, fingerprint: str) -> bool:
        self._save_schedule(store)
        about = _made_with() | {"inputs_sha256": fingerprint, "api_path": self._session.api_path}
        entry = (read_document(store, _index_key(self._session.year), dict) or {}).get("sessions", {}).get(str(key))
        if not self._broken and entry is not None and {name: entry.get(name) for name in about} == about:
            return False
        circuit_key = read_circuit_key(self._cache_dir, self._session)
        identity = {"year": self._session.year, "round": self._session.round, "code": self._session.code}
        topics = sorted(topic_folder(self._cache_dir, self._session).glob("*.ff1pkl"))
        members: dict[str, Path | bytes] = {f"{_TOPICS}{path.name}": path for path in topics}
        for path in (topic_folder(self._cache_dir, self._session) / name for name in _BESIDE_TOPICS):
            if path.is_file():
                members[f"{_TOPICS}{path.name}"] = path
        members |= _cached_responses(self._cache_dir, self._urls(circuit_key))
        whole = about | identity | {"session_key": key, "circuit_key": circuit_key}
        size = _put(store, _object(self._session.year, key), whole, members)
        entry = about | identity | {"topics": [path.stem for path in topics], "bytes": size}
        _add_to_index(store, self._session.year, key, entry)
        self._logger.info("The raw data of %s is kept in the archive: %d bytes", self._session.label, size)
        return True

    def _save_schedule(self, store: Store) -> None:
        """Keep the season's schedule; a cache that has not asked for it just now does not replace a kept one."""
        key = _schedule_key(self._session.year)
        if self._settings.offline and store.head(key) is not None:
            return
        members = _cached_responses(self._cache_dir, _schedule_urls(self._session.year))
        if members:
            _put(store, key, {"year": self._session.year}, members)

    def _urls(self, circuit_key: int | None) -> dict[str, str]:
        """Addresses by the name of their member: the services', and the streams of topics that were not parsed."""
        missing = missing_topics(self._cache_dir, self._session)
        return service_urls(self._session, circuit_key) | stream_urls(self._session, missing)


def _open_archive(settings: Settings, archive: str) -> Store:
    """Open the archive, encrypted as the destination is; its storage class is for the bucket's lifecycle to choose."""
    return open_store(archive, S3Options(settings.s3_encryption, settings.s3_kms_key_id))


def _restore_schedule(settings: Settings, archive: str, year: int) -> bool:
    store = _open_archive(settings, archive)
    urls = _schedule_urls(year)
    with working_folder() as folder:
        if _fetch(store, _schedule_key(year), folder) is None:
            return False
        bodies = _read_responses(folder, urls)
    if read_bodies(settings.cache_dir, urls.values()) != bodies:
        delete_bodies(settings.cache_dir, urls.values())
        write_bodies(settings.cache_dir, bodies)
    return True


def _fetch(store: Store, key: str, folder: Path) -> Document | None:
    """Download the archive at ``key``, prove it and unpack it below ``folder``; its index, None if there is none."""
    info = store.head(key)
    if info is None:
        return None
    path = folder / "archive"
    try:
        with path.open("wb") as file:
            for first in range(0, info.bytes, _DOWNLOAD_BYTES):
                last = min(first + _DOWNLOAD_BYTES, info.bytes) - 1
                file.write(store.read_range(key, first, last, info.etag))
    except Conflict as error:
        raise UpstreamError(f"{key} in {store.uri} was replaced while it was read. Run it again.") from error
    index = read_archive(path, folder, f"{key} in {store.uri}")
    path.unlink()
    return index


def _put(store: Store, key: str, about: Mapping[str, Any], members: Mapping[str, Path | bytes]) -> int:
    """Pack ``members`` and store them at ``key`` unless the same bytes are there; their number."""
    with working_folder() as folder:
        path = folder / "archive"
        sha256 = write_archive(path, about, members)
        size = path.stat().st_size
        there = store.head(key)
        if there is None or (there.bytes, there.sha256) != (size, sha256):
            store.upload_file(key, path, sha256)
        return size


def _add_to_index(store: Store, year: int, key: int, entry: Document) -> None:
    def change(document: Document | None) -> Document:
        sessions = dict((document or {}).get("sessions", {})) | {str(key): entry}
        ordered = {name: sessions[name] for name in sorted(sessions, key=int)}
        return {"schema": _INDEX_SCHEMA, "year": year, "sessions": ordered}

    update_document(store, _index_key(year), dict, change)


def _cached_responses(cache_dir: Path, urls: Mapping[str, str]) -> dict[str, Path | bytes]:
    bodies = read_bodies(cache_dir, urls.values())
    return {f"{_RESPONSES}{name}": bodies[url] for name, url in urls.items() if url in bodies}


def _read_responses(folder: Path, urls: Mapping[str, str]) -> dict[str, bytes]:
    """Return the unpacked bodies by address. The address follows from the member's name, never from the archive."""
    files = {url: folder / _RESPONSES / name for name, url in urls.items()}
    return {url: path.read_bytes() for url, path in files.items() if path.is_file()}


def _made_with() -> dict[str, Any]:
    return {"fastf1": fastf1_version(), "fastf1_cache_version": patches.topic_format()}


def _check_version(about: Document, where: str) -> None:
    ours = _made_with()
    if about.get("fastf1_cache_version") != ours["fastf1_cache_version"]:
        raise UpstreamError(
            f"{where} was made by FastF1 {about.get('fastf1')}, whose parsed data FastF1 {ours['fastf1']} does not "
            f"read. Install fastf1=={about.get('fastf1')} to compute from it."
        )


def _object(year: int, key: int) -> str:
    return f"{keys.RAW}{year}/{key}.tar.zst"


def _index_key(year: int) -> str:
    return f"{keys.RAW}{year}/index.json"


def _schedule_key(year: int) -> str:
    return f"{keys.RAW}{year}/schedule.tar.zst"


def _schedule_urls(year: int) -> dict[str, str]:
    return {name: url.format(year=year) for name, url in _SCHEDULE_URLS.items()}
