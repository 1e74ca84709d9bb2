"""DuckDB 1.4 with its extensions: the newest has no package of them yet."""

from pathlib import Path

from installed_apart import run_apart

PINS = Path(__file__).parent / "duckdb_1_4.txt"
#: What runs first: a connection with the extension, which is in a package as nothing can be downloaded.
_CONNECT = """
import sys
from pathlib import Path
import duckdb
sql = duckdb.connect()
for extension in Path(duckdb.__file__).parents[1].glob("duckdb_extension_*/extensions/*/*.duckdb_extension"):
    if extension.stem in sys.argv[1:]:
        sql.execute(f"LOAD '{extension}'")
"""


def run_in_duckdb(program: str, *extensions: str) -> str:
    """Run Python that has a connection ``sql`` of DuckDB 1.4 with ``extensions``; returns what it prints."""
    return run_apart(PINS, _CONNECT + program, *extensions)
