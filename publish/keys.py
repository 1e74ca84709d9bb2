"""Every name under the public base URL, in one place. A key is a relative path with ``/`` between its parts.

Keys are built from numbers, FastF1's session codes, table names and revision hashes, never from free text of an
upstream; what should be a number and is not raises ValueError here.
"""

import re

from transforms.errors import PublicationError
from transforms.session_types import SESSION_CODES

INDEX = "index.json"
HEALTH = "v1/health.json"
#: What runs now, what ran last, what comes next.
RUNS = "v1/runs.json"
#: Which runs the next look at the calendar would make.
PLAN = "v1/plan.json"
#: Figures for Prometheus.
METRICS = "v1/metrics.prom"
#: What became current, newest first, and the same for readers of feeds.
CHANGES = "v1/changes.json"
CHANGES_ATOM = "v1/changes.atom"
#: The catalog for DuckDB: which season tables there are, as statements, as a database.
CATALOG = "v1/catalog.json"
CATALOG_SQL = "v1/catalog.sql"
CATALOG_DATABASE = "v1/catalog.duckdb"
#: The season tables as a Frictionless Data Package, and as JSON-LD of schema.org and Croissant.
DATA_PACKAGE = "v1/datapackage.json"
CROISSANT = "v1/croissant.json"
#: What ``Store.check`` writes to see whether a destination honours conditional writes.
CHECK = "v1/check.json"
#: Which pages, parts of pages and schemas there are, with their hashes.
SITE = "v1/site.json"
SESSIONS = "v1/sessions/"
SCHEMAS = "v1/schemas/"
#: Below these are the stable copies of current tables and rows.
TABLE_COPIES = "v1/parquet/"
#: Below these are a season's tables, one file for all of its sessions, and those of all seasons. No table has the name
#: of one of these folders.
SEASON_TABLES = f"{TABLE_COPIES}season/"
ALL_SEASONS_TABLES = f"{TABLE_COPIES}all/"
ROWS_COPIES = "telemetry/"
#: Below this are the small tables once more as CSV; a season's, and those of all seasons, in folders of their own.
CSV_COPIES = "v1/csv/"
SEASON_CSV = f"{CSV_COPIES}season/"
ALL_SEASONS_CSV = f"{CSV_COPIES}all/"
STATUS = "v1/status/"
#: Of the raw archive alone, which is a store of its own and never public.
RAW = "raw/"
#: What the pages load, in a folder for each version of it.
PAGE_PARTS = "viewer/"
#: The reader that gives FastF1's frames, to be copied by whoever wants it.
READER_OF_FRAMES = "v1/reader/fastf1_frames.py"
#: The reader in JavaScript: its name, and where its versions lie.
READER_IN_JAVASCRIPT = "v1/reader/parcferme.js"
READERS = "v1/reader/"
#: The page that replays sessions.
VIEWER = "index.html"
#: The page that shows how the system is.
STATUS_PAGE = "status.html"
#: The page that shows how true each session is.
TRUTH_PAGE = "truth.html"
#: The page that writes queries.
DATA_PAGE = "data.html"
#: The page for developers.
DEVELOP_PAGE = "develop.html"
#: The page that says what tables and documents are made of.
DICTIONARY_PAGE = "schemas.html"

# Parts never start with a dot: no "..", no hidden or temporary file is ever a key.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._=-]*"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*")
_PREFIX = re.compile(rf"(?:{_PART}/)*")
_MAX_LENGTH = 900

