"""The manifest: what a revision consists of, and the revision's name.

A name has two parts: a hash of what a reader gets after decoding, and one of the bytes, which are others where another
version of a library has written them. The same name means the same bytes, for ever and whoever stores them; the same
first part means the same content.

Most objects of a race are chunks, a minute each. The manifest lists them by kind, as what cannot be worked out: bytes
and a part of the hash. :attr:`Manifest.objects` has every object, :func:`with_objects` is the way back.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from msgspec.structs import replace

from publish import keys
from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.chunks import CHUNK_MS, RATES, AllRates, Rate
from publish.encode.documents import TABLE_DOCUMENTS, iso_utc
from publish.encode.files import canonical_json
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.encode.samples import SAMPLED
from publish.encode.verdict import Verdict, verdict_of
from publish.licence import LICENCE, Licence
from publish.structs import (
    Capabilities,
    Count,
    Date,
    Document,
    Grade,
    Name,
    Part,
    Revision,
    SessionCode,
    Sha256,
    UtcText,
    Year,
    about,
    decode_document,
    one_of,
    plain_values,
)
from transforms.errors import PublicationError
from transforms.frames import Clock
from transforms.recording import SessionIdentity
from transforms.session import SessionData

#: Hexadecimal digits of the two parts of a revision's name.
_CONTENT_DIGITS, _BYTES_DIGITS = 16, 8
#: What an object can be that stands for itself, and what is cut into minutes.
KINDS = ("overview", "rows", "table", "track", "quality", *TABLE_DOCUMENTS)
CHUNKED = ("samples", "frames")
#: Digits of a chunk's SHA-256 in the manifest. With all 64 that of Monaco 2024, 150 minutes, takes 17 kB as a server
#: sends it, with 32 12.7 kB; 96 bits tell any bytes from any others all the same.
_CHUNK_DIGITS = 24


Path = Annotated[str, Meta(pattern=r"^[a-z0-9_]+(/[a-z0-9_.]+)*"), about("Relative to the manifest")]


class ManifestEvent(Part):
    """The race weekend."""

    name: Name
    official_name: Name
    country: Name
    location: Name
    circuit: Name | None


class ManifestSession(Part):
    """The session of that weekend."""

    code: SessionCode
    name: Name
    date: Date
    start_utc: UtcText | None


class ManifestClock(Part):
    """The clock that all times of the revision are on."""

    utc_origin: Annotated[UtcText | None, about("UTC at tick 0")]
    duration_ms: Count
    session_time_origin_ms: Annotated[int, about("FastF1's session time at tick 0")]
    race_start_ms: int | None


class ManifestPart(Part):
    """One part of a session that has parts: Q1, Q2, Q3, or a practice as a whole."""

    name: Name
    start_ms: int
    end_ms: Annotated[int | None, about("When its time was up")]
    stopped_ms: Annotated[tuple[tuple[int, int], ...], about("Spans (from, to) in which its clock stood")]
    advance: Annotated[Count | None, about("How many cars go on to the next part; null in the last")]


class ManifestDriver(Part):
    """One car and who drives it."""

    number: Name
    code: Name
    first_name: Name
    last_name: Name
    team: Name
    color: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")] | None


class ManifestChannel(Part):
    """One channel of the frame chunks."""

    unit: str
    scale: Annotated[int | float, about("value = integer * scale")]
    kind: Annotated[str, one_of("continuous", "held")]
    differences: Annotated[
        int, Meta(ge=0, le=2), about("1: first value, differences; 2: differences of those; 0: runs")
    ]
    every_ms: Annotated[Count, about("How often it has a value, which holds until the next; 0 is every tick")]
    column: Annotated[str, about("The same quantity in the Parquet table of frames")]
    description: str


class ManifestFrames(Part):
    """How the frame chunks are cut."""

    fps: AllRates
    chunk_ms: Annotated[int, Meta(ge=CHUNK_MS, le=CHUNK_MS)]
    channels: dict[str, ManifestChannel]


class ManifestSampled(Part):
    """One channel of the sample chunks, and how it is interpolated."""

    unit: str
    scale: Annotated[int | float, about("value = integer * scale")]
    differences: Annotated[int, Meta(ge=0, le=2), about("How often its numbers are summed up; 0: runs")]
    time: Annotated[str, one_of("car_time", "position_time", "own"), about("The times its numbers belong to")]
    interpolation: Annotated[str, one_of("cubic", "linear", "held")]
    max_gap_ms: Annotated[Count | None, about("Longest time between samples it is known in; null: any")]
    null: Annotated[str, one_of("no sample", "unknown"), about("What null stands for: passed over, or a gap")]
    description: str


class ManifestSamples(Part):
    """How the sample chunks are cut and read."""

    chunk_ms: Annotated[int, Meta(ge=CHUNK_MS, le=CHUNK_MS)]
    lap_length_m: Annotated[float | None, about("lap distance = distance - (lap - 1) * this; null without a track")]
    channels: dict[str, ManifestSampled]


class ManifestObject(Part):
    """One object of the revision. ``bytes`` and ``sha256`` are of the file as it is downloaded."""

    path: Path
    kind: Annotated[str, one_of(*KINDS)]
    bytes: Count
    sha256: Sha256
    content_encoding: Annotated[str, one_of("gzip")] | None
    fps: Rate | UnsetType = UNSET
    start_ms: Count | UnsetType = UNSET
    end_ms: Annotated[Count | UnsetType, about("The first tick after the last one in it")] = UNSET
    rows: Count | UnsetType = UNSET

    def has_hash(self, sha256: str | None) -> bool:
        """Whether bytes with this SHA-256 are the object's; of a chunk the manifest knows only how it begins."""
        return sha256 is not None and sha256.startswith(self.sha256)


