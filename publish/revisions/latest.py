"""Which revision of a session is current, and which came before: ``latest.json``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta, field
from msgspec.structs import replace

from publish import keys
from publish.encode.verdict import Verdict
from publish.revisions.diff import MAX_LISTED_RESULTS, ResultChange
from publish.stores.base import Store
from publish.stores.shared_documents import read_document, update_document
from publish.structs import (
    Capabilities,
    Count,
    Document,
    Grade,
    Part,
    Revision,
    SessionCode,
    Utc,
    Year,
    about,
    one_of,
)
from transforms.notes import RECORDED
from transforms.recording import SessionIdentity

FIRST = "first"
UPSTREAM_CHANGED = "upstream changed"
CODE_CHANGED = "code changed"
OFFICIAL_CAME = "official files in place of a recording"
RECORDING_CAME = "a recording in place of official files"
FORCED = "forced"
ROLLED_BACK = "rolled back"

_ResultChanges = Annotated[tuple[ResultChange, ...], Meta(max_length=MAX_LISTED_RESULTS)]


@dataclass(frozen=True)
class Summary:
    """What a run says of the revision it has made.

    ``capabilities`` is the manifest's. The two hashes name what went in (upstream data and settings; code), so
    that a later run can see that nothing would come out differently.
    """

    grade: str | None
    capabilities: Capabilities | None
    inputs_sha256: str
    code_sha256: str
    verdict: Verdict | None = None


_REASONS = (FIRST, UPSTREAM_CHANGED, CODE_CHANGED, FORCED, ROLLED_BACK, OFFICIAL_CAME, RECORDING_CAME)


@dataclass(frozen=True)
class Changes:
    """What a step changed: ``objects`` are paths within the revision, a folder for its chunks."""

    objects: tuple[str, ...] = ()
    results: tuple[ResultChange, ...] = ()


class HistoryEntry(Part):
    """One step in a session's history."""

    revision: Revision
    published_at: Utc
    reason: Annotated[str, one_of(*_REASONS)]
    grade: Grade | None
    changed_objects: Annotated[tuple[str, ...], about("Paths within the revision; a folder for its chunks")]
    results: Annotated[_ResultChanges, about("Results that differ from the step before")] = ()
    results_left_out: Annotated[Count, about("Changes of results that are not listed")] = 0


class Latest(Document, tag="parcferme/latest/1"):
    """What is current of a session and what was before.

    The two hashes name what went into it: upstream data and settings; code.
    """

    session_key: int
    year: Year
    round: Annotated[Count | None, about("Null once another event took the number")]
    event: str
    session: SessionCode
    revision: Revision
    manifest: Annotated[str, about("Relative to this document")]
    grade: Grade | None
    capabilities: Capabilities | None
    inputs_sha256: str
    code_sha256: str
    history: Annotated[tuple[HistoryEntry, ...], Meta(min_length=1), about("Newest first")] = field(name="revisions")
    withheld: Annotated[tuple[Revision, ...], about("Rolled back from; only a forced run brings one back")] = ()
    removed: Annotated[tuple[Revision, ...], about("Taken away, or about to be; no name is used twice")] = ()
    verdict: Annotated[Verdict | None, about("Of what is current")] = None
    settled_at: Annotated[
        Utc | None, about("When copies and indexes were seen to follow it, long after it became current")
    ] = None

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
    return read_document(store, keys.latest(session_key), Latest)


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
    made: list[Latest | None] = []

    def change(present: Latest | None) -> Latest | None:
        # At a second attempt it may be this one's own write that is there: its answer was lost.
        expected = {before and before.revision} | ({revision} if any(made) else set())
        is_free = present is None or revision not in present.removed
        made.append(following(present) if is_free and (present and present.revision) in expected else None)
        return made[-1]

    update_document(store, keys.latest(session_key), Latest, change)
    return made[-1]


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
    """Return what is current once ``revision`` is. The same revision again adds nothing to the history."""
    history = before.history if before else ()
    if before is None or before.revision != revision:
        history = (_entry(revision, now, _reason(before, summary, forced), summary.grade, changes), *history)
    return Latest(
        session_key=identity.session_key,
        year=identity.year,
        round=identity.round,
        event=identity.event,
        session=identity.code,
        revision=revision,
        manifest=_manifest_of(revision),
        grade=summary.grade,
        capabilities=summary.capabilities,
        inputs_sha256=summary.inputs_sha256,
        code_sha256=summary.code_sha256,
        history=history,
        withheld=_without(before.withheld if before else (), revision),
        removed=before.removed if before else (),
        verdict=summary.verdict,
    )


def step_back(
    before: Latest,
    revision: str,
    grade: str | None,
    capabilities: Capabilities,
    verdict: Verdict | None,
    *,
    now: datetime,
    changes: Changes,
) -> Latest:
    """Return what is current once the earlier ``revision`` is current again.

    Every revision that came after it is withheld. The hashes of what went in stay those of the revision left, so that
    a run that finds the same inputs and code has nothing to do.
    """
    if before.revision == revision:
        return before
    later = before.revisions[: before.revisions.index(revision)] if revision in before.revisions else [before.revision]
    return replace(
        before,
        revision=revision,
        manifest=_manifest_of(revision),
        grade=grade,
        capabilities=capabilities,
        verdict=verdict,
        history=(_entry(revision, now, ROLLED_BACK, grade, changes), *before.history),
        settled_at=None,
        withheld=_without((*later, *before.withheld), revision),
    )


def hold_back(before: Latest, summary: Summary) -> Latest:
    """Remember that ``summary``'s inputs and code lead to a withheld revision: what is current stays."""
    return replace(before, inputs_sha256=summary.inputs_sha256, code_sha256=summary.code_sha256)


def forget(before: Latest, revision: str) -> Latest:
    """Return what is known once ``revision``, which is not current, is in no history: nobody takes it up any more."""
    history = tuple(entry for entry in before.history if entry.revision != revision)
    return replace(before, history=history, removed=(*before.removed, revision))


def rename(before: Latest, names: Mapping[str, str]) -> Latest:
    """Return what is known once revisions are stored under other names (old name to new one)."""
    revision = names.get(before.revision, before.revision)
    history = tuple(replace(entry, revision=names.get(entry.revision, entry.revision)) for entry in before.history)
    return replace(before, revision=revision, manifest=_manifest_of(revision), history=history, settled_at=None)


def _without(withheld: Iterable[str], revision: str) -> tuple[str, ...]:
    """Return those of ``withheld`` that do not hold what ``revision`` holds."""
    content = keys.content_of(revision)
    return tuple(dict.fromkeys(name for name in withheld if keys.content_of(name) != content))


def _manifest_of(revision: str) -> str:
    return f"{revision}/manifest.json"


def _entry(revision: str, now: datetime, reason: str, grade: str | None, changes: Changes) -> HistoryEntry:
    listed = changes.results[:MAX_LISTED_RESULTS]
    left_out = len(changes.results) - len(listed)
    return HistoryEntry(revision, now, reason, grade, changes.objects, listed, left_out)


def _reason(before: Latest | None, summary: Summary, forced: bool) -> str:
    if before is None:
        return FIRST
    if before.inputs_sha256 != summary.inputs_sha256:
        was, now = (bool((one or {}).get(RECORDED)) for one in (before.capabilities, summary.capabilities))
        return UPSTREAM_CHANGED if was == now else RECORDING_CAME if now else OFFICIAL_CAME
    if forced and before.code_sha256 == summary.code_sha256:
        return FORCED
    return CODE_CHANGED
