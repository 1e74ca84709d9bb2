import dataclasses
import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_data import IDENTITY_OF_SESSION, LAP_M, drivers, session_data

from publish import keys
from publish.encode.chunks import CHUNK_MS
from publish.encode.manifest import (
    CHUNKED,
    Manifest,
    ManifestObject,
    build_manifest,
    content_name,
    named_anew,
    with_objects,
)
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.structs import decode_document, encode_document
from transforms.errors import PublicationError
from transforms.frames import TICK_MS
from transforms.parts import Part

ME = IDENTITY_OF_SESSION
MADE_WITH = {"parcferme": "0.1.0", "fastf1": "3.9.0", "contract": "1"}
CHANNELS = frozenset({"x", "gear"})


def entry(path: str, content: str = "c" * 64, **changes) -> EncodedObject:
    made = EncodedObject(path, "laps", Path("/spool") / path, 10, "a" * 64, content, "application/json", "gzip")
    return dataclasses.replace(made, **changes)


@pytest.fixture(scope="module")
def data():
    return session_data(100, 2)


def build(data, *, objects=None, identity=ME, made_with=MADE_WITH, who=None, channels=CHANNELS, sampled=CHANNELS):
    objects = [entry("laps.json.gz"), entry("frames/25/0000.json.gz")] if objects is None else objects
    data = dataclasses.replace(data, drivers=who or drivers(2))
    revision, text = build_manifest(identity, data, objects, channels, sampled, made_with)
    return revision, json.loads(text)


def test_it_has_the_contract_fields(data):
    revision, made = build(data)
    assert " ".join(sorted(made)) == (
        "capabilities chunks clock drivers event frames grade licence made_with meeting_key objects revision round "
        "samples schema session session_key total_laps verdict year"
    )
    assert made["schema"] == "parcferme/manifest/2" and made["revision"] == revision and keys.is_revision(revision)
    assert made["clock"] == {
        "utc_origin": "2024-03-02T15:03:42.123Z",
        "duration_ms": 4000,
        "session_time_origin_ms": 3_600_000,
        "race_start_ms": 10_000,
    }
    assert made["drivers"][0] == {
        "number": "1",
        "code": "D01",
        "first_name": "First",
        "last_name": "Last 1",
        "team": "Team",
        "color": "#3671c6",
    }
    assert (made["frames"]["fps"], made["frames"]["chunk_ms"]) == ([25, 1], 60_000)
    assert made["frames"]["channels"]["x"] == {
        "unit": "m",
        "scale": 0.1,
        "kind": "continuous",
        "differences": 2,
        "every_ms": 0,
        "column": "x_m",
        "description": "East-like coordinate of the circuit's own frame",
    }
    assert sorted(made["frames"]["channels"]) == ["gear", "x"]
    assert (made["samples"]["chunk_ms"], made["samples"]["lap_length_m"]) == (60_000, LAP_M)
    assert made["samples"]["channels"]["x"] == {
        "unit": "m",
        "scale": 0.1,
        "differences": 2,
        "time": "position_time",
        "interpolation": "cubic",
        "max_gap_ms": 1500,
        "null": "no sample",
        "description": "East-like coordinate of the circuit's own frame",
    }
    assert sorted(made["samples"]["channels"]) == ["gear", "x"]


def test_parts_are_those_of_qualifying_or_practice(data):
    assert "parts" not in build(data)[1]
    parts = (Part("Q1", 30_000, 1_110_000, ((60_000, 90_000),), 15), Part("Q2", 1_500_000, None, (), None))
    revision, made = build(dataclasses.replace(data, parts=parts))
    assert revision != build(data)[0]
    assert made["parts"] == [
        {"name": "Q1", "start_ms": 30_000, "end_ms": 1_110_000, "stopped_ms": [[60_000, 90_000]], "advance": 15},
        {"name": "Q2", "start_ms": 1_500_000, "end_ms": None, "stopped_ms": [], "advance": None},
    ]
    assert len(decode_document(encode_document(made), Manifest, "it").parts) == 2
    made["parts"][0]["advance"] = "15"
    with pytest.raises(PublicationError, match=r"parts\[0\]\.advance"):
        decode_document(encode_document(made), Manifest, "it")


