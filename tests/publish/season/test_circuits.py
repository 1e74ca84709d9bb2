"""The circuits of a season in one document: those of what its index names, whoever publishes beside whom."""

import dataclasses
import gzip
import json

import numpy as np
import pytest
from fault_store import WatchedStore
from memory_store import MemoryStore
from msgspec.structs import replace

from publish import keys
from publish.contract.heal import heal_store
from publish.contract.verify import verify_store
from publish.encode.channels import differences_of
from publish.publication import finish_publication, publish_revision, roll_back
from publish.season.circuits import Circuits, follow_circuits
from publish.season.index import RootIndex
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from publish.structs import encode_document

KEY = "v1/circuits/2024.json"
ROUND_BY_NAME = {"Bahrain Grand Prix": 1, "Saudi Arabian Grand Prix": 2}


@pytest.fixture
def store(publishing) -> MemoryStore:
    return MemoryStore(lambda: publishing.now)


def rectangle(wide_m: int) -> bytes:
    """A track of `wide_m` by 500 metres, as published: a point every two metres."""
    along, up = np.arange(0, wide_m, 2), np.arange(0, 500, 2)
    x = np.concatenate([along, np.full(len(up), wide_m), wide_m - along, np.zeros(len(up), int)])
    y = np.concatenate([np.zeros(len(along), int), up, np.full(len(along), 500), 500 - up])
    steps = [differences_of((one * 10).astype(np.int32), np.zeros(len(one), bool), 2).tolist() for one in (x, y)]
    track = {"schema": "parcferme/track/2", "scale": 0.1, "x": steps[0], "y": steps[1], "rotation_deg": 92.0}
    return gzip.compress(json.dumps(track).encode(), mtime=0)


def publish(store: Store, publishing, wide_m: int, session_key: int = 9472, code: str = "R") -> str:
    event = "Bahrain Grand Prix" if session_key < 9480 else "Saudi Arabian Grand Prix"
    identity = publishing.identity(session_key, ROUND_BY_NAME[event], code, event)
    paths = (*publishing.paths, "track.json.gz")
    encoded = publishing.revision(str(wide_m), session_key=session_key, paths=paths)
    encoded = publishing.with_files(encoded, {"track.json.gz": rectangle(wide_m)})
    summary = dataclasses.replace(publishing.summary, capabilities={"track": True})
    return publish_revision(store, encoded, identity, summary=summary, now=publishing.now).revision


def shown(store: Store) -> dict[int, int]:
    """How wide the circuits are, by session."""
    document = read_document(store, KEY, Circuits)
    return {one.session_key: max(one.x) - min(one.x) for one in document.circuits} if document else {}


def test_each_weekend_has_the_circuit_of_its_last_session(store, publishing) -> None:
    publish(store, publishing, 1000, 9471, "Q")
    publish(store, publishing, 3000, 9480)
    publish(store, publishing, 2000, 9472)
    assert shown(store) == {9472: 2000, 9480: 3000}
    document = read_document(store, KEY, Circuits)
    points = zip(document.circuits[0].x, document.circuits[0].y, strict=True)
    assert list(points) == [(0, 0), (2000, 0), (2000, 500), (0, 500)]
    assert document.circuits[0].rotation_deg == 92
    assert read_document(store, keys.INDEX, RootIndex).links["circuits_2024"] == KEY
    watched = WatchedStore(store)
    assert not follow_circuits(watched, 2024)
    assert [request for request, _ in watched.requests] == ["read"] * 3
    assert verify_store(store).is_good


def test_it_follows_a_rollback_and_a_revision_whose_publisher_died(store, publishing) -> None:
    first = publish(store, publishing, 1000)
    before = store.read(KEY)
    publish(store, publishing, 2000)
    assert shown(store) == {9472: 2000}
    roll_back(store, 9472, first, now=publishing.now)
    assert shown(store) == {9472: 1000} and store.read(KEY).etag != before.etag
    store.write(KEY, before.data.replace(first.encode(), b"0" * 16))
    assert KEY in {finding.key for finding in verify_store(store).findings}
    finish_publication(store, 9472, publishing.now)
    assert shown(store) == {9472: 1000} and verify_store(store).is_good


def test_heal_makes_anew_what_is_wrong_in_it_and_links_it(store, publishing) -> None:
    publish(store, publishing, 1000)
    document = read_document(store, KEY, Circuits)
    (circuit,) = document.circuits
    wrong = replace(document, circuits=(replace(circuit, x=(1,), y=(1,)),))
    store.write(KEY, encode_document(wrong))
    root = read_document(store, keys.INDEX, RootIndex)
    links = {name: link for name, link in root.links.items() if name != "circuits_2024"}
    store.write(keys.INDEX, encode_document(replace(root, links=links)))
    assert [finding.key for finding in verify_store(store).findings] == [keys.INDEX]
    assert {KEY, keys.INDEX} <= {finding.key for finding in verify_store(store, deep=True).findings}
    heal_store(store, publishing.now)
    assert shown(store) == {9472: 1000} and verify_store(store).is_good
    assert read_document(store, KEY, Circuits).serial == document.serial + 1


def test_a_lost_outline_leaves_the_others(store, publishing, caplog) -> None:
    revision = publish(store, publishing, 1000)
    publish(store, publishing, 3000, 9480)
    store.delete(keys.revision_object(9472, revision, "track.json.gz"))
    follow_circuits(store, 2024, doubting=True)
    assert shown(store) == {9480: 3000} and "session 9472 is left out" in caplog.text
