"""The recorded races against what is officially known of them."""

import gzip
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import fastf1
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fastf1.exceptions import DataNotLoadedError
from test_lost_laps import found, lose, numbers
from whole_tables import whole_tables
from zlib_ng import zlib_ng

from flows.upstream.client import Client
from publish.encode.parquet import write_table
from publish.encode.session import encode_session
from publish.readers.fastf1_frames import load
from transforms.columns import TABLES
from transforms.frames import STATES
from transforms.race_order import MINI_SECTORS
from transforms.recording import Recording, SessionIdentity
from transforms.session import SessionData, transform_session

Load = Callable[[int, int, str], Recording]
Transform = Callable[[int, int, str], SessionData]
pytestmark = pytest.mark.recorded

RACES = [(2024, 1, "R"), (2024, 8, "R"), (2018, 4, "R"), (2025, 6, "S")]


@pytest.mark.parametrize("race", RACES)
def test_the_order_agrees_with_the_lap_chart_at_every_crossing(transformed: Transform, race: tuple) -> None:
    """The first to ask for a race with telemetry, which is loaded for all who follow: 20 s and more."""
    chart = transformed(*race).quality["lap_chart"]
    assert isinstance(chart, dict)
    assert chart["crossings"] > 300 and chart["agree"] == chart["crossings"]


@pytest.mark.parametrize("race", [(2024, 1, "R"), (2024, 8, "R"), (2018, 4, "R")])
def test_the_last_frame_holds_the_official_order(recorded: Load, transformed: Transform, race: tuple) -> None:
    # No time penalty changed these three results.
    official = {r["car"]: r["position"] for r in recorded(*race).results.to_pylist()}
    frames = transformed(*race).frames
    assert {car: int(c.position[-1]) for car, c in frames.cars.items()} == official


def test_penalties_change_the_classification_but_not_the_order_across_the_line(transformed: Transform) -> None:
    data = transformed(2025, 6, "S")
    last = {car: int(c.position[-1]) for car, c in data.frames.cars.items()}
    results = {r["car"]: r["position"] for r in data.tables["results"].to_pylist()}
    # Verstappen crossed the line fourth and lost 10 s; Leclerc never reached the grid.
    assert last["1"] == 4 and results["1"] == 17
    assert last["16"] == 20
    assert (data.frames.cars["16"].state == STATES.index("out")).all()


def test_every_tick_has_each_position_once(transformed: Transform) -> None:
    frames = transformed(2024, 8, "R").frames
    positions = np.sort(np.stack([c.position for c in frames.cars.values()]), axis=0)
    assert (positions == np.arange(1, 21)[:, None]).all()


def test_gaps_at_the_flag_are_the_official_ones(recorded: Load, transformed: Transform) -> None:
    frames = transformed(2024, 1, "R").frames
    for row in recorded(2024, 1, "R").results.to_pylist():
        if row["position"] > 1 and row["time_ms"] is not None:
            gap = float(frames.cars[row["car"]].gap_s[-1])
            assert gap == pytest.approx(row["time_ms"] / 1000.0, abs=0.002)


def test_rows_have_the_older_backends_clock_and_values(transformed: Transform) -> None:
    rows = transformed(2024, 1, "R").rows
    assert rows is not None
    assert abs(rows.count - 139_957) <= 2
    middle = rows.block(69_978, 69_979)
    assert middle.t_s == pytest.approx(2799.12)
    verstappen = rows.codes.index("VER")
    assert middle.speed_kmh[0, verstappen] == round(153.825)
    # Both bend the path between samples, each its own way; the source is good to 0.1 m, which is 1 here.
    assert 10 * middle.x_m[0, verstappen] == pytest.approx(6374.7105, abs=0.5)


def test_a_retired_car_ends_out_below_the_field(transformed: Transform) -> None:
    frames = transformed(2024, 8, "R").frames
    for car in ("11", "20", "27", "31"):
        channels = frames.cars[car]
        assert STATES[channels.state[-1]] == "out" and channels.position[-1] > 16