def test_objects_are_sorted_and_have_what_means_something(data):
    objects = [entry("rows/skip_1.json.gz", rows=3), entry("frames/25/0000.json.gz", fps=25, start_ms=0, end_ms=9)]
    _, made = build(data, objects=objects)
    assert made["objects"] == [
        {
            "path": "frames/25/0000.json.gz",
            "kind": "laps",
            "bytes": 10,
            "sha256": "a" * 64,
            "content_encoding": "gzip",
            "fps": 25,
            "start_ms": 0,
            "end_ms": 9,
        },
        {
            "path": "rows/skip_1.json.gz",
            "kind": "laps",
            "bytes": 10,
            "sha256": "a" * 64,
            "content_encoding": "gzip",
            "rows": 3,
        },
    ]


def chunks_of(kind: str, folder: str, count: int, end_ms: int, fps: int | None = None) -> list[EncodedObject]:
    """As many minutes, the last one up to ``end_ms``."""
    return [
        entry(
            f"{folder}/{number:04d}.json.gz",
            kind=kind,
            bytes=100 + number,
            sha256=hashlib.sha256(f"{folder} {number}".encode()).hexdigest(),
            fps=fps,
            start_ms=number * CHUNK_MS,
            end_ms=min((number + 1) * CHUNK_MS, end_ms),
        )
        for number in range(count)
    ]


def lasting(data, duration_ms: int):
    clock = dataclasses.replace(data.frames.clock, ticks=duration_ms // TICK_MS)
    return dataclasses.replace(data, frames=dataclasses.replace(data.frames, clock=clock))


def test_chunks_are_listed_by_kind(data):
    samples, frames = chunks_of("samples", "samples", 2, 70_000), chunks_of("frames", "frames/25", 2, 70_000, 25)
    _, made = build(lasting(data, 70_000), objects=[*frames, entry("laps.json.gz"), *samples])
    assert made["chunks"] == {
        "samples": {"folder": "samples", "files": [[100 + n, samples[n].sha256[:24]] for n in range(2)]},
        "frames": {"folder": "frames/25", "fps": 25, "files": [[100 + n, frames[n].sha256[:24]] for n in range(2)]},
    }
    assert [item["path"] for item in made["objects"]] == ["laps.json.gz"]
    manifest = msgspec.convert(made, Manifest)
    assert [item.path for item in manifest.objects] == [
        "frames/25/0000.json.gz",
        "frames/25/0001.json.gz",
        "laps.json.gz",
        "samples/0000.json.gz",
        "samples/0001.json.gz",
    ]
    assert manifest.objects[1] == ManifestObject(
        "frames/25/0001.json.gz", "frames", 101, frames[1].sha256[:24], "gzip", 25, 60_000, 70_000
    )
    assert manifest.objects[1].has_hash(frames[1].sha256)
    assert not any(manifest.objects[1].has_hash(other) for other in (samples[1].sha256, None))


@given(
    minutes=st.integers(1, 300),
    rest_ms=st.integers(1, CHUNK_MS // TICK_MS).map(lambda ticks: ticks * TICK_MS),
    kinds=st.sets(st.sampled_from(CHUNKED)),
    order=st.randoms(use_true_random=False),
)
def test_what_is_listed_is_what_was_to_be_listed(data, minutes, rest_ms, kinds, order):
    duration_ms = (minutes - 1) * CHUNK_MS + rest_ms
    folders = {"samples": "samples", "frames": "frames/25"}
    rates = {"samples": None, "frames": 25}
    objects = [
        entry("laps.json.gz", rows=7),
        entry("overview.json.gz", kind="overview", fps=1, start_ms=0, end_ms=duration_ms),
        *(one for kind in kinds for one in chunks_of(kind, folders[kind], minutes, duration_ms, rates[kind])),
    ]
    order.shuffle(objects)
    revision, made = build(lasting(data, duration_ms), objects=objects)
    manifest = decode_document(encode_document(msgspec.convert(made, Manifest)), Manifest, "it")
    assert len(manifest.objects) == len(objects)
    for item, one in zip(manifest.objects, sorted(objects, key=lambda one: one.path), strict=True):
        for name in ("path", "kind", "bytes", "content_encoding", "fps", "start_ms", "end_ms", "rows"):
            said = getattr(item, name)
            assert (None if said is msgspec.UNSET else said) == getattr(one, name)
        assert item.has_hash(one.sha256)
    assert with_objects(manifest, manifest.objects) == manifest
    assert set(manifest.chunks) == kinds and set(manifest.hashes) == {"laps.json.gz", "overview.json.gz"}
    assert content_name(manifest, ["c" * 64] * len(objects)) == keys.content_of(revision)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "samples/0003.json.gz"},
        {"path": "other/0001.json.gz"},
        {"start_ms": 60_040},
        {"end_ms": 70_040},
        {"fps": 25},
        {"rows": 3},
        {"content_encoding": None},
    ],
)
def test_chunks_that_are_no_run_of_minutes_are_refused(data, change):
    first, second = chunks_of("samples", "samples", 2, 70_000)
    with pytest.raises(PublicationError, match=r"samples/000|other/000"):
        build(lasting(data, 70_000), objects=[first, dataclasses.replace(second, **change)])


