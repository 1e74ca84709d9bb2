"""Every answer that the upstream's servers would give for the sample season, by address."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from flows.sample.circuit import CIRCUITS, Circuit
from flows.sample.meetings import MEETINGS, SAMPLE_YEAR, Meeting, session_name
from flows.sample.results import first_lap_times, qualifying_results, race_results
from flows.sample.season import sample_run
from flows.sample.topics import session_topics

_SCHEDULE = "https://raw.githubusercontent.com/theOehrly/f1schedule/master/schedule_{}.json"
_TIMING = "https://livetiming.formula1.com/static/"
_RESULTS = "https://api.jolpi.ca/ergast/f1"
_CIRCUITS = "https://api.multiviewer.app/api/v1/circuits"


def sample_responses() -> Iterator[tuple[str, bytes]]:
    """Yield (address, body) of everything FastF1 asks for, the same on every call."""
    yield _SCHEDULE.format(SAMPLE_YEAR), _json(_schedule())
    for meeting in MEETINGS:
        circuit = CIRCUITS[meeting.round]
        yield f"{_CIRCUITS}/{circuit.key}/{SAMPLE_YEAR}", _json(_circuit(circuit))
        yield from session_results(meeting)
        for code in meeting.recorded:
            for name, body in session_topics(sample_run(meeting.round, code), meeting).items():
                yield f"{_TIMING}{meeting.path(code)}{name}", body.encode()


def session_results(meeting: Meeting) -> Iterator[tuple[str, bytes]]:
    """Yield what the results service has of a weekend."""
    base = f"{_RESULTS}/{SAMPLE_YEAR}/{meeting.round}"
    race = sample_run(meeting.round, "R")
    yield f"{base}/results.json", _json(race_results(race))
    yield f"{base}/laps/1.json", _json(first_lap_times(race))
    yield f"{base}/qualifying.json", _json(qualifying_results(sample_run(meeting.round, "Q")))
    if meeting.sprint:
        yield f"{base}/sprint.json", _json(race_results(sample_run(meeting.round, "S")))


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _schedule() -> dict[str, Any]:
    """Return the schedule file: one object per column, keyed by row."""
    rows = []
    for meeting in MEETINGS:
        row: dict[str, Any] = {
            "round_number": meeting.round,
            "country": meeting.country,
            "location": meeting.location,
            "official_event_name": meeting.official_name,
            "event_date": f"{meeting.date:%Y-%m-%d}T17:00:00",
            "event_name": meeting.name,
            "gmt_offset": f"+{meeting.gmt_offset_h:02d}:00",
            "event_format": "sprint_qualifying" if meeting.sprint else "conventional",
        }
        for index, code in enumerate(meeting.sessions, start=1):
            row[f"session{index}"] = session_name(code)
            row[f"session{index}_date"] = meeting.local_start(code).isoformat()
        rows.append({**row, "f1_api_support": True})
    return {key: {str(index): row[key] for index, row in enumerate(rows)} for key in rows[0]}


def _circuit(circuit: Circuit) -> dict[str, Any]:
    """Return the circuit service's document: outline, corners, marshal sectors, in tenths of a metre."""

    def marker(number: int, node: int, angle: float) -> dict[str, Any]:
        place = {"x": float(circuit.x_m[node] * 10), "y": float(circuit.y_m[node] * 10)}
        length = node * circuit.spacing_m * 10
        return {"number": number, "letter": "", "angle": angle, "length": length, "trackPosition": place}

    away = np.degrees(np.arctan2(circuit.normal_y, circuit.normal_x))
    posts = [round(index * circuit.nodes / 15) for index in range(15)]
    return {
        "circuitKey": circuit.key,
        "circuitName": circuit.name,
        "year": SAMPLE_YEAR,
        "rotation": circuit.rotation_deg,
        "x": np.rint(circuit.x_m[::4] * 10).astype(int).tolist(),
        "y": np.rint(circuit.y_m[::4] * 10).astype(int).tolist(),
        "corners": [marker(i, node, float(away[node])) for i, (node, _, _) in enumerate(circuit.corners, start=1)],
        "marshalSectors": [marker(i, node, 0.0) for i, node in enumerate(posts, start=1)],
        "marshalLights": [marker(i, node, 0.0) for i, node in enumerate(posts, start=1)],
    }
