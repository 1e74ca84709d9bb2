"""What must hold after every single request, and what once everybody has ended; see ``publish/docs/publication.md``."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from memory_store import Held, MemoryStore

from publish import keys
from publish.contract.verify import verify_store
from publish.encode.joined import read_parts, short_hash
from publish.encode.manifest import Manifest
from publish.revisions.copies import Alias, planned_copies
from publish.revisions.latest import Latest
from publish.season.circuits import Circuits
from publish.season.document import IndexedSession, Season, home_in, published_in
from publish.season.index import RootIndex
from publish.structs import decode_document
from transforms.columns import OF_THE_SEASON

_NAMES = (
    r"index\.json",
    r"v1/seasons/[0-9]{4}\.json",
    r"v1/changes\.(json|atom)",
    r"v1/(files|standings|circuits)/[0-9]{4}\.json",
    r"v1/sessions/[0-9]+/latest\.json",
    r"v1/sessions/[0-9]+/[0-9a-f-]+/(manifest\.json|[a-z0-9_/]+(\.json\.gz|\.parquet))",
    r"v1/parquet/(?P<table>[a-z]+)/[0-9]{4}/(?P<session_key>[0-9]+)\.parquet",
    r"v1/parquet/(?P<season>season/[a-z]+/[0-9]{4}|all/[a-z]+)\.parquet",
    r"v1/csv/([a-z]+/[0-9]{4}/[0-9]+|season/[a-z]+/[0-9]{4}|all/[a-z]+)\.csv\.gz",
    r"telemetry/[0-9]{4}/[0-9]+/(?P<rows>skip_[0-9]+)\.json\.gz",
    r"v1/status/[0-9]{4}/([0-9]+/[A-Z0-9]+|moves)\.json",
)
_NAME = re.compile("|".join(f"(?:{name})" for name in _NAMES))


class StumbleError(AssertionError):
    """A reader would stumble, or nobody would repair what is wrong. ``kind`` sorts such findings."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


def expect(condition: object, kind: str, text: str) -> None:
    if not condition:
        raise StumbleError(kind, text)


