"""Taking a recording of the live feed into the raw archive, as another source of its session."""

import base64
import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from flows.session_ref import SessionRef
from flows.settings import Settings
from flows.spool import working_folder
from flows.upstream.answers import Meaning
from flows.upstream.archive import open_archive, save_schedule
from flows.upstream.archive_format import Response
from flows.upstream.archive_index import OFFICIAL, RECORDING, RawSource, find_session, object_key
from flows.upstream.archive_keep import Raw, fetch_object, keep, read_responses
from flows.upstream.client import Client
from flows.upstream.live_heard import Identity
from flows.upstream.live_recording import LiveRecording, read_recordings
from flows.upstream.load import locate
from flows.upstream.raw_streams import INFO, read_info
from flows.upstream.recorded_live import RecordingFacts
from flows.upstream.services import service_urls
from flows.upstream.session_info import info_from_index
from flows.upstream.topics import STREAMS, circuit_key_of, key_of, topics_of
from publish.stores.base import Store
from transforms.errors import InputError, UpstreamError
from transforms.session_types import SESSION_TYPES

Logger = logging.Logger | logging.LoggerAdapter[Any]

#: Without any of these there is nothing to compute.
_CARS = ("stream-extended_timing_data", "stream-car_data", "stream-position_data")
_DRIVERS = "stream-driver_info"
_TIME_CHARS, _FIRST_LINES, _MESSAGE_BYTES = 12, 500, 1 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Imported:
    """What became of a recording. ``kept``: the archive holds something new."""

    session: SessionRef
    kept: bool
    recording: LiveRecording
    entry: RawSource

    @property
    def sentence(self) -> str:
        """What is said of it."""
        recording = self.recording
        said = "kept in the archive" if self.kept else "in the archive already"
        parts = [
            f"The recording of {self.session.label} is {said}: {self.entry.bytes / 1e6:.1f} MB, "
            f"{recording.first_utc:%H:%M:%S} to {recording.last_utc:%H:%M:%S} UTC, {len(recording.breaks)} breaks, "
            f"{recording.unreadable} unreadable lines"
        ]
        if self.entry.absent:
            parts.append(f"without {', '.join(name.removeprefix('stream-') for name in self.entry.absent)}")
        if self.entry.missing_end is not None:
            parts.append(f"it ends before its session: {self.entry.missing_end}")
        return "; ".join(parts)


def import_recording(
    settings: Settings,
    client: Client,
    session: SessionRef,
    paths: Sequence[Path],
    logger: Logger,
    *,
    session_key: int | None = None,
) -> Imported:
    """Keep a recording of ``session`` (one file or several) in the archive, in place of an earlier one.

    ``session_key`` is Formula 1's number of the session, for a recording without SessionInfo where neither the archive
    nor live timing's index of the season tells it. What the results and circuit services answer is kept with it as far
    as it can be had.

    :raises InputError: no archive is set; the files are no recording of this session; its number is not known.
    :raises PublicationError: the archive cannot be read or written.
    :raises UpstreamError: there is no schedule, or working files cannot be written.
    """
    store = open_archive(settings)
    store.check()
    located = locate(client, session)
    known = find_session(store, session.year, located.api_path)
    wanted = Identity(session_key or (known and known[0]), located.located_path.removeprefix("/static/").strip("/"))
    recording = read_recordings(paths, wanted)
    try:
        with working_folder() as folder:
            raw = _Import(client, store, located, recording, folder).raw(wanted, offline=settings.offline)
            save_schedule(settings, store, session.year)
            kept = keep(store, raw, logger)
    except OSError as error:
        raise UpstreamError(
            f"The recording of {session.label} cannot be packed ({error}). Make room in TMPDIR, then run it again."
        ) from error
    found = find_session(store, session.year, located.api_path)
    if found is None or RECORDING not in found[1].sources:
        raise UpstreamError(f"{session.label} was removed from the archive meanwhile. Run it again.")
    return Imported(session, kept, recording, found[1].sources[RECORDING])


