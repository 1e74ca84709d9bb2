"""The quality report of a session, as published: ``quality.json.gz``."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import field

from publish import keys
from publish.revisions.latest import Latest, read_latest
from publish.stores.base import Store
from publish.structs import Document, Grade, Name, Part, Sentence, about, decode_packed, one_of

REPORT = "quality.json.gz"
Report = TypeVar("Report")


class _Open(Part, forbid_unknown_fields=False):
    """Reports are only ever read, and one of another time may say more."""


class LapChart(_Open):
    """How the published order agrees with the official one at the line."""

    crossings: int
    agree: int
    agreement: Annotated[float | None, about("Share; null where nothing could be compared")]


class FinishOrder(_Open):
    """Classified cars that crossed the line at the end, and how many of them did in the order of the result."""

    cars: int
    agree: int


class ClockAlignment(_Open):
    """What was found between the clocks of car data and coordinates."""

    car_data_later_ms: float | None
    spread_ms: float | None
    corrected: bool
    coordinate_scale: Annotated[float, about("What coordinates were multiplied by")]


class QualityRow(_Open):
    """One thing that was checked and found; the columns are those of the Parquet table ``findings``."""

    kind: Name
    car: Name | None
    channel: Name | None
    start_ms: int | None
    end_ms: int | None
    value: float | None
    unit: str
    severity: Annotated[str, one_of("info", "warning", "error")]
    cause: Sentence
    measured: float | None = None
    official: float | None = None


class Measures(_Open):
    """What of a report two revisions are compared by; it is in the reports of every version."""

    grade: Grade
    lap_chart: LapChart | None = None
    laps: int = 0
    cars: int = 0
    median_coverage: dict[str, float] = field(default_factory=dict)


class Quality(Document, tag="parcferme/quality/2", forbid_unknown_fields=False):
    """What was checked of a session and found. The page ``quality.md`` says what each grade means.

    Only the grade is in every report; there may be more in it than is described here.
    """

    session_key: int
    grade: Grade
    reasons: Annotated[tuple[str, ...], about("Why it is no better")] = ()
    lap_chart: LapChart | None = None
    finish_order: FinishOrder | None = None
    alignment: ClockAlignment | None = None
    laps: int = 0
    cars: int = 0
    median_coverage: Annotated[dict[str, float], about("Median over cars of the share of ticks with a value")] = field(
        default_factory=dict
    )
    coverage: Annotated[dict[str, dict[str, float | None]], about("That share, by car and column")] = field(
        default_factory=dict
    )
    missing: Annotated[tuple[str, ...], about("Topics the upstream did not have")] = ()
    rows: tuple[QualityRow, ...] = ()


def quality_of(report: Mapping[str, object], session_key: int) -> Quality:
    """Return the report that :mod:`transforms.quality` makes, as it is published."""
    return msgspec.convert({**report, "session_key": session_key}, Quality)


def read_quality(store: Store, session_key: int) -> Quality | None:
    """Return the report of the session's current revision, None where there is none.

    :raises PublicationError: it cannot be used.
    """
    latest = read_latest(store, session_key)
    return None if latest is None else _read_report(store, latest, Quality)


def read_measures(store: Store, latest: Latest) -> Measures | None:
    """Return what can be compared of the report of what is current by ``latest``, as :func:`read_quality` does."""
    return _read_report(store, latest, Measures)


def _read_report(store: Store, latest: Latest, kind: type[Report]) -> Report | None:
    key = keys.revision_object(latest.session_key, latest.revision, REPORT)
    stored = store.read(key)
    return None if stored is None else decode_packed(stored.data, kind, f"{key} in {store.uri}")
