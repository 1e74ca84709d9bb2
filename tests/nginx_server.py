"""The real nginx with the configuration that is delivered, and a plain client that sends paths as they are given."""

import http.client
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DELIVERED = Path(__file__).parents[1] / "deployments" / "nginx"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (apt-get install nginx)")

#: What readers refuse or misunderstand if it comes twice.
ONCE = (
    "access-control-allow-origin",
    "cache-control",
    "content-encoding",
    "content-range",
    "content-type",
    "etag",
)

_MAIN = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include site.conf;
}}
"""


@dataclass(frozen=True)
class Answer:
    """What came back: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cache(self) -> str:
        """What nginx did: MISS, HIT, UPDATING ...; empty in front of a folder."""
        return self.headers.get("x-cache-status", "")


@dataclass(frozen=True)
class Nginx:
    """A running nginx on loopback."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Send ``path`` untouched; header names are given with underscores."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            names = [name.lower() for name, _ in answer.getheaders()]
            for name in ONCE:
                assert names.count(name) <= 1, f"{path}: {name} came more than once"
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@contextmanager
def running(
    folder: Path, template: str, *, private: Mapping[str, str] | None = None, **settings: str
) -> Iterator[Nginx]:
    """Run nginx on a template with its PARCFERME settings filled in, as ``envsubst`` would do it.

    ``private`` are the files of ``parcferme/private``, by name.
    """
    port = _free_port()
    text = filled_in(template, LISTEN=f"127.0.0.1:{port}", **settings)
    folder.mkdir(parents=True)
    shutil.copytree(DELIVERED / "parcferme", folder / "parcferme")
    (folder / "parcferme" / "private").mkdir()
    for name, content in (private or {}).items():
        (folder / "parcferme" / "private" / name).write_text(content)
    (folder / "site.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_until_listening(port, process)
        yield Nginx(port, folder)
    finally:
        process.terminate()
        process.wait(timeout=20)


def filled_in(template: str, **settings: str) -> str:
    """Return a delivered template with its PARCFERME settings, as ``envsubst`` would do it."""
    text = (DELIVERED / template).read_text()
    for name, value in settings.items():
        text = text.replace(f"${{PARCFERME_{name}}}", value)
    assert "${PARCFERME_" not in text
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(2000):
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            try:
                process.wait(timeout=0.01)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise RuntimeError("nginx does not listen")
