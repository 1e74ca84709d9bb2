import dataclasses
import gzip
import json

import numpy as np
import pyarrow as pa
import pytest
from session_data import CIRCUIT, IDENTITY_OF_SESSION, session_data, table, track

from publish.encode.documents import iso_utc, json_values, session_documents, track_document
from publish.encode.files import dump_json
from transforms.columns import TABLES
from transforms.drs_zones import DrsZone
from transforms.recording import Corner

ME = IDENTITY_OF_SESSION


@pytest.fixture(scope="module")
def data():
    return session_data(100, 2)


def test_a_table_becomes_objects_with_described_columns(data):
    laps = session_documents(ME, CIRCUIT, data)["laps"]
    assert laps["schema"] == "parcferme/laps/1" and laps["session_key"] == 9472
    assert [c["name"] for c in laps["columns"]] == [c.name for c in TABLES["laps"].columns]
    assert {"name": "start_ms", "unit": "ms (clock)", "description": "Start of the lap"} in laps["columns"]
    assert len(laps["rows"]) == 12
    first, fifth = laps["rows"][0], laps["rows"][4]
    assert list(first) == [c.name for c in TABLES["laps"].columns]
    assert (first["car"], first["lap"], first["tyre_fresh"], first["speed_i1_kmh"]) == ("text é 0", 0, True, 0.1)
    assert set(fifth.values()) == {None}


def test_json_values_are_short_and_plain():
    assert json_values(pa.chunked_array([pa.array([20.3, float("nan"), None, 1e-5], pa.float32())])) == [
        20.3,
        None,
        None,
        1e-5,
    ]
    moments = pa.chunked_array([pa.array([1_709_391_822_123, None, -1], pa.timestamp("ms", tz="UTC"))])
    assert json_values(moments) == ["2024-03-02T15:03:42.123Z", None, "1969-12-31T23:59:59.999Z"]
    assert json_values(pa.chunked_array([pa.array(["a", None, "a"]).dictionary_encode()])) == ["a", None, "a"]


def test_iso_utc_has_milliseconds():
    assert iso_utc(0) == "1970-01-01T00:00:00.000Z"
    assert iso_utc(1_709_391_822_007) == "2024-03-02T15:03:42.007Z"


def test_what_is_missing_is_not_published(data):
    tables = {name: value for name, value in data.tables.items() if name != "weather"}
    tables |= {name: table(name, 0) for name in ("race_control_messages", "mini_sectors")}
    documents = session_documents(ME, None, dataclasses.replace(data, tables=tables, track=None))
    assert sorted(documents) == ["laps", "quality", "results"]


def test_quality_is_the_report_with_identity_and_grade(data):
    quality = session_documents(ME, CIRCUIT, data)["quality"]
    assert quality == {**data.quality, "schema": "parcferme/quality/2", "session_key": 9472, "grade": "A"}
    json.loads(dump_json(quality))


def test_the_track_has_corners_at_their_distance():
    circuit = dataclasses.replace(
        CIRCUIT, marshal_sectors=(Corner(1, "", 0.0, 690.0, 0.0), Corner(2, "", 720.0, 0.0, 0.0))
    )
    made = track_document(track(), circuit, [DrsZone(4_000.04, 10.0)], 9472)
    quarter = track().length_m / 4
    # Corner 1 lies outside of the start, corner 2 on the outline a quarter around.
    assert [c["distance_m"] for c in made["corners"]] == [0.0, pytest.approx(quarter, abs=0.01)]
    assert [(c["number"], c["letter"]) for c in made["corners"]] == [(1, ""), (2, "A")]
    sectors = made["marshal_sectors"]
    assert [sector["number"] for sector in sectors] == [1, 2] and made["drs_zones_m"] == [[4000.0, 10.0]]
    assert [sector["distance_m"] for sector in sectors] == [pytest.approx(quarter, abs=1), 0.0]
    assert made["sectors_m"] == [1500.0, 3000.0] and made["rotation_deg"] == 92.0 and made["laps_used"] == 7
    for name, true_m in (("x", track().x_m), ("y", track().y_m), ("distance", track().distance_m)):
        steps = np.array(made[name])
        # The second number is a difference, all later ones are by how much it grows.
        values = np.cumsum(np.concatenate([steps[:1], np.cumsum(steps[1:])])) * made["scale"]
        assert values == pytest.approx(true_m, abs=0.05 + 1e-9)


def test_the_longest_track_is_small():
    at = np.linspace(0, 2 * np.pi, 3500, endpoint=False)
    bends = 1100 + 150 * np.sin(7 * at) + 40 * np.cos(19 * at)
    long = dataclasses.replace(
        track(), x_m=bends * np.cos(at), y_m=bends * np.sin(at), distance_m=np.arange(3500) * 2.0001
    )
    # A page waits for it before it shows a car.
    assert len(gzip.compress(dump_json(track_document(long, CIRCUIT, [], 9472)))) < 3_000


def test_a_track_without_marks_says_null():
    made = track_document(dataclasses.replace(track(), sector_m=None), None, [], 9472)
    assert made["sectors_m"] is made["rotation_deg"] is made["corners"] is made["marshal_sectors"] is None
