"""Keeping raw responses of a session in the archive: the better of what is there and what has come."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from msgspec.structs import replace

from flows.session_ref import SessionRef
from flows.spool import working_folder
from flows.upstream.archive_format import Response, hash_responses, read_archive, write_archive
from flows.upstream.archive_index import RECORDING, RawSession, RawSource, find_session, object_key, put_source
from flows.upstream.raw_streams import missing_end
from flows.upstream.recorded_live import RecordingFacts
from publish.stores.base import Conflict, Store
from publish.structs import encode_document
from transforms.errors import PublicationError, UpstreamError

Logger = logging.Logger | logging.LoggerAdapter[Any]

RESPONSES = "responses/"
_DOWNLOAD_BYTES = 8 << 20


@dataclass(frozen=True)
class Raw:
    """Raw responses of a located session from one source, by their names; ``absent`` is proved not to be there.

    ``session_key`` is Formula 1's number of it, ``circuit_key`` the circuit service's of its circuit. Bodies of streams
    are files. ``inputs_sha256`` is of what FastF1 has parsed from them, None if it has not.
    """

    session: SessionRef
    session_key: int
    circuit_key: int | None
    source: str
    responses: Mapping[str, Response]
    absent: tuple[str, ...] = ()
    inputs_sha256: str | None = None
    recording: RecordingFacts | None = None


def keep(store: Store, raw: Raw, logger: Logger, *, anew: bool = False) -> bool:
    """Keep ``raw`` unless the archive holds the same or, of the same source, better; whether anything was kept.

    What is there and has not come again (a service that is down, a stream that is lost) is taken along; not of a
    recording, whose session time may begin elsewhere. ``anew``: what is there is broken.

    :raises PublicationError: the archive cannot be read or written.
    :raises UpstreamError: a body changed while it was read.
    :raises OSError: a body cannot be read, or working files not be written.
    """
    session = raw.session
    end = _missing_end(raw)
    before = None if anew else _entry(store, raw)
    if before is not None and not is_there(store, _key(raw), before):
        before = None
    with working_folder() as folder:
        responses = dict(raw.responses)
        if before is not None:
            if before.is_complete and end is not None:
                logger.warning(
                    "%s: what has come ends before the session (%s), what is in the archive does not, and stays",
                    session.label,
                    end,
                )
                return _note_look(store, raw, before, inputs_sha256=None)
            if raw.source != RECORDING:
                responses = _with_lost(store, raw, before, folder / "before", logger) | responses
            if before.responses_sha256 == hash_responses(responses):
                return _note_look(store, raw, before, inputs_sha256=raw.inputs_sha256)
        source = _put(store, raw, responses, end, folder / "archive")
    _add(store, raw, source)
    _agree(store, raw, source)
    logger.info("The raw data of %s is kept in the archive: %d bytes", session.label, source.bytes)
    return True


def is_there(store: Store, key: str, source: RawSource) -> bool:
    """Whether the object at ``key`` is there, as large as the index says.

    :raises PublicationError: the store cannot be read.
    """
    info = store.head(key)
    return info is not None and info.bytes == source.bytes


def fetch_object(store: Store, key: str, folder: Path) -> dict[str, Any] | None:
    """Download the archive at ``key``, prove it and unpack it below ``folder``; its index, None if there is none.

    :raises UpstreamError: it is broken, or was replaced meanwhile.
    :raises PublicationError: the store cannot be read.
    :raises OSError: ``folder`` cannot be written.
    """
    info = store.head(key)
    if info is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
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


def put_object(store: Store, key: str, about: Mapping[str, Any], responses: Mapping[str, Response], path: Path) -> int:
    """Pack ``responses`` at ``path`` and store them at ``key`` unless the same bytes are there; their number.

    :raises PublicationError: the store refuses.
    :raises OSError: ``path`` cannot be written.
    """
    sha256 = write_archive(path, about, responses)
    size = path.stat().st_size
    there = store.head(key)
    if there is None or (there.bytes, there.sha256) != (size, sha256):
        store.upload_file(key, path, sha256)
    return size


def _missing_end(raw: Raw) -> str | None:
    files = {name: response.body for name, response in raw.responses.items() if isinstance(response.body, Path)}
    return missing_end(files, raw.session.code)


def _entry(store: Store, raw: Raw) -> RawSource | None:
    found = find_session(store, raw.session.year, raw.session.api_path)
    return None if found is None else found[1].sources.get(raw.source)


def _note_look(store: Store, raw: Raw, before: RawSource, *, inputs_sha256: str | None) -> bool:
    """Remember when it was looked at, and what FastF1 has made of it, so that nobody looks again before it is time.

    Nothing is kept anew.
    """
    looked_at = _newest([before.fetched_at, *(response.fetched_at for response in raw.responses.values())])
    noted = replace(before, fetched_at=looked_at, inputs_sha256=inputs_sha256 or before.inputs_sha256)
    if noted != before:
        _add(store, raw, noted)
    return False


def _newest(times: Iterable[str | None]) -> str | None:
    return max(filter(None, times), default=None)


def _with_lost(store: Store, raw: Raw, before: RawSource, folder: Path, logger: Logger) -> dict[str, Response]:
    """Return what the archive has and ``raw`` has not, unpacked into ``folder``; nothing of a broken one."""
    lost = set(before.responses) - set(raw.responses)
    if not lost:
        return {}
    try:
        index = fetch_object(store, _key(raw), folder)
    except UpstreamError as error:
        logger.warning("%s", error)
        return {}
    return {name: response for name, response in read_responses(folder, index or {}).items() if name in lost}


def read_responses(folder: Path, index: Mapping[str, Any]) -> dict[str, Response]:
    """Return what was unpacked below ``folder``, by name, with what its ``index`` says of it."""
    return {
        member["name"].removeprefix(RESPONSES): Response(
            folder / member["name"],
            str(member.get("url")),
            int(member.get("status") or 0),
            None if member.get("fetched_at") is None else str(member["fetched_at"]),
        )
        for member in index.get("members", ())
    }


def _put(store: Store, raw: Raw, responses: Mapping[str, Response], end: str | None, path: Path) -> RawSource:
    session = raw.session
    about = {
        "source": raw.source,
        "session_key": raw.session_key,
        "circuit_key": raw.circuit_key,
        "year": session.year,
        "round": session.round,
        "event": session.event,
        "code": session.code,
        "api_path": session.api_path,
        "absent": _absent(raw, responses),
    }
    if raw.recording is not None:
        about["recording"] = orjson.loads(encode_document(raw.recording))
    size = put_object(store, _key(raw), about, responses, path)
    return RawSource(
        bytes=size,
        responses_sha256=hash_responses(responses),
        inputs_sha256=raw.inputs_sha256,
        responses=sorted(responses),
        absent=_absent(raw, responses),
        missing_end=end,
        fetched_at=_newest(response.fetched_at for response in responses.values()),
        recording=raw.recording,
    )


def _absent(raw: Raw, responses: Mapping[str, Response]) -> list[str]:
    """What is lacking; of a recording even where something was put in its place."""
    return sorted(set(raw.absent) if raw.recording is not None else set(raw.absent) - set(responses))


def _add(store: Store, raw: Raw, source: RawSource) -> None:
    session = raw.session
    entry = RawSession(
        api_path=session.located_path,
        round=session.round,
        event=session.event,
        code=session.code,
        sources={raw.source: source},
    )
    put_source(store, session.year, raw.session_key, entry)


def _agree(store: Store, raw: Raw, source: RawSource) -> None:
    """See that the index speaks of the object that is there, where two places keep the same session at once.

    :raises PublicationError: it does not; the other place's object is there, and its index entry is not yet.
    """
    info, entry = store.head(_key(raw)), _entry(store, raw)
    if info is None or entry is None or info.bytes == entry.bytes:
        return
    if entry == source:
        raise PublicationError(
            f"{_key(raw)} in {store.uri} was replaced by another place that fetches {raw.session.label} too. Run it "
            "again: the better of both is kept."
        )


def _key(raw: Raw) -> str:
    return object_key(raw.session.year, raw.session_key, raw.source)
