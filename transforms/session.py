"""One session through all transforms: a recording in, everything that is published out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from transforms.alignment import align
from transforms.assemble import assemble
from transforms.classification import compare, has_results
from transforms.clock import make_clock, session_status_ms
from transforms.completeness import measure_extent
from transforms.extra_laps import without_extra_laps
from transforms.frames import Frames, Rows
from transforms.lost_laps import Known, lost_by_the_result, with_lost_laps
from transforms.native import CarTables, native_tables
from transforms.notes import RECORDED, Note
from transforms.parts import Part, onto_clock, read_parts
from transforms.quality import judge
from transforms.reconcile import reconcile
from transforms.recording import Driver, Recording
from transforms.replay import Replay, make_replay
from transforms.rows import make_rows
from transforms.running import Cleaned, Sent, make_running
from transforms.samples import CleanCar, CleanPositions, Findings, clean_car, clean_positions, together
from transforms.side_by_side import for_each
from transforms.strays import without_strays
from transforms.tables import published_tables
from transforms.timed import classification_notes, without_impossible_times
from transforms.timing import CarTiming, flag_ms, read_timing
from transforms.track import Track, build_track, sector_distances


@dataclass(frozen=True)
class SessionData:
    """Everything computed of one session, ready to be encoded.

    ``tables`` holds the published tables by name (as :data:`transforms.columns.TABLES` declares them, times on the
    clock). The big ones are made while they are written: ``native`` makes those of native samples a car at a time,
    ``frames`` is made from ``frames`` row group by row group. The identity columns are added where they are written.
    ``replay`` holds the native samples that ``frames`` are made from.
    ``drivers`` are the cars of the session, all sources reconciled. ``rows`` and ``track`` are None where the session
    cannot have them. ``quality`` is the report document. ``parts`` are those of qualifying or practice, on the clock.
    """

    drivers: tuple[Driver, ...]
    frames: Frames
    replay: Replay
    tables: dict[str, pa.Table]
    track: Track | None
    rows: Rows | None
    capabilities: dict[str, bool]
    quality: dict[str, object]
    grade: str
    total_laps: int | None
    parts: tuple[Part, ...] = ()
    native: dict[str, CarTables] = field(default_factory=dict)


OnProgress = Callable[[float, str], None]


def _silent(share: float, message: str) -> None:
    """Ignore progress."""


def clean(recording: Recording) -> tuple[Recording, Cleaned, tuple[Note, ...]]:
    """Clean every car's samples, read its timing, and make the track from them.

    The recording is returned with its laps numbered as they were driven and none after the flag, with what was found.
    """
    cars, positions, findings = _clean_samples(recording)
    cars, positions, alignment = align(cars, positions)
    timing = read_timing(recording.laps)
    track = _track_of(positions, timing)
    counted, notes = with_lost_laps(recording, Known(cars, positions, timing, track))
    if counted is not recording:
        timing = read_timing(counted.laps)
        track = _track_of(positions, timing)
    extent = measure_extent(counted, timing)
    flag = None
    if counted.identity.is_race_like and extent.is_complete:
        finished = session_status_ms(counted, "Finished")
        flag = flag_ms(timing, finished[-1] if finished else None, counted.total_laps)
    counted, extra = without_extra_laps(counted, timing, flag)
    if extra:
        timing = read_timing(counted.laps)
    finish = compare(counted, timing, flag)
    sent = Sent(
        {car: samples.time_ms for car, samples in recording.cars.items()},
        {car: samples.time_ms for car, samples in recording.positions.items()},
    )
    return (
        counted,
        Cleaned(cars, positions, finish.timing, track, alignment, findings, extent, finish, sent),
        (*notes, *extra),
    )


def _clean_samples(
    recording: Recording,
) -> tuple[dict[str, CleanCar], dict[str, CleanPositions], dict[str, Findings]]:
    """Clean both feeds of every driver's car; cars without samples are left out, but for what was found."""

    def cleaned(car: str) -> tuple[CleanCar | None, CleanPositions | None, Findings]:
        data, places = None, None
        findings: Findings = {}
        if car in recording.cars:
            data, findings = clean_car(recording.cars[car])
        if car in recording.positions:
            places, found = clean_positions(recording.positions[car], data)
            findings = together(findings, found)
        return data, places, findings

    numbers = [driver.number for driver in recording.drivers]
    by_car = dict(zip(numbers, for_each(cleaned, numbers), strict=True))
    return (
        {car: data for car, (data, _, _) in by_car.items() if data is not None},
        {car: places for car, (_, places, _) in by_car.items() if places is not None and len(places.time_ms)},
        {car: findings for car, (_, _, findings) in by_car.items()},
    )


