"""The sample season's sessions, named and loaded as the product does it."""

from dataclasses import fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from once_in_a_run import once_in_a_run

from flows.sample import MEETINGS, SAMPLE_YEAR
from flows.session_ref import SessionRef
from flows.upstream.client import Client
from flows.upstream.load import load_recording, locate
from transforms.recording import Recording


def sample_session(round_number: int, code: str) -> SessionRef:
    """The session of the sample season, not located."""
    event = next(meeting.name for meeting in MEETINGS if meeting.round == round_number)
    return SessionRef(SAMPLE_YEAR, round_number, event, code)


def located_sample(cache_dir: Path, round_number: int, code: str) -> SessionRef:
    """The session with its path, from a cache that has the schedule."""
    return locate(Client(cache_dir, offline=True), sample_session(round_number, code))


def load_sample(cache_dir: Path, round_number: int, code: str) -> Recording:
    """The recording of a session that is in the cache."""
    return load_recording(Client(cache_dir, offline=True), sample_session(round_number, code))


def sample_recording(sample_cache: Path, round_number: int, code: str) -> Recording:
    """The same, loaded once in a run: for tests of what is made of it."""
    return once_in_a_run(f"recording-{round_number}-{code}", lambda: load_sample(sample_cache, round_number, code))


def cut(recording: Recording, until_ms: float) -> Recording:
    """``recording`` as it is when every stream ends at ``until_ms``; official results are complete."""

    def before(table: pa.Table, name: str) -> pa.Table:
        return table.filter(pc.fill_null(pc.less_equal(table[name], until_ms), True))

    def samples(feed):
        kept = {car: s.time_ms <= until_ms for car, s in feed.items()}
        return {
            car: replace(s, **{f.name: v[kept[car]] for f in fields(s) if (v := getattr(s, f.name)) is not None})
            for car, s in feed.items()
            if kept[car].any()
        }

    return replace(
        recording,
        laps=before(recording.laps, "end_ms"),
        weather=before(recording.weather, "time_ms"),
        track_status=before(recording.track_status, "time_ms"),
        session_status=before(recording.session_status, "time_ms"),
        messages=before(recording.messages, "time_ms"),
        cars=samples(recording.cars),
        positions=samples(recording.positions),
    )


def middle(recording: Recording, share: float = 0.5) -> float:
    ends = [end for end in recording.laps["end_ms"].to_pylist() if end is not None]
    start = recording.start_ms or 0
    return start + (max(ends) - start) * share
