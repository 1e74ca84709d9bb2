"""The sample season's sessions, named and loaded as the product does it."""

from pathlib import Path

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