class _Import:
    """Makes of a recording the responses of a located session, in files below ``folder``."""

    def __init__(
        self, client: Client, store: Store, session: SessionRef, recording: LiveRecording, folder: Path
    ) -> None:
        self._client = client
        self._store = store
        self._session = session
        self._recording = recording
        self._folder = folder

    def raw(self, wanted: Identity, *, offline: bool) -> Raw:
        session, recording = self._session, self._recording
        bodies = {
            f"stream-{topic.strip('_')}": recording.streams[STREAMS[topic]]
            for topic in topics_of(session)
            if STREAMS[topic] in recording.streams
        }
        if not any(name in bodies for name in _CARS):
            raise InputError(
                f"The recording has neither TimingData nor CarData.z nor Position.z of {session.label}, so there is "
                "nothing to compute. Nothing was taken."
            )
        lacking = {f"stream-{topic.strip('_')}" for topic in topics_of(session)} - bodies.keys()
        if b'"Tla"' not in bodies.get(_DRIVERS, b""):
            # It began after the list was sent, and has no more than what changed in it. FastF1 reads nothing of a car
            # that is not on it.
            lacking.add(_DRIVERS)
            bodies[_DRIVERS] = _with_cars(bodies.get(_DRIVERS, b""), cars_in(recording.streams))
        if recording.identity is None:
            lacking.add(INFO)
        info = self._info(bodies.get(INFO), wanted)
        bodies[INFO] = _with_info(bodies.get(INFO), info)
        key, circuit_key = key_of(info), circuit_key_of(info)
        assert key is not None
        responses = {name: self._response(name, body) for name, body in bodies.items()}
        responses |= self._services(key, circuit_key, offline=offline)
        facts = RecordingFacts(
            first_utc=recording.first_utc,
            last_utc=recording.last_utc,
            zero_utc=recording.zero_utc,
            breaks=list(recording.breaks),
            messages=recording.messages,
            unreadable=recording.unreadable,
        )
        return Raw(session, key, circuit_key, RECORDING, responses, tuple(sorted(lacking)), recording=facts)

    def _info(self, stream: bytes | None, wanted: Identity) -> dict[str, Any]:
        """Return who the session is: from its own SessionInfo, from who imports it, from the index of the season."""
        info = read_info(stream or b"") or {}
        if key_of(info) is not None:
            return info
        indexed: dict[str, Any] = {}
        with suppress(UpstreamError), self._client.asking(self._session.label):
            indexed = info_from_index(self._client.read_season_index(self._session.year), self._session) or {}
        info = indexed | info
        if key_of(info) is None and wanted.key is not None:
            info["Key"] = wanted.key
        if key_of(info) is None:
            raise InputError(
                f"Nothing tells the number of {self._session.label}, which its files are named by: the recording has "
                "no SessionInfo, and neither the archive nor live timing's index of the season could be asked. Type "
                "it: --session-key N. Nothing was taken."
            )
        if wanted.key is not None and key_of(info) != wanted.key:
            raise InputError(
                f"{self._session.label} has the number {info['Key']} in live timing's index of the season, not "
                f"{wanted.key}. Leave out --session-key, or name the session it belongs to. Nothing was taken."
            )
        return info | {"Path": f"{wanted.path}/"}

    def _response(self, name: str, body: bytes) -> Response:
        path = self._folder / name
        path.write_bytes(body)
        topic = next(topic for topic in topics_of(self._session) if f"stream-{topic.strip('_')}" == name)
        at = self._recording.last_utc.isoformat(timespec="seconds").replace("+00:00", "Z")
        return Response(path, f"recording:{STREAMS[topic]}", 200, at)

    def _services(self, key: int, circuit_key: int | None, *, offline: bool) -> dict[str, Response]:
        """Return what the services answer now; else what the cache has, or the archive with the official files."""
        used = {"circuit", *(SESSION_TYPES[self._session.code].results or ("results",))}
        urls = {name: url for name, url in service_urls(self._session, circuit_key).items() if name in used}
        found = {} if offline else self._asked(urls)
        cached = self._client.read_bodies(url for name, url in urls.items() if name not in found)
        found |= {name: Response(cached[url], url, 200, None) for name, url in urls.items() if url in cached}
        if urls.keys() - found.keys():
            found = self._official(key, urls) | found
        return found

    def _asked(self, urls: Mapping[str, str]) -> dict[str, Response]:
        found: dict[str, Response] = {}
        with suppress(UpstreamError), self._client.asking(self._session.label):
            for name, url in urls.items():
                path = self._folder / name
                if self._client.download(url, path).meaning is Meaning.GIVEN:
                    found[name] = Response(path, url, 200, None)
        return found

    def _official(self, key: int, urls: Iterable[str]) -> dict[str, Response]:
        folder = self._folder / "official"
        try:
            index = fetch_object(self._store, object_key(self._session.year, key, OFFICIAL), folder)
        except UpstreamError as error:
            self._client.logger.warning("%s", error)
            return {}
        there = read_responses(folder, index or {})
        return {name: there[name] for name in urls if name in there}


def cars_in(streams: Mapping[str, bytes]) -> list[str]:
    """Return the racing numbers that the first messages of telemetry and timing speak of, in order."""
    cars: set[str] = set()
    for topic in ("_extended_timing_data", "car_data"):
        for line in streams.get(STREAMS[topic], b"").split(b"\r\n")[:_FIRST_LINES]:
            said = _read(line.removeprefix(_BOM)[_TIME_CHARS:])
            entries = said.get("Entries")
            samples = entries if isinstance(entries, list) else []
            for found in (said.get("Lines"), *(one.get("Cars") for one in samples if isinstance(one, dict))):
                cars |= found.keys() if isinstance(found, dict) else set()
    return sorted((car for car in cars if car.isdecimal() and car.isascii()), key=int)


def _read(message: bytes) -> dict[str, Any]:
    """Return a message of a stream, unpacked if it is; nothing where it cannot be read."""
    with suppress(ValueError, zlib.error):
        said = orjson.loads(message)
        if isinstance(said, str):
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(base64.b64decode(said), _MESSAGE_BYTES)
            said = orjson.loads(unpacked)
        if isinstance(said, dict):
            return said
    return {}


def _with_cars(stream: bytes, cars: Sequence[str]) -> bytes:
    """Return a stream of DriverList in which all ``cars`` are."""
    listed = orjson.dumps({car: {"RacingNumber": car} for car in cars})
    return _BOM + b"00:00:00.000" + listed + b"\r\n" + stream.removeprefix(_BOM)


def _with_info(stream: bytes | None, info: Mapping[str, Any]) -> bytes:
    """Return a stream of SessionInfo that has the number of its session in its first message."""
    own = b"" if stream is None else stream.removeprefix(_BOM)
    if key_of(read_info(own)) is not None:
        return _BOM + own
    return _BOM + b"00:00:00.000" + orjson.dumps(info) + b"\r\n" + own
