"""Measured on the sample season, which FastF1 caches exactly as it caches a real one."""

import functools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sample_sessions import load_sample, located_sample

from flows.session import fingerprint
from flows.session.fingerprint import code_fingerprint, code_of, find_dependencies, fingerprint_of
from flows.session_ref import SessionRef
from flows.upstream.http_cache import read_bodies, write_bodies
from flows.upstream.inputs import inputs_fingerprint
from flows.upstream.services import results_url, service_urls
from flows.upstream.topics import missing_topics, read_session_key, topic_folder

ROOT = Path(fingerprint.__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def every_text_is_read_once() -> Iterator[None]:
    """Most of the texts in every copy of the code are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "code_of", functools.cache(code_of))
        yield


def unparsed(sample_cache: Path, cache: Path) -> Path:
    """A copy of the sample cache in which nothing has been loaded."""
    shutil.copytree(sample_cache, cache, ignore=shutil.ignore_patterns("*.ff1pkl"))
    return cache


@pytest.fixture
def loaded(sample_cache: Path, tmp_path: Path) -> tuple[Path, SessionRef]:
    """A copy of the sample cache in which round 1 FP1 has been loaded once, and that session."""
    cache = unparsed(sample_cache, tmp_path / "cache")
    session = located_sample(cache, 1, "FP1")
    assert inputs_fingerprint(cache, session) is None
    load_sample(cache, 1, "FP1")
    return cache, session


def test_after_a_load_nothing_changes_until_the_inputs_do(loaded: tuple[Path, SessionRef]) -> None:
    cache, session = loaded
    first = inputs_fingerprint(cache, session)
    load_sample(cache, 1, "FP1")
    assert first is not None
    assert inputs_fingerprint(cache, session) == first
    assert missing_topics(cache, session) == ()
    assert isinstance(read_session_key(cache, session), int)

    topic = topic_folder(cache, session) / "weather_data.ff1pkl"
    topic.write_bytes(topic.read_bytes() + b"\0")
    changed = inputs_fingerprint(cache, session)
    assert changed != first
    topic.unlink()
    assert inputs_fingerprint(cache, session) not in (first, changed)
    assert missing_topics(cache, session) == ("weather_data",)
    race = SessionRef(session.year, session.round, session.event, "R", session.api_path)
    assert missing_topics(cache, race) == ("weather_data", "lap_count")


def test_new_official_results_change_the_fingerprint(sample_cache: Path, tmp_path: Path) -> None:
    cache = unparsed(sample_cache, tmp_path / "cache")
    session = located_sample(cache, 1, "R")
    load_sample(cache, 1, "R")
    before = inputs_fingerprint(cache, session)

    url = results_url(session)
    body = read_bodies(cache, [url])[url]
    write_bodies(cache, {url: body})
    assert inputs_fingerprint(cache, session) == before, "fetched again, same body"
    write_bodies(cache, {url: body.replace(b"Finished", b"Disqualified", 1)})
    assert inputs_fingerprint(cache, session) != before


def test_a_broken_topic_is_not_a_key(loaded: tuple[Path, SessionRef]) -> None:
    cache, session = loaded
    (topic_folder(cache, session) / "session_info.ff1pkl").write_bytes(b"not a pickle")
    assert read_session_key(cache, session) is None


# The code.


def test_what_the_bytes_depend_on_is_found_by_the_imports() -> None:
    found = find_dependencies()
    assert found.packages == {"fastf1", "msgspec", "numpy", "orjson", "pandas", "pyarrow", "zlib_ng"}
    rooms = {".".join(name.split(".")[:2]) for name in found.sources}
    assert not {name for name in rooms if name.startswith("publish")} - {
        "publish",
        "publish.encode",
        "publish.keys",
        "publish.licence",
        "publish.memory",
        "publish.structs",
    }
    assert {name for name in found.sources if name.startswith("flows.")} == {
        "flows.session_ref",
        "flows.upstream",
        "flows.upstream.feeds",
        "flows.upstream.lap_counts",
        "flows.upstream.load",
        "flows.upstream.mini_sectors",
        "flows.upstream.proofs",
        "flows.upstream.recorded_live",
        "flows.upstream.services",
        "flows.upstream.session_info",
        "flows.upstream.tables",
        "flows.upstream.telemetry",
        "flows.upstream.timing_stream",
        "flows.upstream.topics",
    }
    assert {"transforms.order", "transforms.columns", "publish.encode.chunks", "publish.encode.rows"} <= set(
        found.sources
    )
    assert code_fingerprint() == fingerprint_of(found)


def test_fastf1_is_not_imported_to_know_its_version() -> None:
    script = (
        "import sys; from flows.session.fingerprint import code_fingerprint; "
        "print(code_fingerprint(), sorted({'fastf1', 'pandas', 'prefect'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split(maxsplit=1) == [code_fingerprint(), "[]\n"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the code to change things in."""
    for package in ("flows", "publish", "transforms"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def after(root: Path, module: str, change: Callable[[str], str]) -> str:
    """The fingerprint of the code below ``root`` once ``module`` has been changed."""
    path = root / module
    source = path.read_text()
    path.write_text(change(source))
    assert path.read_text() != source
    return fingerprint_of(find_dependencies(root))


@pytest.mark.parametrize(
    "module",
    [
        "publish/stores/s3_errors.py",
        "publish/contract/schemas.py",
        "publish/publication.py",
        "flows/upstream/client.py",
        "flows/upstream/limits.py",
        "flows/session/flow.py",
    ],
)
def test_code_that_makes_no_bytes_does_not_count(copied: Path, module: str) -> None:
    assert after(copied, module, lambda source: source + "\nCHANGED = True\n") == code_fingerprint()


@pytest.mark.parametrize(
    "module",
    [
        "publish/encode/chunks.py",
        "publish/encode/parquet.py",
        "transforms/order.py",
        "transforms/__init__.py",
        "flows/upstream/load.py",
        "flows/upstream/tables.py",
    ],
)
def test_code_that_makes_bytes_counts_but_not_what_is_said_of_it(copied: Path, module: str) -> None:
    words = "# more words\n\n"
    assert after(copied, module, lambda source: source.replace('"""', '"""More. ', 1) + words) == code_fingerprint()
    assert after(copied, module, lambda source: source + "\nCHANGED = True\n") != code_fingerprint()


def test_a_module_that_an_encoder_begins_to_import_counts(copied: Path) -> None:
    new = copied / "transforms" / "brand_new.py"
    new.write_text("ONE = 1\n")
    assert fingerprint_of(find_dependencies(copied)) == code_fingerprint()
    lazily = "\n\ndef later() -> int:\n    from transforms import brand_new\n\n    return brand_new.ONE\n"
    with_it = after(copied, "publish/encode/rows.py", lambda source: source + lazily)
    assert after(copied, "transforms/brand_new.py", lambda source: source + "TWO = 2\n") != with_it


def test_another_version_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    installed, found = fingerprint.version, find_dependencies()
    fingerprints = {code_fingerprint()}
    for package in found.packages:
        monkeypatch.setattr(
            fingerprint, "version", lambda name, other=package: "9" if name == other else installed(name)
        )
        fingerprints.add(fingerprint_of(found))
    assert len(fingerprints) == 1 + len(found.packages)
    assert {"zlib_ng", "pyarrow"} <= found.packages


def test_code_without_words() -> None:
    source = '''"""A module.

Of two paragraphs.
"""

import os  # the system


class Empty:
    """Nothing."""


def f() -> str:
    """Say it."""
    # as it is
    return """kept  # no comment

    """ + "kept"  # gone
'''
    code = [
        "import os",
        "class Empty:",
        "def f() -> str:",
        '    return """kept  # no comment',
        "",
        '    """ + "kept"',
    ]
    assert code_of(source) == "\n".join(code)


# What counts of the results service.


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("R", {"results", "first-laps"}),
        ("S", {"sprint"}),
        ("Q", {"qualifying"}),
        ("SQ", set()),
        ("FP1", {"results"}),  # while live timing has no list of drivers
        ("FP2", set()),
    ],
)
def test_answers_about_other_sessions_of_the_weekend_do_not_count(tmp_path: Path, code: str, used: set[str]) -> None:
    folder = tmp_path / "2024" / "x"
    folder.mkdir(parents=True)
    (folder / "car_data.ff1pkl").write_bytes(b"samples")
    if code != "FP1":
        (folder / "driver_info.ff1pkl").write_bytes(b"drivers")

    session = SessionRef(2024, 3, "Somewhere", code, "/static/2024/x/")

    def fingerprint() -> str | None:
        return inputs_fingerprint(tmp_path, session)

    changing = set()
    for name, url in service_urls(session, None).items():
        before = fingerprint()
        write_bodies(tmp_path, {url: b"{}"})
        if fingerprint() != before:
            changing.add(name)
    assert changing == used
