import posixpath
import re
from pathlib import Path

from publish import keys
from publish.headers import headers_for
from publish.publication import publish_site
from publish.season.index import read_document
from publish.site.files import site_files
from publish.stores.folder import FileStore

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def test_keys_and_headers_are_those_of_a_page():
    files = site_files()
    assert {
        "index.html",
        "status.html",
        "viewer/status.js",
        "viewer/app.js",
        "viewer/decode.js",
        "viewer/style.css",
        "viewer/favicon.svg",
    } <= set(files)
    for key, data in files.items():
        assert keys.is_key(key) and data
        headers = headers_for(key)
        assert headers.content_type.startswith(TYPES[Path(key).suffix]), key
        assert headers.cache_control.startswith("public, max-age=60"), key
        assert headers.content_encoding is None


def test_everything_a_file_refers_to_is_published():
    files = site_files()
    for key, data in files.items():
        text = data.decode()
        wanted = re.findall(r'(?:src|href)="([^"#]+)"', text) if key.endswith(".html") else []
        wanted += re.findall(r'(?m)^import .* from "(\./[^"]+)"', text)
        for name in wanted:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(key), name))
            assert target in files or target in (keys.INDEX, keys.HEALTH, keys.RUNS), f"{key} refers to {name}"


def test_nothing_is_asked_of_other_servers():
    for key, data in site_files().items():
        addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", data.decode()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, key


def test_every_module_is_used():
    files = site_files()
    texts = "\n".join(data.decode() for data in files.values())
    for key in files:
        if key.endswith(".js"):
            assert f"{posixpath.basename(key)}" in texts


def test_publishing_twice_writes_once_and_links_the_page(tmp_path):
    store = FileStore(tmp_path)
    files = site_files()
    assert publish_site(store, files) == len(files)
    assert publish_site(store, files) == 0
    assert read_document(store, keys.INDEX)["links"]["viewer"] == "index.html"
    assert read_document(store, keys.INDEX)["links"]["status_page"] == "status.html"
