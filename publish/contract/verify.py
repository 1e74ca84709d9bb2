"""Whether a destination holds what its documents say: every link, every object, every copy.

Without ``deep`` nothing of a revision is read but its manifest: an object is there with its bytes and, on S3, with its
headers and recorded hash. ``deep`` reads every object of every revision and proves its hash, and of current revisions
also what is inside. Only current ones: columns may be added later, and a revision never changes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from publish import keys
from publish.contract.contents import object_problem
from publish.contract.findings import (
    ATTEMPTS,
    HEAL,
    Finding,
    Tally,
    header_problem,
    read_into,
    read_latest_or_none,
    settle,
)
from publish.contract.seasons import check_catalog, check_circuits, check_files, check_season_tables
from publish.encode.manifest import Manifest, ManifestObject
from publish.live.health import Health
from publish.live.plan import PlanDocument
from publish.live.runs import Runs
from publish.revisions.copies import Alias, Copy, planned_copies
from publish.revisions.latest import Latest
from publish.season.changes import MAX_CHANGES, Changes, atom_feed
from publish.season.document import Season, published_in
from publish.season.files import table_files
from publish.season.index import RootIndex, agrees
from publish.season.static_files import Site
from publish.stores.base import Store
from publish.stores.parallel import WORKERS, OnProgress, in_parallel
from transforms.columns import OF_ALL_SEASONS, OF_SEASONS, OF_THE_SEASON

COPY_FOLDERS = ("v1/parquet/", "telemetry/")
#: Objects read whole at once; the largest is some tens of megabytes.
_DEEP_READERS = 4


@dataclass(frozen=True)
class Verification:
    """What was looked at and what was found, orphans last; ``deep`` as asked for."""

    deep: bool
    sessions: int
    revisions: int
    objects: int
    bytes: int
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong; orphans alone are not."""
        return all(finding.is_orphan for finding in self.findings)


def verify_store(store: Store, *, deep: bool = False, on_progress: OnProgress | None = None) -> Verification:
    """Check everything published in ``store``; raises only when the store cannot be talked to.

    ``on_progress`` gets the number of sessions done and the number of all. A session that is published anew
    meanwhile is looked at again.
    """
    names = sorted(int(name) for name in store.list_folders(keys.SESSIONS) if name.isdecimal())
    tallies = []
    for done, session_key in enumerate(names, start=1):
        tallies.append(_verify_session(store, session_key, deep))
        if on_progress:
            on_progress(done, len(names))
    published = {tally.latest.session_key: tally.latest for tally in tallies if tally.latest}
    around = Tally()
    _check_indexes(store, published, around)
    _check_site(store, around)
    _check_copy_folders(store, tallies, around)
    years = sorted({latest.year for latest in published.values()})
    check_files(store, tallies, around)
    check_season_tables(store, years, around)
    check_circuits(store, years, around, deep=deep)
    settle(partial(check_catalog, store), around)
    findings = [finding for tally in [*tallies, around] for finding in tally.findings]
    return Verification(
        deep=deep,
        sessions=len(published),
        revisions=sum(tally.revisions for tally in tallies),
        objects=sum(tally.objects for tally in [*tallies, around]),
        bytes=sum(tally.bytes for tally in [*tallies, around]),
        findings=tuple(sorted(findings, key=lambda finding: finding.is_orphan)),
    )


def _verify_session(store: Store, session_key: int, deep: bool) -> Tally:
    for _ in range(ATTEMPTS):
        tally = Tally()
        stored = store.read(keys.latest(session_key))
        _check_session(store, session_key, tally, deep)
        again = store.read(keys.latest(session_key)) if tally.findings else stored
        if (stored and stored.etag) == (again and again.etag):
            break
    return tally


def _check_session(store: Store, session_key: int, tally: Tally, deep: bool) -> None:
    folder = keys.session_folder(session_key)
    sizes = {row.key: row.bytes for row in store.list(folder)}
    key = keys.latest(session_key)
    latest = read_into(store, key, Latest, tally) if key in sizes else None
    if latest is None and key in sizes:
        return  # what belongs to the session and what is an orphan cannot be said
    tally.latest, tally.has_copies_known = latest, latest is None
    revisions = latest.revisions if latest else []
    for revision in revisions:
        is_current = latest is not None and revision == latest.revision
        manifest = _check_revision(store, session_key, revision, sizes, tally, deep, is_current)
        if latest and manifest and is_current:
            _check_copies(store, tally, latest, manifest)
            tally.tables = table_files(latest, manifest)
            tally.has_copies_known = True
    _add_orphans(folder, sizes, {key, *(keys.revision_folder(session_key, revision) for revision in revisions)}, tally)


