"""What a look at a destination has seen, and what of it is not as it should be."""

from collections.abc import Callable
from dataclasses import dataclass, field

from publish.headers import headers_for
from publish.revisions.latest import Latest, read_latest
from publish.season.files import TableFile
from publish.stores.base import Store
from publish.structs import Kind, decode_document
from transforms.errors import PublicationError

#: How often at most something is looked at that is not as it should be.
ATTEMPTS = 3
HEAL = "`parcferme verify --heal` makes it anew"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. ``is_orphan``: nothing links it, so it harms nobody but costs room."""

    key: str
    problem: str
    is_orphan: bool = False

    @property
    def kind(self) -> str:
        """What it is, in a word: ``orphan`` or ``wrong``."""
        return "orphan" if self.is_orphan else "wrong"


@dataclass
class Tally:
    """What has been seen, of one session or of what stands around them."""

    latest: Latest | None = None
    revisions: int = 0
    objects: int = 0
    bytes: int = 0
    copies: set[str] = field(default_factory=set)
    tables: tuple[TableFile, ...] = ()
    has_copies_known: bool = False
    findings: list[Finding] = field(default_factory=list)

    def add(self, key: str, problem: str | None, *, is_orphan: bool = False) -> None:
        """Keep ``problem`` of ``key`` as a finding; None is no problem."""
        if problem is not None:
            self.findings.append(Finding(key, problem, is_orphan))

    def take(self, other: "Tally") -> None:
        """Count what ``other`` has seen, too."""
        self.objects += other.objects
        self.bytes += other.bytes
        self.findings += other.findings


def settle(look: Callable[[Tally], None], around: Tally) -> None:
    """Add what ``look`` sees to ``around``; it looks again at what is wrong: somebody may be publishing meanwhile."""
    for _ in range(ATTEMPTS):
        tally = Tally()
        look(tally)
        if not tally.findings:
            break
    around.take(tally)


def read_into(store: Store, key: str, kind: type[Kind], tally: Tally) -> Kind | None:
    """Return the document at ``key`` if it is there and as its schema says; else the tally says what is wrong."""
    stored = store.read(key)
    if stored is None:
        tally.add(key, "it is not there")
        return None
    tally.objects += 1
    tally.bytes += len(stored.data)
    tally.add(key, header_problem(store, key, None))
    try:
        return decode_document(stored.data, kind, "it")
    except PublicationError as error:
        tally.add(key, str(error))
        return None


def header_problem(store: Store, key: str, sha256: str | None) -> str | None:
    """Compare an object's headers and recorded hash; a folder keeps neither, its server makes them from the name.

    ``sha256`` may be the beginning of it alone.
    """
    if store.uri.startswith("file:"):
        return None
    info = store.head(key)
    if info is None:
        return "it is not there"
    if info.headers != (expected := headers_for(key)):
        wrong = [
            f"{name} is {found!r} and should be {right!r}"
            for name, found, right in (
                ("Content-Type", info.headers.content_type, expected.content_type),
                ("Cache-Control", info.headers.cache_control, expected.cache_control),
                ("Content-Encoding", info.headers.content_encoding, expected.content_encoding),
            )
            if found != right
        ]
        return "; ".join(wrong)
    if sha256 is not None and not (info.sha256 or "").startswith(sha256):
        return f"its recorded SHA-256 is {info.sha256}, the manifest says {sha256}"
    return None


def read_latest_or_none(store: Store, session_key: int) -> Latest | None:
    """Return what is current of a session; None also where the document cannot be understood."""
    try:
        return read_latest(store, session_key)
    except PublicationError:
        return None
