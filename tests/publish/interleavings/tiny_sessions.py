"""Sessions of a few hundred bytes, encoded, hashed and named as real ones are, and the schedules they are in."""

import dataclasses
import gzip
import hashlib
import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa
import pyarrow.parquet as pq

from publish.encode.chunks import CHUNK_MS, RATES
from publish.encode.content import content_sha256
from publish.encode.manifest import (
    Manifest,
    ManifestClock,
    ManifestEvent,
    ManifestFrames,
    ManifestObject,
    ManifestSamples,
    ManifestSession,
    named,
)
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.headers import headers_for
from publish.revisions.latest import Summary
from publish.season.document import Event, ScheduledSession
from transforms.columns import LAPS
from transforms.recording import SessionIdentity

YEAR = 2024
#: Every table name a session may have here.
TABLES = ("laps", "results")
#: The season's tables that are made of them: few columns, of one table.
SEASON_TABLES = {"laps": dataclasses.replace(LAPS, columns=(LAPS.columns[0], LAPS.columns[3]))}
_NAMES = {9472: "Bahrain Grand Prix", 9480: "Saudi Arabian Grand Prix", 9488: "Australian Grand Prix"}
_SCHEMA = pa.schema([("year", pa.int16()), ("session_key", pa.int32()), ("car", pa.string()), ("lap", pa.int16())])


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a session holds: ``content`` decides every value, ``tables`` which tables there are, ``level`` the bytes.

    With ``has_track`` there is an outline to be drawn.
    """

    content: str = "one"
    session_key: int = 9472
    round: int = 1
    tables: tuple[str, ...] = TABLES[:1]
    level: int = 9
    has_track: bool = False

    @property
    def capabilities(self) -> dict[str, bool]:
        return {"telemetry": True, "track": self.has_track}


def identity_of(wanted: Wanted) -> SessionIdentity:
    """Return what the publisher of ``wanted`` takes the session for."""
    name = _NAMES[wanted.session_key]
    return SessionIdentity(
        session_key=wanted.session_key,
        meeting_key=1229,
        year=YEAR,
        round=wanted.round,
        event=name,
        official_event=name,
        country="Country",
        location="Place",
        code="R",
        name="Race",
        date="2024-03-02",
        start_utc="2024-03-02T15:00:00Z",
    )


def summary_of(wanted: Wanted) -> Summary:
    """Return what ``latest.json`` says of ``wanted``."""
    return Summary("A", wanted.capabilities, f"inputs-{wanted.content}", "code-1")


@cache
def encode(wanted: Wanted) -> EncodedRevision:
    """Return ``wanted``, encoded. Two levels of compression give other bytes of the same content."""
    folder = Path(mkdtemp(dir=_spool()))
    objects = sorted(
        [_json(wanted, "laps.json.gz", "laps", folder), _json(wanted, "rows/skip_1.json.gz", "rows", folder)]
        + [_table(wanted, name, folder) for name in wanted.tables]
        + ([_track(wanted, folder)] if wanted.has_track else []),
        key=lambda one: one.path,
    )
    revision, manifest = named(_manifest(wanted, objects), [one.content_sha256 for one in objects])
    return EncodedRevision(wanted.session_key, revision, manifest, tuple(objects))


@cache
def _spool() -> str:
    return mkdtemp(prefix="interleavings-")


def _json(wanted: Wanted, path: str, kind: str, folder: Path) -> EncodedObject:
    text = f'{{"session_key":{wanted.session_key},"path":"{path}","content":"{wanted.content}"}}'.encode() * 20
    return _object(path, kind, gzip.compress(text, wanted.level, mtime=0), folder)


def _track(wanted: Wanted, folder: Path) -> EncodedObject:
    """A triangle that is turned as the content has it."""
    turned = float(sum(wanted.content.encode()))
    track = {"schema": "parcferme/track/2", "scale": 1.0, "x": [0, 90, -90], "y": [0, 0, 90], "rotation_deg": turned}
    return _object("track.json.gz", "track", gzip.compress(json.dumps(track).encode(), mtime=0), folder)


def _table(wanted: Wanted, name: str, folder: Path) -> EncodedObject:
    columns = {
        "year": [YEAR] * 2,
        "session_key": [wanted.session_key] * 2,
        "car": [wanted.content, name],
        "lap": [1, 2],
    }
    table = pa.table(columns, schema=_SCHEMA)
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd" if wanted.level == 9 else "snappy")
    return _object(f"parquet/{name}.parquet", "table", out.getvalue(), folder)


def _object(path: str, kind: str, data: bytes, folder: Path) -> EncodedObject:
    file = folder / path.replace("/", "_")
    file.write_bytes(data)
    headers = headers_for(path)
    return EncodedObject(
        path=path,
        kind=kind,
        file=file,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_sha256=content_sha256(path, data),
        content_type=headers.content_type,
        content_encoding=headers.content_encoding,
        rows=2,
    )


def _manifest(wanted: Wanted, objects: list[EncodedObject]) -> Manifest:
    identity = identity_of(wanted)
    return Manifest(
        session_key=identity.session_key,
        meeting_key=identity.meeting_key,
        year=identity.year,
        round=identity.round,
        event=ManifestEvent(identity.event, identity.event, identity.country, identity.location, None),
        session=ManifestSession(identity.code, identity.name, identity.date, identity.start_utc),
        revision="0" * 16,
        clock=ManifestClock(None, 40, 0, None),
        drivers=(),
        total_laps=1,
        grade="A",
        capabilities=wanted.capabilities,
        frames=ManifestFrames(RATES, CHUNK_MS, {}),
        samples=ManifestSamples(CHUNK_MS, None, {}),
        chunks={},
        files=tuple(
            ManifestObject(one.path, one.kind, one.bytes, one.sha256, one.content_encoding, rows=2) for one in objects
        ),
        made_with={"parcferme": "1"},
    )


def schedule(*session_keys: int) -> tuple[Event, ...]:
    """Return a season in which these sessions are the races of rounds 1, 2, ..."""
    start = datetime(2024, 3, 2, 15, tzinfo=UTC)
    return tuple(
        Event(
            round=number,
            name=_NAMES[session_key],
            country="Country",
            location="Place",
            date=f"2024-03-{list(_NAMES).index(session_key) + 1:02}",
            format="conventional",
            testing=False,
            sessions=(ScheduledSession("R", "Race", start),),
        )
        for number, session_key in enumerate(session_keys, start=1)
    )
