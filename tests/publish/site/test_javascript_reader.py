"""The reader in JavaScript as its users have it: in Node, from what is published, packed for npm, with its types."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from node_tools import JAVASCRIPT, ROOT

from publish import keys
from publish.headers import IMMUTABLE, SHORT, headers_for
from publish.publication import publish_site
from publish.readers import package_files, reader_files

TYPES = ROOT / "publish" / "readers" / "javascript"
_READ = """
import { readFileSync } from "node:fs";
const [program, base] = process.argv.slice(2);
const { openSite, LoadError } = await import("./parcferme.js");
const asked = [];
const ask = (url, options) => {
  asked.push(url.pathname.slice(1));
  return fetch(url, options);
};
const site = openSite(base, { fetch: ask });
const run = new Function("site", "LoadError", "asked", `return (async () => { ${readFileSync(program)} })()`);
console.log(JSON.stringify(await run(site, LoadError, asked)));
"""

Read = Callable[[str], Any]


@pytest.fixture(scope="module")
def read(site: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Run a program in Node, which has the package and ``site``, and return what it returns."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js (apt-get install nodejs)")
    folder = tmp_path_factory.mktemp("package")
    for name, data in package_files().items():
        (folder / name).write_bytes(data)
    (folder / "read.mjs").write_text(_READ)

    def run(program: str) -> Any:
        (folder / "program.js").write_text(program)
        command = ["node", "read.mjs", "program.js", site.base]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


def test_seasons_and_sessions_are_found(read: Read) -> None:
    seen = read(
        """const race = await site.session(2024, 1, "R"), same = await site.session(9472);
        const byName = await site.session(2024, "bahrain", "Q");
        const problems = [];
        for (const which of [[2024, 1, "FP1"], [2024, 7, "R"], [1]]) {
          await site.session(...which).catch((error) => problems.push([error instanceof LoadError, error.message]));
        }
        return [await site.seasons(), race.key, same.manifest.revision === race.manifest.revision, byName.key,
                race.drivers.map(({ number }) => number), race.durationMs, problems];"""
    )
    assert seen[:4] == [[2024], 9472, True, 9468]
    assert seen[4] == ["1", "11", "16"] and seen[5] == 160_000
    assert all(known for known, _ in seen[6])
    assert "is unpublished" in seen[6][0][1] and "not in that season" in seen[6][1][1] and "404" in seen[6][2][1]


def test_a_moment_has_every_channel_of_every_car(read: Read, site: SimpleNamespace) -> None:
    seen = read(
        """const session = await site.session(9472);
        const [early, gap, late] = await Promise.all([20_000, 68_000, 110_000].map((ms) => session.at(ms)));
        return [early, gap, late, session.channels, asked];"""
    )
    early, gap, late, channels, asked = seen
    first = site.frames.cars["1"]
    car = next(one for one in early["cars"] if one["number"] == "1")
    assert early["isInterpolated"] is True and set(car["channels"]) == set(channels)
    assert car["channels"]["speed"] == pytest.approx(float(first.speed_kmh[500]), abs=1.0)
    assert car["channels"]["x"] == pytest.approx(float(first.x_m[500]), abs=0.2)
    assert car["channels"]["position"] == int(first.position[500])
    assert [one["number"] for one in early["cars"]] == ["1", "11", "16"]
    assert [one["number"] for one in late["cars"]][:2] == ["11", "1"]
    assert next(one for one in gap["cars"] if one["number"] == "11")["channels"]["x"] is None
    assert sum("/samples/" in key for key in asked) == 2


def test_a_trace_is_what_the_moments_say_and_asks_for_their_minutes_alone(read: Read) -> None:
    seen = read(
        """const session = await site.session(9472), before = asked.length;
        const trace = await session.trace("11", 59_850, 60_170, { channels: ["speed", "gear"] });
        const minutes = asked.slice(before).filter((key) => key.includes("/samples/")).length;
        const moments = await Promise.all(trace.timesMs.map((ms) => session.at(ms)));
        const cars = moments.map(({ cars }) => cars.find(({ number }) => number === "11").channels);
        const same = ["speed", "gear"].every((name) => cars.every((car, i) => car[name] === trace.channels[name][i]));
        const controller = new AbortController();
        const waiting = (await site.session(9472)).trace("11", 0, 1000, { signal: controller.signal });
        controller.abort();
        return [trace.timesMs, Object.keys(trace.channels), same, trace.channels.speed.every((v) => v > 0), minutes,
                await waiting.then(() => "came", (error) => error.name)];"""
    )
    assert seen == [[59_850, 59_950, 60_050, 60_150, 60_170], ["speed", "gear"], True, True, 2, "AbortError"]


def test_waiting_can_be_given_up_and_memory_is_bounded(read: Read) -> None:
    seen = read(
        """const session = await site.session(9472), controller = new AbortController();
        const waiting = session.at(1000, { signal: controller.signal }).then(() => "came", (error) => error.name);
        controller.abort();
        const words = [await waiting];
        await session.at(1000).then(({ timeMs }) => words.push(timeMs));
        await session.prefetch(0, 1e9);
        const before = asked.length;
        await session.at(150_000);
        return [words, session.minutes.size, asked.length - before];"""
    )
    assert seen == [["AbortError", 1000], 3, 0]


def test_frames_do_where_samples_cannot_be_had(read: Read, site: SimpleNamespace) -> None:
    key = f"{site.folder}samples/0000.json.gz"
    kept = site.store.read(key).data
    site.store.delete(key)
    try:
        moment = read("return (await site.session(9472)).at(20_000);")
    finally:
        site.store.write(key, kept)
    assert moment["isInterpolated"] is False
    assert moment["cars"][0]["channels"]["position"] == 1


def test_documents_events_and_older_rows(read: Read) -> None:
    seen = read(
        """const session = await site.session(9472), rows = [];
        for await (const row of session.rows({ skip: 10 })) { rows.push(row); if (rows.length === 3) break; }
        const events = await session.events();
        return [(await session.laps()).length, (await session.messages()).length, await session.read("nothing"),
                events, rows, session.startMs];"""
    )
    laps, messages, nothing, events, rows, start_ms = seen
    assert laps > 0 and messages > 0 and nothing is None and start_ms is not None
    assert [event["timeMs"] for event in events] == sorted(event["timeMs"] for event in events)
    assert {event["type"] for event in events} <= {"flag", "pit", "place"}
    assert [row["t"] for row in rows] == [0, 0.4, 0.8]
    assert set(next(iter(rows[0]["drivers"].values()))) == {
        "x", "y", "dist", "lap", "rel_dist", "tyre", "position", "speed", "gear", "drs",
    }  # fmt: skip


def test_it_is_published_under_one_name_and_one_version(site: SimpleNamespace) -> None:
    files = reader_files()
    entry = files[keys.READER_IN_JAVASCRIPT].decode()
    folder = keys.READERS + entry.removeprefix('export * from "./').partition("/")[0] + "/"
    assert entry == f'export * from "./{folder.removeprefix(keys.READERS)}parcferme.js";\n'
    assert {key.removeprefix(folder) for key in files if key.startswith(folder)} == set(package_files())
    assert headers_for(folder + "parcferme.js").cache_control == IMMUTABLE
    assert headers_for(keys.READER_IN_JAVASCRIPT).cache_control == SHORT
    publish_site(site.store, files)
    assert b'"reader":"v1/reader/parcferme.js"' in site.store.read("index.json").data


def test_it_packs_for_npm_and_its_types_are_those_of_its_source(npm_tools: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    for name, data in package_files().items():
        (package / name).write_bytes(data)
    packed = subprocess.run(
        ["npm", "pack", "--json", "--offline", "--silent"], cwd=package, capture_output=True, text=True, check=False
    )
    assert packed.returncode == 0, packed.stderr
    assert {file["path"] for file in json.loads(packed.stdout)[0]["files"]} == set(package_files())

    options = json.loads((JAVASCRIPT / "tsconfig.json").read_text())["compilerOptions"]
    for name in ("noEmit", "checkJs", "types"):
        options.pop(name, None)
    source = tmp_path / "source"
    source.mkdir()
    for name, data in package_files().items():
        if name.endswith(".js") or name == "types.d.ts":
            (source / name).write_bytes(data)
    made = {**options, "declaration": True, "emitDeclarationOnly": True, "outDir": str(tmp_path / "types")}
    made["rootDir"] = str(source)
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": made, "files": ["source/parcferme.js"]}))
    tsc = [str(npm_tools / "node_modules" / ".bin" / "tsc"), "--project", str(tmp_path / "tsconfig.json")]
    ran = subprocess.run(tsc, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout
    emitted = {path.name: path.read_text() for path in (tmp_path / "types").rglob("*.d.ts")}
    kept = {path.name: path.read_text() for path in TYPES.glob("*.d.ts")}
    assert kept == emitted, f"write what tsc makes of the modules into {TYPES.relative_to(ROOT)}"