def _add_orphans(folder: str, sizes: Mapping[str, int], known: Iterable[str], tally: Tally) -> None:
    left = {key: size for key, size in sizes.items() if not key.startswith(tuple(known))}
    groups: dict[str, list[int]] = {}
    for key, size in left.items():
        groups.setdefault(folder + key.removeprefix(folder).partition("/")[0] + "/", []).append(size)
    for group, found in sorted(groups.items()):
        what = "in no history" if f"{group}manifest.json" in left else "without a manifest"
        tally.add(group, f"{what}: {len(found)} objects, {sum(found):,} bytes", is_orphan=True)


def _check_revision(
    store: Store, session_key: int, revision: str, sizes: Mapping[str, int], tally: Tally, deep: bool, is_current: bool
) -> Manifest | None:
    folder = keys.revision_folder(session_key, revision)
    tally.revisions += 1
    manifest = read_into(store, keys.manifest(session_key, revision), Manifest, tally)
    if manifest is None:
        return None
    if (manifest.session_key, manifest.revision) != (session_key, revision):
        tally.add(f"{folder}manifest.json", "it is of another session or revision")
        return None
    items = manifest.objects

    def check(item: ManifestObject) -> str | None:
        key = folder + item.path
        if not keys.is_key(key):
            return "it cannot be the name of an object"
        if key not in sizes:
            return "it is in the manifest and not there"
        if sizes[key] != item.bytes:
            return f"it has {sizes[key]} bytes, the manifest says {item.bytes}"
        return header_problem(store, key, item.sha256) or (
            _deep_problem(store, key, item, session_key, is_current) if deep else None
        )

    problems = in_parallel(check, items, workers=_DEEP_READERS if deep else WORKERS)
    for item, problem in zip(items, problems, strict=True):
        tally.add(folder + item.path, problem)
    known = {folder + "manifest.json", *(folder + item.path for item in items)}
    for key in sorted(key for key in sizes if key.startswith(folder) and key not in known):
        tally.add(key, f"not in the manifest: {sizes[key]:,} bytes", is_orphan=True)
    tally.objects += len(items)
    tally.bytes += sum(item.bytes for item in items)
    return manifest


def _deep_problem(store: Store, key: str, item: ManifestObject, session_key: int, is_current: bool) -> str | None:
    stored = store.read(key)
    if stored is None:
        return "it is not there"
    sha256 = hashlib.sha256(stored.data).hexdigest()
    if not item.has_hash(sha256):
        return f"its SHA-256 is {sha256}, the manifest says {item.sha256}"
    return object_problem(item, session_key, stored.data) if is_current else None


def _check_copies(store: Store, tally: Tally, latest: Latest, manifest: Manifest) -> None:
    copies = planned_copies(manifest, Alias(latest.year, latest.round, latest.session))

    def check(copy: Copy) -> str | None:
        info = store.head(copy.target)
        if info is None:
            return f"the copy of {copy.source} is not there"
        if info.sha256 != copy.sha256:
            return f"it is not a copy of {copy.source}"
        return header_problem(store, copy.target, copy.sha256)

    for copy, problem in zip(copies, in_parallel(check, copies), strict=True):
        tally.add(copy.target, problem)
    tally.copies = {copy.target for copy in copies}
    tally.objects += len(copies)


def _check_copy_folders(store: Store, tallies: list[Tally], around: Tally) -> None:
    """Find copies of what is not current: a glob would count a session twice, or one that is none."""
    if not all(tally.has_copies_known for tally in tallies):
        return  # whose they are cannot be said; what keeps it from being said is told already
    known = {target for tally in tallies for target in tally.copies}
    years = {tally.latest.year for tally in tallies if tally.latest}
    known |= {keys.season_table(table, year) for table in OF_SEASONS | OF_THE_SEASON for year in years}
    known |= {keys.all_seasons_table(table) for table in OF_ALL_SEASONS}
    for folder in COPY_FOLDERS:
        for row in store.list(folder):
            if row.key not in known:
                around.add(row.key, "it is a copy of nothing that is current")


