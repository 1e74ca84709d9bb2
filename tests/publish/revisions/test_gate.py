import gzip
import hashlib
from dataclasses import replace

import orjson
import pytest

from publish.encode.objects import EncodedObject, EncodedRevision
from publish.publication import publish_revision
from publish.revisions.gate import losses, read_current_report
from publish.revisions.latest import read_latest
from transforms.errors import QualityGateError

GOOD = {
    "grade": "A",
    "cars": 20,
    "laps": 1000,
    "median_coverage": {"x_m": 0.99, "speed_kmh": 0.99},
    "lap_chart": {"agreement": 1.0},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"grade": "C"}, "the grade falls from A to C"),
        ({"cars": 19}, "cars fall from 20 to 19"),
        ({"laps": 970}, "laps fall from 1000 to 970"),
        ({"median_coverage": {"x_m": 0.93, "speed_kmh": 0.99}}, "coordinates cover 93.0% instead of 99.0%"),
        ({"median_coverage": {"x_m": 0.99}}, "speed cover 0.0% instead of 99.0%"),
        ({"lap_chart": {"agreement": 0.98}}, "the order agrees with the lap chart at 98.0% instead of 100.0%"),
    ],
)
def test_a_loss_beyond_the_limit_is_named(change: dict, words: str) -> None:
    assert losses(GOOD, GOOD | change) == [words]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"grade": "B"},
        {"cars": 21, "laps": 985},
        {"median_coverage": {"x_m": 0.95, "speed_kmh": 1.0}},
        {"lap_chart": {"agreement": 0.995}},
        {"lap_chart": {"agreement": None}},
    ],
)
def test_less_than_the_limit_or_better_is_let_pass(change: dict) -> None:
    assert losses(GOOD, GOOD | change) == []


def test_a_bad_revision_may_always_be_replaced_by_a_better_one() -> None:
    assert losses(GOOD | {"grade": "D", "laps": 10, "median_coverage": {}}, GOOD) == []


def with_report(encoded: EncodedRevision, report: dict, folder) -> EncodedRevision:
    """The revision with a quality report among its objects, and in its manifest."""
    data = gzip.compress(orjson.dumps(report), mtime=0)
    path = folder / f"{encoded.revision}-quality.json.gz"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    quality = EncodedObject("quality.json.gz", "quality", path, len(data), sha256, sha256, "application/json", "gzip")
    manifest = orjson.loads(encoded.manifest)
    manifest["objects"].append(
        {"path": quality.path, "kind": "quality", "bytes": len(data), "sha256": sha256, "content_encoding": "gzip"}
    )
    return replace(encoded, manifest=orjson.dumps(manifest), objects=(*encoded.objects, quality))


def test_a_worse_revision_is_not_made_current_unless_forced(file_store, publishing, tmp_path) -> None:
    def publish(content: str, report: dict, forced: bool = False) -> str:
        encoded = with_report(publishing.revision(content), report, tmp_path)
        publish_revision(
            file_store,
            encoded,
            publishing.identity(),
            summary=publishing.summary,
            now=publishing.now,
            forced=forced,
        )
        return encoded.revision

    first = publish("one", GOOD)
    assert read_current_report(file_store, 9472) == GOOD
    before = {row.key for row in file_store.list("")}
    with pytest.raises(QualityGateError, match=r"cars fall from 20 to 3.*The current one stays.*--force"):
        publish("two", GOOD | {"cars": 3})
    assert read_latest(file_store, 9472).revision == first
    assert {row.key for row in file_store.list("")} == before
    forced = publish("two", GOOD | {"cars": 3}, forced=True)
    assert read_latest(file_store, 9472).revision == forced != first