class ManifestChunks(Part):
    """The chunks of one kind, from the first minute to the last.

    Number n is ``<folder>/<n>.json.gz``, n with four digits. It begins at n times ``chunk_ms`` of its kind and ends
    where the next one begins, the last one at ``clock.duration_ms``.
    """

    folder: Path
    files: Annotated[
        tuple[tuple[Count, Annotated[str, Meta(pattern=f"^[0-9a-f]{{{_CHUNK_DIGITS}}}$")]], ...],
        about(f"Bytes of each as it is downloaded, and the first {_CHUNK_DIGITS} digits of its SHA-256"),
    ]
    fps: Rate | UnsetType = UNSET


class Manifest(Document, tag="parcferme/manifest/2"):
    """What one revision of a session consists of."""

    session_key: int
    meeting_key: int
    year: Year
    round: Count
    event: ManifestEvent
    session: ManifestSession
    revision: Revision
    clock: ManifestClock
    drivers: tuple[ManifestDriver, ...]
    total_laps: Count | None
    grade: Grade
    capabilities: Capabilities
    samples: ManifestSamples
    frames: ManifestFrames
    chunks: Annotated[dict[Annotated[str, one_of(*CHUNKED)], ManifestChunks], about("By kind; none without frames")]
    files: Annotated[tuple[ManifestObject, ...], about("Every object that is no chunk")] = field(name="objects")
    made_with: Annotated[dict[str, str], about("Versions; no part of the content that the revision's name begins with")]
    parts: Annotated[tuple[ManifestPart, ...] | UnsetType, about("Q1, Q2 and Q3, or a practice; not of a race")] = UNSET
    verdict: Annotated[Verdict | None, about("How true the data is; null where nobody judged it")] = None
    licence: Annotated[
        Licence | None, about("Sources and terms; no part of the content that the revision's name begins with")
    ] = None

    @property
    def objects(self) -> tuple[ManifestObject, ...]:
        """Every object, by path; of chunks with the part of their hash that is known."""
        return tuple(sorted((*self.files, *self._chunks()), key=_path))

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every object that is no chunk, by path."""
        return {item.path: item.sha256 for item in self.files}

    def _chunks(self) -> Iterator[ManifestObject]:
        for kind, chunks in self.chunks.items():
            for number, (size, sha256) in enumerate(chunks.files):
                path, start_ms = f"{chunks.folder}/{number:04d}.json.gz", number * CHUNK_MS
                end_ms = min(start_ms + CHUNK_MS, self.clock.duration_ms)
                yield ManifestObject(path, kind, size, sha256, "gzip", chunks.fps, start_ms, end_ms)


def build_manifest(
    identity: SessionIdentity,
    data: SessionData,
    objects: Iterable[EncodedObject],
    channels: frozenset[str],
    sampled: frozenset[str],
    made_with: dict[str, str],
) -> tuple[str, bytes]:
    """Return the revision and the manifest as canonical JSON.

    ``channels`` and ``sampled`` are the names of the channels of frames and samples that have a value; only these are
    declared. The first part of the
    name depends on what a reader gets, not on ``made_with``, the terms or how the objects were compressed. Raises
    PublicationError if something is not as the manifest's schema says.
    """
    ordered = sorted(objects, key=lambda entry: entry.path)
    unnamed = Manifest(
        session_key=identity.session_key,
        meeting_key=identity.meeting_key,
        year=identity.year,
        round=identity.round,
        event=ManifestEvent(
            identity.event, identity.official_event, identity.country, identity.location, identity.circuit
        ),
        session=ManifestSession(identity.code, identity.name, identity.date, identity.start_utc),
        revision="0" * _CONTENT_DIGITS,
        clock=_clock(data.frames.clock),
        drivers=tuple(ManifestDriver(**asdict(driver)) for driver in data.drivers),
        total_laps=data.total_laps,
        grade=data.grade,
        capabilities=data.capabilities,
        verdict=verdict_of(data.quality),
        licence=LICENCE,
        samples=ManifestSamples(CHUNK_MS, data.replay.lap_length_m, sampled_channels(sampled)),
        frames=ManifestFrames(RATES, CHUNK_MS, _channels(channels)),
        chunks={},
        files=(),
        made_with=made_with,
        # Absent in a race, which has none.
        parts=tuple(ManifestPart(**asdict(part)) for part in data.parts) or UNSET,
    )
    listed = with_objects(unnamed, [_entry(entry) for entry in ordered])
    return named(listed, [entry.content_sha256 for entry in ordered])


def with_objects(manifest: Manifest, objects: Iterable[ManifestObject]) -> Manifest:
    """Return ``manifest`` with these objects in place of its own.

    :raises PublicationError: chunks are not one a minute from the first to the last, so they cannot be listed by kind.
    """
    whole = sorted(objects, key=_path)
    chunks = {kind: [item for item in whole if item.kind == kind] for kind in CHUNKED}
    packed = replace(
        manifest,
        chunks={kind: _packed(items) for kind, items in chunks.items() if items},
        files=tuple(item for item in whole if item.kind not in CHUNKED),
    )
    for item, listed in zip(whole, packed.objects, strict=True):
        if replace(listed, sha256=item.sha256) != item or not listed.has_hash(item.sha256):
            raise PublicationError(
                f"{item.path} of session {manifest.session_key} cannot be listed: {listed} was expected in place of "
                f"{item}. Nothing was published. This is a fault of parcferme: report it with this message."
            )
    return packed


def _packed(items: list[ManifestObject]) -> ManifestChunks:
    folder = items[0].path.rpartition("/")[0]
    return ManifestChunks(folder, tuple((item.bytes, item.sha256[:_CHUNK_DIGITS]) for item in items), items[0].fps)


def named(manifest: Manifest, content_sha256: Iterable[str], number: int = 0) -> tuple[str, bytes]:
    """Return the name of the revision that ``manifest`` describes, whatever it says itself, and the manifest with it.

    ``content_sha256`` is of what a reader gets of its ``objects``, in order. Each ``number`` gives another name.
    """
    return _with_name(manifest, content_name(manifest, content_sha256), number)


def content_name(manifest: Manifest, content_sha256: Iterable[str]) -> str:
    """Return the first part of the name of the revision that ``manifest`` describes; arguments as for :func:`named`."""
    body = plain_values(manifest)
    del body["revision"], body["made_with"], body["licence"], body["chunks"]
    body["objects"] = msgspec.to_builtins(manifest.objects)
    for entry, content in zip(body["objects"], content_sha256, strict=True):
        # How an object is packed is no content.
        del entry["bytes"], entry["sha256"]
        entry["content_sha256"] = content
    return hashlib.sha256(canonical_json(body)).hexdigest()[:_CONTENT_DIGITS]


def named_anew(encoded: EncodedRevision, taken: Collection[str]) -> EncodedRevision:
    """Return ``encoded`` under a name that is not in ``taken``: its own, or another one with the same first part."""
    if encoded.revision not in taken:
        return encoded
    manifest = decode_document(encoded.manifest, Manifest, "The manifest")
    names = (_with_name(manifest, keys.content_of(encoded.revision), number) for number in itertools.count())
    revision, data = next((revision, data) for revision, data in names if revision not in taken)
    return dataclasses.replace(encoded, revision=revision, manifest=data)


def _with_name(manifest: Manifest, content: str, number: int) -> tuple[str, bytes]:
    facts = plain_values(manifest)
    del facts["revision"]
    digest = hashlib.sha256(canonical_json([facts, number])).hexdigest()
    revision = f"{content}-{digest[:_BYTES_DIGITS]}"
    return revision, canonical_json(plain_values(replace(manifest, revision=revision)))


def _path(item: ManifestObject) -> str:
    return item.path


def _channels(names: frozenset[str]) -> dict[str, ManifestChannel]:
    return {
        channel.name: ManifestChannel(
            channel.unit,
            channel.scale,
            channel.kind,
            channel.differences if channel.kind == "continuous" else 0,
            channel.every_ms,
            channel.column,
            channel.description,
        )
        for channel in CONTINUOUS + HELD
        if channel.name in names
    }


def sampled_channels(names: frozenset[str]) -> dict[str, ManifestSampled]:
    """Return the declarations of the channels ``names`` of the samples, in their order."""
    return {
        channel.name: ManifestSampled(
            channel.unit,
            channel.scale,
            channel.differences,
            channel.time,
            channel.interpolation,
            channel.max_gap_ms,
            channel.null,
            channel.description,
        )
        for channel in SAMPLED
        if channel.name in names
    }


def _clock(clock: Clock) -> ManifestClock:
    utc_origin = None if clock.utc_origin_ms is None else iso_utc(clock.utc_origin_ms)
    return ManifestClock(utc_origin, clock.duration_ms, clock.session_time_origin_ms, clock.race_start_ms)


def _entry(entry: EncodedObject) -> ManifestObject:
    """Return one object as the manifest names it."""
    facts = {name: getattr(entry, name) for name in ("fps", "start_ms", "end_ms", "rows")}
    known = {name: value for name, value in facts.items() if value is not None}
    return ManifestObject(entry.path, entry.kind, entry.bytes, entry.sha256, entry.content_encoding, **known)
