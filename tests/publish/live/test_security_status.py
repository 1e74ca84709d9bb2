"""The public status document tells what went wrong without telling where on the machine."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publish.live.status import ERROR, Status, public_text, write_status
from publish.stores.shared_documents import read_document


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("Delete /home/max/.cache/parcferme/2024 so that", "Delete (local path) so that"),
        ("Cannot write /srv/site/v1/a.json: No space left.", "Cannot write (local path): No space left."),
        ("[Errno 2] No such file: '/home/max v/a b.json'", "[Errno 2] No such file: (local path)"),
        ("in file:///home/max/site. Run again.", "in (local path). Run again."),
        ("see ~/site (or /etc/hosts).", "see (local path) (or (local path))."),
        ("C:\\data is none, 'C:\\data\\a' is", "C:\\data is none, (local path) is"),
    ],
)
def test_paths_are_taken_out(private, public):
    assert public_text(private) == public


@pytest.mark.parametrize(
    "text",
    [
        "Published 0123456789abcdef",
        "250 of 300 objects, 1/2, 300 km/h, and/or",
        "Ask https://api.example.org/v1/x?a=b for v1/sessions/9472/latest.json in s3://bucket/prefix",
        "the grade falls from A to C; coordinates cover 0.0% / 100%",
    ],
)
def test_everything_else_stays(text):
    assert public_text(text) == text


def test_known_folders_may_have_spaces(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/mnt/big disk/tmp")
    monkeypatch.setenv("HOME", "/home/max verstappen")
    text = f"Cannot write /mnt/big disk/tmp/spool/a and {Path.home()}/x"
    assert public_text(text) == "Cannot write (local path) and (local path)"


def test_status_documents_hold_no_path(file_store, tmp_path):
    moment = datetime(2024, 3, 2, 18, 0, tzinfo=UTC)
    error = f"Cannot write {file_store.root}/v1/a.json: No space left on device. Free some space."
    status = Status(
        type=ERROR,
        state="Failed",
        progress=10,
        message=f"Working in {tmp_path}",
        flow_run_id="run",
        flow_run_name="clever-fox",
        started_at=moment,
        updated_at=moment,
        error=error,
    )
    write_status(file_store, 2024, 1, "R", status)
    document = read_document(file_store, "v1/status/2024/1/R.json", dict)
    assert document["message"] == "Working in (local path)"
    assert document["error"] == "Cannot write (local path): No space left on device. Free some space."
