"""A small race from timing alone, made up as a recording; run as a program it is published into a folder.

``python small_session.py FOLDER`` writes the files of its revision with ``manifest.json``, and every schema and page
below ``v1/schemas/``.
"""

import sys
from pathlib import Path

from publish.contract.contents import object_problem
from publish.contract.dictionary import schema_documents
from publish.encode.manifest import Manifest
from publish.encode.session import encode_session
from publish.structs import decode_document
from transforms import columns
from transforms.recording import Driver, Recording, SessionIdentity
from transforms.session import transform_session

IDENTITY = SessionIdentity(
    session_key=4711,
    meeting_key=47,
    year=2024,
    round=3,
    event="Small Grand Prix",
    official_event="SMALL GRAND PRIX 2024",
    country="Nowhere",
    location="Small",
    code="R",
    name="Race",
    date="2024-04-01",
    start_utc="2024-04-01T13:00:00Z",
)
CARS = ("4", "16", "81")
LAPS = 3
#: Session time of the start, and what a lap takes, ms.
START_MS = 600_000
LAP_MS = 20_000


def recording() -> Recording:
    """Return the race: every car a second a lap slower than the one before it."""
    laps = [
        {
            "car": car,
            "driver": f"D{car}",
            "lap": lap,
            "start_ms": START_MS + (lap - 1) * (LAP_MS + row * 1000),
            "end_ms": START_MS + lap * (LAP_MS + row * 1000),
            "lap_time_ms": LAP_MS + row * 1000,
            "stint": 1,
            "compound": "HARD",
            "tyre_age_laps": float(lap),
            "position": row + 1,
            "generated": False,
        }
        for row, car in enumerate(CARS)
        for lap in range(1, LAPS + 1)
    ]
    flag_ms = START_MS + LAPS * LAP_MS
    return Recording(
        identity=IDENTITY,
        drivers=tuple(Driver(car, f"D{car}", "First", f"Last {car}", "Team", None) for car in CARS),
        utc_origin_ms=1_711_974_600_000,
        start_ms=START_MS,
        total_laps=LAPS,
        laps=columns.RECORDED_LAPS.of_rows(reversed(laps)),
        results=columns.RECORDED_RESULTS.of_rows(
            {"car": car, "position": row + 1, "grid": len(CARS) - row, "laps": LAPS} for row, car in enumerate(CARS)
        ),
        weather=columns.WEATHER.of_rows([{"time_ms": START_MS, "air_temp_c": 21.5, "rainfall": False}]),
        track_status=columns.TRACK_STATUS.of_rows(
            [
                {"time_ms": START_MS, "end_ms": START_MS + 30_000, "status": "1", "message": "AllClear"},
                {"time_ms": START_MS + 30_000, "end_ms": None, "status": "2", "message": "Yellow"},
            ]
        ),
        session_status=columns.SESSION_STATUS.of_rows(
            [{"time_ms": START_MS, "status": "Started"}, {"time_ms": flag_ms, "status": "Finished"}]
        ),
        messages=columns.MESSAGES.of_rows([{"time_ms": START_MS, "category": "Flag", "message": "GREEN LIGHT"}]),
        cars={},
        positions={},
        circuit=None,
    )


def publish(folder: Path) -> None:
    """Write the race's revision and everything below ``v1/schemas/`` into ``folder``; every object is as its schema."""
    made = encode_session(IDENTITY, None, transform_session(recording()), folder, made_with={})
    (folder / "manifest.json").write_bytes(made.manifest)
    for item in decode_document(made.manifest, Manifest, "manifest.json").objects:
        problem = object_problem(item, IDENTITY.session_key, (folder / item.path).read_bytes())
        if problem is not None:
            raise AssertionError(f"{item.path}: {problem}")
    for key, text in schema_documents().items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