@dataclass
class Watch:
    """Looks at ``store`` the way readers do: by every link of every document, and by every name of the contract."""

    store: MemoryStore
    _linked: dict[str, str] = field(default_factory=dict)
    _current: dict[str, set[str]] = field(default_factory=dict)
    _parsed: dict[tuple[str, str], Any] = field(default_factory=dict)
    #: By key, the manifests that were current and the copies looked at: what was current once was so for ever.
    _counted: dict[str, Held] = field(default_factory=dict)
    _copied: dict[str, Held] = field(default_factory=dict)

    def look(self) -> None:
        """Raise StumbleError if a link leads nowhere or to other bytes than promised."""
        latest = {one.session_key: one for one in self.all_latest()}
        for one in latest.values():
            for revision in one.revisions:
                self._manifest(keys.manifest(one.session_key, revision), f"the history of {one.session_key}")
        for season in self._document(keys.INDEX, RootIndex, lambda root: root.seasons, ()):
            expect(season.index in self.store.objects, "link", f"index.json links {season.index}")
        for key in [key for key in self.store.objects if key.startswith("v1/seasons/")]:
            self._season(key, latest)
        for key in [key for key in self.store.objects if key.startswith("v1/circuits/")]:
            self._circuits(key, latest)
        self._copies(latest)

    def all_latest(self) -> list[Latest]:
        """Return every ``latest.json``."""
        found = [key for key in self.store.objects if key.endswith("/latest.json")]
        return [self._document(key, Latest, lambda latest: latest, None) for key in found]

    def _season(self, key: str, latest: dict[int, Latest]) -> None:
        for session in self._document(key, Season, _published_sessions, ()):
            self._manifest(session.manifest or "", key)
            known = latest.get(session.session_key or 0)
            expect(known, "link", f"{key} lists {session.session_key}, which has no latest.json")
            expect(
                known and (session.revision in (*known.revisions, *known.removed) or "-" not in session.revision),
                "ahead",
                f"{key} is at {session.revision}, which never was current of {session.session_key}",
            )

    def _circuits(self, key: str, latest: dict[int, Latest]) -> None:
        for circuit in self._document(key, Circuits, lambda document: document.circuits, ()):
            known = latest[circuit.session_key]
            expect(
                circuit.revision in (*known.revisions, *known.removed),
                "never current",
                f"{key} has {circuit.revision}, which never was current of {circuit.session_key}",
            )

    def _manifest(self, key: str, linked_by: str) -> None:
        held = self.store.objects.get(key)
        expect(held, "link", f"{linked_by} names {key}, which is not there")
        if "-" not in key.split("/")[3]:
            return  # of before names told bytes apart; what is wrong with it then is not for publishers to mend
        for object_key, sha256 in ((key, held.sha256), *self._document(key, Manifest, _objects_of(key), ())):  # type: ignore[union-attr]
            found = self.store.objects.get(object_key)
            expect(found, "link", f"{object_key} is linked by {linked_by} and not there")
            expect(
                found and found.sha256.startswith(sha256), "bytes", f"{object_key} has not the bytes its manifest says"
            )
            first = self._linked.setdefault(object_key, sha256)
            expect(first == sha256, "bytes", f"{object_key} has other bytes than it had when it was linked first")

    def _copies(self, latest: dict[int, Latest]) -> None:
        """Every stable copy is whole and of a revision that is or was current."""
        for one in latest.values():
            held = self.store.objects.get(one.manifest_key)
            if held is None or self._counted.get(one.manifest_key) is held:
                continue
            self._counted[one.manifest_key] = held
            for object_key, sha256 in self._document(one.manifest_key, Manifest, _objects_of(one.manifest_key), ()):
                self._current.setdefault(_copied_name(object_key, one.session_key), set()).add(sha256)
        for key, held in self.store.objects.items():
            if self._copied.get(key) is held:
                continue
            found = _name_of(key)
            expect(found, "name", f"{key} is no name of the contract")
            if found and found["season"]:
                self._season_table(key, held)
            elif found and (name := found["table"] or found["rows"]):
                # The rows' names do not say whose they are: rounds are renumbered.
                wanted = f"{name} of {found['session_key']}" if found["table"] else name
                expect(held.sha256 in self._current.get(wanted, ()), "never current", f"{key} was never current")
            self._copied[key] = held

    def _season_table(self, key: str, held: Held) -> None:
        """It is whole, and of each session it has the rows of a revision that is or was current."""
        if (key, held.sha256) in self._parsed:
            return
        parts = read_parts(held.data)
        expect(parts, "torn", f"{key} does not say what it is made of")
        table = key.split("/")[3].removesuffix(".parquet")
        of_sessions = "/season/" in key and table not in OF_THE_SEASON
        for number, part in parts.hashes.items() if parts and of_sessions else ():
            known = {short_hash(sha256) for sha256 in self._current.get(f"{table} of {number}", ())}
            expect(part in known, "never current", f"{key} has rows of {number} that never were current")
        self._parsed[key, held.sha256] = parts

    def _document(self, key: str, kind: type, view: Callable[[Any], Any], absent: Any) -> Any:
        """Return what ``view`` makes of the document at ``key``, which is checked; made once for the same bytes."""
        held = self.store.objects.get(key)
        if held is None:
            return absent
        if (key, held.sha256) not in self._parsed:
            self._parsed[key, held.sha256] = view(decode_document(held.data, kind, key))
        return self._parsed[key, held.sha256]

    def check_end(self) -> None:
        """Raise StumbleError unless indexes, histories and stable copies agree."""
        self.look()
        planned: dict[str, str] = {}
        for one in self.all_latest():
            manifest = decode_document(self.store.objects[one.manifest_key].data, Manifest, one.manifest_key)
            copies = planned_copies(manifest, Alias(one.year, one.round, one.session))
            planned |= {copy.target: copy.sha256 for copy in copies}
            season = decode_document(self.store.objects[keys.season(one.year)].data, Season, "the index")
            said = [s.revision for s in _published_sessions(season) if s.session_key == one.session_key]
            expect(said == [one.revision], "index", f"the index says {said}, latest.json {one.revision}")
            home = home_in(season, one.session_key, one.event, one.round)
            expect(
                home == (one.event, one.round), "index", f"the index says {home}, latest.json {one.event} {one.round}"
            )
        there = {
            key: held.sha256
            for key, held in self.store.objects.items()
            if key.startswith(("v1/parquet/", "telemetry/")) and not _name_of(key)["season"]
        }
        for key in sorted(planned.keys() | there.keys()):
            expect(there.get(key) == planned.get(key), "copies", f"{key} is not a copy of what is current")
        found = [finding for finding in verify_store(self.store).findings if not finding.is_orphan]
        expect(not found, "verify", f"{found}")
        left = [key for key in self.store.objects if key.endswith("/moves.json")]
        expect(not left, "journal", f"{left} is left")


def _published_sessions(season: Season) -> list[IndexedSession]:
    return [entry.session for entry in published_in(season)]


def _objects_of(manifest_key: str) -> Callable[[Any], Iterable[tuple[str, str]]]:
    folder = manifest_key.removesuffix("manifest.json")
    return lambda manifest: tuple((folder + item.path, item.sha256) for item in manifest.objects)


_KNOWN_NAMES: dict[str, "re.Match[str] | None"] = {}


def _name_of(key: str) -> "re.Match[str] | None":
    if key not in _KNOWN_NAMES:
        _KNOWN_NAMES[key] = _NAME.fullmatch(key)
    return _KNOWN_NAMES[key]


def _copied_name(object_key: str, session_key: int) -> str:
    name = object_key.rpartition("/")[2]
    return f"{name.removesuffix('.parquet')} of {session_key}" if name.endswith(".parquet") else name.partition(".")[0]
