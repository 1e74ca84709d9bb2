"""Which revision of a session is current, and which came before: ``latest.json``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from publish import keys
from publish.revisions.diff import MAX_LISTED_RESULTS, ResultChange
from publish.stores.base import Store
from publish.stores.shared_documents import Document, read_document, update_document, utc_text
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
class Changes:
    """What a step changed: ``objects`` are paths within the revision, a folder for its chunks."""

    objects: tuple[str, ...] = ()
    results: tuple[ResultChange, ...] = ()


@dataclass(frozen=True)
class HistoryEntry:
    """One step in a session's history.

    ``changed_objects``: paths within the revision, a folder for its chunks. ``results``: which results differ from the
    step before; ``results_left_out`` counts those that are not listed.
    """

    revision: str
    published_at: str
    reason: str
    grade: str | None
    changed_objects: tuple[str, ...] = ()
    results: tuple[ResultChange, ...] = ()
    results_left_out: int = 0


@dataclass(frozen=True)
class Latest:
    """A session's ``latest.json``; ``history`` has the newest entry first.

    ``round`` is None once its event fell off the schedule and another one took its number. ``withheld`` are revisions
    an operator rolled back from: no run but a forced one makes what is in them current again. ``removed`` are names
    that prune has taken away, or is about to: nothing is ever stored under them again.
    """

    session_key: int
    year: int
    round: int | None
    event: str
    session: str
    revision: str
    summary: Summary
    history: tuple[HistoryEntry, ...]
    withheld: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def revisions(self) -> list[str]:
        """Every revision of the history once, the one that was current last first."""
        return list(dict.fromkeys(entry.revision for entry in self.history))

    @property
    def manifest_key(self) -> str:
        """Key of the current revision's manifest."""
        return keys.manifest(self.session_key, self.revision)

    def withholds(self, revision: str) -> bool:
        """Whether an operator rolled back from what ``revision`` holds, however it was compressed."""
        return any(keys.content_of(name) == keys.content_of(revision) for name in self.withheld)


def read_latest(store: Store, session_key: int) -> Latest | None:
    """Return what is current of a session, or None if it was never published."""
    key = keys.latest(session_key)
    document = read_document(store, key)
    return None if document is None else parse_latest(document, f"{key} in {store.uri}")


def replace_latest(
    store: Store,
    session_key: int,
    before: Latest | None,
    revision: str,
    following: Callable[[Latest | None], Latest],
) -> Latest | None:
    """Write what ``following`` makes of the present ``latest.json``, in which ``revision`` is current, and return it.

    Only if what is current is still that of ``before``, and ``revision`` has not been removed, so that a prune may be
    deleting it; else None. Nobody's entry is lost.
    """
    key = keys.latest(session_key)
    made: list[Latest | None] = []

    def change(document: Document | None) -> Document | None:
        present = None if document is None else parse_latest(document, f"{key} in {store.uri}")
        # At a second attempt it may be this one's own write that is there: its answer was lost.
        expected = {before and before.revision} | ({revision} if any(made) else set())
        is_free = present is None or revision not in present.removed
        made.append(following(present) if is_free and (present and present.revision) in expected else None)
        return None if made[-1] is None else latest_document(made[-1])

    update_document(store, key, change)
    return made[-1]


