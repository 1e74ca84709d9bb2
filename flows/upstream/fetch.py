"""Fetching a session's raw responses into the archive, for somewhere else to compute from: nothing is parsed here.

Streams are downloaded straight to disk and packed from there, so that a machine with 256 MB of memory can do it.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.session_ref import SessionRef
from flows.settings import Settings
from flows.spool import working_folder
from flows.upstream.answers import Answer, Meaning
from flows.upstream.archive import open_archive, save_schedule
from flows.upstream.archive_format import Response
from flows.upstream.archive_index import OFFICIAL, RawSource, find_session, read_index
from flows.upstream.archive_keep import Raw, keep
from flows.upstream.client import Client, Heard
from flows.upstream.load import locate
from flows.upstream.raw_streams import INFO, SEASON_INDEX, find_key, read_info, season_index_url, urls_of
from flows.upstream.services import LIVE_TIMING, LIVE_TIMING_MIRROR, service_urls
from flows.upstream.topics import circuit_key_of
from publish.stores.base import Store
from transforms.errors import CorruptDataError, InputError, NotReadyError, UpstreamError
from transforms.session_types import SESSION_TYPES

Logger = logging.Logger | logging.LoggerAdapter[Any]


@dataclass(frozen=True)
class Fetched:
    """What became of a session that was fetched. ``kept``: the archive holds something new."""

    session: SessionRef
    kept: bool
    entry: RawSource

    @property
    def sentence(self) -> str:
        """What is said of it."""
        said = "kept in the archive" if self.kept else "in the archive already"
        lacks = f", without {', '.join(_plain(self.entry.absent))}" if self.entry.absent else ""
        end = "" if self.entry.missing_end is None else f". It is not whole yet: {self.entry.missing_end}"
        return f"{self.session.label} is {said}: {self.entry.bytes / 1e6:.1f} MB{lacks}{end}"


def fetch_session(settings: Settings, client: Client, session: SessionRef, logger: Logger) -> Fetched:
    """Download what a session is computed from and keep it in the archive, unless it holds the same.

    What is kept may end before its session.

    :raises InputError: no archive is set, it does not exist, or nobody may be asked.
    :raises NotReadyError: nothing of the session is out.
    :raises BlockedError: something is refused to this machine's address; nothing is kept.
    :raises AccountError: something is given only to who is signed in; nothing is kept.
    :raises UpstreamError: something was cut off on the way; nothing is kept.
    :raises PublicationError: the archive cannot be read or written.
    """
    if settings.offline:
        raise InputError(
            "Nothing can be fetched with PARCFERME_OFFLINE=1. Set it to 0, or take it from a cache with --from-cache."
        )
    store = open_archive(settings)
    # Before anything is downloaded: whether the archive can be reached. Its keeper may write below raw/ alone.
    read_index(store, session.year)
    located = locate(client, session)
    try:
        with working_folder() as folder:
            with client.asking(session.label) as heard:
                raw = _Download(client, heard, located, folder).all()
            save_schedule(settings, store, session.year)
            kept = keep(store, raw, logger)
    except OSError as error:
        raise UpstreamError(
            f"What was downloaded of {session.label} cannot be kept ({error}). Make room in TMPDIR (a race takes 150 "
            "MB there), then run it again."
        ) from error
    return Fetched(session, kept, _entry(store, located))


def due_sessions(
    store: Store, sessions: Iterable[SessionRef], times: dict[SessionRef, list[datetime]]
) -> list[SessionRef]:
    """Return which of ``sessions`` are to be fetched: not there, not whole, or not looked at since one of their times.

    ``times`` (aware, in the past) are when each is to be looked at, the first one and again.

    :raises PublicationError: the archive cannot be read.
    """
    fetched: dict[tuple[int, str, str], RawSource] = {}
    for year in {session.year for session in sessions}:
        index = read_index(store, year)
        for entry in () if index is None else index.sessions.values():
            if OFFICIAL in entry.sources:
                fetched[year, entry.event, entry.code] = entry.sources[OFFICIAL]
    due = []
    for session in sessions:
        source = fetched.get((session.year, session.event, session.code))
        at = None if source is None or source.fetched_at is None else _moment(source.fetched_at)
        looked_at = source is not None and at is not None and all(at >= time for time in times[session])
        if times[session] and not (source is not None and source.is_complete and looked_at):
            due.append(session)
    return due


class _Download:
    """Downloads into ``folder`` what a located session is computed from."""

    def __init__(self, client: Client, heard: Heard, session: SessionRef, folder: Path) -> None:
        self._client = client
        self._heard = heard
        self._session = session
        self._folder = folder
        self._responses: dict[str, Response] = {}

    def all(self) -> Raw:
        """Return all that there is of the session."""
        session = self._session
        streams = urls_of(session)
        if not self._stream(INFO, streams[INFO]):
            self._heard.check_complete(session, ())
            self._heard.prove_absent(session, takes_its_word=True)
            raise NotReadyError(f"The upstream has nothing on {session.label}, not even its SessionInfo.")
        for name, url in streams.items():
            if name != INFO:
                self._stream(name, url)
        info = read_info((self._folder / INFO).read_bytes())
        key, listed = find_key(info, b"", session), ""
        if key is None:
            listed = SEASON_INDEX
            self._ask(SEASON_INDEX, season_index_url(session.year))
            key = find_key(info, self._body(SEASON_INDEX), session)
        services = self._services(circuit_key_of(info))
        for name, url in services.items():
            self._ask(name, url)
        self._heard.check_complete(session, services.values())
        self._heard.prove_absent(session)
        if key is None:
            raise CorruptDataError(
                f"Nothing tells the number of {session.label}, which its files are named by: its SessionInfo has no "
                f"Key, and live timing's {listed} does not list it. Run it again when the upstream has mended it."
            )
        absent = tuple(name for name in streams if name not in self._responses)
        return Raw(session, key, circuit_key_of(info), OFFICIAL, self._responses, absent)

    def _services(self, circuit_key: int | None) -> dict[str, str]:
        """Addresses of the services whose answers become part of this session; practice takes the race's drivers."""
        used = {"circuit", *(SESSION_TYPES[self._session.code].results or ("results",))}
        return {name: url for name, url in service_urls(self._session, circuit_key).items() if name in used}

    def _stream(self, name: str, url: str) -> bool:
        """Download a stream from live timing, else from its mirror; whether one of them gave it."""
        return any(self._ask(name, url.replace(LIVE_TIMING, host)) for host in (LIVE_TIMING, LIVE_TIMING_MIRROR))

    def _ask(self, name: str, url: str) -> bool:
        path = self._folder / name
        answer: Answer = self._client.download(url, path)
        self._heard.outcomes.note(url, answer)
        if answer.meaning is not Meaning.GIVEN:
            return False
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._responses[name] = Response(path, url, 200, at)
        return True

    def _body(self, name: str) -> bytes:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else b""


def _entry(store: Store, session: SessionRef) -> RawSource:
    found = find_session(store, session.year, session.api_path)
    if found is None or OFFICIAL not in found[1].sources:
        raise UpstreamError(f"{session.label} was removed from the archive while it was fetched. Run it again.")
    return found[1].sources[OFFICIAL]


def _plain(names: Iterable[str]) -> list[str]:
    return [name.removeprefix("stream-") for name in names]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
