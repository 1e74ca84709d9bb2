"""The change feed: every revision that became current, newest first, in ``v1/changes.json`` and as Atom.

What ``latest.json`` remembers of a session is what the feed says of it, so whoever finishes a publication brings the
feed up to date, and whoever finds a session up to date repairs what a killed publisher has left undone. It names no
result: a reader who follows it is told that results have changed, not who has won.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from xml.sax.saxutils import escape

from msgspec import Meta

from publish import keys
from publish.revisions.latest import HistoryEntry, Latest, read_latest
from publish.season.index import update_root_index
from publish.stores.base import Conflict, Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Count, Document, Grade, Part, Revision, SessionCode, Utc, Year, about
from transforms.errors import PublicationError
from transforms.session_types import SESSION_TYPES

MAX_CHANGES = 200
#: How ``index.json`` calls them.
LINKS = {"changes": keys.CHANGES, "changes_feed": keys.CHANGES_ATOM}
_ATTEMPTS = 20
_FEED_ID = "urn:parcferme:changes"


class Change(Part):
    """One revision that became current."""

    published_at: Utc
    session_key: int
    year: Year
    round: Annotated[Count | None, about("Null once another event took the number")]
    event: str
    session: SessionCode
    revision: Revision
    grade: Grade | None
    reason: Annotated[str, about("As in latest.json: first, upstream changed, code changed, forced, rolled back")]
    changed_objects: Annotated[tuple[str, ...], about("Paths within the revision; a folder for its chunks")]
    changed_results: Annotated[Count, about("Results that differ from the step before; latest.json says which")]
    latest: Annotated[str, about("What is current of the session, relative to the base URL")]


class Changes(Document, tag="parcferme/changes/1"):
    """What became current, newest first."""

    changes: Annotated[tuple[Change, ...], Meta(max_length=MAX_CHANGES), about("Newest first")]


def note_changes(store: Store, session_keys: Iterable[int]) -> bool:
    """Bring both feeds up to date with what became current of sessions; say whether anything was written.

    Four requests for one session where there is nothing to do.

    :raises PublicationError: the store refuses, the document cannot be used, or others keep changing the feeds.
    """
    wanted = sorted(set(session_keys))

    def change(before: Changes | None) -> Changes:
        # Read after the feed was read: whoever makes another revision current later also writes the feed later.
        return _merged(before, [latest for key in wanted if (latest := read_latest(store, key)) is not None])

    written = update_document(store, keys.CHANGES, Changes, change)
    if written := _write_atom(store) or written:
        update_root_index(store, links=LINKS)
    return written


def _merged(before: Changes | None, sessions: list[Latest]) -> Changes:
    told: dict[int, list[Change]] = {}
    for change in before.changes if before else ():
        told.setdefault(change.session_key, []).append(change)
    for latest in sessions:
        # What was taken away since has been current all the same; other names of what is there are of before.
        gone = [change for change in told.get(latest.session_key, ()) if change.revision in latest.removed]
        told[latest.session_key] = [*(_change(latest, entry) for entry in latest.history), *gone]
    ordered = [change for session_key in sorted(told) for change in told[session_key]]
    ordered.sort(key=lambda change: change.published_at, reverse=True)
    return Changes(tuple(ordered[:MAX_CHANGES]))


def _change(latest: Latest, entry: HistoryEntry) -> Change:
    return Change(
        entry.published_at,
        latest.session_key,
        latest.year,
        latest.round,
        latest.event,
        latest.session,
        entry.revision,
        entry.grade,
        entry.reason,
        entry.changed_objects,
        len(entry.results) + entry.results_left_out,
        keys.latest(latest.session_key),
    )


def _write_atom(store: Store) -> bool:
    """Let the Atom feed say what the document says.

    It is read before the document is, and written only over what was read: whoever changes the document later also
    writes the feed later.
    """
    for _ in range(_ATTEMPTS):
        stored = store.read(keys.CHANGES_ATOM)
        document = read_document(store, keys.CHANGES, Changes)
        data = atom_feed(document.changes if document else ())
        if stored is not None and stored.data == data:
            return False
        try:
            store.write(keys.CHANGES_ATOM, data, if_match=stored.etag if stored else None, if_none_match=stored is None)
        except Conflict:
            continue
        return True
    raise PublicationError(
        f"{keys.CHANGES_ATOM} in {store.uri} was changed by others each of the {_ATTEMPTS} times this run tried to. "
        "See what else writes to it, then run again."
    )


def atom_feed(changes: Iterable[Change]) -> bytes:
    """Return the Atom feed (RFC 4287) of ``changes``; links are relative to where it lies."""
    entries = list(changes)
    updated = _rfc3339(entries[0].published_at) if entries else "1970-01-01T00:00:00Z"
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{_FEED_ID}</id>",
        "<title>parcferme: what became current</title>",
        "<author><name>parcferme</name></author>",
        f"<updated>{updated}</updated>",
        '<link rel="self" href="changes.atom"/>',
        '<link rel="alternate" type="text/html" href="../status.html"/>',
        *(line for change in entries for line in _atom_entry(change)),
        "</feed>",
        "",
    ]
    return "\n".join(lines).encode()


def _atom_entry(change: Change) -> list[str]:
    at = _rfc3339(change.published_at)
    grade = "" if change.grade is None else f", grade {change.grade}"
    title = f"{change.year} {change.event} {SESSION_TYPES[change.session].name}: {change.reason}{grade}"
    said = ", ".join(change.changed_objects) or "everything is new"
    results = f". {change.changed_results} results differ" if change.changed_results else ""
    return [
        "<entry>",
        f"<id>urn:parcferme:{change.session_key}:{change.revision}:{at}</id>",
        f"<title>{escape(title)}</title>",
        f"<updated>{at}</updated>",
        f'<link rel="alternate" type="text/html" href="../index.html#session={change.session_key}"/>',
        f'<link rel="related" type="application/json" href="sessions/{change.session_key}/latest.json"/>',
        f"<summary>{escape(said + results)}</summary>",
        "</entry>",
    ]


def _rfc3339(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
