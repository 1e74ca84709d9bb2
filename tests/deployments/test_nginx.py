"""The delivered nginx configuration, run by the real nginx in front of an S3 server and of a folder."""

import gzip
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
from nginx_server import Answer, Nginx, needs_nginx, running
from origin import (
    COPY,
    DOCUMENT,
    LATEST,
    MANIFEST,
    OBJECTS,
    OVERVIEW,
    PARQUET,
    ROWS,
    STATUS,
    TABLE,
    S3Origin,
    fill,
    start_origin,
)

from publish.headers import headers_for
from publish.site.files import site_files
from publish.stores.choose import open_store

pytestmark = needs_nginx

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWR = "stale-while-revalidate=600"


@pytest.fixture(scope="module")
def origin() -> Iterator[S3Origin]:
    with pytest.MonkeyPatch.context() as patch:
        started = start_origin(patch)
        yield started
        started.server.stop()


@pytest.fixture(scope="module")
def before_s3(origin: S3Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("s3")
    with running(folder / "nginx", "s3.conf.template", CACHE=str(folder / "cache"), **origin.settings) as nginx:
        yield nginx


@pytest.fixture(scope="module")
def before_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("folder")
    fill(open_store((folder / "site").as_uri()))
    (folder / "site" / ".lock").touch()
    (folder / "site" / "away.json").symlink_to("/etc/passwd")
    with running(folder / "nginx", "folder.conf.template", FOLDER=str(folder / "site")) as nginx:
        yield nginx


@pytest.fixture
def fresh(origin: S3Origin, tmp_path: Path) -> Iterator[Nginx]:
    """An nginx with an empty cache."""
    with running(tmp_path / "nginx", "s3.conf.template", CACHE=str(tmp_path / "cache"), **origin.settings) as nginx:
        yield nginx


@pytest.fixture(params=["before_s3", "before_folder"])
def nginx(request: pytest.FixtureRequest) -> Nginx:
    return request.getfixturevalue(request.param)


def until(ask: Callable[[], Answer], wanted: Callable[[Answer], bool], limit_s: float = 20) -> list[Answer]:
    """Ask until the answer is the wanted one; gives every answer."""
    answers: list[Answer] = []
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        answers.append(ask())
        if wanted(answers[-1]):
            return answers
    raise AssertionError(f"not within {limit_s} s; {len(answers)} answers, the last: {answers[-1]}")


@pytest.mark.parametrize("key", OBJECTS)
def test_every_object_has_the_headers_of_its_kind(nginx: Nginx, key: str) -> None:
    answer = nginx.ask(f"/{key}")
    wanted = headers_for(key)
    assert answer.status == 200
    assert answer.body == OBJECTS[key]
    assert answer.headers["content-type"] == wanted.content_type
    assert answer.headers["cache-control"] == wanted.cache_control
    assert answer.headers.get("content-encoding") == wanted.content_encoding
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"ETag", "Content-Range", "Accept-Ranges"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["server"] == "nginx", "no version"
    leaked = [name for name in answer.headers if name.startswith("x-amz")]
    assert not leaked


@pytest.mark.parametrize("key", [key for key in site_files() if key.endswith((".html", "app.js", "style.css", ".svg"))])
def test_the_pages_have_their_headers(nginx: Nginx, key: str) -> None:
    answer, wanted = nginx.ask(f"/{key}"), headers_for(key)
    assert (answer.status, answer.headers["content-type"]) == (200, wanted.content_type)
    assert answer.headers["cache-control"] == wanted.cache_control


def test_the_root_is_the_viewer(nginx: Nginx) -> None:
    assert nginx.ask("/").body == nginx.ask("/index.html").body


@pytest.mark.parametrize("key", [key for key in OBJECTS if key != STATUS])
def test_the_first_request_is_a_miss_the_second_a_hit(fresh: Nginx, key: str) -> None:
    assert [fresh.ask(f"/{key}").cache for _ in range(3)] == ["MISS", "HIT", "HIT"]


def test_a_status_is_never_kept(before_s3: Nginx, origin: S3Origin) -> None:
    for progress in (10, 20, 30):
        origin.store.write(STATUS, json.dumps({"progress": progress}).encode())
        answer = before_s3.ask(f"/{STATUS}")
        assert (answer.cache, json.loads(answer.body)) == ("MISS", {"progress": progress})
    origin.store.write(STATUS, OBJECTS[STATUS])


def test_a_status_in_a_folder_is_never_mistaken_for_the_one_of_the_same_second(before_folder: Nginx) -> None:
    answer = before_folder.ask(f"/{STATUS}")
    again = before_folder.ask(f"/{STATUS}", If_Modified_Since=answer.headers["last-modified"])
    assert (again.status, "etag" in again.headers) == (200, False)


@pytest.mark.parametrize("key", [MANIFEST, OVERVIEW, TABLE])
def test_what_is_immutable_is_not_asked_for_again(fresh: Nginx, origin: S3Origin, key: str) -> None:
    assert fresh.ask(f"/{key}").cache == "MISS"
    origin.store.write(key, b"something else")
    try:
        answer = fresh.ask(f"/{key}")
    finally:
        origin.store.write(key, OBJECTS[key])
    assert (answer.cache, answer.body == OBJECTS[key]) == ("HIT", True)


def test_what_is_known_outlives_the_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = start_origin(monkeypatch)
    with running(tmp_path / "nginx", "s3.conf.template", CACHE=str(tmp_path / "cache"), **origin.settings) as nginx:
        try:
            known = {key: nginx.ask(f"/{key}") for key in (MANIFEST, OVERVIEW, TABLE, LATEST)}
        finally:
            origin.server.stop()
        for key, before in known.items():
            answer = nginx.ask(f"/{key}")
            assert (answer.status, answer.cache, answer.body) == (200, "HIT", before.body), key
        unknown = nginx.ask(f"/{ROWS}")
        assert (unknown.status, json.loads(unknown.body)) == (502, {"error": "the store cannot be read"})
        assert unknown.headers["cache-control"] == "no-cache"
        assert unknown.headers["access-control-allow-origin"] == "*"


def test_a_replaced_document_is_seen_within_its_time(fresh: Nginx, origin: S3Origin) -> None:
    """With a second instead of a minute. Who comes first after it gets the old one at once and makes nginx fetch."""
    origin.put(LATEST, b'{"revision":"one"}', f"public, max-age=1, {SWR}")
    try:
        assert json.loads(fresh.ask(f"/{LATEST}").body) == {"revision": "one"}
        origin.put(LATEST, b'{"revision":"two"}', f"public, max-age=1, {SWR}")
        began_s = time.monotonic()
        answers = until(lambda: fresh.ask(f"/{LATEST}"), lambda answer: b"two" in answer.body)
        took_s = time.monotonic() - began_s
    finally:
        origin.store.write(LATEST, OBJECTS[LATEST])
    assert {answer.cache for answer in answers} <= {"HIT", "STALE", "UPDATING"}, "somebody waited for the origin"
    assert took_s < 5


def test_a_document_that_did_not_change_is_only_confirmed(fresh: Nginx, origin: S3Origin) -> None:
    """Without stale-while-revalidate the reader waits, and sees that nginx asked with the ETag."""
    key = "v1/seasons/2023.json"
    origin.put(key, b"{}", "public, max-age=1")
    assert fresh.ask(f"/{key}").cache == "MISS"
    answers = until(lambda: fresh.ask(f"/{key}"), lambda answer: answer.cache not in ("HIT", "MISS"))
    assert answers[-1].cache == "REVALIDATED"


@pytest.mark.parametrize("key", [MANIFEST, OVERVIEW, TABLE, LATEST, COPY])
def test_what_a_reader_has_already_is_not_sent_again(nginx: Nginx, key: str) -> None:
    etag = nginx.ask(f"/{key}").headers["etag"]
    answer = nginx.ask(f"/{key}", If_None_Match=etag)
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert nginx.ask(f"/{key}", If_None_Match='"another"').status == 200


@pytest.mark.parametrize("key", [TABLE, COPY])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=-8", len(PARQUET) - 8, len(PARQUET) - 1),
        ("bytes=4194300-4194310", 4194300, 4194310),  # over the border of two pieces
        ("bytes=8388608-", 8388608, len(PARQUET) - 1),
    ],
)
def test_a_part_of_a_table(nginx: Nginx, key: str, asked: str, first: int, last: int) -> None:
    answer = nginx.ask(f"/{key}", Range=asked)
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(PARQUET)}"
    assert answer.body == PARQUET[first : last + 1]
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("key", [TABLE, COPY])
def test_a_part_that_lies_outside_is_refused(nginx: Nginx, key: str) -> None:
    for _ in range(2):
        answer = nginx.ask(f"/{key}", Range=f"bytes={len(PARQUET) + 10_000_000}-")
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (416, "*")


