import gzip
import http.client
import json
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from queue import SimpleQueue

import pytest
from fault_store import WatchedStore

from publish.headers import IMMUTABLE, NONE, SHORT
from publish.server import make_server
from publish.stores.folder import FileStore
from transforms.errors import InputError, PublicationError

OBJECT = "v1/sessions/9472/0123456789abcdef/overview.json.gz"
TABLE = "v1/parquet/laps/2024/9472.parquet"


@contextmanager
def serving(store):
    server = make_server(store)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def ask(store):
    """Ask the server of a store over loopback; gives status, headers and body."""
    with serving(store) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

        def request(path, method="GET", **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

        yield request
        connection.close()


@pytest.fixture(params=["file", "moto"])
def store(request):
    store = request.getfixturevalue(f"{request.param}_store")
    store.write(OBJECT, gzip.compress(b'{"fps":1}', mtime=0))
    store.write(TABLE, bytes(range(200)))
    store.write("index.json", b"{}\n")
    store.write("v1/status/2024/1/R.json", b"{}\n")
    store.write("v1/empty.txt", b"")
    return store


def test_compressed_json_is_decodable(ask):
    status, headers, body = ask("/" + OBJECT)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Cache-Control"] == IMMUTABLE
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert int(headers["Content-Length"]) == len(body)
    assert json.loads(gzip.decompress(body)) == {"fps": 1}


def test_texts_are_compressed_for_who_can_take_it(ask, store):
    text = json.dumps({"seasons": list(range(900))}).encode()
    store.write("index.json", text)
    plain, packed = ask("/index.json"), ask("/index.json", Accept_Encoding="br, gzip;q=0.8")
    assert (plain[0], plain[2], plain[1]["Content-Encoding"]) == (200, text, None)
    status, headers, body = packed
    assert (status, headers["Content-Encoding"], gzip.decompress(body)) == (200, "gzip", text)
    assert int(headers["Content-Length"]) == len(body) < len(text) / 2
    assert plain[1]["Vary"] == headers["Vary"] == "Accept-Encoding"
    assert headers["ETag"] == "W/" + plain[1]["ETag"]
    assert ask("/index.json", "HEAD", Accept_Encoding="gzip")[1]["Content-Length"] == headers["Content-Length"]
    unchanged = ask("/index.json", Accept_Encoding="gzip", If_None_Match=headers["ETag"])
    assert (unchanged[0], unchanged[2], unchanged[1]["ETag"]) == (304, b"", headers["ETag"])
    # A part is one of the object's own bytes; whoever refuses gzip, and what is stored compressed, get no other.
    part = ask("/index.json", Accept_Encoding="gzip", Range="bytes=2-8")
    assert (part[0], part[2], part[1]["ETag"]) == (206, text[2:9], plain[1]["ETag"])
    assert ask("/index.json", Accept_Encoding="gzip;q=0, identity")[2] == text
    assert ask("/" + OBJECT, Accept_Encoding="gzip")[2] == ask("/" + OBJECT)[2]
    assert ask("/" + TABLE, Accept_Encoding="gzip")[1]["Content-Encoding"] is None


def test_cache_lifetimes(ask):
    assert ask("/" + TABLE)[1]["Cache-Control"] == SHORT
    assert ask("/v1/status/2024/1/R.json")[1]["Cache-Control"] == NONE
    assert ask("/" + TABLE)[1]["Content-Encoding"] is None


def test_head_is_get_without_the_body(ask):
    status, headers, body = ask("/" + OBJECT, "HEAD")
    get_status, get_headers, get_body = ask("/" + OBJECT)
    assert (status, body) == (get_status, b"")
    ignored = {"date"}
    assert {n.lower(): v for n, v in headers.items() if n.lower() not in ignored} == {
        n.lower(): v for n, v in get_headers.items() if n.lower() not in ignored
    }
    assert int(headers["Content-Length"]) == len(get_body)


def test_unchanged_is_304_and_changed_is_not(ask, store):
    etag = ask("/index.json")[1]["ETag"]
    assert etag.startswith('"') and etag.endswith('"')
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        status, headers, body = ask("/index.json", If_None_Match=condition)
        assert (status, body, headers["ETag"], headers["Cache-Control"]) == (304, b"", etag, SHORT)
    assert ask("/index.json", If_None_Match='"other"')[0] == 200
    store.write("index.json", b'{"new":1}\n')
    status, headers, body = ask("/index.json", If_None_Match=etag)
    assert (status, body) == (200, b'{"new":1}\n')
    assert headers["ETag"] != etag


@pytest.mark.parametrize(
    ("header", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=190-", 206, 190, 199),
        ("bytes=-8", 206, 192, 199),
        ("bytes=-500", 206, 0, 199),
        ("bytes=150-999", 206, 150, 199),
        ("bytes=9-2", 200, 0, 199),
        ("bytes=-", 200, 0, 199),
        ("bytes=0-1,5-6", 200, 0, 199),
        ("lines=0-1", 200, 0, 199),
    ],
)
def test_ranges(ask, header, status, first, last):
    answer = ask("/" + TABLE, Range=header)
    assert answer[0] == status
    assert answer[2] == bytes(range(first, last + 1))
    assert answer[1]["Content-Range"] == (f"bytes {first}-{last}/200" if status == 206 else None)


@pytest.mark.parametrize("header", ["bytes=200-", "bytes=-0", "bytes=500-600"])
def test_ranges_outside(ask, header):
    status, headers, body = ask("/" + TABLE, Range=header)
    assert (status, headers["Content-Range"], body) == (416, "bytes */200", b"")


def test_range_of_an_object_that_was_replaced_gives_all_of_the_new_one(ask, store):
    etag = ask("/" + TABLE)[1]["ETag"]
    assert ask("/" + TABLE, Range="bytes=0-1", If_Range=etag)[0] == 206
    assert ask("/" + TABLE, Range="bytes=0-1", If_Range='"old"')[0] == 200


def test_empty_object(ask):
    assert ask("/v1/empty.txt")[::2] == (200, b"")
    assert ask("/v1/empty.txt", Range="bytes=0-0")[0] == 416


@pytest.mark.parametrize(
    "path",
    [
        "/v1/none.json",
        "/v1/",
        "/v1/sessions/9472/",
        "/../secret.txt",
        "/v1/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/.lock",
        "/%00",
        "/v1/%ff",
    ],
)
def test_neither_listing_nor_a_way_out(ask, tmp_path, path):
    (tmp_path / "secret.txt").write_text("secret")
    status, headers, body = ask(path)
    assert (status, json.loads(body)) == (404, {"error": "not found"})
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert ask("/index.json?x=1")[0] == 200


def test_root_is_the_page_or_else_the_index(ask, store):
    assert ask("/")[2] == b"{}\n"
    store.write("index.html", b"<html>")
    status, headers, body = ask("/")
    assert (status, headers["Content-Type"], body) == (200, "text/html; charset=utf-8", b"<html>")


def test_preflight(ask):
    status, headers, _ = ask("/" + TABLE, "OPTIONS", Origin="http://elsewhere", Access_Control_Request_Headers="range")
    assert status == 204
    assert "Range" in headers["Access-Control-Allow-Headers"]


def test_a_body_does_not_wait_until_its_headers_are_acknowledged(ask, monkeypatch):
    at_once: SimpleQueue[int] = SimpleQueue()
    close = ThreadingHTTPServer.shutdown_request

    def noted(server, request):
        at_once.put(request.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        close(server, request)

    monkeypatch.setattr(ThreadingHTTPServer, "shutdown_request", noted)
    assert ask("/index.json", Connection="close")[0] == 200
    assert at_once.get(timeout=10)


def test_large_object_comes_in_blocks(file_store):
    data = bytes(range(256)) * 40_000
    file_store.write(TABLE, data)
    watched = WatchedStore(file_store)
    with serving(watched) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/" + TABLE)
        assert connection.getresponse().read() == data
        connection.close()
    assert len([row for row in watched.requests if row[0] == "read_range"]) == 3


def test_object_replaced_while_it_is_sent_ends_early_not_mixed(file_store):
    file_store.write(TABLE, b"a" * 10_000_000)
    calls = []

    def replace(request, key):
        if request == "read_range":
            calls.append(key)
            if len(calls) == 2:
                file_store.write(key, b"b" * 10_000_000)

    with serving(WatchedStore(file_store, replace)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/" + TABLE)
        with pytest.raises(http.client.IncompleteRead) as caught:
            connection.getresponse().read()
        connection.close()
    assert set(caught.value.partial) == {ord("a")}


@pytest.mark.parametrize("key", [TABLE, "index.json"], ids=["within an answer", "after one"])
def test_client_that_goes_away_does_not_harm(file_store, capfd, key):
    file_store.write(TABLE, b"a" * 20_000_000)
    file_store.write("index.json", b"{}\n")
    with serving(file_store) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(f"GET /{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.recv(1000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/index.json")
        assert connection.getresponse().read() == b"{}\n"
        connection.close()
    assert "Traceback" not in capfd.readouterr().err


def test_store_that_cannot_be_read_is_502(file_store):
    def refuse(request, key):
        raise PublicationError("the disk at /secret/place is broken")

    with serving(WatchedStore(file_store, refuse)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/index.json")
        response = connection.getresponse()
        assert (response.status, b"secret" in response.read()) == (502, False)
        connection.close()


def test_port_in_use_is_explained(file_store):
    with serving(file_store) as port, pytest.raises(InputError, match="--port"):
        make_server(file_store, port=port)
    with pytest.raises(InputError, match="--port"):
        make_server(file_store, port=70000)


def test_listens_on_loopback_only_unless_told(file_store):
    with make_server(file_store) as server:
        assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=" + "9" * 5000 + "-", 416),
        ("bytes=0-" + "9" * 5000, 206),
        ("bytes=-" + "9" * 5000, 206),
        ("bytes=" + "0" * 5000 + "-1", 206),
    ],
)
def test_a_range_of_thousands_of_digits_is_a_range(ask, header, status):
    assert ask("/" + TABLE, Range=header)[0] == status


def test_a_link_leads_nowhere_but_into_the_site(tmp_path):
    site, secret = FileStore(tmp_path / "site"), tmp_path / "secret"
    secret.mkdir()
    (secret / "passwd.json").write_text("{}")
    site.write("v1/inside.json", b"{}")
    (tmp_path / "site/v1/out.json").symlink_to(secret / "passwd.json")
    (tmp_path / "site/v1/folder").symlink_to(secret)
    (tmp_path / "site/v1/own.json").symlink_to("inside.json")
    with serving(site) as port:
        found = {}
        for name in ("inside", "own", "out", "folder/passwd"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", f"/v1/{name}.json")
            found[name] = connection.getresponse().status
            connection.close()
    assert found == {"inside": 200, "own": 200, "out": 404, "folder/passwd": 404}
