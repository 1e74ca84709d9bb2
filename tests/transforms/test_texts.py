"""Texts of others, cleaned: what is no text is shown as such, what is too long is cut, and the report says so."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import small_session
from hypothesis import example, given
from hypothesis import strategies as st

from flows.upstream.tables import text_or_none
from transforms import columns
from transforms.declare import NAME_LENGTH, SENTENCE_LENGTH
from transforms.errors import CorruptDataError
from transforms.recording import CircuitMarks, Corner, PositionSamples, Recording
from transforms.session import SessionData, transform_session
from transforms.texts import DAMAGED, clean_text, clean_texts


def with_laps(recording: Recording, **texts: str) -> Recording:
    """The recording with these texts in every lap."""
    rows = [row | texts for row in recording.laps.to_pylist()]
    return replace(recording, laps=columns.RECORDED_LAPS.of_rows(rows))


def with_messages(recording: Recording, *messages: str) -> Recording:
    return replace(recording, messages=columns.MESSAGES.of_rows([{"message": text} for text in messages]))


def findings(data: SessionData) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in data.quality["rows"]:
        found.setdefault(row["kind"], []).append(row["cause"])
    return found


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("PIT \x19ANE", "PIT \ufffdANE"),
        ("\ud800", "\ufffd"),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("\u202eGNP.exe", "\ufffdGNP.exe"),
        ("  São Paulo ", "São Paulo"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=1+1", "=1+1"),
        ("\u05de\u05e8\u05d5\u05e5", "\u05de\u05e8\u05d5\u05e5"),
        ("x" * 101, "x" * 99 + "…"),
    ],
)
def test_one_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(st.text(st.characters(exclude_categories=()), max_size=300))
@example("\x85" * 200 + "\ud83d\ude00")
@example("x" * 99 + "\u2028" + "y" * 9)
def test_a_clean_text_is_clean_bounded_and_stays(text: str) -> None:
    clean = clean_text(text)
    assert len(clean) <= NAME_LENGTH
    assert clean_text(clean) == clean
    assert clean.encode().decode() == clean
    assert clean.isprintable() or not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in clean)
    assert json.loads(json.dumps(clean)) == clean


@given(st.text(st.characters(exclude_categories=()), max_size=50))
@example("\ud800")
@example("\ud83d\ude00")
def test_every_text_fits_into_a_table(text: str) -> None:
    pa.array([text_or_none(text)], pa.string())


def test_a_clean_recording_stays_as_it_is() -> None:
    recording = small_session.recording()
    assert clean_texts(recording) == recording


def test_control_characters_are_a_finding_and_a_reason() -> None:
    recording = clean_texts(with_messages(small_session.recording(), "PIT \x19ANE", "CLEAR", "PIT \x19ANE"))
    assert recording.messages["message"].to_pylist() == ["PIT \ufffdANE", "CLEAR", "PIT \ufffdANE"]
    (note,) = recording.notes
    assert (note.kind, note.value, note.severity) == (DAMAGED, 2, "warning")
    assert "race_control_messages message" in note.cause and "'PIT \ufffdANE'" in note.cause
    data = transform_session(recording)
    assert findings(data)[DAMAGED] == [note.cause]
    assert any("characters that are none" in reason for reason in data.quality["reasons"])


def test_what_no_reader_is_misled_by_is_no_reason() -> None:
    recording = small_session.recording()
    colored = replace(recording.drivers[0], color="#<script>", team="T" * 1_000_000)
    recording = clean_texts(replace(recording, drivers=(colored, *recording.drivers[1:])))
    first = recording.drivers[0]
    assert (first.color, len(first.team)) == (None, NAME_LENGTH)
    data = transform_session(with_messages(recording, "ONE\nTWO"))
    assert {"text_shortened", "color_unknown"} <= findings(data).keys()
    assert data.quality["reasons"] == transform_session(small_session.recording()).quality["reasons"]


def test_every_text_of_a_recording_is_cleaned() -> None:
    bad = "\x00" + "=" * 2_000_000
    recording = with_laps(small_session.recording(), team=bad, deleted_reason=bad, compound=bad)
    recording = with_messages(recording, bad)
    identity = replace(recording.identity, event=bad, official_event=bad, country=bad, circuit=bad)
    corners = (Corner(1, bad, 0.0, 0.0, 0.0),)
    clean = clean_texts(replace(recording, identity=identity, circuit=CircuitMarks(0.0, corners), warnings=(bad,)))
    texts = [clean.identity.event, clean.identity.circuit, clean.circuit.corners[0].letter]
    texts += [*clean.laps["team"].to_pylist(), *clean.laps["compound"].to_pylist()]
    assert {(len(text), text[0]) for text in texts} == {(NAME_LENGTH, "\ufffd")}
    long = [clean.laps["deleted_reason"][0].as_py(), clean.messages["message"][0].as_py(), clean.warnings[0]]
    assert {(len(text), text[0]) for text in long} == {(SENTENCE_LENGTH, "\ufffd")}
    assert max(len(note.cause) for note in clean.notes) < SENTENCE_LENGTH


def test_cars_keep_apart() -> None:
    recording = small_session.recording()
    at = np.zeros(0)
    samples = PositionSamples(at.astype(np.int64), at, at, at, at.astype(np.bool_))
    assert clean_texts(replace(recording, positions={"4\x01": samples})).positions.keys() == {"4\ufffd"}
    with pytest.raises(CorruptDataError, match="--refetch"):
        clean_texts(replace(recording, positions={"4\x01": samples, "4\x02": samples}))