def _track_of(positions: dict[str, CleanPositions], timing: dict[str, CarTiming]) -> Track | None:
    track = build_track(positions, timing)
    return None if track is None else replace(track, sector_m=sector_distances(track, positions, timing))


def transform_session(recording: Recording, on_progress: OnProgress = _silent) -> SessionData:
    """Compute everything that is published of a session.

    Whoever passes on the only reference to ``recording`` has its samples freed on the way.

    :param on_progress: called with the share done (0 to 1) and what is being done.
    :raises UpstreamError: nothing tells when the session ran.
    """
    on_progress(0.0, "Cleaning samples")
    reconciled = reconcile(recording)
    recording, impossible = without_impossible_times(reconciled.recording)
    recording, cleaned, lost = clean(recording)
    contradictory = reconciled.notes
    del reconciled  # and with it the recording as it came
    clock = make_clock(recording, cleaned.timing, cleaned.extent)
    # From here on only the cleaned samples are of use: two copies of them are still to be made.
    recording = replace(recording, cars={}, positions={})
    on_progress(0.3, "Working out progress and order")
    running = make_running(recording, cleaned, clock)
    cleaned, running, doubts = without_strays(cleaned, running)
    on_progress(0.6, "Putting cars on the common clock")
    frames = assemble(recording, cleaned, running, clock)
    on_progress(0.9, "Judging quality")
    notes = (*recording.notes, *contradictory, *impossible, *lost, *doubts)
    if cleaned.extent.is_complete:
        notes += (*lost_by_the_result(recording, cleaned, lost), *classification_notes(recording))
    verdict = judge(recording, cleaned, running, frames, notes)
    rows = make_rows(recording, cleaned, running, frames)
    parts = onto_clock(read_parts(recording), clock)
    tables = published_tables(recording, cleaned, running, frames, parts, verdict.tables, verdict.grade)
    return SessionData(
        drivers=recording.drivers,
        frames=frames,
        replay=make_replay(
            cleaned.cars,
            cleaned.positions,
            running.progress,
            cleaned.track.length_m if cleaned.track is not None else None,
            frames,
        ),
        tables=tables,
        track=cleaned.track,
        rows=rows,
        capabilities=capabilities(recording, cleaned, frames, rows is not None),
        quality=verdict.report,
        grade=verdict.grade,
        total_laps=recording.total_laps,
        parts=parts,
        native=native_tables(cleaned, running, frames, recording.drivers),
    )


def capabilities(recording: Recording, cleaned: Cleaned, frames: Frames, rows: bool) -> dict[str, bool]:
    """What the session has, for its manifest and the season index; ``complete``: its stream reaches its end.

    ``recorded_live`` is only there if it is true: the session comes from a recording of the live feed.
    """
    recorded = {RECORDED: True} if any(note.kind == RECORDED for note in recording.notes) else {}
    return recorded | {
        "complete": cleaned.extent.is_complete,
        "timing": recording.laps.num_rows > 0,
        "telemetry": bool(cleaned.sent.cars),
        "positions": bool(cleaned.sent.positions),
        "drs": any(c.drs is not None for c in frames.cars.values()),
        "track": cleaned.track is not None,
        "corners": recording.circuit is not None and bool(recording.circuit.corners),
        "weather": recording.weather.num_rows > 0,
        "messages": recording.messages.num_rows > 0,
        "results": has_results(recording),
        "order": recording.identity.is_race_like and recording.laps.num_rows > 0,
        "utc": frames.clock.utc_origin_ms is not None,
        "rows": rows,
    }
