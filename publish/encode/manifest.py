"""The manifest: what a revision consists of, and the revision's name, which is a hash of its content."""

import hashlib
from collections.abc import Iterable
from typing import Any

from publish.encode.channels import CONTINUOUS, HELD
from publish.encode.chunks import CHUNK_MS, RATES
from publish.encode.documents import iso_utc
from publish.encode.files import canonical_json
from publish.encode.objects import EncodedObject
from transforms.frames import Clock
from transforms.parts import Part
from transforms.recording import SessionIdentity
from transforms.session import SessionData

SCHEMA = "parcferme/manifest/1"
#: Hexadecimal digits of a revision's name.
_REVISION_DIGITS = 16


def build_manifest(
    identity: SessionIdentity,
    data: SessionData,
    objects: Iterable[EncodedObject],
    channels: frozenset[str],
    made_with: dict[str, str],
) -> tuple[str, bytes]:
    """Return the revision and the manifest as canonical JSON.

    ``channels`` are the names of the frame channels that have a value; only these are declared. The revision depends
    on what a reader gets, neither on ``made_with`` nor on how the objects were compressed.
    """
    ordered = sorted(objects, key=lambda entry: entry.path)
    body = {**_head(identity), **_content(data, channels)}
    revision = revision_of(body, ordered)
    manifest = {
        **body,
        "revision": revision,
        "objects": [_entry(entry) for entry in ordered],
        "made_with": made_with,
    }
    return revision, canonical_json(manifest)


def revision_of(body: dict[str, Any], objects: Iterable[EncodedObject]) -> str:
    """Return the name of the revision with the manifest fields ``body`` and these ``objects`` (sorted by path)."""
    entries = []
    for entry in objects:
        facts = _entry(entry)
        del facts["bytes"], facts["sha256"]
        entries.append({**facts, "content_sha256": entry.content_sha256})
    text = canonical_json({**body, "objects": entries})
    return hashlib.sha256(text).hexdigest()[:_REVISION_DIGITS]


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
        # Absent in a race, which has none.
        **({"parts": [_part(part) for part in data.parts]} if data.parts else {}),
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


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "start_ms": part.start_ms,
        "end_ms": part.end_ms,
        "stopped_ms": [list(span) for span in part.stopped_ms],
        "advance": part.advance,
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
