"""Documents of others, of older versions or of nobody: read as what they say they are, or refused in our own words."""

import base64
import copy
import gzip
import json
import shutil
import subprocess
from importlib.resources import files
from typing import Any, cast

import pytest
from frames_reader import decode_channel
from hypothesis import example, given, settings
from hypothesis import strategies as st

from publish.contract.schemas import DOCUMENTS
from publish.structs import decode_document, decode_packed
from transforms.errors import PublicationError

few = settings(max_examples=40)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, bytes]:
    """A kind of document, and JSON that says that it is one."""
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    config = DOCUMENTS[name].__struct_config__
    fields = draw(st.dictionaries(st.sampled_from(DOCUMENTS[name].__struct_fields__), VALUES, max_size=5))
    version = draw(st.sampled_from(["", "1", "0", "2", "99999999999999999999", "\ud800", "x"]))
    tag = str(config.tag or "")
    head = {"schema": tag.rpartition("/")[0] + "/" + version if version else tag}
    return name, json.dumps(head | fields).encode()


@few
@given(documents() | st.tuples(st.sampled_from(sorted(DOCUMENTS)), st.binary(max_size=40)))
@example(("latest", b'{"a":' + b"[" * 100_000))
@example(("season", b"[" * 100_000))
@example(("index", b'{"schema":"parcferme/index/' + b"1" * 5000 + b'"}'))
@example(("rows", b'{"frames":1e999}'))
def test_any_document_is_one_or_is_refused(made: tuple[str, bytes]) -> None:
    name, data = made
    kind = DOCUMENTS[name]
    for read in (decode_document, decode_packed):
        try:
            found: Any = read(data if read is decode_document else gzip.compress(data), kind, "it")
        except PublicationError as error:
            assert str(error).startswith("it ")
        else:
            assert isinstance(found, kind)


@few
@given(st.binary(max_size=60))
@example(gzip.compress(b"{}")[:-5])
@example(gzip.compress(b"{}") + b"x")
@example(b"\x1f\x8b\x08\x00")
def test_any_packed_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PublicationError, match=r"^it "):
        decode_packed(data, DOCUMENTS["latest"], "it")


#: Reads cases as lines of JSON, as the pages read a minute from a server, and answers with values or the kind of error.
_READER = """
import { createInterface } from "node:readline";
globalThis.document = { baseURI: "http://localhost/" };
let body = null;
globalThis.fetch = async () => new Response(body);
const { ChunkStore } = await import(process.argv[1]);
const heard = { onLoad() {}, onFail() {}, onRetry() {} };
const isValue = (value) => value === null || typeof value === "string" || Number.isFinite(value);
for await (const line of createInterface({ input: process.stdin })) {
  const { tier, base64, manifest } = JSON.parse(line);
  body = Buffer.from(base64, "base64");
  let answer;
  try {
    const minute = await new ChunkStore("", manifest, heard).read(`${tier}/0`);
    const ticks = [...Array(Math.min(minute.ticks, 50)).keys()];
    const value = (car, name, tick) => tier === "frames" ? minute.value(car, name, tick)
      : minute.valueAt(car, name, minute.startMs + tick * 40);
    if (tier === "frames") answer = ticks.map((tick) => ["x", "tyre"].map((name) => value("1", name, tick)));
    const names = [...Object.keys(manifest[tier].channels), "lap_distance"];
    for (const tick of ticks.filter((tick) => tick % 7 === 0)) {
      const read = minute.cars.flatMap((car) => names.map((name) => value(car, name, tick)));
      read.push(minute.trackStatus(tick), minute.leaderLap(tick), minute.number("1", "x", tick));
      if (!read.every(isValue)) throw new RangeError(`${read}`);
    }
    answer ??= ticks.length;
  } catch (error) {
    answer = error.name === "LoadError" ? "LoadError" : error.stack;
  }
  console.log(JSON.stringify(answer));
}
"""
CHANNELS = {
    "x": {"kind": "continuous", "scale": 0.1, "differences": 2, "every_ms": 40},
    "tyre": {"kind": "held", "scale": 1},
}
STEPS = st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=6)
FRAMES = {"schema": "parcferme/frames/2", "fps": 25, "start_ms": 0, "track_status": [[0, "1"]], "leader_lap": [[0, 1]]}
SAMPLES = json.loads((files("publish") / "docs" / "samples_vectors.json").read_bytes())
MANIFEST = {
    "frames": {"chunk_ms": 60_000, "channels": CHANNELS},
    "samples": SAMPLES["samples"],
    "chunks": {kind: {"folder": kind, "files": [[9, "0" * 32]]} for kind in ("frames", "samples")},
    "objects": [],
}
#: Minutes that were trouble once: what is put where.
TROUBLE: tuple[tuple[tuple[str | int, ...], Any], ...] = (
    (("cars",), None),
    (("cars", "4"), None),
    (("cars", "4", "x"), {"length": 10**10}),
    (("cars", "4", "breaks"), 5),
    (("cars", "4", "gap"), []),
    (("cars", "4", "gap"), [[1, 2], None]),
    (("cars", "4", "gear"), [None]),
    (("cars", "4", "tyre"), {}),
    (("cars", "4", "state"), [[0, []]]),
    (("cars", "4", "y"), []),
    (("cars", "4", "speed"), [1e300, 1e300]),
    (("car_time",), {"length": 10**10}),
    (("position_time",), [0, 0, 0]),
    (("position_time", 3), None),
    (("track_status",), None),
    (("leader_lap",), [7]),
    (("start_ms",), "0"),
    (("end_ms",), 10**300),
)


