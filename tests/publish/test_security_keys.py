"""Whatever an upstream calls its events, sessions, cars and tyres: names in the store are made of numbers."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fault_store import check_readers_view
from session_data import CIRCUIT, IDENTITY_OF_SESSION, replay, session_data

from publish import keys
from publish.encode.session import encode_session
from publish.live.status import COMPLETE, Status, write_status
from publish.publication import publish_revision
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from publish.structs import decode_document
from transforms.errors import PublicationError

HOSTILE = [
    "../../../../etc/passwd",
    "/etc/cron.d/x",
    "a/b\\c",
    "..",
    ".hidden",
    "São Paulo Grand Prix",
    "日本グランプリ",
    "nul\0byte and \n newline",
    "%2e%2e%2f",
    "x" * 5000,
    "<script>alert(1)</script>",
    "$(rm -rf /) `id` ; '",
    "",
]
_PLAIN = re.compile(
    r"index\.json|v1/(seasons|files)/2024\.json|v1/changes\.(json|atom)"
    r"|v1/sessions/9472/(latest\.json|[0-9a-f]{16}-[0-9a-f]{8}/[a-z0-9_/]+(\.json|\.json\.gz|\.parquet))"
    r"|v1/parquet/[a-z_]+/2024/9472\.parquet|telemetry/2024/1/skip_[0-9]+\.json\.gz"
    r"|v1/csv/[a-z_]+/2024/9472\.csv\.gz|v1/csv/season/[a-z_]+/2024\.csv\.gz|v1/csv/all/[a-z_]+\.csv\.gz"
    r"|v1/parquet/season/[a-z_]+/2024\.parquet|v1/parquet/all/[a-z_]+\.parquet"
)


def _everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("store_name", ["file_store", "moto_store"])
def test_event_names_never_reach_a_key(request, publishing, tmp_path, store_name):
    store: Store = request.getfixturevalue(store_name)
    for name in HOSTILE if store_name == "file_store" else HOSTILE[:4]:
        identity = replace(
            publishing.identity(),
            event=name,
            official_event=name,
            country=name,
            location=name,
            circuit=name,
            name=name,
        )
        publish_revision(store, publishing.revision("one"), identity, summary=publishing.summary, now=publishing.now)
        latest = read_document(store, keys.latest(9472), dict)
        assert latest is not None and latest["event"] == name
        check_readers_view(store)
        assert [row.key for row in store.list("") if not _PLAIN.fullmatch(row.key)] == []
    outside = {path for path in _everything_below(tmp_path) if not path.startswith(("encoded/", "site/"))}
    assert outside == set()


def test_names_of_cars_and_drivers_never_reach_a_file_name(tmp_path):
    data = session_data(200, 3)
    strange = ["../1", "/etc/passwd", "C:\\1"]
    renamed = [
        replace(driver, number=number, code=number, first_name=number, last_name=number, team=number)
        for driver, number in zip(data.drivers, strange, strict=True)
    ]
    frames = replace(
        data.frames,
        cars=dict(zip(strange, data.frames.cars.values(), strict=True)),
    )
    spool = tmp_path / "spool"
    spool.mkdir()
    hostile = replace(data, drivers=tuple(renamed), frames=frames, replay=replay(frames))
    encoded = encode_session(
        replace(IDENTITY_OF_SESSION, event="../..", circuit="../.."), CIRCUIT, hostile, spool, made_with={}
    )
    assert {path.split("/")[0] for path in _everything_below(tmp_path)} == {"spool"}
    for item in encoded.objects:
        assert re.fullmatch(r"[a-z0-9_/]+\.(json\.gz|parquet)", item.path)
        assert keys.is_key(keys.revision_object(9472, encoded.revision, item.path))
    assert [driver["number"] for driver in decode_document(encoded.manifest, dict, "manifest")["drivers"]] == strange


@pytest.mark.parametrize("code", ["../R", "R/../../x", "r", "", "R.json", "R\0", "FP4", "a/b"])
def test_session_codes_are_those_there_are(file_store, publishing, code):
    with pytest.raises(PublicationError, match="is not a session"):
        keys.status(2024, 1, code)
    status = Status(
        type=COMPLETE,
        state="Completed",
        progress=100,
        message="",
        flow_run_id="run",
        flow_run_name="fox",
        started_at=publishing.now,
        updated_at=publishing.now,
        error=None,
    )
    with pytest.raises(PublicationError, match="is not a session"):
        write_status(file_store, 2024, 1, code, status)
    assert list(file_store.list("")) == []


@pytest.mark.parametrize("revision", ["../../../9999/0123456789abcdef", "", "0123456789ABCDEF", "0123456789abcde", "."])
def test_revisions_are_hashes(revision):
    with pytest.raises(PublicationError, match="is not a revision"):
        keys.manifest(9472, revision)


@pytest.mark.parametrize("number", ["../1", "1", 1.5, None])
def test_numbers_are_numbers(number):
    for make in (
        lambda: keys.latest(number),
        lambda: keys.season(number),
        lambda: keys.status(number, 1, "R"),
        lambda: keys.rows_copy(2024, number, 1),
        lambda: keys.table_copy("laps", number, 9472),
    ):
        with pytest.raises((ValueError, TypeError)):
            make()
    assert keys.latest(np.int64(9472)) == "v1/sessions/9472/latest.json"


def test_no_store_takes_a_key_that_leads_elsewhere(file_store, moto_store, local_file):
    path, sha256 = local_file(b"x")
    names = ("../secret", "v1/../../secret", "v1//a", "v1/.lock", "a\0b", "a" * 901, "v1/ä", "v1/a?x")
    for store, name in itertools.product((file_store, moto_store), names):
        for attempt in (
            lambda store=store, name=name: store.head(name),
            lambda store=store, name=name: store.delete(name),
            lambda store=store, name=name: store.upload_file(name, path, sha256),
            lambda store=store, name=name: store.copy(name, "v1/a.json", sha256),
            lambda store=store, name=name: store.copy("v1/a.json", name, sha256),
            lambda store=store, name=name: list(store.list(name + "/")),
        ):
            with pytest.raises(PublicationError):
                attempt()
        assert list(store.list("")) == []