def test_timing_without_telemetry_is_published_as_that(transformed: Transform) -> None:
    data = transformed(2018, 4, "R")
    assert data.capabilities["order"] and not data.capabilities["positions"]
    assert data.grade == "D" and data.track is None and data.rows is None
    assert all(np.isnan(c.x_m).all() for c in data.frames.cars.values())


def test_a_champion_listed_under_two_numbers_is_one_car(transformed: Transform) -> None:
    data = transformed(2025, 1, "Q")
    assert len(data.drivers) == 20 and "33" not in data.frames.cars
    result = next(r for r in data.tables["results"].to_pylist() if r["car"] == "1")
    assert result["position"] == 3
    last = {car: int(c.position[-1]) for car, c in data.frames.cars.items()}
    assert last["1"] == 3


def test_the_track_has_its_length_and_its_sectors(transformed: Transform) -> None:
    track = transformed(2024, 8, "R").track
    assert track is not None and track.sector_m is not None
    # Monaco is 3.337 km along its middle line; cars cut the corners.
    assert 3337 * 0.97 < track.length_m < 3337 * 1.01
    assert 0 < track.sector_m[0] < track.sector_m[1] < track.length_m


@pytest.mark.parametrize("race", RACES)
def test_no_lap_of_them_is_lost(transformed: Transform, race: tuple) -> None:
    kinds = {finding["kind"] for finding in transformed(*race).quality["rows"]}
    assert not kinds & {"laps_lost", "crossings_moved", "progress_wrong"}


def test_two_laps_lost_in_bahrain(recorded: Load, transformed: Transform) -> None:
    whole = transformed(2024, 1, "R")
    data = transform_session(lose(recorded(2024, 1, "R"), "1", (20, 21), starts_too=True))
    assert numbers(data, "1") == [n for n in range(1, 58) if n not in (20, 21)]
    assert data.quality["coverage"]["1"]["x_m"] >= whole.quality["coverage"]["1"]["x_m"]
    assert data.quality["lap_chart"]["agreement"] == 1.0 and data.frames.cars["1"].position[-1] == 1
    (row,) = found(data, "laps_lost")
    assert row["cause"].startswith("laps 20 and 21 not recorded")