def _check_indexes(store: Store, published: Mapping[int, Latest], around: Tally) -> None:
    root = read_into(store, keys.INDEX, RootIndex, around) if store.head(keys.INDEX) or published else None
    linked = {season.year for season in root.seasons} if root else set()
    for key in _links_of(root) if root else ():
        if store.head(key) is None:
            around.add(keys.INDEX, f"it links {key}, which is not there")
    for kind, key in ((Health, keys.HEALTH), (Runs, keys.RUNS), (PlanDocument, keys.PLAN)):
        if store.head(key) is not None:
            read_into(store, key, kind, around)
    settle(partial(_check_feeds, store, published), around)
    years = set(linked) | {latest.year for latest in published.values()}
    for year in sorted(years):
        if root is not None and year not in linked:
            around.add(keys.INDEX, f"it does not link the season {year}")
        settle(partial(_check_season, store, year, published), around)


def _check_feeds(store: Store, published: Mapping[int, Latest], tally: Tally) -> None:
    """Hold the change feed against what is current: of a session that is newer than its oldest entry it tells."""
    document = read_into(store, keys.CHANGES, Changes, tally) if published else None
    if document is None:
        return
    atom = store.read(keys.CHANGES_ATOM)
    if atom is None or atom.data != atom_feed(document.changes):
        tally.add(keys.CHANGES_ATOM, f"it does not say what {keys.CHANGES} says. {HEAL}")
    told = {(change.session_key, change.revision) for change in document.changes}
    is_full = len(document.changes) == MAX_CHANGES
    oldest = document.changes[-1].published_at if document.changes else None
    for latest in published.values():
        is_older = is_full and oldest is not None and latest.history[0].published_at <= oldest
        if (latest.session_key, latest.revision) not in told and not is_older:
            tally.add(keys.CHANGES, f"it does not tell of {latest.event} {latest.session}. {HEAL}")


def _check_site(store: Store, around: Tally) -> None:
    """Hold pages, what they load and schemas against the document that lists them."""
    site = read_into(store, keys.SITE, Site, around) if store.head(keys.SITE) is not None else None
    files = dict(site.files) if site else {}

    def check(key: str) -> tuple[int, str | None]:
        info = store.head(key) if keys.is_key(key) else None
        if info is None:
            return 0, f"{keys.SITE} lists it, and it is not there"
        if info.sha256 != files[key]:
            return info.bytes, f"its SHA-256 is {info.sha256}, {keys.SITE} says {files[key]}"
        return info.bytes, header_problem(store, key, files[key])

    for key, (size, problem) in zip(files, in_parallel(check, list(files)), strict=True):
        around.objects += 1
        around.bytes += size
        around.add(key, problem and f"{problem}. `parcferme verify --heal` writes it again")


def _links_of(root: RootIndex) -> list[str]:
    links: list[str] = []
    for value in root.links.values():
        links += [value] if isinstance(value, str) else value.values()
    return links


def _check_season(store: Store, year: int, published: Mapping[int, Latest], tally: Tally) -> None:
    key = keys.season(year)
    season = read_into(store, key, Season, tally)
    if season is None:
        return
    listed: set[int] = set()
    for entry in published_in(season):
        name, session_key = f"{entry.event} {entry.session.code}", entry.session.session_key
        latest = None if session_key is None else read_latest_or_none(store, session_key)
        if latest is None or session_key is None:
            tally.add(key, f"{name} is published as session {session_key}, which has no latest.json that can be read")
            continue
        if session_key in listed:
            tally.add(key, f"session {session_key} is listed twice")
        listed.add(session_key)
        if not agrees(entry.session, latest):
            tally.add(key, f"{name} is at {entry.session.revision}, its latest.json says {latest.revision}")
    for session_key, latest in published.items():
        if latest.year == year and session_key not in listed:
            tally.add(key, f"session {session_key} ({latest.event} {latest.session}) is published and not listed")


def verdict_of(found: Verification, uri: str) -> str:
    """Return what was found in the store at ``uri``, as one line."""
    seen = f"{found.sessions} sessions, {found.revisions} revisions, {found.objects:,} objects, {found.bytes:,} bytes"
    seen += f" in {uri}"
    orphans = sum(finding.is_orphan for finding in found.findings)
    wrong = len(found.findings) - orphans
    how = "proven byte by byte" if found.deep else "all there"
    verdict = f"{wrong} wrong of {seen}." if wrong else f"Verified: {seen}, {how}."
    return verdict + (f" {orphans} orphans, which nothing links; prune removes old ones." if orphans else "")
