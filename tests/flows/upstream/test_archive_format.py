"""The archive file: the same bytes for the same members, and nothing accepted that its index does not prove."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.upstream.archive_format import SCHEMA, Response, hash_responses, read_archive, write_archive
from transforms.errors import UpstreamError

_BIG = bytes(range(256)) * 90_000  # more than two blocks


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Path | bytes]:
    file = tmp_path / "car_data"
    file.write_bytes(_BIG)
    return {"stream-car_data": file, "results": b"{}", "stream-empty": b""}


def _told(members: object) -> list[dict[str, str]]:
    """The members as they are proved: in the order of their names; none of what is no list of them."""
    try:
        return sorted(({n: str(m[n]) for n in ("name", "sha256")} for m in members), key=lambda m: m["name"])  # type: ignore[attr-defined]
    except (TypeError, KeyError):
        return []


def answered(members: Mapping[str, Path | bytes]) -> dict[str, Response]:
    return {name: Response(body, f"https://example.org/{name}", 200, None) for name, body in members.items()}


def _pack(path: Path, entries: list[tuple[str, bytes]], *, kind: bytes = tarfile.REGTYPE, **index: object) -> None:
    """An archive made by somebody else: ``entries`` as they are, listed in an index."""
    listed = [{"name": n, "bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in entries]
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        lines = [f"{m['name'].removeprefix('responses/')} {m['sha256']}\n" for m in _told(index.get("members", listed))]
        proof = hashlib.sha256("".join(lines).encode()).hexdigest()
        content = orjson.dumps({"schema": SCHEMA, "members": listed, "responses_sha256": proof, **index})
        for name, data in [("index.json", content), *entries]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            if name != "index.json":
                entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry, io.BytesIO(data))
    path.write_bytes(pa.Codec("zstd").compress(plain.getvalue(), asbytes=True))


def test_what_was_packed_comes_out(tmp_path: Path, members: dict[str, Path | bytes]) -> None:
    path = tmp_path / "a.tar.zst"
    sha256 = write_archive(path, {"year": 2024}, answered(members))
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    index = read_archive(path, tmp_path / "out", "here")
    assert index["year"] == 2024
    assert (tmp_path / "out/responses/stream-car_data").read_bytes() == _BIG
    assert (tmp_path / "out/responses/results").read_bytes() == b"{}"
    assert (tmp_path / "out/responses/stream-empty").read_bytes() == b""
    assert [m["name"] for m in index["members"]] == [f"responses/{name}" for name in sorted(members)]
    assert index["members"][1]["sha256"] == hashlib.sha256(_BIG).hexdigest()


def test_the_bytes_depend_on_nothing_but_the_members(tmp_path: Path, members: dict[str, Path | bytes]) -> None:
    first = write_archive(tmp_path / "a", {"year": 2024, "code": "R"}, answered(members))
    other = tmp_path / "elsewhere"
    other.write_bytes(_BIG)
    other.chmod(0o600)
    again = dict(reversed(list((members | {"stream-car_data": other}).items())))
    assert write_archive(tmp_path / "b", {"code": "R", "year": 2024}, answered(again)) == first
    plain = pa.CompressedInputStream(pa.OSFile(str(tmp_path / "a")), "zstd").read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        assert {(e.mtime, e.uid, e.gid, e.uname, e.gname) for e in tar} == {(0, 0, 0, "", "")}


def test_a_flipped_bit_anywhere_is_seen(tmp_path: Path, members: dict[str, Path | bytes]) -> None:
    path = tmp_path / "a"
    write_archive(path, {}, answered(members))
    whole = path.read_bytes()
    for place in range(0, len(whole), max(len(whole) // 40, 1)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            read_archive(path, None, "here")
        except UpstreamError:
            continue
        # What is not proved is only the tar's own padding and what zstd does not use: the members are the same.
        folder = tmp_path / f"out{place}"
        read_archive(path, folder, "here")
        assert (folder / "responses/stream-car_data").read_bytes() == _BIG


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_archive_is_refused(tmp_path: Path, members: dict[str, Path | bytes], part: float) -> None:
    path = tmp_path / "a"
    write_archive(path, {}, answered(members))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(UpstreamError, match="raw archive over there cannot be used"):
        read_archive(path, tmp_path / "out", "over there")


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "responses/../../evil", "responses/.hidden", "responses/a/b", "other/x", "responses/"],
)
def test_unsafe_names_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    _pack(tmp_path / "a", [("responses/good.ff1pkl", b"1"), (name, b"2")])
    with pytest.raises(UpstreamError, match="not allowed"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
    assert not (tmp_path / "out").exists()


def test_only_plain_members_of_the_index_are_taken(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        _pack(tmp_path / "a", [("responses/x", b"")], kind=kind)
        with pytest.raises(UpstreamError, match="not one of its index"):
            read_archive(tmp_path / "a", tmp_path / "out", "here")
    _pack(tmp_path / "a", [("responses/x", b"1")], members=[])
    with pytest.raises(UpstreamError, match="not one of its index"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
    _pack(tmp_path / "a", [("responses/x", b"1"), ("responses/x", b"1")])
    with pytest.raises(UpstreamError, match="does not prove its members"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
    _pack(tmp_path / "a", [], members=[{"name": "responses/x", "bytes": 1, "sha256": "0"}])
    with pytest.raises(UpstreamError, match="it lacks responses/x"):
        read_archive(tmp_path / "a", tmp_path / "out2", "here")
    _pack(tmp_path / "a", [], schema="parcferme/raw/3")
    with pytest.raises(UpstreamError, match="of the kind"):
        read_archive(tmp_path / "a", None, "here")
    _pack(tmp_path / "a", [("topics/car_data.ff1pkl", b"a pickle")], schema="parcferme/raw/1")
    with pytest.raises(UpstreamError, match="pickles, which are no longer read"):
        read_archive(tmp_path / "a", None, "here")
    _pack(tmp_path / "a", [("responses/x", b"1")], responses_sha256="0" * 64)
    with pytest.raises(UpstreamError, match="does not prove its members"):
        read_archive(tmp_path / "a", None, "here")


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path: Path, members: dict[str, Path | bytes]) -> None:
    write_archive(tmp_path / "a", {}, answered(members))
    (tmp_path / "out").write_bytes(b"a file where a folder should be")
    with pytest.raises(NotADirectoryError):
        read_archive(tmp_path / "a", tmp_path / "out", "here")


_NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}", fullmatch=True)
_MEMBERS = st.dictionaries(_NAMES, st.binary(max_size=2_000), max_size=4)
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(_MEMBERS, st.dictionaries(st.sampled_from(("year", "round", "code")), _JSON))
def test_any_members_come_back(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes], about: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    write_archive(folder / "a", about, answered(members))
    index = read_archive(folder / "a", folder / "out", "here")
    assert _contents(folder / "out") == {f"responses/{name}": body for name, body in members.items()}
    assert index["responses_sha256"] == hash_responses(answered(members))
    assert {name: index[name] for name in about} == about


@given(st.data(), _MEMBERS.filter(bool))
def test_a_changed_byte_is_refused_or_changes_no_member(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, members: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    path = folder / "a"
    write_archive(path, {}, answered(members))
    whole = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        read_archive(path, folder / "out", "here")
    except UpstreamError:
        return
    assert _contents(folder / "out") == {f"responses/{name}": body for name, body in members.items()}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("archive") / "a"
    for data in (noise, pa.Codec("zstd").compress(noise, asbytes=True)):
        path.write_bytes(data)
        with pytest.raises(UpstreamError, match="cannot be used"):
            read_archive(path, None, "here")


@given(_JSON | st.lists(st.fixed_dictionaries({"name": _JSON, "bytes": _JSON, "sha256": _JSON}), min_size=1))
def test_any_list_of_other_members_is_refused(tmp_path_factory: pytest.TempPathFactory, listed: object) -> None:
    folder = tmp_path_factory.mktemp("archive")
    _pack(folder / "a", [("responses/x", b"1")], members=listed)
    with pytest.raises(UpstreamError, match="cannot be used"):
        read_archive(folder / "a", folder / "out", "here")
    assert not (folder / "out").exists()


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    zeros = bytes(200 << 20)
    _pack(tmp_path / "a", [("responses/x", zeros)])
    assert (tmp_path / "a").stat().st_size < 200_000
    with pytest.raises(UpstreamError, match="more than an archive of its size may"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
    assert not (tmp_path / "out").exists()
    # Also where the index says less than there is, and where what is large is a header.
    _pack(tmp_path / "a", [("responses/x", zeros)], members=[{"name": "responses/x", "bytes": 1, "sha256": "0"}])
    with pytest.raises(UpstreamError, match="not the one its index proves"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
    _pack(tmp_path / "a", [("responses/" + "x" * (100 << 20), b"")], members=[])
    with pytest.raises(UpstreamError, match="more than an archive of its size may"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
    _pack(tmp_path / "a", [(f"responses/x{number}", b"") for number in range(101)])
    with pytest.raises(UpstreamError, match="more than an archive of its size may"):
        read_archive(tmp_path / "a", tmp_path / "out", "here")