def test_a_manifest_is_small_on_the_wire(
    recorded: Load, transformed: Transform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compressed as nginx does it by the delivered settings: 12,000 bytes for the longest race, with its ten row files.

    They are left out here: to encode them takes longer than all the rest, and a line of each is 60 bytes. So does it
    to compress well what the manifest lists.
    """
    compressobj = zlib_ng.compressobj
    monkeypatch.setattr(zlib_ng, "compressobj", lambda _level, *more: compressobj(1, *more))
    race = (2024, 8, "R")
    data = replace(transformed(*race), rows=None)
    made = encode_session(recorded(*race).identity, None, data, tmp_path, made_with={"parcferme": "0"})
    assert len(gzip.compress(made.manifest, 5)) <= 12_000 - 10 * 60


@pytest.mark.parametrize("session", [*RACES, (2025, 1, "Q"), (2024, 10, "Q")])
def test_null_is_only_where_it_is_said_what_it_means(transformed: Transform, session: tuple) -> None:
    for name, table in whole_tables(transformed(*session)).items():
        silent = {column.name for column in TABLES[name].columns if not column.null}
        assert {column for column in silent if table[column].null_count} == set(), name


def test_a_qualifying_is_classified_like_a_race(transformed: Transform) -> None:
    results = transformed(2025, 1, "Q").tables["results"].to_pylist()
    assert [row["classified"] for row in results] == [str(row["position"]) for row in results]
    assert len(results) == 20


def test_race_time_and_gap_are_apart(transformed: Transform) -> None:
    results = {row["car"]: row for row in transformed(2024, 1, "R").tables["results"].to_pylist()}
    assert (results["1"]["race_time_ms"], results["1"]["gap_ms"]) == (5_504_742, 0)
    assert (results["11"]["race_time_ms"], results["11"]["gap_ms"]) == (5_504_742 + 22_457, 22_457)
    # Their official time is not in the recording, though they finished on the winner's lap.
    assert results["14"]["gap_ms"] is None and results["14"]["gap_crossing_ms"] > 70_000
    assert (results["1"]["driver_id"], results["1"]["team_id"]) == ("max_verstappen", "red_bull")


@pytest.mark.parametrize("race", RACES)
def test_gaps_at_the_flag_are_in_the_table_of_intervals(transformed: Transform, race: tuple) -> None:
    tables = transformed(*race).tables
    results = {row["car"]: row for row in tables["results"].to_pylist()}
    most = max(row["laps"] for row in results.values())
    last = [r for r in tables["intervals"].to_pylist() if (r["lap"], r["mini_sector"]) == (most, MINI_SECTORS)]
    assert len(last) > 5
    for row in last:
        assert row["gap_ms"] == pytest.approx(results[row["car"]]["gap_crossing_ms"], abs=1)


def test_stops_of_bahrain(transformed: Transform) -> None:
    stops = transformed(2024, 1, "R").tables["pit_stops"].to_pylist()
    assert [row["lap"] for row in stops if row["driver"] == "VER"] == [17, 37]
    assert len(stops) == 43 and all(row["tyres_changed"] for row in stops)
    assert min(row["lane_time_ms"] for row in stops) > 20_000 and min(row["stationary_ms"] for row in stops) > 1_500


@pytest.mark.parametrize("session", [(2025, 1, "Q"), (2024, 10, "Q")])
def test_parts_of_a_qualifying_are_the_official_ones(transformed: Transform, session: tuple) -> None:
    tables = transformed(*session).tables
    found = {(row["car"], row["part"].lower()): row["lap_time_ms"] for row in tables["qualifying_segments"].to_pylist()}
    official = {
        (row["car"], f"q{n}"): row[f"q{n}_ms"]
        for row in tables["results"].to_pylist()
        for n in (1, 2, 3)
        if row[f"q{n}_ms"] is not None
    }
    assert {key: found.get(key) for key in official} == official and len(found) - len(official) <= 1


def test_places_of_the_circuit_are_along_it(transformed: Transform) -> None:
    tables = transformed(2024, 8, "R").tables
    assert [tables[name].num_rows for name in ("corners", "marshal_sectors", "marshal_lights")] == [19, 19, 19]
    along = tables["corners"]["lap_distance_m"].to_pylist()
    assert along == sorted(along)
    # From the harbour to Casino Square the road climbs some 40 m.
    (circuit,) = tables["circuits"].to_pylist()
    assert 35 < circuit["highest_m"] - circuit["lowest_m"] < 50


def test_temperatures_are_as_read(transformed: Transform) -> None:
    weather = transformed(2024, 1, "R").tables["weather"]
    assert all(round(value, 1) == value for value in weather["air_temp_c"].to_pylist())


#: Positions that cannot be are in no table.
TAKEN_OUT = tuple(f"position_{kind}" for kind in ("spike", "isolated", "frozen", "unconnected", "off_track"))
#: FastF1 has these and no table does; the page ``from_fastf1.md`` says so.
NOT_PUBLISHED = {"Source"}


@pytest.mark.parametrize("race", [*RACES, (2025, 1, "Q"), (2024, 10, "Q")])
def test_the_reader_gives_back_what_fastf1_has(
    offline_client: Client,
    recorded: Load,
    transformed: Transform,
    tmp_path: Path,
    race: tuple,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = transformed(*race)
    put_tables(tmp_path, recorded(*race).identity, data)
    read = load(str(tmp_path), *race)

    # FastF1 as it is.
    monkeypatch.setattr("flows.upstream.patches.telemetry_decoded", nullcontext)
    with offline_client.asking("the session"):
        session = fastf1.get_session(*race)
        session.load()
    assert read.t0_date == session.t0_date or (pd.isna(read.t0_date) and session.t0_date is None)
    check_same(read.laps, session.laps, "DriverNumber", "LapNumber")
    # A champion is listed under two numbers, drove one, and has his times under the other.
    driven = session.results[session.results["DriverNumber"].isin(read.results["DriverNumber"])]
    twice = driven["DriverNumber"].isin(["1"] if len(driven) < len(session.results) else [])
    drove_once = read.results["DriverNumber"].isin(driven["DriverNumber"][~twice])
    check_same(read.results[drove_once], driven[~twice], "DriverNumber")
    check_same(read.track_status, session.track_status, "Time")
    check_same(read.session_status, session.session_status, "Time")
    # Where the recording has none FastF1 has no such frame.
    with pytest.raises(DataNotLoadedError) if read.race_control_messages.empty else nullcontext():
        check_same(read.race_control_messages, session.race_control_messages, "Time")
    assert bool(read.car_data) == bool(read.pos_data) == data.capabilities["telemetry"]
    if read.car_data:
        check_same(read.weather_data, session.weather_data, "Time")
        assert read.car_data.keys() == read.pos_data.keys()
    for car, samples in read.car_data.items():
        # What cannot be, such as a throttle at 104 %, is null here.
        check_samples(samples, session.car_data[car], "RPM", "Speed", "nGear", "Throttle", "Brake", "DRS")
        known, positions = session.pos_data[car], read.pos_data[car]
        is_there = known["SessionTime"].isin(positions["SessionTime"])
        check_samples(positions, known[is_there], "X", "Y", "Z")
        # Where nobody knows where a car is FastF1 says 0, 0, 0; what else is not there the report counts.
        is_filled = (known[["X", "Y", "Z"]] == 0).all(axis=1)
        told = [row["value"] for kind in TAKEN_OUT for row in found(data, kind) if row["car"] == car]
        assert not (is_there & is_filled).any() and (~is_there & ~is_filled).sum() == sum(told)


def put_tables(root: Path, identity: SessionIdentity, data: SessionData) -> None:
    """Put a session's tables where the reader looks for them, without all else that is published."""
    session = {"code": identity.code, "manifest": "v1/manifest.json"}
    season = {"events": [{"round": identity.round, "name": identity.event, "sessions": [session]}]}
    (root / "v1" / "seasons").mkdir(parents=True)
    (root / "v1" / "seasons" / f"{identity.year}.json").write_text(json.dumps(season))
    for name, table in whole_tables(data).items():
        written = write_table(name, table, identity, root / "v1")
        assert pq.ParquetFile(written.file).metadata.serialized_size <= 60_000, (
            "whoever reads over HTTP reads that first"
        )


def check_samples(read: pd.DataFrame, known: pd.DataFrame, *channels: str) -> None:
    """Samples are FastF1's where they are not null."""
    known = known.reset_index(drop=True)
    for name in channels:
        known[name] = known[name].astype(float).mask(read[name].isna())
    check_same(read, known, "SessionTime")


def check_same(read: pd.DataFrame, known: pd.DataFrame, *order: str) -> None:
    """Every column of FastF1's is there with its values; texts nobody has are null, and ``''`` or ``None`` there."""
    assert set(known.columns) - set(read.columns) <= NOT_PUBLISHED
    assert len(read) == len(known)
    read, known = (frame.sort_values(list(order), kind="stable", ignore_index=True) for frame in (read, known))
    for name in set(known.columns) & set(read.columns):
        ours, theirs = read[name], known[name]
        if name == "ClassifiedPosition":
            # Of a qualifying FastF1 makes numbers of it: 1.0.
            theirs = theirs.astype(str).str.removesuffix(".0").replace({"nan": "None"})
        if name == "TeamColor":
            theirs = theirs.str.upper()  # it comes in both cases
        if theirs.dtype == object:
            # Reasons for deleted laps have trailing blanks upstream, messages of race control also leading ones.
            ours, theirs = (
                column.astype(str).str.strip().replace({"None": "", "nan": ""}) for column in (ours, theirs)
            )
        elif theirs.dtype.kind in "fi":
            ours, theirs = ours.astype(float), theirs.astype(float)
        pd.testing.assert_series_equal(ours, theirs, check_dtype=theirs.dtype != object, atol=1e-4, obj=name)