def parse_latest(document: Document, where: str) -> Latest:
    """Return the ``Latest`` a document holds; raises PublicationError naming ``where`` if something is missing."""
    try:
        return Latest(
            session_key=int(document["session_key"]),
            year=int(document["year"]),
            round=None if document["round"] is None else int(document["round"]),
            event=str(document["event"]),
            session=str(document["session"]),
            revision=str(document["revision"]),
            summary=Summary(
                document["grade"], document["capabilities"], document["inputs_sha256"], document["code_sha256"]
            ),
            history=tuple(_parse_entry(entry) for entry in document["revisions"]),
            withheld=tuple(str(revision) for revision in document.get("withheld", ())),
            removed=tuple(str(revision) for revision in document.get("removed", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PublicationError(
            f"{where} is not a document of this kind ({type(error).__name__}: {error}). Restore an earlier "
            "version of it, or "
            "delete it and publish the session again."
        ) from error


def _parse_entry(entry: Document) -> HistoryEntry:
    """Return a step; those written before results were compared say nothing of them."""
    results = tuple(ResultChange(**change) for change in entry.get("results", ()))
    return HistoryEntry(**(entry | {"changed_objects": tuple(entry["changed_objects"]), "results": results}))


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
            asdict(entry)
            | {
                "changed_objects": list(entry.changed_objects),
                "results": [asdict(change) for change in entry.results],
            }
            for entry in latest.history
        ],
        "withheld": list(latest.withheld),
        "removed": list(latest.removed),
    }


def succeed(
    before: Latest | None,
    identity: SessionIdentity,
    revision: str,
    summary: Summary,
    *,
    now: datetime,
    forced: bool,
    changes: Changes,
) -> Latest:
    """Return what is current once ``revision`` is. The same revision again adds nothing to the history.

    ``identity`` says under which event and round, as far as the caller knows; ``summary`` what it was made from.
    """
    history = before.history if before else ()
    if before is None or before.revision != revision:
        history = (_entry(revision, now, _reason(before, summary, forced), summary, changes), *history)
    return Latest(
        session_key=identity.session_key,
        year=identity.year,
        round=identity.round,
        event=identity.event,
        session=identity.code,
        revision=revision,
        summary=summary,
        history=history,
        withheld=_without(before.withheld if before else (), revision),
        removed=before.removed if before else (),
    )


def step_back(
    before: Latest, revision: str, grade: str | None, capabilities: Any, now: datetime, changes: Changes
) -> Latest:
    """Return what is current once the earlier ``revision`` is current again.

    Every revision that came after it is withheld. The hashes of what went in stay those of the revision left, so that
    a run that finds the same inputs and code has nothing to do.
    """
    if before.revision == revision:
        return before
    summary = replace(before.summary, grade=grade, capabilities=capabilities)
    later = before.revisions[: before.revisions.index(revision)] if revision in before.revisions else [before.revision]
    return replace(
        before,
        revision=revision,
        summary=summary,
        history=(_entry(revision, now, ROLLED_BACK, summary, changes), *before.history),
        withheld=_without((*later, *before.withheld), revision),
    )


def hold_back(before: Latest, summary: Summary) -> Latest:
    """Remember that ``summary``'s inputs and code lead to a withheld revision: what is current stays."""
    made_from = replace(before.summary, inputs_sha256=summary.inputs_sha256, code_sha256=summary.code_sha256)
    return replace(before, summary=made_from)


def forget(before: Latest, revision: str) -> Latest:
    """Return what is known once ``revision``, which is not current, is in no history: nobody takes it up any more."""
    history = tuple(entry for entry in before.history if entry.revision != revision)
    return replace(before, history=history, removed=(*before.removed, revision))


def rename(before: Latest, names: Mapping[str, str]) -> Latest:
    """Return what is known once revisions are stored under other names (old name to new one)."""
    history = tuple(replace(entry, revision=names.get(entry.revision, entry.revision)) for entry in before.history)
    revision = names.get(before.revision, before.revision)
    return replace(before, revision=revision, history=history, removed=(*before.removed, *names))


def _without(withheld: Iterable[str], revision: str) -> tuple[str, ...]:
    """Return those of ``withheld`` that do not hold what ``revision`` holds."""
    content = keys.content_of(revision)
    return tuple(dict.fromkeys(name for name in withheld if keys.content_of(name) != content))


def _entry(revision: str, now: datetime, reason: str, summary: Summary, changes: Changes) -> HistoryEntry:
    listed = changes.results[:MAX_LISTED_RESULTS]
    left_out = len(changes.results) - len(listed)
    return HistoryEntry(revision, utc_text(now), reason, summary.grade, changes.objects, listed, left_out)


def _reason(before: Latest | None, summary: Summary, forced: bool) -> str:
    if before is None:
        return FIRST
    if before.summary.inputs_sha256 != summary.inputs_sha256:
        return UPSTREAM_CHANGED
    if forced and before.summary.code_sha256 == summary.code_sha256:
        return FORCED
    return CODE_CHANGED
