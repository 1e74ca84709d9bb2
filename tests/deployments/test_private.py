"""A private site as its page describes it: the real nginx asks for passwords and passes, CloudFront gets its keys."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import small_session
from browser import browser, needs_chromium
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from nginx_server import DELIVERED, Nginx, filled_in, needs_nginx, running
from policies import read_template

from publish.encode.session import encode_session
from publish.publication import publish_revision, publish_site
from publish.revisions.latest import Summary
from publish.season.index import Event, ScheduledSession, update_season
from publish.site.files import site_files
from publish.stores.folder import FileStore
from transforms.session import transform_session

PAGE = (DELIVERED.parent / "docs" / "private.md").read_text()
NOW = datetime(2024, 4, 2, tzinfo=UTC)
ME = small_session.IDENTITY
SEASON = "/v1/seasons/2024.json"
SECRET = "5bd0a3" * 10
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def snippets(heading: str, language: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def said_by(script: str, folder: Path, **settings: str) -> list[str]:
    """What a snippet of the page prints, line by line."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **settings}
    ran = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one race and the pages."""
    folder = tmp_path_factory.mktemp("private")
    store = FileStore(folder / "site")
    event = Event(ME.round, ME.event, None, None, None, "conventional", False, (ScheduledSession("R", "Race", NOW),))
    update_season(store, 2024, [event], NOW)
    data = transform_session(small_session.recording())
    revision = encode_session(ME, None, data, folder / "spool", made_with={"parcferme": "0"})
    publish_revision(store, revision, ME, summary=Summary(data.grade, data.capabilities, "inputs", "code"), now=NOW)
    publish_site(store, site_files())
    return folder / "site"


@pytest.fixture(scope="module")
def with_password(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("password")
    (hashed,) = said_by("openssl passwd -6 -salt abcdefgh secret", folder)
    private = {
        "password.conf": (DELIVERED / "private" / "password.conf").read_text(),
        "passwords": f"me:{hashed}\n",
    }
    with running(folder / "nginx", "folder.conf.template", private=private, FOLDER=str(site)) as nginx:
        yield nginx


@pytest.fixture(scope="module")
def with_pass(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("pass")
    private = {"pass.conf": filled_in("private/pass.conf.template", SECRET=SECRET)}
    with running(folder / "nginx", "folder.conf.template", private=private, FOLDER=str(site)) as nginx:
        yield nginx


def basic(said: str) -> str:
    return f"Basic {base64.b64encode(said.encode()).decode()}"


def one_pass(folder: Path, days: int = 30) -> str:
    """The query of the link that the page's snippet makes."""
    (script, _) = snippets("nginx: passes", "sh")
    (link,) = said_by(script.replace("30 * 86400", f"{days} * 86400"), folder, PARCFERME_SECRET=SECRET)
    return urlsplit(link).query


@needs_nginx
@needs_openssl
def test_without_a_password_nothing_is_told(with_password: Nginx) -> None:
    for path in ("/", "/index.html", SEASON, "/index.json", "/v1/none.json"):
        for headers in ({}, {"Authorization": basic("me:wrong")}, {"Authorization": basic("you:secret")}):
            answer = with_password.ask(path, **headers)
            assert answer.status == 401, path
            assert answer.headers["www-authenticate"] == 'Basic realm="parcferme"'
            assert b"Grand Prix" not in answer.body
    assert with_password.ask(SEASON, Authorization=basic("me:secret")).status == 200
    assert with_password.ask("/v1/none.json", Authorization=basic("me:secret")).status == 404
    assert with_password.ask("/raw/9472.json", Authorization=basic("me:secret")).status == 404


@needs_nginx
@needs_openssl
def test_curl_and_duckdb_read_with_a_password_as_the_page_shows(with_password: Nginx, tmp_path: Path) -> None:
    (curl,) = snippets("nginx: names and passwords", "sh")
    said = said_by(curl.replace("https://f1.example.org", with_password.url), tmp_path, PASSWORD="secret")
    assert json.loads("".join(said))["year"] == 2024
    (snippet,) = snippets("nginx: names and passwords", "python")
    for shown, meant in (
        ("https://f1.example.org", with_password.url),
        ("the password", "secret"),
        ("9472", str(ME.session_key)),
    ):
        assert shown in snippet
        snippet = snippet.replace(shown, meant)
    known: dict[str, Any] = {}
    # DuckDB finds tables by the names of the program that asks it.
    exec(compile(snippet, "private.md", "exec"), known)
    assert sorted(known["counted"]) == [(car, small_session.LAPS) for car in sorted(small_session.CARS)]


@needs_nginx
@needs_openssl
@needs_chromium
def test_the_viewer_plays_behind_a_password_and_with_a_pass(
    with_password: Nginx, with_pass: Nginx, tmp_path: Path
) -> None:
    with browser(tmp_path / "profile") as page:
        page.open(with_password.url.replace("//", "//me:secret@"))
        page.see(ME.event)
        page.click_until("document.querySelectorAll('#rows tr').length === 3", "cars of the race", "Race", "a")
        page.open(f"{with_pass.url}/?{one_pass(tmp_path)}")
        page.see(ME.event)
        page.click_until("document.querySelectorAll('#rows tr').length === 3", "cars of the race", "Race", "a")
        assert not page.complaints


