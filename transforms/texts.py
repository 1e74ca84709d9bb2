"""Texts of others, made fit to be published: bounded, and nothing in them that is no text.

A text may name, say or mean anything, and markup in it is for whoever shows it to escape. But control characters,
broken encodings and marks that turn the direction of writing round show something else than is there, and a text of a
megabyte breaks whatever it is put into. How long a text may be is declared in ``transforms.declare``.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from transforms import columns
from transforms.declare import NAME_LENGTH, SENTENCE_LENGTH, TEXT, Table
from transforms.errors import CorruptDataError
from transforms.notes import Note
from transforms.recording import Driver, Recording, SessionIdentity

#: Findings: a text held what is none, was longer than it may be, or had line breaks; a colour is none.
DAMAGED, SHORTENED, BROKEN_LINE, NO_COLOR = "text_damaged", "text_shortened", "text_line_break", "color_unknown"
_CAUSES = {
    DAMAGED: ("warning", "characters that are no text, shown as \ufffd"),
    SHORTENED: ("warning", "longer than it may be, cut off"),
    BROKEN_LINE: ("info", "line breaks or tabs, shown as spaces"),
    NO_COLOR: ("info", "not six hexadecimal digits, left out"),
}
_REPLACEMENT = "\ufffd"
_BREAKS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
#: Control characters, halves of pairs, direction overrides, and what a decoder leaves in place of broken bytes.
_DAMAGE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffd-\uffff]")
_COLOR = re.compile(r"#[0-9a-f]{6}")
#: Characters of an example in a finding.
_EXAMPLE_LENGTH = 60

_Texts = TypeVar("_Texts", SessionIdentity, Driver)


def clean_text(text: str, longest: int = NAME_LENGTH) -> str:
    """Return ``text`` in one line of at most ``longest`` characters; a clean one as it is.

    What is no text is shown as the replacement character, what is cut off as an ellipsis.
    """
    text = _DAMAGE.sub(_REPLACEMENT, _BREAKS.sub(" ", text.strip()))
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def clean_texts(recording: Recording) -> Recording:
    """Return a recording whose texts are clean, with notes on those that were not.

    :raises CorruptDataError: two cars have one number once it is clean.
    """
    found = _Found()
    numbers = _clean_numbers(recording)
    tables = {
        declared.recorded: _clean_table(getattr(recording, declared.recorded), declared, found)
        for declared in columns.RECORDED
    }
    circuit = recording.circuit
    if circuit is not None:
        kinds = ("corners", "marshal_sectors", "marshal_lights")
        places: dict[str, Any] = {
            kind: tuple(replace(one, letter=found.clean("corner", one.letter)) for one in getattr(circuit, kind))
            for kind in kinds
        }
        circuit = replace(circuit, **places)
    return replace(
        recording,
        identity=_clean_fields(recording.identity, "session", found),
        drivers=tuple(_clean_driver(driver, found) for driver in recording.drivers),
        cars={numbers[number]: samples for number, samples in recording.cars.items()},
        positions={numbers[number]: samples for number, samples in recording.positions.items()},
        lap_counts={numbers[number]: counts for number, counts in recording.lap_counts.items()},
        mini_sectors={numbers[number]: said for number, said in recording.mini_sectors.items()},
        circuit=circuit,
        warnings=tuple(found.clean("upstream warning", text, SENTENCE_LENGTH) for text in recording.warnings),
        notes=(*recording.notes, *found.notes()),
        **tables,
    )


class _Found:
    """Cleans texts and counts, by where they were, what was wrong with them."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}

    def clean(self, where: str, text: str, longest: int = NAME_LENGTH, times: int = 1) -> str:
        cleaned = clean_text(text, longest)
        if cleaned != text:
            text = text.strip()
            for check, is_so in (
                (DAMAGED, _DAMAGE.search(_BREAKS.sub(" ", text))),
                (SHORTENED, cleaned.endswith("…") and len(text) > longest),
                (BROKEN_LINE, _BREAKS.search(text)),
            ):
                if is_so:
                    self.add(check, where, cleaned, times)
        elif _REPLACEMENT in text:
            self.add(DAMAGED, where, text, times)
        return cleaned

    def add(self, check: str, where: str, example: str, times: int = 1) -> None:
        self._counts[check, where] += times
        self._examples.setdefault((check, where), clean_text(example, _EXAMPLE_LENGTH))

    def notes(self) -> Iterable[Note]:
        for (check, where), count in self._counts.items():
            severity, cause = _CAUSES[check]
            said = f"{where}: {cause}; for example {self._examples[check, where]!r}"
            yield Note(check, None, said, value=count, unit="texts", severity=severity)


def _clean_fields(value: _Texts, what: str, found: _Found) -> _Texts:
    """Return ``value`` with every text of its fields clean."""
    own: dict[str, Any] = {field.name: getattr(value, field.name) for field in fields(value)}
    texts = {name: found.clean(f"{what} {name}", text) for name, text in own.items() if isinstance(text, str)}
    return replace(value, **(own | texts))


def _clean_driver(driver: Driver, found: _Found) -> Driver:
    if driver.color is not None and _COLOR.fullmatch(driver.color) is None:
        found.add(NO_COLOR, "driver color", driver.color)
        driver = replace(driver, color=None)
    return _clean_fields(driver, "driver", found)


def _clean_table(table: pa.Table, declared: Table, found: _Found) -> pa.Table:
    """Return ``table`` with every text of its columns clean; looks at each different text once."""
    for column in declared.columns:
        if column.type != TEXT:
            continue
        counted = pc.value_counts(table[column.name]).to_pylist()
        texts = {entry["values"]: entry["counts"] for entry in counted if entry["values"] is not None}
        cleaned = {
            text: found.clean(f"{declared.name} {column.name}", text, column.longest, count)
            for text, count in texts.items()
        }
        if any(text != clean for text, clean in cleaned.items()):
            values = [cleaned.get(text) for text in table[column.name].to_pylist()]
            index = table.schema.get_field_index(column.name)
            table = table.set_column(index, table.schema.field(index), pa.array(values, TEXT))
    return table


def _clean_numbers(recording: Recording) -> dict[str, str]:
    """Return the clean number of every car, by its number as it came."""
    known = {*(d.number for d in recording.drivers), *recording.cars, *recording.positions, *recording.lap_counts}
    known = {*known, *recording.mini_sectors}
    known = {*known, *(n for name in ("laps", "results") for n in getattr(recording, name)["car"].unique().to_pylist())}
    numbers = {number: clean_text(number) for number in known if number is not None}
    if len(set(numbers.values())) < len(numbers):
        raise CorruptDataError(
            f"Two cars of {recording.identity.label} have one number once control characters are taken out of it: what "
            "the upstream sent, or the cache kept, is damaged. Run it again with --refetch."
        )
    return numbers
