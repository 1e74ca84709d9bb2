"""Print what one car's lap costs over HTTP: bytes and requests of each engine, of each big table of a session.

    python tests/benchmarks/bench_parquet_reads.py FOLDER_OF_PARQUET CAR LAP

FOLDER_OF_PARQUET is ``parquet/`` of a revision. Bytes of the footer are counted apart: an engine guesses its length.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq

sys.path.append(str(Path(__file__).parents[1] / "publish"))
from counting_server import ENGINES, counting

TRACES = {
    "telemetry": ["time_ms", "speed_kmh", "throttle_percent", "brake", "gear"],
    "positions": ["time_ms", "x_m", "y_m"],
    "frames": ["time_ms", "x_m", "y_m", "speed_kmh", "gap_s"],
}


def main(folder: Path, car: str, lap: int) -> None:
    row = pq.read_table(folder / "laps.parquet", filters=[("car", "=", car), ("lap", "=", lap)]).to_pylist()[0]
    say("| table | file, kB | footer, kB | columns | engine | rows | data, kB | share | requests |")
    say("|---|---|---|---|---|---|---|---|---|")
    for table, trace in TRACES.items():
        path = folder / f"{table}.parquet"
        metadata, size = pq.ParquetFile(path).metadata, path.stat().st_size
        footer = metadata.serialized_size
        for columns in (trace, pq.read_schema(path).names):
            for engine, read in ENGINES.items():
                with counting(folder) as counted:
                    rows = read(f"{counted.base}{table}.parquet", columns, car, row["start_ms"], row["end_ms"])
                    data = counted.data_bytes(size)
                    share = f"{100 * data / size:.1f} %"
                    facts = (table, size // 1000, footer // 1000, len(columns), engine, rows, data // 1000, share)
                    say(f"| {' | '.join(map(str, facts))} | {len(counted.ranges)} |")


def say(text: str) -> None:
    print(text)  # noqa: T201 - what this script is for


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
