import dataclasses
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frames_reader import read_json_gz
from msgspec import to_builtins
from sample_vectors import FILE, assert_read, vectors
from samples_reader import SampleChunk
from session_data import LAP_M, frames, replay, with_gap

import publish.site
from publish.contract.contents import object_problem
from publish.encode.files import BoundedPool
from publish.encode.manifest import ManifestObject, sampled_channels
from publish.encode.samples import HELD_ON_CLOCK, SAMPLED, encode_samples
from transforms.errors import PublicationError
from transforms.frames import STATES, TICK_MS, Frames

KEY = 9472
DECLARED = {
    "lap_length_m": LAP_M,
    "channels": to_builtins(sampled_channels(frozenset(channel.name for channel in SAMPLED))),
}
TYRES = ("SOFT", "MEDIUM", "HARD")


def encode(source: Frames, spool: Path) -> tuple[list[dict[str, Any]], frozenset[str]]:
    with BoundedPool() as pool:
        objects, channels = encode_samples(source, replay(source), KEY, spool, pool)
    documents = [read_json_gz(entry.file) for entry in objects]
    for index, (entry, document) in enumerate(zip(objects, documents, strict=True)):
        assert (entry.path, entry.kind) == (f"samples/{index:04d}.json.gz", "samples")
        assert (entry.start_ms, entry.end_ms) == (document["start_ms"], document["end_ms"])
        assert (entry.start_ms, entry.fps) == (index * 60_000, None)
        facts = {"start_ms": entry.start_ms, "end_ms": entry.end_ms}
        item = ManifestObject(entry.path, "samples", entry.bytes, entry.sha256, "gzip", **facts)
        assert object_problem(item, KEY, entry.file.read_bytes()) is None
    return documents, channels


