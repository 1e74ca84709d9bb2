import gzip
import hashlib
from dataclasses import replace

import pytest
from msgspec import structs

from publish.encode.manifest import Manifest, ManifestObject
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.publication import publish_revision
from publish.revisions.gate import losses
from publish.revisions.latest import read_latest
from publish.revisions.quality import LapChart, Quality, read_quality
from publish.structs import decode_document, encode_document
from transforms.errors import QualityGateError

GOOD = Quality(
    9472,
    "A",
    lap_chart=LapChart(1000, 1000, 1.0),
    laps=1000,
    cars=20,
    median_coverage={"x_m": 0.99, "speed_kmh": 0.99},
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"grade": "C"}, "the grade falls from A to C"),
        ({"cars": 19}, "cars fall from 20 to 19"),
        ({"laps": 970}, "laps fall from 1000 to 970"),
        ({"median_coverage": {"x_m": 0.93, "speed_kmh": 0.99}}, "coordinates cover 93.0% instead of 99.0%"),
        ({"median_coverage": {"x_m": 0.99}}, "speed covers 0.0% instead of 99.0%"),
        ({"lap_chart": LapChart(1000, 980, 0.98)}, "the order agrees with the lap chart at 98.0% instead of 100.0%"),
    ],
)
def test_a_loss_beyond_the_limit_is_named(change: dict, words: str) -> None:
    assert losses(GOOD, structs.replace(GOOD, **change)) == [words]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"grade": "B"},
        {"cars": 21, "laps": 985},
        {"median_coverage": {"x_m": 0.95, "speed_kmh": 1.0}},
        {"lap_chart": LapChart(1000, 995, 0.995)},
        {"lap_chart": LapChart(0, 0, None)},
        {"lap_chart": None},
    ],
)
def test_less_than_the_limit_or_better_is_let_pass(change: dict) -> None:
    assert losses(GOOD, structs.replace(GOOD, **change)) == []


def test_a_bad_revision_may_always_be_replaced_by_a_better_one() -> None:
    assert losses(structs.replace(GOOD, grade="D", laps=10, median_coverage={}), GOOD) == []


def with_report(encoded: EncodedRevision, report: Quality, folder) -> EncodedRevision:
    """The revision with a quality report among its objects, and in its manifest."""
    data = gzip.compress(encode_document(report), mtime=0)
    path = folder / f"{encoded.revision}-quality.json.gz"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    quality = EncodedObject("quality.json.gz", "quality", path, len(data), sha256, sha256, "application/json", "gzip")
    manifest = decode_document(encoded.manifest, Manifest, "manifest")
    listed = ManifestObject(quality.path, "quality", len(data), sha256, "gzip")
    text = encode_document(structs.replace(manifest, files=(*manifest.files, listed)))
    return replace(encoded, manifest=text, objects=(*encoded.objects, quality))


def test_a_worse_revision_is_not_made_current_unless_forced(file_store, publishing, tmp_path) -> None:
    def publish(content: str, report: Quality, forced: bool = False) -> str:
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
    assert read_quality(file_store, 9472) == GOOD
    before = {row.key for row in file_store.list("")}
    with pytest.raises(QualityGateError, match=r"cars fall from 20 to 3.*The current one stays.*--force"):
        publish("two", structs.replace(GOOD, cars=3))
    assert read_latest(file_store, 9472).revision == first
    assert {row.key for row in file_store.list("")} == before
    forced = publish("two", structs.replace(GOOD, cars=3), forced=True)
    assert read_latest(file_store, 9472).revision == forced != first
