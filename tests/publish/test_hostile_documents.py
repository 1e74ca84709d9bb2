"""Documents of others, of older versions or of nobody: read as what they say they are, or refused in our own words."""

import gzip
import json
import shutil
import subprocess
from importlib.resources import files
from typing import Any

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


#: Reads cases as lines of JSON and answers with what the pages' reader makes of them, or the kind of error.
_READER = """
import { createInterface } from "node:readline";
const { Chunk } = await import(process.argv[1]);
for await (const line of createInterface({ input: process.stdin })) {
  const { document, channels } = JSON.parse(line);
  let answer;
  try {
    const chunk = new Chunk(document, channels);
    const ticks = [...Array(Math.min(chunk.ticks, 50)).keys()];
    answer = ticks.map((tick) => [chunk.value("1", "x", tick), chunk.value("1", "tyre", tick)]);
  } catch (error) {
    answer = error.name;
  }
  console.log(JSON.stringify(answer));
}
"""
CHANNELS = {
    "x": {"kind": "continuous", "scale": 0.1, "differences": 2, "every_ms": 40},
    "tyre": {"kind": "held", "scale": 1},
}
STEPS = st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=6)


@st.composite
def chunks(draw: st.DrawFn) -> tuple[list[int | None], list[list[Any]]]:
    """Steps of a continuous channel, and runs of a held one over the same ticks."""
    steps = draw(STEPS)
    starts = sorted({0, *draw(st.sets(st.integers(0, len(steps) - 1), max_size=3))})
    return steps, [[start, draw(st.none() | st.text(max_size=3))] for start in starts]


def values_of(document: dict[str, Any]) -> list[list[Any]]:
    """What a chunk says at each tick, by the reference reader."""
    x, tyre = (decode_channel(document, "1", name, CHANNELS[name]) for name in ("x", "tyre"))
    return [[None if step is None else step / 10, held] for step, held in zip(x, tyre, strict=True)]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (apt-get install nodejs)")
@settings(max_examples=4)
@given(st.lists(chunks(), min_size=10, max_size=30), st.lists(VALUES, min_size=5, max_size=10))
def test_the_pages_read_any_chunk_as_it_is_said_or_not_at_all(
    made: list[tuple[list[int | None], list[list[Any]]]], nonsense: list[Any]
) -> None:
    head = {"fps": 25, "start_ms": 0, "track_status": [[0, "1"]], "leader_lap": [[0, 1]]}
    documents: list[Any] = [
        head | {"ticks": len(steps), "cars": {"1": {"x": steps, "tyre": runs}}} for steps, runs in made
    ]
    documents += [head | {"ticks": 3, "cars": {"1": {"x": value, "tyre": value}}} for value in nonsense] + nonsense
    cases = "".join(json.dumps({"document": document, "channels": CHANNELS}) + "\n" for document in documents)
    reader = str(files("publish") / "site" / "decode.js")
    command = ["node", "--input-type=module", "--eval", _READER, reader]
    done = subprocess.run(command, input=cases, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(answers) == len(documents)
    for document, answer in zip(documents[: len(made)], answers, strict=False):
        assert answer == values_of(document)
    for answer in answers[len(made) :]:
        assert isinstance(answer, list) or answer in ("TypeError", "RangeError")
