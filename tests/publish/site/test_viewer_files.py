import base64
import hashlib
import posixpath
import re
from pathlib import Path

from fault_store import WatchedStore
from viewer_browser import PARTS

from publish import keys
from publish.contract.dictionary import schema_documents
from publish.headers import IMMUTABLE, SHORT, headers_for
from publish.publication import publish_site
from publish.season.index import read_document
from publish.site.files import PAGES, site_files, versioned
from publish.stores.folder import FileStore

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


#: All pages, also the one that is made from its declaration.
SHOWN = {*PAGES, keys.DICTIONARY_PAGE}


def test_keys_and_headers_are_those_of_a_page():
    files = site_files()
    parts = ("status.js", "app.js", "decode.js", "style.css", "favicon.svg")
    assert {"index.html", "status.html", *(PARTS + name for name in parts)} <= set(files)
    for key, data in files.items():
        assert keys.is_key(key) and data
        headers = headers_for(key)
        assert headers.content_type.startswith(TYPES[Path(key).suffix]), key
        assert headers.cache_control == (SHORT if key in SHOWN else IMMUTABLE), key
        assert headers.content_encoding is None


def test_the_folder_is_named_by_what_is_in_it():
    page = b'<link href="viewer/a.css"><script src="viewer/a.js"></script>'
    first = versioned({"p.html": page}, {"a.js": b"1", "a.css": b"2"})
    assert first == versioned({"p.html": page}, {"a.css": b"2", "a.js": b"1"})
    folder = next(iter(first)).removesuffix("a.css")
    assert keys.is_immutable(folder + "a.js") and not keys.is_immutable("viewer/a.js")
    assert first["p.html"].decode() == f'<link href="{folder}a.css"><script src="{folder}a.js"></script>'
    others = ({"a.js": b"1", "a.css": b"3"}, {"a.js": b"1a.css 1", "a.css": b"2"}, {"b.js": b"1", "a.css": b"2"})
    folders = {next(iter(versioned({}, parts))).rpartition("/")[0] for parts in others}
    assert len(folders | {folder}) == 4, "whatever changes, the name does"


def test_a_page_comes_after_all_it_loads_and_leaves_the_version_before(tmp_path):
    store = FileStore(tmp_path)
    old = {"index.html": b'"viewer/0123456789abcdef/app.js"', "viewer/0123456789abcdef/app.js": b"old"}
    publish_site(store, old)
    watched = WatchedStore(store)
    files = site_files()
    publish_site(watched, files)
    written = [key for _, key in watched.writes if key in files]
    assert sorted(written) == sorted(files)
    assert set(written[-len(SHOWN) :]) == SHOWN
    stored = store.read("viewer/0123456789abcdef/app.js")
    assert stored is not None and stored.data == b"old"


def test_everything_a_file_refers_to_is_published():
    files = site_files()
    elsewhere = {
        keys.INDEX,
        keys.HEALTH,
        keys.RUNS,
        keys.CHANGES,
        keys.CHANGES_ATOM,
        keys.DATA_PACKAGE,
        keys.CROISSANT,
        keys.DICTIONARY_PAGE,
        *schema_documents(),
    }
    for key, data in files.items():
        text = data.decode()
        wanted = re.findall(r'(?:src|href)="([^"#]+)"', text) if key.endswith(".html") else []
        wanted += re.findall(r'(?m)^import .* from "(\./[^"]+)"', text)
        for name in wanted:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(key), name))
            assert target in files or target in elsewhere, f"{key} refers to {name}"


def test_a_page_asks_for_all_its_modules_at_once():
    files = site_files()

    def with_imported(key: str, found: set[str]) -> set[str]:
        if key not in found:
            found.add(key)
            for name in re.findall(r'(?m)^(?:import|export) .* from "\./([^"]+)"', files[key].decode()):
                with_imported(posixpath.join(posixpath.dirname(key), name), found)
        return found

    for page in PAGES:
        text = files[page].decode()
        (entry,) = re.findall(r'<script type="module" src="([^"]+)"', text)
        asked = re.findall(r'<link rel="modulepreload" href="([^"]+)">', text)
        assert asked == sorted(with_imported(entry, set()) - {entry}), f"{page} names other modules than it needs first"


def test_a_script_within_a_page_is_allowed_by_its_hash_alone():
    written = 0
    for page, data in site_files().items():
        for script in re.findall(r"<script>(.*?)</script>", data.decode(), re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"script-src 'self' 'sha256-{digest}';" in data.decode(), page
            written += 1
    assert written == 1 and all(b"unsafe" not in data for data in site_files().values())


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
    assert read_document(store, keys.INDEX, dict)["links"]["viewer"] == "index.html"
    assert read_document(store, keys.INDEX, dict)["links"]["status_page"] == "status.html"