@needs_nginx
@needs_openssl
def test_a_pass_is_good_until_its_date(with_pass: Nginx, tmp_path: Path) -> None:
    good, old = one_pass(tmp_path), one_pass(tmp_path, days=-1)
    (_, curl) = snippets("nginx: passes", "sh")
    parts = {name: values[0] for name, values in parse_qs(good).items()}
    settings = {"hash": parts["pass"], "until": parts["until"]}
    said = said_by(curl.replace("https://f1.example.org", with_pass.url), tmp_path, **settings)
    assert json.loads("".join(said))["year"] == 2024
    later = good.replace(parts["until"], str(int(parts["until"]) + 1))
    for path in ("/", SEASON, "/index.html", "/v1/none.json"):
        assert with_pass.ask(path).status == 401
        assert with_pass.ask(f"{path}?{later}").status == 401, "the date cannot be changed"
        assert with_pass.ask(f"{path}?{old}").status == 410
    assert with_pass.ask(f"/v1/none.json?{good}").status == 404
    assert int(parts["until"]) - time.time() > 29 * 86400


@needs_nginx
@needs_openssl
def test_the_link_of_a_pass_leaves_cookies_that_are_one(with_pass: Nginx, tmp_path: Path) -> None:
    (found,) = said_by(
        f"curl -s -c - -o /dev/null '{with_pass.url}/?{one_pass(tmp_path)}' | grep -c HttpOnly_", tmp_path
    )
    assert found == "2"
    parts = parse_qs(one_pass(tmp_path))
    cookie = f"parcferme_pass={parts['pass'][0]}; parcferme_until={parts['until'][0]}"
    answer = with_pass.ask(SEASON, Cookie=cookie)
    assert answer.status == 200 and "set-cookie" not in answer.headers
    assert with_pass.ask(SEASON, Cookie=cookie[:-1] + "x").status == 401


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


def test_cloudfront_asks_for_a_pass_everywhere_if_there_is_a_key(template: dict[str, Any]) -> None:
    config = template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    only_private, *behaviours = config["CacheBehaviors"]
    asked = {"Fn::If": ["IsPrivate", [{"Ref": "ReaderKeys"}], {"Ref": "AWS::NoValue"}]}
    for behaviour in (*behaviours, config["DefaultCacheBehavior"]):
        assert behaviour["TrustedKeyGroups"] == asked
    condition, entry, otherwise = only_private["Fn::If"]
    assert (condition, otherwise) == ("IsPrivate", {"Ref": "AWS::NoValue"})
    assert entry["PathPattern"] == "pass" and "TrustedKeyGroups" not in entry
    for name, condition in {
        "ReaderKey": "HasReaderKey",
        "NextReaderKey": "HasNextReaderKey",
        "ReaderKeys": "IsPrivate",
        "PassFunction": "IsPrivate",
    }.items():
        assert template["Resources"][name]["Condition"] == condition
    assert template["Parameters"]["ReaderPublicKey"]["Default"] == ""


@needs_openssl
def test_a_pass_of_cloudfront_is_signed_as_it_wants_it(template: dict[str, Any], tmp_path: Path) -> None:
    """The signature covers the policy, by RSA and SHA-1, in CloudFront's own base64."""
    commands, *_ = snippets("CloudFront: passes", "")
    said_by("\n".join(line for line in commands.splitlines() if line.startswith("openssl")), tmp_path)
    key = (tmp_path / "public.pem").read_text()
    for parameter in ("ReaderPublicKey", "ReaderPublicKeyNext"):
        assert re.fullmatch(template["Parameters"][parameter]["AllowedPattern"], key.strip())
    (script,) = snippets("CloudFront: passes", "sh")
    link, file = said_by(script, tmp_path, host="data.example.org", key="K2ABC")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query, strict_parsing=True).items()}
    assert {*parse_qs(urlsplit(file).query)} == {"Policy", "Signature", "Key-Pair-Id"}
    policy, signature = (
        base64.b64decode(asked[name].translate(str.maketrans("-_~", "+=/"))) for name in ("policy", "signature")
    )
    public = load_pem_public_key(key.encode())
    public.verify(signature, policy, padding.PKCS1v15(), hashes.SHA1())  # type: ignore[union-attr, call-arg, arg-type]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Resource"] == "https://data.example.org/*"
    assert statement["Condition"]["DateLessThan"]["AWS:EpochTime"] - time.time() > 29 * 86400


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (apt-get install nodejs)")
def test_the_link_of_a_pass_becomes_the_cookies_that_cloudfront_asks_for(template: dict[str, Any]) -> None:
    code = template["Resources"]["PassFunction"]["Properties"]["FunctionCode"]
    whole = {"policy": "eyJ_~-", "signature": "abc__", "key": "K2ABC"}
    asked = [whole, whole | {"key": "a; Domain=example.org"}, {"policy": "eyJ"}, {}]
    events = [{"request": {"querystring": {k: {"value": v} for k, v in one.items()}}} for one in asked]
    program = f"{code}\nconsole.log(JSON.stringify({json.dumps(events)}.map(handler)));"
    ran = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    first, *others = json.loads(ran.stdout)
    assert [other["statusCode"] for other in others] == [400, 400, 400]
    assert first["statusCode"] == 302 and first["headers"]["location"] == {"value": "/"}
    cookies = {name: cookie["value"] for name, cookie in first["cookies"].items()}
    assert cookies == {
        "CloudFront-Policy": "eyJ_~-",
        "CloudFront-Signature": "abc__",
        "CloudFront-Key-Pair-Id": "K2ABC",
    }
    assert {cookie["attributes"] for cookie in first["cookies"].values()} == {"Path=/; Secure; HttpOnly; SameSite=Lax"}