def test_another_chunk_or_another_way_to_write_it_gives_another_name(data):
    objects = chunks_of("samples", "samples", 2, 70_000)
    long = lasting(data, 70_000)
    revision, _ = build(long, objects=objects)
    other_bytes, _ = build(long, objects=[objects[0], dataclasses.replace(objects[1], sha256="b" * 64)])
    other_size, _ = build(long, objects=[objects[0], dataclasses.replace(objects[1], bytes=5)])
    assert len({revision, other_bytes, other_size}) == 3
    assert keys.content_of(revision) == keys.content_of(other_bytes) == keys.content_of(other_size)
    other, _ = build(long, objects=[objects[0], dataclasses.replace(objects[1], content_sha256="d" * 64)])
    assert keys.content_of(other) != keys.content_of(revision)


def test_the_name_says_apart_what_is_in_it_and_how_it_was_made(data):
    revision, _ = build(data)
    assert build(data)[0] == revision
    others = [
        build(data, made_with={**MADE_WITH, "parcferme": "9.9.9"})[0],
        build(data, objects=[entry("frames/25/0000.json.gz"), entry("laps.json.gz", bytes=99)])[0],
        build(data, objects=[entry("frames/25/0000.json.gz"), entry("laps.json.gz", sha256="b" * 64)])[0],
    ]
    assert len({revision, *others}) == 4
    assert {keys.content_of(other) for other in others} == {keys.content_of(revision)}


def test_a_name_that_is_taken_is_never_used(data):
    revision, text = build(data)
    encoded = EncodedRevision(ME.session_key, revision, json.dumps(text).encode(), ())
    assert named_anew(encoded, ()) is encoded
    taken = [revision]
    for _ in range(3):
        other = named_anew(encoded, taken)
        assert other.revision not in taken and keys.content_of(other.revision) == keys.content_of(revision)
        assert json.loads(other.manifest) == text | {"revision": other.revision}
        taken.append(other.revision)


def test_the_content_can_be_proved_from_what_is_stored(data):
    objects = [entry("frames/25/0000.json.gz", "d" * 64), entry("laps.json.gz")]
    revision, text = build(data, objects=objects)
    stored = msgspec.convert(text, Manifest)
    assert content_name(stored, ["d" * 64, "c" * 64]) == keys.content_of(revision)
    assert content_name(stored, ["d" * 64, "e" * 64]) != keys.content_of(revision)


@pytest.mark.parametrize(
    "change",
    [
        {"objects": [entry("laps.json.gz", "d" * 64), entry("frames/25/0000.json.gz")]},
        {"objects": [entry("laps.json.gz")]},
        {"objects": [entry("laps2.json.gz"), entry("frames/25/0000.json.gz")]},
        {"objects": [entry("laps.json.gz", rows=1), entry("frames/25/0000.json.gz")]},
        {"identity": dataclasses.replace(ME, round=2)},
        {"who": drivers(3)},
        {"channels": frozenset({"x"})},
    ],
)
def test_the_revision_depends_on_what_a_reader_gets(data, change):
    assert keys.content_of(build(data, **change)[0]) != keys.content_of(build(data)[0])


def test_the_revision_depends_on_the_session(data):
    for changes in ({"grade": "B"}, {"total_laps": 56}, {"capabilities": {"drs": False}}):
        assert build(dataclasses.replace(data, **changes))[0] != build(data)[0]


def test_an_unknown_utc_is_null(data):
    clock = dataclasses.replace(data.frames.clock, utc_origin_ms=None, race_start_ms=None)
    changed = dataclasses.replace(data, frames=dataclasses.replace(data.frames, clock=clock))
    made = build(changed)[1]["clock"]
    assert made["utc_origin"] is None and made["race_start_ms"] is None
