"""The circuits of a season, small enough to be drawn all at once: ``v1/circuits/<year>.json``.

Made of the season index and of the outlines of the revisions it names, which never change. Whoever brings the season's
tables up to date brings it up to date too: it is read before the index is, and written only over what was read, so
that whoever changes the index later also writes it later.
"""

import logging
from typing import Annotated, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from publish import keys
from publish.encode.channels import sums_of
from publish.season.document import PUBLISHED, IndexedSession, Season
from publish.season.index import read_season, update_root_index
from publish.stores.base import Store
from publish.stores.shared_documents import update_document
from publish.structs import Count, Document, Part, Revision, Year, about, decode_packed
from transforms.errors import PublicationError
from transforms.outlines import telling_points

logger = logging.getLogger(__name__)

#: How far the outline of a circuit may be from the road, m: less than half a pixel where one is 100 pixels wide.
TOLERANCE_M = 5.0
_TRACK = "track.json.gz"


class Circuit(Part):
    """The outline of a circuit, as driven in the last session of a weekend that shows it."""

    session_key: int
    revision: Revision
    rotation_deg: Annotated[float | None, about("By which it is turned, counterclockwise, to be shown as usual")]
    x: Annotated[tuple[int, ...], about("Corners of the outline, metres; the last one leads back to the first")]
    y: Annotated[tuple[int, ...], about("The same, upwards")]


class Circuits(Document, tag="parcferme/circuits/1"):
    """The circuit of each weekend of a season of which a session with an outline is published."""

    year: Year
    serial: Annotated[Count, about("Rises with every write")]
    circuits: Annotated[tuple[Circuit, ...], about("In the order of the season index")]


class _Outline(Struct):
    """What is taken of a revision's track."""

    schema: Literal["parcferme/track/2"]
    scale: float
    x: list[int]
    y: list[int]
    rotation_deg: float | None


def link_of(year: int) -> dict[str, str | dict[str, str]]:
    """Return how ``index.json`` links a season's circuits."""
    return {f"circuits_{year:d}": keys.circuits(year)}


def shown_sessions(season: Season | None) -> list[IndexedSession]:
    """Return of each event the last session whose outline shows its circuit, of those that have any."""
    events = season.events if season else ()
    found = [[session for session in event.sessions if _has_outline(session)] for event in events]
    return [sessions[-1] for sessions in found if sessions]


def _has_outline(session: IndexedSession) -> bool:
    return session.state == PUBLISHED and bool(session.capabilities and session.capabilities.get("track"))


def follow_circuits(store: Store, year: int, *, doubting: bool = False) -> bool:
    """Let a season's circuits be those of what its index names; say whether there was anything to do.

    Three requests where there is nothing to do, two where no circuit is published. With ``doubting`` every outline is
    read, whatever the document has of it.

    :raises PublicationError: the store refuses, the document cannot be used, or others keep changing it.
    """
    is_there = False

    def change(before: Circuits | None) -> Circuits | None:
        nonlocal is_there
        is_there = before is not None
        after = circuits_of(store, year, None if doubting else before)
        if after == (before.circuits if before else ()):
            return None
        # The serial makes two writes differ: a document that was taken back is never taken for the one before.
        return Circuits(year, before.serial + 1 if before else 1, after)

    written = False
    # Looked at again after each write, as the list of files is.
    while update_document(store, keys.circuits(year), Circuits, change):
        written = True
    return (is_there and update_root_index(store, links=link_of(year))) or written


def circuits_of(store: Store, year: int, known: Circuits | None) -> tuple[Circuit, ...]:
    """Return the circuits of what the season index names now; outlines that are ``known`` are not read again."""
    read = {(one.session_key, one.revision): one for one in known.circuits} if known else {}
    shown = [(one.session_key, one.revision) for one in shown_sessions(read_season(store, year))]
    found = (read.get((key, revision)) or _read(store, key, revision) for key, revision in shown if key and revision)
    return tuple(circuit for circuit in found if circuit is not None)


def _read(store: Store, session_key: int, revision: str) -> Circuit | None:
    """Return the outline of a revision; None, with a warning, where it is lost: the others go on."""
    key = keys.revision_object(session_key, revision, _TRACK)
    stored = store.read(key)
    try:
        if stored is None:
            raise PublicationError(f"{key} in {store.uri} is not there.")
        track = decode_packed(stored.data, _Outline, f"{key} in {store.uri}")
    except PublicationError as error:
        logger.warning("The circuit of session %s is left out of its season: %s", session_key, error)
        return None
    x_m, y_m = (_metres(steps, track.scale) for steps in (track.x, track.y))
    kept = telling_points(x_m, y_m, TOLERANCE_M)
    x, y = (tuple(map(int, np.rint(values[kept]))) for values in (x_m, y_m))
    return Circuit(session_key, revision, track.rotation_deg, x, y)


def _metres(differences: list[int], scale: float) -> NDArray[np.float64]:
    return sums_of(np.array(differences, np.int64), 2).astype(np.float64) * scale