@st.composite
def chunks(draw: st.DrawFn) -> tuple[list[int | None], list[list[Any]]]:
    """Steps of a continuous channel, and runs of a held one over the same ticks."""
    steps = draw(STEPS)
    starts = sorted({0, *draw(st.sets(st.integers(0, len(steps) - 1), max_size=3))})
    return steps, [[start, draw(st.none() | st.text(max_size=3))] for start in starts]


@st.composite
def places(draw: st.DrawFn) -> tuple[tuple[str | int, ...], Any]:
    """A place in the minute of the vectors, and a value for it."""
    node, place = SAMPLES["minute"], []
    while isinstance(node, dict | list) and node and (not place or draw(st.integers(0, 3))):
        place.append(draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))))
        node = node[place[-1]]
    return tuple(place), draw(VALUES)


def with_value(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The minute of the vectors with another value at a place."""
    minute: Any = copy.deepcopy(SAMPLES["minute"])
    node = minute
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return cast(dict[str, Any], minute)


def values_of(document: dict[str, Any]) -> list[list[Any]]:
    """What a chunk says at each tick, by the reference reader."""
    x, tyre = (decode_channel(document, "1", name, CHANNELS[name]) for name in ("x", "tyre"))
    return [[None if step is None else step / 10, held] for step, held in zip(x, tyre, strict=True)]


def read_by_the_pages(cases: list[tuple[str, bytes]]) -> list[Any]:
    """What the pages make of each (tier, bytes)."""
    lines = [
        json.dumps({"tier": tier, "base64": base64.b64encode(data).decode(), "manifest": MANIFEST}) + "\n"
        for tier, data in cases
    ]
    reader = str(files("publish") / "site" / "chunks.js")
    command = ["node", "--input-type=module", "--eval", _READER, reader]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(answers) == len(cases)
    return answers


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (apt-get install nodejs)")


@needs_node
@settings(max_examples=4)
@given(st.lists(chunks(), min_size=10, max_size=30), st.lists(VALUES, min_size=5, max_size=10))
def test_the_pages_read_any_frames_as_they_are_said_or_not_at_all(
    made: list[tuple[list[int | None], list[list[Any]]]], nonsense: list[Any]
) -> None:
    documents: list[Any] = [
        FRAMES | {"ticks": len(steps), "cars": {"1": {"x": steps, "tyre": runs}}} for steps, runs in made
    ]
    documents += [FRAMES | {"ticks": 3, "cars": {"1": {"x": value, "tyre": value}}} for value in nonsense]
    documents += [FRAMES | {"ticks": 3, "cars": value} for value in nonsense] + nonsense
    answers = read_by_the_pages([("frames", json.dumps(document).encode()) for document in documents])
    for document, answer in zip(documents[: len(made)], answers, strict=False):
        assert answer == values_of(document)
    for answer in answers[len(made) :]:
        assert isinstance(answer, list) or answer == "LoadError", answer


@needs_node
@settings(max_examples=4)
@given(st.lists(places(), min_size=30, max_size=60), st.lists(st.binary(max_size=20), max_size=5))
@example(list(TROUBLE), [b"", b"\x1f\x8b", b"[" * 5_000, gzip.compress(b"{}")[:-3], b"null"])
def test_the_pages_read_any_samples_or_say_that_they_cannot(
    changed: list[tuple[tuple[str | int, ...], Any]], nonsense: list[bytes]
) -> None:
    minutes = [SAMPLES["minute"], *(with_value(place, value) for place, value in changed)]
    texts = [*(json.dumps(minute).encode() for minute in minutes), *nonsense]
    answers = read_by_the_pages([("samples", text) for text in texts])
    assert answers[0] == 50
    for answer in answers:
        assert isinstance(answer, int) or answer == "LoadError", answer
    if changed == list(TROUBLE):
        assert set(answers[1:]) == {"LoadError"}