def test_the_end_of_a_revisions_table_is_fetched_without_the_rest(fresh: Nginx) -> None:
    assert fresh.ask(f"/{TABLE}", Range="bytes=8388608-").cache == "MISS"
    kept = sum(path.stat().st_size for path in (fresh.folder.parent / "cache").rglob("*") if path.is_file())
    assert kept < len(PARQUET) / 2


def test_plain_documents_are_compressed_on_the_way_and_stored_ones_are_not_again(nginx: Nginx) -> None:
    plain = nginx.ask(f"/{MANIFEST}", Accept_Encoding="gzip")
    assert plain.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in plain.headers["vary"]
    assert json.loads(gzip.decompress(plain.body)) == DOCUMENT
    assert nginx.ask(f"/{MANIFEST}", If_None_Match=plain.headers["etag"]).status == 304
    stored = nginx.ask(f"/{OVERVIEW}", Accept_Encoding="gzip")
    assert (stored.headers["content-encoding"], stored.body) == ("gzip", OBJECTS[OVERVIEW])
    assert "content-encoding" not in nginx.ask(f"/{TABLE}", Accept_Encoding="gzip").headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/",
        "/v1/sessions/",
        "/v1",
        "/v1/sessions/9472/",
        "/.lock",
        "/v1/.hidden",
        "/away.json",
        "/raw/9472.json",
        "//raw/9472.json",
        "/v1/../raw/9472.json",
        "/v1/..%2fraw/9472.json",
        "/%72aw/9472.json",
        "/v1/%2e%2e/raw/9472.json",
        "/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cetc/passwd",
        "/index.json%00",
        "/index.json~",
        "/no/such.json",
    ],
)
def test_what_is_not_published_is_not_there(nginx: Nginx, path: str) -> None:
    answer = nginx.ask(path)
    assert answer.status in (400, 404)
    assert answer.headers["cache-control"] == "no-cache"
    assert not re.search(rb"root:|Bucket|<Key>|Index of", answer.body)