_TABLE_OBJECT = re.compile(r"parquet/([a-z0-9_]+)\.parquet")
_TABLE_COPY = re.compile(rf"{TABLE_COPIES}[a-z0-9_]+/[0-9]+/([0-9]+)\.parquet")
_CSV_OF_YEAR = re.compile(rf"{CSV_COPIES}(?:season/)?[a-z0-9_]+/([0-9]+)[/.].*")
_ROWS_OBJECT = re.compile(r"rows/skip_([0-9]+)\.json\.gz")
#: Sixteen digits of what a revision says and eight of how it is written; those of before have only the former.
REVISION_PATTERN = "[0-9a-f]{16}(-[0-9a-f]{8})?"
_REVISION = re.compile(REVISION_PATTERN)
_STATUS_OBJECT = re.compile(r"v1/status/[0-9]+/[0-9]+/[A-Z0-9]+\.json")
_REVISION_OBJECT = re.compile(rf"v1/sessions/[0-9]+/{REVISION_PATTERN}/.+")
_PAGE_PART = re.compile(rf"{PAGE_PARTS}[0-9a-f]{{16}}/.+")
_READER_PART = re.compile(rf"{READERS}[0-9a-f]{{16}}/.+")


def is_key(text: str) -> bool:
    """Whether ``text`` can be a key: relative, plain characters, no part that starts with a dot."""
    return len(text) <= _MAX_LENGTH and _KEY.fullmatch(text) is not None


def checked_key(key: str) -> str:
    """Return ``key`` if it can be one, else raise PublicationError."""
    if not is_key(key):
        raise PublicationError(
            f"{key!r} cannot be the name of a published object: only letters, digits and . _ = - between single "
            "slashes "
            "are allowed. This is a fault of the program, not of the data; please report it."
        )
    return key


def checked_prefix(prefix: str) -> str:
    """Return ``prefix`` if it is empty or names a folder (``v1/sessions/``), else raise PublicationError."""
    if len(prefix) > _MAX_LENGTH or _PREFIX.fullmatch(prefix) is None:
        raise PublicationError(f"{prefix!r} is not a folder of published objects; it must end with a slash.")
    return prefix


def season(year: int) -> str:
    """Key of a season's index."""
    return f"v1/seasons/{year:d}.json"


def table_files(year: int) -> str:
    """Key of the list of a season's table files."""
    return f"v1/files/{year:d}.json"


def official_standings(year: int) -> str:
    """Key of what the results service says of a season's standings."""
    return f"v1/standings/{year:d}.json"


def circuits(year: int) -> str:
    """Key of the circuits of a season."""
    return f"v1/circuits/{year:d}.json"


def session_folder(session_key: int) -> str:
    """Prefix of everything of one session."""
    return f"{SESSIONS}{session_key:d}/"


def latest(session_key: int) -> str:
    """Key of the document that says which revision is current."""
    return f"{session_folder(session_key)}latest.json"


def is_revision(text: str) -> bool:
    """Whether ``text`` can be the name of a revision."""
    return _REVISION.fullmatch(text) is not None


def content_of(revision: str) -> str:
    """Return the part of a revision's name that says what is in it, however that is compressed."""
    return revision.partition("-")[0]


def revision_folder(session_key: int, revision: str) -> str:
    """Prefix of everything of one revision; raises PublicationError if ``revision`` is no name of one."""
    if not is_revision(revision):
        raise PublicationError(
            f"{revision!r} is not a revision of session {session_key:d}: it must be 16 and 8 hexadecimal digits with a "
            "- between. If latest.json or the season index names it, restore an earlier version of that document."
        )
    return f"{session_folder(session_key)}{revision}/"


def revision_object(session_key: int, revision: str, path: str) -> str:
    """Key of the object at ``path`` (relative to the revision)."""
    return revision_folder(session_key, revision) + path


def manifest(session_key: int, revision: str) -> str:
    """Key of a revision's manifest."""
    return revision_object(session_key, revision, "manifest.json")


def is_immutable(key: str) -> bool:
    """Whether the object at ``key`` never changes: it belongs to a revision, or to a version of pages or reader."""
    return any(kind.fullmatch(key) for kind in (_REVISION_OBJECT, _PAGE_PART, _READER_PART))


