"""Print what analysts' questions cost: each question, with each engine, from disk, over HTTP and from a bucket.

    python tests/benchmarks/bench_queries.py SITE YEAR SESSION_KEY CAR LAP

SITE is the folder of a publication, SESSION_KEY a race of YEAR in it. HTTP is nginx with the delivered configuration,
the bucket is on moto. Each pair of engine and transport has a process of its own; a proxy between counts requests and
bytes of answers, on disk the kernel does (what Polars maps into memory is no read). Seconds are the best of five,
requests and bytes those of the first, or from disk, where that also loads programs, the last. It ends where an engine
finds other numbers of rows than the others. DuckDB is the newest whose extension for HTTP is in a package.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.request import urlopen

TESTS = Path(__file__).parents[1]
QUESTIONS = (
    "a lap's trace",
    "all laps of a season",
    "degradation per stint",
    "pit stops of a race",
    "speed traps",
    "overtakes of a race",
    "weather joined to laps",
)
TRANSPORTS = ("disk", "HTTP", "S3")
BUCKET = "queries"
_TIMES = 5

Ask = Callable[[], int]


class Wanted:
    """What is asked for, and where the files are."""

    def __init__(self, where: str, year: int, session_key: int, car: str, lap: int) -> None:
        self.session_key, self.car, self.lap = session_key, car, lap
        self.telemetry = f"{where}v1/parquet/telemetry/{year}/{session_key}.parquet"
        season = f"{where}v1/parquet/season/{{}}/{year}.parquet"
        self.laps, self.weather, self.overtakes, self.stops = (
            season.format(name) for name in ("laps", "weather", "overtakes", "pit_stops")
        )


def with_duckdb(wanted: Wanted) -> Iterator[Ask]:
    import duckdb

    connection = duckdb.connect(config={"enable_external_file_cache": "false"})
    for file in Path(duckdb.__file__).parents[1].glob("duckdb_extension_httpfs/extensions/*/*"):
        connection.execute(f"LOAD '{file}'")
    connection.execute(
        "CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', USE_SSL false, URL_STYLE 'path', "
        f"ENDPOINT '{os.environ['AWS_ENDPOINT_URL'].removeprefix('http://')}')"
    )

    def asking(query: str) -> Ask:
        return lambda: len(connection.execute(query).fetchall())

    race = f"session_key = {wanted.session_key}"
    trace = f"car = '{wanted.car}' AND lap = {wanted.lap}"
    fitting = "lap_time_ms IS NOT NULL AND tyre_age_laps IS NOT NULL AND stint IS NOT NULL AND accurate"
    yield asking(
        f"SELECT lap_time_ms, speed_kmh, throttle_percent, brake, gear FROM '{wanted.telemetry}' WHERE {trace}"
    )
    yield asking(f"FROM '{wanted.laps}'")
    yield asking(
        f"SELECT regr_slope(lap_time_ms, tyre_age_laps) FROM '{wanted.laps}' WHERE {fitting} "
        "GROUP BY session_key, driver, stint"
    )
    yield asking(f"FROM '{wanted.stops}' WHERE {race}")
    yield asking(
        f"SELECT driver, max(speed_st_kmh) FROM '{wanted.laps}' WHERE speed_st_kmh IS NOT NULL GROUP BY driver"
    )
    yield asking(f"FROM '{wanted.overtakes}' WHERE {race} AND kind = 'track'")
    yield asking(
        f"SELECT driver, lap, lap_time_ms, track_temp_c FROM (FROM '{wanted.laps}' WHERE end_ms IS NOT NULL) AS laps "
        f"ASOF LEFT JOIN '{wanted.weather}' AS weather "
        "ON laps.session_key = weather.session_key AND laps.end_ms >= weather.time_ms"
    )


def with_polars(wanted: Wanted) -> Iterator[Ask]:
    import polars as pl

    col, race = pl.col, pl.col("session_key") == wanted.session_key
    trace = (col("car") == wanted.car) & (col("lap") == wanted.lap)
    known = col("lap_time_ms", "tyre_age_laps", "stint").is_not_null()
    age, time_ms = col("tyre_age_laps").cast(pl.Float64), col("lap_time_ms")
    stint = ("session_key", "driver", "stint")

    def laps() -> pl.LazyFrame:
        return pl.scan_parquet(wanted.laps)

    def joined() -> int:
        weather = pl.scan_parquet(wanted.weather).select("session_key", "time_ms", "track_temp_c").sort("time_ms")
        ended = laps().filter(col("end_ms").is_not_null()).sort("end_ms")
        chosen = ended.select("session_key", "driver", "lap", "lap_time_ms", "end_ms")
        both = chosen.join_asof(weather, left_on="end_ms", right_on="time_ms", by="session_key", check_sortedness=False)
        return both.collect().height

    yield (
        lambda: (
            pl.scan_parquet(wanted.telemetry)
            .filter(trace)
            .select("lap_time_ms", "speed_kmh", "throttle_percent", "brake", "gear")
            .collect()
            .height
        )
    )
    yield lambda: laps().collect().height
    yield (
        lambda: (
            (
                laps()
                .filter(pl.all_horizontal(known) & col("accurate"))
                .group_by(stint)
                .agg(pl.cov(age, time_ms) / age.var())
            )
            .collect()
            .height
        )
    )
    yield lambda: pl.scan_parquet(wanted.stops).filter(race).collect().height
    yield (
        lambda: (
            laps()
            .filter(col("speed_st_kmh").is_not_null())
            .group_by("driver")
            .agg(col("speed_st_kmh").max())
            .collect()
            .height
        )
    )
    yield lambda: pl.scan_parquet(wanted.overtakes).filter(race & (col("kind") == "track")).collect().height
    yield joined


def with_pandas(wanted: Wanted) -> Iterator[Ask]:
    import numpy as np
    import pandas as pd

    race = ("session_key", "=", wanted.session_key)
    stint = ["session_key", "driver", "stint"]

    def read(path: str, columns: list[str] | None = None, filters: list[Any] | None = None) -> Any:
        return pd.read_parquet(path, columns=columns, filters=filters)

    def slopes() -> int:
        laps = read(wanted.laps, [*stint, "lap_time_ms", "tyre_age_laps", "accurate"]).dropna()
        fitting = laps[laps["accurate"].astype(bool)]

        def slope(rows: Any) -> float:
            if rows["tyre_age_laps"].nunique() < 2:
                return np.nan
            return float(np.polyfit(rows["tyre_age_laps"], rows["lap_time_ms"], 1)[0])

        return len(fitting.groupby(stint)[["tyre_age_laps", "lap_time_ms"]].apply(slope))

    def joined() -> int:
        weather = read(wanted.weather, ["session_key", "time_ms", "track_temp_c"]).sort_values("time_ms")
        laps = read(wanted.laps, ["session_key", "driver", "lap", "lap_time_ms", "end_ms"]).dropna(subset=["end_ms"])
        laps = laps.astype({"end_ms": "int64"}).sort_values("end_ms")
        return len(pd.merge_asof(laps, weather, left_on="end_ms", right_on="time_ms", by="session_key"))

    trace = [("car", "=", wanted.car), ("lap", "=", wanted.lap)]
    channels = ["lap_time_ms", "speed_kmh", "throttle_percent", "brake", "gear"]
    yield lambda: len(read(wanted.telemetry, channels, trace))
    yield lambda: len(read(wanted.laps))
    yield slopes
    yield lambda: len(read(wanted.stops, filters=[race]))
    yield lambda: len(read(wanted.laps, ["driver", "speed_st_kmh"]).dropna().groupby("driver").max())
    yield lambda: len(read(wanted.overtakes, filters=[race, ("kind", "=", "track")]))
    yield joined


def with_pyarrow(wanted: Wanted) -> Iterator[Ask]:
    import fsspec
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    race = ("session_key", "=", wanted.session_key)
    stint = ["session_key", "driver", "stint"]

    def read(path: str, columns: list[str] | None = None, filters: list[Any] | None = None) -> pa.Table:
        # Exactly what is asked for: by default fsspec reads ahead.
        files, name = fsspec.url_to_fs(path)
        with files.open(name, **({} if path.startswith("/") else {"cache_type": "none"})) as file:
            return pq.read_table(file, columns=columns, filters=filters)

    def slopes() -> int:
        laps = read(wanted.laps, [*stint, "lap_time_ms", "tyre_age_laps", "accurate"]).drop_null()
        laps = laps.filter(pc.field("accurate"))
        x, y = (laps[name].cast(pa.float64()) for name in ("tyre_age_laps", "lap_time_ms"))
        parts = laps.select(stint).append_column("x", x).append_column("y", y)
        parts = parts.append_column("xy", pc.multiply(x, y)).append_column("xx", pc.multiply(x, x))
        mean = parts.group_by(stint).aggregate([(name, "mean") for name in ("x", "y", "xy", "xx")])
        x, y = mean["x_mean"], mean["y_mean"]
        spread = pc.subtract(mean["xx_mean"], pc.multiply(x, x))
        return len(pc.divide(pc.subtract(mean["xy_mean"], pc.multiply(x, y)), spread))

    def joined() -> int:
        weather = read(wanted.weather, ["session_key", "time_ms", "track_temp_c"]).sort_by("time_ms")
        laps = read(wanted.laps, ["session_key", "driver", "lap", "lap_time_ms", "end_ms"])
        ended = laps.filter(pc.field("end_ms").is_valid()).sort_by("end_ms")
        return ended.join_asof(weather, "end_ms", "session_key", -(10**9), right_on="time_ms").num_rows

    def traps() -> int:
        speeds = read(wanted.laps, ["driver", "speed_st_kmh"]).drop_null()
        return speeds.group_by("driver").aggregate([("speed_st_kmh", "max")]).num_rows

    trace = [("car", "=", wanted.car), ("lap", "=", wanted.lap)]
    channels = ["lap_time_ms", "speed_kmh", "throttle_percent", "brake", "gear"]
    yield lambda: read(wanted.telemetry, channels, trace).num_rows
    yield lambda: read(wanted.laps).num_rows
    yield slopes
    yield lambda: read(wanted.stops, filters=[race]).num_rows
    yield (
        lambda: (
            (
                read(wanted.laps, ["driver", "speed_st_kmh"])
                .drop_null()
                .group_by("driver")
                .aggregate([("speed_st_kmh", "max")])
            ).num_rows
        )
    )
    yield lambda: read(wanted.overtakes, filters=[race, ("kind", "=", "track")]).num_rows
    yield joined


ENGINES: dict[str, Callable[[Wanted], Iterator[Ask]]] = {
    "DuckDB": with_duckdb,
    "Polars": with_polars,
    "pandas": with_pandas,
    "pyarrow": with_pyarrow,
}


class _Proxy(BaseHTTPRequestHandler):
    """Passes on, and counts; ``/taken`` gives requests and bytes of answers since it was asked last."""

    protocol_version = "HTTP/1.1"
    # An answer in one piece, and no waiting for acknowledgements.
    wbufsize = -1
    disable_nagle_algorithm = True
    upstream: str
    taken: ClassVar = [0, 0]
    lock = threading.Lock()
    kept = threading.local()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path == "/taken":
            with self.lock:
                answer = json.dumps(self.taken).encode()
                self.taken[:] = [0, 0]
            self._answer(200, [], answer, len(answer))
            return
        if not hasattr(self.kept, "connection"):
            self.kept.connection = http.client.HTTPConnection(self.upstream)
        connection = self.kept.connection
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "connection":
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        data = answer.read()
        with self.lock:
            self.taken[0] += 1
            self.taken[1] += len(data)
        hop = {"connection", "keep-alive", "content-length", "transfer-encoding"}
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in hop]
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(data)
        self._answer(answer.status, headers, data, length)

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: int | str | None) -> None:
        self.send_response_only(status)
        for name, value in (*headers, ("Content-Length", str(length or 0))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def serve_proxy(upstream: str) -> None:
    handler = type("Handler", (_Proxy,), {"upstream": upstream})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        say(str(server.server_port))
        server.serve_forever()


@contextmanager
def process(*command: str, environment: dict[str, str]) -> Iterator[str]:
    """Run a server of this file and yield the first line it says: its port."""
    arguments = [sys.executable, __file__, *command]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def serve_moto(root: Path) -> None:
    """Hold a bucket of the folder's tables; the port is said when they are in it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket=BUCKET)
    for file in sorted(root.glob("v1/parquet/**/*.parquet")):
        if file.parts[-3] in ("season", "telemetry") or file.parts[-2] in ("laps", "weather", "overtakes", "pit_stops"):
            client.upload_file(str(file), BUCKET, str(file.relative_to(root)))
    say(str(port))
    threading.Event().wait()


