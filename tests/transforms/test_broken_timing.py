"""Timing with holes and contradictions, at random: whatever comes, the frames keep what makes them an order at all."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sample_sessions import sample_recording

from transforms.recording import Recording
from transforms.session import SessionData, transform_session


@pytest.fixture(scope="module", params=["S", "SQ"])
def recording(request: pytest.FixtureRequest, sample_cache: Path) -> Recording:
    return sample_recording(sample_cache, 2, request.param)


def with_nulls(table: pa.Table, columns: list[str], share: float, random: np.random.Generator) -> pa.Table:
    for name in columns:
        index = table.schema.get_field_index(name)
        lost = random.random(table.num_rows) < share
        values = [None if gone else value for value, gone in zip(table[name].to_pylist(), lost, strict=True)]
        field = table.schema.field(index)
        table = table.set_column(index, field, pa.array(values, field.type))
    return table


def with_wrong_ends(laps: pa.Table, random: np.random.Generator) -> pa.Table:
    index = laps.schema.get_field_index("end_ms")
    wrong = np.where(random.random(laps.num_rows) < 0.1, random.normal(0, 60_000, laps.num_rows), 0)
    ends = [
        None if end is None else end + int(error) for end, error in zip(laps["end_ms"].to_pylist(), wrong, strict=True)
    ]
    return laps.set_column(index, laps.schema.field(index), pa.array(ends, pa.int64()))


def with_samples(recording: Recording, keep: Callable[[int], np.ndarray]) -> Recording:
    """The recording with those samples of every feed that ``keep`` chooses of so many."""

    def kept(samples: Any) -> Any:
        chosen = keep(len(samples.time_ms))
        values = {field.name: getattr(samples, field.name) for field in fields(samples)}
        return replace(samples, **{name: None if v is None else v[chosen] for name, v in values.items()})

    return replace(
        recording,
        positions={n: kept(samples) for n, samples in recording.positions.items()},
        cars={n: kept(samples) for n, samples in recording.cars.items()},
    )


FAULTS = {
    "laps lost": lambda r, random: replace(r, laps=r.laps.filter(pa.array(random.random(r.laps.num_rows) > 0.2))),
    "ends lost": lambda r, random: replace(r, laps=with_nulls(r.laps, ["end_ms"], 0.2, random)),
    "ends wrong": lambda r, random: replace(r, laps=with_wrong_ends(r.laps, random)),
    "starts lost": lambda r, random: replace(r, laps=with_nulls(r.laps, ["start_ms"], 0.3, random)),
    "pit visits lost": lambda r, random: replace(r, laps=with_nulls(r.laps, ["pit_in_ms", "pit_out_ms"], 0.5, random)),
    "tyres lost": lambda r, random: replace(r, laps=with_nulls(r.laps, ["stint", "compound", "lap"], 0.2, random)),
    "laps twice": lambda r, random: replace(
        r, laps=pa.concat_tables([r.laps, r.laps.filter(pa.array(random.random(r.laps.num_rows) > 0.8))])
    ),
    "no results": lambda r, random: replace(r, results=r.results.slice(0, 0)),
    "results thin": lambda r, random: replace(
        r, results=with_nulls(r.results, ["grid", "position", "laps", "status"], 0.5, random)
    ),
    "no statuses": lambda r, random: replace(
        r, track_status=r.track_status.slice(0, 0), session_status=r.session_status.slice(0, 0), start_ms=None
    ),
    "cars unlisted": lambda r, random: replace(r, drivers=r.drivers[4:]),
    "feeds lost": lambda r, random: replace(
        r,
        positions={n: p for n, p in r.positions.items() if random.random() > 0.5},
        cars={n: c for n, c in r.cars.items() if random.random() > 0.5},
    ),
    "feeds all but empty": lambda r, random: with_samples(r, lambda n: np.arange(min(n, random.integers(0, 3)))),
    "feeds out of order, with holes": lambda r, random: with_samples(r, lambda n: random.permutation(n)[: n // 3]),
    "no timing": lambda r, random: replace(r, laps=r.laps.slice(0, 0)),
}


def check_places(places: np.ndarray) -> None:
    """Every tick has each place once, from the first on; who has none (-1) leaves no gap."""
    ordered = np.sort(np.where(places < 0, 127, places), axis=0)
    wanted = np.arange(1, len(places) + 1)[:, None]
    assert ((ordered == wanted) | (ordered == 127)).all()


def check_frames(data: SessionData) -> None:
    cars = data.frames.cars
    places = np.sort(np.stack([car.position for car in cars.values()]), axis=0)
    # Cars without a place are sorted first; the others have every place once.
    expected = np.arange(1, len(cars) + 1)[:, None] - (places < 0).sum(axis=0)
    assert (places == np.where(expected > 0, expected, -1)).all()
    for car in cars.values():
        assert not (car.gap_s < 0).any() and not (car.interval_s < 0).any()
        assert (np.diff(car.lap.astype(int)) >= 0).all()
        assert car.state.min() >= 0
        for name in ("x_m", "y_m", "speed_kmh", "gap_s", "lap_distance_m"):
            assert not np.isinf(getattr(car, name)).any()
    assert data.grade in "ABCDF"


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(recording: Recording, fault: str) -> None:
    check_frames(transform_session(FAULTS[fault](recording, np.random.default_rng(7))))


@pytest.mark.parametrize("seed", range(4))
def test_several_faults_at_once(recording: Recording, seed: int) -> None:
    random = np.random.default_rng(seed)
    broken = recording
    for fault in random.choice([f for f in FAULTS if f != "no timing"], 4, replace=False):
        broken = FAULTS[fault](broken, random)
    check_frames(transform_session(broken))