@pytest.mark.parametrize("query", ["?list-type=2", "?acl", "?versions", "?response-content-type=text/html"])
def test_a_query_never_reaches_s3(fresh: Nginx, query: str) -> None:
    """Asked before anything is in the cache, so that the origin would get to see it."""
    asked = fresh.ask(f"/{LATEST}{query}")
    assert (asked.status, asked.cache, asked.body) == (200, "MISS", OBJECTS[LATEST])
    assert asked.headers["content-type"] == "application/json"
    assert fresh.ask(f"/{LATEST}").cache == "HIT"
    assert b"ListBucketResult" not in fresh.ask(f"/{query}").body


def test_what_is_missing_is_remembered_shortly(fresh: Nginx, origin: S3Origin) -> None:
    answers = [fresh.ask("/v1/sessions/9999/latest.json") for _ in range(2)]
    assert [(a.status, a.cache) for a in answers] == [(404, "MISS"), (404, "HIT")]
    assert json.loads(answers[0].body) == {"error": "not found"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_but_reading(nginx: Nginx, method: str) -> None:
    answer = nginx.ask(f"/{LATEST}", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_head_is_get_without_the_body(nginx: Nginx) -> None:
    answer = nginx.ask(f"/{OVERVIEW}", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) == len(OBJECTS[OVERVIEW])


def test_a_browser_that_asks_first_is_let_through(nginx: Nginx) -> None:
    answer = nginx.ask(f"/{TABLE}", "OPTIONS", Origin="https://elsewhere.example", Access_Control_Request_Method="GET")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"Range", "If-None-Match"} <= set(answer.headers["access-control-allow-headers"].split(", "))


_PAGE = """<!doctype html><pre id="answer"></pre><script type="module">
const at = "URL/";
async function look() {
  const overview = await (await fetch(at + "OVERVIEW")).json();
  const manifest = await fetch(at + "MANIFEST");
  const part = await fetch(at + "TABLE", { headers: { Range: "bytes=0-3" } });
  const asked = await fetch(at + "MANIFEST", { cache: "no-store", headers: { "If-None-Match": '"another"' } });
  return { numbers: overview.numbers.length, etag: manifest.headers.get("ETag"), part: await part.text(),
           range: part.headers.get("Content-Range"), asked: asked.status };
}
const answer = await look().catch((error) => ({ error: String(error) }));
document.getElementById("answer").textContent = JSON.stringify(answer);
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
def test_a_page_of_another_origin_reads_it_in_a_browser(nginx: Nginx, tmp_path: Path) -> None:
    """The page lies on another port, which is another origin; conditional requests make the browser ask first."""
    page = _PAGE.replace("URL", nginx.url).replace("OVERVIEW", OVERVIEW).replace("MANIFEST", MANIFEST)
    elsewhere = open_store((tmp_path / "site").as_uri())
    elsewhere.write("page.html", page.replace("TABLE", TABLE).encode())
    with running(tmp_path / "nginx", "folder.conf.template", FOLDER=str(tmp_path / "site")) as other:
        command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", f"{other.url}/page.html"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found and found[1], done.stdout[-2000:]
    assert json.loads(unescape(found[1])) == {
        "numbers": 1000,
        "etag": nginx.ask(f"/{MANIFEST}", Accept_Encoding="gzip").headers["etag"],
        "part": "PAR1",
        "range": f"bytes 0-3/{len(PARQUET)}",
        "asked": 200,
    }
