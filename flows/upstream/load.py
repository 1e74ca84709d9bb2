"""A session from FastF1, loaded and handed on as a :class:`~transforms.recording.Recording`.

FastF1 logs what it could not load and goes on, and may call ``exit()`` when a download fails. Both are turned into
something a caller can see here: its warnings travel with the recording, its exit and requests that failed become
errors.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from flows.session_ref import SessionRef
from flows.upstream.lap_counts import read_lap_counts
from flows.upstream.mini_sectors import read_mini_sectors
from flows.upstream.proofs import keep_proofs, set_aside_damaged
from flows.upstream.recorded_live import notes_of
from flows.upstream.services import is_result, results_url, services_used
from flows.upstream.session_info import complete_info
from flows.upstream.tables import (
    NS_PER_MS,
    laps_table,
    messages_table,
    results_table,
    session_status_table,
    text_or_none,
    track_status_table,
    weather_table,
)
from flows.upstream.telemetry import METRES_PER_UNIT, car_samples, position_samples
from flows.upstream.topics import (
    INFO_TOPIC,
    PARSERS_LOGGER,
    STREAMS,
    WARNINGS_FILE,
    circuit_key_of,
    key_of,
    topic_folder,
)
from transforms.errors import NotReadyError, UpstreamError
from transforms.recording import (
    CircuitMarks,
    Corner,
    Driver,
    Recording,
    SessionIdentity,
)
from transforms.session_types import SESSION_TYPES, Kind
from transforms.texts import clean_texts

if TYPE_CHECKING:
    # What a recording becomes depends on what is imported here (flows.session.fingerprint), not on how FastF1 asks.
    from flows.upstream.client import Client
    from flows.upstream.outcomes import Outcomes

#: FastF1 fills a DRS channel that was not sent with zeros; from this season on the cars have none.
_FIRST_YEAR_WITHOUT_DRS = 2026


def load_recording(client: "Client", session: SessionRef) -> Recording:
    """Load a session through FastF1 on the client's cache and return it as plain arrays and clean texts.

    Topics of the cache that were damaged since FastF1 wrote them are made again.

    :raises CorruptDataError: one was damaged and nobody has it.
    :raises BlockedError: something is refused to this machine's address.
    :raises AccountError: something is given only to who is signed in.
    :raises UpstreamError: nothing usable came (no timing and no telemetry), something was cut off on the way, or FastF1
        failed.
    """
    with client.asking(session.label) as heard:
        loaded = _get_session(session)
        located = replace(session, api_path=loaded.api_path)
        folder = topic_folder(client.cache_dir, located)
        set_aside_damaged(folder, session.label, client.logger)
        # FastF1 asks two hosts for each of a dozen topics even where the first says that nothing is out yet.
        loaded._load_session_info()
        if getattr(loaded, "_session_info", None) is None and not _is_out(client, located, heard.outcomes, loaded):
            heard.check_complete(located, services_used(client.cache_dir, located).values())
            keep_proofs(folder, session.label)
            heard.prove_absent(located, takes_its_word=True)
            who = "This machine's cache, which alone was asked," if client.offline else "The upstream"
            raise NotReadyError(f"{who} has nothing on {located.label}, not even its SessionInfo.")
        loaded.load()
        own = getattr(loaded, "_session_info", None)
        if own is None:
            # What was refused just now, or was here once, is that: not something the upstream never had.
            heard.check_complete(located, services_used(client.cache_dir, located).values())
            keep_proofs(folder, session.label)
        info = complete_info(client, located, own, found=_found(loaded))
        circuit = _read_circuit(loaded, info)
        heard.check_complete(located, services_used(client.cache_dir, located).values())
        heard.prove_absent(located)
    keep_proofs(folder, session.label)
    warnings = _with_earlier_warnings(client.cache_dir, located, heard.warnings)
    without = [] if own is not None and key_of(own) is not None else ["session_info"]
    if SESSION_TYPES[session.code].kind is Kind.QUALIFYING and not _has_result(client, session):
        # FastF1 works one out from laps, and does not say so.
        without.append("results")
    recording = _to_recording(loaded, session, info, circuit, warnings, without)
    if recording.identity.is_race_like:
        recording = replace(recording, lap_counts=read_lap_counts(client, located))
    else:
        recording = replace(recording, mini_sectors=read_mini_sectors(client, located))
    recording = replace(recording, notes=notes_of(client.cache_dir, located))
    return clean_texts(recording)


def locate(client: "Client", session: SessionRef) -> SessionRef:
    """Return the session with the upstream's path of it, under which FastF1 caches its topics.

    :raises UpstreamError: the schedule could not be had, has no such session, or a path that goes up.
    """
    with client.asking(session.label):
        path = str(_get_session(session).api_path)
    if ".." in path.split("/"):
        # It is also where topics lie in the cache.
        raise UpstreamError(f"{session.label} has a path in FastF1's schedule that leads elsewhere: {path}.")
    return replace(session, api_path=path)


def _get_session(session: SessionRef) -> Any:
    import fastf1

    try:
        event = fastf1.get_event(session.year, session.round)
        names = SESSION_TYPES[session.code].names
        scheduled = {event[f"Session{i}"] for i in range(1, 6)}
        return event.get_session(next((name for name in names if name in scheduled), names[0]))
    except ValueError as error:
        raise UpstreamError(
            f"{session.label} could not be found in FastF1's schedule ({str(error).rstrip('.')}). "
            "Check the network, then run it again; offline, the schedule must be in the cache folder."
        ) from error


def _is_out(client: "Client", session: SessionRef, outcomes: "Outcomes", loaded: Any) -> bool:
    """Whether there is timing of a session whose SessionInfo is not there, or cannot be read.

    Where the upstream says that it has no SessionInfo, nothing else is asked for.
    """
    from fastf1 import _api

    known = any(topic_folder(client.cache_dir, session).glob("*.ff1pkl"))
    if not (known or client.offline or outcomes.has_come(session.located_path, STREAMS[INFO_TOPIC])):
        return False
    try:
        return bool(len(_api._extended_timing_data(loaded.api_path)[0]))
    except _api.SessionNotAvailableError:
        return False
    except (LookupError, TypeError, ValueError, AttributeError):
        # It is there, and FastF1 cannot read it.
        return True


def _has_result(client: "Client", session: SessionRef) -> bool:
    """Whether the results service has a result of a session, or none is to be had of its type."""
    if not SESSION_TYPES[session.code].results:
        return True
    url = results_url(session)
    return is_result(client.read_bodies([url]).get(url, b""))


def _found(session: Any) -> str:
    """What was read of a session, in a sentence."""
    laps, cars = getattr(session, "_laps", None), getattr(session, "_car_data", None) or {}
    return f"{0 if laps is None else len(laps)} laps and telemetry of {len(cars)} cars were read."


def _with_earlier_warnings(cache_dir: Path, session: SessionRef, found: list[tuple[str, str]]) -> tuple[str, ...]:
    """Add the parsers' warnings of earlier loads to those of this one, and keep them for later ones."""
    of_parsers = {text for name, text in found if name == PARSERS_LOGGER}
    path = topic_folder(cache_dir, session) / WARNINGS_FILE
    earlier = set(orjson.loads(path.read_bytes())) if path.is_file() else set()
    if of_parsers - earlier:
        path.write_bytes(orjson.dumps(sorted(of_parsers | earlier)))
    of_parsers |= earlier
    return (*sorted(of_parsers), *(text for name, text in found if name != PARSERS_LOGGER))


