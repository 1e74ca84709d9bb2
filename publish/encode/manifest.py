"""The manifest: what a revision consists of, and the revision's name.

A name has two parts: a hash of what a reader gets after decoding, and one of the bytes, which are others where another
version of a library has written them. The same name means the same bytes, for ever and whoever stores them; the same
first part means the same content.
"""

import hashlib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from publish import keys
from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.chunks import CHUNK_MS, RATES
from publish.encode.documents import iso_utc
from publish.encode.files import canonical_json
from publish.encode.objects import EncodedObject, EncodedRevision
from transforms.frames import Clock
from transforms.recording import SessionIdentity
from transforms.session import SessionData

SCHEMA = "parcferme/manifest/1"
#: Hexadecimal digits of the two parts of a revision's name.
_CONTENT_DIGITS, _BYTES_DIGITS = 16, 8
#: What a manifest says that is no content: two with the same content may differ in it.
_NO_CONTENT = ("revision", "made_with")


def build_manifest(
    identity: SessionIdentity,
    data: SessionData,
    objects: Iterable[EncodedObject],
    channels: frozenset[str],
    made_with: dict[str, str],
) -> tuple[str, bytes]:
    """Return the revision and the manifest as canonical JSON.

    ``channels`` are the names of the frame channels that have a value; only these are declared. The first part of the
    name depends on what a reader gets, neither on ``made_with`` nor on how the objects were compressed.
    """
    return complete_manifest(
        {**_head(identity), **_content(data, channels), "made_with": made_with},
        sorted(objects, key=lambda entry: entry.path),
    )


def complete_manifest(facts: Mapping[str, Any], objects: Sequence[EncodedObject]) -> tuple[str, bytes]:
    """Return the revision and the manifest with the fields ``facts`` and these ``objects`` (sorted by path)."""
    manifest = {**facts, "objects": [_entry(entry) for entry in objects]}
    content = content_name(manifest, {entry.path: entry.content_sha256 for entry in objects})
    return _named(manifest, content, 0)


def content_name(manifest: Mapping[str, Any], content_sha256: Mapping[str, str]) -> str:
    """Return the first part of the name of the revision that ``manifest`` describes.

    ``content_sha256`` has the hash of what a reader gets of each object, in hex, by path.
    """
    entries = [
        {name: value for name, value in item.items() if name not in ("bytes", "sha256")}
        | {"content_sha256": content_sha256[item["path"]]}
        for item in manifest["objects"]
    ]
    facts = {name: value for name, value in manifest.items() if name not in _NO_CONTENT}
    return _digest(facts | {"objects": entries})[:_CONTENT_DIGITS]


def named_anew(encoded: EncodedRevision, taken: Collection[str]) -> EncodedRevision:
    """Return ``encoded`` under a name that is not in ``taken``: its own, or another one with the same first part."""
    if encoded.revision not in taken:
        return encoded
    content = keys.content_of(encoded.revision)
    manifest = orjson.loads(encoded.manifest)
    names = (_named(manifest, content, number) for number in itertools.count())
    revision, data = next((revision, data) for revision, data in names if revision not in taken)
    return replace(encoded, revision=revision, manifest=data)


def _named(manifest: Mapping[str, Any], content: str, number: int) -> tuple[str, bytes]:
    """Return name and bytes of the manifest; each ``number`` gives another name."""
    facts = {name: value for name, value in manifest.items() if name != "revision"}
    revision = f"{content}-{_digest([facts, number])[:_BYTES_DIGITS]}"
    return revision, canonical_json({**facts, "revision": revision})


def _digest(document: object) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()


def _head(identity: SessionIdentity) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "session_key": identity.session_key,
        "meeting_key": identity.meeting_key,
        "year": identity.year,
        "round": identity.round,
        "event": {
            "name": identity.event,
            "official_name": identity.official_event,
            "country": identity.country,
            "location": identity.location,
            "circuit": identity.circuit,
        },
        "session": {
            "code": identity.code,
            "name": identity.name,
            "date": identity.date,
            "start_utc": identity.start_utc,
        },
    }


def _content(data: SessionData, channels: frozenset[str]) -> dict[str, Any]:
    declared = [channel for channel in CONTINUOUS + HELD if channel.name in channels]
    return {
        "clock": _clock(data.frames.clock),
        "drivers": [
            {
                "number": driver.number,
                "code": driver.code,
                "first_name": driver.first_name,
                "last_name": driver.last_name,
                "team": driver.team,
                "color": driver.color,
            }
            for driver in data.drivers
        ],
        "total_laps": data.total_laps,
        "grade": data.grade,
        "capabilities": data.capabilities,
        "frames": {
            "fps": list(RATES),
            "chunk_ms": CHUNK_MS,
            "channels": {
                channel.name: {
                    "unit": channel.unit,
                    "scale": channel.scale,
                    "kind": channel.kind,
                    "column": channel.column,
                    "description": channel.description,
                }
                for channel in declared
            },
        },
    }


def _clock(clock: Clock) -> dict[str, Any]:
    return {
        "utc_origin": None if clock.utc_origin_ms is None else iso_utc(clock.utc_origin_ms),
        "duration_ms": clock.duration_ms,
        "session_time_origin_ms": clock.session_time_origin_ms,
        "race_start_ms": clock.race_start_ms,
    }


def _entry(entry: EncodedObject) -> dict[str, Any]:
    """Return one object as the manifest names it."""
    facts: dict[str, Any] = {
        "path": entry.path,
        "kind": entry.kind,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "content_encoding": entry.content_encoding,
    }
    for name in ("fps", "start_ms", "end_ms", "rows"):
        value = getattr(entry, name)
        if value is not None:
            facts[name] = value
    return facts