def measure(engine: str, where: str, counter: str, asked: list[str]) -> None:
    """Ask every question and print rows, seconds, bytes and requests of each, as JSON."""
    year, session_key, car, lap = asked
    found = []
    for question, ask in zip(
        QUESTIONS, ENGINES[engine](Wanted(where, int(year), int(session_key), car, int(lap))), strict=True
    ):
        rows, seconds, costs = 0, [], []
        for _ in range(_TIMES):
            taken(counter)
            began = time.perf_counter()
            rows = ask()
            seconds.append(time.perf_counter() - began)
            costs.append(taken(counter))
        found.append((question, rows, min(seconds), *costs[0 if counter else -1]))
    say(json.dumps(found))


_disk_before = (0, 0)


def taken(counter: str) -> tuple[int, int]:
    """Requests and bytes since this was asked last: of the proxy at ``counter``, or of this process from disk."""
    global _disk_before
    if counter:
        with urlopen(f"{counter}/taken") as answer:
            requests, size = json.load(answer)
        return requests, size
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    now = (int(facts["syscr"]), int(facts["rchar"]))
    change = (now[0] - _disk_before[0], now[1] - _disk_before[1])
    _disk_before = now
    return change


def main(site: Path, asked: list[str]) -> None:
    """Print the table."""
    sys.path.append(str(TESTS))
    from installed_apart import installed
    from nginx_server import running

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    common = {**os.environ, **keys, "AWS_ALLOW_HTTP": "true"}
    of_duckdb = {"PYTHONPATH": str(installed(TESTS / "duckdb_1_4.txt"))}
    found: dict[str, list[tuple[str, str, int, float, int, int]]] = {question: [] for question in QUESTIONS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        nginx = servers.enter_context(running(Path(folder) / "nginx", "folder.conf.template", FOLDER=str(site)))
        moto = servers.enter_context(process("--moto", str(site), environment=common))
        http_port, s3_port = (
            servers.enter_context(process("--proxy", f"127.0.0.1:{port}", environment=common))
            for port in (nginx.port, moto)
        )
        places = {
            "disk": (f"{site}/", ""),
            "HTTP": (f"http://127.0.0.1:{http_port}/", f"http://127.0.0.1:{http_port}"),
            "S3": (f"s3://{BUCKET}/", f"http://127.0.0.1:{s3_port}"),
        }
        environment = {**common, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}"}
        for engine in ENGINES:
            for transport, (where, counter) in places.items():
                command = [sys.executable, __file__, "--measure", engine, where, counter, *asked]
                seen = environment | (of_duckdb if engine == "DuckDB" else {})
                said = subprocess.run(command, env=seen, stdout=subprocess.PIPE, text=True, check=True).stdout
                for question, *facts in json.loads(said):
                    found[question].append((engine, transport, *facts))
    say("| question | engine | rows | " + " | ".join(f"{t}: s, kB, requests" for t in TRANSPORTS) + " |")
    say("|---|---|---|---|---|---|")
    for question, cells in found.items():
        if len(rows := {cell[2] for cell in cells}) != 1:
            raise SystemExit(f"{question}: the engines found {rows} rows: {cells}")
        for engine in ENGINES:
            own = {transport: facts for name, transport, *facts in cells if name == engine}
            costs = (f"{s:.3f}, {size / 1000:,.0f}, {requests}" for _, s, requests, size in own.values())
            say(f"| {question} | {engine} | {rows.copy().pop()} | {' | '.join(costs)} |")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what this script is for


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--proxy", upstream]:
            serve_proxy(upstream)
        case ["--moto", folder]:
            serve_moto(Path(folder))
        case ["--measure", engine, where, counter, *asked]:
            measure(engine, where, counter, asked)
        case [site, *asked]:
            main(Path(site), asked)
