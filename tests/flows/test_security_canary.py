"""Nothing private comes out: no credential anywhere, nothing of the machine in what is public.

Every private value holds the word ``canary``: the secrets, the user, home, working, cache and temporary folders.
"""

import gzip
import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from prefect_servers import PATIENCE_S

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR

CANARY = "canary"
BUCKET = "published"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY1234",
    "AWS_SECRET_ACCESS_KEY": "canary/secret+key0123456789",
    "AWS_SESSION_TOKEN": "canary-token-0123456789",
    "F1_USERNAME": "canary@example.org",
    "F1_PASSWORD": "canary-password",
}


@dataclass(frozen=True)
class Machine:
    """A machine on which everything private says so, with a bucket to publish to."""

    environment: dict[str, str]
    folder: Path
    client: Any

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=400,
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, sample_cache: Path, prefect_server: str) -> Iterator[Machine]:
    base = tmp_path_factory.mktemp("canary-machine")
    folders = {name: base / f"canary-{name}" for name in ("home", "work", "tmp")}
    for folder in folders.values():
        folder.mkdir()
    (base / "canary-cache").symlink_to(sample_cache)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "F1_"))} | {
        **SECRETS,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["tmp"]),
        "USER": "canary-user",
        "LOGNAME": "canary-user",
        "PARCFERME_CACHE_DIR": str(base / "canary-cache"),
        "PARCFERME_OFFLINE": "1",
        "PARCFERME_NOW": SAMPLE_NOW_UTC.isoformat(),
        "PARCFERME_DESTINATION": f"s3://{BUCKET}/f1",
        "PREFECT_API_URL": prefect_server,
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    try:
        yield Machine(environment, folders["work"], client)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def published(machine: Machine) -> subprocess.CompletedProcess[str]:
    ended = machine.run("--verbose", "publish", str(SAMPLE_YEAR), "1", "FP1")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def _secrets_in(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret in text]


def _objects(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield every published object's key and all the text there is in it and its headers."""
    pages = machine.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    for key in [entry["Key"] for page in pages for entry in page.get("Contents", ())]:
        answer = machine.client.get_object(Bucket=BUCKET, Key=key)
        data = answer["Body"].read()
        if key.endswith(".gz"):
            data = gzip.decompress(data)
        text = data.decode("utf-8", "replace")
        if key.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(data))
            words = {str(value) for column in table.columns if column.type == "string" for value in column.unique()}
            text += f"{table.schema.metadata} {pq.read_metadata(io.BytesIO(data))} {sorted(words)}"
        yield key, f"{text} {answer['Metadata']} {answer['ResponseMetadata']['HTTPHeaders']}"


def _orchestrator_texts(prefect_server: str) -> Iterator[tuple[str, str]]:
    """Yield everything Prefect keeps: runs with their parameters and states, logs, artifacts."""
    with httpx.Client(base_url=prefect_server, timeout=PATIENCE_S) as client:
        for what in ("flow_runs", "task_runs", "artifacts", "logs", "flows", "deployments", "variables"):
            offset = 0
            while (
                rows := client.post(f"/{what}/filter", json={"offset": offset, "limit": 200}).raise_for_status().json()
            ):
                yield what, json.dumps(rows, ensure_ascii=False)
                offset += len(rows)


def test_no_credential_in_output_objects_or_orchestrator(
    machine: Machine, published: subprocess.CompletedProcess[str], prefect_server: str
) -> None:
    assert _secrets_in(published.stdout + published.stderr) == []
    objects = dict(_objects(machine))
    assert len(objects) > 20
    assert {key: found for key, text in objects.items() if (found := _secrets_in(text))} == {}
    texts = list(_orchestrator_texts(prefect_server))
    assert any(f"{SAMPLE_YEAR}" in text for what, text in texts if what == "logs")
    assert [(what, found) for what, text in texts if (found := _secrets_in(text))] == []


def test_nothing_of_the_machine_in_what_is_public(
    machine: Machine, published: subprocess.CompletedProcess[str], prefect_server: str
) -> None:
    private = [CANARY, socket.gethostname(), str(Path.cwd()), sys.prefix, prefect_server]
    for key, text in _objects(machine):
        assert [word for word in private if len(word) > 3 and word in text] == [], key


def test_a_failing_run_gives_no_credential_away(machine: Machine) -> None:
    ended = machine.run("--verbose", "publish", str(SAMPLE_YEAR), "1", "FP1", PARCFERME_DESTINATION="s3://no-such-one")
    assert ended.returncode == 2
    assert "does not exist" in ended.stderr
    assert _secrets_in(ended.stdout + ended.stderr) == []


class _Refusing(BaseHTTPRequestHandler):
    """Answers everything with a refusal that repeats the request's credentials, as a careless server may."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        given = f"{self.headers.get('Authorization')} {self.headers.get('x-amz-security-token')} {SECRETS}"
        body = f"<Error><Code>AccessDenied</Code><Message>{given}</Message></Error>".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def refusing_endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://canary-user:canary-password@127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_refused_command_gives_no_credential_away(machine: Machine, refusing_endpoint: str) -> None:
    arguments = ("--verbose", "publish", str(SAMPLE_YEAR), "1", "FP1")
    ended = machine.run(*arguments, AWS_ENDPOINT_URL=refusing_endpoint)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "access denied" in " ".join(ended.stderr.split())
    assert _secrets_in(ended.stdout + ended.stderr) == []


def test_a_refused_run_gives_no_credential_away(
    machine: Machine, prefect_server: str, refusing_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.logging.handlers import APILogWorker

    from flows.session.flow import publish_session

    for name, value in machine.environment.items():
        if name.startswith(("AWS_", "F1_", "PARCFERME_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing_endpoint)
    state = publish_session(SAMPLE_YEAR, "1", "FP1", return_state=True)
    assert state.is_failed()
    assert "access denied" in str(state.message)
    assert _secrets_in(str(state)) == []
    APILogWorker.drain_all(timeout=60)
    texts = list(_orchestrator_texts(prefect_server))
    assert any("The role needs s3:" in text for what, text in texts if what == "logs")
    assert [(what, found) for what, text in texts if (found := _secrets_in(text))] == []