def _to_recording(
    session: Any,
    ref: SessionRef,
    info: dict[str, Any],
    circuit: CircuitMarks | None,
    warnings: tuple[str, ...],
    without: list[str],
) -> Recording:
    """``without`` names topics that are missing besides those whose tables are empty."""
    laps = getattr(session, "_laps", None)
    car_data = getattr(session, "_car_data", None) or {}
    pos_data = getattr(session, "_pos_data", None) or {}
    # FastF1 generates laps of cars that it knows nothing of.
    has_laps = laps is not None and not laps["FastF1Generated"].all()
    if not has_laps and not car_data and not pos_data:
        raise NotReadyError(
            f"The upstream has neither timing nor telemetry of {ref.label}: TimingData, CarData and Position are not "
            "there, are empty, or cannot be read."
        )
    t0 = getattr(session, "_t0_date", None)
    start = getattr(session, "_session_start_time", None)
    if has_laps and (start is None or pd.isna(start)) and SESSION_TYPES[ref.code].is_race_like:
        laps = _without_first_starts(laps)
    messages = messages_table(getattr(session, "_race_control_messages", None), t0)
    tables = {
        "laps": laps_table(laps if has_laps else None),
        "results": results_table(session.results),
        "weather": weather_table(getattr(session, "_weather_data", None)),
        "track_status": track_status_table(getattr(session, "_track_status", None)),
        "session_status": session_status_table(getattr(session, "_session_status", None)),
        "messages": messages,
    }
    missing = [*without, *(name for name, table in tables.items() if table.num_rows == 0)]
    if has_laps and tables["laps"]["compound"].null_count == tables["laps"].num_rows:
        missing.append("tyres")
    missing += [name for name, data in (("car_data", car_data), ("position_data", pos_data)) if not data]
    missing += [name for name, data in (("circuit", circuit),) if data is None]
    total_laps = getattr(session, "_total_laps", None)
    has_drs = session.event.year < _FIRST_YEAR_WITHOUT_DRS or any(f["DRS"].any() for f in car_data.values())
    return Recording(
        identity=_identity(session, ref.code, info),
        drivers=_drivers(session.results),
        utc_origin_ms=None if t0 is None or pd.isna(t0) else int(pd.Timestamp(t0).value // NS_PER_MS),
        start_ms=None if start is None or pd.isna(start) else int(pd.Timedelta(start).value // NS_PER_MS),
        total_laps=None if total_laps is None else int(total_laps),
        cars={str(n): car_samples(frame, t0, has_drs=has_drs) for n, frame in car_data.items() if len(frame)},
        positions={str(n): position_samples(frame, t0) for n, frame in pos_data.items() if len(frame)},
        circuit=circuit,
        missing=tuple(missing),
        warnings=warnings,
        **tables,
    )


def _identity(session: Any, code: str, info: dict[str, Any]) -> SessionIdentity:
    meeting = info.get("Meeting") or {}
    start = session.date
    event = session.event
    return SessionIdentity(
        session_key=int(info["Key"]),
        meeting_key=key_of(meeting) or 0,
        year=int(event.year),
        round=int(event.RoundNumber),
        event=str(event.EventName),
        official_event=str(meeting.get("OfficialName") or event.OfficialEventName or event.EventName),
        country=str(event.Country),
        location=str(event.Location),
        code=code,
        name=str(session.name),
        date=pd.Timestamp(event.EventDate).date().isoformat(),
        start_utc=None if pd.isna(start) else pd.Timestamp(start).isoformat(timespec="seconds") + "Z",
        circuit=(meeting.get("Circuit") or {}).get("ShortName"),
    )


def _without_first_starts(laps: pd.DataFrame) -> pd.DataFrame:
    """Laps of a race whose start is not known: what FastF1 has for it is when cars left their garages for the grid."""
    changed, first = laps.copy(), laps["LapNumber"] == 1
    changed.loc[first, ["LapStartTime", "PitOutTime"]] = pd.NaT
    return changed


def _drivers(results: pd.DataFrame) -> tuple[Driver, ...]:
    drivers = []
    for number, row in zip(results["DriverNumber"], results.to_dict("records"), strict=True):
        color = text_or_none(row.get("TeamColor"))
        drivers.append(
            Driver(
                number=str(number),
                code=text_or_none(row.get("Abbreviation")) or str(number),
                first_name=text_or_none(row.get("FirstName")) or "",
                last_name=text_or_none(row.get("LastName")) or "",
                team=text_or_none(row.get("TeamName")) or "",
                color=f"#{color.lower().removeprefix('#')}" if color else None,
            )
        )
    return tuple(drivers)


def _read_circuit(session: Any, info: dict[str, Any]) -> CircuitMarks | None:
    """Corners and rotation from the circuit service, or None where it has none (FastF1 then logs why).

    Asked for by key rather than through ``Session.get_circuit_info``, which needs a fastest lap with telemetry.
    """
    from fastf1.mvapi import get_circuit_info

    key = circuit_key_of(info)
    if key is None:
        return None
    try:
        circuit = get_circuit_info(year=session.event.year, circuit_key=key)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        logging.getLogger("fastf1").warning("The circuit service's answer cannot be read: %s", error)
        return None
    if circuit is None:
        return None
    return CircuitMarks(
        rotation_deg=float(circuit.rotation),
        corners=_marks(circuit.corners),
        marshal_sectors=_marks(circuit.marshal_sectors),
        marshal_lights=_marks(circuit.marshal_lights),
    )


def _marks(places: pd.DataFrame) -> tuple[Corner, ...]:
    return tuple(
        Corner(
            number=int(row["Number"]),
            letter=str(row["Letter"] or ""),
            x_m=float(row["X"]) * METRES_PER_UNIT,
            y_m=float(row["Y"]) * METRES_PER_UNIT,
            angle_deg=float(row["Angle"]),
        )
        for row in places.to_dict("records")
    )