def reader_parts(version: str) -> str:
    """Prefix of one version of the reader in JavaScript; ``version`` is 16 hexadecimal digits."""
    return f"{READERS}{version}/"


def page_parts(version: str) -> str:
    """Prefix of what one version of the pages loads; ``version`` is 16 hexadecimal digits."""
    return f"{PAGE_PARTS}{version}/"


def table_copy(table: str, year: int, session_key: int) -> str:
    """Key of the copy of a session's current table that a glob finds."""
    return f"{TABLE_COPIES}{table}/{year:d}/{session_key:d}.parquet"


def csv_copy(table: str, year: int, session_key: int) -> str:
    """Key of a session's current table as CSV."""
    return f"{CSV_COPIES}{table}/{year:d}/{session_key:d}.csv.gz"


def season_table(table: str, year: int) -> str:
    """Key of a table of all sessions of a season."""
    return f"{SEASON_TABLES}{table}/{year:d}.parquet"


def all_seasons_table(table: str) -> str:
    """Key of a table of all seasons."""
    return f"{ALL_SEASONS_TABLES}{table}.parquet"


def season_csv(table: str, year: int) -> str:
    """Key of a table of all sessions of a season as CSV."""
    return f"{SEASON_CSV}{table}/{year:d}.csv.gz"


def all_seasons_csv(table: str) -> str:
    """Key of a table of all seasons as CSV."""
    return f"{ALL_SEASONS_CSV}{table}.csv.gz"


def year_of_csv(key: str) -> int | None:
    """Return the year of whose table ``key`` is the CSV; None if it is that of all seasons, or something else."""
    found = _CSV_OF_YEAR.fullmatch(key)
    return None if found is None else int(found[1])


def is_of_seasons(folder: str) -> bool:
    """Whether ``folder``, directly below the copies, is not a table's but has files of whole seasons."""
    return f"{TABLE_COPIES}{folder}/" in (SEASON_TABLES, ALL_SEASONS_TABLES)


def session_of_table_copy(key: str) -> int | None:
    """Return the session of whose table ``key`` is the stable copy; None if it is the name of something else."""
    found = _TABLE_COPY.fullmatch(key)
    return None if found is None else int(found[1])


def rows_copy(year: int, round_number: int, skip: int) -> str:
    """Key of the copy of a race's current rows, under the older backend's name."""
    return f"{rows_folder(year, round_number)}skip_{skip:d}.json.gz"


def rows_folder(year: int, round_number: int) -> str:
    """Prefix of the copies of a race's current rows."""
    return f"{ROWS_COPIES}{year:d}/{round_number:d}/"


def stable_copy(path: str, *, year: int, round_number: int, code: str, session_key: int) -> str | None:
    """Return the stable key that a revision's object at ``path`` is copied to, or None if it is not copied."""
    if table := _TABLE_OBJECT.fullmatch(path):
        return table_copy(table[1], year, session_key)
    if (rows := _ROWS_OBJECT.fullmatch(path)) and code == "R":
        return rows_copy(year, round_number, int(rows[1]))
    return None


def status(year: int, round_number: int, code: str) -> str:
    """Key of the progress of the run that makes a session; raises PublicationError if ``code`` is no session's."""
    if code not in SESSION_CODES:
        raise PublicationError(
            f"{code!r} is not a session. Use one of {', '.join(SESSION_CODES)}; nothing was published."
        )
    return f"{STATUS}{year:d}/{round_number:d}/{code}.json"


def is_status(key: str) -> bool:
    """Whether ``key`` is that of a session's status document."""
    return _STATUS_OBJECT.fullmatch(key) is not None


def deletion_probe(year: int) -> str:
    """Key under which there is never anything: deleting it tells whether status documents can be taken away."""
    return f"{STATUS}{year:d}/nothing.json"


def status_moves(year: int) -> str:
    """Key of the journal of status documents that change their round; there only while they do."""
    return f"{STATUS}{year:d}/moves.json"
