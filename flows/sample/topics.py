"""Every topic of a session as the text that Formula 1's server would send."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flows.sample.entry import ENTRANTS
from flows.sample.meetings import Meeting, session_name
from flows.sample.run import TRACK_STATUS, SessionRun
from flows.sample.telemetry import car_data, position_data, stream_time
from flows.sample.timing import lap_count, timing_app_data, timing_data
from transforms.session_types import SESSION_TYPES


def session_topics(run: SessionRun, meeting: Meeting) -> dict[str, str]:
    """Return the body of every topic by its file name."""
    bodies = {
        "SessionInfo.jsonStream": _stream([(0, _session_info(run, meeting))]),
        "DriverList.jsonStream": _stream([(8612, _driver_list(run))]),
        "SessionStatus.jsonStream": _stream((round(s * 1000), {"Status": status}) for s, status in run.session_status),
        "TrackStatus.jsonStream": _stream(
            (round(s * 1000), {"Status": code, "Message": TRACK_STATUS[code]}) for s, code in run.track_status
        ),
        "SessionData.jsonStream": _stream(_session_data(run)),
        "RaceControlMessages.jsonStream": _stream(_race_control(run)),
        "WeatherData.jsonStream": _stream((round(s * 1000), fields) for s, fields in run.weather),
        "TimingData.jsonStream": _stream((time, document) for time, _, document in timing_data(run)),
        "TimingAppData.jsonStream": _stream((time, document) for time, _, document in timing_app_data(run)),
        "CarData.z.jsonStream": car_data(run),
        "Position.z.jsonStream": position_data(run),
    }
    if run.is_race:
        bodies["LapCount.jsonStream"] = _stream((time, document) for time, _, document in lap_count(run))
    return bodies


def _stream(events: Iterable[tuple[int, dict[str, Any]]]) -> str:
    """Write (ms, document) pairs as the upstream does: a byte order mark, then one line each, ended by CR LF."""
    lines = (f"{stream_time(time)}{json.dumps(document, separators=(',', ':'))}\r\n" for time, document in events)
    return "\ufeff" + "".join(lines)


def _utc(run: SessionRun, seconds: float, timespec: str) -> str:
    return (run.origin + timedelta(seconds=seconds)).isoformat(timespec=timespec)


def _session_info(run: SessionRun, meeting: Meeting) -> dict[str, Any]:
    start = meeting.local_start(run.code)
    return {
        "Meeting": {
            "Key": meeting.key,
            "Name": meeting.name,
            "OfficialName": meeting.official_name,
            "Location": meeting.location,
            "Number": meeting.round,
            "Country": {"Key": meeting.key - 9000, "Code": meeting.country_code, "Name": meeting.country},
            "Circuit": {"Key": run.circuit.key, "ShortName": run.circuit.name},
        },
        "ArchiveStatus": {"Status": "Complete"},
        "Key": meeting.session_key(run.code),
        "Type": str(SESSION_TYPES[run.code].kind),
        "Name": session_name(run.code),
        "StartDate": start.isoformat(),
        "EndDate": (start + timedelta(hours=1)).isoformat(),
        "GmtOffset": f"{meeting.gmt_offset_h:02d}:00:00",
        "Path": meeting.path(run.code),
    }


def _driver_list(run: SessionRun) -> dict[str, Any]:
    drivers = {}
    for line, number in enumerate(run.cars, start=1):
        entrant = ENTRANTS[number]
        drivers[number] = {
            "RacingNumber": number,
            "BroadcastName": f"{entrant.first_name[0]} {entrant.last_name.upper()}",
            "FullName": f"{entrant.first_name} {entrant.last_name.upper()}",
            "Tla": entrant.code,
            "Line": line,
            "TeamName": entrant.team,
            "TeamColour": entrant.color,
            "FirstName": entrant.first_name,
            "LastName": entrant.last_name,
            "Reference": f"{entrant.first_name[:3]}{entrant.last_name[:3]}01".upper(),
            "CountryCode": entrant.country,
        }
    return drivers


def _session_data(run: SessionRun) -> list[tuple[int, dict[str, Any]]]:
    events: list[tuple[int, dict[str, Any]]] = [(3900, {"Series": [], "StatusSeries": []})]
    changes = [(s, {"TrackStatus": TRACK_STATUS[code]}) for s, code in run.track_status]
    changes += [(s, {"SessionStatus": status}) for s, status in run.session_status]
    for index, (seconds, change) in enumerate(sorted(changes, key=lambda change: change[0])):
        entry = {"Utc": _utc(run, seconds, "milliseconds") + "Z", **change}
        events.append((max(round(seconds * 1000), 3900), {"StatusSeries": {str(index): entry}}))
    return events


def _race_control(run: SessionRun) -> list[tuple[int, dict[str, Any]]]:
    """Race control stamps whole seconds; the first message comes as a list, the others as numbered entries."""
    events: list[tuple[int, dict[str, Any]]] = []
    for index, (seconds, fields) in enumerate(run.messages):
        entry = {"Utc": _utc(run, seconds, "seconds"), **fields}
        messages = [entry] if index == 0 else {str(index): entry}
        events.append((round(seconds * 1000) + 150, {"Messages": messages}))
    return events
