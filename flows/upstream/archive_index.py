"""What the raw archive says of a season: which sessions it has, from which sources, and how far each goes.

A session may have two sources: what live timing's hosts answered, and a recording of the live feed. The better one is
computed from.
"""

from typing import Annotated

from msgspec.structs import replace

from flows.upstream.recorded_live import RecordingFacts
from publish import keys
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Count, Document, Part, Sha256, UtcText, about

#: The sources of a session, by the name of their object behind the session's key.
OFFICIAL, RECORDING = "live-timing", "recording"
_OBJECTS = {OFFICIAL: "", RECORDING: ".recording"}
#: Without it nobody knows where a car is, or when.
_TIMING = "stream-extended_timing_data"
_STREAM = "stream-"


class RawSource(Part, kw_only=True):
    """One source of a session: the names of the responses that are kept of it, and what it lacks."""

    bytes: Count
    responses_sha256: Annotated[Sha256, about("Over names and bodies of the responses")]
    inputs_sha256: Annotated[str | None, about("Of FastF1's parsed topics it was kept beside; null: of none")]
    responses: list[str]
    absent: Annotated[list[str], about("What was asked for and is proved not to be there")]
    missing_end: Annotated[str | None, about("Why the session's end is not in it; null: it is")]
    fetched_at: Annotated[UtcText | None, about("When it was looked at last")]
    recording: Annotated[RecordingFacts | None, about("Of a recording of the live feed")] = None

    @property
    def is_complete(self) -> bool:
        """Whether it reaches the session's end."""
        return self.missing_end is None


class RawSession(Part, kw_only=True):
    """A session of the archive; ``api_path`` is live timing's, which no renumbering moves."""

    api_path: str
    round: Count
    event: str
    code: str
    sources: dict[str, RawSource]

    @property
    def best(self) -> str:
        """The name of the source to compute from: with timing, the session's end, more streams, else the official."""
        return max(self.sources, key=lambda name: (*_worth(self.sources[name]), name == OFFICIAL))


class RawIndex(Document, tag="parcferme/raw-index/2", kw_only=True):
    """The sessions of a season by their keys."""

    year: int
    sessions: dict[str, RawSession]


def _worth(source: RawSource) -> tuple[bool, bool, int]:
    # Services can be asked again at any time; what a stream had is gone. One may stand in for what is lacking.
    streams = [name for name in source.responses if name.startswith(_STREAM) and name not in source.absent]
    return _TIMING in source.responses, source.is_complete, len(streams)


def read_index(store: Store, year: int) -> RawIndex | None:
    """Return what the archive has of a season, None where it has nothing.

    :raises PublicationError: it cannot be read, or another version of this program wrote it.
    """
    return read_document(store, index_key(year), RawIndex)


def find_session(store: Store, year: int, api_path: str | None) -> tuple[int, RawSession] | None:
    """Return key and entry of the session with this path of live timing's.

    :raises PublicationError: the index cannot be read.
    """
    index = read_index(store, year)
    for key, entry in ({} if index is None else index.sessions).items():
        if entry.api_path == api_path:
            return int(key), entry
    return None


def put_source(store: Store, year: int, key: int, session: RawSession) -> None:
    """Add or replace sources of a session; those of its others stay.

    :raises PublicationError: the index cannot be read or written.
    """

    def change(index: RawIndex | None) -> RawIndex:
        sessions = {} if index is None else dict(index.sessions)
        before = sessions.get(str(key))
        kept = {} if before is None else before.sources
        sessions[str(key)] = replace(session, sources=dict(sorted((kept | session.sources).items())))
        return RawIndex(year=year, sessions={name: sessions[name] for name in sorted(sessions, key=int)})

    update_document(store, index_key(year), RawIndex, change)


def index_key(year: int) -> str:
    """Return the key of a season's index in the archive."""
    return f"{keys.RAW}{year}/index.json"


def object_key(year: int, key: int, source: str) -> str:
    """Return the key of what the archive holds of a session from one source."""
    return f"{keys.RAW}{year}/{key}{_OBJECTS[source]}.tar.zst"


def schedule_key(year: int) -> str:
    """Return the key of what FastF1's schedule of a season came from."""
    return f"{keys.RAW}{year}/schedule.tar.zst"
