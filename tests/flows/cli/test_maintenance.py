"""The operator's commands: what they print and how they end. What they do is tested beside what does it."""

import gzip
import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from flows.cli.main import main
from flows.cli.maintenance import parse_age, parse_revisions
from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR
from flows.session.direct import publish_directly
from flows.session.steps import Request
from flows.session_ref import SessionRef
from flows.upstream import inputs
from publish import keys
from publish.encode.manifest import with_objects
from publish.publication import finish_publication
from publish.revisions.latest import Changes, read_latest, step_back
from publish.revisions.manifests import read_manifest
from publish.stores.folder import FileStore
from publish.structs import encode_document
from transforms.errors import InputError

TWIN = "f" * 16


@pytest.fixture(scope="module")
def published(sample_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site in which the sprint of the sample season is published."""
    site = tmp_path_factory.mktemp("published") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARCFERME_CACHE_DIR", str(sample_cache))
        patch.setenv("PARCFERME_OFFLINE", "1")
        patch.setenv("PARCFERME_NOW", SAMPLE_NOW_UTC.isoformat())
        patch.setenv("PARCFERME_DESTINATION", site.as_uri())
        publish_directly(SAMPLE_YEAR, "2", "S", Request())
    return site


@pytest.fixture
def site(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """A copy of the site in which the sprint has a second revision, with another winner's points, before."""
    shutil.copytree(published, tmp_path / "site")
    monkeypatch.setenv("PARCFERME_DESTINATION", (tmp_path / "site").as_uri())
    monkeypatch.setenv("COLUMNS", "200")
    store = FileStore(tmp_path / "site")
    session_key = _sprint(store)
    _add_twin(store, session_key)
    return store


def _sprint(store: FileStore) -> int:
    (name,) = store.list_folders(keys.SESSIONS)
    return int(name)


def _add_twin(store: FileStore, session_key: int) -> None:
    """Make a revision that differs in one result current, as a publication would."""
    latest = read_latest(store, session_key)
    assert latest is not None
    manifest = read_manifest(store, session_key, latest.revision)
    listed = []
    for item in manifest.objects:
        source = keys.revision_object(session_key, latest.revision, item.path)
        stored = store.read(source)
        assert stored is not None
        data = stored.data
        if item.path == "results.json.gz":
            results = json.loads(gzip.decompress(data))
            results["rows"][0]["points"] = 99.0
            data = gzip.compress(json.dumps(results).encode(), mtime=0)
            item = replace(item, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        listed.append(item)
        store.write(keys.revision_object(session_key, TWIN, item.path), data)
    twin = with_objects(replace(manifest, revision=TWIN), listed)
    store.write(keys.manifest(session_key, TWIN), encode_document(twin))
    now = datetime(2099, 6, 1, tzinfo=UTC)
    made = step_back(latest, TWIN, latest.grade, latest.capabilities, latest.verdict, now=now, changes=Changes())
    store.write(keys.latest(session_key), encode_document(replace(made, withheld=())))
    finish_publication(store, session_key, now)


def test_verify_says_one_line_or_a_table(site: FileStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert main(["verify", "--deep"]) == 0
    assert "byte by byte" in capsys.readouterr().out
    lost = keys.revision_object(_sprint(site), TWIN, "laps.json.gz")
    site.delete(lost)
    assert main(["verify"]) == 1
    output = capsys.readouterr().out
    assert lost in output and "1 wrong of" in output


def test_verify_heals_copies_and_indexes_that_are_not_of_what_is_current(
    site: FileStore, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = next(row.key for row in site.list("v1/parquet/laps/"))
    site.delete(copy)
    assert main(["verify"]) == 1
    assert main(["verify", "--heal"]) == 0
    assert "all there" in capsys.readouterr().out
    assert main(["verify", "--deep"]) == 0


def test_rollback_and_diff(site: FileStore, capsys: pytest.CaptureFixture[str]) -> None:
    session_key = _sprint(site)
    latest = read_latest(site, session_key)
    assert latest is not None
    original = latest.revisions[1]
    for given in ([original, TWIN], [str(session_key), original, TWIN]):
        assert main(["diff", *given]) == 0
        output = capsys.readouterr().out
        assert "results.json.gz" in output and "99.0" in output
        assert "1 objects, 1 results and 0 laps differ." in output
    assert main(["rollback", str(session_key)]) == 0
    assert f"back at {original}" in capsys.readouterr().out
    assert read_latest(site, session_key).revision == original  # type: ignore[union-attr]
    assert main(["rollback", str(session_key), original]) == 0
    assert "already" in capsys.readouterr().out
    assert main(["verify"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rollback", "1"], "Published are"),
        (["rollback", "{key}", "0" * 16], TWIN),
        (["rollback", "{key}", "../x"], TWIN),
        (["diff", "0" * 16, TWIN], "No session"),
        (["diff", "one", "two"], "hexadecimal"),
        (["diff", TWIN], "two revisions"),
        (["diff", "{key}", TWIN, "0" * 16], "no revision"),
        (["prune", "--older-than", "soon"], "30d"),
        (["prune", "--keep", "0"], "At least one"),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    site: FileStore, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([argument.format(key=_sprint(site)) for argument in arguments]) == 2
    assert said in capsys.readouterr().err


def test_prune(site: FileStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCFERME_NOW", "2099-06-20T00:00:00+00:00")
    original = read_latest(site, _sprint(site)).revisions[1]  # type: ignore[union-attr]
    assert main(["prune", "--keep", "1"]) == 0
    assert "Gained 0 bytes" in capsys.readouterr().out
    assert main(["prune", "--keep", "1", "--older-than", "2w", "--dry-run"]) == 0
    assert f"would remove {_sprint(site)}/{original}" in capsys.readouterr().out
    assert main(["verify"]) == 0
    assert main(["prune", "--keep", "1", "--older-than", "2w"]) == 0
    output = capsys.readouterr().out
    assert f"removed {_sprint(site)}/{original}" in output and "Gained 0 bytes" not in output
    assert site.read(keys.manifest(_sprint(site), original)) is None
    assert main(["verify", "--deep"]) == 0


def test_ages() -> None:
    assert [parse_age(text) for text in ("12h", "30d", "2w", "0d")] == [
        timedelta(hours=12),
        timedelta(days=30),
        timedelta(weeks=2),
        timedelta(0),
    ]
    for text in ("", "30", "d", "-1d", "1.5d", "999999d"):
        with pytest.raises(InputError):
            parse_age(text)


def test_revisions() -> None:
    assert parse_revisions(["a", "b"]) == (None, "a", "b")
    assert parse_revisions(["9472", "a", "b"]) == (9472, "a", "b")
    for given in (["a"], ["x", "a", "b"], ["1", "a", "b", "c"]):
        with pytest.raises(InputError):
            parse_revisions(given)


def _answer(round_number: int, points: str) -> bytes:
    race = {"round": str(round_number), "raceName": "Bahrain Grand Prix", "Results": [{"points": points}]}
    table = {"season": "2024", "round": str(round_number), "Races": [race]}
    return json.dumps({"MRData": {"url": f"http://service/2024/{round_number}/results/", "RaceTable": table}}).encode()


def test_the_round_is_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renumbered session is not computed again: the results service says the same under another number."""
    folder = tmp_path / "2024" / "x"
    folder.mkdir(parents=True)
    (folder / "car_data.ff1pkl").write_bytes(b"samples")
    third = SessionRef(2024, 3, "Bahrain Grand Prix", "R", "/static/2024/x/")
    second = SessionRef(2024, 2, "Bahrain Grand Prix", "R", "/static/2024/x/")
    points = "25"
    monkeypatch.setattr(
        inputs,
        "read_bodies",
        lambda _, urls: {url: _answer(int(url.split("/")[-2]), points) for url in urls if url.endswith("results.json")},
    )
    first = inputs.inputs_fingerprint(tmp_path, third)
    assert first is not None
    assert inputs.inputs_fingerprint(tmp_path, second) == first
    points = "18"
    assert inputs.inputs_fingerprint(tmp_path, second) != first
