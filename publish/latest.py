"""Which revision of a session is current, and which came before: ``latest.json``."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from publish import keys
from publish.shared_documents import Document, read_document, utc_text
from publish.store import Store
from transforms.errors import PublicationError
from transforms.recording import SessionIdentity

SCHEMA = "parcferme/latest/1"

FIRST = "first"
UPSTREAM_CHANGED = "upstream changed"
CODE_CHANGED = "code changed"
FORCED = "forced"
ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Summary:
    """What ``latest.json`` and the season index tell of a revision without opening its manifest.

    ``capabilities`` is the manifest's. The two hashes name what went in (upstream data and settings; code), so
    that a later run can see that nothing would come out differently.
    """

    grade: str | None
    capabilities: Any
    inputs_sha256: str
    code_sha256: str


@dataclass(frozen=True)
class HistoryEntry:
    """One step in a session's history. ``changed_objects``: paths within the revision, a folder for its chunks."""

    revision: str
    published_at: str
    reason: str
    grade: str | None
    changed_objects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Latest:
    """A session's ``latest.json``; ``history`` has the newest entry first."""

    session_key: int
    year: int
    round: int
    event: str
    session: str
    revision: str
    summary: Summary
    history: tuple[HistoryEntry, ...]

    @property
    def manifest_key(self) -> str:
        """Key of the current revision's manifest."""
        return keys.manifest(self.session_key, self.revision)


def read_latest(store: Store, session_key: int) -> Latest | None:
    """Return what is current of a session, or None if it was never published."""
    key = keys.latest(session_key)
    document = read_document(store, key)
    return None if document is None else parse_latest(document, f"{key} in {store.uri}")


def parse_latest(document: Document, where: str) -> Latest:
    """Return the ``Latest`` a document holds; raises PublicationError naming ``where`` if something is missing."""
    try:
        return Latest(
            session_key=int(document["session_key"]),
            year=int(document["year"]),
            round=int(document["round"]),
            event=str(document["event"]),
            session=str(document["session"]),
            revision=str(document["revision"]),
            summary=Summary(
                document["grade"], document["capabilities"], document["inputs_sha256"], document["code_sha256"]
            ),
            history=tuple(
                HistoryEntry(**(entry | {"changed_objects": tuple(entry["changed_objects"])}))
                for entry in document["revisions"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PublicationError(
            f"{where} is not a document of this kind ({type(error).__name__}: {error}). Restore an earlier "
            "version of it, or "
            "delete it and publish the session again."
        ) from error


def latest_document(latest: Latest) -> Document:
    """Return the published form of ``latest``."""
    return {
        "schema": SCHEMA,
        "session_key": latest.session_key,
        "year": latest.year,
        "round": latest.round,
        "event": latest.event,
        "session": latest.session,
        "revision": latest.revision,
        "manifest": f"{latest.revision}/manifest.json",
        "grade": latest.summary.grade,
        "capabilities": latest.summary.capabilities,
        "inputs_sha256": latest.summary.inputs_sha256,
        "code_sha256": latest.summary.code_sha256,
        "revisions": [
            {
                "revision": entry.revision,
                "published_at": entry.published_at,
                "reason": entry.reason,
                "grade": entry.grade,
                "changed_objects": list(entry.changed_objects),
            }
            for entry in latest.history
        ],
    }


def succeed(
    before: Latest | None,
    identity: SessionIdentity,
    revision: str,
    summary: Summary,
    *,
    now: datetime,
    forced: bool,
    changed_objects: Iterable[str],
) -> Latest:
    """Return what is current once ``revision`` is. The same revision again adds nothing to the history."""
    history = before.history if before else ()
    if before is None or before.revision != revision:
        reason = _reason(before, summary, forced)
        history = (HistoryEntry(revision, utc_text(now), reason, summary.grade, tuple(changed_objects)), *history)
    return Latest(
        session_key=identity.session_key,
        year=identity.year,
        round=identity.round,
        event=identity.event,
        session=identity.code,
        revision=revision,
        summary=summary,
        history=history,
    )


def step_back(
    before: Latest, revision: str, summary: Summary, *, now: datetime, changed_objects: Iterable[str]
) -> Latest:
    """Return what is current once the earlier ``revision`` is current again."""
    if before.revision == revision:
        return before
    entry = HistoryEntry(revision, utc_text(now), ROLLED_BACK, summary.grade, tuple(changed_objects))
    return replace(before, revision=revision, summary=summary, history=(entry, *before.history))


def _reason(before: Latest | None, summary: Summary, forced: bool) -> str:
    if before is None:
        return FIRST
    if before.summary.inputs_sha256 != summary.inputs_sha256:
        return UPSTREAM_CHANGED
    if forced and before.summary.code_sha256 == summary.code_sha256:
        return FORCED
    return CODE_CHANGED
