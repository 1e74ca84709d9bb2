"""What is said of a session that comes from a recording of the live feed: that it does, and what is lacking."""

from pathlib import Path
from typing import Annotated

import msgspec

from flows.session_ref import SessionRef
from flows.upstream.topics import SOURCE_FILE, topic_folder
from publish.structs import Count, Part, Utc, about
from transforms.notes import BREAK, RECORDED, Note


class RecordingFacts(Part, kw_only=True):
    """What a recording of the live feed was made of."""

    first_utc: Utc
    last_utc: Utc
    zero_utc: Annotated[Utc, about("When its session time begins")]
    breaks: Annotated[list[tuple[Utc, Utc]], about("Silences of all topics")]
    messages: Count
    unreadable: Annotated[Count, about("Lines that were no message")]


class SourceSaid(msgspec.Struct, frozen=True):
    """What the file beside topics that came from the raw archive says (:data:`flows.upstream.topics.SOURCE_FILE`)."""

    source: str
    responses_sha256: str
    absent: list[str] = []
    recording: RecordingFacts | None = None


def read_source_file(cache_dir: Path, session: SessionRef) -> SourceSaid | None:
    """Return from which source of the raw archive the cache has a located session; None: from neither."""
    try:
        return msgspec.json.decode((topic_folder(cache_dir, session) / SOURCE_FILE).read_bytes(), type=SourceSaid)
    except (OSError, msgspec.DecodeError):
        return None


def notes_of(cache_dir: Path, session: SessionRef) -> tuple[Note, ...]:
    """Return what the quality report is to say of a session whose topics come from a recording; else nothing."""
    said = read_source_file(cache_dir, session)
    if said is None or said.recording is None:
        return ()
    facts = said.recording
    lacking = [name.removeprefix("stream-") for name in said.absent]
    cause = (
        f"recorded from the live feed, from {facts.first_utc:%H:%M:%S} to {facts.last_utc:%H:%M:%S} UTC: the official "
        "files were not there, or were worse"
    )
    if lacking:
        cause += f"; without {', '.join(lacking)}"
    notes = [Note(RECORDED, None, cause, value=facts.unreadable, unit="unreadable lines")]
    for begin, end in facts.breaks:
        start_ms, end_ms = ((at - facts.zero_utc).total_seconds() * 1000 for at in (begin, end))
        cause = "nothing was recorded"
        notes.append(Note(BREAK, None, cause, start_ms=start_ms, end_ms=end_ms, value=end_ms - start_ms, unit="ms"))
    return tuple(notes)
