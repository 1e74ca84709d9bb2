"""The small JSON documents of a session: laps, results, messages, weather, track and quality."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from publish.encode.channels import differences_of
from transforms.columns import TABLES
from transforms.drs_zones import DrsZone, drs_zones
from transforms.recording import CircuitMarks, Corner, SessionIdentity
from transforms.session import SessionData
from transforms.track import Track, nearest_m

#: Names of the tables that documents are made from, by name of the document.
TABLE_DOCUMENTS = {table.document: name for name, table in TABLES.items() if table.document}

#: The upstream has tenths of a metre. In these steps Bahrain's outline takes 1.8 kB, 21 kB as decimals of a centimetre.
_STEPS_PER_M = 10
_DIFFERENCES = 2


def session_documents(
    identity: SessionIdentity, circuit: CircuitMarks | None, data: SessionData
) -> dict[str, dict[str, object]]:
    """Return the session's documents by name, without those whose data is missing."""
    documents: dict[str, dict[str, object]] = {}
    for name, table_name in TABLE_DOCUMENTS.items():
        table = data.tables.get(table_name)
        if table is not None and table.num_rows:
            documents[name] = table_document(name, table_name, table, identity.session_key)
    if data.track is not None:
        zones = drs_zones(data.frames, data.track.length_m)
        documents["track"] = track_document(data.track, circuit, zones, identity.session_key)
    documents["quality"] = {
        **data.quality,
        "schema": "parcferme/quality/2",
        "session_key": identity.session_key,
        "grade": data.grade,
    }
    return documents


def table_document(name: str, table_name: str, table: pa.Table, session_key: int) -> dict[str, object]:
    """Return ``table`` as a document: its columns with unit and description, its rows as objects.

    Times of day are ISO 8601 in UTC, NaN is null.
    """
    columns = TABLES[table_name].columns
    values = [json_values(table.column(column.name)) for column in columns]
    names = [column.name for column in columns]
    return {
        "schema": f"parcferme/{name}/1",
        "session_key": session_key,
        "columns": [{"name": c.name, "unit": c.unit, "description": c.description} for c in columns],
        "rows": [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)],
    }


def json_values(column: pa.ChunkedArray) -> list[object]:
    """Return a column as values for JSON."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return [None if ms is None else iso_utc(ms) for ms in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_float32(kind):
        # The shortest decimal that is this float32, not the digits of its float64.
        texts = column.cast(pa.string()).to_pylist()
        return [None if text is None or text == "nan" else float(text) for text in texts]
    return list(column.to_pylist())


def iso_utc(unix_ms: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC, ``2024-03-02T15:03:42.123Z``."""
    moment = datetime.fromtimestamp(unix_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}Z"


def track_document(
    track: Track, circuit: CircuitMarks | None, zones: list[DrsZone], session_key: int
) -> dict[str, object]:
    """Return the outline in metres, DRS zones, and rotation, corners and marshal sectors where the circuit is known."""
    return {
        "schema": "parcferme/track/2",
        "session_key": session_key,
        "unit": "m",
        "scale": 1 / _STEPS_PER_M,
        "differences": _DIFFERENCES,
        "x": _in_differences(track.x_m),
        "y": _in_differences(track.y_m),
        "distance": _in_differences(track.distance_m),
        "length_m": round(float(track.length_m), 2),
        "sectors_m": None if track.sector_m is None else [round(float(d), 2) for d in track.sector_m],
        "rotation_deg": None if circuit is None else circuit.rotation_deg,
        "corners": None if circuit is None else _corners(circuit.corners, track),
        "marshal_sectors": None if circuit is None else _marshal_sectors(circuit.marshal_sectors, track),
        "drs_zones_m": [[round(zone.from_m, 1), round(zone.to_m, 1)] for zone in zones],
        "laps_used": track.laps_used,
    }


def _marshal_sectors(marks: tuple[Corner, ...], track: Track) -> list[dict[str, object]]:
    """Return where marshal sectors begin along the outline."""
    distances = nearest_m(track, np.array([m.x_m for m in marks]), np.array([m.y_m for m in marks]))
    found = zip(marks, distances.tolist(), strict=True)
    return [{"number": mark.number, "distance_m": round(distance, 2)} for mark, distance in found]


def _in_differences(values_m: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return ``values_m`` (n,) in steps, as continuous channels of frames are: the outline bends little at each."""
    steps = np.rint(values_m * _STEPS_PER_M).astype(np.int32)
    return differences_of(steps, np.zeros(len(steps), np.bool_), _DIFFERENCES)


def _corners(corners: tuple[Corner, ...], track: Track) -> list[dict[str, object]]:
    """Return corners with their distance along the outline."""
    distances = nearest_m(track, np.array([c.x_m for c in corners]), np.array([c.y_m for c in corners]))
    return [
        {
            "number": corner.number,
            "letter": corner.letter,
            "x": round(corner.x_m, 2),
            "y": round(corner.y_m, 2),
            "angle_deg": round(corner.angle_deg, 2),
            "distance_m": round(distance, 2),
        }
        for corner, distance in zip(corners, distances.tolist(), strict=True)
    ]
