"""What it costs to bring a season's tables up to date when one more session of it is published.

``PYTHONPATH=.:tests python tests/benchmarks/bench_season_tables.py SITE SESSIONS`` takes the tables of the sessions
published in the folder SITE, makes a season of SESSIONS sessions of them in memory, adds one more and counts requests,
bytes and processor time, of the tables and of CSV.
"""

import hashlib
import io
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fault_store import WatchedStore
from memory_store import MemoryStore

from publish import keys
from publish.encode.manifest import Manifest
from publish.encode.parquet import PAGE_ROWS
from publish.revisions.latest import read_latest
from publish.season.csv_copies import follow_with_csv
from publish.season.files import Files, TableFile, as_listed, table_files
from publish.season.tables import follow_files
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document
from publish.structs import encode_document
from transforms.columns import OF_SEASONS

YEAR = 2024


class CountingStore(WatchedStore):
    """Also counts the bytes that are read and written."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.bytes: Counter[str] = Counter()

    def read(self, key: str):
        stored = super().read(key)
        self.bytes["read"] += len(stored.data) if stored else 0
        return stored

    def write(self, key: str, data: bytes, **conditions) -> str:
        self.bytes["written"] += len(data)
        return super().write(key, data, **conditions)


def tables_of(site: FileStore) -> list[dict[str, pa.Table]]:
    """Return the small tables of every session of a site."""
    found = []
    for name in sorted(site.list_folders(keys.SESSIONS)):
        latest = read_latest(site, int(name))
        manifest = latest and read_document(site, latest.manifest_key, Manifest)
        listed = table_files(latest, manifest) if latest and manifest else ()
        files = (file for file in listed if file.table in OF_SEASONS)
        found.append({file.table: pq.read_table(io.BytesIO(site.read(file.url).data)) for file in files})
    return found


def put(store: MemoryStore, session_key: int, tables: dict[str, pa.Table]) -> list[TableFile]:
    """Store tables as those of another session; returns how the list of files has them."""
    listed = []
    for name, table in tables.items():
        place = table.column_names.index("session_key")
        constant = pa.array([session_key] * table.num_rows, pa.int32())
        out = io.BytesIO()
        changed = table.set_column(place, table.schema.field(place), constant)
        pq.write_table(changed, out, compression="zstd", max_rows_per_page=PAGE_ROWS)
        data, key = out.getvalue(), f"v1/sessions/{session_key}/{'0' * 16}-{'0' * 8}/parquet/{name}.parquet"
        store.write(key, data)
        sha256 = hashlib.sha256(data).hexdigest()
        facts = (name, session_key, 1, "Grand Prix", "R", f"{'0' * 16}-{'0' * 8}", key)
        listed.append(TableFile(*facts, len(data), table.num_rows, sha256))
    return listed


def main(site: str, sessions: str) -> None:
    """Print what the last publication of a season costs."""
    published = tables_of(FileStore(Path(site)))
    store = MemoryStore(lambda: datetime(2024, 12, 8, tzinfo=UTC))
    listed: list[TableFile] = []
    for number in range(int(sessions)):
        listed += put(store, 9000 + number, published[number % len(published)])
    key = keys.table_files(YEAR)
    for serial, count in ((1, int(sessions) - 1), (2, int(sessions))):
        before = read_document(store, key, Files)
        known = {as_listed(file): file for file in before.files} if before else {}
        files = [known.get(file, file) for file in listed if file.session_key < 9000 + count]
        changed = {file.table: serial * 10 for file in files}
        document = Files(YEAR, serial * 10, tuple(files), changed, before.season_tables if before else ())
        store.write(key, encode_document(document))
        for follow in (follow_files, follow_with_csv):
            watched = CountingStore(store)
            started = time.process_time()
            follow(watched, YEAR)
            seconds = time.process_time() - started
            counted = Counter(request for request, _ in watched.requests)
            moved = {name: f"{size / 1e6:.1f} MB" for name, size in watched.bytes.items()}
            if serial == 2:
                print(f"{follow.__name__}, {sessions} sessions: {dict(counted)}, {moved}, {seconds:.1f} s")  # noqa: T201
        if serial == 2:
            for one in sorted(read_document(store, key, Files).season_tables, key=lambda one: -one.bytes):
                print(f"{one.table:25} {one.bytes:>12,} bytes")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