def read_by_python(given: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    chunk = SampleChunk(given["minute"], given["samples"])

    def value(car: str, name: str, t: int) -> Any:
        return chunk.lap_distance(car, t) if name == "lap_distance" else chunk.value(car, name, t)

    return [
        {car: {name: value(car, name, moment["time_ms"]) for name in values} for car, values in moment["cars"].items()}
        for moment in given["expected"]
    ]


def read_by_the_page(given: dict[str, Any], folder: Path) -> list[dict[str, dict[str, Any]]]:
    for name in ("samples.js", "decode.js"):
        shutil.copy(Path(publish.site.__file__).parent / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    program = """
    import { SampleChunk } from "./samples.js";
    import { readFileSync } from "node:fs";
    const { samples, minute, expected } = JSON.parse(readFileSync(0));
    const chunk = new SampleChunk(minute, samples);
    const valuesOf = (car, names, t) => Object.fromEntries(names.map((name) => [name, chunk.valueAt(car, name, t)]));
    const read = expected.map(({ time_ms: t, cars }) =>
      Object.fromEntries(Object.entries(cars).map(([car, values]) => [car, valuesOf(car, Object.keys(values), t)])));
    console.log(JSON.stringify(read));
    """
    (folder / "read.js").write_text(program)
    ran = subprocess.run(
        ["node", "read.js"],
        cwd=folder,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    read: list[dict[str, dict[str, Any]]] = json.loads(ran.stdout)
    return read


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    published: dict[str, Any] = json.loads(FILE.read_bytes())
    return published


def test_the_vectors_are_what_the_pipeline_makes(given):
    assert given == json.loads(json.dumps(vectors()))


def test_the_vectors_show_what_is_special(given):
    every = [car for moment in given["expected"] for car in moment["cars"].values()]
    for name in given["expected"][0]["cars"]["4"]:
        if name not in ("position", "laps_down", "tyre", "tyre_age", "stint", "state", "lap"):
            assert {car[name] is None for car in every} == {True, False}, name
    assert any("breaks" in car for car in given["minute"]["cars"].values())
    assert None in given["minute"]["cars"]["81"]["x"]


def test_the_reference_reader_makes_of_them_what_it_should(given):
    assert_read(read_by_python(given), given)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (apt-get install nodejs)")
def test_the_pages_reader_makes_of_them_what_it_should(given, tmp_path):
    read = read_by_the_page(given, tmp_path)
    assert_read(read, given)
    # Both readers do the same sums.
    for ours, theirs in zip(read_by_python(given), read, strict=True):
        for car, values in ours.items():
            assert theirs[car] == pytest.approx(values, abs=1e-9), car


def test_every_sample_and_every_held_value_comes_back(tmp_path):
    source = frames(3001, cars=3)
    cars = list(source.cars)
    gaps = {
        cars[0]: with_gap(source.cars[cars[0]], 1490, 1510, "x_m", "gear", "compound", "state"),
        cars[1]: with_gap(with_gap(source.cars[cars[1]], 1500, 3000, "rpm", "lap"), 2990, 3001),
    }
    source = dataclasses.replace(source, cars=source.cars | gaps)
    native = replay(source)
    minutes, channels = encode(source, tmp_path)
    assert [(m["start_ms"], m["end_ms"]) for m in minutes] == [(0, 60_000), (60_000, 120_000), (120_000, 120_040)]
    assert channels == {channel.name for channel in SAMPLED}
    for document in minutes:
        chunk = SampleChunk(document, DECLARED)
        for number, car in source.cars.items():
            for name, stamps, values in (
                ("x", native.position_ms, native.cars[number].x_m),
                ("rpm", native.car_ms, native.cars[number].rpm),
            ):
                inside = (stamps >= document["start_ms"]) & (stamps < document["end_ms"])
                for t, value in zip(stamps[inside].tolist(), values[inside].tolist(), strict=True):
                    if not np.isnan(value):
                        scale = DECLARED["channels"][name]["scale"]
                        assert chunk.value(number, name, t) == pytest.approx(value, abs=0.51 * scale), (name, t)
            for channel in HELD_ON_CLOCK:
                names = {"tyre": TYRES, "state": STATES}.get(channel.name)
                for tick in range(document["start_ms"] // TICK_MS, document["end_ms"] // TICK_MS, 5):
                    code = getattr(car, channel.about.column)[tick].item()
                    wanted = None if code < 0 else names[code] if names else code
                    assert chunk.value(number, channel.name, tick * TICK_MS) == wanted, (channel.name, tick)


def test_gap_and_interval_are_nowhere_far_off(tmp_path):
    source = frames(3000, cars=2)
    for car in source.cars.values():
        car.gap_s[:] = np.cumsum(np.random.default_rng(3).normal(0, 0.03, 3000)) + 5
        car.gap_s[1234:] += 20
        car.gap_s[2000:2300] = np.nan
    minutes, _ = encode(source, tmp_path)
    for document in minutes:
        chunk = SampleChunk(document, DECLARED)
        for number, car in source.cars.items():
            for tick in range(document["start_ms"] // TICK_MS, document["end_ms"] // TICK_MS):
                wanted = car.gap_s[tick].item()
                got = chunk.value(number, "gap", tick * TICK_MS)
                if np.isnan(wanted):
                    assert got is None, tick
                else:
                    # Between ticks that are checked a gap that jitters as no car's does can be a little farther off.
                    assert got == pytest.approx(wanted, abs=0.101 if tick % 5 == 0 else 0.25), tick


def test_known_values_are_written_as_the_contract_says(tmp_path):
    source = frames(20, cars=1)
    car = next(iter(source.cars.values()))
    car.state[5:] = 5
    car.x_m[[0, 6, 12, 18]] = 637.5, 638.7, 639.8, 640.9
    car.rpm[[3, 9, 15, 19]] = 9000, 9100, 9150, 9150
    (minute,), _ = encode(source, tmp_path)
    assert minute["schema"] == "parcferme/samples/1" and minute["session_key"] == KEY
    assert minute["position_time"] == [0, 240, 240, 240]
    assert minute["car_time"] == [120, 240, 240, 160]
    (own,) = minute["cars"].values()
    assert own["x"] == [6375, -6363, -1, 0]
    assert own["rpm"] == [9000, 100, 50, 0]
    assert own["state"] == [[0, "running"], [200, "finished"]]
    assert own["gap"][0] == [0, 760]


def test_what_is_absent_is_left_out(tmp_path):
    source = frames(1600, cars=2, drs=False)
    cars = list(source.cars)
    source = dataclasses.replace(
        source,
        cars={
            cars[0]: with_gap(source.cars[cars[0]], 0, 1600),
            cars[1]: with_gap(source.cars[cars[1]], 0, 1600, "x_m", "y_m", "gap_s"),
        },
    )
    minutes, channels = encode(source, tmp_path)
    assert all(list(minute["cars"]) == [cars[1]] for minute in minutes)
    assert not {"x", "y", "gap", "drs"} & {name for minute in minutes for name in minute["cars"][cars[1]]}
    assert not {"x", "y", "gap", "drs"} & channels and "speed" in channels


def test_no_cars_no_samples(tmp_path):
    source = dataclasses.replace(frames(100, cars=1), cars={})
    assert encode(source, tmp_path) == ([], frozenset())


def test_the_same_session_gives_the_same_bytes(tmp_path):
    source = frames(1600, cars=2)
    for name in ("one", "two"):
        encode(source, tmp_path / name)
    for path in (tmp_path / "one").rglob("*.gz"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_progress_goes_up_to_one_and_a_full_disk_stops_it(tmp_path):
    source, heard = frames(3001, cars=1), []
    with BoundedPool() as pool:
        encode_samples(source, replay(source), KEY, tmp_path, pool, heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0
    (tmp_path / "full/samples").mkdir(parents=True)
    (tmp_path / "full/samples/0001.json.gz").symlink_to("/dev/full")
    with pytest.raises(PublicationError, match="No space left"):
        encode(source, tmp_path / "full")
